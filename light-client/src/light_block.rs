use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tendermint::account::Id as Address;
use tendermint::block::Header;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator::{Info as Validator, Set as ValidatorSet};
use tendermint::{Hash, Time};
use thiserror::Error;

use crate::rpc::WireValidator;

/// Most validators in a set: CometBFT's `MaxVotesCount`, beyond which it accepts no commit.
pub const MAX_VALIDATORS: usize = 10_000;

/// A header with the commit that finalised it and the validators who could sign it: everything that verification needs
/// of one height.
///
/// It is well formed (see [`InvalidBlock`]) but proves nothing until [`verify_step`](crate::verify_step) accepts it. It serialises for a
/// [`Store`](crate::Store) as `{"signed_header": .., "validators": [..]}` in the RPC's dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct LightBlock {
    signed_header: SignedHeader,
    validators: ValidatorSet,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    signed_header: SignedHeader,
    validators: Vec<WireValidator>,
}

impl LightBlock {
    /// Puts the parts together; the order of `validators` does not matter.
    ///
    /// # Errors
    /// [`InvalidBlock`] for what no chain can have made.
    pub fn new(signed_header: SignedHeader, validators: Vec<Validator>) -> Result<Self, InvalidBlock> {
        let height = signed_header.header.height.value();
        // The next height must exist as well: it is computed.
        if height == 0 || height >= i64::MAX.unsigned_abs() {
            return Err(InvalidBlock::Height { height });
        }
        if validators.is_empty() || validators.len() > MAX_VALIDATORS {
            return Err(InvalidBlock::ValidatorCount { height, count: validators.len() });
        }
        let mut seen = BTreeSet::new();
        let mut total = 0_u128;
        for validator in &validators {
            let derived = Address::from(validator.pub_key);
            if derived != validator.address {
                return Err(InvalidBlock::Address { height, stated: validator.address, derived });
            }
            if validator.power.is_zero() {
                return Err(InvalidBlock::NoPower { height, validator: validator.address });
            }
            if !seen.insert(validator.address.as_bytes()) {
                return Err(InvalidBlock::Duplicate { height, validator: validator.address });
            }
            total = total.saturating_add(u128::from(validator.power.value()));
        }
        if total > u128::from(ValidatorSet::MAX_TOTAL_VOTING_POWER) {
            return Err(InvalidBlock::TotalPower { height, total });
        }
        Ok(Self { signed_header, validators: ValidatorSet::without_proposer(validators) })
    }

    /// Height of the header.
    pub fn height(&self) -> u64 {
        self.signed_header.header.height.value()
    }

    /// Time of the header.
    pub fn time(&self) -> Time {
        self.signed_header.header.time
    }

    /// Hash of the header, computed.
    pub fn hash(&self) -> Hash {
        self.signed_header.header.hash()
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.signed_header.header
    }

    /// Root of the state **before** this block, that is after the block at `height() - 1`.
    pub fn app_hash(&self) -> &[u8] {
        self.signed_header.header.app_hash.as_bytes()
    }

    /// Header and commit.
    pub fn signed_header(&self) -> &SignedHeader {
        &self.signed_header
    }

    /// The validators of this height, power descending, then address ascending.
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// Power of those who signed this block in its commit, by what the commit says; nothing is verified here.
    pub fn signed_power(&self) -> u64 {
        let powers = self.signers().filter_map(|address| self.validators.validator(address));
        // A commit that nobody has verified may name someone often.
        powers.fold(0, |total, validator| total.saturating_add(validator.power()))
    }

    /// Addresses of those who signed this block (not `nil`) in its commit.
    pub fn signers(&self) -> impl Iterator<Item = Address> {
        let signatures = self.signed_header.commit.signatures.iter();
        signatures.filter(|signature| signature.is_commit()).filter_map(|signature| signature.validator_address())
    }
}

impl TryFrom<Stored> for LightBlock {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let validators = stored.validators.into_iter().map(Validator::try_from).collect::<Result<_, _>>();
        Self::new(stored.signed_header, validators.map_err(|error| error.to_string())?)
            .map_err(|error| error.to_string())
    }
}

impl From<LightBlock> for Stored {
    fn from(block: LightBlock) -> Self {
        let validators = block.validators.validators().iter().map(WireValidator::from).collect();
        Self { signed_header: block.signed_header, validators }
    }
}

/// A light block that no chain can have made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidBlock {
    /// Height out of range.
    #[error("height is {height}: want 1 to 2^63 - 2")]
    Height {
        /// Stated height.
        height: u64,
    },
    /// No validator, or too many.
    #[error("block {height} has {count} validators: want 1 to {MAX_VALIDATORS}")]
    ValidatorCount {
        /// Height of the block.
        height: u64,
        /// How many there are.
        count: usize,
    },
    /// An address that is not its key's.
    #[error("a validator of block {height} has the address {stated}, but its key's address is {derived}")]
    Address {
        /// Height of the block.
        height: u64,
        /// Stated address.
        stated: Address,
        /// Address of the key.
        derived: Address,
    },
    /// A validator without power is not in the set.
    #[error("validator {validator} of block {height} has power 0")]
    NoPower {
        /// Height of the block.
        height: u64,
        /// Its address.
        validator: Address,
    },
    /// Twice in the set.
    #[error("validator {validator} is twice in the set of block {height}")]
    Duplicate {
        /// Height of the block.
        height: u64,
        /// Its address.
        validator: Address,
    },
    /// CometBFT's bound, 2^60.
    #[error("the validators of block {height} have power {total} together: at most {max}", max = ValidatorSet::MAX_TOTAL_VOTING_POWER)]
    TotalPower {
        /// Height of the block.
        height: u64,
        /// Their power together.
        total: u128,
    },
}
