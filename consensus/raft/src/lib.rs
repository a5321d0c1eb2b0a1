//! Consensus by Raft with Tendermint blocks and commits, in process.
//!
//! `docs/spec/raft-engine.md` is the protocol, `README.md` says how the crate is put together.

mod ask;
mod driver;
mod exec;
mod fence;
mod forward;
mod handle;
mod hooks;
mod inbound;
mod node;
mod offline;
mod raft;
mod settings;
mod statesync;
mod view;
pub mod wire;
mod worker;

pub use handle::{COMETBFT_VERSION, RaftEngine, RpcView};
pub use hooks::{Hooks, Step};
pub use inbound::Allowed;
pub use node::{Node, NodeOptions, StartError};
pub use offline::{RollbackError, StoredBlocks};
pub use plume_store::StoredOutcome;
pub use settings::{BlockSettings, RaftSettings, Settings};
pub use statesync::StateSyncSettings;
pub use view::{Seen, View};
