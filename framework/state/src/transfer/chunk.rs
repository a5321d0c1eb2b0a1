//! One chunk: the records of a subtree, and the way from it to the store's root.

use bytes::Bytes;
use rayon::prelude::*;

use crate::error::hex;
use crate::hash::{EMPTY_HASH, Hash, bit, inner_hash, leaf_hash, sha256};
use crate::transfer::manifest::Manifest;
use crate::transfer::shape::{MAX_DEPTH, Prefix};
use crate::tree::sentinel_leaf_hash;
use crate::{MAX_KEY_LEN, MAX_VALUE_LEN, Record, SENTINEL_KEY};

/// Bytes of a record beside key and value.
pub(super) const RECORD_OVERHEAD: usize = 6;
/// Bytes in front of the records at most: name, subtree, siblings, count.
const MAX_HEAD: usize = 1 + 255 + 2 + 32 + MAX_DEPTH as usize * 32 + 4;

/// The longest chunk, in bytes: one record of the greatest size.
pub const MAX_SNAPSHOT_CHUNK_BYTES: usize = MAX_HEAD + RECORD_OVERHEAD + MAX_KEY_LEN + MAX_VALUE_LEN;

/// Records of a store that a verified chunk holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The store's name.
    pub store: String,
    /// The records, ascending by the hash of the key. They share the chunk's memory.
    pub records: Vec<Record>,
}

/// Why a chunk is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChunk {
    /// The snapshot has no chunk of this number.
    #[error("chunk {index} of a snapshot with {chunks} chunks")]
    NoSuchChunk {
        /// The number given.
        index: u32,
        /// How many there are.
        chunks: u32,
    },
    /// Longer than the manifest allows.
    #[error("the chunk has {found} bytes; at most {most} are allowed")]
    TooLong {
        /// Its length.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// It ends before what it announces.
    #[error("the chunk ends within {0}")]
    Truncated(&'static str),
    /// It goes on after its last record.
    #[error("{0} bytes follow the last record")]
    Trailing(usize),
    /// It is a chunk of another store.
    #[error("the chunk is of store {found}, not of {expected}")]
    OtherStore {
        /// The store that it names.
        found: String,
        /// The store of the chunk asked for.
        expected: String,
    },
    /// It is a chunk of another range of key hashes.
    #[error("the chunk is of another range of key hashes than the one asked for")]
    OtherRange,
    /// A record that no store can hold.
    #[error("record {at}: {reason}")]
    InvalidRecord {
        /// Its position, from 0.
        at: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A record outside of the chunk's range.
    #[error("record {at} lies outside of the chunk's range of key hashes")]
    OutOfRange {
        /// Its position, from 0.
        at: usize,
    },
    /// A record whose key hash is not above that of the one before.
    #[error("record {at} is not above the record before it")]
    OutOfOrder {
        /// Its position, from 0.
        at: usize,
    },
    /// Records and siblings do not lead to the store's root: something was changed, added or left out, or it is of another
    /// height.
    #[error("the chunk leads to root {}, store {store} has {}", hex(found), hex(expected))]
    Root {
        /// The store.
        store: String,
        /// The root that the chunk leads to.
        found: Hash,
        /// The store's root.
        expected: Hash,
    },
}

/// Starts a chunk: what stands in front of the records. `siblings` from the root down.
pub(super) fn head(store: &str, prefix: Prefix, siblings: &[Hash], records: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.push(u8::try_from(store.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(store.as_bytes());
    out.extend_from_slice(&prefix.depth().to_be_bytes());
    out.extend_from_slice(prefix.bytes());
    siblings.iter().for_each(|sibling| out.extend_from_slice(sibling));
    out.extend_from_slice(&records.to_be_bytes());
    out
}

/// Appends a record to a chunk. Keys and values are within the state's bounds.
pub(super) fn push_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// Reads chunk `index` of an untrusted peer and verifies it against the store's root in the manifest, which
/// [`Manifest::require_app_hash`] ties to the app hash.
///
/// A chunk that passes is, byte for byte, the one that every honest node serves: each of its bytes is either determined by
/// the manifest or bound by the root. Takes memory in proportion to its length.
///
/// # Errors
/// [`InvalidChunk`], with the reason.
pub fn verify_chunk(manifest: &Manifest, index: u32, raw: &Bytes) -> Result<Chunk, InvalidChunk> {
    let chunks = manifest.chunks();
    let (store, prefix) = manifest.place(index).ok_or(InvalidChunk::NoSuchChunk { index, chunks })?;
    if raw.len() > MAX_SNAPSHOT_CHUNK_BYTES {
        return Err(InvalidChunk::TooLong { found: raw.len(), most: MAX_SNAPSHOT_CHUNK_BYTES });
    }
    let mut rest = Fields { raw, at: 0 };
    let name_len = usize::from(rest.array::<1>("the store's name")?[0]);
    let name = rest.take(name_len, "the store's name")?;
    if name != store.name.as_bytes() {
        let found = String::from_utf8_lossy(&name).into_owned();
        return Err(InvalidChunk::OtherStore { found, expected: store.name.clone() });
    }
    let depth = u16::from_be_bytes(rest.array("the range")?);
    if depth != prefix.depth() || rest.take(prefix.bytes().len(), "the range")? != prefix.bytes() {
        return Err(InvalidChunk::OtherRange);
    }
    let siblings = (0..depth).map(|_| rest.array::<32>("the siblings")).collect::<Result<Vec<Hash>, _>>()?;
    let count = u32::from_be_bytes(rest.array("the number of records")?);
    let records = read_records(&mut rest, count)?;
    let bytes = records.iter().map(|(key, value)| RECORD_OVERHEAD + key.len() + value.len()).sum();
    // usize has at least 32 bits on every platform we build for.
    let most = manifest.chunk_bytes as usize;
    if records.len() > 1 && bytes > most {
        return Err(InvalidChunk::TooLong { found: bytes, most });
    }
    let mut found = subtree(&leaves(prefix, &records)?, usize::from(depth));
    for (level, sibling) in (0..depth).zip(&siblings).rev() {
        found = if prefix.turns_right(level) { inner_hash(sibling, &found) } else { inner_hash(&found, sibling) };
    }
    if found != store.root {
        return Err(InvalidChunk::Root { store: store.name.clone(), found, expected: store.root });
    }
    Ok(Chunk { store: store.name.clone(), records })
}

fn read_records(rest: &mut Fields<'_>, count: u32) -> Result<Vec<Record>, InvalidChunk> {
    let mut records = Vec::new();
    for at in 0..count as usize {
        let invalid = |reason| InvalidChunk::InvalidRecord { at, reason };
        let key_len = usize::from(u16::from_be_bytes(rest.array("a record")?));
        let value_len = u32::from_be_bytes(rest.array("a record")?) as usize;
        if !(1..=MAX_KEY_LEN).contains(&key_len) {
            return Err(invalid("length of the key"));
        }
        if !(1..=MAX_VALUE_LEN).contains(&value_len) {
            return Err(invalid("length of the value"));
        }
        let key = rest.take(key_len, "a record")?;
        if key == SENTINEL_KEY {
            return Err(invalid("the reserved key"));
        }
        records.push((key, rest.take(value_len, "a record")?));
    }
    match rest.raw.len() - rest.at {
        0 => Ok(records),
        more => Err(InvalidChunk::Trailing(more)),
    }
}

/// Key hashes and leaf hashes of the subtree, ascending, the sentinel's included where it belongs.
fn leaves(prefix: Prefix, records: &[Record]) -> Result<Vec<(Hash, Hash)>, InvalidChunk> {
    let mut leaves: Vec<(Hash, Hash)> = records
        .par_iter()
        .with_min_len(256)
        .map(|(key, value)| {
            let key_hash = sha256(key);
            (key_hash, leaf_hash(&key_hash, &sha256(value)))
        })
        .collect();
    if let Some(at) = leaves.iter().position(|(key_hash, _)| !prefix.contains(key_hash)) {
        return Err(InvalidChunk::OutOfRange { at });
    }
    if let Some(at) = leaves.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
        return Err(InvalidChunk::OutOfOrder { at: at + 1 });
    }
    let sentinel = sha256(SENTINEL_KEY);
    if prefix.contains(&sentinel) {
        let at = leaves.partition_point(|(key_hash, _)| *key_hash < sentinel);
        leaves.insert(at, (sentinel, sentinel_leaf_hash()));
    }
    Ok(leaves)
}

/// # Consensus
/// The hash of the subtree at `depth` over leaves in ascending order.
fn subtree(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => EMPTY_HASH,
        [(_, only)] => *only,
        _ => {
            // Two different hashes differ in one of 256 bits, so a subtree of two leaves lies above the lowest level.
            let (left, right) = leaves.split_at(leaves.partition_point(|(key_hash, _)| !bit(key_hash, depth)));
            inner_hash(&subtree(left, depth + 1), &subtree(right, depth + 1))
        }
    }
}

/// A chunk that is being read.
struct Fields<'a> {
    raw: &'a Bytes,
    at: usize,
}

impl Fields<'_> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<Bytes, InvalidChunk> {
        if len > self.raw.len() - self.at {
            return Err(InvalidChunk::Truncated(what));
        }
        let taken = self.raw.slice(self.at..self.at + len);
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], InvalidChunk> {
        let array = self.raw[self.at..].first_chunk().ok_or(InvalidChunk::Truncated(what))?;
        self.at += N;
        Ok(*array)
    }
}
