//! The writer thread: one atomic batch per block, made durable in groups.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use plume_state::{CommittedBlock, StateError, Store};
use rocksdb::{BottommostLevelCompaction, CompactOptions, WriteBatch};

use crate::{
    Config, checkpoint, failpoint,
    backend::{Shared, disk},
    keys::{self, StoreId},
    open,
    records::{BlockRecord, JournalWriter},
    rollback,
};

/// Answer to a command.
pub(crate) type Reply = Sender<Result<(), StateError>>;

/// Work for the writer thread, done in the order in which it is sent.
pub(crate) enum Command {
    /// Write a block; with the size of its changes.
    Block(CommittedBlock, u64),
    /// Make everything durable.
    Flush(Reply),
    /// Forget heights below.
    Prune(u64),
    /// A checkpoint file has been completed.
    CheckpointWritten,
    /// Make everything durable and compact, now.
    Compact(Reply),
    /// Return to the state after a block.
    Rollback(u64, Reply),
}

/// Blocks kept in the journal while there is no checkpoint: one may be in the making whose height is that far back.
const JOURNAL_MARGIN: u64 = 1_000;

/// Bytes of a block's changes, as the bounds of the lag count them.
pub(crate) fn size(block: &CommittedBlock) -> u64 {
    let per_change = 16; // heights, lengths
    let changes = block.deltas.iter().flat_map(|delta| delta.iter()).map(|change| {
        let values = change.old.map_or(0, <[u8]>::len).saturating_add(change.new.map_or(0, <[u8]>::len));
        change.key.len().saturating_add(values).saturating_add(per_change)
    });
    let total = changes.fold(0usize, usize::saturating_add);
    u64::try_from(total).unwrap_or(u64::MAX).saturating_add(64)
}

/// Starts the thread.
pub(crate) fn start(
    shared: Arc<Shared>,
    config: &Config,
    head: Option<(u64, BlockRecord)>,
) -> io::Result<(Sender<Command>, JoinHandle<()>)> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let floor = shared.progress.lock().floor;
    let compacted_bytes = floor.and_then(|floor| shared.record_at_or_below(floor).ok().flatten());
    let writer = Writer {
        history_bytes: head.as_ref().map_or(0, |(_, record)| record.history_bytes),
        head: head.map(|(height, _)| height),
        compacted_bytes: compacted_bytes.map_or(0, |(_, record)| record.history_bytes),
        unflushed: Unflushed::default(),
        dirty: false,
        compaction: None,
        keep_recent: config.keep_recent,
        flush_blocks: config.flush_at_blocks(),
        flush_bytes: config.flush_at_bytes(),
        idle_flush: config.idle_flush,
        compact_dead_bytes: config.compact_dead_bytes,
        key: Vec::new(),
        journal: JournalWriter::default(),
        shared,
    };
    #[expect(clippy::disallowed_methods, reason = "durability happens off the block thread; nothing here reaches the app hash")]
    let thread = std::thread::Builder::new().name("state-writer".to_owned()).spawn(move || writer.run(&receiver))?;
    Ok((sender, thread))
}

/// Blocks in RocksDB's memory only.
#[derive(Debug, Default, Clone, Copy)]
struct Unflushed {
    blocks: u64,
    bytes: u64,
}

struct Writer {
    shared: Arc<Shared>,
    /// Height of the newest block written.
    head: Option<u64>,
    /// Bytes of old values written since the first block.
    history_bytes: u64,
    /// Of those, what the last compaction has removed.
    compacted_bytes: u64,
    unflushed: Unflushed,
    /// Metadata has been written since the last flush.
    dirty: bool,
    compaction: Option<JoinHandle<()>>,
    keep_recent: Option<u64>,
    flush_blocks: u64,
    flush_bytes: u64,
    idle_flush: Duration,
    compact_dead_bytes: u64,
    key: Vec<u8>,
    journal: JournalWriter,
}

impl Writer {
    fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let command = if self.unflushed.blocks == 0 {
                commands.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                commands.recv_timeout(self.idle_flush)
            };
            let result = match command {
                Ok(command) => self.execute(command),
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(failure) = result {
                self.fail(failure, commands);
                break;
            }
        }
        if self.shared.failure().is_none()
            && let Err(error) = self.flush()
        {
            tracing::error!(%error, "the last blocks are not durable; they will be replayed");
        }
        if let Some(compaction) = self.compaction.take() {
            // Returns soon: an interrupted compaction leaves the files as they were.
            self.shared.db.cancel_all_background_work(false);
            let _ = compaction.join();
        }
    }

    /// Makes a failure known to everybody who waits.
    fn fail(&self, failure: StateError, commands: &Receiver<Command>) {
        tracing::error!(error = %failure, "state writer stopped");
        self.shared.progress.lock().failure = Some(failure.clone());
        self.shared.moved.notify_all();
        for command in commands.try_iter() {
            if let Command::Flush(reply) | Command::Compact(reply) | Command::Rollback(_, reply) = command {
                let _ = reply.send(Err(failure.clone()));
            }
        }
    }

    /// An error of this function stops the writer.
    fn execute(&mut self, command: Command) -> Result<(), StateError> {
        match command {
            Command::Block(block, bytes) => self.write_block(&block, bytes),
            Command::Flush(reply) => {
                let result = self.flush();
                let _ = reply.send(result.clone());
                result
            }
            Command::Prune(keep_from) => self.prune(keep_from),
            Command::CheckpointWritten => self.tidy_checkpoints(),
            Command::Compact(reply) => {
                let result = self.compact_now();
                let _ = reply.send(result.clone());
                result
            }
            Command::Rollback(height, reply) => {
                let result = self.rollback(height);
                let _ = reply.send(result.clone());
                match result {
                    Err(StateError::Unavailable { .. }) => Ok(()), // refused, nothing done
                    other => other,
                }
            }
        }
    }

    fn write_block(&mut self, block: &CommittedBlock, bytes: u64) -> Result<(), StateError> {
        let batch = self.batch(block)?;
        failpoint::hit(failpoint::WRITER_BEFORE_WRITE);
        self.shared.db.write_without_wal(batch).map_err(disk)?;
        failpoint::hit(failpoint::WRITER_WRITTEN);
        self.head = Some(block.height);
        self.unflushed.blocks = self.unflushed.blocks.saturating_add(1);
        self.unflushed.bytes = self.unflushed.bytes.saturating_add(bytes);
        if self.unflushed.blocks >= self.flush_blocks || self.unflushed.bytes >= self.flush_bytes {
            self.flush()?;
        }
        Ok(())
    }

    /// Everything that a block writes.
    fn batch(&mut self, block: &CommittedBlock) -> Result<WriteBatch, StateError> {
        let mut batch = WriteBatch::default();
        let stores = self.store_ids(&block.stores, &mut batch);
        for delta in &block.deltas {
            let store = delta.store();
            let id = self
                .shared
                .store_id(store)?
                .ok_or_else(|| StateError::misuse(store, "written to in a block that does not list it"))?;
            self.journal.clear();
            for change in delta.iter() {
                keys::current(&mut self.key, id, change.key);
                match change.new {
                    Some(value) => batch.put(&self.key, value),
                    None => batch.delete(&self.key),
                }
                keys::history_prefix(&mut self.key, id, change.key);
                self.key.extend_from_slice(&block.height.to_be_bytes());
                let old = change.old.unwrap_or_default();
                batch.put(&self.key, old);
                let bytes = self.key.len().saturating_add(old.len());
                self.history_bytes = self.history_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
                self.journal.push(change.key);
            }
            self.key.clear();
            self.key.extend_from_slice(&keys::journal(block.height));
            self.key.extend_from_slice(&id.to_be_bytes());
            batch.put(&self.key, &self.journal.bytes);
        }
        let record = BlockRecord { app_hash: block.app_hash, history_bytes: self.history_bytes, stores };
        batch.put(keys::block(block.height), record.encode());
        batch.put(keys::META_HEAD, block.height.to_be_bytes());
        if self.head.is_none() {
            batch.put(keys::META_FLOOR, block.height.to_be_bytes());
            self.shared.progress.lock().floor = Some(block.height);
        }
        Ok(batch)
    }

    /// Numbers of the stores of a block; those of new ones become part of the batch.
    fn store_ids(&self, stores: &[Store], batch: &mut WriteBatch) -> Vec<StoreId> {
        let mut identity = self.shared.identity.write();
        let mut grown = false;
        for store in stores.iter().filter(|store| store.is_persisted()) {
            grown |= identity.add(*store);
        }
        if grown {
            batch.put(keys::META_IDENTITY, identity.encode());
        }
        stores.iter().filter_map(|store| identity.id(store.name())).collect()
    }

    /// Makes everything written durable and says so.
    fn flush(&mut self) -> Result<(), StateError> {
        if self.unflushed.blocks == 0 && !self.dirty {
            return Ok(());
        }
        if failpoint::is_due(failpoint::WRITER_FLUSHING) {
            self.abort_in_flush();
        }
        open::flush(&self.shared.db).map_err(disk)?;
        failpoint::hit(failpoint::WRITER_FLUSHED);
        if let Some(head) = self.head {
            self.shared.durable_height.store(head, Ordering::Release);
        }
        let flushed = std::mem::take(&mut self.unflushed);
        self.dirty = false;
        {
            let mut progress = self.shared.progress.lock();
            progress.lag_blocks = progress.lag_blocks.saturating_sub(flushed.blocks);
            progress.lag_bytes = progress.lag_bytes.saturating_sub(flushed.bytes);
            // Only a floor that is on disk may reach the compactions.
            self.shared.rule.floor.store(progress.floor.unwrap_or(0), Ordering::Release);
        }
        self.shared.moved.notify_all();
        failpoint::hit(failpoint::WRITER_PUBLISHED);
        if flushed.blocks > 0 {
            self.tidy_checkpoints()?;
            self.prune_by_policy()?;
        }
        self.compact_if_worthwhile()
    }

    /// Dies while RocksDB writes a table file.
    fn abort_in_flush(&self) -> ! {
        let tables = || {
            let names = std::fs::read_dir(self.shared.path.join(open::DB_DIR)).into_iter().flatten().flatten();
            names.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "sst")).count()
        };
        let before = tables();
        let mut options = rocksdb::FlushOptions::default();
        options.set_wait(false);
        let _ = self.shared.db.flush_opt(&options);
        for _ in 0..100_000 {
            if tables() != before {
                break;
            }
        }
        std::process::abort()
    }

    fn prune_by_policy(&mut self) -> Result<(), StateError> {
        match (self.keep_recent, self.head) {
            (Some(keep), Some(head)) => self.prune(head.saturating_sub(keep)),
            _ => Ok(()),
        }
    }

    /// Raises the floor, at most to the durable height: a crash must not leave a database whose every height is forgotten.
    fn prune(&mut self, keep_from: u64) -> Result<(), StateError> {
        let durable = self.shared.durable_height.load(Ordering::Acquire);
        let wanted = keep_from.min(durable);
        let before = self.shared.progress.lock().floor;
        let Some(before) = before.filter(|floor| *floor < wanted) else { return Ok(()) };
        // Between two blocks nothing changes, so the floor is the block in force at that height.
        let floor = self.shared.record_at_or_below(wanted)?.map_or(before, |(height, _)| height.max(before));
        self.shared.progress.lock().floor = Some(floor); // only this thread changes it
        self.write_meta(keys::META_FLOOR, floor)?;
        self.tidy_checkpoints()
    }

    fn write_meta(&mut self, key: &[u8], height: u64) -> Result<(), StateError> {
        let mut batch = WriteBatch::default();
        batch.put(key, height.to_be_bytes());
        self.dirty = true;
        self.shared.db.write_without_wal(batch).map_err(disk)
    }

    /// Removes checkpoints that a newer durable one replaces, and the journal that only they needed.
    fn tidy_checkpoints(&mut self) -> Result<(), StateError> {
        let durable = self.shared.durable_height.load(Ordering::Acquire);
        let floor = self.shared.progress.lock().floor.unwrap_or(0);
        let newest = checkpoint::keep_newest(&self.shared, durable)?;
        let needless = newest.unwrap_or_else(|| floor.min(durable.saturating_sub(JOURNAL_MARGIN)));
        let removed = self.shared.journal_removed.load(Ordering::Acquire);
        if needless <= removed {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        batch.delete_range(keys::journal(removed.saturating_add(1)), keys::journal(needless.saturating_add(1)));
        batch.put(keys::META_JOURNAL, needless.to_be_bytes());
        self.shared.db.write_without_wal(batch).map_err(disk)?;
        self.shared.journal_removed.store(needless, Ordering::Release);
        self.dirty = true;
        Ok(())
    }

    /// Starts a compaction when it frees at least half of what it must rewrite.
    fn compact_if_worthwhile(&mut self) -> Result<(), StateError> {
        if self.compaction.as_ref().is_some_and(|compaction| !compaction.is_finished()) {
            return Ok(());
        }
        let floor = self.shared.rule.floor.load(Ordering::Acquire);
        let Some((_, record)) = self.shared.record_at_or_below(floor)? else { return Ok(()) };
        let dead = record.history_bytes.saturating_sub(self.compacted_bytes);
        let live = self.history_bytes.saturating_sub(record.history_bytes);
        if dead < self.compact_dead_bytes || dead < live / 2 {
            return Ok(());
        }
        self.compacted_bytes = record.history_bytes;
        let shared = Arc::clone(&self.shared);
        #[expect(clippy::disallowed_methods, reason = "compaction touches nothing that the state machine reads")]
        let thread = std::thread::Builder::new()
            .name("state-compact".to_owned())
            .spawn(move || compact(&shared))
            .map_err(|error| StateError::backend(error.to_string()))?;
        self.compaction = Some(thread);
        Ok(())
    }

    fn compact_now(&mut self) -> Result<(), StateError> {
        self.dirty = true; // the compaction must see the newest floor on disk
        self.flush()?;
        if let Some(running) = self.compaction.take() {
            let _ = running.join();
        }
        self.flush()?; // what flushing itself has pruned
        let floor = self.shared.rule.floor.load(Ordering::Acquire);
        if let Some((_, record)) = self.shared.record_at_or_below(floor)? {
            self.compacted_bytes = record.history_bytes;
        }
        if let Some(running) = self.compaction.take() {
            let _ = running.join();
        }
        compact(&self.shared);
        Ok(())
    }

    fn rollback(&mut self, height: u64) -> Result<(), StateError> {
        self.flush()?;
        self.shared.require_complete_history(height)?;
        let (head, record) = rollback::rollback(&self.shared, height)?;
        self.head = Some(head);
        self.history_bytes = record.history_bytes;
        self.compacted_bytes = self.compacted_bytes.min(record.history_bytes);
        let mut progress = self.shared.progress.lock();
        progress.accepted_height = head;
        self.shared.durable_height.store(head, Ordering::Release);
        Ok(())
    }
}

/// Rewrites history, block records and journal without what is dead. Current values are left alone.
fn compact(shared: &Shared) {
    failpoint::hit(failpoint::PRUNE_STARTED);
    let mut options = CompactOptions::default();
    options.set_exclusive_manual_compaction(false);
    options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
    shared.db.compact_range_opt(Some([keys::HISTORY]), Some([keys::END]), &options);
    failpoint::hit(failpoint::PRUNE_DONE);
}
