#![doc = include_str!("../README.md")]

pub mod balances;
pub mod chain;
pub mod end_to_end;
pub mod flame;
pub mod folder;
pub mod machine;
pub mod queries;
pub mod report;
pub mod result;
pub mod soak;
pub mod state;
pub mod system;
