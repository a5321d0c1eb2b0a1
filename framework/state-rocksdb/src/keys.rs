//! Keys inside RocksDB: one column family, one tag byte per kind of record.
//!
//! ```text
//! 00 name                                  metadata (identity, head, floor, journal, restore)
//! 01 store(u16 BE) key                     current value
//! 02 store(u16 BE) escaped(key) height(BE) value that `key` had before block `height`
//! 03 height(BE)                            record of a block
//! 04 height(BE) store(u16 BE)              journal: the keys that the block changed
//! ```
//! One column family, because RocksDB flushes a memtable as a whole: without a log the file system then always holds
//! a prefix of the sequence of batches, never half a block (README, "Durability").

/// Tag of metadata records.
pub(crate) const META: u8 = 0x00;
/// Tag of current values.
pub(crate) const CURRENT: u8 = 0x01;
/// Tag of old values.
pub(crate) const HISTORY: u8 = 0x02;
/// Tag of block records.
pub(crate) const BLOCK: u8 = 0x03;
/// Tag of journal records.
pub(crate) const JOURNAL: u8 = 0x04;
/// First byte behind every record.
pub(crate) const END: u8 = 0x05;

/// Bytes of a height at the end of a history key.
pub(crate) const HEIGHT_LEN: usize = 8;

/// Key of the identity record.
pub(crate) const META_IDENTITY: &[u8] = &[META, b'i', b'd'];
/// Key of the head record: the newest block in the database.
pub(crate) const META_HEAD: &[u8] = &[META, b'h', b'e', b'a', b'd'];
/// Key of the floor: the lowest height whose values can still be read.
pub(crate) const META_FLOOR: &[u8] = &[META, b'f', b'l', b'o', b'o', b'r'];

/// Key of the height up to which the journal has been removed.
pub(crate) const META_JOURNAL: &[u8] = &[META, b'j', b'o', b'u', b'r', b'n', b'a', b'l'];

/// Key of the description of a state that is being taken over; absent once it is whole.
pub(crate) const META_RESTORE: &[u8] = &[META, b'r', b'e', b's', b't', b'o', b'r', b'e'];
/// Key of the parts of that state that are there: their number (u32 BE), then one bit for each, lowest first.
pub(crate) const META_RESTORED: &[u8] = &[META, b'r', b'e', b's', b't', b'o', b'r', b'e', b'd'];

/// Number of a store inside this database, given once and never reused.
pub(crate) type StoreId = u16;

/// Prefix of a store's current values.
pub(crate) fn current_prefix(store: StoreId) -> [u8; 3] {
    let [a, b] = store.to_be_bytes();
    [CURRENT, a, b]
}

/// Key of a current value, written into `out` (cleared first).
pub(crate) fn current(out: &mut Vec<u8>, store: StoreId, key: &[u8]) {
    out.clear();
    out.extend_from_slice(&current_prefix(store));
    out.extend_from_slice(key);
}

/// Everything of a history key before the height, written into `out` (cleared first).
///
/// A key may be the prefix of another one, so it is escaped (`00` becomes `00 FF`) and closed by `00 01`: the entries of
/// one key are then neighbours, and the order of keys is kept.
pub(crate) fn history_prefix(out: &mut Vec<u8>, store: StoreId, key: &[u8]) {
    history_start(out, store, key);
    out.extend_from_slice(&[0x00, 0x01]);
}

/// The lowest history key of all keys that are at least `key`, written into `out` (cleared first).
pub(crate) fn history_start(out: &mut Vec<u8>, store: StoreId, key: &[u8]) {
    out.clear();
    let [a, b] = store.to_be_bytes();
    out.extend_from_slice(&[HISTORY, a, b]);
    let mut rest = key;
    while let Some(at) = rest.iter().position(|byte| *byte == 0) {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head);
        out.extend_from_slice(&[0x00, 0xFF]);
        rest = tail.split_first().map_or(&[][..], |(_, tail)| tail);
    }
    out.extend_from_slice(rest);
}

/// Store, key and height of a history key; `None` when it is not one.
pub(crate) fn parse_history(raw: &[u8]) -> Option<(StoreId, Vec<u8>, u64)> {
    let (prefix, height) = split_history(raw)?;
    let (store, mut rest) = prefix.strip_prefix(&[HISTORY])?.split_first_chunk::<2>()?;
    let mut key = Vec::with_capacity(rest.len());
    loop {
        match rest {
            [0x00, 0x01] => return Some((StoreId::from_be_bytes(*store), key, height)),
            [0x00, 0xFF, tail @ ..] => {
                key.push(0);
                rest = tail;
            }
            [0x00, ..] | [] => return None,
            [byte, tail @ ..] => {
                key.push(*byte);
                rest = tail;
            }
        }
    }
}

/// Splits a history key before its height, without looking at the rest.
pub(crate) fn split_history(raw: &[u8]) -> Option<(&[u8], u64)> {
    let (prefix, height) = raw.split_last_chunk::<HEIGHT_LEN>()?;
    (prefix.first() == Some(&HISTORY)).then_some((prefix, u64::from_be_bytes(*height)))
}

/// Key of a block's record.
pub(crate) fn block(height: u64) -> [u8; 9] {
    let mut key = [BLOCK; 9];
    if let Some((_, tail)) = key.split_first_mut() {
        tail.copy_from_slice(&height.to_be_bytes());
    }
    key
}

/// Height of a block record's key; `None` when it is not one.
pub(crate) fn parse_block(raw: &[u8]) -> Option<u64> {
    match raw {
        [BLOCK, height @ ..] => Some(u64::from_be_bytes(height.try_into().ok()?)),
        _ => None,
    }
}

/// First journal key of a block; with a store's number appended, that store's journal.
pub(crate) fn journal(height: u64) -> [u8; 9] {
    let mut key = block(height);
    if let Some(tag) = key.first_mut() {
        *tag = JOURNAL;
    }
    key
}

/// Height and store of a journal key; `None` when it is not one.
pub(crate) fn parse_journal(raw: &[u8]) -> Option<(u64, StoreId)> {
    let (height, store) = raw.strip_prefix(&[JOURNAL])?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*height), StoreId::from_be_bytes(store.try_into().ok()?)))
}

/// The first key behind every key that starts with `prefix`.
pub(crate) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![END]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(store: StoreId, key: &[u8], height: u64) -> Vec<u8> {
        let mut out = vec![];
        history_prefix(&mut out, store, key);
        out.extend_from_slice(&height.to_be_bytes());
        out
    }

    #[test]
    fn keys_are_pinned() {
        let mut out = vec![];
        current(&mut out, 3, b"a\0b");
        assert_eq!(out, [1, 0, 3, b'a', 0, b'b']);
        assert_eq!(history(3, b"a\0b", 7), [2, 0, 3, b'a', 0, 0xFF, b'b', 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(block(258), [3, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(journal(258), [4, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(parse_journal(&[4, 0, 0, 0, 0, 0, 0, 1, 2, 0, 9]), Some((258, 9)));
        assert_eq!((META_IDENTITY, META_HEAD, META_FLOOR), (&b"\0id"[..], &b"\0head"[..], &b"\0floor"[..]));
    }

    #[test]
    fn history_keys_keep_the_order_of_keys_and_stay_together() {
        let keys: [&[u8]; 9] =
            [b"", b"\0", b"\0\0", b"\0\x01", b"\0\xff", b"a", b"a\0", b"a\0\0\0\0\0\0\0\0\x05", b"b"];
        let mut built: Vec<Vec<u8>> = vec![];
        for key in keys {
            for height in [0, 1, 255, u64::MAX] {
                let raw = history(9, key, height);
                assert_eq!(parse_history(&raw), Some((9, key.to_vec(), height)));
                built.push(raw);
            }
        }
        assert!(built.is_sorted());
    }

    #[test]
    fn malformed_history_keys_are_not_parsed() {
        for raw in [
            &b""[..],
            b"\x02",
            b"\x02\0\0\0\0\0\0\0\0",
            b"\x02\0\x01a\0\x02\0\0\0\0\0\0\0\x01",
            b"\x01\0\x01a\0\x01\0\0\0\0\0\0\0\x01",
        ] {
            assert_eq!(parse_history(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn after_prefix_is_the_least_upper_bound() {
        assert_eq!(after_prefix(&[1, 2]), [1, 3]);
        assert_eq!(after_prefix(&[1, 0xFF]), [2]);
        assert_eq!(after_prefix(&[0xFF]), [END]);
    }
}
