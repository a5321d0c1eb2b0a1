#![doc = include_str!("../README.md")]

mod accounts;
mod commits;
mod drive;
mod error;
mod histogram;
mod http;
mod keys;
mod process;
mod send;
mod sign;
mod workload;

pub use accounts::{Account, Accounts};
pub use commits::BlockSeen;
pub use drive::{Driven, LoadSettings, Outcome, drive};
pub use error::LoadError;
pub use histogram::{Latencies, Percentiles};
pub use http::{Connection, host_of};
pub use keys::{KeyScheme, Keys};
pub use process::{Counters, Usage, processes};
pub use send::Pace;
pub use sign::{ChainParams, SignedTx, funding, sign_all};
pub use workload::{Delta, Kind, Spread, Transfer, Workload};
