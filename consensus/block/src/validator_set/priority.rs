use super::ValidatorSet;

/// Priorities are at most this many totals apart (`PriorityWindowSizeFactor`).
const WINDOW: i64 = 2;

impl ValidatorSet {
    /// Picks the proposer `times` rounds on: each round everyone gains its power, and whoever is ahead pays the total.
    ///
    /// Nothing happens to an empty set or with `times` 0, both of which CometBFT does not allow.
    pub fn increment_proposer_priority(&mut self, times: u32) {
        if self.validators.is_empty() {
            return;
        }
        if times > 0 {
            self.scale_and_centre();
        }
        for _ in 0..times {
            self.one_round();
        }
    }

    fn one_round(&mut self) {
        let total = self.total;
        for validator in &mut self.validators {
            validator.priority = validator.priority.saturating_add(validator.power);
        }
        let ahead = self.validators.iter_mut().min_by(|a, b| a.proposes_before(b));
        if let Some(ahead) = ahead {
            ahead.priority = ahead.priority.saturating_sub(total);
            self.proposer = Some(ahead.clone());
        }
    }

    /// Brings priorities within the window, then around zero.
    pub(super) fn scale_and_centre(&mut self) {
        // No overflow: the total is at most an eighth of the largest integer.
        self.rescale(WINDOW * self.total);
        self.shift_by_average();
    }

    /// Divides all priorities by one integer until they are at most `window` apart, towards zero.
    fn rescale(&mut self, window: i64) {
        let (Some(highest), Some(lowest)) = (
            self.validators.iter().map(|validator| validator.priority).max(),
            self.validators.iter().map(|validator| validator.priority).min(),
        ) else {
            return;
        };
        if window <= 0 {
            return;
        }
        // Go's integers wrap around; priorities of a valid set never get that far.
        let spread = highest.wrapping_sub(lowest).wrapping_abs();
        if spread > window {
            let ratio = spread.wrapping_add(window).wrapping_sub(1) / window;
            for validator in &mut self.validators {
                validator.priority = validator.priority.wrapping_div(ratio);
            }
        }
    }

    /// Subtracts the average, rounded down.
    fn shift_by_average(&mut self) {
        let Some(count) = i128::try_from(self.validators.len()).ok().filter(|count| *count > 0) else { return };
        let sum: i128 = self.validators.iter().map(|validator| i128::from(validator.priority)).sum();
        // An average of 64-bit numbers is one.
        let average = i64::try_from(sum.div_euclid(count)).unwrap_or(0);
        for validator in &mut self.validators {
            validator.priority = validator.priority.saturating_sub(average);
        }
    }
}
