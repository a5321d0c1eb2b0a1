//! The blocking half of a node: state machine, signer and store, one thread, strictly in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_block::{BlockId, ChainState, FullBlock, Vote, raw};
use plume_engine::{BlockOutcome, Committed, Executor, Fatal, Proposal, Verdict};
use plume_home::keys::{KeyPair, consensus_address};
use plume_home::sign_state::{SignError, SignState};
use plume_mempool::Mempool;
use plume_primitives::Timestamp;
use plume_store::{BlockStore, Decided};

use crate::hooks::{Hooks, Step};
use crate::raft::machine::LogCursor;

/// A validator's key with the record of what it signed last.
pub struct Signer {
    /// The consensus key.
    pub key: KeyPair,
    /// What it signed last; refuses anything older or conflicting.
    pub state: SignState,
}

impl Signer {
    /// Adopts a vote of this key that others have seen; gives whether it was newer than the record.
    ///
    /// # Errors
    /// See [`SignState::raise`].
    pub fn take_over(&mut self, vote: &Vote, chain_id: &str) -> Result<bool, SignError> {
        let Ok(signature) = <[u8; 64]>::try_from(vote.signature.as_ref()) else { return Ok(false) };
        self.state.raise(&self.key, chain_id, &vote.sign_bytes(chain_id), &signature)
    }
}

/// What runs on the node's worker thread.
pub struct Worker<E: Executor> {
    /// The state machine.
    pub executor: E,
    /// Blocks and results.
    pub store: BlockStore,
    /// Transactions that wait; locked while the application commits.
    pub mempool: Mempool<E::Reader>,
    /// `None` on a full node.
    pub signer: Option<Signer>,
    /// Failure points.
    pub hooks: Hooks,
}

/// What a decided height changed.
pub struct Applied {
    /// What the application made of the block.
    pub outcome: Arc<BlockOutcome>,
    /// The chain's state for the next height.
    pub next: ChainState,
    /// What the application committed.
    pub committed: Committed,
    /// Time of `finalize`.
    pub processing: Duration,
}

/// A signature that was made, or why none was.
pub enum Signed {
    /// The vote, durable in the sign state.
    Vote(Vote),
    /// The guard refused: something newer or different is signed already.
    Refused(String),
}

/// Makes a [`Fatal`] of whatever says what went wrong.
pub fn fatal(error: impl core::fmt::Display) -> Fatal {
    Fatal::new(error.to_string())
}

impl<E: Executor> Worker<E> {
    /// Lets the application judge a block.
    pub fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal> {
        self.hooks.at(Step::Receive, proposal.height);
        self.executor.process(proposal)
    }

    /// Signs the precommit for a block as the validator at `index`; the signature is on disk before this returns.
    pub fn sign(
        &mut self,
        chain_id: &str,
        block: &FullBlock,
        round: i32,
        index: u32,
        now: Timestamp,
    ) -> Result<Option<Signed>, Fatal> {
        let Some(signer) = self.signer.as_mut() else { return Ok(None) };
        self.hooks.at(Step::Sign, block.height());
        let mut vote = Vote {
            height: block.height(),
            round,
            block_id: block.id(),
            timestamp: now.max(block.time().checked_add(Duration::from_millis(1)).unwrap_or(now)),
            validator_address: consensus_address(&signer.key.public()),
            validator_index: index,
            signature: Bytes::new(),
        };
        match signer.state.sign_precommit(&signer.key, &vote.sign_bytes(chain_id)) {
            Ok(signed) => {
                vote.timestamp = signed.timestamp;
                vote.signature = Bytes::copy_from_slice(&signed.signature);
                self.hooks.at(Step::Broadcast, block.height());
                Ok(Some(Signed::Vote(vote)))
            }
            // What is on the disk is unknown: a later signature could be a second one.
            Err(error @ (SignError::Poisoned(_) | SignError::Malformed(_) | SignError::ForeignSignature)) => {
                Err(fatal(error))
            }
            Err(error) => Ok(Some(Signed::Refused(error.to_string()))),
        }
    }

    /// Executes a final block, stores it with everything that belongs to it in one write, and commits it.
    pub fn apply(
        &mut self,
        state: &ChainState,
        block: &FullBlock,
        seen_commit: &raw::Commit,
        cursor: &LogCursor,
    ) -> Result<Applied, Fatal> {
        let height = block.height();
        self.hooks.at(Step::Finalize, height);
        let begun = Instant::now();
        let outcome = self.executor.finalize(&state.decided(block).map_err(fatal)?)?;
        let processing = begun.elapsed();
        let next = state.next(block, &outcome).map_err(fatal)?;
        self.hooks.at(Step::Save, height);
        let cursor = cursor.encode();
        let decided = Decided { block, seen_commit, outcome: &outcome, state: &next, cursor: &cursor };
        self.store.save(decided).map_err(fatal)?;
        self.hooks.at(Step::Commit, height);
        // Nothing is checked between the application's commit and the removal of what the block took.
        let hold = self.mempool.hold();
        let committed = self.executor.commit()?;
        self.mempool.update(height, block.txs(), &outcome.tx_results);
        drop(hold);
        self.hooks.at(Step::Publish, height);
        Ok(Applied { outcome: Arc::new(outcome), next, committed, processing })
    }
}

/// The beginning of a block's hash, for logs.
pub fn short(id: &BlockId) -> String {
    hex::encode_upper(&id.hash[..6])
}
