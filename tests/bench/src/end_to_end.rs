//! Whole systems: transactions over the RPC, commits read from the chain.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use plume_load::{
    Accounts, Counters, Latencies, LoadSettings, Outcome, Pace, Percentiles, SignedTx, Transfer, Workload, drive,
    sign_all,
};
use plume_primitives::Bech32Prefix;
use serde_json::{Map, Value, json};

use crate::machine::{MachineTime, signature_us};
use crate::queries::{Answered, Door, ask};
use crate::result::{Figures, ResultFile, Run};
use crate::system::{BALANCE, Limits, PREFIX, Running, System, chain_params};
use crate::{balances, folder};

/// Work that a system does after its last commit counts for this long: indexing, writing behind.
const SETTLE: Duration = Duration::from_millis(500);

/// A run fails when nothing is committed for so long.
const PATIENCE: Duration = Duration::from_secs(180);

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Systems, in turns.
    pub systems: Vec<System>,
    /// Times that each is run.
    pub repetitions: u32,
    /// The load.
    pub workload: Workload,
    /// When transactions are sent.
    pub pace: Pace,
    /// Limits.
    pub limits: Limits,
    /// Balance queries a second beside the load, over RPC and as many over REST; Plume only. 0: none.
    pub queries: f64,
    /// Whether Plume's stored blocks are executed again afterwards, Raft only.
    pub replay: bool,
    /// Folder for homes; each is removed after its run.
    pub folder: Option<std::path::PathBuf>,
}

/// A load with everything that was made before the clock starts.
pub struct Prepared {
    /// Settings.
    pub workload: Workload,
    /// Who pays whom.
    pub transfers: Vec<Transfer>,
    /// Keys and addresses.
    pub accounts: Accounts,
    /// Signed.
    pub txs: Vec<SignedTx>,
}

impl Prepared {
    /// Signs a load for the benchmark's chain.
    ///
    /// # Errors
    /// A workload that cannot be.
    pub fn new(workload: Workload) -> Result<Self> {
        let transfers = workload.transfers()?;
        let mut accounts = Accounts::of(&workload, &transfers, &Bech32Prefix::new(PREFIX)?);
        let txs = sign_all(&workload, &chain_params(), &mut accounts, &transfers)?;
        Ok(Self { workload, transfers, accounts, txs })
    }
}

/// Runs every system in turns, so that what else the machine does meets all of them.
///
/// A run that fails, or whose answers are wrong, is among the result's failures, and the others go on.
///
/// # Errors
/// A workload that cannot be.
pub fn run(name: &str, plan: &Plan) -> Result<ResultFile> {
    ensure!(BALANCE > u128::from(plan.workload.txs) * (1 + u128::from(plan.workload.fee)), "too many transactions");
    let mut result = ResultFile::new("end-to-end", name);
    eprintln!("signing {} transactions ...", plan.workload.txs);
    let prepared = Prepared::new(plan.workload)?;
    for repetition in 1..=plan.repetitions {
        for system in &plan.systems {
            eprint!("{repetition} of {}: {system} ... ", plan.repetitions);
            let run = match one(*system, repetition, plan, &prepared) {
                Ok(run) => run,
                Err(error) => {
                    eprintln!("failed: {error:#}");
                    result.failures.push(format!("{system}, repetition {repetition}: {error:#}"));
                    continue;
                }
            };
            let figure = |name: &str| run.figures.get(name).copied().unwrap_or_default();
            eprintln!(
                "{:.0} tx/s, {:.0} us CPU per transaction, p50 {:.1} ms",
                figure("committed_per_s"),
                figure("cpu_us_per_tx"),
                figure("commit_p50_ms")
            );
            result.runs.push(run);
        }
    }
    Ok(result)
}

/// A new folder for homes.
pub(crate) fn place(folder: Option<&Path>) -> Result<tempfile::TempDir> {
    Ok(match folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    })
}

fn one(system: System, repetition: u32, plan: &Plan, prepared: &Prepared) -> Result<Run> {
    let speed = signature_us()?;
    let place = place(plan.folder.as_deref())?;
    let limits = Limits { rest: plan.queries > 0.0, ..plan.limits.clone() };
    let mut running = system.start(place.path(), &prepared.workload, &prepared.accounts, &limits)?;
    let mut run = Run { system: system.to_string(), repetition, settings: settings(plan, &running), ..Run::default() };
    let load = load_settings(plan, &running);
    let txs = system.txs(&prepared.txs);

    let disk = folder::bytes(place.path());
    let (before, own, machine) = (Counters::take(&running.pids()), Counters::own(), MachineTime::now());
    let (driven, asked) = with_queries(system, plan, &running, prepared, || Ok(drive(&txs, &load)?))?;
    std::thread::sleep(SETTLE);
    let used = Counters::take(&running.pids()).since(&before);
    let generator = Counters::own().since(&own);
    let machine = MachineTime::now().since(machine);
    let others = machine.used - used.cpu_seconds() - generator.cpu_seconds();

    let full = driven.full();
    let outcome = driven.settle(&load.nodes[0])?;
    run.checks.push(format!("{} transactions are committed with code 0", outcome.txs));
    run.figures = figures(&outcome, &used, &generator);
    run.figures.insert("signature_us".to_owned(), speed);
    run.figures.insert("other_processes_cpu_s".to_owned(), others.max(0.0));
    run.figures.insert("stolen_cpu_s".to_owned(), machine.stolen);
    let grown = folder::bytes(place.path()).saturating_sub(disk);
    run.figures.insert("disk_bytes_per_tx".to_owned(), grown as f64 / outcome.txs as f64);
    for (door, answered) in asked {
        run.figures.insert(format!("query_{door}_asked"), answered.len() as f64);
        // While blocks are full: neither before the first nor after the last.
        let full = answered.iter().filter(|(due, _)| full.is_some_and(|(first, last)| (first..=last).contains(due)));
        let latencies: Latencies = full.map(|(_, took)| *took).collect();
        percentiles(&mut run.figures, &format!("query_{door}"), &latencies.percentiles());
    }
    if system.is_bank() {
        let rpc = &load.nodes[0];
        run.checks.push(balances::check(rpc, &prepared.workload, &prepared.accounts, &prepared.transfers)?);
    }
    if system.is_plume() {
        let took = running.restart()?;
        run.figures.insert("restart_s".to_owned(), took.as_secs_f64());
        run.checks.push("after a restart the app hash is the same on every node".to_owned());
    }
    if plan.replay && matches!(system, System::Raft(_)) {
        running.stop()?;
        for (name, arguments) in [("replay", &[][..]), ("replay_vouched", &["--trust-signatures"][..])] {
            let rate = outcome.txs as f64 / replay_seconds(&running, arguments)?;
            run.figures.insert(format!("{name}_per_s"), rate);
            run.figures.insert(format!("{name}_ratio"), rate / outcome.rate());
        }
        run.checks.push("its blocks, executed again, give the recorded results and app hashes".to_owned());
    }
    Ok(run)
}

fn settings(plan: &Plan, running: &Running) -> Map<String, Value> {
    let mut settings = running.settings().clone();
    let workload = plan.workload.describe();
    // The system's own account count stays.
    for (name, value) in workload.as_object().into_iter().flatten() {
        settings.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let pace = match plan.pace {
        Pace::Rate(rate) => json!(format!("{rate} a second, open loop")),
        Pace::Closed { in_flight } => json!(format!("as fast as possible, {in_flight} in flight")),
    };
    settings.insert("pace".to_owned(), pace);
    settings.insert("queries_per_s_and_door".to_owned(), json!(plan.queries));
    settings
}

pub(crate) fn load_settings(plan: &Plan, running: &Running) -> LoadSettings {
    LoadSettings { nodes: running.rpcs(), pace: plan.pace, batch: plan.limits.batch, patience: PATIENCE }
}

type Asked = Vec<(&'static str, Vec<Answered>)>;

/// Does `work` with queries beside it where the plan says so.
fn with_queries<T>(
    system: System,
    plan: &Plan,
    running: &Running,
    prepared: &Prepared,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Asked)> {
    if plan.queries <= 0.0 || !system.is_plume() {
        return Ok((work()?, Vec::new()));
    }
    let node = &running.nodes()[0];
    let mut doors = vec![("rpc", Door::Rpc(node.rpc().to_owned()))];
    doors.extend(node.rest().map(|url| ("rest", Door::Rest(url.to_owned()))));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ask = |door: Door| {
            let (done, accounts) = (&done, &prepared.accounts);
            let (count, rate) = (plan.workload.accounts, plan.queries);
            scope.spawn(move || ask(&door, accounts, count, rate, done))
        };
        let asking: Vec<_> = doors.into_iter().map(|(name, door)| (name, ask(door))).collect();
        let result = work();
        done.store(true, Ordering::Relaxed);
        let mut asked = Vec::new();
        for (name, asking) in asking {
            asked.push((name, asking.join().expect("asking does not panic")?));
        }
        Ok((result?, asked))
    })
}

pub(crate) fn percentiles(figures: &mut Figures, name: &str, found: &Percentiles) {
    figures.insert(format!("{name}_count"), found.count as f64);
    // Zeros of nothing would be the best of all times.
    if found.count > 0 {
        let parts =
            [("p50", found.p50), ("p90", found.p90), ("p99", found.p99), ("p999", found.p999), ("max", found.max)];
        figures.extend(parts.map(|(part, value)| (format!("{name}_{part}_ms"), value)));
    }
}

fn figures(outcome: &Outcome, used: &Counters, generator: &Counters) -> Figures {
    let txs = outcome.txs as f64;
    let per_tx = |seconds: f64| seconds * 1e6 / txs;
    let mut figures = Figures::new();
    let blocks: Vec<u64> = outcome.full_blocks().map(|block| block.txs).collect();
    let mut put = |name: &str, value: f64| figures.insert(name.to_owned(), value);
    put("committed_per_s", outcome.rate());
    put("wall_s", outcome.wall.as_secs_f64());
    put("cpu_us_per_tx", per_tx(used.cpu_seconds()));
    put("generator_cpu_us_per_tx", per_tx(generator.cpu_seconds()));
    put("blocks", blocks.len() as f64);
    put("txs_per_block", txs / (blocks.len().max(1)) as f64);
    put("largest_block_txs", blocks.iter().max().copied().unwrap_or(0) as f64);
    put("mempool_full_answers", outcome.pushed_back as f64);
    put("peak_mib", used.peak_bytes() as f64 / f64::from(1 << 20));
    put("handles", used.handles() as f64);
    put("written_bytes_per_tx", used.written_bytes() as f64 / txs);
    for (program, seconds) in used.cpu_by_program() {
        figures.insert(format!("cpu_us_per_tx_{program}"), per_tx(seconds));
    }
    percentiles(&mut figures, "commit", &outcome.commits.percentiles());
    percentiles(&mut figures, "answer", &outcome.answers.percentiles());
    figures
}

/// How long `plumed replay` takes for all blocks of the first node, less the time for the first block alone, which is
/// reading the genesis document.
fn replay_seconds(running: &Running, arguments: &[&str]) -> Result<f64> {
    let plumed = folder::program("plumed", "PLUMED", "run `cargo build --release -p plumed`, or set PLUMED")?;
    let home = running.nodes()[0].home();
    let time = |more: &[&str]| -> Result<f64> {
        let start = Instant::now();
        let output = Command::new(&plumed)
            .args(["replay", "--output", "json", "--log-level", "error", "--home"])
            .arg(home)
            .args(arguments)
            .args(more)
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "plumed replay: {}", String::from_utf8_lossy(&output.stderr));
        Ok(start.elapsed().as_secs_f64())
    };
    let first = time(&["--to", "1"])?;
    Ok((time(&[])? - first).max(1e-3))
}
