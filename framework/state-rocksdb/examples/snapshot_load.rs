//! Measures a state snapshot: writing it, its size, taking it over, RAM on both sides.
//!
//! ```text
//! cargo run --release -p plume-state-rocksdb --example snapshot_load -- FOLDER [ACCOUNTS]
//! ```
//! Default: 1,000,000 accounts in one store, keys of 28 bytes (as a bank balance has) and values of 7. Chunks go through
//! files in FOLDER, as on a node; the folder must be empty.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "outside the state machine")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_state::{
    Backend, ChangeSet, Manifest, MemoryBackend, Restore, SNAPSHOT_CHUNK_BYTES, State, StateConfig, StateOptions,
    Store, sha256,
};
use plume_state_rocksdb::{Config, RocksBackend};

const BANK: Store = Store::committed("bank");
/// Keys of a block with which the state is filled.
const BLOCK: u32 = 100_000;

fn config() -> StateConfig {
    StateConfig { stores: vec![BANK], derivations: vec![], options: StateOptions::default() }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("usage: snapshot_load FOLDER [ACCOUNTS]")?);
    let accounts = args.next().map_or(Ok(1_000_000_u32), |arg| arg.parse())?;
    fs::create_dir_all(folder.join("chunks"))?;
    let chunk_file = |index: u32| folder.join("chunks").join(index.to_string());

    // The serving side; its backend's memory is not the subject, so it is one that keeps nothing on disk.
    let mut state = State::open(config(), Arc::new(MemoryBackend::new()))?;
    for first in (0..accounts).step_by(BLOCK as usize) {
        let prepared = state.prepare(&block(first, accounts.min(first + BLOCK)))?;
        state.commit(prepared, state.height() + 1)?;
    }
    let (before, cpu_before) = (memory()?, cpu()?);
    let (peak, (chunks, manifest, bytes, times)) = watch(|| -> Result<_, Box<dyn Error>> {
        let begun = Instant::now();
        let export = state.reader().pin(state.height())?.export(SNAPSHOT_CHUNK_BYTES)?;
        let cut = begun.elapsed();
        let mut bytes = 0;
        export.write(&mut |index, chunk| {
            bytes += chunk.len();
            let written = fs::write(chunk_file(index), &chunk);
            written.map_err(|error| plume_state::StateError::backend(error.to_string()))
        })?;
        let manifest = export.manifest().encode();
        Ok((export.manifest().chunks(), manifest, bytes, (cut, begun.elapsed())))
    })?;
    println!(
        "written: {accounts} records in {chunks} chunks, {bytes} B ({:.1} B per record), manifest {} B; cut in {:.2} s, {:.2} s in all, CPU {:.2} s; {:.1} MiB RAM above {:.0} MiB of state",
        bytes as f64 / f64::from(accounts),
        manifest.len(),
        times.0.as_secs_f64(),
        times.1.as_secs_f64(),
        cpu()? - cpu_before,
        mib(peak.saturating_sub(before)),
        mib(before)
    );
    let (app_hash, height) = (state.app_hash(), state.height());
    drop(state);

    // The node that takes it over.
    let (before, cpu_before) = (memory()?, cpu()?);
    let backend = Arc::new(RocksBackend::open(folder.join("state"), &Config::new("bench-1", [BANK]))?);
    let begun = Instant::now();
    let (peak, ()) = watch(|| -> Result<(), Box<dyn Error>> {
        let manifest = Manifest::decode(&manifest)?;
        let mut restore = Restore::begin(backend.clone(), &[BANK], manifest, app_hash, b"measured")??;
        for index in 0..chunks {
            restore.apply(index, &Bytes::from(fs::read(chunk_file(index))?))??;
        }
        Ok(restore.finish(&ChangeSet::new())?)
    })?;
    let (taken, cpu_taken) = (begun.elapsed(), cpu()? - cpu_before);
    let disk = backend.durable()?.map(|durable| durable.height);
    assert_eq!(disk, Some(height));
    let begun = Instant::now();
    let restored = State::open(config(), backend)?;
    assert_eq!((restored.app_hash(), restored.height()), (app_hash, height));
    println!(
        "taken over: verified and durable in {:.2} s, CPU {:.2} s, {:.1} MiB RAM above {:.0} MiB; opened in {:.2} s",
        taken.as_secs_f64(),
        cpu_taken,
        mib(peak.saturating_sub(before)),
        mib(before),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

fn block(first: u32, end: u32) -> ChangeSet {
    ChangeSet::from_writes((first..end).map(|n| {
        let hash = sha256(&n.to_be_bytes());
        let key = [&b"\x02\x14"[..], &hash[..20], b"uplume"].concat();
        (BANK, Bytes::from(key), Some(Bytes::from(format!("{:07}", n % 10_000_000))))
    }))
}

/// Runs something and gives the most memory that the process held meanwhile, looked at every millisecond.
fn watch<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(usize, T), Box<dyn Error>> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Acquire) {
                peak = peak.max(memory().unwrap_or(0));
                std::thread::sleep(Duration::from_millis(1));
            }
            peak
        });
        let result = work();
        done.store(true, Ordering::Release);
        let peak = watcher.join().map_err(|_| "the watcher panicked")?;
        Ok((peak, result?))
    })
}

/// CPU seconds of the process, in steps of 10 ms.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // User and system time are fields 14 and 15; the name, field 2, may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).ok_or("no times").and_then(|ticks| ticks.parse::<f64>().map_err(|_| "times"));
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Bytes resident.
fn memory() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<usize>()? << 10)
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
