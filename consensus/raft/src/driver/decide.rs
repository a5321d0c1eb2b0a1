//! Making a final block part of the chain.

use std::time::Duration;

use bytes::Bytes;
use plume_block::{FullBlock, VoteSet, raw};
use plume_engine::{Executor, Fatal};
use plume_primitives::Height;
use tokio::time::Instant;

use super::Driver;
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
            self.worker
                .call("applying a block", move |worker| worker.apply(&state, &block, &commit, &cursor))
                .await?
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
        let Applied { outcome, next, committed } = applied;
        let interval = block.time().since(self.state.last_block_time).unwrap_or_default();
        let decision_time = self.candidate_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        tracing::info!(
            %height, txs = block.txs().len(), hash = %short(&block.id()),
            app_hash = %hex::encode_upper(outcome.app_hash.get(..6).unwrap_or_default()),
            execution_ms = started.elapsed().as_millis() as u64, "committed block"
        );
        self.state = next;
        self.last_votes = votes;
        self.next_round = 0;
        self.decided_at = Instant::now();
        self.early.values_mut().for_each(|kept| kept.retain(|vote| vote.height > height));
        self.last_header_app_hash = Bytes::copy_from_slice(&block.header().app_hash);
        self.view.set_decided(&self.state, self.now(), decision_time, interval);
        self.events.publish_block(block, &outcome);
        if committed.retain_height > Height::ZERO {
            self.prune(committed.retain_height);
        }
        Ok(())
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
