use core::cell::Cell;

use plume_primitives::Gas;
use plume_state::OutOfGas;

/// Counts the gas of one transaction, or of a block hook without a limit.
///
/// Interior mutability lets reads charge through a shared reference; one thread owns a meter.
#[derive(Debug)]
pub struct GasMeter {
    limit: Option<u64>,
    used: Cell<u64>,
}

impl GasMeter {
    /// A meter that refuses to count beyond `limit`.
    pub fn limited(limit: Gas) -> Self {
        Self { limit: Some(limit.get()), used: Cell::new(0) }
    }

    /// A meter that only counts: block hooks, genesis, simulation.
    pub fn unlimited() -> Self {
        Self { limit: None, used: Cell::new(0) }
    }

    /// Gas used so far; may exceed the limit by the charge that broke it, as in the SDK.
    pub fn used(&self) -> Gas {
        Gas(self.used.get())
    }

    /// The limit, if there is one.
    pub fn limit(&self) -> Option<Gas> {
        self.limit.map(Gas)
    }

    /// Adds `amount`; `location` names what it is for.
    ///
    /// # Errors
    /// [`OutOfGas`] (`sdk/11` once it reaches the transaction's result) when the sum is above the
    /// limit. The sum is kept, so that the result reports what would have been needed.
    pub fn charge(&self, amount: u64, location: &'static str) -> Result<(), OutOfGas> {
        // # Consensus
        // Saturation stands for the SDK's `ErrorGasOverflow`: both end the transaction with code 11.
        let used = self.used.get().saturating_add(amount);
        self.used.set(used);
        match self.limit {
            Some(limit) if used > limit => Err(OutOfGas { location: location.into(), limit, used }),
            _ => Ok(()),
        }
    }
}

/// Prices of store access (`store/types/gas.go` of SDK 0.50).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvGas {
    /// Asking whether a key exists.
    pub has: u64,
    /// Deleting a key.
    pub delete: u64,
    /// Reading, flat part.
    pub read_flat: u64,
    /// Reading, per byte of key and value.
    pub read_per_byte: u64,
    /// Writing, flat part.
    pub write_flat: u64,
    /// Writing, per byte of key and value.
    pub write_per_byte: u64,
    /// Each step of an iterator, flat part.
    pub iter_next_flat: u64,
}

impl KvGas {
    /// The SDK's persistent stores.
    pub const SDK: Self = Self {
        has: 1000,
        delete: 1000,
        read_flat: 1000,
        read_per_byte: 3,
        write_flat: 2000,
        write_per_byte: 30,
        iter_next_flat: 30,
    };

    /// `per_byte * (key + value)`, saturating: no real entry comes near.
    pub(crate) fn per_bytes(per_byte: u64, len: usize) -> u64 {
        u64::try_from(len).unwrap_or(u64::MAX).saturating_mul(per_byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_may_be_reached_and_not_passed() {
        let meter = GasMeter::limited(Gas(10));
        assert_eq!(meter.charge(10, "A"), Ok(()));
        assert_eq!(meter.charge(1, "B"), Err(OutOfGas { location: "B".into(), limit: 10, used: 11 }));
        assert_eq!(meter.used(), Gas(11));
    }

    #[test]
    fn overflow_ends_as_out_of_gas() {
        let meter = GasMeter::limited(Gas(u64::MAX - 1));
        assert_eq!(meter.charge(u64::MAX - 1, "A"), Ok(()));
        assert!(meter.charge(u64::MAX, "B").is_err());
    }
}
