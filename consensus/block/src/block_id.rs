use std::fmt;

use crate::canonical::fill_block_id;
use crate::{Hash, MAX_BLOCK_BYTES, PART_SIZE, raw};

/// Names a block: the hash of its header and the root over its 64 KiB parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BlockId {
    /// Hash of the header.
    pub hash: Hash,
    /// Number of parts of the encoded block, and the Merkle root over them.
    pub parts: PartSetHeader,
}

/// Number and Merkle root of the parts of an encoded block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartSetHeader {
    /// Number of parts, 1 to 1,601.
    pub total: u32,
    /// Merkle root over the parts.
    pub hash: Hash,
}

/// Bytes that are neither a whole block id nor none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlockId {
    /// A hash of another length.
    #[error("{what} of a block id has {got} bytes, needs 32 (or 0 together with every other field)")]
    Length {
        /// Which hash.
        what: &'static str,
        /// Its length in bytes.
        got: usize,
    },
    /// A number of parts that no block has.
    #[error("block id names {got} parts, needs 1 to {max}")]
    Parts {
        /// The number found.
        got: u32,
        /// The largest number that a block can have.
        max: u32,
    },
}

/// Parts of the largest block (`MaxBlockPartsCount`).
const MAX_PARTS: u32 = (MAX_BLOCK_BYTES / PART_SIZE) as u32 + 1; // 1,601

impl BlockId {
    /// No block: what the first header names as its predecessor, and what a vote for nil is for.
    pub const ZERO: Self = Self { hash: [0; 32], parts: PartSetHeader { total: 0, hash: [0; 32] } };

    /// Whether this is [`BlockId::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// The message, complete as Go writes it; empty fields for [`BlockId::ZERO`].
    pub fn to_raw(&self) -> raw::BlockId {
        if self.is_zero() {
            return raw::BlockId { hash: Vec::new(), part_set_header: Some(raw::PartSetHeader::default()) };
        }
        raw::BlockId {
            hash: self.hash.to_vec(),
            part_set_header: Some(raw::PartSetHeader { total: self.parts.total, hash: self.parts.hash.to_vec() }),
        }
    }

    /// Reads a message. One without any content is [`BlockId::ZERO`].
    ///
    /// # Errors
    /// [`InvalidBlockId`] for a half-filled one, which names no block (`BlockID.ValidateBasic`, `IsComplete`).
    pub fn from_raw(id: &raw::BlockId) -> Result<Self, InvalidBlockId> {
        let empty = raw::PartSetHeader::default();
        let parts = id.part_set_header.as_ref().unwrap_or(&empty);
        if id.hash.is_empty() && *parts == empty {
            return Ok(Self::ZERO);
        }
        let hash =
            |what, bytes: &[u8]| Hash::try_from(bytes).map_err(|_| InvalidBlockId::Length { what, got: bytes.len() });
        if !(1..=MAX_PARTS).contains(&parts.total) {
            return Err(InvalidBlockId::Parts { got: parts.total, max: MAX_PARTS });
        }
        Ok(Self {
            hash: hash("hash", &id.hash)?,
            parts: PartSetHeader { total: parts.total, hash: hash("part set hash", &parts.hash)? },
        })
    }

    /// As [`BlockId::from_raw`]; an absent message is [`BlockId::ZERO`].
    pub(crate) fn from_option(id: Option<&raw::BlockId>) -> Result<Self, InvalidBlockId> {
        id.map_or(Ok(Self::ZERO), Self::from_raw)
    }

    /// Protobuf of the message, complete as Go writes it.
    pub(crate) fn bytes_of(id: Option<&raw::BlockId>) -> Vec<u8> {
        let mut id = id.cloned();
        fill_block_id(&mut id);
        prost::Message::encode_to_vec(&id.unwrap_or_default())
    }
}

/// `HASH:PARTS:PARTS_HASH` in upper case, or `nil`.
impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("nil");
        }
        let PartSetHeader { total, hash } = self.parts;
        write!(f, "{}:{total}:{}", hex::encode_upper(self.hash), hex::encode_upper(hash))
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockId({self})")
    }
}

impl fmt::Debug for PartSetHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartSetHeader({}:{})", self.total, hex::encode_upper(self.hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_ids_and_none_round_trip_and_halves_are_refused() {
        let id = BlockId { hash: [1; 32], parts: PartSetHeader { total: 1601, hash: [2; 32] } };
        assert_eq!(BlockId::from_raw(&id.to_raw()), Ok(id));
        assert_eq!(BlockId::from_raw(&BlockId::ZERO.to_raw()), Ok(BlockId::ZERO));
        assert_eq!(BlockId::from_raw(&raw::BlockId::default()), Ok(BlockId::ZERO));
        let with = |change: fn(&mut raw::BlockId, &mut raw::PartSetHeader)| {
            let mut raw = id.to_raw();
            let mut parts = raw.part_set_header.take().unwrap();
            change(&mut raw, &mut parts);
            BlockId::from_raw(&raw::BlockId { part_set_header: Some(parts), ..raw })
        };
        assert_eq!(with(|id, _| id.hash.clear()), Err(InvalidBlockId::Length { what: "hash", got: 0 }));
        assert_eq!(with(|id, _| id.hash.push(0)), Err(InvalidBlockId::Length { what: "hash", got: 33 }));
        assert_eq!(with(|_, p| p.hash.clear()), Err(InvalidBlockId::Length { what: "part set hash", got: 0 }));
        assert_eq!(with(|_, p| p.total = 0), Err(InvalidBlockId::Parts { got: 0, max: 1601 }));
        assert_eq!(with(|_, p| p.total = 1602), Err(InvalidBlockId::Parts { got: 1602, max: 1601 }));
    }

    #[test]
    fn no_block_is_written_with_its_empty_part_set_header() {
        assert_eq!(BlockId::bytes_of(None), [0x12, 0]);
        assert_eq!(BlockId::bytes_of(Some(&BlockId::ZERO.to_raw())), [0x12, 0]);
    }
}
