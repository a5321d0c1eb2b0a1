//! `devnet-node`: a node of the test networks with what `plumed` does not have.
//!
//! `devnet-node start --home DIR --engine raft|cometbft [--cometbft PATH]`, as `plumed` is started. From the home it
//! reads, each if it is there: `schedule.json`, changes of validators (testkit's `ScheduledValidators`); `clock-offset-ms`,
//! what its clock is ahead of the system's, read at each use; `raft-log`, entries between two compactions and entries
//! that stay; `history`, blocks that are kept and the interval of state snapshots; `disk-fault`, see
//! `plume_tests_devnet::Fault`. Without a `history` its state is in memory: every start executes all blocks again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plume_chain::{Chain, ChainConfig, SnapshotConfig, plume_modules};
use plume_cometbft::{Stop, SupervisorOptions};
use plume_home::home::Home;
use plume_primitives::Timestamp;
use plume_state::{Backend, MemoryBackend};
use plume_state_rocksdb::{Config, RocksBackend};
use plume_testkit::ScheduledValidators;
use plume_tests_devnet::in_process::{self, Options};
use plume_tests_devnet::{Engine, PlannedDisk, Times};

fn main() {
    tracing_subscriber::fmt().with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|it| it == name).and_then(|at| arguments.get(at + 1));
    let home = PathBuf::from(value("--home").expect("--home DIR"));
    let engine = value("--engine").and_then(|name| Engine::parse(name)).expect("--engine raft or cometbft");
    // Without one it is the product's chain: the two programs may then meet in one network.
    let catalogue = match schedule(&home) {
        Some(schedule) => plume_modules().with(schedule),
        None => plume_modules(),
    };
    let history = numbers(&home.join("history"));
    let (config, backend) = state(&home, history);
    let chain = Chain::open_with(config, backend, catalogue).expect("a whole state");
    let stop = Stop::default();
    let code = match engine {
        Engine::Raft => {
            let moved = home.clone();
            let mut options = Options {
                times: Times::PATIENT,
                disk: Arc::new(PlannedDisk::new(&home)),
                clock: Arc::new(move || clock(&moved)),
                ..Options::default()
            };
            if let Some((blocks, _)) = history {
                options.keep_blocks = blocks;
            }
            if let Some(log) = numbers(&home.join("raft-log")) {
                options.log = log;
            }
            match in_process::run(chain, &home, &options, &stop) {
                Ok(()) => 0,
                Err(error) => {
                    tracing::error!(%error, "the node stops");
                    1
                }
            }
        }
        Engine::Cometbft => {
            let options = SupervisorOptions {
                binary: value("--cometbft").map(PathBuf::from),
                flags: ["--log_level", "none"].map(str::to_owned).to_vec(),
                stop,
                ..SupervisorOptions::new(&home)
            };
            plume_cometbft::run(chain, &options).expect("CometBFT runs")
        }
    };
    std::process::exit(code);
}

/// Where the state is, and what is kept of it: all in memory, or a short history on disk.
fn state(home: &Path, history: Option<(u64, u64)>) -> (ChainConfig, Arc<dyn Backend>) {
    let Some((blocks, interval)) = history else {
        return (ChainConfig::default(), Arc::new(MemoryBackend::new()));
    };
    let data = Home::new(home).data_dir();
    let chain_id = Home::new(home).read_genesis().expect("written by devnet").chain_id;
    // Nothing is forgotten that is not durable.
    let stores = plume_chain::stores().expect("no conflict");
    let stores = Config { flush_blocks: interval, ..Config::new(chain_id, stores) };
    let backend = RocksBackend::open(data.join("application.db"), &stores).expect("a whole database");
    let snapshots = SnapshotConfig { folder: Some(data.join("snapshots")), interval, ..SnapshotConfig::default() };
    (ChainConfig { min_retain_blocks: blocks, snapshots, ..ChainConfig::default() }, Arc::new(backend))
}

fn schedule(home: &Path) -> Option<ScheduledValidators> {
    let text = std::fs::read_to_string(home.join("schedule.json")).ok()?;
    let json = serde_json::from_str(&text).expect("schedule.json is JSON");
    Some(ScheduledValidators::from_json(&json).expect("schedule.json is a schedule"))
}

fn numbers(file: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(file).ok()?;
    let (a, b) = text.trim().split_once(' ').expect("two numbers");
    Some((a.parse().expect("a number"), b.parse().expect("a number")))
}

fn clock(home: &Path) -> Timestamp {
    let text = std::fs::read_to_string(home.join("clock-offset-ms")).unwrap_or_default();
    let offset: i64 = text.trim().parse().unwrap_or(0);
    let by = Duration::from_millis(offset.unsigned_abs());
    let now = in_process::now();
    let moved = if offset < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    moved.expect("a time of our age")
}
