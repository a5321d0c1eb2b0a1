mod message;
mod priority;
mod update;

use plume_engine::ValidatorUpdate;

use crate::{Address, Hash, InvalidKey, Validator, merkle};

/// Largest total power of a set (`MaxTotalVotingPower`): an eighth of the largest integer, so that no sum overflows.
pub const MAX_TOTAL_POWER: i64 = i64::MAX / 8;

/// The validators of a height, power descending, then address ascending, with CometBFT's proposer rotation.
///
/// Never empty in a state of a chain, except as "the validators before the first block".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    /// The last one that was picked, as it was then.
    proposer: Option<Validator>,
    total: i64,
}

/// Changes that cannot be applied, or a message that is not a set. Texts are CometBFT's, with both sides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Two changes of one validator.
    #[error("duplicate entry {} in the validator changes", hex::encode_upper(.0))]
    Duplicate(Address),
    /// A power below 0.
    #[error("voting power can't be negative: {0}")]
    NegativePower(i64),
    /// A power above the largest total.
    #[error("to prevent clipping/overflow, voting power can't be higher than {MAX_TOTAL_POWER}, got {0}")]
    PowerTooHigh(i64),
    /// A removal where a new set is made.
    #[error("cannot process validators with voting power 0: {}", hex::encode_upper(.0))]
    ZeroPower(Address),
    /// Nobody would be left.
    #[error("applying the validator changes would result in empty set")]
    Empty,
    /// A removal of somebody who is not there.
    #[error("failed to find validator {} to remove", hex::encode_upper(.0))]
    NotFound(Address),
    /// Too much power altogether.
    #[error("total voting power of resulting valset exceeds max {MAX_TOTAL_POWER}")]
    TotalTooHigh,
    /// A message without validators.
    #[error("validator set is nil or empty")]
    Nobody,
    /// A message with something that is not a key.
    #[error("invalid validator #{index}: {error}")]
    Key {
        /// Position in the set.
        index: usize,
        /// What is wrong.
        error: InvalidKey,
    },
    /// A message with an address that is not the key's.
    #[error("invalid validator #{index}: address is incorrectly derived from pubkey. Exp: {}, got {}", hex::encode_upper(.expected), hex::encode_upper(.got))]
    Address {
        /// Position in the set.
        index: usize,
        /// The key's address.
        expected: Address,
        /// The address found.
        got: Vec<u8>,
    },
    /// A message without a proposer, or with one that is no member.
    #[error("proposer not in validator set")]
    Proposer,
    /// A message whose validators are not in the order of a set.
    #[error("validator #{0} is out of order")]
    Order(usize),
}

impl ValidatorSet {
    /// The set of `updates` with its first proposer picked (`NewValidatorSet`); an empty one of none.
    ///
    /// # Errors
    /// [`ValidatorSetError`], also for a power of 0.
    pub fn new(updates: &[ValidatorUpdate]) -> Result<Self, ValidatorSetError> {
        let mut set = Self::default();
        set.change(updates, false)?;
        set.increment_proposer_priority(1);
        Ok(set)
    }

    /// The validators in the order of the set.
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// Number of validators.
    pub fn len(&self) -> usize {
        self.validators.len()
    }

    /// Whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.validators.is_empty()
    }

    /// Sum of the powers.
    pub fn total_power(&self) -> i64 {
        self.total
    }

    /// Two thirds of the total, rounded down: a commit needs **more**.
    pub fn two_thirds(&self) -> i64 {
        // No overflow: the total is at most an eighth of the largest integer.
        self.total * 2 / 3
    }

    /// A validator and its position.
    pub fn get(&self, address: &Address) -> Option<(usize, &Validator)> {
        self.validators.iter().enumerate().find(|(_, validator)| validator.address() == address)
    }

    /// Whether `address` is a validator.
    pub fn contains(&self, address: &Address) -> bool {
        self.get(address).is_some()
    }

    /// Whose turn it is to propose; `None` in an empty set.
    pub fn proposer(&self) -> Option<&Validator> {
        self.proposer.as_ref()
    }

    /// Merkle root over keys and powers, as headers carry it. Priorities are not part of it.
    pub fn hash(&self) -> Hash {
        let leaves: Vec<_> = self.validators.iter().map(Validator::hashed_bytes).collect();
        merkle::root(&leaves)
    }

    /// Applies `updates`: new power for a member, a new member, or removal by power 0 (`UpdateWithChangeSet`).
    ///
    /// Members keep their priority; new ones start at -1.125 times the total, so that leaving and returning gains
    /// nothing. Afterwards priorities are scaled and centred. The proposer stays until
    /// [`increment_proposer_priority`](Self::increment_proposer_priority). On error nothing has changed.
    ///
    /// # Errors
    /// [`ValidatorSetError`].
    pub fn update(&mut self, updates: &[ValidatorUpdate]) -> Result<(), ValidatorSetError> {
        self.change(updates, true)
    }
}
