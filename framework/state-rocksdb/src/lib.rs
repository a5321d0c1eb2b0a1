//! Durable state: [`plume_state::Backend`] on RocksDB.
//!
//! `README.md` is the specification: layout, durability, pruning, checkpoints, what is refused. In short: a writer thread
//! gathers committed blocks and gives each group to RocksDB in one atomic step; everything that the node reports as
//! durable survives SIGKILL and loss of power, and the engine replays what came after.

#![expect(
    clippy::disallowed_methods,
    reason = "a thread of its own makes blocks durable; nothing here reaches the app hash, and `ok` turns only parse errors into `None`"
)]

mod backend;
mod checkpoint;
mod config;
mod error;
pub mod failpoint;
mod filter;
mod group;
mod identity;
mod keys;
mod open;
mod reads;
mod records;
mod restore;
mod rollback;
mod writer;

pub use backend::RocksBackend;
pub use config::Config;
pub use error::OpenError;
pub use identity::FORMAT;
