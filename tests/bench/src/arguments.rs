//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use plume_bench::chain::{growth, replay};
use plume_bench::end_to_end::{self, Plan};
use plume_bench::result::ResultFile;
use plume_bench::state;
use plume_bench::system::{Limits, System};
use plume_load::{KeyScheme, Kind, Pace, Spread, Workload};

/// Measures Plume and its peers: the same transactions, the same machine, in turns.
#[derive(Parser, Debug)]
#[command(
    name = "plume-bench",
    after_help = "Examples:\n  plume-bench end-to-end --systems raft-1,comet-1,simd,kvstore-1 --repetitions 5\n  plume-bench end-to-end --name latency-four --systems comet-4,kvstore-4 --rate 100 --txs 3000 --batch 1\n  plume-bench replay --keys secp256k1,ed25519 --repetitions 5\n  plume-bench growth --accounts 10000,100000,1000000,10000000\n  plume-bench soak --systems raft-1 --minutes 30\n  plume-bench bars --smoke\n  plume-bench report"
)]
pub struct Arguments {
    /// What to measure.
    #[command(subcommand)]
    pub command: Command,
    /// Folder for the results, one JSON file each.
    #[arg(long, global = true, default_value = "docs/performance/results")]
    pub output: PathBuf,
}

/// What to measure.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Whole systems, transactions over the RPC, commits read from the chain.
    EndToEnd {
        /// Name of the result.
        #[arg(long, default_value = "throughput")]
        name: String,
        /// What is run.
        #[command(flatten)]
        args: SystemArgs,
    },
    /// Full blocks through the state machine without an engine, beside the pure cost of their signatures.
    Replay(ReplayArgs),
    /// Execution, memory, restart and state sync at several numbers of accounts.
    Growth(GrowthArgs),
    /// The state alone: runs `bench-state` with the arguments after `--`.
    State {
        /// Name of the result.
        #[arg(long, default_value = "state")]
        name: String,
        /// Times that it is run.
        #[arg(long, default_value_t = 1)]
        repetitions: u32,
        /// Arguments of `bench-state`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// One system at a steady rate for long: memory, handles, disk and latency over time.
    Soak {
        /// Name of the result.
        #[arg(long, default_value = "soak")]
        name: String,
        /// Minutes; 240 for the long one.
        #[arg(long, default_value_t = 30.0)]
        minutes: f64,
        /// Seconds of one point of the curves.
        #[arg(long, default_value_t = 60.0)]
        round_s: f64,
        /// Part of the capacity, which is measured first unless --rate says what to send.
        #[arg(long, default_value_t = 0.7)]
        share: f64,
        /// What is run.
        #[command(flatten)]
        args: SystemArgs,
    },
    /// Everything that the table of bars needs, but for the soak. Takes hours; --smoke takes a minute.
    Bars {
        /// In miniature, to see that it works. The figures mean nothing.
        #[arg(long)]
        smoke: bool,
        /// Folder for homes and databases.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Draws where another command of this program spends its time, by `perf`; those named flame-* beside the plots become
    /// part of the page.
    #[command(after_help = "Example:\n  plume-bench flame -- replay --keys secp256k1 --accounts 100000")]
    Flame {
        /// The picture.
        #[arg(long, default_value = "docs/performance/plots/flame-replay.svg")]
        to: PathBuf,
        /// The command, after `--`.
        #[arg(last = true, required = true)]
        arguments: Vec<String>,
    },
    /// Writes the page about performance, with its plots, from the results.
    Report {
        /// The page.
        #[arg(long, default_value = "docs/performance.md")]
        page: PathBuf,
    },
    /// A stage of `growth`, for its child processes.
    #[command(hide = true)]
    Stage {
        /// JSON.
        order: String,
    },
}

/// The load.
#[derive(Args, Debug, Clone)]
pub struct LoadArgs {
    /// `send` (W1) or `exchange` (W2, two signers).
    #[arg(long, default_value_t = Kind::Send)]
    pub workload: Kind,
    /// `uniform`, `zipf` or `zipf:EXPONENT`.
    #[arg(long, default_value_t = Spread::Uniform)]
    pub spread: Spread,
    /// Fee of each transaction in base units.
    #[arg(long, default_value_t = 0)]
    pub fee: u64,
    /// Gas limit of each transaction.
    #[arg(long, default_value_t = 200_000)]
    pub gas: u64,
    /// Chooses keys and transfers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl LoadArgs {
    /// The workload, sizes and keys as usual.
    pub fn workload(&self) -> Workload {
        Workload {
            kind: self.workload,
            spread: self.spread,
            fee: self.fee,
            gas: self.gas,
            seed: self.seed,
            ..Workload::default()
        }
    }
}

/// Whole systems.
#[derive(Args, Debug, Clone)]
pub struct SystemArgs {
    /// Systems, in turns: raft-N, comet-N, kvstore-N (N validators), simd.
    #[arg(long, value_delimiter = ',', default_value = "raft-1")]
    pub systems: Vec<System>,
    /// Times that each is run.
    #[arg(long, default_value_t = 1)]
    pub repetitions: u32,
    /// Accounts.
    #[arg(long, default_value_t = 20_000)]
    pub accounts: u64,
    /// Transactions.
    #[arg(long, default_value_t = 20_000)]
    pub txs: u64,
    /// What accounts sign with: secp256k1 or ed25519.
    #[arg(long, default_value_t = KeyScheme::Secp256k1)]
    pub keys: KeyScheme,
    /// Connections.
    #[arg(long, default_value_t = 8)]
    pub connections: u32,
    /// Transactions in one JSON-RPC request at most.
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Transactions a second, open loop; without it as fast as possible.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Without a rate: at most this many sent and not committed.
    #[arg(long, default_value_t = 10_000)]
    pub in_flight: u64,
    /// Balance queries a second beside the load over each of RPC and REST; Plume only.
    #[arg(long, default_value_t = 0.0)]
    pub queries: f64,
    /// Execute the stored blocks again afterwards, over Raft.
    #[arg(long)]
    pub replay: bool,
    /// Bytes of a block at most.
    #[arg(long, default_value_t = 4 << 20)]
    pub block_bytes: u64,
    /// Gas of a block at most; -1 for no limit.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub block_gas: i64,
    /// Do not index transactions by their events.
    #[arg(long)]
    pub no_index: bool,
    /// Blocks, and states of past heights, that each node of Plume keeps; 0 keeps all. More than one round of a soak has.
    #[arg(long, default_value_t = 0)]
    pub keep_blocks: u64,
    /// Changes a line of every node's `config.toml`, such as `timeout_commit="100ms"`; again for another one.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Milliseconds between a block of simd and the next.
    #[arg(long, default_value_t = 500)]
    pub simd_pause_ms: u64,
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Folder for homes; the system's temporary folder by default.
    #[arg(long)]
    pub folder: Option<PathBuf>,
}

/// `key=value`, the value as TOML writes it.
fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text}: write key=value"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl SystemArgs {
    /// What is run.
    pub fn plan(&self) -> Result<Plan> {
        Ok(Plan {
            systems: self.systems.clone(),
            repetitions: self.repetitions,
            workload: Workload {
                scheme: self.keys,
                accounts: self.accounts,
                txs: self.txs,
                lanes: self.connections,
                ..self.load.workload()
            },
            pace: self.rate.map_or(Pace::Closed { in_flight: self.in_flight }, Pace::Rate),
            limits: Limits {
                block_bytes: self.block_bytes,
                block_gas: self.block_gas,
                batch: self.batch,
                index: !self.no_index,
                keep_blocks: self.keep_blocks,
                simd_pause: Duration::from_millis(self.simd_pause_ms),
                set: self.set.clone(),
                ..Limits::default()
            },
            queries: self.queries,
            replay: self.replay,
            folder: self.folder.clone(),
        })
    }
}

/// Blocks without an engine.
#[derive(Args, Debug, Clone)]
pub struct ReplayArgs {
    /// Name of the result.
    #[arg(long, default_value = "replay")]
    pub name: String,
    /// Times that it is run.
    #[arg(long, default_value_t = 1)]
    pub repetitions: u32,
    /// What accounts sign with, in turns.
    #[arg(long, value_delimiter = ',', default_value = "secp256k1,ed25519")]
    pub keys: Vec<KeyScheme>,
    /// Accounts.
    #[arg(long, default_value_t = 100_000)]
    pub accounts: u64,
    /// Blocks.
    #[arg(long, default_value_t = 10)]
    pub blocks: u64,
    /// Transactions of each.
    #[arg(long, default_value_t = 5000)]
    pub txs_per_block: u64,
    /// Threads that verify and hash; 0 for all cores.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Keep the state in memory only.
    #[arg(long)]
    pub memory: bool,
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Folder for databases.
    #[arg(long)]
    pub folder: Option<PathBuf>,
}

impl ReplayArgs {
    /// Sizes.
    pub fn plan(&self) -> replay::Plan {
        replay::Plan {
            accounts: self.accounts,
            blocks: self.blocks,
            txs_per_block: self.txs_per_block,
            threads: self.threads,
        }
    }
}

/// Growing states.
#[derive(Args, Debug, Clone)]
pub struct GrowthArgs {
    /// Name of the result.
    #[arg(long, default_value = "growth")]
    pub name: String,
    /// Numbers of accounts.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,10000000")]
    pub accounts: Vec<u64>,
    /// Blocks that are executed at each size.
    #[arg(long, default_value_t = 20)]
    pub blocks: u64,
    /// Transactions of each.
    #[arg(long, default_value_t = 5000)]
    pub txs_per_block: u64,
    /// Folder for databases.
    #[arg(long)]
    pub folder: Option<PathBuf>,
}

impl GrowthArgs {
    /// Sizes.
    pub fn plan(&self) -> replay::Plan {
        replay::Plan { accounts: 0, blocks: self.blocks, txs_per_block: self.txs_per_block, threads: 0 }
    }
}

/// Each of four nodes passes a transaction on to two of the three others, which reaches all of them even if one of the two
/// keeps it for itself. CometBFT's default is all three, so that each node gets each transaction two or three times.
const GOSSIP: (&str, &str) = ("experimental_max_gossip_connections_to_persistent_peers", "2");

/// One measurement of [`Command::Bars`].
pub type Make = Box<dyn FnOnce() -> Result<ResultFile>>;

/// Everything that the bars need, in the order in which it is run.
pub fn bars(smoke: bool, folder: Option<PathBuf>) -> Vec<Make> {
    let systems =
        |list: &str| list.split(',').map(|name| name.parse().expect("a system's name")).collect::<Vec<System>>();
    let repetitions = if smoke { 1 } else { 5 };
    let plan = |list: &str, txs: u64| Plan {
        systems: systems(list),
        repetitions,
        workload: Workload {
            gas: 200_000,
            accounts: if smoke { 200 } else { 20_000 },
            txs: if smoke { 200 } else { txs },
            ..Workload::default()
        },
        pace: Pace::Closed { in_flight: 10_000 },
        limits: Limits::default(),
        queries: 0.0,
        replay: false,
        folder: folder.clone(),
    };
    // So many connections that CometBFT, which works off a batch one by one, always has something to do.
    let busy = |list: &str, txs: u64| {
        let plan = plan(list, txs);
        // simd answers within the ten seconds that CometBFT allows, on a slow machine too: no larger batches.
        let limits = Limits { batch: 25, ..Limits::default() };
        Plan { workload: Workload { lanes: if smoke { 8 } else { 64 }, ..plan.workload }, limits, ..plan }
    };
    let calm = |list: &str| {
        let rate = 100.0;
        Plan { pace: Pace::Rate(rate), limits: Limits { batch: 1, ..Limits::default() }, ..plan(list, 3000) }
    };
    let with = |plan: Plan, (key, value): (&str, &str)| {
        let set = vec![(key.to_owned(), value.to_owned())];
        Plan { limits: Limits { set, ..plan.limits }, ..plan }
    };
    let measured: Vec<(&'static str, Plan)> = vec![
        ("throughput", busy("raft-1,comet-1,kvstore-1,simd", 60_000)),
        ("throughput-four", busy("raft-4,comet-4,kvstore-4", 40_000)),
        ("throughput-four-gossip", with(busy("comet-4,kvstore-4", 40_000), GOSSIP)),
        ("latency-four", calm("raft-4,comet-4,kvstore-4")),
        ("latency-one", calm("raft-1,comet-1,kvstore-1")),
        (
            "exchange",
            Plan {
                workload: Workload { kind: Kind::Exchange, ..plan("", 20_000).workload },
                ..plan("raft-1,comet-1,simd", 20_000)
            },
        ),
        (
            "zipf",
            Plan {
                workload: Workload { spread: Spread::Zipf(1.0), ..plan("", 20_000).workload },
                ..plan("raft-1,comet-1,simd", 20_000)
            },
        ),
        ("queries", Plan { queries: 200.0, ..busy("raft-1,comet-1", 120_000) }),
        ("catch-up", Plan { replay: true, ..busy("raft-1", 60_000) }),
    ];
    let mut makes: Vec<Make> = Vec::new();
    for (name, plan) in measured {
        makes.push(Box::new(move || end_to_end::run(name, &plan)));
    }
    let replay_folder = folder.clone();
    makes.push(Box::new(move || {
        // Its number of threads is the process's: a process of its own.
        replay_in_a_process(smoke, repetitions, replay_folder.as_deref())
    }));
    let sizes: Vec<u64> = if smoke { vec![1000, 3000] } else { vec![10_000, 100_000, 1_000_000, 10_000_000] };
    let blocks = replay::Plan {
        accounts: 0,
        blocks: if smoke { 2 } else { 20 },
        txs_per_block: if smoke { 100 } else { 5000 },
        threads: 0,
    };
    makes.push(Box::new(move || growth::run("growth", &sizes, &blocks, folder)));
    makes.push(Box::new(move || {
        let arguments: &[&str] = if smoke { &["--smoke"] } else { &["--accounts", "1000000"] };
        state::run("state", repetitions, &arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }));
    makes
}

fn replay_in_a_process(smoke: bool, repetitions: u32, folder: Option<&std::path::Path>) -> Result<ResultFile> {
    let output = tempfile::tempdir()?;
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["replay", "--repetitions", &repetitions.to_string(), "--output"]).arg(output.path());
    if smoke {
        command.args(["--accounts", "1000", "--blocks", "2", "--txs-per-block", "100"]);
    }
    if let Some(folder) = folder {
        command.arg("--folder").arg(folder);
    }
    let status = command.stdout(std::process::Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "replay ends with {status}");
    Ok(serde_json::from_slice(&std::fs::read(output.path().join("replay.json"))?)?)
}
