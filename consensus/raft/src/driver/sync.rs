//! Getting decided blocks from peers, each verified by its commit.

use std::time::Duration;

use bytes::Bytes;
use plume_block::{FullBlock, Vote, raw, verify_commit};
use plume_engine::{Executor, Fatal, Reader};
use plume_p2p::{PeerId, Peers};
use plume_primitives::Height;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Driver, TICK};
use crate::ask::ask;
use crate::raft::machine::LogCursor;
use crate::wire::{BlockAnswer, LastVoteAnswer, SyncCall};
use crate::worker::fatal;

/// How long a peer has for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long peers have to connect before their blocks are judged.
const PEERS_TIME: Duration = Duration::from_secs(5);
/// How often an operator is told the same.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Blocks that are asked for before the first has arrived.
const AHEAD: u64 = 16;

impl<E: Executor> Driver<E> {
    /// Fetches blocks when peers have decided heights that this node still waits for.
    pub(super) async fn synchronise_if_behind(&mut self) -> Result<(), Fatal> {
        let behind = self.best_peer_height() > self.state.last_block_height.get();
        let stuck = match self.candidate_since {
            Some(since) if self.candidate.is_some() => since.elapsed() >= TICK,
            // Entries that wait in the log bring the block themselves.
            _ => self.decided_at.elapsed() >= TICK,
        };
        if behind && stuck {
            return self.synchronise().await;
        }
        Ok(())
    }

    /// Prepares the transactions of fetched blocks on another thread, in order, the first block aside: its turn is now.
    fn prepare_ahead(&self, answers: &[(u64, Vec<(PeerId, BlockAnswer)>)]) -> Option<JoinHandle<()>> {
        let reader = self.ahead.clone()?;
        let later = answers.iter().skip(1).flat_map(|(_, answers)| answers);
        let blocks: Vec<Bytes> = later.map(|(_, answer)| answer.block.clone()).collect();
        // Whether a block proves anything is seen when its turn comes: until then it can only waste time.
        Some(tokio::task::spawn_blocking(move || {
            for block in blocks.into_iter().filter_map(|bytes| FullBlock::decode(bytes).ok()) {
                reader.anticipate_txs(block.txs());
            }
        }))
    }

    fn best_peer_height(&self) -> u64 {
        self.standings.values().map(|standing| standing.height).max().unwrap_or(0)
    }

    /// Fetches and applies blocks until no peer that answers has more.
    pub(super) async fn synchronise(&mut self) -> Result<(), Fatal> {
        loop {
            let next = self.state.next_height().map_err(fatal)?.get();
            let target = self.best_peer_height().max(self.sync_target.height);
            if next > target {
                return Ok(());
            }
            let last = target.min(next.saturating_add(AHEAD - 1));
            self.view.set_target(target);
            let wanted: Vec<(u64, Vec<PeerId>)> = (next..=last).map(|height| (height, self.holders(height))).collect();
            if wanted.first().is_none_or(|(_, peers)| peers.is_empty()) {
                self.tell_when_out_of_reach(next);
                return Ok(());
            }
            let answers = futures_util::future::join_all(wanted.into_iter().map(|(height, peers)| {
                let connections = self.peers.clone();
                async move { (height, fetch(&connections, height, peers).await) }
            }));
            let answers = answers.await;
            let ahead = self.prepare_ahead(&answers);
            let all_taken = self.take_all(answers).await;
            // However it went: it reads the state, which must not outlive the node.
            if let Some(ahead) = ahead {
                drop(ahead.await);
            }
            if !all_taken? {
                return Ok(());
            }
        }
    }

    /// Applies fetched blocks up to the first that nobody proved; gives whether there was none.
    async fn take_all(&mut self, answers: Vec<(u64, Vec<(PeerId, BlockAnswer)>)>) -> Result<bool, Fatal> {
        for (height, answers) in answers {
            let before = self.state.last_block_height;
            for (peer, answer) in answers {
                if self.take(height, &peer, answer).await? {
                    break;
                }
            }
            if self.state.last_block_height == before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says what to do when the peers that are ahead have all dropped the block that this node needs next. The node goes
    /// on waiting: one that keeps everything may come yet.
    fn tell_when_out_of_reach(&mut self, next: u64) {
        let now = Instant::now();
        let recently = self.out_of_reach_told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY);
        if recently || self.decided_at.elapsed() < PEERS_TIME {
            return;
        }
        let ahead = self.standings.values().filter(|standing| standing.height >= next && standing.base > next);
        let Some(kept) = ahead.map(|standing| standing.base).min() else { return };
        self.out_of_reach_told = Some(now);
        tracing::error!(
            "this node needs block {next}, and its peers keep blocks from {kept} on: it cannot catch up with them. Let it \
             begin with a snapshot of the state: stop it; `plumed comet reset-state` (keeps keys and what was signed); \
             set enable, trust_height and trust_hash in [statesync] of config.toml; start it"
        );
    }

    /// Connected peers that say they have the block, best standing first.
    fn holders(&self, height: u64) -> Vec<PeerId> {
        let mut peers: Vec<_> = self
            .standings
            .iter()
            .filter(|(_, standing)| standing.height >= height && standing.base <= height && standing.base > 0)
            .map(|(peer, standing)| (standing.height, *peer))
            .collect();
        peers.sort_unstable_by(|a, b| b.cmp(a));
        peers.into_iter().map(|(_, peer)| peer).collect()
    }

    /// Applies a fetched block if it is the next one and its commit proves it; gives whether it did.
    async fn take(&mut self, height: u64, peer: &PeerId, answer: BlockAnswer) -> Result<bool, Fatal> {
        match self.check(height, answer) {
            Err(reason) => {
                tracing::warn!(%peer, height, %reason, "a peer handed out a block that proves nothing");
                self.peers.disconnect(*peer, &reason);
                self.standings.remove(peer);
                Ok(false)
            }
            Ok(None) => Ok(false),
            Ok(Some((block, commit))) => {
                if let Some(candidate) = self.candidate.take().filter(|candidate| candidate.block.id() != block.id()) {
                    // More than a third signed two blocks, or this node's Raft log is not the group's.
                    tracing::error!(
                        height, waiting_for = %crate::worker::short(&candidate.block.id()),
                        decided = %crate::worker::short(&block.id()), "another block than the one in the log is final"
                    );
                }
                // The log position stays: entries up to this height will be passed over.
                let mut cursor = self.shared.cursor();
                cursor.height = height;
                if height == self.sync_target.height {
                    cursor = LogCursor { height, ..self.sync_target.clone() };
                }
                self.decide(block, commit, cursor, None).await?;
                Ok(true)
            }
        }
    }

    /// The block and its commit, verified; `None` when the peer does not have it.
    fn check(&self, height: u64, answer: BlockAnswer) -> Result<Option<(FullBlock, raw::Commit)>, String> {
        let Some(commit) = answer.commit else { return Ok(None) };
        if self.state.next_height().map(Height::get) != Ok(height) {
            return Ok(None);
        }
        let block = FullBlock::decode(answer.block).map_err(|error| error.to_string())?;
        let state = &self.state;
        verify_commit(&state.chain_id, &state.validators, &block.id(), Height(height), &commit)
            .map_err(|error| error.to_string())?;
        state.validate(&block).map_err(|error| error.to_string())?;
        Ok(Some((block, commit)))
    }
}

/// Asks the peers one after another until one has the block.
async fn fetch(connections: &Peers, height: u64, peers: Vec<PeerId>) -> Vec<(PeerId, BlockAnswer)> {
    for peer in peers {
        let answer: Option<BlockAnswer> = ask(connections, peer, SyncCall::Block(height), ANSWER_TIME).await;
        if let Some(answer) = answer.filter(|answer| answer.commit.is_some()) {
            return vec![(peer, answer)];
        }
    }
    Vec::new()
}

/// The newest vote of a validator that a peer has seen; `None` when the peer does not answer.
pub(super) async fn last_vote(connections: &Peers, peer: &PeerId, validator: [u8; 20]) -> Option<(Option<Vote>, u64)> {
    let call = SyncCall::LastVote(Bytes::copy_from_slice(&validator));
    let answer: LastVoteAnswer = ask(connections, *peer, call, ANSWER_TIME).await?;
    Some((answer.vote.and_then(|vote| Vote::from_raw(&vote).ok()), answer.height))
}
