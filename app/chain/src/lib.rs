#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::panic
    )
)]

mod block;
mod chain;
mod check;
mod config;
mod consensus;
mod export;
mod genesis;
mod lookup;
mod machine;
mod modules;
mod proposal;
mod query;
mod reader;
mod records;
mod retention;
mod simulate;
mod snapshots;
mod tip;
mod tx;

pub use chain::Chain;
pub use config::{ChainConfig, SnapshotConfig};
pub use modules::{Catalogue, plume_bank, plume_modules, plume_modules_with, stores};
pub use reader::ChainReader;
pub use snapshots::{AddedSnapshot, LocalSnapshot, LocalSnapshots, SnapshotError};
