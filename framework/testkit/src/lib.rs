#![doc = include_str!("../README.md")]

mod blocks;
mod determinism;
mod rng;
mod schedule;
mod signer;
mod simulation;
mod tx;
mod world;

pub use blocks::Blocks;
pub use determinism::TwoExecutors;
pub use rng::Rng;
pub use schedule::{NoMsgs, ScheduledValidators};
pub use signer::Signer;
pub use simulation::{Operation, Simulation};
pub use tx::TxDraft;
pub use world::{Outcome, World};
