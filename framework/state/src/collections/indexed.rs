use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::key::{AsKey, KeyBuf, KeyCodec, KeyPrefix};
use super::map::{Map, MapIter, unencodable};
use super::schema::CollectionSchema;
use super::value::ValueCodec;
use crate::kv::{bound_ref, prefix_end};
use crate::{Derivation, Direction, KvRead, KvWrite, StateError, Store};

/// A [`Map`] with secondary indexes that the same calls keep up to date.
///
/// Indexes live in a [derived store](crate::StoreKind::Derived): versioned like the map, but in RAM only and outside the tree.
/// After a restart they are rebuilt by [`derivations`](Self::derivations), which the state must be opened with.
///
/// ```
/// use plume_primitives::{Address, Amount, Denom};
/// use plume_state::collections::{IndexedMap, IntText, Map, MultiIndex};
/// use plume_state::Store;
///
/// const BANK: Store = Store::committed("bank");
/// const OWNERS: Store = Store::derived("bank.owners");
/// const BALANCES: IndexedMap<(Address, Denom), Amount, IntText, MultiIndex<Denom, (Address, Denom), Amount>> =
///     IndexedMap::new(Map::new(BANK, b"\x02"), MultiIndex::new(OWNERS, b"\x03", |(_, denom), _| Some(denom.clone())));
/// ```
pub struct IndexedMap<K, V, C, I> {
    map: Map<K, V, C>,
    indexes: I,
}

impl<K, V, C, I: Copy> Clone for IndexedMap<K, V, C, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, C, I: Copy> Copy for IndexedMap<K, V, C, I> {}

/// Binds types without owning values of them.
type Types<X, K, V> = PhantomData<fn() -> (X, K, V)>;

/// Receives index entries: key and value in the index's store.
pub type EntrySink<'a> = dyn FnMut(Store, KeyBuf, Bytes) -> Result<(), StateError> + 'a;

/// One secondary index.
pub trait Index<K, V> {
    /// The derived store that holds the index.
    fn store(&self) -> Store;

    /// Calls `sink` with the entry of a record, if it has one.
    ///
    /// # Errors
    /// [`StateError::Fatal`] for a key that has no encoding, and what `sink` returns.
    fn entry(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError>;
}

/// The indexes of one map: a single [`Index`] or a tuple of up to three.
pub trait IndexList<K, V> {
    /// The derived stores that hold the indexes.
    fn stores(&self) -> Vec<Store>;

    /// Calls `sink` with every index entry of a record.
    ///
    /// # Errors
    /// As [`Index::entry`].
    fn entries(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError>;
}

/// A lone index is a list of one. Written per type: a blanket implementation would clash with the tuples.
macro_rules! lone_index {
    ($index:ident) => {
        impl<X: KeyCodec, K: KeyCodec, V> IndexList<K, V> for $index<X, K, V> {
            fn stores(&self) -> Vec<Store> {
                vec![Index::store(self)]
            }

            fn entries(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError> {
                self.entry(key, value, sink)
            }
        }
    };
}

lone_index!(MultiIndex);
lone_index!(UniqueIndex);

impl<K, V, A: Index<K, V>, B: Index<K, V>> IndexList<K, V> for (A, B) {
    fn stores(&self) -> Vec<Store> {
        vec![self.0.store(), self.1.store()]
    }

    fn entries(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError> {
        self.0.entry(key, value, sink)?;
        self.1.entry(key, value, sink)
    }
}

impl<K, V, A: Index<K, V>, B: Index<K, V>, C: Index<K, V>> IndexList<K, V> for (A, B, C) {
    fn stores(&self) -> Vec<Store> {
        vec![self.0.store(), self.1.store(), self.2.store()]
    }

    fn entries(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError> {
        self.0.entry(key, value, sink)?;
        self.1.entry(key, value, sink)?;
        self.2.entry(key, value, sink)
    }
}

/// An index with any number of records per index key. Entry: `prefix | index key | record key` with value `0x01`.
pub struct MultiIndex<X, K, V> {
    store: Store,
    prefix: &'static [u8],
    index_key: fn(&K, &V) -> Option<X>,
    types: Types<X, K, V>,
}

impl<X, K, V> Clone for MultiIndex<X, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X, K, V> Copy for MultiIndex<X, K, V> {}

impl<X: KeyCodec, K: KeyCodec, V> MultiIndex<X, K, V> {
    /// An index in the derived store `store`; `index_key` returns `None` for records outside the index.
    #[must_use]
    pub const fn new(store: Store, prefix: &'static [u8], index_key: fn(&K, &V) -> Option<X>) -> Self {
        Self { store, prefix, index_key, types: PhantomData }
    }

    /// The keys of the records with this index key, in key order.
    ///
    /// # Errors
    /// As [`KvRead::range`].
    pub fn keys<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        index_key: &X,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<K, StateError>> + use<'a, X, K, V, R>, StateError> {
        let prefix = self.raw_prefix(index_key)?;
        let (store, skip) = (self.store, prefix.len());
        let records = ctx.range(store, Bound::Included(&prefix), bound_ref(&prefix_end(&prefix)), direction)?;
        Ok(records.map(move |record| {
            let (key, _) = record?;
            K::decode_last(key.get(skip..).unwrap_or_default())
                .map_err(|error| StateError::corrupt(store, &key, error.0))
        }))
    }

    /// The bytes that all entries of this index key start with, for pagination.
    ///
    /// # Errors
    /// [`StateError::Fatal`] for a key that has no encoding.
    pub fn raw_prefix(&self, index_key: &X) -> Result<KeyBuf, StateError> {
        let mut raw = KeyBuf::from_slice(self.prefix);
        index_key.encode_part(&mut raw).map_err(|error| unencodable(self.store, &error))?;
        Ok(raw)
    }
}

impl<X: KeyCodec, K: KeyCodec, V> Index<K, V> for MultiIndex<X, K, V> {
    fn store(&self) -> Store {
        self.store
    }

    fn entry(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError> {
        let Some(index_key) = (self.index_key)(key, value) else {
            return Ok(());
        };
        let mut raw = self.raw_prefix(&index_key)?;
        key.encode_last(&mut raw).map_err(|error| unencodable(self.store, &error))?;
        sink(self.store, raw, Bytes::from_static(&[1]))
    }
}

/// An index with at most one record per index key. Entry: `prefix | index key` with the record's key as value.
///
/// Uniqueness is the caller's promise: a second record with the same index key takes the entry over.
pub struct UniqueIndex<X, K, V> {
    store: Store,
    prefix: &'static [u8],
    index_key: fn(&K, &V) -> Option<X>,
    types: Types<X, K, V>,
}

impl<X, K, V> Clone for UniqueIndex<X, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X, K, V> Copy for UniqueIndex<X, K, V> {}

impl<X: KeyCodec, K: KeyCodec, V> UniqueIndex<X, K, V> {
    /// An index in the derived store `store`; `index_key` returns `None` for records outside the index.
    #[must_use]
    pub const fn new(store: Store, prefix: &'static [u8], index_key: fn(&K, &V) -> Option<X>) -> Self {
        Self { store, prefix, index_key, types: PhantomData }
    }

    /// The key of the record with this index key.
    ///
    /// # Errors
    /// As [`KvRead::get`].
    pub fn key(&self, ctx: &(impl KvRead + ?Sized), index_key: &X) -> Result<Option<K>, StateError> {
        let raw = self.raw_key(index_key)?;
        ctx.get(self.store, &raw)?
            .map(|bytes| K::decode_last(&bytes).map_err(|error| StateError::corrupt(self.store, &raw, error.0)))
            .transpose()
    }

    fn raw_key(&self, index_key: &X) -> Result<KeyBuf, StateError> {
        let mut raw = KeyBuf::from_slice(self.prefix);
        index_key.encode_last(&mut raw).map_err(|error| unencodable(self.store, &error))?;
        Ok(raw)
    }
}

impl<X: KeyCodec, K: KeyCodec, V> Index<K, V> for UniqueIndex<X, K, V> {
    fn store(&self) -> Store {
        self.store
    }

    fn entry(&self, key: &K, value: &V, sink: &mut EntrySink<'_>) -> Result<(), StateError> {
        let Some(index_key) = (self.index_key)(key, value) else {
            return Ok(());
        };
        let raw = self.raw_key(&index_key)?;
        let mut record_key = KeyBuf::new();
        key.encode_last(&mut record_key).map_err(|error| unencodable(self.store, &error))?;
        sink(self.store, raw, Bytes::copy_from_slice(&record_key))
    }
}

impl<K: KeyCodec, V, C: ValueCodec<V>, I: IndexList<K, V>> IndexedMap<K, V, C, I> {
    /// Binds a map to its indexes.
    #[must_use]
    pub const fn new(map: Map<K, V, C>, indexes: I) -> Self {
        Self { map, indexes }
    }

    /// The indexes, for look-ups by index key.
    pub const fn indexes(&self) -> &I {
        &self.indexes
    }

    /// The records alone, for reads, raw keys and pagination. Writing through it would leave the indexes behind.
    pub const fn records(&self) -> &Map<K, V, C> {
        &self.map
    }

    /// As [`Map::get`].
    ///
    /// # Errors
    /// As [`Map::get`].
    pub fn get(&self, ctx: &(impl KvRead + ?Sized), key: &impl AsKey<K>) -> Result<Option<V>, StateError> {
        self.map.get(ctx, key)
    }

    /// As [`Map::has`].
    ///
    /// # Errors
    /// As [`Map::has`].
    pub fn has(&self, ctx: &(impl KvRead + ?Sized), key: &impl AsKey<K>) -> Result<bool, StateError> {
        self.map.has(ctx, key)
    }

    /// As [`Map::iter`].
    ///
    /// # Errors
    /// As [`Map::iter`].
    pub fn iter<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        direction: Direction,
    ) -> Result<MapIter<'a, K, V, C>, StateError> {
        self.map.iter(ctx, direction)
    }

    /// As [`Map::iter_prefix`].
    ///
    /// # Errors
    /// As [`Map::iter_prefix`].
    pub fn iter_prefix<'a, R: KvRead + ?Sized>(
        &self,
        ctx: &'a R,
        part: &impl KeyPrefix<K>,
        direction: Direction,
    ) -> Result<MapIter<'a, K, V, C>, StateError> {
        self.map.iter_prefix(ctx, part, direction)
    }

    /// Stores the record and moves its index entries. Entries that stay the same are not written again.
    ///
    /// # Errors
    /// As [`KvWrite::set`].
    pub fn set(&self, ctx: &mut (impl KvWrite + ?Sized), key: &K, value: &V) -> Result<(), StateError> {
        let old = match self.map.get(ctx, key)? {
            Some(old) => self.collect(key, &old)?,
            None => Vec::new(),
        };
        let new = self.collect(key, value)?;
        self.map.set(ctx, key, value)?;
        for (store, entry, content) in old.iter().filter(|entry| !new.contains(entry)) {
            remove_entry(ctx, *store, entry, content)?;
        }
        for (store, entry, content) in new.iter().filter(|entry| !old.contains(entry)) {
            ctx.set(*store, entry, content.clone())?;
        }
        Ok(())
    }

    /// Removes the record and its index entries.
    ///
    /// # Errors
    /// As [`KvWrite::delete`].
    pub fn remove(&self, ctx: &mut (impl KvWrite + ?Sized), key: &K) -> Result<(), StateError> {
        let Some(old) = self.map.get(ctx, key)? else {
            return Ok(());
        };
        for (store, entry, content) in &self.collect(key, &old)? {
            remove_entry(ctx, *store, entry, content)?;
        }
        self.map.remove(ctx, key)
    }

    fn collect(&self, key: &K, value: &V) -> Result<Vec<(Store, KeyBuf, Bytes)>, StateError> {
        let mut entries = Vec::new();
        self.indexes.entries(key, value, &mut |store, entry, content| {
            entries.push((store, entry, content));
            Ok(())
        })?;
        Ok(entries)
    }

    /// How the indexes are rebuilt at load, one derivation per derived store.
    #[must_use]
    pub fn derivations(self) -> Vec<Derivation>
    where
        K: 'static,
        V: 'static,
        C: 'static,
        I: Copy + Send + Sync + 'static,
    {
        let mut stores = self.indexes.stores();
        stores.sort_unstable();
        stores.dedup();
        let prefix = self.map.prefix();
        stores
            .into_iter()
            .map(|target| Derivation {
                source: self.map.store(),
                target,
                derive: Arc::new(move |raw_key, bytes, sink| {
                    if !raw_key.starts_with(prefix) {
                        return Ok(());
                    }
                    let key = self.map.decode_key(raw_key)?;
                    let value = self.map.decode_value(raw_key, bytes)?;
                    self.indexes.entries(&key, &value, &mut |store, entry, content| {
                        if store == target { sink(&entry, &content) } else { Ok(()) }
                    })
                }),
            })
            .collect()
    }

    /// The records' line in the module's schema.
    #[must_use]
    pub fn schema(&self, name: &'static str) -> CollectionSchema {
        self.map.schema(name)
    }
}

/// Removes an index entry unless another record has taken it over meanwhile.
fn remove_entry(
    ctx: &mut (impl KvWrite + ?Sized),
    store: Store,
    entry: &[u8],
    content: &Bytes,
) -> Result<(), StateError> {
    if ctx.get(store, entry)?.as_ref() == Some(content) {
        ctx.delete(store, entry)?;
    }
    Ok(())
}
