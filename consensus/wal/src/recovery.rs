//! Opening a log after whatever happened to it.
//!
//! Bytes behind the last intact record of the *last* segment are a torn write, to be cut off, unless an intact record
//! header behind the damage says that the damaged record had been synced before: then it is rot, and the log is
//! refused, because its user has promised things that stood in it. Every other segment was synced whole before its
//! successor was created, so damage there is rot.
//!
//! Not told apart: rot in the records of the very last sync, when nothing was written after it.
//!
//! The last segment is then written anew in one step. After a failed sync the kernel keeps showing pages that it will
//! never write, and a second sync succeeds without them; only a fresh copy makes what was read here durable.

use std::path::{Path, PathBuf};

use crate::atomic::atomic_write;
use crate::disk::Disk;
use crate::record;
use crate::segment::{self, BadHeader, Segment};
use crate::wal::WalError;

/// What opening a log found and repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records in the log.
    pub records: u64,
    /// Bytes of a torn write that were cut off its end.
    pub cut_bytes: u64,
    /// Files that were removed: a segment whose creation was interrupted, or those that a reset had made void.
    pub removed: Vec<PathBuf>,
}

/// Reads the segments of a folder; repairs are durable when this returns.
pub fn open(disk: &dyn Disk, dir: &Path) -> Result<(Vec<Segment>, Recovery), WalError> {
    let mut recovery = Recovery::default();
    let names = disk.list(dir).map_err(|source| WalError::io("listing", dir, source))?;
    let mut sequences: Vec<u64> = names.iter().filter_map(|name| segment::sequence(name)).collect();
    sequences.sort_unstable();
    for pair in sequences.windows(2) {
        if pair[1] != pair[0] + 1 {
            let path = dir.join(segment::name(pair[0] + 1));
            return Err(WalError::Corrupt { path, offset: 0, reason: "a segment is missing" });
        }
    }
    let mut segments: Vec<Segment> = Vec::with_capacity(sequences.len());
    let mut void = Vec::new();
    for &sequence in &sequences {
        let path = dir.join(segment::name(sequence));
        let last = sequences.last() == Some(&sequence);
        let bytes = disk.read(&path).map_err(|source| WalError::io("reading", &path, source))?;
        let header = match segment::Header::decode(&bytes) {
            Ok(header) => header,
            Err(BadHeader::Version(version)) => return Err(WalError::Version { path, version }),
            // Records are written only after the header was synced.
            Err(BadHeader::Damaged) if last && bytes.len() <= segment::HEADER => {
                remove(disk, dir, path, &mut recovery)?;
                break;
            }
            Err(BadHeader::Damaged) => {
                return Err(WalError::Corrupt { path, offset: 0, reason: "damaged segment header" });
            }
        };
        if header.starts_anew {
            void.extend(segments.drain(..).map(|segment| segment.path));
        } else if segments.last().is_some_and(|before| before.end() != header.first) {
            return Err(WalError::Corrupt { path, offset: 0, reason: "does not continue the segment before" });
        }
        let (offsets, end) = scan(&bytes, header);
        if end < bytes.len() {
            let index = header.first + offsets.len() as u64;
            if !last || was_durable(&bytes[end..], header.salt, index) {
                let reason = "damaged record that had been synced";
                return Err(WalError::Corrupt { path, offset: end as u64, reason });
            }
            recovery.cut_bytes = (bytes.len() - end) as u64;
        }
        if last {
            rewrite(disk, &path, &bytes[..end])?;
        }
        let file = disk.open(&path).map_err(|source| WalError::io("opening", &path, source))?;
        segments.push(Segment { sequence, path, file, header, offsets, len: end as u64 });
    }
    // Only now: a reset whose sync failed may have left a segment that the next crash would have taken.
    for path in void {
        remove(disk, dir, path, &mut recovery)?;
    }
    recovery.records = segments.iter().map(|segment| segment.offsets.len() as u64).sum();
    Ok((segments, recovery))
}

fn rewrite(disk: &dyn Disk, path: &Path, contents: &[u8]) -> Result<(), WalError> {
    atomic_write(disk, path, contents).map_err(|error| WalError::io("rewriting", &error.path, error.source))
}

fn remove(disk: &dyn Disk, dir: &Path, path: PathBuf, recovery: &mut Recovery) -> Result<(), WalError> {
    disk.remove(&path).map_err(|source| WalError::io("removing", &path, source))?;
    disk.sync_dir(dir).map_err(|source| WalError::io("syncing", dir, source))?;
    recovery.removed.push(path);
    Ok(())
}

/// Starts of the intact records, and where the last of them ends.
fn scan(bytes: &[u8], segment: segment::Header) -> (Vec<u64>, usize) {
    let (mut offsets, mut position) = (Vec::new(), segment::HEADER);
    loop {
        let expected = segment.first + offsets.len() as u64;
        let end = record::Header::decode(&bytes[position..], segment.salt)
            .filter(|header| header.index == expected)
            .and_then(|header| {
                let start = position + record::HEADER;
                let end = start.checked_add(usize::try_from(header.len).ok()?)?;
                (crc32fast::hash(bytes.get(start..end)?) == header.payload_crc).then_some(end)
            });
        match end {
            Some(end) => {
                offsets.push(position as u64);
                position = end;
            }
            None => return (offsets, position),
        }
    }
}

/// Whether something written after record `index` was synced stands in these bytes.
fn was_durable(bytes: &[u8], salt: u32, index: u64) -> bool {
    (0..bytes.len())
        .filter_map(|at| record::Header::decode(&bytes[at..], salt))
        .any(|header| header.durable_end > index)
}
