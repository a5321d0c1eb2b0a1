use bytes::Bytes;

use crate::{
    Block, BlockOutcome, ChunkVerdict, Committed, Fatal, Genesis, InitOutcome, Offer, Proposal, Reader,
    RestoreProgress, SnapshotInfo, TrustedState, Verdict,
};

/// The state machine as an engine drives it: one owner, strictly in order.
///
/// The order of calls is ABCI's: `init_chain` once on an empty state, then for each height any
/// number of `prepare`, `process` and `anticipate`, one `finalize`, one `commit`. After a
/// process start the engine replays from the height that [`crate::Info`] names.
pub trait Executor: Send + 'static {
    /// Concurrent access to what this executor committed.
    type Reader: Reader;

    /// Builds the genesis state. May come again as long as no block is committed; it then
    /// starts from empty.
    ///
    /// # Errors
    /// A genesis that is refused.
    fn init_chain(&mut self, genesis: Genesis) -> Result<InitOutcome, Fatal>;

    /// Chooses the transactions of a block from the candidates, within `max_tx_bytes` and the
    /// block's gas. Every result is accepted by [`Executor::process`] on the same state.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn prepare(&mut self, proposal: Proposal) -> Result<Vec<Bytes>, Fatal>;

    /// Judges a proposed block. The verdict depends on the block and the committed state only.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal>;

    /// Executes a proposal that was accepted, before it is decided. An engine calls it after it
    /// has sent the verdict; the result waits under the block's hash for [`Executor::finalize`]
    /// and is dropped if another block is decided.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn anticipate(&mut self, proposal: &Proposal) -> Result<(), Fatal>;

    /// Executes a decided block. Nothing becomes visible before [`Executor::commit`].
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn finalize(&mut self, block: &Block) -> Result<BlockOutcome, Fatal>;

    /// Makes the finalized block the committed state and resets the check state before it
    /// returns. Waits while durability lags too far behind.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn commit(&mut self) -> Result<Committed, Fatal>;

    /// Drops a block that was finalized and not committed, and everything computed ahead.
    /// Called on a new handshake.
    fn discard_uncommitted(&mut self);

    /// Waits until everything committed is durable. Called on shutdown.
    ///
    /// # Errors
    /// A disk that fails.
    fn drain(&mut self) -> Result<(), Fatal>;

    /// A reader of this executor's committed state.
    fn reader(&self) -> Self::Reader;

    /// Judges a snapshot that a peer offers, for an executor without any committed block. After [`Offer::Accept`] the
    /// chunks go to [`apply_chunk`](Self::apply_chunk).
    ///
    /// Offering the snapshot of [`restore_progress`](Self::restore_progress) with the same trusted state continues it;
    /// another accepted one replaces it.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn offer_snapshot(&mut self, snapshot: &SnapshotInfo, trusted: &TrustedState) -> Result<Offer, Fatal> {
        let _ = (snapshot, trusted);
        Ok(Offer::Abort("this state machine takes no snapshots".to_owned()))
    }

    /// Takes one chunk of the accepted snapshot, in any order and from any peer. It is verified against the trusted app
    /// hash before anything of it is kept; what was kept is durable on return.
    ///
    /// # Errors
    /// Only what the node cannot survive; never a wrong chunk.
    fn apply_chunk(&mut self, index: u32, chunk: Bytes) -> Result<ChunkVerdict, Fatal> {
        let _ = (index, chunk);
        Ok(ChunkVerdict::RejectSnapshot("no snapshot was accepted".to_owned()))
    }

    /// The snapshot that is being taken over, after a restart too, with the chunks still missing. `None` when there is
    /// none, or when it is complete.
    fn restore_progress(&self) -> Option<RestoreProgress> {
        None
    }

    /// Gives up the snapshot that is being taken over; the state is empty again. `init_chain` does the same.
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn discard_restore(&mut self) -> Result<(), Fatal> {
        Ok(())
    }
}
