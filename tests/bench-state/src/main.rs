//! The state benchmark: what an update costs, in CPU, RAM and bytes on disk, and how long a restart takes.
//!
//! Each stage runs in a process of its own, so that memory and CPU of one do not count for another. `--smoke` runs everything
//! in miniature, to see that it works; its figures mean nothing.

mod measure;
mod ours;
mod reference;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Parser, Debug, Clone)]
#[command(about = "Measures the state: CPU per update, RAM per key, restart, bytes written")]
struct Arguments {
    /// Accounts, each with a balance; several sizes may be given.
    #[arg(long, value_delimiter = ',', default_value = "1000000,10000000")]
    accounts: Vec<u64>,
    /// Give each account a record in a second store, too (two keys per account).
    #[arg(long)]
    records: bool,
    /// Random updates per block.
    #[arg(long, default_value_t = 10_000)]
    updates: u64,
    /// Blocks measured.
    #[arg(long, default_value_t = 150)]
    blocks: u64,
    /// Accounts for the `jmt`-on-RocksDB design; 0 leaves it out.
    #[arg(long, default_value_t = 1_000_000)]
    reference_accounts: u64,
    /// Blocks measured there.
    #[arg(long, default_value_t = 10)]
    reference_blocks: u64,
    /// Folder for the databases (removed afterwards); the system's temporary folder by default.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Where to write the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Everything in miniature.
    #[arg(long)]
    smoke: bool,
    /// A stage, for the child process.
    #[arg(long, hide = true)]
    stage: Option<Stage>,
    #[arg(long, hide = true)]
    plan: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    OneThread,
    AllThreads,
    Restart,
    Checkpoint,
    Reference,
}

/// Whether a block is hashed on the block thread alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    One,
    All,
}

/// What one stage does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) accounts: u64,
    pub(crate) records: bool,
    pub(crate) updates: u64,
    pub(crate) blocks: u64,
    pub(crate) reader: bool,
    pub(crate) reference_accounts: u64,
    pub(crate) reference_blocks: u64,
}

#[derive(Serialize, Debug)]
struct Report {
    processor: String,
    cores: usize,
    sizes: Vec<Size>,
    reference: Option<reference::Reference>,
}

#[derive(Serialize, Debug)]
struct Size {
    accounts: u64,
    keys: u64,
    one_thread: ours::Blocks,
    all_threads: ours::Blocks,
    restart: ours::Restart,
    checkpoint: ours::Written,
    restart_from_checkpoint: ours::Restart,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if let (Some(stage), Some(plan)) = (arguments.stage, &arguments.plan) {
        return run_stage(stage, &serde_json::from_str(plan)?);
    }
    if arguments.smoke {
        arguments = Arguments {
            accounts: vec![3000],
            records: true,
            updates: 200,
            blocks: 5,
            reference_accounts: 1000,
            reference_blocks: 2,
            ..arguments
        };
    }
    let report = run(&arguments)?;
    print(&report);
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

fn run_stage(stage: Stage, plan: &Plan) -> Result<()> {
    let json = match stage {
        Stage::OneThread => serde_json::to_string(&ours::blocks(&plan.folder, plan, Threads::One)?)?,
        Stage::AllThreads => serde_json::to_string(&ours::blocks(&plan.folder, plan, Threads::All)?)?,
        Stage::Restart => serde_json::to_string(&ours::restart(&plan.folder)?)?,
        Stage::Checkpoint => serde_json::to_string(&ours::checkpoint(&plan.folder)?)?,
        Stage::Reference => serde_json::to_string(&reference::blocks(&plan.folder, plan)?)?,
    };
    println!("{json}");
    Ok(())
}

/// Runs a stage in a child process and reads its figures.
fn child<T: DeserializeOwned>(stage: &str, plan: &Plan) -> Result<T> {
    eprintln!("{stage}: {} accounts ...", plan.accounts);
    let output = Command::new(std::env::current_exe()?)
        .args(["--stage", stage, "--plan", &serde_json::to_string(plan)?])
        .output()
        .context("starting a stage")?;
    if !output.status.success() {
        bail!("stage {stage}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run(arguments: &Arguments) -> Result<Report> {
    let place = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let plan = |folder: &Path, accounts| Plan {
        folder: folder.to_owned(),
        accounts,
        records: arguments.records,
        updates: arguments.updates,
        blocks: arguments.blocks,
        reader: true,
        reference_accounts: arguments.reference_accounts,
        reference_blocks: arguments.reference_blocks,
    };
    let mut sizes = Vec::new();
    for (index, accounts) in arguments.accounts.iter().copied().enumerate() {
        let folder = place.path().join(format!("all-{index}"));
        let all_threads = child("all-threads", &plan(&folder, accounts))?;
        let restart: ours::Restart = child("restart", &plan(&folder, accounts))?;
        let checkpoint = child("checkpoint", &plan(&folder, accounts))?;
        let restart_from_checkpoint = child("restart", &plan(&folder, accounts))?;
        std::fs::remove_dir_all(&folder)?;
        // Without a reader beside it: the CPU figures are for the state alone.
        let folder = place.path().join(format!("one-{index}"));
        let one_thread = child("one-thread", &Plan { reader: false, ..plan(&folder, accounts) })?;
        std::fs::remove_dir_all(&folder)?;
        let keys = restart.keys;
        sizes.push(Size { accounts, keys, one_thread, all_threads, restart, checkpoint, restart_from_checkpoint });
    }
    let reference = if arguments.reference_accounts == 0 {
        None
    } else {
        Some(child("reference", &plan(&place.path().join("jmt"), arguments.reference_accounts))?)
    };
    Ok(Report { processor: processor()?, cores: std::thread::available_parallelism()?.get(), sizes, reference })
}

fn processor() -> Result<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let extensions = if field("flags").split(' ').any(|flag| flag == "sha_ni") { "with" } else { "without" };
    Ok(format!("{} ({extensions} SHA extensions)", field("model name")))
}

fn print(report: &Report) {
    println!("{}, {} cores", report.processor, report.cores);
    for size in &report.sizes {
        let Size { accounts, keys, one_thread: one, all_threads: all, restart, checkpoint, .. } = size;
        let block_thread = |blocks: &ours::Blocks| blocks.overlay_us + blocks.prepare_us + blocks.commit_us;
        println!("\n{accounts} accounts, {keys} keys; {} updates", one.updates);
        println!("                                         one thread  all cores");
        let line = |name: &str, value: &dyn Fn(&ours::Blocks) -> f64| {
            println!("  {name:<38} {:>10.2} {:>10.2}", value(one), value(all));
        };
        line("block thread, CPU us/update", &block_thread);
        line("  overlay and change set", &|blocks| blocks.overlay_us);
        line("  prepare (diff, hashes, app hash)", &|blocks| blocks.prepare_us);
        line("  commit (RAM, hand-over, freeing)", &|blocks| blocks.commit_us);
        line("all threads with writer, CPU us/update", &|blocks| blocks.total_us);
        line("SHA-256 computations per update", &|blocks| blocks.hashes_per_update);
        line("prepare + commit, wall ms/block", &|blocks| blocks.block_ms);
        line("written to storage, B/update", &|blocks| blocks.written_bytes);
        line("key and value, B/update", &|blocks| blocks.state_bytes);
        line("window of recent versions, MB", &|blocks| blocks.window_bytes as f64 / 1e6);
        println!(
            "  reads meanwhile: {}; kept waiting: p99.9 {:.0} us, p99.99 {:.0} us, longest {:.0} us; above 1 ms: {}",
            all.reads, all.wait_p999_us, all.wait_p9999_us, all.longest_wait_us, all.slow_reads
        );
        println!(
            "  RAM per key after restart: {:.0} B resident, {:.0} B reported",
            restart.bytes_per_key,
            restart.reported_bytes as f64 / restart.keys as f64
        );
        println!("  restart: {:.1} s, {:.1} CPU-s", restart.seconds, restart.cpu_seconds);
        let from = &size.restart_from_checkpoint;
        println!(
            "  from a tree checkpoint: {:.1} s, {:.1} CPU-s (writing it: {:.1} CPU-s, {:.0} MB)",
            from.seconds,
            from.cpu_seconds,
            checkpoint.cpu_seconds,
            checkpoint.bytes as f64 / 1e6
        );
    }
    if let Some(jmt) = &report.reference {
        println!("\njmt on RocksDB, {} accounts; {} updates", jmt.accounts, jmt.updates);
        println!("  block thread, CPU us/update            {:>10.2}", jmt.block_thread_us);
        println!("  all threads, CPU us/update             {:>10.2}", jmt.total_us);
        println!("  wall ms/block                          {:>10.2}", jmt.block_ms);
        println!("  written to storage, B/update           {:>10.2}", jmt.written_bytes);
        println!("  disk, B/account                        {:>10.2}", jmt.disk_bytes as f64 / jmt.accounts as f64);
    }
}
