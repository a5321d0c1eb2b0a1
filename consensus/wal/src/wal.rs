//! The log: records numbered without gaps, in segment files.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use crate::disk::{Disk, DiskLock};
use crate::record;
use crate::recovery::{self, Recovery};
use crate::segment::{Header, NotCreated, Segment};

/// Bounds of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A segment of at least this many bytes gets a successor before the next append (default 64 MiB). Opening reads
    /// a segment into memory whole; [`Wal::purge_below`] removes whole segments.
    pub segment_bytes: u64,
    /// Largest payload in bytes (default 64 MiB).
    pub max_record_bytes: u32,
    /// Index of the first record of a log that does not exist yet (default 0).
    pub first_index: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, max_record_bytes: 64 << 20, first_index: 0 }
    }
}

/// A log that cannot be used, or not in this way.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The file system refused. Unless a sync failed, the log can still be used: it holds what it held before.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A sync or a repair failed earlier: what is on the disk is unknown until the log is opened anew.
    #[error("log is unusable since a failure: {0}")]
    Poisoned(String),
    /// Bytes that had been synced are gone or changed. Restore the folder or rebuild the node; nothing was repaired.
    #[error("log is corrupt: {path} at byte {offset}: {reason}")]
    Corrupt {
        /// Which segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// Written by a program with a later format.
    #[error("{path} has format {version}, this program knows 1")]
    Version {
        /// Which segment.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// Another process, or another [`Wal`] of this one, has it open.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// A payload above [`Options::max_record_bytes`].
    #[error("record of {len} bytes, at most {max} allowed")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The bound.
        max: u32,
    },
    /// Indexes outside the log.
    #[error("records {from}..{to} asked for, the log holds {first}..{next}")]
    OutOfRange {
        /// First one asked for.
        from: u64,
        /// End of those asked for.
        to: u64,
        /// First one held.
        first: u64,
        /// Index that the next record gets.
        next: u64,
    },
}

impl WalError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// An append-only log. All methods block; readers run beside a writer and its sync.
///
/// An appended record is readable at once and durable after [`Wal::sync`]. After a crash the log holds every synced
/// record and any number of those appended since, without gaps. The first failed sync makes every later call fail
/// with [`WalError::Poisoned`]: a sync is never tried again, because a second one succeeds without having written.
#[derive(Debug)]
pub struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: Options,
    /// Serialises changes. Taken before `segments`.
    writer: Mutex<Writer>,
    /// Never empty; the last one is written to.
    segments: RwLock<Vec<Segment>>,
    poison: OnceLock<String>,
    _lock: Box<dyn DiskLock>,
}

#[derive(Debug)]
struct Writer {
    /// Index behind the last synced record.
    durable_end: u64,
}

impl Wal {
    /// Opens the log in this folder, or starts one; locks it against other processes, repairs its end after a crash.
    ///
    /// # Errors
    /// [`WalError::Locked`], [`WalError::Corrupt`], [`WalError::Version`], [`WalError::Io`].
    pub fn open(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>, options: Options) -> Result<(Self, Recovery), WalError> {
        let dir = dir.into();
        disk.create_dir_all(&dir).map_err(|source| WalError::io("creating", &dir, source))?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            disk.sync_dir(parent).map_err(|source| WalError::io("syncing", parent, source))?;
        }
        let lock_file = dir.join("wal.lock");
        let lock = disk.lock(&lock_file).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => WalError::Locked(dir.clone()),
            _ => WalError::io("locking", &lock_file, source),
        })?;
        let (mut segments, recovery) = recovery::open(&*disk, &dir)?;
        if recovery != (Recovery { records: recovery.records, ..Recovery::default() }) {
            tracing::warn!(dir = %dir.display(), cut_bytes = recovery.cut_bytes, removed = ?recovery.removed,
                "log repaired after a crash");
        }
        if segments.is_empty() {
            let header = Header::new(options.first_index, false);
            segments.push(Segment::create(&*disk, &dir, 1, header).map_err(|error| match error {
                NotCreated::Write(path, source) => WalError::io("creating", &path, source),
                NotCreated::Sync(path, source) => WalError::io("syncing", &path, source),
            })?);
        }
        let durable_end = segments.last().expect("one was just created").end();
        let wal = Self {
            disk,
            dir,
            options,
            writer: Mutex::new(Writer { durable_end }),
            segments: RwLock::new(segments),
            poison: OnceLock::new(),
            _lock: lock,
        };
        Ok((wal, recovery))
    }

    /// Index of the oldest record; equal to [`Wal::next_index`] when the log is empty.
    pub fn first_index(&self) -> u64 {
        first(&self.segments())
    }

    /// Index that the next record gets.
    pub fn next_index(&self) -> u64 {
        next(&self.segments())
    }

    /// Index of the newest record; `None` when the log is empty.
    pub fn last_index(&self) -> Option<u64> {
        let segments = self.segments();
        if next(&segments) == first(&segments) { None } else { Some(next(&segments) - 1) }
    }

    /// Index behind the last record that is known to be durable. Waits for a sync that is under way.
    pub fn durable_end(&self) -> u64 {
        self.writer().durable_end
    }

    /// Adds records, in one write to one segment; returns the index of the first. Not durable before [`Wal::sync`].
    ///
    /// # Errors
    /// [`WalError::TooLarge`]; [`WalError::Io`], for instance when the disk is full: nothing was added then, and the
    /// log can still be used; [`WalError::Poisoned`].
    pub fn append(&self, records: &[Bytes]) -> Result<u64, WalError> {
        let mut writer = self.writer();
        self.usable()?;
        for record in records {
            self.record_len(record)?;
        }
        self.rotate_when_full(&mut writer)?;
        let (file, path, header, len, index) = {
            let segments = self.segments();
            let active = active(&segments);
            (active.file.clone(), active.path.clone(), active.header, active.len, active.end())
        };
        let (mut encoded, mut offsets) = (Vec::new(), Vec::with_capacity(records.len()));
        for (number, record) in (index..).zip(records) {
            offsets.push(len + encoded.len() as u64);
            let length = self.record_len(record)?;
            record::Header::encode(number, writer.durable_end, length, record, header.salt, &mut encoded);
        }
        if let Err(source) = file.append(&encoded) {
            // Part of it may be there; the next record must not stand behind that.
            return Err(match file.truncate(len) {
                Ok(()) => WalError::io("appending to", &path, source),
                Err(second) => self.poison("truncating", &path, second),
            });
        }
        let mut segments = self.segments_mut();
        let active = segments.last_mut().expect("never empty");
        active.len += encoded.len() as u64;
        active.offsets.append(&mut offsets);
        Ok(index)
    }

    /// Makes all appended records durable; free when they are.
    ///
    /// # Errors
    /// [`WalError::Poisoned`], now and ever after, when the file system cannot.
    pub fn sync(&self) -> Result<(), WalError> {
        let mut writer = self.writer();
        self.usable()?;
        self.sync_active(&mut writer)
    }

    /// Payloads of these records, checked against their checksums.
    ///
    /// # Errors
    /// [`WalError::OutOfRange`], [`WalError::Corrupt`], [`WalError::Io`], [`WalError::Poisoned`].
    pub fn read(&self, range: Range<u64>) -> Result<Vec<Bytes>, WalError> {
        self.usable()?;
        if range.is_empty() {
            return Ok(Vec::new());
        }
        // Files stay readable through their handles while a purge removes them, so no lock is held while reading.
        let places = {
            let segments = self.segments();
            let outside = || WalError::OutOfRange {
                from: range.start,
                to: range.end,
                first: first(&segments),
                next: next(&segments),
            };
            if range.start < first(&segments) || range.end > next(&segments) {
                return Err(outside());
            }
            let mut places = Vec::new();
            for segment in segments.iter() {
                for index in range.start.max(segment.header.first)..range.end.min(segment.end()) {
                    let (start, end) = segment.place(index).ok_or_else(outside)?;
                    places.push((segment.file.clone(), segment.path.clone(), segment.header.salt, index, start, end));
                }
            }
            places
        };
        let mut records = Vec::with_capacity(places.len());
        for (file, path, salt, index, start, end) in places {
            let mut bytes = vec![0; usize::try_from(end - start).expect("was in memory when it was written")];
            file.read_exact_at(start, &mut bytes).map_err(|source| WalError::io("reading", &path, source))?;
            let intact = record::Header::decode(&bytes, salt).is_some_and(|header| {
                header.index == index && header.payload_crc == crc32fast::hash(&bytes[record::HEADER..])
            });
            if !intact {
                return Err(WalError::Corrupt { path, offset: start, reason: "record changed after it was written" });
            }
            records.push(Bytes::from(bytes).slice(record::HEADER..));
        }
        Ok(records)
    }

    /// Removes the records with a higher index than this one, durably when this returns. A crash within leaves the
    /// log as it was or shortened at some index from the end.
    ///
    /// # Errors
    /// [`WalError::OutOfRange`] when `index` lies outside the log; [`WalError::Poisoned`] when the file system fails.
    pub fn truncate_after(&self, index: u64) -> Result<(), WalError> {
        self.truncate_from(index.saturating_add(1))
    }

    /// [`Wal::truncate_after`], naming the first record to go: with [`Wal::first_index`] all of them.
    ///
    /// # Errors
    /// As [`Wal::truncate_after`].
    pub fn truncate_from(&self, index: u64) -> Result<(), WalError> {
        let mut writer = self.writer();
        self.usable()?;
        let (from, to) = {
            let segments = self.segments();
            (first(&segments), next(&segments))
        };
        if index < from || index > to {
            return Err(WalError::OutOfRange { from: index, to, first: from, next: to });
        }
        if index == to {
            return Ok(());
        }
        // Newest first, each removal durable before the next: no crash leaves a gap.
        loop {
            let path = match &**self.segments() {
                [_, .., newest] if newest.header.first >= index => newest.path.clone(),
                _ => break,
            };
            self.remove(&path)?;
            self.segments_mut().pop();
        }
        let mut segments = self.segments_mut();
        let active = segments.last_mut().expect("never empty");
        if let Some((start, _)) = active.place(index) {
            let cut = active.file.truncate(start).and_then(|()| active.file.sync());
            cut.map_err(|source| self.poison("truncating", &active.path, source))?;
            active.offsets.truncate(usize::try_from(index - active.header.first).expect("an offset's position"));
            active.len = start;
        }
        drop(segments);
        writer.durable_end = writer.durable_end.min(index);
        Ok(())
    }

    /// Removes the oldest segments that hold only records below this index, durably when this returns; records below
    /// it may stay, [`Wal::first_index`] says which. The segment that is written to always stays.
    ///
    /// # Errors
    /// [`WalError::Poisoned`].
    pub fn purge_below(&self, index: u64) -> Result<(), WalError> {
        let _writer = self.writer();
        self.usable()?;
        loop {
            let path = match &**self.segments() {
                [oldest, _, ..] if oldest.end() <= index => oldest.path.clone(),
                _ => return Ok(()),
            };
            self.remove(&path)?;
            self.segments_mut().remove(0);
        }
    }

    /// Empties the log durably; the next record gets this index, above or below the present ones. A crash within
    /// leaves the old log or the empty one.
    ///
    /// # Errors
    /// [`WalError::Io`] when the new segment cannot be written: the log is as before; [`WalError::Poisoned`].
    pub fn reset(&self, next_index: u64) -> Result<(), WalError> {
        let mut writer = self.writer();
        self.usable()?;
        // Recovery takes damage in any segment but the last for rot, also in those that a crash leaves behind here.
        self.sync_active(&mut writer)?;
        let fresh = self.create_segment(Header::new(next_index, true))?;
        let old = std::mem::replace(&mut *self.segments_mut(), vec![fresh]);
        writer.durable_end = next_index;
        for segment in old {
            self.remove(&segment.path)?;
        }
        Ok(())
    }

    fn record_len(&self, record: &Bytes) -> Result<u32, WalError> {
        let max = self.options.max_record_bytes;
        u32::try_from(record.len()).ok().filter(|len| *len <= max).ok_or(WalError::TooLarge { len: record.len(), max })
    }

    fn sync_active(&self, writer: &mut Writer) -> Result<(), WalError> {
        let (file, path, end) = {
            let segments = self.segments();
            let active = active(&segments);
            (active.file.clone(), active.path.clone(), active.end())
        };
        if writer.durable_end < end {
            file.sync().map_err(|source| self.poison("syncing", &path, source))?;
            writer.durable_end = end;
        }
        Ok(())
    }

    fn rotate_when_full(&self, writer: &mut Writer) -> Result<(), WalError> {
        let (full, end) = {
            let segments = self.segments();
            let active = active(&segments);
            (active.len >= self.options.segment_bytes && !active.offsets.is_empty(), active.end())
        };
        if full {
            // Recovery takes damage in any segment but the last for rot.
            self.sync_active(writer)?;
            let fresh = self.create_segment(Header::new(end, false))?;
            self.segments_mut().push(fresh);
        }
        Ok(())
    }

    fn create_segment(&self, header: Header) -> Result<Segment, WalError> {
        let sequence = active(&self.segments()).sequence + 1;
        Segment::create(&*self.disk, &self.dir, sequence, header).map_err(|error| match error {
            NotCreated::Sync(path, source) => self.poison("syncing", &path, source),
            NotCreated::Write(path, source) => {
                // A half-made successor would make the present segment look finished.
                let removed = match self.disk.remove(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => self.disk.sync_dir(&self.dir),
                };
                match removed {
                    Ok(()) => WalError::io("creating", &path, source),
                    Err(second) => self.poison("removing", &path, second),
                }
            }
        })
    }

    fn remove(&self, path: &Path) -> Result<(), WalError> {
        let remove = self.disk.remove(path).and_then(|()| self.disk.sync_dir(&self.dir));
        remove.map_err(|source| self.poison("removing", path, source))
    }

    fn poison(&self, action: &'static str, path: &Path, source: io::Error) -> WalError {
        let reason = WalError::io(action, path, source).to_string();
        tracing::error!(%reason, "log is unusable from here on");
        // Only the first failure counts; calls are serialised, so there is no second.
        let _ = self.poison.set(reason.clone());
        WalError::Poisoned(reason)
    }

    fn usable(&self) -> Result<(), WalError> {
        self.poison.get().map_or(Ok(()), |reason| Err(WalError::Poisoned(reason.clone())))
    }

    // A panic of another thread leaves both consistent: they are changed after the disk, in single steps.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments(&self) -> RwLockReadGuard<'_, Vec<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments_mut(&self) -> RwLockWriteGuard<'_, Vec<Segment>> {
        self.segments.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn active(segments: &[Segment]) -> &Segment {
    segments.last().expect("never empty")
}

fn first(segments: &[Segment]) -> u64 {
    segments.first().expect("never empty").header.first
}

fn next(segments: &[Segment]) -> u64 {
    active(segments).end()
}
