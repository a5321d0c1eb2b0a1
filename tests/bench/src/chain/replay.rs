//! Blocks of a workload through the chain, beside the pure cost of verifying their signatures in the same process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use plume_crypto::{Job, PublicKey, verify_all};
use plume_engine::{Block, CheckKind, Executor, Reader};
use plume_load::{Accounts, Transfer, Workload, sign_all};
use plume_primitives::Bech32Prefix;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, SignDoc, TxRaw};
use plume_proto::prost::Message;
use serde::{Deserialize, Serialize};

pub use super::fill::Place;
use super::fill::{Filled, execute, fill};
use crate::machine::process_cpu;
use crate::result::{Figures, Run};
use crate::system::{CHAIN_ID, PREFIX, chain_params};

/// What is replayed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Plan {
    /// Accounts.
    pub accounts: u64,
    /// Blocks.
    pub blocks: u64,
    /// Transactions of each.
    pub txs_per_block: u64,
    /// Threads that verify and hash; 0 for all cores.
    pub threads: usize,
}

/// A workload's signers and transfers in blocks.
pub struct Load {
    /// Settings.
    pub workload: Workload,
    /// Who pays whom.
    pub transfers: Vec<Transfer>,
    /// Keys and addresses.
    pub accounts: Accounts,
}

impl Load {
    /// The transfers of `plan`, with the keys that they need.
    ///
    /// # Errors
    /// A workload that cannot be.
    pub fn new(plan: &Plan, workload: Workload) -> Result<Self> {
        let workload =
            Workload { accounts: plan.accounts, txs: plan.blocks * plan.txs_per_block, lanes: 1, ..workload };
        let transfers = workload.transfers()?;
        let accounts = Accounts::of(&workload, &transfers, &Bech32Prefix::new(PREFIX)?);
        Ok(Self { workload, transfers, accounts })
    }

    /// Signs everything for a chain that was filled with these accounts.
    ///
    /// # Errors
    /// None that a caller can mend.
    pub fn sign(&mut self, filled: &mut Filled, txs_per_block: u64) -> Result<Vec<Block>> {
        for index in self.accounts.signers() {
            self.accounts.place(index, filled.first_number + index, 0);
        }
        let txs = sign_all(&self.workload, &chain_params(), &mut self.accounts, &self.transfers)?;
        let chunk = usize::try_from(txs_per_block.max(1))?;
        let blocks = txs.chunks(chunk).map(|txs| filled.blocks.next(txs.iter().map(|tx| tx.bytes.clone()).collect()));
        Ok(blocks.collect())
    }

    /// What verifying the first signature of each transaction comes to.
    fn jobs(&self, blocks: &[Block]) -> Result<Vec<Job>> {
        let txs = blocks.iter().flat_map(|block| &block.txs);
        txs.zip(&self.transfers)
            .map(|(tx, transfer)| {
                let number = self.accounts.signer(transfer.from).context("it has signed")?.number;
                job(tx, number)
            })
            .collect()
    }
}

fn job(tx: &Bytes, account_number: u64) -> Result<Job> {
    let TxRaw { body_bytes, auth_info_bytes, signatures } = TxRaw::decode(tx.clone())?;
    let info = AuthInfo::decode(auth_info_bytes.as_slice())?.signer_infos.into_iter().next().context("a signer")?;
    let key = PublicKey::from_any(&info.public_key.context("a key")?)?;
    let doc = SignDoc { body_bytes, auth_info_bytes, chain_id: CHAIN_ID.to_owned(), account_number };
    let signature = signatures.into_iter().next().context("a signature")?.into();
    Ok(Job { key, message: doc.encode_to_vec().into(), signature })
}

/// Checks a block's transactions as a mempool does.
fn check(reader: &impl Reader, block: &Block, kind: CheckKind) -> Result<()> {
    let bad = block.txs.iter().map(|tx| reader.check_tx(tx, kind)).find(|outcome| outcome.code != 0);
    bad.map_or(Ok(()), |bad| anyhow::bail!("CheckTx: code {}: {}", bad.code, bad.log))
}

/// Processor and wall time of some work.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<(Duration, Duration)> {
    let (cpu, wall) = (process_cpu()?, Instant::now());
    work()?;
    Ok((process_cpu()? - cpu, wall.elapsed()))
}

/// Runs the workload twice on new chains: blocks that nobody has checked before, as a node that catches up, and blocks
/// after CheckTx of each transaction, as a validator.
///
/// # Errors
/// A transaction that fails; app hashes that differ.
pub fn run(system: &str, plan: &Plan, workload: Workload, place: &Place, repetition: u32) -> Result<Run> {
    let mut figures = Figures::new();
    let txs = (plan.blocks * plan.txs_per_block) as f64;
    let per_tx = |time: Duration| time.as_secs_f64() * 1e6 / txs;
    let mut hashes = Vec::new();
    for check_first in [false, true] {
        let inner = match place {
            Place::Memory => Place::Memory,
            Place::Folder(folder) => Place::Folder(folder.join(if check_first { "known" } else { "fresh" })),
        };
        let mut load = Load::new(plan, workload)?;
        let mut filled = fill(&inner, plan.accounts, &load.accounts)?;
        let empty = filled.blocks.next(Vec::new());
        let blocks = load.sign(&mut filled, plan.txs_per_block)?;
        filled.backend.flush()?;
        if !check_first {
            let jobs = load.jobs(&blocks)?;
            let verify = || {
                ensure!(verify_all(&jobs).into_iter().all(|valid| valid), "a signature of ours is invalid");
                Ok(())
            };
            figures.insert("verify_us".to_owned(), per_tx(timed(verify)?.0));
        }
        let reader = filled.chain.reader();
        let (mut in_checks, mut in_blocks, mut wall) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        // The first block's transactions are in the mempool while an empty block comes: nothing of theirs changes.
        let first = blocks.first().context("a block")?;
        if check_first {
            in_checks += timed(|| check(&reader, first, CheckKind::New))?.0;
        }
        execute(&mut filled.chain, &empty)?;
        if check_first {
            let (cpu, _) = timed(|| check(&reader, first, CheckKind::Recheck))?;
            figures.insert("recheck_untouched_us".to_owned(), cpu.as_secs_f64() * 1e6 / first.txs.len() as f64);
        }
        for (index, block) in blocks.iter().enumerate() {
            if check_first && index > 0 {
                in_checks += timed(|| check(&reader, block, CheckKind::New))?.0;
            }
            let (cpu, took) = timed(|| execute(&mut filled.chain, block).map(drop))?;
            in_blocks += cpu;
            wall += took;
        }
        // What is written behind the blocks belongs to them.
        let (cpu, took) = timed(|| Ok(filled.backend.flush()?))?;
        in_blocks += cpu;
        wall += took;
        hashes.push(reader.info().app_hash);
        if check_first {
            figures.insert("check_us".to_owned(), per_tx(in_checks));
            figures.insert("block_after_check_us".to_owned(), per_tx(in_blocks));
            figures.insert("app_us".to_owned(), per_tx(in_checks + in_blocks));
        } else {
            figures.insert("block_us".to_owned(), per_tx(in_blocks));
            figures.insert("blocks_per_s_txs".to_owned(), txs / wall.as_secs_f64());
        }
    }
    ensure!(hashes[0] == hashes[1], "the app hash depends on whether transactions were checked before");
    figures.insert("share_of_verification".to_owned(), figures["verify_us"] / figures["block_us"]);
    let mut settings = Workload { accounts: plan.accounts, txs: plan.blocks * plan.txs_per_block, ..workload }
        .describe()
        .as_object()
        .cloned()
        .unwrap_or_default();
    settings.remove("connections");
    settings.insert("txs_per_block".to_owned(), plan.txs_per_block.into());
    settings.insert("threads".to_owned(), plan.threads.into());
    let durability = match place {
        Place::Memory => "none: state in memory",
        Place::Folder(_) => "RocksDB, written behind and flushed at the end, which counts",
    };
    settings.insert("durability".to_owned(), durability.into());
    Ok(Run {
        system: system.to_owned(),
        repetition,
        settings,
        figures,
        checks: vec!["every transaction has code 0; both runs end with one app hash".to_owned()],
        series: Vec::new(),
    })
}
