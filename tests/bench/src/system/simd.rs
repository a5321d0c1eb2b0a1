use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use plume_load::{Accounts, KeyScheme, Workload};
use serde_json::{Map, Value, json};

use super::config::{Limits, free_ports, node_config};
use super::{CHAIN_ID, Server, genesis};
use crate::folder::program;

/// How to get the program.
const ADVICE: &str = "run `scripts/setup --for bench`, or set PLUME_SIMD";

/// Starts simd with one validator: its own tools write the home, then come our accounts and the same `config.toml` as
/// elsewhere.
pub(super) fn start(
    folder: &Path,
    workload: &Workload,
    accounts: &Accounts,
    limits: &Limits,
) -> Result<(Vec<Server>, Map<String, Value>)> {
    ensure!(workload.scheme == KeyScheme::Secp256k1, "simd has no ed25519 accounts: leave it out, or use secp256k1");
    let simd = program("simd", "PLUME_SIMD", ADVICE)?;
    let home = folder.join("simd");
    let run = |arguments: &[&str]| -> Result<()> {
        let output = Command::new(&simd)
            .args(arguments)
            .arg("--home")
            .arg(&home)
            .output()
            .with_context(|| format!("cannot start {}", simd.display()))?;
        if !output.status.success() {
            bail!("simd {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    };
    let keyring = ["--keyring-backend", "test"];
    run(&["init", "bench", "--chain-id", CHAIN_ID, "--default-denom", "stake"])?;
    run(&[&["keys", "add", "validator"], &keyring[..]].concat())?;
    run(&[&["genesis", "add-genesis-account", "validator", "100000000stake"], &keyring[..]].concat())?;
    run(&[&["genesis", "gentx", "validator", "1000000stake", "--chain-id", CHAIN_ID], &keyring[..]].concat())?;
    run(&["genesis", "collect-gentxs"])?;

    let file = home.join("config/genesis.json");
    let mut document: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    document["consensus"]["params"]["block"] = limits.block_params();
    // No inflation: what there is must be what there was.
    let mint = &mut document["app_state"]["mint"];
    for (section, name) in [
        ("minter", "inflation"),
        ("params", "inflation_max"),
        ("params", "inflation_min"),
        ("params", "inflation_rate_change"),
    ] {
        mint[section][name] = json!("0.000000000000000000");
    }
    genesis::write(document, workload, accounts, &[&file])?;

    let port = free_ports(1)?;
    let config = home.join("config/config.toml");
    std::fs::write(&config, node_config("bench".to_owned(), port, port + 1, Vec::new()).to_toml())?;
    limits.apply(&config, limits.simd_pause)?;
    let arguments = [
        "start",
        "--minimum-gas-prices",
        "0stake",
        "--grpc.enable=false",
        "--api.enable=false",
        "--log_level",
        "error",
        "--home",
    ];
    let mut arguments: Vec<String> = arguments.map(Into::into).into();
    arguments.push(home.display().to_string());
    let mut node = Server::new(&simd, arguments, &home, port);
    node.start()?;
    let settings = json!({
        "durability": "CometBFT: log and block store; IAVL trees in goleveldb, synchronous write with each block",
        "pause_after_block_ms": u64::try_from(limits.simd_pause.as_millis())?,
        "empty_blocks": "always: the app hash changes with each block",
        "version": "ibc-go simapp v8.8.0, Cosmos SDK 0.50.9, pruning default",
    });
    Ok((vec![node], settings.as_object().cloned().unwrap_or_default()))
}
