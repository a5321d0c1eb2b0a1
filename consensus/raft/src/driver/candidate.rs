//! From a committed entry to a final block: judging it, signing once, counting votes.

use std::sync::Arc;

use plume_block::{Added, FullBlock, Vote, VoteSet, raw};
use plume_engine::{Executor, Fatal, Verdict};
use plume_events::EventData;
use plume_p2p::PeerId;
use plume_rpc::Step;
use tokio::time::Instant;

use super::{Driver, EARLY_VOTES, cursor};
use crate::raft::machine::LogCursor;
use crate::raft::{LogId, Proposed};
use crate::worker::{Signed, fatal, short};

/// A block that Raft has committed and this node has accepted.
pub struct Candidate {
    /// The block.
    pub block: FullBlock,
    /// Its round.
    pub round: i32,
    /// Where its entry stands.
    pub cursor: LogCursor,
    /// Votes for it.
    pub votes: VoteSet,
    /// This node's vote.
    pub own: Option<Vote>,
    /// The guard refused to sign it; not asked again.
    pub refused: bool,
}

/// Why an entry is passed over. Every node finds the same, from the log and the state before the height.
enum Skip {
    /// Its height is decided: a leader change left two entries for it.
    Decided,
    /// It is not what the rules or the application allow.
    Invalid(String),
}

impl<E: Executor> Driver<E> {
    /// An entry with a block: the first valid one for the next height becomes the candidate.
    pub(super) async fn on_entry(&mut self, log_id: LogId, proposed: Proposed) -> Result<(), Fatal> {
        self.proposed = false;
        let next = self.state.next_height().map_err(fatal)?;
        if proposed.height == next.get() {
            self.next_round = self.next_round.max(proposed.round.saturating_add(1));
        }
        match self.judge(&proposed).await? {
            Err(Skip::Decided) => {
                tracing::debug!(height = proposed.height, round = proposed.round, "height is decided already");
                Ok(())
            }
            Err(Skip::Invalid(reason)) => {
                tracing::warn!(height = proposed.height, round = proposed.round, %reason, "rejected the proposed block");
                self.view.add_rejected();
                self.metrics.proposal_received(false);
                self.proposed_at = None;
                Ok(())
            }
            Ok(block) => {
                let id = block.id();
                tracing::debug!(height = %next, round = proposed.round, hash = %short(&id), "accepted the proposed block");
                let votes =
                    VoteSet::new(self.state.chain_id.clone(), next, proposed.round, id, self.state.validators.clone());
                self.view.set_candidate(block.clone(), proposed.round);
                self.metrics.proposal_received(true);
                // Not negative: checked when the entry was judged.
                self.metrics.new_round(next.get(), proposed.round.unsigned_abs(), None);
                let candidate = Candidate {
                    cursor: cursor(next.get(), Some(log_id), &self.membership),
                    round: proposed.round,
                    block,
                    votes,
                    own: None,
                    refused: false,
                };
                self.announce_candidate(&candidate);
                self.candidate = Some(candidate);
                self.candidate_since = Some(Instant::now());
                self.sign_candidate().await?;
                self.anticipate();
                let early: Vec<Vote> = self.early.values_mut().flat_map(std::mem::take).collect();
                early.into_iter().for_each(|vote| self.count(vote));
                self.decide_if_final().await
            }
        }
    }

    async fn judge(&mut self, proposed: &Proposed) -> Result<Result<FullBlock, Skip>, Fatal> {
        let invalid = |reason: String| Ok(Err(Skip::Invalid(reason)));
        let next = self.state.next_height().map_err(fatal)?;
        if proposed.height < next.get() {
            return Ok(Err(Skip::Decided));
        }
        if proposed.height > next.get() {
            return invalid(format!("it is for height {}, the next one is {next}", proposed.height));
        }
        if proposed.round < 0 {
            return invalid(format!("round {} is out of range", proposed.round));
        }
        let block = match FullBlock::decode(proposed.block.clone()) {
            Ok(block) => block,
            Err(error) => return invalid(error.to_string()),
        };
        if let Err(error) = self.state.validate(&block) {
            return invalid(error.to_string());
        }
        let proposal = self.state.proposal(&block).map_err(fatal)?;
        let verdict = self.worker.call("ProcessProposal", move |worker| worker.process(&proposal)).await?;
        match verdict {
            Verdict::Accept => Ok(Ok(block)),
            Verdict::Reject(reason) => invalid(reason),
        }
    }

    /// Executes the candidate while votes are on their way.
    fn anticipate(&mut self) {
        let Some(candidate) = &self.candidate else { return };
        let Ok(proposal) = self.state.proposal(&candidate.block) else { return };
        self.worker.spawn(move |worker| {
            if let Err(error) = worker.executor.anticipate(&proposal) {
                tracing::error!(%error, "executing a block ahead of its decision failed");
            }
        });
    }

    /// Signs the candidate if this node is one of its validators, may sign, and has not.
    pub(super) async fn sign_candidate(&mut self) -> Result<(), Fatal> {
        if !self.may_sign() {
            return Ok(());
        }
        let Some(candidate) = self.candidate.as_ref().filter(|it| it.own.is_none() && !it.refused) else {
            return Ok(());
        };
        let Some(own) = self.identity.validator else { return Ok(()) };
        let Some((index, _)) = self.state.validators.get(&own) else { return Ok(()) };
        let index = u32::try_from(index).map_err(|_| Fatal::new("more validators than fit into 32 bits"))?;
        let (block, round, now) = (candidate.block.clone(), candidate.round, self.now());
        let chain_id = self.state.chain_id.clone();
        let started = Instant::now();
        let signed =
            self.worker.call("signing", move |worker| worker.sign(&chain_id, &block, round, index, now)).await?;
        match signed {
            None => Ok(()),
            Some(Signed::Refused(reason)) => {
                let height = self.state.next_height().map_err(fatal)?;
                tracing::warn!(%height, round, %reason, "abstaining: the record of signatures does not allow this vote");
                if let Some(candidate) = self.candidate.as_mut() {
                    candidate.refused = true;
                }
                Ok(())
            }
            Some(Signed::Vote(vote)) => {
                self.metrics.signed(started.elapsed());
                self.broadcast_vote(&vote);
                if let Some(candidate) = self.candidate.as_mut() {
                    candidate.own = Some(vote.clone());
                }
                self.count(vote);
                self.decide_if_final().await
            }
        }
    }

    /// A vote from a peer.
    pub(super) async fn on_vote_message(&mut self, from: PeerId, vote: raw::Vote) -> Result<(), Fatal> {
        let vote = match Vote::from_raw(&vote) {
            Ok(vote) => vote,
            Err(error) => {
                tracing::debug!(%from, %error, "malformed vote");
                return Ok(());
            }
        };
        let next = self.state.next_height().map_err(fatal)?;
        if vote.height == next {
            if self.candidate.is_some() {
                self.count(vote);
                return self.decide_if_final().await;
            }
            self.keep_early(vote);
        } else if vote.height == self.state.last_block_height {
            let added = self.last_votes.as_mut().map(|votes| votes.add(vote.clone()));
            if matches!(added, Some(Ok(Added::New))) {
                self.remember(&vote);
            }
        } else if vote.height > next {
            self.keep_early(vote);
        }
        Ok(())
    }

    /// Knows the vote if its validator forgets it; its signature is verified.
    fn remember(&self, vote: &Vote) {
        let mut latest = self.latest.lock();
        let newer = |known: &Vote| (vote.height, vote.round) > (known.height, known.round);
        if latest.get(&vote.validator_address).is_none_or(newer) {
            latest.insert(vote.validator_address, vote.clone());
        }
    }

    /// Keeps a vote until its block arrives: the newest few of each validator.
    fn keep_early(&mut self, vote: Vote) {
        let Some((_, validator)) = self.state.validators.get(&vote.validator_address) else { return };
        let known = self.early.get(&vote.validator_address);
        if known.is_some_and(|kept| kept.iter().any(|it| (it.height, it.round) == (vote.height, vote.round))) {
            return;
        }
        if !vote.verify(&self.state.chain_id, &validator.key) {
            tracing::debug!(validator = %hex::encode_upper(vote.validator_address), "a vote with a wrong signature");
            return;
        }
        self.remember(&vote);
        let kept = self.early.entry(vote.validator_address).or_default();
        if kept.len() >= EARLY_VOTES {
            kept.pop_front();
        }
        kept.push_back(vote);
    }

    /// Adds a vote to the candidate's; keeps one for another height or round.
    fn count(&mut self, vote: Vote) {
        let Some(candidate) = self.candidate.as_mut() else { return };
        if (vote.height, vote.round) != (candidate.block.height(), candidate.round) {
            return self.keep_early(vote);
        }
        match candidate.votes.add(vote.clone()) {
            Ok(Added::New) => {
                self.remember(&vote);
                self.events.publish(EventData::Vote { vote: Arc::new(vote.clone()) });
                self.view.add_vote(vote);
            }
            Ok(Added::Duplicate) => {}
            Err(error) => {
                tracing::warn!(
                    validator = %hex::encode_upper(vote.validator_address), height = %vote.height, %error,
                    "a vote is not counted"
                );
            }
        }
    }

    pub(super) async fn decide_if_final(&mut self) -> Result<(), Fatal> {
        if !self.candidate.as_ref().is_some_and(|candidate| candidate.votes.has_two_thirds()) {
            return Ok(());
        }
        let Some(candidate) = self.candidate.take() else { return Ok(()) };
        self.announce_step(candidate.round, Step::Commit);
        let commit = candidate.votes.commit();
        self.decide(candidate.block, commit, candidate.cursor, Some(candidate.votes)).await
    }
}
