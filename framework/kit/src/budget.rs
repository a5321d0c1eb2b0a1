use core::ops::Bound;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use plume_state::{Direction, KvRead, OutOfGas, RangeIter, StateError, StateView, Store};

use crate::KvGas;

/// A view of the state that ends when a query has done too much work: reads and steps of iterators cost what they cost a
/// transaction, and beyond the limit every access fails with [`StateError::Gas`].
///
/// Without it one request for a page of a billion entries, or with a great offset, would keep a processor busy for as long
/// as its sender likes.
pub struct Budgeted {
    view: Arc<dyn StateView>,
    limit: u64,
    used: AtomicU64,
}

impl Budgeted {
    /// `view` with `limit` gas to spend on reading it.
    pub fn new(view: Arc<dyn StateView>, limit: u64) -> Self {
        Self { view, limit, used: AtomicU64::new(0) }
    }

    fn charge(&self, flat: u64, len: usize, location: &'static str) -> Result<(), StateError> {
        let amount = flat.saturating_add(KvGas::per_bytes(KvGas::SDK.read_per_byte, len));
        // One query runs on one thread: the counter is atomic only because views can be shared.
        let used = self.used.load(Ordering::Relaxed).saturating_add(amount);
        self.used.store(used, Ordering::Relaxed);
        if used > self.limit {
            return Err(OutOfGas { location: location.into(), limit: self.limit, used }.into());
        }
        Ok(())
    }
}

impl KvRead for Budgeted {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        let value = self.view.get(store, key)?;
        let read = key.len().saturating_add(value.as_ref().map_or(0, Bytes::len));
        self.charge(KvGas::SDK.read_flat, read, "ReadFlat")?;
        Ok(value)
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        let mut entries = self.view.range(store, start, end, direction)?;
        let mut ended = false;
        Ok(RangeIter::new(core::iter::from_fn(move || {
            if ended {
                return None;
            }
            let entry = entries.next()?;
            let Ok((key, value)) = &entry else { return Some(entry) };
            match self.charge(KvGas::SDK.iter_next_flat, key.len().saturating_add(value.len()), "IterNextFlat") {
                Ok(()) => Some(entry),
                Err(e) => {
                    ended = true;
                    Some(Err(e))
                }
            }
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten keys of one byte, each with a value of one byte.
    struct Ten;

    const STORE: Store = Store::committed("s");

    impl KvRead for Ten {
        fn get(&self, _: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
            Ok((key[0] < 10).then(|| Bytes::from_static(&[1])))
        }

        fn range(&self, _: Store, _: Bound<&[u8]>, _: Bound<&[u8]>, _: Direction) -> Result<RangeIter<'_>, StateError> {
            Ok(RangeIter::new((0..10u8).map(|i| Ok((Bytes::copy_from_slice(&[i]), Bytes::from_static(&[1]))))))
        }
    }

    #[test]
    fn iteration_ends_at_the_limit_and_not_before() {
        let all = |limit| {
            let view = Budgeted::new(Arc::new(Ten), limit);
            view.range(STORE, Bound::Unbounded, Bound::Unbounded, Direction::Ascending).unwrap().collect::<Vec<_>>()
        };
        // 30 for the step, 3 for each of two bytes.
        assert_eq!(all(360).iter().filter(|entry| entry.is_ok()).count(), 10);
        let cut = all(359);
        assert_eq!(cut.len(), 10, "after the error the iterator ends");
        let Err(StateError::Gas(e)) = &cut[9] else { panic!("{:?}", cut[9]) };
        assert_eq!((e.limit, e.used, &*e.location), (359, 360, "IterNextFlat"));
    }

    #[test]
    fn reads_of_present_and_absent_keys_are_charged() {
        let view = Budgeted::new(Arc::new(Ten), 1006 + 1003);
        assert!(view.get(STORE, &[3]).unwrap().is_some());
        assert!(view.get(STORE, &[33]).unwrap().is_none());
        assert!(matches!(view.get(STORE, &[3]), Err(StateError::Gas(_))));
    }
}
