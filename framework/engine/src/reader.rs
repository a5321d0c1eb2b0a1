use std::sync::Arc;

use bytes::Bytes;
use plume_primitives::Height;

use crate::{CheckKind, CheckOutcome, QueryAnswer, QueryError, SimulationOutcome, SnapshotInfo};

/// What the application says of itself when an engine connects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// Application name.
    pub data: String,
    /// Software version.
    pub version: String,
    /// Protocol version of the state machine, as in the block header.
    pub app_version: u64,
    /// Last committed height; 0 until the first block is committed.
    pub height: Height,
    /// State hash after that height; empty at height 0.
    pub app_hash: Bytes,
}

/// Concurrent access to committed state. Clones are cheap and never wait for a block.
pub trait Reader: Clone + Send + Sync + 'static {
    /// Name, versions, and the last **committed** height and hash.
    fn info(&self) -> Info;

    /// Checks a transaction for the mempool.
    ///
    /// Sequences of accepted transactions advance in a check state that each commit resets.
    fn check_tx(&self, tx: &Bytes, kind: CheckKind) -> CheckOutcome;

    /// Does ahead, on the caller's thread and those of the process's pool, what it can of the work that the transactions of
    /// a decided block will need soon: decoding, signatures. Changes no outcome; may be called at any time.
    fn anticipate_txs(&self, txs: &[Bytes]) {
        let _ = txs;
    }

    /// Answers a query on the state after `height` (the last committed one when `None`).
    ///
    /// # Errors
    /// A [`QueryError`]; `sdk/26` for a height that is pruned or not there yet.
    fn query(&self, path: &str, data: &[u8], height: Option<Height>, prove: bool) -> Result<QueryAnswer, QueryError>;

    /// Full gRPC paths of every method that [`query`](Self::query) answers, in order.
    fn query_paths(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Makes `service` answer what the state machine does not: [`query`](Self::query) passes its paths on. Only the first
    /// call counts; gives whether this one did.
    fn serve(&self, service: Arc<dyn NodeService>) -> bool {
        let _ = service;
        false
    }

    /// Runs a transaction on the check state (the last committed one with what the mempool accepted) and drops what it
    /// wrote, so that a client can simulate one transaction after another that is not in a block yet.
    ///
    /// # Errors
    /// A [`QueryError`] with gRPC code Unknown when the transaction fails.
    fn simulate(&self, tx: &Bytes) -> Result<SimulationOutcome, QueryError>;

    /// The state snapshots that this node can serve, newest first.
    fn snapshots(&self) -> Vec<SnapshotInfo> {
        Vec::new()
    }

    /// Chunk `index` of a snapshot of [`snapshots`](Self::snapshots), read from disk; `None` when there is none (any
    /// more).
    fn snapshot_chunk(&self, height: Height, format: u32, index: u32) -> Option<Bytes> {
        let _ = (height, format, index);
        None
    }
}

/// Methods that the node answers rather than the state machine: transactions and blocks, settings, descriptions of the
/// chain. Every door reaches them through [`Reader::query`], so that there is one table of methods.
pub trait NodeService: Send + Sync + 'static {
    /// Full gRPC paths of the methods, in order.
    fn paths(&self) -> Vec<&'static str>;

    /// Answers the method at `path`; `None` where there is none.
    ///
    /// `height` is the last committed one where the caller names none, and one that can be read otherwise.
    fn answer(&self, path: &str, request: &[u8], height: Height) -> Option<Result<Bytes, QueryError>>;
}
