use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::statvfs::statvfs;
use plume_chain::ChainReader;
use plume_cometbft::{CometBft, ListenAddress, Stop, SupervisorOptions};
use plume_engine::Executor;
use tracing::{info, warn};

use crate::cli::{EngineKind, StartArgs};
use crate::config_file::cometbft_environment;
use crate::home::Home;
use crate::logs;
use crate::{doors, node, raft};

/// Free bytes without which a node does not start. On a full disk a database could fail while it is opened, and RocksDB
/// as Debian builds it then aborts on its second line of log, before anybody has said why.
const LEAST_ROOM: u64 = 16 << 20;

/// Runs the node until it is asked to stop.
pub fn run(home: &Home, args: &StartArgs, logs: &logs::Settings) -> Result<ExitCode> {
    let stop = Stop::default();
    if args.stop_with_stdin {
        stop_with_stdin(stop.clone());
    }
    require_room(&home.comet().data_dir())?;
    let chain = node::open(home, &node::Overrides::of(args))?;
    let app = home.app_config()?;
    write_checkpoints(chain.reader(), app.checkpoint_minutes);
    match args.engine {
        EngineKind::Raft => raft::run(home, chain, args, &app, &stop),
        EngineKind::Cometbft => {
            let laddr = args.rpc_laddr.clone().map_or_else(|| home.comet().addresses().map(|a| a.rpc), Ok)?;
            let _gateway = doors::open(chain.reader(), Arc::new(CometBft::new(&laddr)), &app, args)?;
            let options = SupervisorOptions {
                binary: args.cometbft.clone(),
                tools: tools_folder(),
                flags: engine_flags(args, logs),
                environment: cometbft_environment(),
                stop,
                ..SupervisorOptions::new(home.path())
            };
            info!(home = %home.path().display(), rpc = %laddr, "starting with CometBFT");
            let code = plume_cometbft::run(chain, &options)?;
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
        EngineKind::Abci => {
            let laddr = args.rpc_laddr.clone().map_or_else(|| home.comet().addresses().map(|a| a.rpc), Ok)?;
            let _gateway = doors::open(chain.reader(), Arc::new(CometBft::new(&laddr)), &app, args)?;
            let address: ListenAddress = args.address.parse().with_context(|| format!("--address {}", args.address))?;
            info!(%address, "listening for an ABCI client");
            plume_cometbft::listen(chain, &address, Some(&home.comet().read_genesis()?), &stop)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn require_room(data: &Path) -> Result<()> {
    // Whoever opens a home that is not there says so better.
    let Ok(disk) = statvfs(data) else { return Ok(()) };
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    ensure!(
        free >= LEAST_ROOM,
        "the disk of {} is full: {free} bytes are free, {LEAST_ROOM} are needed to start. Make room; nothing is lost",
        data.display()
    );
    Ok(())
}

/// Writes a checkpoint of the state's trees every `minutes`, in the background; a failure costs the next start time,
/// nothing else.
fn write_checkpoints(reader: ChainReader, minutes: u64) {
    let Some(pause) = minutes.checked_mul(60).filter(|seconds| *seconds > 0).map(Duration::from_secs) else { return };
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(pause);
            match reader.write_checkpoint() {
                Ok(height) => info!(%height, "wrote a checkpoint of the state's trees"),
                Err(error) => warn!(%error, "no checkpoint of the state's trees"),
            }
        }
    });
}

/// Asks the node to stop once standard input ends; what comes before its end is ignored.
fn stop_with_stdin(stop: Stop) {
    std::thread::spawn(move || {
        // An input that cannot be read has ended, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        stop.request();
    });
}

/// Flags for CometBFT: those that we know by name, then those after `--`.
fn engine_flags(args: &StartArgs, logs: &logs::Settings) -> Vec<String> {
    let named = [
        ("--rpc.laddr", &args.rpc_laddr),
        ("--p2p.laddr", &args.p2p_laddr),
        ("--p2p.persistent_peers", &args.p2p_persistent_peers),
    ];
    let mut flags = logs.engine_flags();
    for (name, value) in named {
        if let Some(value) = value {
            flags.extend([name.to_owned(), value.clone()]);
        }
    }
    flags.extend(args.engine_flags.iter().cloned());
    flags
}

/// `.tools/bin` of the checkout that the binary was built in, if it still lies there.
pub fn tools_folder() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let mut folders: Vec<PathBuf> = executable.ancestors().map(|folder| folder.join(".tools/bin")).collect();
    folders.extend(std::env::current_dir().ok().map(|folder| folder.join(".tools/bin")));
    folders.into_iter().find(|folder| folder.join("cometbft").is_file())
}
