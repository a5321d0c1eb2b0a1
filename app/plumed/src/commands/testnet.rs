//! `testnet init-files`: the homes of a network for several machines, in the SDK's layout.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use plume_client::{HdPath, Keyring, Mnemonic, Terminal, WordCount};
use plume_home::config::Config;
use plume_primitives::{Coins, Height};
use serde_json::{Value, json};

use super::config::with_setting;
use crate::cli::{ConfigFile, InitFilesArgs, OutputFormat};
use crate::genesis_file::{GenesisFile, NewChain};
use crate::home::{AppConfig, ClientConfig, Home};
use crate::output::now;

/// Ports of the first node; with `--single-host` those of two nodes are ten apart.
const RPC: u16 = 26657;
const P2P: u16 = 26656;

/// Voting power of each validator.
const POWER: u64 = 100;

/// What each node's account holds, in base units.
const BALANCE: u128 = 1_000_000_000_000;

/// Where a node lies and where others find it.
struct Place {
    name: String,
    home: Home,
    ip: Ipv4Addr,
    rpc: u16,
    p2p: u16,
}

/// Writes the homes.
pub fn init_files(args: &InitFilesArgs) -> Result<()> {
    ensure!(args.validator_count >= 1, "a network needs at least 1 validator");
    if fs::read_dir(&args.output_dir).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: choose a new folder, or remove it", args.output_dir.display());
    }
    let places = (0..args.validator_count).map(|i| place(args, i)).collect::<Result<Vec<_>>>()?;
    let first = places.first().context("at least one validator")?;
    let chain = NewChain {
        chain_id: &args.chain_id,
        time: now()?,
        initial_height: Height(1),
        prefix: &args.prefix,
        denom: &args.denom,
    };
    let mut genesis = GenesisFile::new(first.home.genesis(), &chain);
    genesis.doc().validate()?;
    let mut peers = Vec::new();
    let mut nodes = Vec::new();
    for place in &places {
        place.home.comet().init(&Config::default())?;
        write_configs(args, place)?;
        genesis.add_validator(&place.name, place.home.comet().validator_key()?, POWER)?;
        let address = add_account(args, place, &mut genesis)?;
        let node_id = place.home.comet().node_id()?;
        peers.push(format!("{node_id}@{}:{}", place.ip, place.p2p));
        nodes.push(json!({
            "moniker": place.name,
            "home": place.home.path(),
            "node_id": node_id,
            "address": address,
            "rpc": format!("http://{}:{}", place.ip, place.rpc),
            "p2p": format!("tcp://{}:{}", place.ip, place.p2p),
        }));
    }
    for (place, own) in places.iter().zip(&peers) {
        write_engine_config(args, place, &peers, own)?;
        genesis.write_to(&place.home.genesis())?;
    }
    report(args, &nodes);
    Ok(())
}

fn place(args: &InitFilesArgs, i: u16) -> Result<Place> {
    let name = format!("{}{i}", args.node_dir_prefix);
    let folder: PathBuf = args.output_dir.join(&name).join(&args.node_daemon_home);
    let home = Home::of(Some(&folder))?;
    if args.single_host {
        let port = |first: u16| i.checked_mul(10).and_then(|shift| first.checked_add(shift));
        let (rpc, p2p) = port(RPC).zip(port(P2P)).with_context(|| format!("node {i} would need a port above 65535"))?;
        return Ok(Place { name, home, ip: Ipv4Addr::LOCALHOST, rpc, p2p });
    }
    let ip = u32::from(args.starting_ip_address).checked_add(u32::from(i)).map(Ipv4Addr::from);
    let ip = ip.with_context(|| format!("there is no address for node {i} after {}", args.starting_ip_address))?;
    Ok(Place { name, home, ip, rpc: RPC, p2p: P2P })
}

fn write_configs(args: &InitFilesArgs, place: &Place) -> Result<()> {
    let client = ClientConfig {
        chain_id: args.chain_id.clone(),
        keyring_backend: args.keyring_backend.clone(),
        node: format!("tcp://{}:{}", place.ip, place.rpc),
        bech32_prefix: args.prefix.clone(),
        ..ClientConfig::default()
    };
    let app = AppConfig { minimum_gas_prices: args.minimum_gas_prices.clone(), ..AppConfig::default() };
    place.home.write_configs(&app, &client)
}

/// Makes the node's account; its mnemonic lies in `key_seed.json` beside the configuration, as the SDK has it.
fn add_account(args: &InitFilesArgs, place: &Place, genesis: &mut GenesisFile) -> Result<String> {
    let prefix = genesis.prefix()?;
    let keyring = Keyring::open(place.home.path(), args.keyring_backend.parse()?, prefix.clone(), Box::new(Terminal));
    let mnemonic = Mnemonic::generate(WordCount::default());
    let record = keyring.add_local(&place.name, &mnemonic.derive("", &HdPath::cosmos(0, 0)?)?)?;
    let coins: Coins = format!("{BALANCE}{}", args.denom).parse()?;
    genesis.add_account(&record.address(), &coins, false)?;
    let seed = place.home.path().join("key_seed.json");
    fs::write(&seed, json!({"secret": mnemonic.words().as_str()}).to_string())
        .with_context(|| format!("cannot write {}", seed.display()))?;
    Ok(prefix.account(&record.address()))
}

fn write_engine_config(args: &InitFilesArgs, place: &Place, peers: &[String], own: &String) -> Result<()> {
    let ip = if args.single_host { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let config = Config {
        moniker: place.name.clone(),
        rpc_laddr: format!("tcp://{ip}:{}", place.rpc),
        p2p_laddr: format!("tcp://{ip}:{}", place.p2p),
        persistent_peers: peers.iter().filter(|peer| *peer != own).cloned().collect(),
        addr_book_strict: !args.single_host,
        allow_duplicate_ip: args.single_host,
        ..Config::default()
    };
    place.home.comet().init(&config)?;
    if let Some(pause) = &args.commit_timeout {
        let path = place.home.config_file(ConfigFile::Config);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = with_setting(&text, ConfigFile::Config, "consensus.timeout_commit", pause)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn report(args: &InitFilesArgs, nodes: &[Value]) {
    if args.format == OutputFormat::Json {
        println!("{}", json!({"chain_id": args.chain_id, "nodes": nodes}));
        return;
    }
    eprintln!("Successfully initialized {} node directories in {}", nodes.len(), args.output_dir.display());
    for node in nodes {
        let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
        println!("{:<10} {}  account {}  home {}", text("moniker"), text("p2p"), text("address"), text("home"));
    }
}
