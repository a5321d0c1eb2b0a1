//! Measures what durability costs: CPU of the writer and of RocksDB, bytes written and kept, loading time.
//!
//! ```text
//! cargo run --release -p plume-state-rocksdb --example backend_load -- FOLDER [ACCOUNTS [BLOCKS [UPDATES]]]
//! ```
//! Defaults: 1,000,000 accounts in one store, 100 blocks of 10,000 random updates. A record is a key of 33 bytes (as a bank
//! balance has) and a value of 9.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "outside the state machine")]

use std::{collections::BTreeMap, ops::Bound, sync::Arc, time::Instant};

use plume_state::{Backend, Change, CommittedBlock, Store, StoreDelta};
use plume_state_rocksdb::{Config, RocksBackend};
use rand::{Rng, SeedableRng, rngs::StdRng};

const BANK: Store = Store::committed("bank");
const VALUE_LEN: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("usage: backend_load FOLDER [ACCOUNTS [BLOCKS [UPDATES]]]")?;
    let mut number = |default: usize| args.next().map_or(Ok(default), |arg| arg.parse());
    let (accounts, blocks, updates) = (number(1_000_000)?, number(100)?, number(10_000)?);

    let mut rng = StdRng::seed_from_u64(1);
    let keys: Vec<[u8; 33]> = (0..accounts).map(|_| key(&mut rng)).collect();
    let mut values = vec![[0u8; VALUE_LEN]; accounts];
    let backend = RocksBackend::open(&folder, &Config { keep_recent: None, ..Config::new("bench-1", [BANK]) })?;

    let mut height = 0;
    for chunk in (0..accounts).collect::<Vec<_>>().chunks(100_000) {
        let picked: BTreeMap<_, _> = chunk.iter().map(|at| (keys[*at], *at)).collect();
        backend.persist(block(&mut height, &picked, &mut values, &mut rng, true))?;
    }
    backend.drain()?;
    println!("filled with {accounts} accounts: {} B on disk per account", dir_size(&folder)? / accounts as u64);

    let (io_before, size_before, cpu_before, begun) =
        (written()?, dir_size(&folder)?, cpu_by_thread()?, Instant::now());
    let mut state_bytes = 0;
    for _ in 0..blocks {
        let picked: BTreeMap<_, _> =
            (0..updates).map(|_| rng.gen_range(0..accounts)).map(|at| (keys[at], at)).collect();
        state_bytes += picked.len() * (33 + VALUE_LEN);
        backend.persist(block(&mut height, &picked, &mut values, &mut rng, false))?;
    }
    backend.drain()?;
    let seconds = begun.elapsed().as_secs_f64();
    let count = (blocks * updates) as f64;
    println!("{blocks} blocks of {updates} updates: {seconds:.2} s, {:.0} updates/s, durable", count / seconds);
    for (thread, cpu) in cpu_by_thread()? {
        let used = cpu - cpu_before.get(&thread).copied().unwrap_or(0.0);
        println!("  CPU of {thread}: {:.2} us per update", used * 1e6 / count);
    }
    let bytes = written()? - io_before;
    println!(
        "  written: {:.0} B per update, {:.2} per state byte",
        bytes as f64 / count,
        bytes as f64 / state_bytes as f64
    );
    println!("  kept: {:.0} B per update", (dir_size(&folder)? as f64 - size_before as f64) / count);
    drop(backend);

    let begun = Instant::now();
    let backend = RocksBackend::open(&folder, &Config::new("bench-1", [BANK]))?;
    let opened = begun.elapsed().as_secs_f64();
    let mut loaded = 0usize;
    backend.scan(BANK, Bound::Unbounded, Bound::Unbounded, &mut |_, _| {
        loaded += 1;
        Ok(())
    })?;
    println!("opened in {opened:.3} s, {loaded} records scanned in {:.2} s", begun.elapsed().as_secs_f64() - opened);
    let begun = Instant::now();
    for _ in 0..10_000 {
        let at = rng.gen_range(0..accounts);
        backend.history_get(BANK, &keys[at], rng.gen_range(1..=height))?;
    }
    println!("a read at a random height: {:.1} us", begun.elapsed().as_secs_f64() * 100.0);
    Ok(())
}

/// Bank-like: prefix, length, 20 random bytes, denomination.
fn key(rng: &mut StdRng) -> [u8; 33] {
    let mut key = *b"\x02\x14....................uplume.....";
    rng.fill(&mut key[2..22]);
    key
}

fn block(
    height: &mut u64,
    picked: &BTreeMap<[u8; 33], usize>,
    values: &mut [[u8; VALUE_LEN]],
    rng: &mut StdRng,
    fresh: bool,
) -> CommittedBlock {
    let old: Vec<_> = picked.values().map(|at| values[*at]).collect();
    for at in picked.values() {
        values[*at] = *b"1........";
        for digit in &mut values[*at][1..] {
            *digit = rng.gen_range(b'0'..=b'9');
        }
    }
    let changes = picked.iter().zip(&old).map(|((key, at), old)| Change {
        key,
        old: (!fresh).then_some(&old[..]),
        new: Some(&values[*at]),
    });
    let delta = StoreDelta::from_changes(BANK, changes);
    *height += 1;
    CommittedBlock {
        height: *height,
        previous_height: *height - 1,
        app_hash: [0; 32],
        stores: Arc::new([BANK]),
        deltas: vec![Arc::new(delta)],
    }
}

/// Bytes that this process has sent to the disk.
fn written() -> Result<u64, Box<dyn std::error::Error>> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no write_bytes")?;
    Ok(line.parse()?)
}

/// CPU seconds of the threads that make blocks durable, by name.
fn cpu_by_thread() -> Result<BTreeMap<String, f64>, Box<dyn std::error::Error>> {
    let mut cpu = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = std::fs::read_to_string(task.join("comm"))?.trim().to_owned();
        if name.starts_with("backend_load") {
            continue;
        }
        let stat = std::fs::read_to_string(task.join("schedstat"))?;
        let nanoseconds: f64 = stat.split(' ').next().ok_or("empty schedstat")?.parse()?;
        *cpu.entry(name).or_insert(0.0) += nanoseconds / 1e9;
    }
    Ok(cpu)
}

fn dir_size(path: impl AsRef<std::path::Path>) -> std::io::Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        size += if meta.is_dir() { dir_size(entry.path())? } else { meta.len() };
    }
    Ok(size)
}
