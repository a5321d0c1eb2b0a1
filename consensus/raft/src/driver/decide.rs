//! Making a final block part of the chain.

use std::time::Duration;

use bytes::Bytes;
use plume_block::{ChainState, FullBlock, ValidatorSet, VoteSet, raw};
use plume_engine::{BlockOutcome, Executor, Fatal};
use plume_metrics::{OwnVote, Voters};
use plume_primitives::Height;
use plume_rpc::Step;
use tokio::time::Instant;

use super::Driver;
use crate::node::limits;
use crate::raft::machine::LogCursor;
use crate::worker::{Applied, short};

impl<E: Executor> Driver<E> {
    /// Executes, stores and commits a block that a commit with more than two thirds of the power proves final.
    pub(super) async fn decide(
        &mut self,
        block: FullBlock,
        commit: raw::Commit,
        cursor: LogCursor,
        votes: Option<VoteSet>,
    ) -> Result<(), Fatal> {
        let started = Instant::now();
        self.candidate = None;
        let applied = {
            let (state, block, commit, cursor) = (self.state.clone(), block.clone(), commit.clone(), cursor.clone());
            self.worker.call("applying a block", move |worker| worker.apply(&state, &block, &commit, &cursor)).await?
        };
        self.shared.advance(cursor);
        self.finish(&block, applied, votes, started)
    }

    fn finish(
        &mut self,
        block: &FullBlock,
        applied: Applied,
        votes: Option<VoteSet>,
        started: Instant,
    ) -> Result<(), Fatal> {
        let height = block.height();
        let Applied { outcome, next, committed, processing } = applied;
        let interval = block.time().since(self.state.last_block_time).unwrap_or_default();
        self.candidate_since = None;
        tracing::info!(
            %height, txs = block.txs().len(), hash = %short(&block.id()),
            app_hash = %hex::encode_upper(outcome.app_hash.get(..6).unwrap_or_default()),
            execution_ms = started.elapsed().as_millis() as u64, "committed block"
        );
        let before = std::mem::replace(&mut self.state, next);
        if outcome.consensus_params.is_some() {
            self.mempool.set_limits(limits(&self.state));
        }
        self.last_votes = votes;
        self.next_round = 0;
        self.decided_at = Instant::now();
        self.early.values_mut().for_each(|kept| kept.retain(|vote| vote.height > height));
        self.last_header_app_hash = Bytes::copy_from_slice(&block.header().app_hash);
        self.view.set_decided(&self.state, self.now());
        self.measure_block(block, &before, &outcome, interval, processing);
        if let Some(proposed) = self.proposed_at.take().filter(|_| Some(*block.proposer()) == self.identity.validator) {
            self.metrics.proposal_committed(proposed.elapsed());
        }
        self.events.publish_block(block, &outcome);
        self.announce_step(0, Step::NewHeight);
        if committed.retain_height > Height::ZERO {
            self.prune(committed.retain_height);
        }
        Ok(())
    }

    /// `before` is the chain's state that the block was made for.
    fn measure_block(
        &self,
        block: &FullBlock,
        before: &ChainState,
        outcome: &BlockOutcome,
        interval: Duration,
        processing: Duration,
    ) {
        let power = |power: i64| power.unsigned_abs();
        let all = |set: &ValidatorSet| Voters { count: set.len(), power: power(set.total_power()) };
        let signed = |index: usize| {
            let entry = block.last_commit().signatures.get(index);
            entry.is_some_and(|entry| entry.block_id_flag == i32::from(raw::BlockIdFlag::Commit))
        };
        let mut missing = Voters::default();
        for (index, validator) in before.last_validators.validators().iter().enumerate() {
            if signed(index) {
                continue;
            }
            missing.count += 1;
            missing.power += power(validator.power);
        }
        let own = self.identity.validator.and_then(|own| {
            let (index, validator) = before.last_validators.get(&own)?;
            Some(OwnVote { address: hex::encode_upper(own), power: power(validator.power), signed: signed(index) })
        });
        self.metrics.block_committed(&plume_metrics::Block {
            height: block.height().get(),
            txs: block.txs().len(),
            bytes: block.bytes().len(),
            interval: (before.last_block_height > Height::ZERO).then_some(interval),
            validators: all(&before.validators),
            missing,
            byzantine: Voters::default(),
            own,
            processing,
            validator_updates: !outcome.validator_updates.is_empty(),
            param_updates: outcome.consensus_params.is_some(),
        });
    }

    /// Forgets blocks that neither the application nor a slow peer needs.
    fn prune(&self, retain: Height) {
        let keep = self.state.last_block_height.get().saturating_sub(self.settings.keep_blocks_for_peers);
        let below = retain.min(Height(keep));
        if below <= self.store.base() {
            return;
        }
        let store = self.store.clone();
        self.worker.spawn(move |_| {
            if let Err(error) = store.prune(below) {
                tracing::error!(%error, "old blocks could not be removed");
            }
        });
    }
}
