//! The part that openraft drives: its types, the log, the network, the state machine that hands entries on.

#![expect(clippy::result_large_err, reason = "the errors of openraft's traits are as large as they are")]

pub mod log;
pub mod machine;
pub mod network;
pub mod staging;
mod types;

pub use types::{LogId, NodeId, NodeInfo, Proposed, Raft, RaftEntry, StoredMembership, TypeConfig};
