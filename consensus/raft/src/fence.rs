//! No vote and no signature after a start until a quorum has said that nothing newer of this key exists.
//!
//! A node whose folder was restored from an old backup does not know what it signed since. Its peers do: each node
//! remembers the newest vote of every validator that it has seen. Before the first signature this node asks them, and
//! takes over whatever is newer than its own record (`wire-rules.md` §3). A single validator cannot ask anybody.

use std::collections::BTreeSet;

use plume_block::{ValidatorSet, Vote};

/// What a quorum knows.
#[derive(Debug)]
pub struct Known {
    /// The newest vote of this node's validator.
    pub newest: Option<Vote>,
    /// The greatest height that one of them has decided.
    pub height: u64,
}

/// Where the question stands.
#[derive(Debug)]
pub struct Fence {
    own: [u8; 20],
    answered: BTreeSet<[u8; 20]>,
    newest: Option<Vote>,
    height: u64,
    open: bool,
}

impl Fence {
    /// A fence for the validator with this address, still closed.
    pub fn new(own: [u8; 20]) -> Self {
        Self { own, answered: BTreeSet::new(), newest: None, height: 0, open: false }
    }

    /// Whether this node may vote and sign.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The validator `from` has answered with the newest vote of ours that it saw, verified, and its own height.
    pub fn answer(&mut self, from: [u8; 20], vote: Option<Vote>, height: u64) {
        self.height = self.height.max(height);
        self.answered.insert(from);
        let newer = |vote: &Vote, than: &Vote| (vote.height, vote.round) > (than.height, than.round);
        if let Some(vote) = vote
            && self.newest.as_ref().is_none_or(|newest| newer(&vote, newest))
        {
            self.newest = Some(vote);
        }
    }

    /// Opens when those who answered, with this node, have more than two thirds of the power; gives what they know,
    /// once.
    pub fn try_open(&mut self, validators: &ValidatorSet) -> Option<Known> {
        if self.open {
            return None;
        }
        let total = i128::from(validators.total_power());
        let answered: i128 = validators
            .validators()
            .iter()
            .filter(|validator| *validator.address() == self.own || self.answered.contains(validator.address()))
            .map(|validator| i128::from(validator.power))
            .sum();
        if answered * 3 <= total * 2 {
            return None;
        }
        self.open = true;
        Some(Known { newest: self.newest.take(), height: self.height })
    }
}
