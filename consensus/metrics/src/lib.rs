#![doc = include_str!("../README.md")]

mod catalogue;
mod figures;
mod node;
mod server;

pub use catalogue::{CATALOGUE, Family, Kind, Metric};
pub use figures::{Block, Mempool, OwnVote, Peer, Raft, Voters};
pub use node::NodeMetrics;
pub use server::{MetricsServer, ServeError};
