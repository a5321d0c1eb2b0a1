//! The records of one height.

use std::collections::HashMap;

use plume_engine::{BlockOutcome, Event};
use plume_events::{BLOCK_HEIGHT_KEY, TX_HASH_KEY, TX_HEIGHT_KEY};
use prost::encoding::encode_varint;

use super::{MAX_KEY_VALUE, push_place, value_prefix};
use crate::tables::height_key;

/// Records of one table at one height, by the start of their keys.
#[derive(Debug, Default)]
pub(crate) struct Entries(HashMap<Vec<u8>, Entry>);

#[derive(Debug, Default)]
struct Entry {
    record: Vec<u8>,
    last: Option<(u32, u32)>,
}

/// The events of a block's transactions. `tx.hash` and `tx.height` are the node's own keys.
pub(crate) fn tx_entries(outcome: &BlockOutcome) -> Entries {
    let mut entries = Entries::default();
    for (index, result) in (0..).zip(&outcome.tx_results) {
        entries.add_events(&[TX_HASH_KEY, TX_HEIGHT_KEY], index, &result.events);
    }
    entries
}

/// The block's own events. `block.height` is the node's own key.
pub(crate) fn block_entries(outcome: &BlockOutcome) -> Entries {
    let mut entries = Entries::default();
    entries.add_events(&[BLOCK_HEIGHT_KEY], 0, &outcome.events);
    entries
}

impl Entries {
    /// Adds the attributes that are to be indexed. Positions must not descend.
    pub(crate) fn add_events(&mut self, reserved: &[&str], index: u32, events: &[Event]) {
        for (number, event) in (1..).zip(events) {
            if event.kind.is_empty() {
                continue;
            }
            for attribute in &event.attributes {
                if !attribute.index || attribute.key.is_empty() {
                    continue;
                }
                let tag = format!("{}.{}", event.kind, attribute.key);
                if !reserved.contains(&tag.as_str()) {
                    self.add(&tag, &attribute.value, (index, number));
                }
            }
        }
    }

    fn add(&mut self, tag: &str, value: &str, place: (u32, u32)) {
        let entry = self.0.entry(value_prefix(tag, value)).or_insert_with(|| {
            let mut record = Vec::new();
            if value.len() > MAX_KEY_VALUE {
                encode_varint(value.len() as u64, &mut record);
                record.extend_from_slice(value.as_bytes());
            }
            Entry { record, last: None }
        });
        // The same attribute twice in one event is one place.
        if entry.last != Some(place) {
            entry.last = Some(place);
            push_place(&mut entry.record, place.0, place.1);
        }
    }

    /// The records in the order of their keys, which the database takes best.
    pub(crate) fn into_records(self, height: u64) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let mut records: Vec<_> = self.0.into_iter().map(|(key, entry)| (key, entry.record)).collect();
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
