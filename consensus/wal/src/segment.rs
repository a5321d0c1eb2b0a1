//! One file of the log: a header of 32 bytes, then records.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | `PLUMEWAL` |
//! | 4 | version, 1 |
//! | 4 | flags; bit 0: the log starts anew here, older segments are void |
//! | 8 | index of the first record |
//! | 4 | salt of the record headers, random |
//! | 4 | CRC-32 of the 28 bytes before |
//!
//! Named `<sequence number, 16 digits>.wal`; numbers have no gaps.

use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};

/// Bytes before the first record.
pub const HEADER: usize = 32;
const MAGIC: &[u8; 8] = b"PLUMEWAL";
const VERSION: u32 = 1;
const STARTS_ANEW: u32 = 1;
const EXTENSION: &str = ".wal";

/// What stands at the start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub starts_anew: bool,
    pub first: u64,
    pub salt: u32,
}

/// Why a segment's first bytes are not its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHeader {
    /// Too short, another magic, or a wrong checksum.
    Damaged,
    /// Written by a later program.
    Version(u32),
}

impl Header {
    pub fn new(first: u64, starts_anew: bool) -> Self {
        // The standard library's randomly keyed hasher: unpredictable to whoever chooses payloads. Truncation wanted.
        let salt = std::hash::RandomState::new().build_hasher().finish() as u32;
        Self { starts_anew, first, salt }
    }

    pub fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(if self.starts_anew { STARTS_ANEW } else { 0 }).to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; HEADER] = bytes.first_chunk().ok_or(BadHeader::Damaged)?;
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if !bytes.starts_with(MAGIC) || crc32fast::hash(&bytes[..HEADER - 4]) != number(HEADER - 4) {
            return Err(BadHeader::Damaged);
        }
        if number(8) != VERSION {
            return Err(BadHeader::Version(number(8)));
        }
        let first = u64::from(number(16)) | u64::from(number(20)) << 32;
        Ok(Self { starts_anew: number(12) & STARTS_ANEW != 0, first, salt: number(24) })
    }
}

/// A segment whose records are known.
#[derive(Debug)]
pub struct Segment {
    pub sequence: u64,
    pub path: PathBuf,
    pub file: Arc<dyn DiskFile>,
    pub header: Header,
    /// Where each record starts, 8 bytes of memory per record.
    pub offsets: Vec<u64>,
    /// Length of the file.
    pub len: u64,
}

impl Segment {
    /// Creates the file, durable when this returns.
    ///
    /// # Errors
    /// [`NotCreated`] tells a refused write from a failed sync.
    pub fn create(disk: &dyn Disk, dir: &Path, sequence: u64, header: Header) -> Result<Self, NotCreated> {
        let path = dir.join(name(sequence));
        let write = || -> io::Result<Arc<dyn DiskFile>> {
            let file = disk.create(&path)?;
            file.append(&header.encode())?;
            Ok(file)
        };
        let file = write().map_err(|error| NotCreated::Write(path.clone(), error))?;
        file.sync().map_err(|error| NotCreated::Sync(path.clone(), error))?;
        disk.sync_dir(dir).map_err(|error| NotCreated::Sync(dir.to_owned(), error))?;
        Ok(Self { sequence, path, file, header, offsets: Vec::new(), len: HEADER as u64 })
    }

    /// Index behind the last record.
    pub fn end(&self) -> u64 {
        self.header.first + self.offsets.len() as u64
    }

    /// Where this record starts and ends in the file.
    pub fn place(&self, index: u64) -> Option<(u64, u64)> {
        let position = usize::try_from(index.checked_sub(self.header.first)?).ok()?;
        let start = *self.offsets.get(position)?;
        Some((start, self.offsets.get(position + 1).copied().unwrap_or(self.len)))
    }
}

/// A segment that was not created.
#[derive(Debug)]
pub enum NotCreated {
    /// The file system refused before anything could be lost.
    Write(PathBuf, io::Error),
    /// A sync failed.
    Sync(PathBuf, io::Error),
}

/// File name of a segment.
pub fn name(sequence: u64) -> String {
    format!("{sequence:016}{EXTENSION}")
}

/// Sequence number of a file name; `None` for files that are no segments.
pub fn sequence(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(EXTENSION)?;
    let number = digits.parse().ok()?;
    (name(number) == file_name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_name_are_pinned() {
        let header = Header { starts_anew: true, first: 0x1_0000_0002, salt: 9 };
        let bytes = header.encode();
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(bytes[..28], *b"PLUMEWAL\x01\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x09\0\0\0");
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!(Header::decode(&bytes[..31]), Err(BadHeader::Damaged));
        assert_eq!(name(12), "0000000000000012.wal");
        assert_eq!(sequence("0000000000000012.wal"), Some(12));
        assert_eq!((sequence("12.wal"), sequence("wal.lock"), sequence("+000000000000012.wal")), (None, None, None));
    }

    #[test]
    fn a_later_version_is_not_called_damage() {
        let mut bytes = Header::new(0, false).encode();
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..28]).to_le_bytes();
        bytes[28..].copy_from_slice(&crc);
        assert_eq!(Header::decode(&bytes), Err(BadHeader::Version(2)));
        bytes[9] ^= 1;
        assert_eq!(Header::decode(&bytes), Err(BadHeader::Damaged));
    }
}
