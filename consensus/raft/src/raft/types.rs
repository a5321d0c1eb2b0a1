use core::fmt;
use std::io::Cursor;

use bytes::Bytes;
use plume_p2p::PeerId;
use serde::{Deserialize, Serialize};

openraft::declare_raft_types!(
    /// openraft with p2p ids as node ids and whole blocks as entries.
    pub TypeConfig:
        D = Proposed,
        R = (),
        NodeId = NodeId,
        Node = NodeInfo,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = openraft::TokioRuntime,
);

/// The Raft group's handle.
pub type Raft = openraft::Raft<TypeConfig>;
/// A position in the Raft log.
pub type LogId = openraft::LogId<NodeId>;
/// An entry of the Raft log.
pub type RaftEntry = openraft::Entry<TypeConfig>;
/// The group's members as of a position in the log.
pub type StoredMembership = openraft::StoredMembership<NodeId, NodeInfo>;

/// A node's name in the Raft group: its p2p id, 20 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub [u8; 20]);

impl From<PeerId> for NodeId {
    fn from(id: PeerId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<NodeId> for PeerId {
    fn from(id: NodeId) -> Self {
        Self::new(id.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the group remembers of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Consensus address of the validator whose node this is; `None` for a full node.
    pub validator: Option<[u8; 20]>,
}

/// The payload of an entry: a block that its leader proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// Height of the block.
    pub height: u64,
    /// Round in which it is proposed: 0, or one more than that of an earlier entry at this height.
    pub round: i32,
    /// The encoded block.
    pub block: Bytes,
}
