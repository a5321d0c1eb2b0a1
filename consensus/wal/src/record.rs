//! One record: a header of 28 bytes, then the payload. All numbers are little-endian.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | index of the record |
//! | 8 | durable end: every record below this index had been synced when this one was written |
//! | 4 | length of the payload |
//! | 4 | CRC-32 of the payload |
//! | 4 | CRC-32 of the 24 bytes before, started with the segment's salt |
//!
//! The durable end tells a torn write from rot when a segment is opened after a crash: see [`crate::recovery`]. The
//! salt keeps payloads, which strangers choose, from looking like records.

/// Bytes before the payload.
pub const HEADER: usize = 28;

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub index: u64,
    pub durable_end: u64,
    pub len: u32,
    pub payload_crc: u32,
}

impl Header {
    /// Appends header and payload; `len` is the payload's, checked by the caller to fit.
    pub fn encode(index: u64, durable_end: u64, len: u32, payload: &[u8], salt: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&index.to_le_bytes());
        out.extend_from_slice(&durable_end.to_le_bytes());
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        let crc = salted_crc(salt, &out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(payload);
    }

    /// Reads a header from the start of these bytes; `None` when they are too few or the checksum is another.
    pub fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        let (fields, crc) = bytes.split_at(HEADER - 4);
        if crc != salted_crc(salt, fields).to_le_bytes() {
            return None;
        }
        Some(Self {
            index: u64::from_le_bytes(*fields.first_chunk()?),
            durable_end: u64::from_le_bytes(*fields[8..].first_chunk()?),
            len: u32::from_le_bytes(*fields[16..].first_chunk()?),
            payload_crc: u32::from_le_bytes(*fields[20..].first_chunk()?),
        })
    }
}

fn salted_crc(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pinned() {
        let mut out = Vec::new();
        Header::encode(5, 3, 2, b"hi", 0x0102_0304, &mut out);
        let header = Header { index: 5, durable_end: 3, len: 2, payload_crc: 0xd893_2aac };
        assert_eq!(Header::decode(&out, 0x0102_0304), Some(header));
        assert_eq!(out[..24], *b"\x05\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\xac\x2a\x93\xd8");
        assert_eq!(&out[HEADER..], b"hi");
    }

    #[test]
    fn any_changed_bit_and_another_salt_are_refused() {
        let mut out = Vec::new();
        Header::encode(5, 3, 0, b"", 7, &mut out);
        assert_eq!(Header::decode(&out, 8), None);
        assert_eq!(Header::decode(&out[..HEADER - 1], 7), None);
        for bit in 0..HEADER * 8 {
            let mut damaged = out.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&damaged, 7), None, "bit {bit}");
        }
    }
}
