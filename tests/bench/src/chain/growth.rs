//! What accounts cost: the same work on states of growing size. Each stage is a process of its own, so that memory and
//! processor time of one do not count for another.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use plume_chain::LocalSnapshots;
use plume_engine::{ChunkVerdict, Executor, Offer, Reader, TrustedState};
use plume_load::{Usage, Workload};
use plume_primitives::Height;
use serde::{Deserialize, Serialize};

use super::fill::{Place, execute, fill, open};
use super::replay::{Load, Plan};
use crate::end_to_end::place;
use crate::folder;
use crate::machine::process_cpu;
use crate::result::{Figures, ResultFile, Run};
use crate::system::CHAIN_ID;

/// What a process of its own does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Makes the accounts, executes blocks, writes a snapshot.
    Make,
    /// Opens what is there.
    Open,
    /// Opens it and writes a checkpoint of the trees.
    Checkpoint,
    /// Takes the snapshot over into an empty folder.
    Sync,
}

/// For the child process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub stage: Stage,
    /// Where.
    pub folder: PathBuf,
    /// Sizes.
    pub plan: Plan,
    /// App hash that must come out, hexadecimal; empty when it is not known yet.
    pub app_hash: String,
}

/// What the child process found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    figures: Figures,
    height: u64,
    app_hash: String,
}

/// Runs all stages at each number of accounts.
///
/// # Errors
/// A stage that fails.
pub fn run(name: &str, sizes: &[u64], plan: &Plan, folder: Option<PathBuf>) -> Result<ResultFile> {
    let mut result = ResultFile::new("growth", name);
    for accounts in sizes {
        let place = place(folder.as_deref())?;
        let mut order = Order {
            stage: Stage::Make,
            folder: place.path().to_owned(),
            plan: Plan { accounts: *accounts, ..*plan },
            app_hash: String::new(),
        };
        let mut figures = Figures::new();
        let mut stage = |stage: Stage, prefix: &str, order: &mut Order| -> Result<()> {
            eprintln!("{accounts} accounts: {stage:?} ...");
            order.stage = stage;
            let report = child(order)?;
            ensure!(
                order.app_hash.is_empty() || report.app_hash == order.app_hash,
                "{stage:?}: app hash {} instead of {}",
                report.app_hash,
                order.app_hash
            );
            order.app_hash = report.app_hash;
            figures.extend(report.figures.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
            Ok(())
        };
        stage(Stage::Make, "", &mut order)?;
        stage(Stage::Open, "open_", &mut order)?;
        stage(Stage::Checkpoint, "checkpoint_", &mut order)?;
        stage(Stage::Open, "open_from_checkpoint_", &mut order)?;
        stage(Stage::Sync, "state_sync_", &mut order)?;
        figures.insert("disk_bytes_per_account".to_owned(), figures["disk_bytes"] / *accounts as f64);
        let settings = serde_json::json!({
            "accounts": accounts,
            "blocks": plan.blocks,
            "txs_per_block": plan.txs_per_block,
            "workload": "send",
            "keys": "secp256k1",
            "durability": "RocksDB, written behind and flushed at the end, which counts",
        });
        result.runs.push(Run {
            system: format!("{accounts}"),
            repetition: 1,
            settings: settings.as_object().cloned().unwrap_or_default(),
            figures,
            checks: vec!["after each start, and after state sync, the app hash is the same".to_owned()],
            series: Vec::new(),
        });
    }
    Ok(result)
}

fn child(order: &Order) -> Result<Report> {
    let output = Command::new(std::env::current_exe()?)
        .args(["stage", &serde_json::to_string(order)?])
        .output()
        .context("cannot start a stage")?;
    if !output.status.success() {
        bail!("{:?}: {}", order.stage, String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What the child process does.
///
/// # Errors
/// A stage that fails.
pub fn stage(order: &Order) -> Result<Report> {
    match order.stage {
        Stage::Make => make(order),
        Stage::Open => reopen(order, false),
        Stage::Checkpoint => reopen(order, true),
        Stage::Sync => sync(order),
    }
}

fn own() -> Result<Usage> {
    Ok(Usage::of(std::process::id())?)
}

fn make(order: &Order) -> Result<Report> {
    let plan = &order.plan;
    let mut figures = Figures::new();
    let mut load = Load::new(plan, Workload::default())?;
    let start = Instant::now();
    let mut filled = fill(&Place::Folder(order.folder.clone()), plan.accounts, &load.accounts)?;
    filled.backend.flush()?;
    figures.insert("fill_s".to_owned(), start.elapsed().as_secs_f64());
    let blocks = load.sign(&mut filled, plan.txs_per_block)?;
    let (usage, cpu, start) = (own()?, process_cpu()?, Instant::now());
    for block in &blocks {
        execute(&mut filled.chain, block)?;
    }
    let in_blocks = start.elapsed();
    filled.backend.flush()?;
    let txs = (plan.blocks * plan.txs_per_block) as f64;
    figures.insert("txs_per_s".to_owned(), txs / in_blocks.as_secs_f64());
    figures.insert("cpu_us_per_tx".to_owned(), (process_cpu()? - cpu).as_secs_f64() * 1e6 / txs);
    figures.insert("written_bytes_per_tx".to_owned(), (own()?.written_bytes - usage.written_bytes) as f64 / txs);
    let (start, cpu) = (Instant::now(), process_cpu()?);
    let reader = filled.chain.reader();
    let snapshot = reader.take_snapshot(None)?;
    figures.insert("snapshot_s".to_owned(), start.elapsed().as_secs_f64());
    figures.insert("snapshot_cpu_s".to_owned(), (process_cpu()? - cpu).as_secs_f64());
    figures.insert("snapshot_chunks".to_owned(), f64::from(snapshot.chunks));
    let bytes = folder::bytes(&order.folder.join("snapshots"));
    figures.insert("snapshot_bytes".to_owned(), bytes as f64);
    figures.insert("disk_bytes".to_owned(), (folder::bytes(&order.folder) - bytes) as f64);
    let info = reader.info();
    // Ends without `drain`, which would write a checkpoint: the next start must do without one.
    Ok(Report { figures, height: info.height.get(), app_hash: hex::encode(info.app_hash) })
}

/// As `plumed start` does after loading.
#[expect(unsafe_code, reason = "the allocator's own function; it asks nothing of its caller")]
fn give_back_memory() {
    // SAFETY: `mi_collect` may be called at any time from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

fn reopen(order: &Order, checkpoint: bool) -> Result<Report> {
    let (usage, cpu, start) = (own()?, process_cpu()?, Instant::now());
    let (chain, _backend) = open(&Place::Folder(order.folder.clone()))?;
    let (took, used) = (start.elapsed(), process_cpu()? - cpu);
    give_back_memory();
    let resident = own()?.resident_bytes.saturating_sub(usage.resident_bytes);
    let reader = chain.reader();
    let mut figures = Figures::new();
    if checkpoint {
        let (start, cpu, disk) = (Instant::now(), process_cpu()?, folder::bytes(&order.folder));
        reader.write_checkpoint()?;
        figures.insert("s".to_owned(), start.elapsed().as_secs_f64());
        figures.insert("cpu_s".to_owned(), (process_cpu()? - cpu).as_secs_f64());
        figures.insert("bytes".to_owned(), folder::bytes(&order.folder).saturating_sub(disk) as f64);
    } else {
        figures.insert("s".to_owned(), took.as_secs_f64());
        figures.insert("cpu_s".to_owned(), used.as_secs_f64());
        figures.insert("resident_mib".to_owned(), resident as f64 / f64::from(1 << 20));
        // An account and its balance.
        figures.insert("resident_bytes_per_key".to_owned(), resident as f64 / (2 * order.plan.accounts) as f64);
    }
    let info = reader.info();
    Ok(Report { figures, height: info.height.get(), app_hash: hex::encode(info.app_hash) })
}

fn sync(order: &Order) -> Result<Report> {
    let snapshots = LocalSnapshots::open(order.folder.join("snapshots"))?;
    let list = snapshots.list()?;
    let snapshot = list.first().context("the first stage has written a snapshot")?;
    let target = order.folder.join("target");
    let (cpu, start) = (process_cpu()?, Instant::now());
    let (mut chain, _backend) = open(&Place::Folder(target.clone()))?;
    let trusted = TrustedState {
        app_hash: Bytes::from(hex::decode(&order.app_hash)?),
        chain_id: CHAIN_ID.to_owned(),
        initial_height: Height(1),
        time: None,
        validators: None,
    };
    match chain.offer_snapshot(&snapshot.info, &trusted)? {
        Offer::Accept => {}
        refused => bail!("the snapshot is refused: {refused:?}"),
    }
    let mut last = None;
    for index in 0..snapshot.info.chunks {
        last = Some(chain.apply_chunk(index, snapshots.chunk(snapshot, index)?)?);
    }
    ensure!(last == Some(ChunkVerdict::Complete), "the last chunk: {last:?}");
    let (took, used) = (start.elapsed(), process_cpu()? - cpu);
    let info = chain.reader().info();
    let figures = Figures::from([
        ("s".to_owned(), took.as_secs_f64()),
        ("cpu_s".to_owned(), used.as_secs_f64()),
        ("peak_mib".to_owned(), own()?.peak_bytes as f64 / f64::from(1 << 20)),
    ]);
    drop(chain);
    std::fs::remove_dir_all(target)?;
    Ok(Report { figures, height: info.height.get(), app_hash: hex::encode(info.app_hash) })
}
