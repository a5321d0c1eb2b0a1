#![doc = include_str!("../README.md")]

mod arrival;
mod cache;
mod config;
mod error;
mod mempool;
mod pool;
mod recheck;
mod shared;
mod signers;
mod turns;

pub use arrival::Arrival;
pub use config::{MempoolConfig, Options};
pub use error::MempoolError;
pub use mempool::{Counters, Hold, Mempool, Origin, Pending};
pub use pool::{BlockLimits, encoded_len};
pub use signers::{Signers, cosmos_signers};

/// SHA-256 of a transaction.
pub type TxHash = [u8; 32];
