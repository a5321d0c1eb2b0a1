use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plume_client::{Backend, HdPath, Keyring, Mnemonic, Terminal, WordCount};
use plume_primitives::{Coins, Height};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::network::{self, Common, Member};
use crate::cli::{DevnetArgs, EngineKind, LogFormat, OutputFormat};
use crate::doors::{ApiConfig, GrpcConfig, TelemetryConfig};
use crate::genesis_file::GenesisFile;
use crate::home::{AppConfig, Home};
use crate::logs;

/// Ports of two validators are this far apart.
const PORT_STEP: u16 = 10;

/// Voting power of each validator.
const POWER: u64 = 10;

/// All nodes run on this machine.
const HOST: &str = "127.0.0.1";

/// Time for the network to make its first block.
const FIRST_BLOCK: Duration = Duration::from_secs(60);

/// Time for a node to end after it was asked to.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// Describes the network; written beside the homes for people and scripts.
const NETWORK_FILE: &str = "network.json";

/// Writes the homes of a local network and runs them if asked.
pub fn run(args: &DevnetArgs, logs: &logs::Settings) -> Result<ExitCode> {
    ensure!(args.validators >= 1, "a network needs at least 1 validator");
    let file = args.output.join(NETWORK_FILE);
    let network = if args.start && file.is_file() {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is malformed", file.display()))?
    } else {
        let network = write_network(args)?;
        fs::write(&file, serde_json::to_string_pretty(&network)? + "\n")?;
        network
    };
    match args.format {
        OutputFormat::Json => println!("{network}"),
        OutputFormat::Text => describe(&network, &args.output),
    }
    if !args.start {
        return Ok(ExitCode::SUCCESS);
    }
    start(args, &network, logs)
}

fn write_network(args: &DevnetArgs) -> Result<Value> {
    network::require_empty(&args.output)?;
    fs::create_dir_all(&args.output).with_context(|| format!("cannot create {}", args.output.display()))?;
    let ports = (0..args.validators).map(|i| ports(args, i)).collect::<Result<Vec<_>>>()?;
    let members: Vec<Member> = (0u16..).zip(&ports).map(|(i, ports)| member(args, i, ports)).collect::<Result<_>>()?;
    let common = Common {
        chain_id: &args.chain_id,
        prefix: &args.prefix,
        denom: &args.denom,
        keyring_backend: "test",
        power: POWER,
        one_machine: true,
        origins: vec!["*".to_owned()],
    };
    let first = &members.first().context("at least one validator")?.home;
    let accounts = network::write(&common, &members, |genesis| fund_accounts(args, first, genesis))?;
    let nodes: Vec<Value> = members
        .iter()
        .zip(&ports)
        .map(|(member, ports)| {
            Ok(json!({
                "moniker": member.name,
                "home": fs::canonicalize(member.home.path())?,
                "rpc": format!("http://{HOST}:{}", ports.rpc),
                "p2p": format!("tcp://{HOST}:{}", ports.p2p),
                "grpc": format!("{HOST}:{}", ports.grpc),
                "api": format!("http://{HOST}:{}", ports.api),
                "node_id": member.home.comet().node_id()?,
            }))
        })
        .collect::<Result<_>>()?;
    Ok(json!({
        "chain_id": args.chain_id,
        "bech32_prefix": args.prefix,
        "base_denom": args.denom,
        "nodes": nodes,
        "accounts": accounts,
    }))
}

fn member(args: &DevnetArgs, i: u16, ports: &Ports) -> Result<Member> {
    let app = AppConfig {
        minimum_gas_prices: args.minimum_gas_prices.clone().unwrap_or_default(),
        api: ApiConfig {
            enable: true,
            swagger: true,
            address: format!("tcp://{HOST}:{}", ports.api),
            enabled_unsafe_cors: true,
            ..ApiConfig::default()
        },
        grpc: GrpcConfig { address: format!("{HOST}:{}", ports.grpc), ..GrpcConfig::default() },
        telemetry: TelemetryConfig { enabled: true, prometheus_retention_time: 60, ..TelemetryConfig::default() },
        ..AppConfig::default()
    };
    Ok(Member {
        name: moniker(i),
        home: Home::of(Some(&args.output.join(moniker(i))))?,
        host: HOST.to_owned(),
        listen: HOST.to_owned(),
        rpc: ports.rpc,
        p2p: ports.p2p,
        app,
    })
}

fn fund_accounts(args: &DevnetArgs, first: &Home, genesis: &mut GenesisFile) -> Result<Vec<Value>> {
    let balance = args.balance.clone().unwrap_or_else(|| format!("1000000000000{}", args.denom));
    let coins: Coins = balance.parse().with_context(|| format!("--balance {balance}"))?;
    let prefix = genesis.prefix()?;
    let keyring = Keyring::open(first.path(), Backend::Test, prefix.clone(), Box::new(Terminal));
    let path = HdPath::cosmos(0, 0)?;
    args.accounts
        .iter()
        .map(|name| {
            let mnemonic = Mnemonic::generate(WordCount::default());
            let address = keyring.add_local(name, &mnemonic.derive("", &path)?)?.address();
            genesis.add_account(&address, &coins, false)?;
            let words = mnemonic.words();
            Ok(json!({"name": name, "address": prefix.account(&address), "mnemonic": words.as_str(), "balance": balance}))
        })
        .collect()
}

struct Ports {
    rpc: u16,
    p2p: u16,
    grpc: u16,
    api: u16,
}

/// CometBFT's and the SDK's own ports.
const USUAL: Ports = Ports { rpc: 26657, p2p: 26656, grpc: 9090, api: 1317 };

fn ports(args: &DevnetArgs, i: u16) -> Result<Ports> {
    let shifted = |port: u16| i.checked_mul(PORT_STEP).and_then(|shift| port.checked_add(shift));
    let (grpc, api) = (
        args.grpc_port.unwrap_or_else(|| beside(args.rpc_port, USUAL.grpc)),
        args.api_port.unwrap_or_else(|| beside(args.rpc_port, USUAL.api)),
    );
    match (shifted(args.rpc_port), shifted(args.p2p_port), shifted(grpc), shifted(api)) {
        (Some(rpc), Some(p2p), Some(grpc), Some(api)) => Ok(Ports { rpc, p2p, grpc, api }),
        _ => bail!("validator {i} would need a port above 65535: choose smaller first ports"),
    }
}

/// The port as far from `usual` as `rpc` is from the usual one, so that networks which choose only RPC ports do not meet.
/// Going round, it skips the ports that need privileges.
fn beside(rpc: u16, usual: u16) -> u16 {
    const FIRST: u16 = 1024;
    let port = usual.wrapping_add(rpc.wrapping_sub(USUAL.rpc));
    if port < FIRST { port.saturating_add(FIRST) } else { port }
}

fn moniker(i: u16) -> String {
    format!("node{i}")
}

fn describe(network: &Value, folder: &Path) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    println!("chain id   {}", text(&network["chain_id"]));
    println!("folder     {}", folder.display());
    for node in network["nodes"].as_array().into_iter().flatten() {
        let [moniker, rpc, api, grpc, home] = ["moniker", "rpc", "api", "grpc", "home"].map(|name| text(&node[name]));
        println!("{moniker:<10} RPC {rpc}   REST {api}   gRPC {grpc}   home {home}");
    }
    println!("accounts   (keyring `test` of node0; for development only)");
    for account in network["accounts"].as_array().into_iter().flatten() {
        println!("  {:<8} {}  {}", text(&account["name"]), text(&account["address"]), text(&account["balance"]));
        println!("           {}", text(&account["mnemonic"]));
    }
}

fn start(args: &DevnetArgs, network: &Value, logs: &logs::Settings) -> Result<ExitCode> {
    ensure!(
        args.engine != EngineKind::Abci,
        "a devnet cannot be started with --engine abci: use raft or cometbft, or write it without --start"
    );
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let nodes = network["nodes"].as_array().context("network.json names no nodes")?;
    let mut children: BTreeMap<String, Child> = BTreeMap::new();
    for node in nodes {
        let rpc = node["rpc"].as_str().context("network.json: a node has no rpc")?;
        let port = rpc.rsplit(':').next().unwrap_or_default();
        TcpListener::bind(format!("127.0.0.1:{port}")).with_context(|| {
            format!("port {port} is taken: stop what uses it, or write the network with another --rpc-port")
        })?;
        let home = node["home"].as_str().context("network.json: a node has no home")?;
        let name = node["moniker"].as_str().context("network.json: a node has no moniker")?;
        match spawn(args, home, logs) {
            Ok(child) => drop(children.insert(name.to_owned(), child)),
            Err(e) => {
                stop_all(&mut children);
                return Err(e);
            }
        }
    }
    let result = watch(nodes, &mut children, &stop);
    stop_all(&mut children);
    result
}

fn spawn(args: &DevnetArgs, home: &str, logs: &logs::Settings) -> Result<Child> {
    let log = Path::new(home).join("node.log");
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    let engine = if args.engine == EngineKind::Raft { "raft" } else { "cometbft" };
    command.args(["start", "--engine", engine, "--home", home, "--stop-with-stdin", "--log-level", &logs.filter]);
    if logs.format == LogFormat::Json {
        command.args(["--log-format", "json"]);
    }
    if let Some(cometbft) = &args.cometbft {
        command.arg("--cometbft").arg(cometbft);
    }
    // A group of its own: Ctrl-C reaches this process alone, which then stops the nodes in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    // The pipe ends with this process, however that ends, and the node with the pipe.
    command.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
    command.spawn().context("cannot start a node")
}

/// Waits for the first block, then until somebody asks to stop or a node ends.
fn watch(nodes: &[Value], children: &mut BTreeMap<String, Child>, stop: &AtomicBool) -> Result<ExitCode> {
    let first = nodes.first().and_then(|node| node["rpc"].as_str()).context("network.json: a node has no rpc")?;
    let rpc = plume_cometbft::CometBft::new(first);
    let deadline = Instant::now().checked_add(FIRST_BLOCK);
    let mut announced = false;
    while !stop.load(Ordering::Relaxed) {
        for (name, child) in children.iter_mut() {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended ({status}): see node.log in its home");
            }
        }
        if !announced {
            announced = plume_engine::Engine::status(&rpc).is_ok_and(|status| status.height >= Height(1));
            if announced {
                println!("\nThe chain makes blocks. Logs are in node.log of each home. Stop with Ctrl-C.");
                println!("Try:  plumed status --node {first}");
            } else if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                bail!("no block within {} s: see node.log in the homes", FIRST_BLOCK.as_secs());
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    println!("stopping");
    Ok(ExitCode::SUCCESS)
}

fn stop_all(children: &mut BTreeMap<String, Child>) {
    for child in children.values() {
        if let Ok(pid) = i32::try_from(child.id()) {
            // A child that has ended already needs no signal.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
    let deadline = Instant::now().checked_add(SHUTDOWN);
    for (name, child) in children.iter_mut() {
        while matches!(child.try_wait(), Ok(None)) {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                eprintln!("{name} did not end within {} s and is killed", SHUTDOWN.as_secs());
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
