//! Our state over RocksDB: filling, blocks of updates, restart.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use plume_state::{
    Backend, ChangeSet, Direction, KvRead, KvWrite, Overlay, State, StateConfig, StateOptions, StateReader,
};
use plume_state_rocksdb::{Config, RocksBackend};
use serde::{Deserialize, Serialize};

use crate::measure::{Blocked, folder_bytes, micros_per, process_cpu, resident_bytes, thread_cpu, written_bytes};
use crate::workload::{ACC, BANK, balance, balance_key, record, record_key, touched};
use crate::{Plan, Threads};

/// Records written per block while filling.
const FILL_BLOCK: u64 = 100_000;

#[derive(Serialize, Deserialize, Debug, Clone)]
pub(crate) struct Blocks {
    pub(crate) fill_seconds: f64,
    pub(crate) updates: u64,
    /// Block thread, CPU microseconds per update: the writes into the overlay and the change set made of it.
    pub(crate) overlay_us: f64,
    /// Same: diff, hashing, app hash.
    pub(crate) prepare_us: f64,
    /// Same: into RAM, to the backend, freeing old versions.
    pub(crate) commit_us: f64,
    /// CPU of all threads per update, until everything is durable.
    pub(crate) total_us: f64,
    pub(crate) hashes_per_update: f64,
    /// Wall time per block of prepare and commit, median.
    pub(crate) block_ms: f64,
    /// Bytes written to storage per update, compactions included.
    pub(crate) written_bytes: f64,
    /// Bytes of key and value per update.
    pub(crate) state_bytes: f64,
    pub(crate) disk_bytes: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) window_bytes: usize,
    pub(crate) versions: usize,
    /// The longest time that a read of a concurrent reader was blocked, neither running nor waiting for a core.
    pub(crate) longest_wait_us: f64,
    /// One read in a thousand waited longer.
    pub(crate) wait_p999_us: f64,
    /// One read in ten thousand waited longer.
    pub(crate) wait_p9999_us: f64,
    /// Reads blocked for more than a millisecond.
    pub(crate) slow_reads: u64,
    pub(crate) reads: u64,
}

#[derive(Serialize, Deserialize, Debug, Clone)]
pub(crate) struct Restart {
    pub(crate) keys: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    /// The state's own estimate.
    pub(crate) reported_bytes: usize,
    pub(crate) bytes_per_key: f64,
}

fn config(parallel: bool) -> StateConfig {
    StateConfig {
        stores: vec![BANK, ACC],
        derivations: Vec::new(),
        options: StateOptions { parallel, ..StateOptions::default() },
    }
}

fn open(path: &Path, parallel: bool) -> Result<(State, Arc<dyn Backend>)> {
    let backend: Arc<dyn Backend> = Arc::new(RocksBackend::open(path, &Config::new("bench-1", [BANK, ACC]))?);
    Ok((State::open(config(parallel), backend.clone())?, backend))
}

fn commit(state: &mut State, changes: &ChangeSet) -> Result<()> {
    let prepared = state.prepare(changes)?;
    state.commit(prepared, state.height() + 1)?;
    Ok(())
}

fn fill(state: &mut State, plan: &Plan) -> Result<()> {
    let per_block = FILL_BLOCK / if plan.records { 2 } else { 1 };
    let mut account = 0;
    while account < plan.accounts {
        let end = plan.accounts.min(account + per_block);
        let balances = (account..end).map(|n| (BANK, balance_key(n), Some(balance(n, 0))));
        let records = (account..end).filter(|_| plan.records).map(|n| (ACC, record_key(n), Some(record(n))));
        commit(state, &ChangeSet::from_writes(balances.chain(records)))?;
        account = end;
    }
    Ok(())
}

struct Reads {
    reads: u64,
    /// How long each was kept waiting, ascending.
    waits: Vec<Duration>,
    cpu: Duration,
}

/// Reads accounts and short ranges, and notes for how long a read was kept waiting.
fn read_meanwhile(reader: &StateReader, plan: &Plan, done: &AtomicBool) -> Result<Reads> {
    let (mut reads, mut waits) = (0_u64, Vec::new());
    let mut blocked = Blocked::new()?;
    while !done.load(Ordering::Acquire) {
        let snapshot = reader.latest();
        for account in touched(u64::MAX - reads, 20, plan.accounts) {
            let key = balance_key(account);
            blocked.start()?;
            let found = snapshot.get(BANK, &key)?;
            let waited = blocked.stop()?;
            anyhow::ensure!(found.is_some(), "every account has a balance");
            reads += 1;
            waits.push(waited);
        }
        blocked.start()?;
        let start = std::ops::Bound::Included(&[2_u8][..]);
        let range = snapshot.range(BANK, start, std::ops::Bound::Unbounded, Direction::Ascending)?;
        anyhow::ensure!(range.take(30).filter(Result::is_ok).count() == 30, "30 records");
        waits.push(blocked.stop()?);
        // Leaves the cores to the blocks: what counts is waiting, not throughput.
        std::thread::sleep(Duration::from_micros(200));
    }
    waits.sort_unstable();
    Ok(Reads { reads, waits, cpu: thread_cpu()? })
}

/// Fills a new database, then commits blocks of random updates.
pub(crate) fn blocks(path: &Path, plan: &Plan, threads: Threads) -> Result<Blocks> {
    let (mut state, backend) = open(path, true)?;
    let start = Instant::now();
    fill(&mut state, plan)?;
    backend.flush()?;
    drop(state);
    drop(backend);
    // What filling left to tidy up is not the blocks' cost.
    RocksBackend::open(path, &Config::new("bench-1", [BANK, ACC]))?.compact()?;
    // Opened again, so that the window starts empty and memory is as after a restart.
    let (mut state, backend) = open(path, threads == Threads::All)?;
    let fill_seconds = start.elapsed().as_secs_f64();

    let done = AtomicBool::new(false);
    let reader = state.reader();
    std::thread::scope(|scope| -> Result<Blocks> {
        let readers = plan.reader.then(|| scope.spawn(|| read_meanwhile(&reader, plan, &done)));
        let measured = measure(&mut state, &backend, plan);
        done.store(true, Ordering::Release);
        let mut blocks = measured?;
        if let Some(readers) = readers {
            let Reads { reads, waits, cpu } = readers.join().expect("the reader does not panic")?;
            let rank =
                |part: usize| waits.get(waits.len() - waits.len() / part - 1).map_or(0.0, |w| w.as_secs_f64() * 1e6);
            blocks.reads = reads;
            blocks.slow_reads = waits.iter().filter(|wait| **wait > Duration::from_millis(1)).count() as u64;
            (blocks.wait_p999_us, blocks.wait_p9999_us) = (rank(1000), rank(10_000));
            blocks.longest_wait_us = waits.last().map_or(0.0, |wait| wait.as_secs_f64() * 1e6);
            blocks.total_us -= micros_per(cpu, blocks.updates);
        }
        blocks.fill_seconds = fill_seconds;
        blocks.disk_bytes = folder_bytes(path)?;
        Ok(blocks)
    })
}

fn measure(state: &mut State, backend: &Arc<dyn Backend>, plan: &Plan) -> Result<Blocks> {
    let mut overlay_time = Duration::ZERO;
    let mut prepare_time = Duration::ZERO;
    let mut commit_time = Duration::ZERO;
    let mut outside = Duration::ZERO;
    let mut walls = Vec::new();
    let (mut updates, mut hashes, mut state_bytes) = (0, 0, 0);
    let (cpu_before, written_before) = (process_cpu()?, written_bytes()?);
    for block in 0..plan.blocks {
        // What a transaction would bring along: not the state's cost.
        let cpu = thread_cpu()?;
        let writes: Vec<_> = touched(block, plan.updates, plan.accounts)
            .map(|account| (balance_key(account), balance(account, block + 1)))
            .collect();
        let distinct: std::collections::HashMap<_, _> = writes.iter().map(|(key, value)| (key, value)).collect();
        state_bytes += distinct.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        outside += thread_cpu()? - cpu;

        let cpu = thread_cpu()?;
        let mut overlay = Overlay::new(Arc::new(state.latest()));
        for (key, value) in writes {
            overlay.set(BANK, &key, value)?;
        }
        let changes = overlay.into_changes();
        overlay_time += thread_cpu()? - cpu;

        let wall = Instant::now();
        let cpu = thread_cpu()?;
        let prepared = state.prepare(&changes)?;
        prepare_time += thread_cpu()? - cpu;
        let stats = prepared.stats();
        updates += stats.changed_keys;
        hashes += stats.hashes;

        let cpu = thread_cpu()?;
        state.commit(prepared, state.height() + 1)?;
        drop(changes);
        commit_time += thread_cpu()? - cpu;
        walls.push(wall.elapsed());
    }
    backend.flush()?;
    let total = process_cpu()? - cpu_before - outside;
    let written = written_bytes()? - written_before;
    walls.sort_unstable();
    let report = state.reader().ram_report();
    Ok(Blocks {
        fill_seconds: 0.0,
        updates,
        overlay_us: micros_per(overlay_time, updates),
        prepare_us: micros_per(prepare_time, updates),
        commit_us: micros_per(commit_time, updates),
        total_us: micros_per(total, updates),
        hashes_per_update: hashes as f64 / updates as f64,
        block_ms: walls.get(walls.len() / 2).map_or(0.0, |wall| wall.as_secs_f64() * 1e3),
        written_bytes: written as f64 / updates as f64,
        state_bytes: state_bytes as f64 / updates as f64,
        disk_bytes: 0,
        resident_bytes: resident_bytes()?,
        window_bytes: report.window_bytes,
        versions: report.versions,
        wait_p999_us: 0.0,
        wait_p9999_us: 0.0,
        longest_wait_us: 0.0,
        slow_reads: 0,
        reads: 0,
    })
}

#[derive(Serialize, Deserialize, Debug, Clone)]
pub(crate) struct Written {
    pub(crate) cpu_seconds: f64,
    pub(crate) bytes: u64,
}

/// Writes a tree checkpoint.
pub(crate) fn checkpoint(path: &Path) -> Result<Written> {
    let (state, _backend) = open(path, true)?;
    let (before, cpu) = (folder_bytes(path)?, process_cpu()?);
    state.reader().write_checkpoint()?;
    Ok(Written { cpu_seconds: (process_cpu()? - cpu).as_secs_f64(), bytes: folder_bytes(path)?.saturating_sub(before) })
}

/// Opens an existing database in a fresh process.
pub(crate) fn restart(path: &Path) -> Result<Restart> {
    let before = resident_bytes()?;
    let (start, cpu) = (Instant::now(), process_cpu()?);
    let (state, _backend) = open(path, true)?;
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), (process_cpu()? - cpu).as_secs_f64());
    let resident = resident_bytes()?.saturating_sub(before);
    let report = state.reader().ram_report();
    let keys = report.stores.iter().map(|store| store.keys as u64).sum::<u64>();
    Ok(Restart {
        keys,
        seconds,
        cpu_seconds,
        resident_bytes: resident,
        reported_bytes: report.total_bytes(),
        bytes_per_key: resident as f64 / keys as f64,
    })
}
