//! The two traits through which everything reads and writes state.

use std::ops::Bound;

use bytes::Bytes;

use crate::error::hex;
use crate::{MAX_KEY_LEN, MAX_VALUE_LEN, SENTINEL_KEY, StateError, Store};

/// The order of an iteration over keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Reading. Object safe; implemented by snapshots, overlays and the kit's contexts (which charge gas).
pub trait KvRead {
    /// The value at `key`, or `None` when nothing is stored there.
    ///
    /// # Errors
    /// [`StateError`]; see there.
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError>;

    /// The records between two bounds, in the given direction, read lazily.
    ///
    /// An inverted or empty interval yields nothing.
    ///
    /// # Errors
    /// [`StateError`], here or from the iterator's items; after an error the iterator ends.
    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError>;

    /// Whether something is stored at `key`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn has(&self, store: Store, key: &[u8]) -> Result<bool, StateError> {
        Ok(self.get(store, key)?.is_some())
    }
}

/// Writing.
pub trait KvWrite: KvRead {
    /// Stores `value` at `key`, replacing what was there.
    ///
    /// # Errors
    /// [`StateError::Fatal`] for an empty key or value, a key above [`MAX_KEY_LEN`](crate::MAX_KEY_LEN) and the reserved
    /// sentinel key. ICS-23 cannot prove an empty value nor the absence of its neighbours, so none may exist.
    fn set(&mut self, store: Store, key: &[u8], value: Bytes) -> Result<(), StateError>;

    /// Removes `key`. Removing an absent key changes nothing.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    fn delete(&mut self, store: Store, key: &[u8]) -> Result<(), StateError>;
}

/// A record: key and value.
pub type Record = (Bytes, Bytes);

/// The lazy result of [`KvRead::range`].
pub struct RangeIter<'a> {
    inner: Box<dyn Iterator<Item = Result<Record, StateError>> + 'a>,
}

impl<'a> RangeIter<'a> {
    /// Wraps an iterator over records; wrappers (gas, observers) map over another `RangeIter` and wrap the result again.
    pub fn new(inner: impl Iterator<Item = Result<Record, StateError>> + 'a) -> Self {
        Self { inner: Box::new(inner) }
    }

    /// An iterator over nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(std::iter::empty())
    }
}

impl Iterator for RangeIter<'_> {
    type Item = Result<Record, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next()
    }
}

/// An immutable view that can be shared between threads: a snapshot, or anything that reads like one.
pub trait StateView: KvRead + Send + Sync {}

impl<T: KvRead + Send + Sync> StateView for T {}

impl<T: KvRead + ?Sized> KvRead for &T {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        (**self).get(store, key)
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        (**self).range(store, start, end, direction)
    }

    fn has(&self, store: Store, key: &[u8]) -> Result<bool, StateError> {
        (**self).has(store, key)
    }
}

/// The smallest key that is above every key with this prefix; `Unbounded` when there is none (a prefix of `0xFF` only).
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

/// Borrows the bytes of an owned bound.
#[must_use]
pub fn bound_ref(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// True when no key can lie between the bounds, so that ordered maps need not be asked (they panic on inverted bounds).
#[must_use]
pub(crate) fn interval_is_empty(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
        | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
    }
}

/// Whether `key` lies between the bounds.
#[must_use]
pub(crate) fn interval_contains(start: Bound<&[u8]>, end: Bound<&[u8]>, key: &[u8]) -> bool {
    (match start {
        Bound::Included(start) => start <= key,
        Bound::Excluded(start) => start < key,
        Bound::Unbounded => true,
    }) && (match end {
        Bound::Included(end) => key <= end,
        Bound::Excluded(end) => key < end,
        Bound::Unbounded => true,
    })
}

/// The rules that every write keeps (see [`KvWrite::set`]).
pub(crate) fn require_writable(store: Store, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
    let reason = if key.is_empty() {
        "empty key".to_owned()
    } else if key.len() > MAX_KEY_LEN {
        format!("key of {} bytes: at most {MAX_KEY_LEN}", key.len())
    } else if key == SENTINEL_KEY {
        "the sentinel key is reserved".to_owned()
    } else if value.is_some_and(<[u8]>::is_empty) {
        format!("empty value at key {}", hex(key))
    } else if value.is_some_and(|value| value.len() > MAX_VALUE_LEN) {
        format!("value above {MAX_VALUE_LEN} bytes at key {}", hex(key))
    } else {
        return Ok(());
    };
    Err(StateError::misuse(store, reason))
}
