use super::{MAX_TOTAL_POWER, ValidatorSet, ValidatorSetError};
use crate::{Validator, key_from_raw, raw};

impl ValidatorSet {
    /// The message, complete as Go writes it; the total is left out, as there.
    pub fn to_raw(&self) -> raw::ValidatorSet {
        raw::ValidatorSet {
            validators: self.validators.iter().map(Validator::to_raw).collect(),
            proposer: self.proposer.as_ref().map(Validator::to_raw),
            total_voting_power: 0,
        }
    }

    /// Reads a message (`ValidatorSetFromProto`); the total is computed, never believed.
    ///
    /// # Errors
    /// [`ValidatorSetError`]: no validators, keys that are none, addresses that are not the keys', powers or a total out
    /// of range, an order that is not a set's, a proposer that is no member.
    pub fn from_raw(set: &raw::ValidatorSet) -> Result<Self, ValidatorSetError> {
        let validators: Vec<_> = set
            .validators
            .iter()
            .enumerate()
            .map(|(index, validator)| validator_from_raw(index, validator))
            .collect::<Result<_, _>>()?;
        if validators.is_empty() {
            return Err(ValidatorSetError::Nobody);
        }
        let ordered = |a: &Validator, b: &Validator| (b.power, a.address()) < (a.power, b.address());
        if let Some(index) = validators.windows(2).position(|pair| !ordered(&pair[0], &pair[1])) {
            return Err(ValidatorSetError::Order(index + 1));
        }
        let total = validators
            .iter()
            .try_fold(0_i64, |sum, validator| sum.checked_add(validator.power).filter(|sum| *sum <= MAX_TOTAL_POWER));
        let total = total.ok_or(ValidatorSetError::TotalTooHigh)?;
        let proposer = set.proposer.as_ref().ok_or(ValidatorSetError::Proposer)?;
        let proposer = validator_from_raw(0, proposer).map_err(|_| ValidatorSetError::Proposer)?;
        let set = Self { validators, proposer: None, total };
        if !set.contains(proposer.address()) {
            return Err(ValidatorSetError::Proposer);
        }
        Ok(Self { proposer: Some(proposer), ..set })
    }
}

fn validator_from_raw(index: usize, raw: &raw::Validator) -> Result<Validator, ValidatorSetError> {
    let key = key_from_raw(raw.pub_key.as_ref()).map_err(|error| ValidatorSetError::Key { index, error })?;
    if raw.voting_power < 0 {
        return Err(ValidatorSetError::NegativePower(raw.voting_power));
    }
    let mut validator = Validator::new(key, raw.voting_power);
    validator.priority = raw.proposer_priority;
    if raw.address != validator.address() {
        let (expected, got) = (*validator.address(), raw.address.clone());
        return Err(ValidatorSetError::Address { index, expected, got });
    }
    Ok(validator)
}
