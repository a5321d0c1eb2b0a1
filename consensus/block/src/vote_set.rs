use plume_primitives::Height;

use crate::commit::absent;
use crate::{BlockId, ValidatorSet, Vote, VoteError, raw};

/// Collects the precommits of one height and round for one block until they make a commit.
#[derive(Debug, Clone)]
pub struct VoteSet {
    chain_id: String,
    height: Height,
    round: i32,
    block_id: BlockId,
    validators: ValidatorSet,
    /// The first valid vote of each validator, for this block or another.
    votes: Vec<Option<Vote>>,
    /// Power behind this block.
    power: i64,
}

/// What became of a valid vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    New,
    /// It was there already.
    Duplicate,
}

impl VoteSet {
    /// An empty set for votes of `validators`, those of `height`, for `block_id`.
    pub fn new(
        chain_id: impl Into<String>,
        height: Height,
        round: i32,
        block_id: BlockId,
        validators: ValidatorSet,
    ) -> Self {
        let votes = vec![None; validators.len()];
        Self { chain_id: chain_id.into(), height, round, block_id, validators, votes, power: 0 }
    }

    /// Height of the votes.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Round of the votes.
    pub fn round(&self) -> i32 {
        self.round
    }

    /// The block that votes are collected for.
    pub fn block_id(&self) -> &BlockId {
        &self.block_id
    }

    /// Verifies and adds a vote (`VoteSet.AddVote`).
    ///
    /// A validator's first valid vote at this height and round is remembered, whatever it is for; only one for
    /// [`block_id`](Self::block_id) counts.
    ///
    /// # Errors
    /// [`VoteError`]; [`VoteError::Conflicting`] proves that the validator broke the protocol.
    pub fn add(&mut self, vote: Vote) -> Result<Added, VoteError> {
        if (vote.height, vote.round) != (self.height, self.round) {
            return Err(VoteError::Step {
                expected_height: self.height,
                expected_round: self.round,
                got_height: vote.height,
                got_round: vote.round,
            });
        }
        let index = vote.validator_index;
        let unknown = VoteError::UnknownIndex { index, size: self.validators.len() };
        let position = usize::try_from(index).map_err(|_| unknown.clone())?;
        let (validator, slot) =
            self.validators.validators().get(position).zip(self.votes.get_mut(position)).ok_or(unknown)?;
        if vote.validator_address != *validator.address() {
            let (expected, got) = (*validator.address(), vote.validator_address);
            return Err(VoteError::Address { index, expected, got });
        }
        if slot.as_ref() == Some(&vote) && vote.block_id == self.block_id {
            return Ok(Added::Duplicate);
        }
        if !vote.verify(&self.chain_id, &validator.key) {
            return Err(VoteError::Signature(vote.validator_address));
        }
        match slot {
            Some(first) if first.block_id != vote.block_id => {
                return Err(VoteError::Conflicting(Box::new(first.clone()), Box::new(vote)));
            }
            Some(first) if *first != vote => return Err(VoteError::NonDeterministic(vote.validator_address)),
            _ => {}
        }
        let got = vote.block_id;
        let is_new = slot.replace(vote).is_none();
        if got != self.block_id {
            return Err(VoteError::OtherBlock { expected: Box::new(self.block_id), got: Box::new(got) });
        }
        if is_new {
            // No overflow: each validator counts once, and the total of the set is bounded.
            self.power += validator.power;
        }
        Ok(Added::New)
    }

    /// The votes for the block, in set order.
    pub fn votes(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().flatten().filter(|vote| vote.block_id == self.block_id)
    }

    /// Whether the validator at `index` has voted for the block.
    pub fn has(&self, index: usize) -> bool {
        self.votes.get(index).is_some_and(|vote| vote.as_ref().is_some_and(|vote| vote.block_id == self.block_id))
    }

    /// Power behind the block.
    pub fn power(&self) -> i64 {
        self.power
    }

    /// Whether more than two thirds of the power is behind the block.
    pub fn has_two_thirds(&self) -> bool {
        self.power > self.validators.two_thirds()
    }

    /// The commit: one entry for each validator in set order, absent where it has not voted for the block. It proves
    /// something only if [`has_two_thirds`](Self::has_two_thirds).
    pub fn commit(&self) -> raw::Commit {
        let signatures = self
            .votes
            .iter()
            .map(|vote| {
                vote.as_ref().filter(|vote| vote.block_id == self.block_id).map_or_else(absent, Vote::to_commit_sig)
            })
            .collect();
        raw::Commit {
            height: self.height.to_i64(),
            round: self.round,
            block_id: Some(self.block_id.to_raw()),
            signatures,
        }
    }
}
