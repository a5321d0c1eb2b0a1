//! `pre-upgrade`: what has to be done with a new binary before it starts, as cosmovisor asks for.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use plume_state_rocksdb::{Config, OpenError, RocksBackend};
use serde_json::Value;
use tracing::info;

use super::config;
use crate::cli::ConfigFile;
use crate::home::Home;
use crate::node::{self, Overrides};

/// Exit code for which cosmovisor gives the upgrade up: a person has to repair something.
const FAILED: u8 = 30;
/// Exit code for which cosmovisor asks again.
const RETRY: u8 = 31;

/// Writes the settings anew with the keys of this version and checks that this binary can open the state. Doing it twice
/// changes nothing.
///
/// The outcome is in the exit code, by cosmovisor's convention: 0 done, 30 failed for good, 31 ask again (another process, the
/// old node most likely, has the state open).
pub fn run(home: &Home) -> ExitCode {
    match prepare(home) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            let locked = |cause: &(dyn std::error::Error + 'static)| {
                matches!(cause.downcast_ref(), Some(OpenError::Locked { .. }))
            };
            ExitCode::from(if error.chain().any(locked) { RETRY } else { FAILED })
        }
    }
}

fn prepare(home: &Home) -> Result<()> {
    if let Some(plan) = plan(home)? {
        info!(%plan, "preparing for an upgrade");
    }
    // Before anything is written: a node that still runs, and may start once more, keeps its settings. Without app.toml, which
    // this version may not understand yet.
    let genesis = home.comet().read_genesis().context("run `plumed init` first, or name the home with --home")?;
    let settings = Config::new(genesis.chain_id, plume_chain::stores()?);
    drop(RocksBackend::open(home.state(), &settings)?);
    for file in ConfigFile::ALL {
        config::migrate(home, file, false)?;
    }
    // With the settings as they are now.
    drop(node::open(home, &Overrides::default())?);
    Ok(())
}

/// The name of the upgrade in `data/upgrade-info.json`, where the old binary wrote it.
fn plan(home: &Home) -> Result<Option<String>> {
    let path = home.comet().data_dir().join("upgrade-info.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let info: Value = serde_json::from_str(&text).with_context(|| format!("{} is malformed", path.display()))?;
    let name = info["name"].as_str().with_context(|| format!("{} names no upgrade", path.display()))?;
    Ok(Some(name.to_owned()))
}
