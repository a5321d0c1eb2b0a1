//! `snapshots ...`: the state snapshots in this node's folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use clap::Subcommand;
use plume_chain::{Chain, LocalSnapshot, LocalSnapshots};
use plume_engine::{Executor, Reader as _, TrustedState};
use plume_primitives::Height;
use plume_raft::StoredBlocks;
use plume_state::Backend;
use serde_json::{Value, json};
use tracing::warn;

use crate::archive::{DESCRIPTION, Reader, Writer};
use crate::cli::OutputFormat;
use crate::home::Home;
use crate::node::Overrides;
use crate::take_over::take_over;
use crate::{node, output, progress};

/// Bytes of a file in an archive: the longest chunk that any state has, and more than any metadata.
const MAX_FILE: usize = 64 << 20;

/// `snapshots ...`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  plumed snapshots export\n  plumed snapshots dump 1000 1 --output state.tar.gz\n  plumed snapshots load state.tar.gz\n  plumed snapshots restore 1000 1 --app-hash 5A3C.."
)]
pub enum SnapshotsCommand {
    /// List the local snapshots.
    List {
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Write a snapshot of the state. The node must not run.
    Export {
        /// Height, of those whose state is kept; the latest by default. An older one takes its trees anew, and as long as a
        /// start without a checkpoint.
        #[arg(long, default_value_t = 0)]
        height: u64,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Make a local snapshot the state of a node that has none.
    Restore {
        /// Height of the snapshot.
        height: u64,
        /// Format of the snapshot; 1 is the only one.
        format: u32,
        /// The app hash that the snapshot must have, hexadecimal: that of the header of the next height, from a source that
        /// you trust.
        #[arg(long, value_name = "HEX")]
        app_hash: Option<String>,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Write a local snapshot as an archive that can be carried to another node.
    Dump {
        /// Height of the snapshot.
        height: u64,
        /// Format of the snapshot.
        format: u32,
        /// The archive; HEIGHT-FORMAT.tar.gz by default.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Add the snapshot in an archive to the local ones.
    Load {
        /// The archive (.tar.gz).
        archive: PathBuf,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Delete a local snapshot.
    Delete {
        /// Height of the snapshot.
        height: u64,
        /// Format of the snapshot.
        format: u32,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
}

/// Runs a command.
pub fn run(home: &Home, command: &SnapshotsCommand) -> Result<()> {
    match command {
        SnapshotsCommand::List { output } => list(home, *output),
        SnapshotsCommand::Export { height, output } => export(home, *height, *output),
        SnapshotsCommand::Restore { height, format, app_hash, output } => {
            restore(home, Height(*height), *format, app_hash.as_deref(), *output)
        }
        SnapshotsCommand::Dump { height, format, output } => dump(home, Height(*height), *format, output.as_deref()),
        SnapshotsCommand::Load { archive, output } => load(home, archive, *output),
        SnapshotsCommand::Delete { height, format, output } => delete(home, Height(*height), *format, *output),
    }
}

fn shown(snapshot: &LocalSnapshot) -> Value {
    json!({
        "height": snapshot.info.height.get().to_string(),
        "format": snapshot.info.format,
        "chunks": snapshot.info.chunks,
        "hash": hex::encode_upper(&snapshot.info.hash),
        "app_hash": hex::encode_upper(snapshot.app_hash),
        "chain_id": snapshot.chain_id,
        "time": snapshot.time.to_string(),
    })
}

/// One line in the manner of the SDK.
fn line(snapshot: &LocalSnapshot) -> String {
    let info = &snapshot.info;
    format!(
        "height: {} format: {} chunks: {} app_hash: {} time: {}",
        info.height,
        info.format,
        info.chunks,
        hex::encode_upper(snapshot.app_hash),
        snapshot.time
    )
}

fn print(did: &str, snapshot: &LocalSnapshot, format: OutputFormat) {
    match format {
        OutputFormat::Text => println!("{did}: {}", line(snapshot)),
        OutputFormat::Json => output::print(&shown(snapshot), format),
    }
}

fn list(home: &Home, format: OutputFormat) -> Result<()> {
    let snapshots = LocalSnapshots::open(home.snapshots())?.list()?;
    match format {
        OutputFormat::Text => snapshots.iter().for_each(|snapshot| println!("{}", line(snapshot))),
        OutputFormat::Json => {
            let snapshots: Vec<_> = snapshots.iter().map(shown).collect();
            output::print(&json!({ "snapshots": snapshots }), format);
        }
    }
    Ok(())
}

fn find(home: &Home, folder: &LocalSnapshots, height: Height, format: u32) -> Result<LocalSnapshot> {
    if let Some(snapshot) = folder.find(height, format)? {
        return Ok(snapshot);
    }
    let there: Vec<_> = folder.list()?.iter().map(|it| format!("{} {}", it.info.height, it.info.format)).collect();
    let there = match there.is_empty() {
        true => "there is none; `plumed snapshots export` or `load` makes one".to_owned(),
        false => format!("HEIGHT FORMAT of those there: {}", there.join(", ")),
    };
    bail!("no snapshot of height {height} and format {format} in {}: {there}", home.snapshots().display())
}

fn export(home: &Home, height: u64, format: OutputFormat) -> Result<()> {
    let (config, backend) = node::parts(home, &Overrides::default())
        .context("a node that runs writes snapshots by itself, see state-sync.snapshot-interval in app.toml")?;
    let latest = backend.durable_height();
    if latest == 0 {
        bail!("the state is empty: there is nothing to export before the first block");
    }
    let wanted = if height == 0 { latest } else { height };
    let oldest = backend.history_start().unwrap_or(latest);
    if !(oldest..=latest).contains(&wanted) {
        bail!(
            "the state of height {wanted} is not here: heights {oldest} to {latest} can be exported (`pruning` in app.toml \
             says how many are kept)"
        );
    }
    let backend: Arc<dyn Backend> = Arc::new(backend);
    let spinner = progress::spinner("writing the snapshot");
    let info = match wanted == latest {
        true => Chain::open(config, backend)?.reader().take_snapshot(Some(Height(wanted)))?,
        false => Chain::take_past_snapshot(config, &backend, Height(wanted))?,
    };
    spinner.finish_and_clear();
    let folder = LocalSnapshots::open(home.snapshots())?;
    print("exported", &find(home, &folder, info.height, info.format)?, format);
    Ok(())
}

/// What a snapshot is verified against before it becomes the state.
struct Evidence {
    app_hash: [u8; 32],
    source: &'static str,
}

/// The app hash that the state after a height must have: the caller's word, else the header of the next height among the
/// node's own blocks, else the snapshot's.
fn evidence(home: &Home, snapshot: &LocalSnapshot, given: Option<&str>) -> Result<Evidence> {
    if let Some(given) = given {
        let app_hash = hex::decode(given).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let app_hash = app_hash.ok_or_else(|| anyhow!("--app-hash {given}: write 64 hexadecimal digits"))?;
        return Ok(Evidence { app_hash, source: "flag" });
    }
    if let Some(blocks) = StoredBlocks::find(&home.comet().data_dir())?
        && let Some(app_hash) = blocks.app_hash_after(snapshot.info.height)?
    {
        return Ok(Evidence { app_hash, source: "block" });
    }
    warn!(
        "nothing here says which app hash the state of height {} must have, so the snapshot's own is taken; it is compared \
         with a verified header when the node starts. Pass --app-hash to check it now",
        snapshot.info.height
    );
    Ok(Evidence { app_hash: snapshot.app_hash, source: "snapshot" })
}

fn restore(home: &Home, height: Height, format: u32, app_hash: Option<&str>, output: OutputFormat) -> Result<()> {
    let folder = LocalSnapshots::open(home.snapshots())?;
    let snapshot = find(home, &folder, height, format)?;
    let evidence = evidence(home, &snapshot, app_hash)?;
    let genesis = home.comet().read_genesis().context("run `plumed init` first, or name the home with --home")?;
    let mut chain = node::open(home, &Overrides::default())?;
    let there = chain.reader().info().height;
    if there != Height::ZERO {
        bail!(
            "there is a state of height {there} already, and a snapshot is taken over only by an empty one: move {} away and \
             run this again (leave data/priv_validator_state.json where it is)",
            home.state().display()
        );
    }
    let trusted = TrustedState {
        app_hash: Bytes::copy_from_slice(&evidence.app_hash),
        chain_id: genesis.chain_id,
        initial_height: genesis.initial_height,
        time: None,
        validators: None,
    };
    take_over(&mut chain, &folder, &snapshot, &trusted)?;
    chain.drain()?;
    drop(chain);
    match output {
        OutputFormat::Text => println!("restored: {}\n{}", line(&snapshot), next_step(home, height)?),
        OutputFormat::Json => {
            let mut shown = shown(&snapshot);
            shown["verified_by"] = json!(evidence.source);
            output::print(&shown, output);
        }
    }
    Ok(())
}

/// What the operator does now.
fn next_step(home: &Home, height: Height) -> Result<String> {
    let last = match StoredBlocks::find(&home.comet().data_dir())? {
        Some(blocks) => blocks.height(),
        None => Height::ZERO,
    };
    Ok(match last {
        Height::ZERO => "There are no blocks yet: set [statesync] in config.toml (enable, trust_height, trust_hash; over CometBFT \
                         rpc_servers, too) and start the node. It verifies this state against the chain's headers and goes on \
                         from here."
            .to_owned(),
        last if last >= height => format!("Start the node: it executes the blocks up to {last} again."),
        last => format!(
            "The block store ends at {last}, before this state: move data/blockstore.db and data/raft.wal away (leave \
             data/priv_validator_state.json), set [statesync] in config.toml, and start the node."
        ),
    })
}

fn dump(home: &Home, height: Height, format: u32, to: Option<&Path>) -> Result<()> {
    let folder = LocalSnapshots::open(home.snapshots())?;
    let snapshot = find(home, &folder, height, format)?;
    let default = PathBuf::from(format!("{height}-{format}.tar.gz"));
    let to = to.unwrap_or(&default);
    // Only a whole archive gets the name.
    let unfinished = PathBuf::from(format!("{}.tmp", to.display()));
    let written = write_archive(&folder, &snapshot, &unfinished);
    if written.is_err() {
        // It may not even have been made.
        let _ = std::fs::remove_file(&unfinished);
    }
    written.with_context(|| format!("cannot write {}", to.display()))?;
    std::fs::rename(&unfinished, to).with_context(|| format!("cannot write {}", to.display()))?;
    println!("{}", to.display());
    Ok(())
}

fn write_archive(folder: &LocalSnapshots, snapshot: &LocalSnapshot, to: &Path) -> Result<()> {
    let bar = progress::bar(snapshot.info.chunks.into(), "chunks");
    let mut archive = Writer::new(File::create(to)?);
    archive.add(DESCRIPTION, &snapshot.info.metadata)?;
    for index in 0..snapshot.info.chunks {
        let chunk = folder.chunk(snapshot, index).context("this snapshot cannot be dumped: delete it")?;
        archive.add(&index.to_string(), &chunk)?;
        bar.inc(1);
    }
    archive.finish()?.sync_all()?;
    bar.finish_and_clear();
    Ok(())
}

fn load(home: &Home, archive: &Path, format: OutputFormat) -> Result<()> {
    let named = || format!("{}", archive.display());
    let mut reader = Reader::new(File::open(archive).with_context(named)?);
    let metadata = Bytes::from(reader.next(DESCRIPTION, MAX_FILE).with_context(named)?);
    let folder = LocalSnapshots::open(home.snapshots())?;
    let mut added = folder.add(metadata).with_context(named)?;
    let chain_id = home.comet().read_genesis().map(|genesis| genesis.chain_id);
    let theirs = &added.snapshot().chain_id;
    if let Ok(ours) = &chain_id
        && ours != theirs
    {
        let refused = anyhow!("{}: a snapshot of chain {theirs}, this home is of {ours}", archive.display());
        added.give_up()?;
        return Err(refused);
    }
    let chunks = added.snapshot().info.chunks;
    let bar = progress::bar(chunks.into(), "chunks");
    let mut read = || -> Result<()> {
        for index in 0..chunks {
            added.chunk(&Bytes::from(reader.next(&index.to_string(), MAX_FILE)?))?;
            bar.inc(1);
        }
        reader.end()
    };
    if let Err(error) = read() {
        added.give_up()?;
        return Err(error.context(named()));
    }
    bar.finish_and_clear();
    let snapshot = added.finish()?;
    print("loaded", &snapshot, format);
    Ok(())
}

fn delete(home: &Home, height: Height, format: u32, output: OutputFormat) -> Result<()> {
    let folder = LocalSnapshots::open(home.snapshots())?;
    let snapshot = find(home, &folder, height, format)?;
    folder.remove(height, format)?;
    print("deleted", &snapshot, output);
    Ok(())
}
