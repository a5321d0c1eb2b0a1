//! Blocks, results and their index on disk.
//!
//! [`BlockStore`] keeps what a node has decided: blocks, commits, results, validators and parameters by height, the chain's
//! state and the engine's cursor, written together in one synced step per block, and an index to search transactions and
//! blocks by their events. `README.md` is the specification: layout, durability, pruning, search.

mod bootstrap;
mod error;
mod index;
mod open;
mod params;
mod prune;
mod read;
mod rollback;
mod save;
mod search;
mod store;
mod tables;
mod txs;
mod validators;
mod wire;

pub use error::StoreError;
pub use open::{FORMAT, StoreOptions};
pub use read::StoredOutcome;
pub use save::Decided;
pub use search::{Found, MAX_COLLECTED, Order};
pub use store::BlockStore;
pub use validators::VALIDATORS_INTERVAL;
