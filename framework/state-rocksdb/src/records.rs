//! Values of metadata, block and journal records.

use bytes::Bytes;

use crate::keys::StoreId;

/// What the database remembers of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    /// The app hash after the block.
    pub(crate) app_hash: [u8; 32],
    /// Bytes of old values written since the first block: tells how much a pruned interval holds.
    pub(crate) history_bytes: u64,
    /// The stores that exist after the block.
    pub(crate) stores: Vec<StoreId>,
}

impl BlockRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.stores.len().saturating_mul(2).saturating_add(40));
        out.extend_from_slice(&self.app_hash);
        out.extend_from_slice(&self.history_bytes.to_be_bytes());
        for id in &self.stores {
            out.extend_from_slice(&id.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(raw: &[u8]) -> Option<Self> {
        let (app_hash, rest) = raw.split_first_chunk::<32>()?;
        let (history_bytes, rest) = rest.split_first_chunk::<8>()?;
        let chunks = rest.chunks_exact(2);
        if !chunks.remainder().is_empty() {
            return None;
        }
        let stores = chunks.map(|id| id.try_into().map(StoreId::from_be_bytes)).collect::<Result<_, _>>().ok()?;
        Some(Self { app_hash: *app_hash, history_bytes: u64::from_be_bytes(*history_bytes), stores })
    }
}

/// A height as a record's value.
pub(crate) fn decode_height(raw: &[u8]) -> Option<u64> {
    raw.try_into().map(u64::from_be_bytes).ok()
}

/// An old value as stored: values are never empty, so nothing stands for "there was none".
pub(crate) fn decode_old(raw: &[u8]) -> Option<Bytes> {
    (!raw.is_empty()).then(|| Bytes::copy_from_slice(raw))
}

/// Builds the list of keys that a block changed in one store: each as the length of the prefix shared with the key before,
/// the length of the rest, the rest.
#[derive(Debug, Default)]
pub(crate) struct JournalWriter {
    pub(crate) bytes: Vec<u8>,
    last: Vec<u8>,
}

impl JournalWriter {
    /// Starts a new list.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.last.clear();
    }

    /// Appends the next key; keys ascend.
    pub(crate) fn push(&mut self, key: &[u8]) {
        let shared = self.last.iter().zip(key).take_while(|(a, b)| a == b).count();
        let rest = key.get(shared..).unwrap_or_default();
        push_len(&mut self.bytes, shared);
        push_len(&mut self.bytes, rest.len());
        self.bytes.extend_from_slice(rest);
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
    }
}

/// The keys of a journal record; `None` when it is damaged.
pub(crate) fn read_journal(mut raw: &[u8]) -> Option<Vec<Bytes>> {
    let mut keys: Vec<Bytes> = vec![];
    while !raw.is_empty() {
        let shared = read_len(&mut raw)?;
        let rest_len = read_len(&mut raw)?;
        let (rest, tail) = raw.split_at_checked(rest_len)?;
        raw = tail;
        let mut key = keys.last().map_or(&[][..], |last| last).get(..shared)?.to_vec();
        key.extend_from_slice(rest);
        keys.push(key.into());
    }
    Some(keys)
}

/// Appends a length: seven bits per byte, lowest first. Keys are at most 4 KiB, so two bytes do.
fn push_len(out: &mut Vec<u8>, mut len: usize) {
    while len >= 0x80 {
        out.push((len & 0x7F) as u8 | 0x80); // masked to seven bits
        len >>= 7;
    }
    out.push(len as u8); // below 0x80
}

fn read_len(raw: &mut &[u8]) -> Option<usize> {
    let mut len = 0usize;
    for shift in [0u32, 7, 14, 21] {
        let (byte, rest) = raw.split_first()?;
        *raw = rest;
        len |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(len);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_record_is_pinned_and_read_back() {
        let record = BlockRecord { app_hash: [7; 32], history_bytes: 258, stores: vec![1, 515] };
        let raw = record.encode();
        assert_eq!(raw[..32], [7; 32]);
        assert_eq!(raw[32..], [0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 2, 3]);
        assert_eq!(BlockRecord::decode(&raw), Some(record));
        assert_eq!(BlockRecord::decode(&raw[..43]), None);
        assert_eq!(BlockRecord::decode(&raw[..39]), None);
    }

    #[test]
    fn journal_returns_its_keys() {
        let long = vec![b'x'; 4096];
        let keys: [&[u8]; 5] = [b"a", b"ab", b"ac\0", b"b", &long];
        let mut writer = JournalWriter::default();
        writer.push(b"left over");
        writer.clear();
        for key in keys {
            writer.push(key);
        }
        assert_eq!(writer.bytes[..6], [0, 1, b'a', 1, 1, b'b']);
        assert_eq!(read_journal(&writer.bytes).expect("whole"), keys.map(Bytes::copy_from_slice));
        assert_eq!(read_journal(&writer.bytes[..writer.bytes.len() - 1]), None);
        assert_eq!(read_journal(&[1, 0]), None);
    }
}
