//! State snapshots: how a node that is far behind takes over a state instead of executing every block.
//!
//! The engine finds snapshots, fetches their chunks, and verifies headers; the state machine verifies each chunk against
//! the app hash that the engine has verified. So a chunk may come from anyone.

use bytes::Bytes;
use plume_primitives::{Height, Timestamp};

use crate::ValidatorUpdate;

/// A snapshot that a node can serve, in the shape of `tendermint.abci.Snapshot`.
///
/// Two nodes that write the snapshot of one height give equal values here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SnapshotInfo {
    /// The height whose state it holds. The app hash of that state stands in the header of the next block.
    pub height: Height,
    /// Version of the format of metadata and chunks.
    pub format: u32,
    /// How many chunks it has, at least 1; they are numbered from 0.
    pub chunks: u32,
    /// Names the contents: 32 bytes, equal only for snapshots of the same metadata and chunks.
    pub hash: Bytes,
    /// What a node must know before the first chunk; opaque to the engine, from an untrusted peer.
    pub metadata: Bytes,
}

/// What the engine knows of the state that it asks the state machine to take over, none of it from the snapshot's peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedState {
    /// App hash after the snapshot's height S: field `app_hash` of the verified header of S + 1.
    pub app_hash: Bytes,
    /// Chain id of the genesis document (and of every verified header).
    pub chain_id: String,
    /// Initial height of the genesis document.
    pub initial_height: Height,
    /// Time of the block at S, from its verified header.
    ///
    /// `None` when the engine is told the app hash only (ABCI's `OfferSnapshot`): then the snapshot's claim is taken. It
    /// shows in queries and CheckTx until the next block, and no block is executed with it.
    pub time: Option<Timestamp>,
    /// All validators after block S, in any order, powers above 0: the set whose hash the header of S + 1 has as
    /// `next_validators_hash`.
    ///
    /// `None` as for `time`: then the snapshot's claim is taken. Only exports read it; no block depends on it.
    pub validators: Option<Vec<ValidatorUpdate>>,
}

/// The answer to an offered snapshot (`ResponseOfferSnapshot.Result`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Chunks may come now, in any order.
    Accept,
    /// Not this snapshot, for the reason given; another one may do (`REJECT`).
    Reject(String),
    /// No snapshot of this format (`REJECT_FORMAT`).
    RejectFormat(String),
    /// No snapshot at all, from nobody (`ABORT`): there is a state already, or this state machine takes none.
    Abort(String),
}

/// The answer to a chunk (`ResponseApplySnapshotChunk.Result`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkVerdict {
    /// Verified and kept (also when it had been kept before); others are still missing (`ACCEPT`).
    Applied,
    /// Not what the app hash commits to, for the reason given; nothing of it was kept. Ask another peer (`RETRY` with
    /// `refetch_chunks` and `reject_senders`).
    Refused(String),
    /// Chunks cannot be taken: no snapshot was accepted (`REJECT_SNAPSHOT`).
    RejectSnapshot(String),
    /// It was the last one missing: the state is durable at the snapshot's height, with the trusted app hash, and
    /// `Info` shows it. The next block is that of the next height (`ACCEPT`).
    Complete,
}

/// How far taking over a snapshot has come; survives a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreProgress {
    /// The accepted snapshot.
    pub snapshot: SnapshotInfo,
    /// What it is verified against.
    pub trusted: TrustedState,
    /// The chunks that are still missing, ascending.
    pub missing: Vec<u32>,
}
