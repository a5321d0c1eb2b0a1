use std::cmp::Ordering;

use plume_engine::{ValidatorKey, ValidatorUpdate};
use plume_home::keys::consensus_address;
use prost::Message;

use crate::{Address, key_to_raw, raw};

/// A validator of a height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Consensus key.
    pub key: ValidatorKey,
    /// Voting power, above 0 within a set.
    pub power: i64,
    /// Proposer priority: the validator with the highest proposes.
    pub priority: i64,
    address: Address,
}

impl Validator {
    /// A validator that has not proposed yet (priority 0).
    pub fn new(key: ValidatorKey, power: i64) -> Self {
        let address = consensus_address(&key);
        Self { key, power, priority: 0, address }
    }

    /// Address that follows from the key.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the hash of a set covers: key and power (`SimpleValidator`).
    pub(crate) fn hashed_bytes(&self) -> Vec<u8> {
        raw::SimpleValidator { pub_key: Some(key_to_raw(&self.key)), voting_power: self.power }.encode_to_vec()
    }

    /// The message, complete as Go writes it.
    pub fn to_raw(&self) -> raw::Validator {
        raw::Validator {
            address: self.address.to_vec(),
            pub_key: Some(key_to_raw(&self.key)),
            voting_power: self.power,
            proposer_priority: self.priority,
        }
    }

    /// Higher priority first, then lower address: who proposes before whom.
    pub(crate) fn proposes_before(&self, other: &Self) -> Ordering {
        other.priority.cmp(&self.priority).then_with(|| self.address.cmp(&other.address))
    }
}

impl From<&ValidatorUpdate> for Validator {
    fn from(update: &ValidatorUpdate) -> Self {
        Self::new(update.key.clone(), update.power)
    }
}
