//! The Raft log on disk.
//!
//! Entries are records of a [`Wal`] in `data/raft.wal`, each with its Raft index in front; the vote and the purged
//! position are small files beside it, replaced in one durable step. An entry counts as stored after the file system's
//! sync, and the first sync that fails ends the node (`consensus/wal`).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogId, RaftLogReader, StorageError, StorageIOError, Vote};
use parking_lot::Mutex;
use plume_metrics::NodeMetrics;
use plume_wal::{Disk, Options, Recovery, Wal, WalError, atomic_write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::machine::Shared;
use super::{LogId, NodeId, RaftEntry, TypeConfig};
use crate::exec::blocking;

/// Bytes of entries that are kept in memory for followers; older ones are read from the disk.
const CACHE_BYTES: usize = 64 << 20;

/// Bytes of entries that go to a follower at once, at least one entry.
const BATCH_BYTES: usize = 8 << 20;

/// What an entry costs in memory besides its block.
const ENTRY_BYTES: usize = 256;

/// The log; clones read the same one.
#[derive(Clone)]
pub struct RaftLog {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    wal: Wal,
    metrics: NodeMetrics,
    decided: Shared,
    /// Position of the snapshot on disk.
    snapshot: watch::Receiver<Option<LogId>>,
    state: Mutex<State>,
}

struct State {
    /// Raft index of the record at `Wal::first_index`, when there is one.
    first: Option<(u64, u64)>,
    last: Option<LogId>,
    purged: Option<LogId>,
    vote: Option<Vote<NodeId>>,
    cache: BTreeMap<u64, RaftEntry>,
    cached: usize,
}

type Failure = StorageError<NodeId>;

impl RaftLog {
    /// Opens or starts the log in `dir`. Nothing is purged above both what is `decided` and the position of `snapshot`.
    ///
    /// # Errors
    /// A log that is damaged or in use, a disk that fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        metrics: NodeMetrics,
        decided: Shared,
        snapshot: watch::Receiver<Option<LogId>>,
    ) -> io::Result<(Self, Recovery)> {
        disk.create_dir_all(dir)?;
        let (wal, recovery) = Wal::open(disk.clone(), dir.join("entries"), Options::default()).map_err(io_error)?;
        let purged = read_file(disk.as_ref(), &dir.join("purged"))?;
        let vote = read_file(disk.as_ref(), &dir.join("vote"))?;
        let (mut first, mut last) = (None, purged);
        if let Some(newest) = wal.last_index() {
            let oldest = decode(wal.read(wal.first_index()..wal.first_index() + 1).map_err(io_error)?)?;
            let newest = decode(wal.read(newest..newest + 1).map_err(io_error)?)?;
            if let (Some(oldest), Some(newest)) = (oldest.first(), newest.first()) {
                first = Some((oldest.log_id.index, wal.first_index()));
                last = Some(newest.log_id).max(purged);
            }
        }
        let state = State { first, last, purged, vote, cache: BTreeMap::new(), cached: 0 };
        let inner = Inner { disk, dir: dir.to_owned(), wal, metrics, decided, snapshot, state: Mutex::new(state) };
        Ok((Self { inner: Arc::new(inner) }, recovery))
    }

    fn save<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
        blocking(|| atomic_write(self.inner.disk.as_ref(), &self.inner.dir.join(name), &bytes))
            .map_err(io::Error::other)
    }

    /// Entries from the cache or the disk, until `limit` bytes are reached.
    fn read(&self, start: u64, end: u64, limit: usize) -> io::Result<Vec<RaftEntry>> {
        let state = self.inner.state.lock();
        let lowest = state.purged.map_or(0, |id| id.index + 1).max(state.first.map_or(u64::MAX, |(index, _)| index));
        let end = end.min(state.last.map_or(0, |id| id.index + 1));
        let (mut found, mut bytes) = (Vec::new(), 0usize);
        for index in start.max(lowest)..end {
            let entry = match state.cache.get(&index) {
                Some(entry) => entry.clone(),
                None => {
                    let record = state.record(index);
                    let read = blocking(|| self.inner.wal.read(record..record + 1)).map_err(io_error)?;
                    decode(read)?.pop().ok_or_else(|| io::Error::other(format!("entry {index} is missing")))?
                }
            };
            bytes = bytes.saturating_add(size(&entry));
            if bytes > limit && !found.is_empty() {
                break;
            }
            found.push(entry);
        }
        Ok(found)
    }

    fn add(&self, entries: Vec<RaftEntry>) -> io::Result<()> {
        let mut records = Vec::with_capacity(entries.len());
        for entry in &entries {
            records.push(Bytes::from(postcard::to_stdvec(entry).map_err(io::Error::other)?));
        }
        let begun = Instant::now();
        let mut state = self.inner.state.lock();
        let Some(index) = entries.first().map(|entry| entry.log_id.index) else { return Ok(()) };
        blocking(|| {
            let expected = state.last.map(|id| id.index + 1);
            if self.inner.wal.last_index().is_some() && expected != Some(index) {
                return Err(io::Error::other(format!("entry {index} does not follow {expected:?}")));
            }
            let record = self.inner.wal.append(&records).map_err(io_error)?;
            if state.first.is_none() {
                state.first = Some((index, record));
            }
            self.inner.wal.sync().map_err(io_error)
        })?;
        for entry in entries {
            state.last = Some(entry.log_id);
            state.remember(entry);
        }
        self.inner.metrics.appended(begun.elapsed());
        Ok(())
    }

    fn truncate_from(&self, id: LogId) -> io::Result<()> {
        let mut state = self.inner.state.lock();
        let Some((first, _)) = state.first else { return Ok(()) };
        let record = if id.index <= first { self.inner.wal.first_index() } else { state.record(id.index) };
        blocking(|| self.inner.wal.truncate_from(record)).map_err(io_error)?;
        state.forget_from(id.index);
        if id.index <= first {
            state.first = None;
            state.last = state.purged;
            return Ok(());
        }
        let before = blocking(|| self.inner.wal.read(record - 1..record)).map_err(io_error)?;
        state.last = decode(before)?.first().map(|entry| entry.log_id).or(state.purged);
        Ok(())
    }

    fn purge_to(&self, id: LogId) -> io::Result<()> {
        self.save("purged", &Some(id))?;
        let mut state = self.inner.state.lock();
        state.purged = Some(id);
        if state.last.is_none_or(|last| last.index <= id.index) {
            // Nothing is left; the next entry may leave a gap in the numbers.
            blocking(|| self.inner.wal.reset(self.inner.wal.next_index())).map_err(io_error)?;
            state.forget_from(0);
            state.first = None;
            state.last = Some(id);
            return Ok(());
        }
        let record = state.record(id.index + 1);
        blocking(|| self.inner.wal.purge_below(record)).map_err(io_error)?;
        let oldest = self.inner.wal.first_index();
        if let Some((index, first)) = state.first {
            state.first = Some((index + (oldest - first), oldest));
        }
        let gone: Vec<u64> = state.cache.range(..=id.index).map(|(index, _)| *index).collect();
        gone.into_iter().for_each(|index| state.drop_cached(index));
        Ok(())
    }
}

impl State {
    /// The log's record with this Raft index.
    fn record(&self, index: u64) -> u64 {
        let (first, record) = self.first.unwrap_or((index, 0));
        record + index.saturating_sub(first)
    }

    fn remember(&mut self, entry: RaftEntry) {
        self.cached += size(&entry);
        self.cache.insert(entry.log_id.index, entry);
        while self.cached > CACHE_BYTES && self.cache.len() > 1 {
            let Some(oldest) = self.cache.keys().next().copied() else { return };
            self.drop_cached(oldest);
        }
    }

    fn forget_from(&mut self, index: u64) {
        let gone: Vec<u64> = self.cache.range(index..).map(|(index, _)| *index).collect();
        gone.into_iter().for_each(|index| self.drop_cached(index));
    }

    fn drop_cached(&mut self, index: u64) {
        if let Some(entry) = self.cache.remove(&index) {
            self.cached -= size(&entry);
        }
    }
}

fn size(entry: &RaftEntry) -> usize {
    match &entry.payload {
        openraft::EntryPayload::Normal(proposed) => proposed.block.len() + ENTRY_BYTES,
        _ => ENTRY_BYTES,
    }
}

fn decode(records: Vec<Bytes>) -> io::Result<Vec<RaftEntry>> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    records.iter().map(|record| postcard::from_bytes(record).map_err(invalid)).collect()
}

fn io_error(error: WalError) -> io::Error {
    io::Error::other(error)
}

fn read_file<T: DeserializeOwned>(disk: &dyn Disk, path: &Path) -> io::Result<Option<T>> {
    match disk.read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => {
            let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
            postcard::from_bytes(&bytes).map_err(damaged)
        }
    }
}

fn reading(error: io::Error) -> Failure {
    StorageIOError::read_logs(&error).into()
}

fn writing(error: io::Error) -> Failure {
    StorageIOError::write_logs(&error).into()
}

impl RaftLogReader<TypeConfig> for RaftLog {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<RaftEntry>, Failure> {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index.saturating_add(1),
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        self.read(start, end, usize::MAX).map_err(reading)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<RaftEntry>, Failure> {
        self.read(start, end, BATCH_BYTES).map_err(reading)
    }
}

impl RaftLogStorage<TypeConfig> for RaftLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, Failure> {
        let state = self.inner.state.lock();
        Ok(LogState { last_purged_log_id: state.purged, last_log_id: state.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<NodeId>) -> Result<(), Failure> {
        self.save("vote", &Some(*vote)).map_err(|error| StorageIOError::write_vote(&error))?;
        self.inner.state.lock().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<NodeId>>, Failure> {
        Ok(self.inner.state.lock().vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), Failure>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<RaftEntry> = entries.into_iter().collect();
        match self.add(entries) {
            Ok(()) => {
                callback.log_io_completed(Ok(()));
                Ok(())
            }
            Err(error) => {
                let copy = io::Error::new(error.kind(), error.to_string());
                callback.log_io_completed(Err(copy));
                Err(writing(error))
            }
        }
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), Failure> {
        self.truncate_from(log_id).map_err(writing)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), Failure> {
        let id = *log_id.get_log_id();
        // A node that dies here must find the entries, or blocks decided from them, or the snapshot that covers them.
        if self.inner.decided.cursor().log_id < Some(id) {
            let covered = self.inner.snapshot.clone().wait_for(|stored| *stored >= Some(id)).await.map(drop);
            covered.map_err(|_| writing(io::Error::other("the state machine has stopped")))?;
        }
        self.purge_to(id).map_err(writing)
    }
}
