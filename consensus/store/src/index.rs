//! The index of events: where each value of each composite key occurred.
//!
//! One record per key, value and height, so that the records of a value are in the order of heights:
//!
//! ```text
//! record key   = escaped(composite key) 00 01  escaped(value) 00 01  height, 8 bytes
//! record value = { varint position in the block  varint number of the event } ...
//! ```
//!
//! In `escaped`, a byte 00 is written 00 FF. A value of more than [`MAX_KEY_VALUE`] bytes stands in the key with its first
//! [`MAX_KEY_VALUE`] bytes, ended by 00 02 and SHA-256 of the whole, and whole at the start of the record's value, after its
//! length as a varint. Events of a transaction or a block are numbered from 1; the position of a block's own events is 0.

mod builder;
mod thread;

use std::borrow::Cow;

use prost::encoding::{decode_varint, encode_varint};

pub(crate) use builder::entries;
pub(crate) use thread::{Indexer, Progress};

use crate::StoreError;

/// Longest value that stands whole in a key.
pub(crate) const MAX_KEY_VALUE: usize = 1_024;

const END: [u8; 2] = [0, 1];
const END_OF_LONG: [u8; 2] = [0, 2];

/// Start of every key of a composite key.
pub(crate) fn tag_prefix(tag: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(tag.len() + 2);
    escape(&mut key, tag.as_bytes());
    key.extend_from_slice(&END);
    key
}

/// Appends the start of every key of a value: all but the height.
pub(crate) fn value_prefix(key: &mut Vec<u8>, tag: &str, value: &str) {
    escape(key, tag.as_bytes());
    key.extend_from_slice(&END);
    match value.as_bytes().get(..MAX_KEY_VALUE) {
        Some(start) if value.len() > MAX_KEY_VALUE => {
            escape(key, start);
            key.extend_from_slice(&END_OF_LONG);
            key.extend_from_slice(&plume_block::merkle::sha256(value.as_bytes()));
        }
        _ => {
            escape(key, value.as_bytes());
            key.extend_from_slice(&END);
        }
    }
}

fn escape(key: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xff);
        }
    }
}

/// A record of the index.
pub(crate) struct Record<'a> {
    pub(crate) value: Cow<'a, str>,
    pub(crate) height: u64,
    pub(crate) places: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record whose key continues with `key` after [`tag_prefix`].
    pub(crate) fn read(key: &'a [u8], record: &'a [u8]) -> Result<Self, StoreError> {
        Self::parse(key, record).ok_or_else(|| StoreError::damaged("index", format!("key {}", hex::encode(key))))
    }

    fn parse(key: &'a [u8], record: &'a [u8]) -> Option<Self> {
        let (key, height) = key.split_last_chunk()?;
        let height = u64::from_be_bytes(*height);
        if let Some(value) = key.strip_suffix(&END).and_then(unescape) {
            return Some(Self { value: text(value)?, height, places: record });
        }
        // The value ends 34 bytes before the key does, with a mark that a whole value cannot have there.
        let (start, hash) = key.split_last_chunk::<32>()?;
        unescape(start.strip_suffix(&END_OF_LONG)?)?;
        let mut rest = record;
        let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
        let (value, places) = rest.split_at_checked(length)?;
        let is_whole = plume_block::merkle::sha256(value) == *hash;
        is_whole.then_some(())?;
        Some(Self { value: text(Cow::Borrowed(value))?, height, places })
    }
}

/// The places in a record of `value`: before those of a long value it stands itself.
pub(crate) fn places_of<'a>(value: &str, record: &'a [u8]) -> Result<&'a [u8], StoreError> {
    if value.len() <= MAX_KEY_VALUE {
        return Ok(record);
    }
    let damaged = || StoreError::damaged("index", "a long value is cut short");
    let mut rest = record;
    let length = decode_varint(&mut rest).map_err(|_| damaged())?;
    let length = usize::try_from(length).map_err(|_| damaged())?;
    rest.get(length..).ok_or_else(damaged)
}

/// `None` when the bytes hold a mark, so are more than one text.
fn unescape(escaped: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !escaped.contains(&0) {
        return Some(Cow::Borrowed(escaped));
    }
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped.iter();
    while let Some(byte) = rest.next() {
        if *byte == 0 && rest.next() != Some(&0xff) {
            return None;
        }
        plain.push(*byte);
    }
    Some(Cow::Owned(plain))
}

fn text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Where an event occurred at a height: position of the transaction, number of the event.
pub(crate) fn read_places(mut places: &[u8]) -> Result<Vec<(u32, u32)>, StoreError> {
    let damaged = || StoreError::damaged("index", "a list of places");
    let mut read = Vec::new();
    while !places.is_empty() {
        let mut number = || {
            let number = decode_varint(&mut places).map_err(|_| damaged())?;
            u32::try_from(number).map_err(|_| damaged())
        };
        read.push((number()?, number()?));
    }
    if read.is_empty() || !read.is_sorted() {
        return Err(damaged());
    }
    Ok(read)
}

pub(crate) fn push_place(places: &mut Vec<u8>, index: u32, number: u32) {
    encode_varint(index.into(), places);
    encode_varint(number.into(), places);
}

#[cfg(test)]
mod tests {
    use plume_engine::{BlockOutcome, Event, TxResult};
    use proptest::prelude::*;

    use super::*;

    fn prefix(tag: &str, value: &str) -> Vec<u8> {
        let mut key = Vec::new();
        value_prefix(&mut key, tag, value);
        key
    }

    #[test]
    fn keys_are_pinned() {
        let key = prefix("a.b", "x\0y");
        assert_eq!(key, b"a.b\x00\x01x\x00\xffy\x00\x01");
        let long = "v".repeat(MAX_KEY_VALUE + 1);
        let key = prefix("a.b", &long);
        assert_eq!(key.len(), 5 + MAX_KEY_VALUE + 2 + 32);
        assert_eq!(key[5 + MAX_KEY_VALUE..][..2], END_OF_LONG);
    }

    proptest! {
        /// Values are read back, and no value's records lie among another's.
        #[test]
        fn values_are_read_back(
            tag in "[a-c\0]{1,4}",
            value in prop_oneof!["[a\0\u{1}ÿ]{0,6}", "[a\0]{1020,1030}"],
            other in "[a\0\u{1}ÿ]{0,6}",
            height in any::<u64>(),
        ) {
            let key = prefix(&tag, &value);
            if other != value {
                prop_assert!(!key.starts_with(&prefix(&tag, &other)));
            }
            let mut outcome = BlockOutcome { tx_results: vec![TxResult::default(); 4], ..BlockOutcome::default() };
            outcome.tx_results[3].events.push(Event::new("t").with(tag.clone(), value.as_str()));
            let (entries, _) = entries(height, &plume_block::abci::encode_outcome(&outcome)).expect("well formed");
            let tag = format!("t.{tag}");
            let records: Vec<_> = entries.into_records(height).collect();
            let (key, record) = &records[0];
            let after = key.strip_prefix(tag_prefix(&tag).as_slice()).expect("starts with the tag");
            let read = Record::read(after, record).expect("well formed");
            prop_assert_eq!(read.value.as_ref(), value.as_str());
            prop_assert_eq!(read.height, height);
            prop_assert_eq!(read_places(read.places).expect("well formed"), vec![(3, 1)]);
            prop_assert!(key.starts_with(&prefix(&tag, &value)));
        }
    }
}
