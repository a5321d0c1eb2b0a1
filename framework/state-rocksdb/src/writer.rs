//! The writer thread: gathers blocks and makes each group durable in one atomic step.
//!
//! A group becomes one table file, written in key order and ingested whole. No log and no memtable: the engine replays what
//! a crash loses, blocks arrive sorted, and inserting them one by one into RocksDB's memory would cost three times the CPU.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use plume_state::{CommittedBlock, StateError};
use rocksdb::{BottommostLevelCompaction, CompactOptions};

use crate::{
    Config,
    backend::{Shared, disk},
    checkpoint, failpoint,
    group::{self, Group},
    keys,
    records::BlockRecord,
    restore::{self, Step},
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
    /// A step of taking a state over.
    Restore(Step, Reply),
}

/// Table files that no compaction has touched, above which the writer waits.
const MAX_YOUNG_FILES: u64 = 40;

/// Blocks kept in the journal while there is no checkpoint: one may be in the making whose height is that far back.
const JOURNAL_MARGIN: u64 = 1_000;

/// Bytes of a block's changes, as the bounds of the lag count them.
pub(crate) fn size(block: &CommittedBlock) -> u64 {
    let per_change = 16; // heights, lengths
    let deltas =
        block.deltas.iter().map(|delta| delta.len().saturating_mul(per_change).saturating_add(delta.payload_bytes()));
    let total = deltas.fold(0usize, usize::saturating_add);
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
        group: Group::default(),
        compaction: None,
        keep_recent: config.keep_recent,
        flush_blocks: config.flush_at_blocks(),
        flush_bytes: config.flush_at_bytes(),
        idle_flush: config.idle_flush,
        compact_dead_bytes: config.compact_dead_bytes,
        shared,
    };
    let thread = std::thread::Builder::new().name("state-writer".to_owned()).spawn(move || writer.run(&receiver))?;
    Ok((sender, thread))
}

struct Writer {
    shared: Arc<Shared>,
    /// Height of the newest block received.
    head: Option<u64>,
    /// Bytes of old values written since the first block.
    history_bytes: u64,
    /// Of those, what the last compaction has removed.
    compacted_bytes: u64,
    /// What is not durable yet.
    group: Group,
    compaction: Option<JoinHandle<()>>,
    keep_recent: Option<u64>,
    flush_blocks: u64,
    flush_bytes: u64,
    idle_flush: Duration,
    compact_dead_bytes: u64,
}

impl Writer {
    fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let command = if self.group.blocks.is_empty() {
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
            if let Command::Flush(reply)
            | Command::Compact(reply)
            | Command::Rollback(_, reply)
            | Command::Restore(_, reply) = command
            {
                let _ = reply.send(Err(failure.clone()));
            }
        }
    }

    /// An error of this function stops the writer.
    fn execute(&mut self, command: Command) -> Result<(), StateError> {
        match command {
            Command::Block(block, bytes) => self.take_block(block, bytes),
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
            Command::Restore(step, reply) => {
                if let Err(refused) = self.require_restore_step(&step) {
                    let _ = reply.send(Err(refused));
                    return Ok(());
                }
                let result = self.restore(step);
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

    fn take_block(&mut self, block: CommittedBlock, bytes: u64) -> Result<(), StateError> {
        failpoint::hit(failpoint::WRITER_RECEIVED);
        if self.head.is_none() {
            // The chain begins with its blocks after all.
            restore::discard(&self.shared)?;
            self.shared.progress.lock().floor = Some(block.height);
            self.group.floor = Some(block.height);
        }
        self.head = Some(block.height);
        self.group.bytes = self.group.bytes.saturating_add(bytes);
        self.group.blocks.push(block);
        if u64::try_from(self.group.blocks.len()).is_ok_and(|blocks| blocks < self.flush_blocks)
            && self.group.bytes < self.flush_bytes
        {
            return Ok(());
        }
        self.flush()
    }

    /// Makes everything received durable and says so.
    fn flush(&mut self) -> Result<(), StateError> {
        let group = std::mem::take(&mut self.group);
        if group.is_empty() {
            return Ok(());
        }
        self.history_bytes = group::write(&self.shared, &group, self.history_bytes)?;
        failpoint::hit(failpoint::WRITER_INGESTED);
        if let Some(last) = group.blocks.last() {
            self.shared.durable_height.store(last.height, Ordering::Release);
        }
        {
            let mut progress = self.shared.progress.lock();
            progress.lag_blocks =
                progress.lag_blocks.saturating_sub(u64::try_from(group.blocks.len()).unwrap_or(u64::MAX));
            progress.lag_bytes = progress.lag_bytes.saturating_sub(group.bytes);
        }
        // Only limits that are on disk may reach the compactions.
        if let Some(floor) = group.floor {
            self.shared.rule.floor.store(floor, Ordering::Release);
        }
        if let Some(removed) = group.journal_removed {
            self.shared.rule.journal_removed.store(removed, Ordering::Release);
        }
        self.shared.moved.notify_all();
        failpoint::hit(failpoint::WRITER_PUBLISHED);
        if !group.blocks.is_empty() {
            self.tidy_checkpoints()?;
            self.prune_by_policy()?;
        }
        self.compact_if_worthwhile()?;
        self.wait_for_compactions()
    }

    /// Ingesting knows no brake of its own: when compactions cannot follow, the writer waits, and the bound of the lag makes
    /// the block thread wait too.
    fn wait_for_compactions(&self) -> Result<(), StateError> {
        loop {
            let files = self.shared.db.property_int_value(rocksdb::properties::num_files_at_level(0)).map_err(disk)?;
            let running =
                self.shared.db.property_int_value(rocksdb::properties::NUM_RUNNING_COMPACTIONS).map_err(disk)?;
            if files.is_none_or(|files| files < MAX_YOUNG_FILES) || running == Some(0) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
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
        self.group.floor = Some(floor);
        self.tidy_checkpoints()
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
        self.shared.journal_removed.store(needless, Ordering::Release);
        self.group.journal_removed = Some(needless);
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
        let thread = std::thread::Builder::new()
            .name("state-compact".to_owned())
            .spawn(move || compact(&shared))
            .map_err(|error| StateError::backend(error.to_string()))?;
        self.compaction = Some(thread);
        Ok(())
    }

    fn compact_now(&mut self) -> Result<(), StateError> {
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

    /// Refuses a step that comes at the wrong time; nothing is done then.
    fn require_restore_step(&self, step: &Step) -> Result<(), StateError> {
        match step {
            Step::Discard => Ok(()),
            _ if self.head.is_some() => {
                Err(StateError::backend("a state can be taken over only into an empty database"))
            }
            Step::Begin { .. } => Ok(()),
            Step::Part(part) => restore::require_part(&self.shared, part),
            Step::Finish(_) => restore::require_whole(&self.shared),
        }
    }

    /// A step of taking a state over.
    fn restore(&mut self, step: Step) -> Result<(), StateError> {
        match step {
            Step::Begin { description, stores, parts } => restore::begin(&self.shared, description, &stores, parts),
            Step::Part(part) => restore::part(&self.shared, &part).and_then(|()| self.wait_for_compactions()),
            Step::Discard => restore::discard(&self.shared),
            Step::Finish(block) => {
                let height = block.height;
                {
                    let mut progress = self.shared.progress.lock();
                    progress.accepted_height = height;
                    progress.floor = Some(height);
                }
                self.head = Some(height);
                self.group = Group { blocks: vec![block], floor: Some(height), ends_restore: true, ..Group::default() };
                self.flush()?;
                *self.shared.restoring.lock() = None;
                Ok(())
            }
        }
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
