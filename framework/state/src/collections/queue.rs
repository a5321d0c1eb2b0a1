use std::ops::Bound;

use super::key::{KeyBuf, KeyCodec};
use super::map::{Map, unencodable};
use super::schema::CollectionSchema;
use super::value::ValueCodec;
use crate::kv::{bound_ref, prefix_end};
use crate::{Direction, KvRead, KvWrite, StateError, Store};

/// Work that falls due at a time or height `T`, several pieces told apart by `K`.
///
/// Its keys are `prefix | T | K`, so the queue is a map over `(T, K)` in order of due time.
pub struct Queue<T, K, V, C>(Map<(T, K), V, C>);

/// What fell due: due time and key, with the value.
pub type Due<T, K, V> = ((T, K), V);

impl<T, K, V, C> Clone for Queue<T, K, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, K, V, C> Copy for Queue<T, K, V, C> {}

impl<T: KeyCodec, K: KeyCodec, V, C: ValueCodec<V>> Queue<T, K, V, C> {
    /// The queue whose entries are the keys of `store` that start with `prefix`.
    #[must_use]
    pub const fn new(store: Store, prefix: &'static [u8]) -> Self {
        Self(Map::new(store, prefix))
    }

    /// Adds an entry, replacing one with the same due time and key.
    ///
    /// # Errors
    /// As [`KvWrite::set`].
    pub fn insert(&self, ctx: &mut (impl KvWrite + ?Sized), due: &T, key: &K, value: &V) -> Result<(), StateError> {
        self.0.set(ctx, &(due, key), value)
    }

    /// Removes an entry before it is due.
    ///
    /// # Errors
    /// As [`KvWrite::delete`].
    pub fn remove(&self, ctx: &mut (impl KvWrite + ?Sized), due: &T, key: &K) -> Result<(), StateError> {
        self.0.remove(ctx, &(due, key))
    }

    /// The first `limit` entries due at `until` or before, oldest first.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn due(&self, ctx: &(impl KvRead + ?Sized), until: &T, limit: usize) -> Result<Vec<Due<T, K, V>>, StateError> {
        let mut last = KeyBuf::from_slice(self.0.prefix());
        until.encode_part(&mut last).map_err(|error| unencodable(self.0.store(), &error))?;
        self.0
            .raw_range(ctx, Bound::Included(self.0.prefix()), bound_ref(&prefix_end(&last)), Direction::Ascending)?
            .take(limit)
            .collect()
    }

    /// Takes the first `limit` entries due at `until` or before out of the queue, oldest first.
    ///
    /// # Errors
    /// As [`due`](Self::due) and [`KvWrite::delete`].
    pub fn pop_due(
        &self,
        ctx: &mut (impl KvWrite + ?Sized),
        until: &T,
        limit: usize,
    ) -> Result<Vec<Due<T, K, V>>, StateError> {
        let entries = self.due(ctx, until, limit)?;
        for ((due, key), _) in &entries {
            self.remove(ctx, due, key)?;
        }
        Ok(entries)
    }

    /// The queue as a map, for queries.
    #[must_use]
    pub const fn as_map(&self) -> &Map<(T, K), V, C> {
        &self.0
    }

    /// Its line in the module's schema.
    #[must_use]
    pub fn schema(&self, name: &'static str) -> CollectionSchema {
        self.0.schema(name)
    }
}
