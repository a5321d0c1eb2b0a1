use super::key::DecodeError;
use crate::Store;

/// What one collection stores, for collision checks and for showing state in words.
#[derive(Clone, Debug)]
pub struct CollectionSchema {
    /// The collection's name, unique in its module.
    pub name: &'static str,
    /// Where it is stored.
    pub store: Store,
    /// The prefix of its keys; an item's whole key.
    pub prefix: &'static [u8],
    /// The key type's name; empty for an item.
    pub key_type: String,
    /// The value's encoding and type.
    pub value_type: String,
    /// True for an item or sequence: one record at exactly `prefix`.
    pub single: bool,
    /// Shows a key (without the prefix) as JSON text.
    pub key_to_json: fn(&[u8]) -> Result<String, DecodeError>,
    /// Shows a value as JSON text.
    pub value_to_json: fn(&[u8]) -> Result<String, DecodeError>,
}

/// All collections of a module, checked to be free of collisions.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    collections: Vec<CollectionSchema>,
}

/// Two collections that could write the same key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// One prefix starts with the other, so their keys can coincide.
    #[error("collections {first} and {second} of store {store} overlap: one prefix starts with the other")]
    Overlap {
        /// The store concerned.
        store: Store,
        /// The collection with the shorter or equal prefix.
        first: &'static str,
        /// The other collection.
        second: &'static str,
    },
    /// The name is used twice in one schema.
    #[error("two collections are named {0}")]
    DuplicateName(&'static str),
    /// Empty, or in the range reserved for the sentinel.
    #[error("collection {0}: the prefix is empty or starts with 0xff")]
    ReservedPrefix(&'static str),
}

impl Schema {
    /// Checks and collects the collections of a module.
    ///
    /// # Errors
    /// [`SchemaError`] for overlapping prefixes in one store, double names and reserved prefixes.
    pub fn new(collections: Vec<CollectionSchema>) -> Result<Self, SchemaError> {
        let mut sorted: Vec<&CollectionSchema> = collections.iter().collect();
        if let Some(bad) = sorted.iter().find(|c| c.prefix.first().is_none_or(|byte| *byte == 0xff)) {
            return Err(SchemaError::ReservedPrefix(bad.name));
        }
        sorted.sort_by_key(|collection| collection.name);
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(SchemaError::DuplicateName(pair[0].name));
        }
        // In (store, prefix) order a prefix stands directly before the first one that starts with it.
        sorted.sort_by_key(|collection| (collection.store, collection.prefix));
        if let Some(pair) =
            sorted.windows(2).find(|pair| pair[0].store == pair[1].store && pair[1].prefix.starts_with(pair[0].prefix))
        {
            return Err(SchemaError::Overlap { store: pair[0].store, first: pair[0].name, second: pair[1].name });
        }
        Ok(Self { collections })
    }

    /// The collections, in the order of declaration.
    #[must_use]
    pub fn collections(&self) -> &[CollectionSchema] {
        &self.collections
    }

    /// The collection that a stored key belongs to, and the key without the collection's prefix.
    #[must_use]
    pub fn find<'a>(&self, store: Store, raw_key: &'a [u8]) -> Option<(&CollectionSchema, &'a [u8])> {
        self.collections.iter().filter(|collection| collection.store == store).find_map(|collection| {
            let suffix = raw_key.strip_prefix(collection.prefix)?;
            (suffix.is_empty() || !collection.single).then_some((collection, suffix))
        })
    }
}
