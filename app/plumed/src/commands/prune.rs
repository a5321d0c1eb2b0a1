//! `prune`: remove the history of the state, and blocks, that the settings do not keep.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use plume_chain::Chain;
use plume_engine::Executor;
use plume_primitives::Height;
use plume_raft::StoredBlocks;
use plume_state::Backend as _;
use serde_json::json;

use crate::cli::OutputFormat;
use crate::home::Home;
use crate::node::Overrides;
use crate::{node, output, progress};

/// Arguments of `prune`.
#[derive(Debug, Args)]
#[command(
    long_about = "Remove the history of the state that is not to be kept, and give the room on the disk back. Over Raft blocks are \
                  removed, too, as min-retain-blocks in app.toml allows; CometBFT removes its own while it runs. The node must \
                  not run.\n\n\
                  Methods: default keeps the last 362880 heights, nothing (all are kept), everything (the last 2 are kept), \
                  custom (the last --pruning-keep-recent). Without a method app.toml decides.",
    after_help = "Examples:\n  plumed prune\n  plumed prune everything\n  plumed prune custom --pruning-keep-recent 100"
)]
pub struct PruneArgs {
    /// default, nothing, everything or custom; as app.toml says by default.
    #[arg(value_name = "METHOD")]
    pub pruning_method: Option<String>,
    /// Heights to keep with `custom`.
    #[arg(long, value_name = "N")]
    pub pruning_keep_recent: Option<u64>,
    /// Accepted as the Cosmos SDK does, and not used here.
    #[arg(long, value_name = "N", hide = true)]
    pub pruning_interval: Option<u64>,
    /// Form of the result.
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Prunes.
pub fn run(home: &Home, args: &PruneArgs) -> Result<()> {
    let overrides = Overrides::of_pruning(args.pruning_method.clone(), args.pruning_keep_recent);
    let before = size(&home.path().join("data")).context("cannot measure the data folder")?;
    let (config, backend) = node::parts(home, &overrides)?;
    let latest = backend.durable_height();
    if latest == 0 {
        bail!("the state is empty: there is nothing to prune before the first block");
    }
    let backend = Arc::new(backend);
    let spinner = progress::spinner("pruning the state");
    if config.history_blocks > 0 {
        backend.prune(latest.saturating_sub(config.history_blocks))?;
        backend.compact()?;
    }
    let history = backend.history_start().unwrap_or(latest);
    spinner.finish_and_clear();

    let retain = Chain::open(config, backend)?.reader().retain_height();
    let blocks = match StoredBlocks::find(&home.comet().data_dir())? {
        Some(blocks) if retain > blocks.base() => {
            let spinner = progress::spinner("pruning blocks");
            // A block store behind the state would be refused by the node, too.
            let removed = blocks.prune(retain.min(blocks.height()))?;
            spinner.finish_and_clear();
            Some((removed, blocks.base()))
        }
        Some(blocks) => Some((0, blocks.base())),
        None => None,
    };
    let after = size(&home.path().join("data")).context("cannot measure the data folder")?;
    let (removed, base) = blocks.map_or((None, None), |(removed, base)| (Some(removed), Some(base)));
    match args.output {
        OutputFormat::Text => {
            println!("state: heights {history} to {latest} can be read");
            match (removed, base) {
                (Some(removed), Some(base)) => println!("blocks: {removed} removed, the lowest is {base}"),
                _ if retain > Height::ZERO => {
                    println!("blocks: CometBFT removes those below {retain} with its next block")
                }
                _ => println!("blocks: all are kept"),
            }
            println!("disk: {} MiB before, {} MiB now", before >> 20, after >> 20);
        }
        OutputFormat::Json => output::print(
            &json!({
                "history_start": history.to_string(),
                "latest_height": latest.to_string(),
                "retain_height": retain.get().to_string(),
                "removed_blocks": removed.map(|removed| removed.to_string()),
                "earliest_block": base.map(|base| base.get().to_string()),
                "bytes_before": before.to_string(),
                "bytes_after": after.to_string(),
            }),
            args.output,
        ),
    }
    Ok(())
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0_u64;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
