use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::commits::{Watcher, read_block};
use crate::send::{Lane, LaneReport, Progress};
use crate::{BlockSeen, Connection, Latencies, LoadError, Pace, SignedTx};

/// How a load is sent.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// RPC addresses; lane `i` goes to node `i` modulo their number. Commits are seen at the first.
    pub nodes: Vec<String>,
    /// When transactions are sent.
    pub pace: Pace,
    /// Transactions in one JSON-RPC request at most. CometBFT allows 10 unless configured.
    pub batch: usize,
    /// The run fails when nothing is committed for so long.
    pub patience: Duration,
}

/// A load that is committed, before its blocks are read.
#[derive(Debug)]
pub struct Driven {
    start: Instant,
    hashes: Vec<[u8; 32]>,
    due: Vec<Duration>,
    answers: Latencies,
    pushed_back: u64,
    blocks: Vec<BlockSeen>,
}

/// What came of a load.
#[derive(Debug)]
pub struct Outcome {
    /// Transactions, all committed with code 0.
    pub txs: u64,
    /// From the first transaction's time to the last commit.
    pub wall: Duration,
    /// From when each transaction was due (with a closed loop: sent) to the commit that the node announced.
    pub commits: Latencies,
    /// From when it was due to the mempool's answer.
    pub answers: Latencies,
    /// Requests that found the mempool full.
    pub pushed_back: u64,
    /// The blocks that came meanwhile.
    pub blocks: Vec<BlockSeen>,
    /// When each transaction was due and how long it took to its commit, in the order of the load.
    pub each: Vec<(Duration, Duration)>,
}

/// Sends `txs` and waits until all are committed. Returns at once then, so that the caller can read clocks;
/// [`Driven::settle`] reads the blocks.
///
/// # Errors
/// [`LoadError`]; a refused transaction ends the run.
pub fn drive(txs: &[SignedTx], settings: &LoadSettings) -> Result<Driven, LoadError> {
    let first = settings.nodes.first().ok_or_else(|| LoadError::Setting("no node".to_owned()))?;
    if let Pace::Rate(rate) = settings.pace
        && !(rate.is_finite() && rate > 0.0)
    {
        return Err(LoadError::Setting(format!("a rate of {rate}: write transactions a second, above 0")));
    }
    let batch = match settings.pace {
        Pace::Closed { in_flight } => settings.batch.min(usize::try_from(in_flight).unwrap_or(usize::MAX)).max(1),
        Pace::Rate(_) => settings.batch.max(1),
    };
    let last_lane = txs.iter().map(|tx| tx.lane).max().unwrap_or(0);
    let lanes: Vec<Lane> = (0..=last_lane)
        .zip(settings.nodes.iter().cycle())
        .map(|(lane, url)| Ok(Lane::new(Connection::open(url)?, lane, txs)))
        .collect::<Result<_, LoadError>>()?;
    let hashes = txs.iter().map(SignedTx::hash).collect();
    let watcher = Watcher::open(first)?;
    let progress = Progress::new();
    let (reports, blocks) = std::thread::scope(|scope| {
        let progress = &progress;
        // Whoever fails stops the others.
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|lane| scope.spawn(move || stopping(progress, || lane.run(settings.pace, batch, progress))))
            .collect();
        let total = txs.len() as u64;
        let blocks = stopping(progress, || watcher.run(total, progress, settings.patience));
        let reports: Result<Vec<LaneReport>, LoadError> =
            lanes.into_iter().map(|lane| lane.join().expect("a lane does not panic")).collect();
        // A refused transaction says more than the watcher that was stopped by it.
        reports.and_then(|reports| Ok((reports, blocks?)))
    })?;
    let mut due = vec![Duration::ZERO; txs.len()];
    let (mut answers, mut pushed_back) = (Latencies::default(), 0);
    for report in reports {
        answers.add(&report.answers);
        pushed_back += report.pushed_back;
        report.due.into_iter().for_each(|(index, at)| due[index] = at);
    }
    Ok(Driven { start: progress.start, hashes, due, answers, pushed_back, blocks })
}

fn stopping<T>(progress: &Progress, work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    let result = work();
    if result.is_err() {
        progress.stop.store(true, Ordering::Relaxed);
    }
    result
}

impl Driven {
    /// When the first and the last block with transactions were announced; `None` when there was none.
    #[must_use]
    pub fn full(&self) -> Option<(Instant, Instant)> {
        let at: Vec<Duration> = self.blocks.iter().filter(|block| block.txs > 0).map(|block| block.at).collect();
        Some((self.start + *at.first()?, self.start + *at.last()?))
    }

    /// Reads the blocks from `url`, checks that each transaction is in one with code 0, and computes the latencies.
    ///
    /// # Errors
    /// [`LoadError::Failed`] for a transaction that is in no block or failed.
    pub fn settle(self, url: &str) -> Result<Outcome, LoadError> {
        let mut connection = Connection::open(url)?;
        let mut placed = HashMap::with_capacity(self.hashes.len());
        for block in self.blocks.iter().filter(|block| block.txs > 0) {
            read_block(&mut connection, block.height, &mut placed)?;
        }
        let announced: HashMap<u64, Duration> = self.blocks.iter().map(|block| (block.height, block.at)).collect();
        let (mut commits, mut each) = (Latencies::default(), Vec::with_capacity(self.due.len()));
        for (index, (hash, due)) in self.hashes.iter().zip(&self.due).enumerate() {
            let found = placed.get(hash).filter(|found| announced.contains_key(&found.height));
            let found = found.ok_or_else(|| LoadError::Failed(format!("transaction {index} is in no block")))?;
            if found.code != 0 {
                let (code, height) = (found.code, found.height);
                return Err(LoadError::Failed(format!(
                    "transaction {index} failed in block {height} with code {code}"
                )));
            }
            let latency = announced[&found.height].saturating_sub(*due);
            commits.record(latency);
            each.push((*due, latency));
        }
        let with_txs = |block: &&BlockSeen| block.txs > 0;
        let last = self.blocks.iter().rev().find(with_txs).map_or(Duration::ZERO, |block| block.at);
        let first = self.due.iter().min().copied().unwrap_or_default();
        Ok(Outcome {
            txs: self.hashes.len() as u64,
            wall: last.saturating_sub(first),
            commits,
            answers: self.answers,
            pushed_back: self.pushed_back,
            blocks: self.blocks,
            each,
        })
    }
}

impl Outcome {
    /// Committed transactions a second.
    pub fn rate(&self) -> f64 {
        self.txs as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Blocks with transactions.
    pub fn full_blocks(&self) -> impl Iterator<Item = &BlockSeen> {
        self.blocks.iter().filter(|block| block.txs > 0)
    }
}
