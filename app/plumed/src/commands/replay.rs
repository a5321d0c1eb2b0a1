//! `replay`: execute stored blocks again and compare what comes of them.

use std::sync::{Arc, mpsc};

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use clap::Args;
use plume_chain::{Chain, ChainConfig, LocalSnapshots};
use plume_engine::{BlockOutcome, Executor, TrustedState};
use plume_primitives::Height;
use plume_raft::{StoredBlocks, StoredOutcome};
use plume_state::{MemoryBackend, StateOptions};
use serde_json::json;

use crate::cli::OutputFormat;
use crate::home::Home;
use crate::take_over::take_over;
use crate::{output, progress};

/// Executed blocks that may wait for their comparison.
const COMPARED_LATER: usize = 4;

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(
    long_about = "Execute the stored blocks of a node over Raft again, in memory, from genesis or from a local snapshot on, and \
                  compare app hashes, results, gas, events and changes of validators with what was recorded: shows whether this \
                  binary computes what the chain agreed on. Changes nothing. The node must not run.",
    after_help = "Examples:\n  plumed replay\n  plumed replay --snapshot 1000 --to 2000\n  \
                  plumed replay --trust-signatures"
)]
pub struct ReplayArgs {
    /// Begin with the local snapshot of this height instead of genesis.
    #[arg(long, value_name = "HEIGHT")]
    pub snapshot: Option<u64>,
    /// Last height; the latest by default.
    #[arg(long, value_name = "HEIGHT")]
    pub to: Option<u64>,
    /// Take signatures of transactions as valid because the validators have signed their blocks; everything else is
    /// compared as ever, two to three times as fast.
    #[arg(long)]
    pub trust_signatures: bool,
    /// Form of the result.
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Executes blocks again; a difference is a failure.
pub fn run(home: &Home, args: &ReplayArgs) -> Result<()> {
    let Some(blocks) = StoredBlocks::find(&home.comet().data_dir())? else {
        bail!(
            "no blocks of the Raft engine in {}: over CometBFT use `cometbft replay`",
            home.comet().data_dir().display()
        );
    };
    // Only signatures that are verified ahead read a state that is not the latest one any more.
    let state = StateOptions { min_versions: 1, max_versions: 16, window_bytes: 64 << 20, ..StateOptions::default() };
    let config = ChainConfig { verify_decided_signatures: !args.trust_signatures, state, ..ChainConfig::default() };
    let mut chain = Chain::open(config, Arc::new(MemoryBackend::for_one_run()))?;
    let first = match args.snapshot {
        Some(height) => begin_with_snapshot(home, &blocks, &mut chain, Height(height))?,
        None => begin_with_genesis(home, &blocks, &mut chain)?,
    };
    let latest = blocks.height().get();
    let last = args.to.unwrap_or(latest);
    ensure!((first..=latest).contains(&last), "--to {last}: the blocks that can be executed are {first} to {latest}");
    let bar = progress::bar(last - first + 1, "blocks");
    let txs = execute(&blocks, &mut chain, (Height(first), Height(last)), || bar.inc(1))?;
    bar.finish_and_clear();
    match args.output {
        OutputFormat::Text => {
            println!("blocks {first} to {last} with {txs} transactions executed again: the same results");
        }
        OutputFormat::Json => output::print(
            &json!({ "from": first.to_string(), "to": last.to_string(), "txs": txs.to_string() }),
            args.output,
        ),
    }
    Ok(())
}

/// Executes the blocks while another thread compares what came of earlier ones; the number of transactions.
fn execute(
    blocks: &StoredBlocks,
    chain: &mut Chain,
    heights: (Height, Height),
    mut done: impl FnMut(),
) -> Result<usize> {
    let reader = chain.reader();
    std::thread::scope(|scope| {
        let (executed, queue) = mpsc::sync_channel::<(Height, BlockOutcome, StoredOutcome)>(COMPARED_LATER);
        let comparing = scope.spawn(move || {
            for (height, found, recorded) in queue {
                if recorded.is(&found) {
                    continue;
                }
                if let Some(difference) = difference(&found, &recorded.decode()?) {
                    bail!("block {height}: {difference}: this binary does not compute what the chain agreed on");
                }
            }
            Ok(())
        });
        let mut txs = 0;
        let result = blocks.visit_executed(heights, &reader, |height, (block, recorded)| {
            txs += block.txs.len();
            let found = chain.finalize(&block)?;
            chain.commit()?;
            done();
            executed.send((height, found, recorded)).map_err(|_| anyhow!("the comparison has ended"))
        });
        drop(executed);
        // A difference is also why the execution ended.
        comparing.join().map_err(|_| anyhow!("comparing results panicked"))??;
        result.map(|()| txs)
    })
}

/// Starts from the genesis document; the first height to execute.
fn begin_with_genesis(home: &Home, blocks: &StoredBlocks, chain: &mut Chain) -> Result<u64> {
    let genesis = home.comet().read_genesis()?;
    let first = genesis.initial_height;
    if blocks.base() != first {
        bail!(
            "the blocks from {first} on are needed, and the lowest one here is {}: begin with a snapshot \
             (`plumed snapshots list`, --snapshot HEIGHT)",
            blocks.base()
        );
    }
    chain.init_chain(genesis.to_engine())?;
    Ok(first.get())
}

/// Starts from a local snapshot; the first height to execute.
fn begin_with_snapshot(home: &Home, blocks: &StoredBlocks, chain: &mut Chain, height: Height) -> Result<u64> {
    let folder = LocalSnapshots::open(home.snapshots())?;
    let found = folder.list()?.into_iter().find(|snapshot| snapshot.info.height == height);
    let snapshot = found.with_context(|| format!("no snapshot of height {height}: see `plumed snapshots list`"))?;
    let app_hash = blocks.app_hash_after(height)?;
    let app_hash = app_hash.with_context(|| format!("the blocks here do not say which state there was at {height}"))?;
    let genesis = home.comet().read_genesis()?;
    let trusted = TrustedState {
        app_hash: Bytes::copy_from_slice(&app_hash),
        chain_id: genesis.chain_id,
        initial_height: genesis.initial_height,
        time: None,
        validators: None,
    };
    take_over(chain, &folder, &snapshot, &trusted)?;
    Ok(height.get() + 1)
}

/// What is not as recorded.
fn difference(found: &BlockOutcome, recorded: &BlockOutcome) -> Option<String> {
    let results = found.tx_results.iter().zip(&recorded.tx_results).enumerate();
    if let Some((index, (found, recorded))) = results.into_iter().find(|(_, (found, recorded))| found != recorded) {
        return Some(format!("transaction {index} gives {found:?} instead of {recorded:?}"));
    }
    if found.app_hash != recorded.app_hash {
        let (found, recorded) = (hex::encode_upper(&found.app_hash), hex::encode_upper(&recorded.app_hash));
        return Some(format!("app hash {found} instead of {recorded}"));
    }
    (found != recorded).then(|| "other events or changes of validators or parameters".to_owned())
}

#[cfg(test)]
mod tests {
    use plume_engine::{Event, TxResult};

    use super::*;

    #[test]
    fn each_part_of_an_outcome_is_compared() {
        let recorded = BlockOutcome {
            app_hash: Bytes::from_static(&[1; 32]),
            tx_results: vec![TxResult::default(), TxResult::default()],
            ..BlockOutcome::default()
        };
        assert_eq!(difference(&recorded, &recorded), None);
        let changed = |change: fn(&mut BlockOutcome)| {
            let mut found = recorded.clone();
            change(&mut found);
            difference(&found, &recorded).expect("a difference")
        };
        let result = changed(|found| found.tx_results[1].code = 5);
        assert!(result.starts_with("transaction 1 gives TxResult"), "{result}");
        let hash = changed(|found| found.app_hash = Bytes::from_static(&[2; 32]));
        assert_eq!(hash, format!("app hash {} instead of {}", "02".repeat(32), "01".repeat(32)));
        let other = "other events or changes of validators or parameters";
        assert_eq!(changed(|found| found.events.push(Event::new("x"))), other);
        assert_eq!(changed(|found| drop(found.tx_results.pop())), other);
    }
}
