use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use plume_load::{Accounts, KeyScheme, Workload};
use serde_json::{Map, Value, json};

use super::config::{Limits, PORT_STEP, free_ports};
use super::{CHAIN_ID, PREFIX, Server, System, genesis};
use crate::folder::program;

/// Writes homes with `plumed devnet`, the accounts into their genesis, and starts the nodes.
pub(super) fn start(
    system: System,
    folder: &Path,
    workload: &Workload,
    accounts: &Accounts,
    limits: &Limits,
) -> Result<(Vec<Server>, Map<String, Value>)> {
    let plumed = program("plumed", "PLUMED", "run `cargo build --release -p plumed`, or set PLUMED")?;
    let output = folder.join("network");
    let first = free_ports(system.validators())?;
    let mut engine = vec!["--engine".to_owned()];
    match system {
        System::Comet(_) => {
            let cometbft =
                program("plume-cometbft", "PLUMED_COMETBFT", "run scripts/setup --for bench, or set PLUMED_COMETBFT")?;
            engine.extend(["cometbft".to_owned(), "--cometbft".to_owned(), cometbft.display().to_string()]);
        }
        _ => engine.push("raft".to_owned()),
    }
    let made = Command::new(&plumed)
        .args(["devnet", "--chain-id", CHAIN_ID, "--prefix", PREFIX, "--denom", "stake", "--accounts", "other"])
        .args(&engine)
        .args(["--validators", &system.validators().to_string()])
        .args(["--rpc-port", &first.to_string(), "--p2p-port", &(first + 1).to_string()])
        .args(["--api-port", &(first + 2).to_string(), "--output"])
        .arg(&output)
        .output()
        .with_context(|| format!("cannot start {}", plumed.display()))?;
    if !made.status.success() {
        bail!("plumed devnet: {}", String::from_utf8_lossy(&made.stderr));
    }
    let homes: Vec<_> = (0..system.validators()).map(|i| output.join(format!("node{i}"))).collect();
    let files: Vec<_> = homes.iter().map(|home| home.join("config/genesis.json")).collect();
    let mut document: Value = serde_json::from_slice(&std::fs::read(&files[0])?)?;
    document["consensus_params"]["block"] = limits.block_params();
    if limits.keep_blocks > 0 {
        // Blocks stay as long as evidence about them is taken, whatever else is configured.
        document["consensus_params"]["evidence"]["max_age_num_blocks"] = json!(limits.keep_blocks.to_string());
    }
    let ed25519 = workload.scheme == KeyScheme::Ed25519;
    document["app_state"]["plume"]["params"]["policies"] = json!({ "allow_ed25519_accounts": ed25519 });
    genesis::write(document, workload, accounts, &files.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
    let mut nodes = Vec::new();
    for (home, at) in homes.iter().zip(0..) {
        limits.apply(&home.join("config/config.toml"), Duration::ZERO)?;
        let mut arguments: Vec<String> =
            ["start", "--stop-with-stdin", "--log-level", "warn", "--home"].map(Into::into).into();
        arguments.push(home.display().to_string());
        arguments.extend(engine.iter().cloned());
        let port = first + at * PORT_STEP;
        let rest = limits.rest && at == 0;
        let mut node = Server::new(&plumed, arguments, home, port)
            .with("PLUMED_GRPC_ENABLE", "false")
            .with("PLUMED_API_ENABLE", if rest { "true" } else { "false" });
        if limits.keep_blocks > 0 {
            let keep = limits.keep_blocks.to_string();
            node = node
                .with("PLUMED_MIN_RETAIN_BLOCKS", &keep)
                .with("PLUMED_PRUNING", "custom")
                .with("PLUMED_PRUNING_KEEP_RECENT", &keep);
        }
        if rest {
            node = node.with_rest(port + 2);
        }
        node.start()?;
        nodes.push(node);
    }
    let durability = match system {
        System::Comet(_) => "CometBFT: log and block store; state written behind, recovered by replay",
        _ => "Raft log and votes synced before a block is decided; state written behind, recovered by replay",
    };
    let settings = json!({ "durability": durability, "pause_after_block_ms": 0, "empty_blocks": "one a second" });
    Ok((nodes, settings.as_object().cloned().unwrap_or_default()))
}
