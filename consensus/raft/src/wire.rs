//! Messages between nodes, in protobuf. Every field that matters is checked where it is used.

use bytes::Bytes;
use plume_block::raw;

/// Numbers of the channels on a connection; part of the protocol.
pub mod channel {
    /// openraft's requests and answers.
    pub const RAFT: u8 = 1;
    /// Votes and where nodes stand.
    pub const CONSENSUS: u8 = 2;
    /// Requests for blocks, last votes and snapshots.
    pub const SYNC: u8 = 3;
    /// Transactions on their way to the leader.
    pub const TXS: u8 = 4;
}

/// A message on [`channel::CONSENSUS`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Consensus {
    /// What it is.
    #[prost(oneof = "ConsensusBody", tags = "1, 2")]
    pub body: Option<ConsensusBody>,
}

/// Kinds of [`Consensus`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ConsensusBody {
    /// A precommit.
    #[prost(message, tag = "1")]
    Vote(raw::Vote),
    /// Where the sender stands.
    #[prost(message, tag = "2")]
    Standing(Standing),
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Standing {
    /// The last height that it decided; 0 for none.
    #[prost(uint64, tag = "1")]
    pub height: u64,
    /// The lowest block that it can hand out; 0 for none.
    #[prost(uint64, tag = "2")]
    pub base: u64,
}

/// A request on [`channel::RAFT`]: openraft's own, in postcard.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RaftRequest {
    /// Which.
    #[prost(oneof = "RaftCall", tags = "1, 2, 3, 4")]
    pub call: Option<RaftCall>,
}

/// Kinds of [`RaftRequest`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum RaftCall {
    /// `AppendEntriesRequest`.
    #[prost(message, tag = "1")]
    Append(Append),
    /// `VoteRequest`.
    #[prost(bytes = "bytes", tag = "2")]
    Vote(Bytes),
    /// `InstallSnapshotRequest`.
    #[prost(bytes = "bytes", tag = "3")]
    Snapshot(Bytes),
    /// A block that a later append names by its SHA-256.
    #[prost(bytes = "bytes", tag = "4")]
    Stage(Bytes),
}

/// An append; blocks that were staged are empty in it and named beside it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Append {
    /// openraft's request.
    #[prost(bytes = "bytes", tag = "1")]
    pub request: Bytes,
    /// Blocks that were staged.
    #[prost(message, repeated, tag = "2")]
    pub staged: Vec<StagedBlock>,
}

/// Where a staged block belongs.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StagedBlock {
    /// Position of the entry in the append.
    #[prost(uint32, tag = "1")]
    pub position: u32,
    /// SHA-256 of the block.
    #[prost(bytes = "bytes", tag = "2")]
    pub hash: Bytes,
}

/// A request on [`channel::SYNC`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct SyncRequest {
    /// Which.
    #[prost(oneof = "SyncCall", tags = "1, 2, 3, 4, 5")]
    pub call: Option<SyncCall>,
}

/// Kinds of [`SyncRequest`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum SyncCall {
    /// The block at a height, with its commit.
    #[prost(uint64, tag = "1")]
    Block(u64),
    /// The last vote of the validator with this address.
    #[prost(bytes = "bytes", tag = "2")]
    LastVote(Bytes),
    /// Which state snapshots there are.
    #[prost(message, tag = "3")]
    Snapshots(()),
    /// One chunk of a snapshot.
    #[prost(message, tag = "4")]
    Chunk(ChunkRequest),
    /// Header, commit and validators of a height.
    #[prost(uint64, tag = "5")]
    LightBlock(u64),
}

/// Names a chunk of a state snapshot.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ChunkRequest {
    /// Height of the snapshot.
    #[prost(uint64, tag = "1")]
    pub height: u64,
    /// Format of the snapshot.
    #[prost(uint32, tag = "2")]
    pub format: u32,
    /// Number of the chunk, from 0.
    #[prost(uint32, tag = "3")]
    pub index: u32,
}

/// Answer to [`SyncCall::Block`]; empty when the block is not there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockAnswer {
    /// The encoded block.
    #[prost(bytes = "bytes", tag = "1")]
    pub block: Bytes,
    /// A commit for it with more than two thirds of the power.
    #[prost(message, optional, tag = "2")]
    pub commit: Option<raw::Commit>,
}

/// Answer to [`SyncCall::LastVote`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct LastVoteAnswer {
    /// The newest vote of that validator that the answering node has seen.
    #[prost(message, optional, tag = "1")]
    pub vote: Option<raw::Vote>,
    /// The last height that the answering node decided.
    #[prost(uint64, tag = "2")]
    pub height: u64,
}

/// Answer to [`SyncCall::Snapshots`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct SnapshotsAnswer {
    /// What there is, newest first.
    #[prost(message, repeated, tag = "1")]
    pub snapshots: Vec<Snapshot>,
}

/// A state snapshot that a node has.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Snapshot {
    /// The height whose state it holds.
    #[prost(uint64, tag = "1")]
    pub height: u64,
    /// Version of its format.
    #[prost(uint32, tag = "2")]
    pub format: u32,
    /// How many chunks it has.
    #[prost(uint32, tag = "3")]
    pub chunks: u32,
    /// Names the contents.
    #[prost(bytes = "bytes", tag = "4")]
    pub hash: Bytes,
    /// Opaque to the engine.
    #[prost(bytes = "bytes", tag = "5")]
    pub metadata: Bytes,
}

/// Answer to [`SyncCall::Chunk`]; empty when it is not there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChunkAnswer {
    /// The chunk.
    #[prost(bytes = "bytes", tag = "1")]
    pub chunk: Bytes,
}

/// Answer to [`SyncCall::LightBlock`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct LightBlockAnswer {
    /// Header, commit and validators; absent when the height is not there.
    #[prost(message, optional, tag = "1")]
    pub light_block: Option<raw::LightBlock>,
    /// Validators of the next height.
    #[prost(message, optional, tag = "2")]
    pub next_validators: Option<raw::ValidatorSet>,
    /// Consensus parameters in force at the height.
    #[prost(message, optional, tag = "3")]
    pub consensus_params: Option<raw::ConsensusParams>,
}

/// A message on [`channel::TXS`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Txs {
    /// Transactions in the order in which they arrived at the sender.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub txs: Vec<Bytes>,
}

/// What a node says of itself when it connects (`Hello::extra`): that it runs a validator.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Binding {
    /// The validator's public key.
    #[prost(message, optional, tag = "1")]
    pub key: Option<tendermint_proto::v0_38::crypto::PublicKey>,
    /// Its signature over [`binding_bytes`].
    #[prost(bytes = "bytes", tag = "2")]
    pub signature: Bytes,
}

/// What a validator signs to say that a node is its own: `plume/raft-node/v1/<chain id>`, a zero byte, the p2p id.
///
/// It cannot be taken for a vote: the sign bytes of a vote begin with their length and then `0x08`.
pub fn binding_bytes(chain_id: &str, node: &[u8; 20]) -> Vec<u8> {
    let mut bytes = format!("plume/raft-node/v1/{chain_id}\0").into_bytes();
    bytes.extend_from_slice(node);
    bytes
}
