//! `rollback`: take the last block back.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use plume_home::keys::consensus_address;
use plume_raft::StoredBlocks;
use plume_state::Backend as _;
use plume_state_rocksdb::RocksBackend;
use serde_json::json;

use crate::cli::OutputFormat;
use crate::commands::start::tools_folder;
use crate::home::Home;
use crate::node::Overrides;
use crate::{node, output, progress};

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(
    long_about = "Take the last block back: state, and the engine's record of it, return to the height before, and the block is \
                  executed anew when the node starts. For a block whose execution went wrong, with a binary that executes it \
                  right. The node must not run. What the validator has signed stays on record \
                  (data/priv_validator_state.json), so it cannot sign something else at a height that it has signed.",
    after_help = "Example:\n  plumed rollback --home ./node"
)]
pub struct RollbackArgs {
    /// Remove the block, too, and not only its execution: it must then come from peers.
    #[arg(long)]
    pub hard: bool,
    /// The `plume-cometbft` or `cometbft` binary, when none is beside `plumed` or on PATH.
    #[arg(long, env = "PLUMED_COMETBFT", value_name = "PATH")]
    pub cometbft: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Takes the last block back.
pub fn run(home: &Home, args: &RollbackArgs) -> Result<()> {
    let (_, state) = node::parts(home, &Overrides::default())?;
    let (height, app_hash) = match StoredBlocks::find(&home.comet().data_dir())? {
        Some(blocks) => {
            let own = consensus_address(&home.comet().validator_key()?);
            over_raft(&blocks, &own, args.hard, &state)?
        }
        None if home.path().join("data/state.db").is_dir() => over_cometbft(home, args, &state)?,
        None => bail!("there are no blocks in {}: nothing to roll back", home.comet().data_dir().display()),
    };
    match args.output {
        OutputFormat::Text => println!("Rolled back state to height {height} and hash {app_hash}"),
        OutputFormat::Json => {
            output::print(&json!({ "height": height.to_string(), "app_hash": app_hash }), args.output);
        }
    }
    Ok(())
}

fn over_raft(blocks: &StoredBlocks, own: &[u8; 20], hard: bool, state: &RocksBackend) -> Result<(u64, String)> {
    let last = blocks.height().get();
    let Some(target) = last.checked_sub(1).filter(|target| *target > 0) else {
        bail!("the chain is at height {last}: there is no block to return to");
    };
    require_history(state, target)?;
    // The state first: should the process end in between, the node executes the stored block again as after any crash.
    rollback_state(state, target)?;
    let (height, app_hash) = blocks.rollback(own, hard)?;
    Ok((height.get(), hex::encode_upper(&app_hash)))
}

/// CometBFT rolls its own records back and says to where.
fn over_cometbft(home: &Home, args: &RollbackArgs, state: &RocksBackend) -> Result<(u64, String)> {
    let durable = state.durable_height();
    if durable > 0 {
        require_history(state, durable.saturating_sub(1))?;
    }
    let binary = plume_cometbft::find_binary(args.cometbft.as_deref(), tools_folder().as_deref())?;
    let mut command = Command::new(&binary);
    command.arg("rollback").arg("--home").arg(home.path());
    if args.hard {
        command.arg("--hard");
    }
    let done = command.output().with_context(|| format!("cannot run {}", binary.display()))?;
    let said = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        bail!("cometbft rollback: {}{}", said, String::from_utf8_lossy(&done.stderr).trim());
    }
    let (height, app_hash) = parse(&said).with_context(|| format!("cometbft rollback said {said:?}"))?;
    rollback_state(state, height).with_context(|| {
        format!("CometBFT is at height {height} now, the state is not: do not run this again before it is")
    })?;
    Ok((height, app_hash))
}

/// Reads `Rolled back state to height H and hash X`, also with `both state and block`.
fn parse(said: &str) -> Option<(u64, String)> {
    let (_, rest) = said.split_once("Rolled back ")?;
    let (_, rest) = rest.split_once(" to height ")?;
    let (height, rest) = rest.split_once(" and hash ")?;
    let hash: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    Some((height.parse().ok()?, hash))
}

fn require_history(state: &RocksBackend, height: u64) -> Result<()> {
    let start = state.history_start();
    // A state that is behind needs no history: the node executes what is missing.
    if state.durable_height() <= height || start.is_some_and(|start| start <= height) {
        return Ok(());
    }
    bail!(
        "the state of height {height} is pruned, the oldest one that is there is {}: the state cannot return. Empty the node \
         (keep data/priv_validator_state.json) and let it join again",
        start.unwrap_or(state.durable_height())
    )
}

fn rollback_state(state: &RocksBackend, height: u64) -> Result<()> {
    if state.durable_height() > height {
        let spinner = progress::spinner("rolling the state back");
        state.rollback_to(height)?;
        spinner.finish_and_clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cometbft_says_is_read() {
        let hash = "0A".repeat(32);
        let said = format!("Rolled back both state and block to height 9 and hash {hash}\n");
        assert_eq!(parse(&said), Some((9, hash.clone())));
        assert_eq!(parse(&format!("Rolled back state to height 12 and hash {hash}\n")), Some((12, hash)));
        assert_eq!(parse("Rolled back state to height x and hash 00"), None);
    }
}
