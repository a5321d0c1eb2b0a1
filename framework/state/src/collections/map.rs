use std::marker::PhantomData;
use std::ops::Bound;

use smallvec::SmallVec;

use super::item::value_type;
use super::key::{AsKey, DecodeError, KeyBuf, KeyCodec, KeyError, KeyPrefix};
use super::schema::CollectionSchema;
use super::value::ValueCodec;
use crate::kv::{bound_ref, prefix_end};
use crate::{Direction, KvRead, KvWrite, RangeIter, StateError, Store};

/// Values by key, iterated in key order.
pub struct Map<K, V, C> {
    store: Store,
    prefix: &'static [u8],
    types: Types<K, V, C>,
}

/// Binds types without owning values of them.
type Types<K, V, C> = PhantomData<fn() -> (K, V, C)>;

impl<K, V, C> Clone for Map<K, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, C> Copy for Map<K, V, C> {}

impl<K: KeyCodec, V, C: ValueCodec<V>> Map<K, V, C> {
    /// The map whose records are the keys of `store` that start with `prefix`. No prefix in a store may start with another one
    /// (checked by [`Schema`](super::Schema)).
    #[must_use]
    pub const fn new(store: Store, prefix: &'static [u8]) -> Self {
        Self { store, prefix, types: PhantomData }
    }

    /// The value at `key`.
    ///
    /// # Errors
    /// [`StateError`], also for bytes that do not decode.
    pub fn get(&self, ctx: &(impl KvRead + ?Sized), key: &impl AsKey<K>) -> Result<Option<V>, StateError> {
        let key = self.raw_key(key)?;
        ctx.get(self.store, &key)?.map(|bytes| self.decode_value(&key, &bytes)).transpose()
    }

    /// Whether a value is stored at `key`.
    ///
    /// # Errors
    /// As [`KvRead::has`].
    pub fn has(&self, ctx: &(impl KvRead + ?Sized), key: &impl AsKey<K>) -> Result<bool, StateError> {
        ctx.has(self.store, &self.raw_key(key)?)
    }

    /// Stores `value` at `key`.
    ///
    /// # Errors
    /// As [`KvWrite::set`].
    pub fn set(&self, ctx: &mut (impl KvWrite + ?Sized), key: &impl AsKey<K>, value: &V) -> Result<(), StateError> {
        ctx.set(self.store, &self.raw_key(key)?, C::encode(value))
    }

    /// Removes the record at `key`.
    ///
    /// # Errors
    /// As [`KvWrite::delete`].
    pub fn remove(&self, ctx: &mut (impl KvWrite + ?Sized), key: &impl AsKey<K>) -> Result<(), StateError> {
        ctx.delete(self.store, &self.raw_key(key)?)
    }

    /// All records.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn iter<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        direction: Direction,
    ) -> Result<MapIter<'a, K, V, C>, StateError> {
        self.raw_range(ctx, Bound::Included(self.prefix), bound_ref(&prefix_end(self.prefix)), direction)
    }

    /// The records between two keys.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn range<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        start: Bound<&K>,
        end: Bound<&K>,
        direction: Direction,
    ) -> Result<MapIter<'a, K, V, C>, StateError> {
        let start = match start {
            Bound::Included(key) => Bound::Included(self.raw_key(key)?),
            Bound::Excluded(key) => Bound::Excluded(self.raw_key(key)?),
            Bound::Unbounded => Bound::Included(SmallVec::from_slice(self.prefix)),
        };
        let last = prefix_end(self.prefix);
        let end = match end {
            Bound::Included(key) => Bound::Included(self.raw_key(key)?),
            Bound::Excluded(key) => Bound::Excluded(self.raw_key(key)?),
            Bound::Unbounded => last.map(SmallVec::from_vec),
        };
        self.raw_range(ctx, start.as_ref().map(SmallVec::as_slice), end.as_ref().map(SmallVec::as_slice), direction)
    }

    /// The records whose keys share their leading parts (`(a, _)` for a pair).
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn iter_prefix<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        part: &impl KeyPrefix<K>,
        direction: Direction,
    ) -> Result<MapIter<'a, K, V, C>, StateError> {
        let prefix = self.raw_prefix(part)?;
        self.raw_range(ctx, Bound::Included(&prefix), bound_ref(&prefix_end(&prefix)), direction)
    }

    /// The records between two raw keys (prefix included), for pagination by key.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn raw_range<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<MapIter<'a, K, V, C>, StateError> {
        Ok(MapIter { map: *self, records: ctx.range(self.store, start, end, direction)? })
    }

    /// Removes every record and returns how many there were.
    ///
    /// # Errors
    /// As [`KvRead::range`] and [`KvWrite::delete`].
    pub fn clear(&self, ctx: &mut (impl KvWrite + ?Sized)) -> Result<usize, StateError> {
        let keys = ctx
            .range(self.store, Bound::Included(self.prefix), bound_ref(&prefix_end(self.prefix)), Direction::Ascending)?
            .map(|record| record.map(|(key, _)| key))
            .collect::<Result<Vec<_>, _>>()?;
        for key in &keys {
            ctx.delete(self.store, key)?;
        }
        Ok(keys.len())
    }

    /// The store that holds the map.
    #[must_use]
    pub const fn store(&self) -> Store {
        self.store
    }

    /// The bytes that all keys of the map start with.
    #[must_use]
    pub const fn prefix(&self) -> &'static [u8] {
        self.prefix
    }

    /// The stored bytes of a key, prefix included, for proofs and pagination.
    ///
    /// # Errors
    /// [`StateError::Fatal`] for a key that has no encoding.
    pub fn raw_key(&self, key: &impl AsKey<K>) -> Result<KeyBuf, StateError> {
        let mut raw = KeyBuf::from_slice(self.prefix);
        key.encode_key(&mut raw).map_err(|error| unencodable(self.store, &error))?;
        Ok(raw)
    }

    /// The bytes that all keys with these leading parts start with.
    ///
    /// # Errors
    /// As [`raw_key`](Self::raw_key).
    pub fn raw_prefix(&self, part: &impl KeyPrefix<K>) -> Result<KeyBuf, StateError> {
        let mut raw = KeyBuf::from_slice(self.prefix);
        part.encode_prefix(&mut raw).map_err(|error| unencodable(self.store, &error))?;
        Ok(raw)
    }

    /// The key behind stored bytes, prefix included.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the bytes are not a key of this map.
    pub fn decode_key(&self, raw: &[u8]) -> Result<K, StateError> {
        let suffix = raw.strip_prefix(self.prefix).ok_or_else(|| DecodeError::new("wrong prefix"));
        suffix.and_then(K::decode_last).map_err(|error| StateError::corrupt(self.store, raw, error.0))
    }

    /// The value behind the bytes stored at `raw_key`.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the bytes are not a value of this map.
    pub fn decode_value(&self, raw_key: &[u8], bytes: &[u8]) -> Result<V, StateError> {
        C::decode(bytes).map_err(|error| StateError::corrupt(self.store, raw_key, error.0))
    }

    /// Its line in the module's schema.
    #[must_use]
    pub fn schema(&self, name: &'static str) -> CollectionSchema {
        CollectionSchema {
            name,
            store: self.store,
            prefix: self.prefix,
            key_type: K::NAME.to_owned(),
            value_type: value_type::<V, C>(),
            single: false,
            key_to_json: |bytes| K::decode_last(bytes).map(|key| key.to_json()),
            value_to_json: C::to_json,
        }
    }
}

pub(super) fn unencodable(store: Store, error: &KeyError) -> StateError {
    StateError::misuse(store, error.to_string())
}

/// Decoded records of a [`Map`], read lazily.
pub struct MapIter<'a, K, V, C> {
    map: Map<K, V, C>,
    records: RangeIter<'a>,
}

impl<K: KeyCodec, V, C: ValueCodec<V>> Iterator for MapIter<'_, K, V, C> {
    type Item = Result<(K, V), StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(
            self.records
                .next()?
                .and_then(|(key, value)| Ok((self.map.decode_key(&key)?, self.map.decode_value(&key, &value)?))),
        )
    }
}
