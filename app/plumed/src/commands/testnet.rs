//! `testnet init-files`: the homes of a network for several machines, in the SDK's layout.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use plume_client::{HdPath, Keyring, Mnemonic, Terminal, WordCount};
use plume_primitives::Coins;
use serde_json::{Value, json};

use super::config;
use super::network::{self, Common, Member};
use crate::cli::{ConfigFile, InitFilesArgs, OutputFormat};
use crate::genesis_file::GenesisFile;
use crate::home::{AppConfig, Home};

/// Ports of the first node; with `--single-host` those of two nodes are ten apart.
const RPC: u16 = 26657;
const P2P: u16 = 26656;

/// Voting power of each validator.
const POWER: u64 = 100;

/// What each node's account holds, in base units.
const BALANCE: u128 = 1_000_000_000_000;

/// Writes the homes.
pub fn init_files(args: &InitFilesArgs) -> Result<()> {
    ensure!(args.validator_count >= 1, "a network needs at least 1 validator");
    network::require_empty(&args.output_dir)?;
    let members = (0..args.validator_count).map(|i| member(args, i)).collect::<Result<Vec<_>>>()?;
    let common = Common {
        chain_id: &args.chain_id,
        prefix: &args.prefix,
        denom: &args.denom,
        keyring_backend: &args.keyring_backend,
        power: POWER,
        one_machine: args.single_host,
        origins: Vec::new(),
    };
    let addresses = network::write(&common, &members, |genesis| {
        members.iter().map(|member| add_account(args, member, genesis)).collect::<Result<Vec<_>>>()
    })?;
    if let Some(pause) = &args.commit_timeout {
        for member in &members {
            config::change(&member.home, ConfigFile::Config, &[("consensus.timeout_commit", pause)])?;
        }
    }
    let nodes = members.iter().zip(&addresses).map(|(member, address)| {
        Ok(json!({
            "moniker": member.name,
            "home": member.home.path(),
            "node_id": member.home.comet().node_id()?,
            "address": address,
            "rpc": format!("http://{}:{}", member.host, member.rpc),
            "p2p": format!("tcp://{}:{}", member.host, member.p2p),
        }))
    });
    report(args, &nodes.collect::<Result<Vec<Value>>>()?);
    Ok(())
}

fn member(args: &InitFilesArgs, i: u16) -> Result<Member> {
    let name = format!("{}{i}", args.node_dir_prefix);
    let home = Home::of(Some(&args.output_dir.join(&name).join(&args.node_daemon_home)))?;
    let app = AppConfig { minimum_gas_prices: args.minimum_gas_prices.clone(), ..AppConfig::default() };
    if args.single_host {
        let port = |first: u16| i.checked_mul(10).and_then(|shift| first.checked_add(shift));
        let (rpc, p2p) = port(RPC).zip(port(P2P)).with_context(|| format!("node {i} would need a port above 65535"))?;
        let host = Ipv4Addr::LOCALHOST.to_string();
        return Ok(Member { name, home, listen: host.clone(), host, rpc, p2p, app });
    }
    let ip = u32::from(args.starting_ip_address).checked_add(u32::from(i)).map(Ipv4Addr::from);
    let ip = ip.with_context(|| format!("there is no address for node {i} after {}", args.starting_ip_address))?;
    let listen = Ipv4Addr::UNSPECIFIED.to_string();
    Ok(Member { name, home, host: ip.to_string(), listen, rpc: RPC, p2p: P2P, app })
}

/// Makes the node's account; its mnemonic lies in `key_seed.json` beside the configuration, as the SDK has it.
fn add_account(args: &InitFilesArgs, member: &Member, genesis: &mut GenesisFile) -> Result<String> {
    let prefix = genesis.prefix()?;
    let keyring = Keyring::open(member.home.path(), args.keyring_backend.parse()?, prefix.clone(), Box::new(Terminal));
    let mnemonic = Mnemonic::generate(WordCount::default());
    let record = keyring.add_local(&member.name, &mnemonic.derive("", &HdPath::cosmos(0, 0)?)?)?;
    let coins: Coins = format!("{BALANCE}{}", args.denom).parse()?;
    genesis.add_account(&record.address(), &coins, false)?;
    let seed = member.home.path().join("key_seed.json");
    fs::write(&seed, json!({"secret": mnemonic.words().as_str()}).to_string())
        .with_context(|| format!("cannot write {}", seed.display()))?;
    Ok(prefix.account(&record.address()))
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
