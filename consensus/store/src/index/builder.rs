//! The records of one height, from its encoded results: nothing of them is decoded into messages.

use std::collections::HashMap;

use plume_events::{BLOCK_HEIGHT_KEY, TX_HASH_KEY, TX_HEIGHT_KEY};
use prost::DecodeError;
use prost::encoding::encode_varint;

use super::{MAX_KEY_VALUE, push_place, value_prefix};
use crate::{
    StoreError,
    tables::height_key,
    wire::{Field, Fields},
};

/// Records of one table at one height, by the start of their keys.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    records: HashMap<Vec<u8>, Entry>,
    /// Scratch space for a composite key and the start of a record's key.
    tag: String,
    key: Vec<u8>,
}

#[derive(Debug, Default)]
struct Entry {
    record: Vec<u8>,
    last: Option<(u32, u32)>,
}

/// Names that the node itself gives to transactions, and to blocks.
const RESERVED_OF_TXS: &[&str] = &[TX_HASH_KEY, TX_HEIGHT_KEY];
const RESERVED_OF_BLOCKS: &[&str] = &[BLOCK_HEIGHT_KEY];

/// Entries for the events of a block's transactions, and for its own, out of a `ResponseFinalizeBlock`.
pub(crate) fn entries(height: u64, outcome: &[u8]) -> Result<(Entries, Entries), StoreError> {
    let (mut txs, mut block) = (Entries::default(), Entries::default());
    // Of ResponseFinalizeBlock field 1 are the events, 2 the results; of a result, 7 are the events.
    let mut read = || -> Result<(), DecodeError> {
        let (mut position, mut own) = (0, 0);
        for field in Fields::of(outcome) {
            match field? {
                Field::Content(1, event) => {
                    own += 1;
                    block.add_event(RESERVED_OF_BLOCKS, (0, own), event)?;
                }
                Field::Content(2, result) => {
                    let mut number = 0;
                    for field in Fields::of(result) {
                        if let Field::Content(7, event) = field? {
                            number += 1;
                            txs.add_event(RESERVED_OF_TXS, (position, number), event)?;
                        }
                    }
                    position += 1;
                }
                Field::Content(..) | Field::Number(..) => {}
            }
        }
        Ok(())
    };
    read().map_err(|error| StoreError::damaged(format!("results {height}"), error))?;
    Ok((txs, block))
}

impl Entries {
    /// Adds the attributes that are to be indexed. Places must ascend.
    fn add_event(&mut self, reserved: &[&str], place: (u32, u32), event: &[u8]) -> Result<(), DecodeError> {
        // Of an event field 1 is the type, 2 are the attributes.
        let mut kind = "";
        for field in Fields::of(event) {
            match field? {
                Field::Content(1, content) => kind = text(content)?,
                Field::Content(2, attribute) if !kind.is_empty() => {
                    let (key, value, index) = read_attribute(attribute)?;
                    if !index || key.is_empty() {
                        continue;
                    }
                    self.tag.clear();
                    self.tag.push_str(kind);
                    self.tag.push('.');
                    self.tag.push_str(key);
                    if !reserved.contains(&self.tag.as_str()) {
                        self.add(value, place);
                    }
                }
                Field::Content(..) | Field::Number(..) => {}
            }
        }
        Ok(())
    }

    /// Adds a value under the composite key in `tag`.
    fn add(&mut self, value: &str, place: (u32, u32)) {
        self.key.clear();
        value_prefix(&mut self.key, &self.tag, value);
        if let Some(entry) = self.records.get_mut(&self.key) {
            // The same attribute twice in one event is one place.
            if entry.last != Some(place) {
                entry.last = Some(place);
                push_place(&mut entry.record, place.0, place.1);
            }
            return;
        }
        let mut record = Vec::with_capacity(8);
        if value.len() > MAX_KEY_VALUE {
            encode_varint(value.len() as u64, &mut record);
            record.extend_from_slice(value.as_bytes());
        }
        push_place(&mut record, place.0, place.1);
        // Room for the height, which comes behind.
        let mut key = Vec::with_capacity(self.key.len() + 8);
        key.extend_from_slice(&self.key);
        self.records.insert(key, Entry { record, last: Some(place) });
    }

    /// The records in the order of their keys, which the database takes best.
    pub(crate) fn into_records(self, height: u64) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let mut records: Vec<_> = self.records.into_iter().map(|(key, entry)| (key, entry.record)).collect();
        records.sort_unstable();
        records.into_iter().map(move |(mut key, record)| {
            key.extend_from_slice(&height_key(height));
            (key, record)
        })
    }

    /// The keys of the records.
    pub(crate) fn into_keys(self, height: u64) -> impl Iterator<Item = Vec<u8>> {
        self.into_records(height).map(|(key, _)| key)
    }
}

/// Key, value and whether to index: fields 1, 2 and 3 of an attribute.
fn read_attribute(attribute: &[u8]) -> Result<(&str, &str, bool), DecodeError> {
    let (mut key, mut value, mut index) = ("", "", false);
    for field in Fields::of(attribute) {
        match field? {
            Field::Content(1, content) => key = text(content)?,
            Field::Content(2, content) => value = text(content)?,
            Field::Number(3, number) => index = number != 0,
            Field::Content(..) | Field::Number(..) => {}
        }
    }
    Ok((key, value, index))
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::new("a text is not UTF-8"))
}
