use super::key::{AsKey, KeyCodec, KeyPrefix};
use super::map::Map;
use super::schema::CollectionSchema;
use super::value::Unit;
use crate::{Direction, KvRead, KvWrite, StateError, Store};

/// Keys without values. A member's stored value is `0x01`.
pub struct Set<K>(Map<K, (), Unit>);

impl<K> Clone for Set<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Set<K> {}

impl<K: KeyCodec> Set<K> {
    /// The set whose members are the keys of `store` that start with `prefix`.
    #[must_use]
    pub const fn new(store: Store, prefix: &'static [u8]) -> Self {
        Self(Map::new(store, prefix))
    }

    /// Whether `key` is a member.
    ///
    /// # Errors
    /// As [`KvRead::has`].
    pub fn contains(&self, ctx: &(impl KvRead + ?Sized), key: &impl AsKey<K>) -> Result<bool, StateError> {
        self.0.has(ctx, key)
    }

    /// Makes `key` a member.
    ///
    /// # Errors
    /// As [`KvWrite::set`].
    pub fn insert(&self, ctx: &mut (impl KvWrite + ?Sized), key: &impl AsKey<K>) -> Result<(), StateError> {
        self.0.set(ctx, key, &())
    }

    /// Removes `key`.
    ///
    /// # Errors
    /// As [`KvWrite::delete`].
    pub fn remove(&self, ctx: &mut (impl KvWrite + ?Sized), key: &impl AsKey<K>) -> Result<(), StateError> {
        self.0.remove(ctx, key)
    }

    /// All members.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn iter<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<K, StateError>> + use<'a, K, R>, StateError> {
        Ok(self.0.iter(ctx, direction)?.map(|record| record.map(|(key, ())| key)))
    }

    /// The members that share their leading parts.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn iter_prefix<'a, R: KvRead + ?Sized, P: KeyPrefix<K>>(
        &self,
        ctx: &'a R,
        part: &P,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<K, StateError>> + use<'a, K, R, P>, StateError> {
        Ok(self.0.iter_prefix(ctx, part, direction)?.map(|record| record.map(|(key, ())| key)))
    }

    /// The set as a map to nothing, for raw keys and pagination.
    #[must_use]
    pub const fn as_map(&self) -> &Map<K, (), Unit> {
        &self.0
    }

    /// Its line in the module's schema.
    #[must_use]
    pub fn schema(&self, name: &'static str) -> CollectionSchema {
        self.0.schema(name)
    }
}
