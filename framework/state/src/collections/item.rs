use std::marker::PhantomData;

use super::schema::CollectionSchema;
use super::value::ValueCodec;
use crate::{KvRead, KvWrite, StateError, Store};

/// One value under a fixed key.
pub struct Item<V, C> {
    store: Store,
    key: &'static [u8],
    types: PhantomData<fn() -> (V, C)>,
}

impl<V, C> Clone for Item<V, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, C> Copy for Item<V, C> {}

impl<V, C: ValueCodec<V>> Item<V, C> {
    /// The value stored at exactly `key`.
    #[must_use]
    pub const fn new(store: Store, key: &'static [u8]) -> Self {
        Self { store, key, types: PhantomData }
    }

    /// The value, or `None` when it was never set.
    ///
    /// # Errors
    /// [`StateError`], also for bytes that do not decode.
    pub fn get(&self, ctx: &(impl KvRead + ?Sized)) -> Result<Option<V>, StateError> {
        ctx.get(self.store, self.key)?
            .map(|bytes| C::decode(&bytes).map_err(|error| StateError::corrupt(self.store, self.key, error.0)))
            .transpose()
    }

    /// Stores the value.
    ///
    /// # Errors
    /// As [`KvWrite::set`].
    pub fn set(&self, ctx: &mut (impl KvWrite + ?Sized), value: &V) -> Result<(), StateError> {
        ctx.set(self.store, self.key, C::encode(value))
    }

    /// Removes the value.
    ///
    /// # Errors
    /// As [`KvWrite::delete`].
    pub fn remove(&self, ctx: &mut (impl KvWrite + ?Sized)) -> Result<(), StateError> {
        ctx.delete(self.store, self.key)
    }

    /// Whether a value is stored.
    ///
    /// # Errors
    /// As [`KvRead::has`].
    pub fn exists(&self, ctx: &(impl KvRead + ?Sized)) -> Result<bool, StateError> {
        ctx.has(self.store, self.key)
    }

    /// The store that holds the item.
    #[must_use]
    pub const fn store(&self) -> Store {
        self.store
    }

    /// The item's whole key, for proofs.
    #[must_use]
    pub const fn key(&self) -> &'static [u8] {
        self.key
    }

    /// Its line in the module's schema.
    #[must_use]
    pub fn schema(&self, name: &'static str) -> CollectionSchema {
        CollectionSchema {
            name,
            store: self.store,
            prefix: self.key,
            key_type: String::new(),
            value_type: value_type::<V, C>(),
            single: true,
            key_to_json: |_| Ok("null".to_owned()),
            value_to_json: C::to_json,
        }
    }
}

/// The value's type name without its path, behind the name of its encoding.
pub(super) fn value_type<V, C: ValueCodec<V>>() -> String {
    let full = std::any::type_name::<V>();
    let short = full.rsplit("::").next().unwrap_or(full);
    format!("{}({short})", C::NAME)
}
