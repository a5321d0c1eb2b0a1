//! The leader's part: when to make a block, and making it.

use openraft::ServerState;
use plume_block::{no_commit, params};
use plume_engine::{Executor, Fatal};
use plume_primitives::Height;
use tokio::time::Instant;

use super::{Driver, Input};
use crate::hooks::Step;
use crate::raft::Proposed;
use crate::worker::fatal;

impl<E: Executor> Driver<E> {
    /// Whether this node is the one to make the next block.
    pub(super) fn may_propose(&self) -> bool {
        if self.proposed || self.candidate.is_some() || !self.may_sign() {
            return false;
        }
        // A leader outside the validator set cannot propose: its address must not stand in the header.
        if !self.identity.validator.is_some_and(|own| self.state.validators.contains(&own)) {
            return false;
        }
        let metrics = self.raft_metrics.borrow();
        // Earlier leaders' entries come first: one of them may hold a block for this height.
        metrics.state == ServerState::Leader
            && metrics.last_log_index.is_none_or(|last| self.seen_index >= last)
            && self.state.last_block_height.get() >= self.sync_target.height
    }

    /// When to propose the next block; `None` while there is no reason for one. Only for who may.
    pub(super) fn propose_at(&self) -> Option<Instant> {
        let consensus = &self.settings.consensus;
        let earliest = (self.decided_at + consensus.timeout_commit).max(self.not_before);
        let waits_for_txs = !consensus.create_empty_blocks || !consensus.create_empty_blocks_interval.is_zero();
        if !waits_for_txs || self.needs_proof_block() || self.mempool.size() > 0 {
            return Some(earliest);
        }
        if consensus.create_empty_blocks_interval.is_zero() {
            return None;
        }
        Some(earliest.max(self.decided_at + consensus.create_empty_blocks_interval))
    }

    /// Whether the last block changed the state, so that only a further header proves it.
    fn needs_proof_block(&self) -> bool {
        self.state.last_block_height.get() == 0 || self.last_header_app_hash != self.state.app_hash
    }

    /// Makes a block and hands it to Raft.
    pub(super) async fn propose(&mut self) -> Result<(), Fatal> {
        let Some(own) = self.identity.validator else { return Ok(()) };
        let first = self.state.last_block_height == Height::ZERO;
        let last_commit = if first { no_commit() } else { self.last_commit()? };
        let (state, mempool, round) = (self.state.clone(), self.mempool.clone(), self.next_round);
        let height = state.next_height().map_err(fatal)?;
        let hooks = self.hooks.clone();
        let started = Instant::now();
        let block = self
            .worker
            .call("proposing a block", move |worker| {
                let max_gas = params::max_gas(&state.consensus_params);
                let txs = mempool.reap(Some(state.max_tx_bytes()), max_gas);
                let draft = state.draft(txs, &last_commit, &own).map_err(fatal)?;
                let txs = worker.executor.prepare(draft)?;
                let block = state.make_block(txs, &last_commit, &own).map_err(fatal)?;
                hooks.at(Step::Propose, height);
                Ok(block)
            })
            .await?;
        tracing::debug!(%height, round, txs = block.txs().len(), "proposing");
        self.proposed = true;
        self.proposed_at = Some(started);
        self.metrics.proposal_created();
        let proposed = Proposed { height: height.get(), round, block: block.bytes().clone() };
        let (raft, to_self) = (self.raft.clone(), self.to_self.clone());
        tokio::spawn(async move {
            if let Err(error) = raft.client_write(proposed).await {
                tracing::info!(%height, %error, "Raft did not take the block; another leader will propose");
                drop(to_self.send(Input::ProposalLost));
            }
        });
        Ok(())
    }
}
