use std::collections::BTreeMap;

use plume_engine::ValidatorUpdate;

use super::{MAX_TOTAL_POWER, ValidatorSet, ValidatorSetError};
use crate::{Address, Validator};

/// Changes by address, each valid by itself.
struct Changes {
    updates: BTreeMap<Address, Validator>,
    removals: BTreeMap<Address, Validator>,
}

impl Changes {
    /// Splits `updates`; the order in which errors are found is CometBFT's: by address.
    fn of(updates: &[ValidatorUpdate]) -> Result<Self, ValidatorSetError> {
        let mut sorted: Vec<Validator> = updates.iter().map(Validator::from).collect();
        sorted.sort_by_key(|validator| *validator.address());
        let mut changes = Self { updates: BTreeMap::new(), removals: BTreeMap::new() };
        let mut previous = None;
        for validator in sorted {
            let address = *validator.address();
            if previous == Some(address) {
                return Err(ValidatorSetError::Duplicate(address));
            }
            match validator.power {
                power @ ..0 => return Err(ValidatorSetError::NegativePower(power)),
                power if power > MAX_TOTAL_POWER => return Err(ValidatorSetError::PowerTooHigh(power)),
                0 => changes.removals.insert(address, validator),
                _ => changes.updates.insert(address, validator),
            };
            previous = Some(address);
        }
        Ok(changes)
    }
}

impl ValidatorSet {
    /// `updateWithChangeSet`: checks everything before it changes anything.
    pub(super) fn change(
        &mut self,
        updates: &[ValidatorUpdate],
        removals_allowed: bool,
    ) -> Result<(), ValidatorSetError> {
        if updates.is_empty() {
            return Ok(());
        }
        let Changes { mut updates, removals } = Changes::of(updates)?;
        if let Some(address) = removals.keys().next().filter(|_| !removals_allowed) {
            return Err(ValidatorSetError::ZeroPower(*address));
        }
        let newcomers = updates.keys().any(|address| !self.contains(address));
        if !newcomers && self.len() == removals.len() {
            return Err(ValidatorSetError::Empty);
        }
        let removed = self.power_of(&removals)?;
        let total_before_removals = self.total_after(&updates, removed)? + removed;
        self.set_priorities(&mut updates, total_before_removals);
        self.apply(updates, &removals);
        Ok(())
    }

    /// Power that goes with `removals`, all of which must be members.
    fn power_of(&self, removals: &BTreeMap<Address, Validator>) -> Result<i64, ValidatorSetError> {
        removals.keys().try_fold(0, |sum, address| {
            let (_, member) = self.get(address).ok_or(ValidatorSetError::NotFound(*address))?;
            Ok(sum + member.power)
        })
    }

    /// Total after `updates`, less `removed`. No step on the way may exceed the maximum; decreases count first, so the
    /// order in which the application listed the changes does not matter.
    fn total_after(&self, updates: &BTreeMap<Address, Validator>, removed: i64) -> Result<i64, ValidatorSetError> {
        let mut differences: Vec<i64> = updates
            .iter()
            .map(|(address, update)| update.power - self.get(address).map_or(0, |(_, member)| member.power))
            .collect();
        differences.sort_unstable();
        differences.into_iter().try_fold(self.total - removed, |total, difference| {
            Some(total + difference).filter(|total| *total <= MAX_TOTAL_POWER).ok_or(ValidatorSetError::TotalTooHigh)
        })
    }

    fn set_priorities(&self, updates: &mut BTreeMap<Address, Validator>, total: i64) {
        for (address, update) in updates {
            update.priority = match self.get(address) {
                Some((_, member)) => member.priority,
                None => -(total + (total >> 3)),
            };
        }
    }

    fn apply(&mut self, updates: BTreeMap<Address, Validator>, removals: &BTreeMap<Address, Validator>) {
        let proposer_unchanged = self
            .proposer
            .as_ref()
            .map(|proposer| *proposer.address())
            .filter(|address| !updates.contains_key(address) && !removals.contains_key(address));
        self.validators.retain(|validator| {
            !removals.contains_key(validator.address()) && !updates.contains_key(validator.address())
        });
        self.validators.extend(updates.into_values());
        self.total = self.validators.iter().map(|validator| validator.power).sum();
        self.scale_and_centre();
        self.validators.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.address().cmp(b.address())));
        // In Go the proposer is a pointer to the member, unless that was replaced.
        if let Some(address) = proposer_unchanged {
            self.proposer = self.get(&address).map(|(_, member)| member.clone());
        }
    }
}
