use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use plume_engine::TxResult;

use crate::cache::Cache;
use crate::signers::{LANES, Lanes};
use crate::{Counters, MempoolConfig, MempoolError, Origin, TxHash};

/// The transactions that wait, and everything that is known of them. It runs no checks.
///
/// # Freshness
/// A transaction is fresh when the application has accepted it since the last commit. In each lane the fresh ones
/// come first: `Lane::fresh_below` divides them from the stale ones, so that a commit makes all of them stale in
/// constant time.
pub(crate) struct Pool {
    config: MempoolConfig,
    /// By number; numbers are given in the order in which the application accepted the transactions of a lane.
    entries: BTreeMap<u64, Entry>,
    by_hash: HashMap<TxHash, u64>,
    local: BTreeSet<u64>,
    lanes: Vec<Lane>,
    bytes: u64,
    next: u64,
    /// Being checked for the first time.
    checking: HashMap<TxHash, Checking>,
    checking_txs: usize,
    checking_bytes: u64,
    cache: Cache,
    height: u64,
    limits: BlockLimits,
    failed: u64,
    rejected: u64,
    evicted: u64,
    rechecked: u64,
}

/// A transaction that waits.
pub(crate) struct Entry {
    pub tx: Bytes,
    pub hash: TxHash,
    pub lanes: Lanes,
    pub gas_wanted: u64,
    pub origin: Origin,
    pub since: Duration,
    /// Last block when it entered.
    height: u64,
}

/// What one block can hold. `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockLimits {
    /// Bytes of its transactions (`MaxDataBytesNoEvidence`), each counted as [`encoded_len`].
    pub max_data_bytes: Option<u64>,
    /// Gas of its transactions.
    pub max_gas: Option<u64>,
}

#[derive(Default)]
struct Lane {
    members: BTreeSet<u64>,
    fresh_below: u64,
}

#[derive(Default)]
struct Checking {
    /// A block contained it meanwhile.
    committed: bool,
}

/// What a transaction adds to the encoded `tendermint.types.Data` of a block: tag, length, bytes.
pub const fn encoded_len(tx: &[u8]) -> u64 {
    let len = tx.len() as u64;
    let bits = u64::BITS - (len | 1).leading_zeros();
    1 + bits.div_ceil(7) as u64 + len
}

impl Pool {
    pub fn new(config: MempoolConfig, height: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            by_hash: HashMap::new(),
            local: BTreeSet::new(),
            lanes: core::iter::repeat_with(Lane::default).take(LANES).collect(),
            bytes: 0,
            next: 1,
            checking: HashMap::new(),
            checking_txs: 0,
            checking_bytes: 0,
            cache: Cache::new(config.cache_size),
            height,
            limits: BlockLimits::default(),
            failed: 0,
            rejected: 0,
            evicted: 0,
            rechecked: 0,
            config,
        }
    }

    // A transaction arrives.

    /// Makes room for a transaction that is going to be checked. The order of the refusals is CometBFT's.
    pub fn reserve(&mut self, hash: TxHash, tx: &[u8], origin: Origin) -> Result<(), MempoolError> {
        let (txs, txs_bytes) = (self.entries.len() + self.checking_txs, self.bytes + self.checking_bytes);
        let MempoolConfig { size: max_txs, max_txs_bytes, max_tx_bytes, .. } = self.config;
        let len = tx.len() as u64;
        if txs >= max_txs || txs_bytes + len > max_txs_bytes {
            self.rejected += 1;
            return Err(MempoolError::Full { txs, max_txs, txs_bytes, max_txs_bytes });
        }
        if tx.len() > max_tx_bytes {
            return Err(MempoolError::TooLarge { max: max_tx_bytes, actual: tx.len() });
        }
        let actual = encoded_len(tx);
        if let Some(max) = self.limits.max_data_bytes.filter(|max| actual > *max) {
            return Err(MempoolError::LargerThanBlock { max, actual });
        }
        if !self.cache.push(hash) {
            self.note_origin(&hash, origin);
            return Err(MempoolError::InCache);
        }
        self.checking.insert(hash, Checking::default());
        self.checking_txs += 1;
        self.checking_bytes += len;
        Ok(())
    }

    /// Gives back what [`Self::reserve`] took. True if a block has contained the transaction since.
    pub fn release(&mut self, hash: &TxHash, tx: &[u8]) -> bool {
        self.checking_txs -= 1;
        self.checking_bytes -= tx.len() as u64;
        self.checking.remove(hash).is_some_and(|checking| checking.committed)
    }

    /// A client here sent what a peer had sent before: from now on this node answers for it too.
    fn note_origin(&mut self, hash: &TxHash, origin: Origin) {
        if origin != Origin::Local {
            return;
        }
        let Some((&number, entry)) = self.by_hash.get(hash).and_then(|n| Some((n, self.entries.get_mut(n)?))) else {
            return;
        };
        entry.origin = origin;
        self.local.insert(number);
    }

    /// A check was abandoned: the transaction may come again.
    pub fn forget(&mut self, hash: &TxHash) {
        self.cache.remove(hash);
    }

    /// The application refused a new transaction.
    pub fn refuse(&mut self, hash: &TxHash) {
        self.failed += 1;
        if !self.config.keep_invalid_txs_in_cache {
            self.cache.remove(hash);
        }
    }

    /// Adds a transaction at the end and gives its number. `None` if it is there already, which only happens when
    /// the cache has forgotten it.
    pub fn insert(&mut self, new: New, fresh: bool) -> Option<u64> {
        let New { tx, hash, lanes, gas_wanted, origin, since } = new;
        if self.by_hash.contains_key(&hash) {
            self.rejected += 1;
            self.note_origin(&hash, origin);
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.by_hash.insert(hash, number);
        if origin == Origin::Local {
            self.local.insert(number);
        }
        self.bytes += tx.len() as u64;
        for lane in lanes.iter() {
            self.lanes[lane].members.insert(number);
        }
        self.entries.insert(number, Entry { tx, hash, lanes, gas_wanted, origin, since, height: self.height });
        if fresh {
            self.mark_fresh(number, lanes);
        }
        Some(number)
    }

    // A block was committed.

    /// Takes out the block's transactions and those that have waited too long.
    pub fn commit(&mut self, height: u64, block: &[(TxHash, &TxResult)], now: Duration) {
        self.height = height;
        for (hash, result) in block {
            if result.code == 0 {
                self.cache.push(*hash);
            } else if !self.config.keep_invalid_txs_in_cache {
                self.cache.remove(hash);
            }
            if let Some(&number) = self.by_hash.get(hash) {
                self.remove(number);
            }
            if let Some(checking) = self.checking.get_mut(hash) {
                checking.committed = true;
            }
        }
        // Both ages fall from front to back.
        while let Some((&number, entry)) = self.entries.first_key_value() {
            let blocks = height.saturating_sub(entry.height);
            let outlived = self.config.ttl_num_blocks > 0 && blocks > self.config.ttl_num_blocks;
            if !outlived && !self.is_old(entry, now) {
                break;
            }
            let hash = entry.hash;
            self.remove(number);
            self.cache.remove(&hash);
            self.evicted += 1;
        }
    }

    fn is_old(&self, entry: &Entry, now: Duration) -> bool {
        !self.config.ttl_duration.is_zero() && now.saturating_sub(entry.since) > self.config.ttl_duration
    }

    pub fn set_limits(&mut self, limits: BlockLimits) {
        self.limits = limits;
    }

    pub fn max_gas(&self) -> Option<u64> {
        self.limits.max_gas
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.by_hash.clear();
        self.local.clear();
        self.lanes.iter_mut().for_each(|lane| *lane = Lane::default());
        self.bytes = 0;
        self.cache.clear();
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.by_hash.remove(&entry.hash);
        self.local.remove(&number);
        self.bytes -= entry.tx.len() as u64;
        for lane in entry.lanes.iter() {
            self.lanes[lane].members.remove(&number);
        }
        Some(entry)
    }

    // Rechecks.

    /// After a commit, or what may have been one, nothing is known to be valid.
    pub fn mark_all_stale(&mut self) {
        if self.config.recheck {
            self.lanes.iter_mut().for_each(|lane| lane.fresh_below = 0);
        }
    }

    fn mark_fresh(&mut self, number: u64, lanes: Lanes) {
        for lane in lanes.iter() {
            self.lanes[lane].fresh_below = number + 1;
        }
    }

    fn first_stale_in(&self, lanes: Lanes) -> Option<u64> {
        let first = |lane: usize| {
            let lane = &self.lanes[lane];
            lane.members.range(lane.fresh_below..).next().copied()
        };
        if self.config.recheck { lanes.iter().filter_map(first).min() } else { None }
    }

    fn is_stale(&self, number: u64, entry: &Entry) -> bool {
        entry.lanes.iter().next().is_some_and(|lane| self.lanes[lane].fresh_below <= number)
    }

    /// The transaction to check again before anything else in `lanes`: no stale one precedes it in any of its own.
    pub fn next_stale_in(&self, lanes: Lanes) -> Option<(u64, Lanes)> {
        let mut number = self.first_stale_in(lanes)?;
        loop {
            let lanes = self.entries.get(&number)?.lanes;
            let first = self.first_stale_in(lanes)?;
            if first == number {
                return Some((number, lanes));
            }
            number = first;
        }
    }

    /// The first transaction from `from` on to check again whose lanes are not `busy`. `from` moves on over fresh
    /// ones.
    pub fn next_stale(&self, from: &mut u64, mut busy: Lanes) -> Option<(u64, Lanes)> {
        // Looks past a few that are blocked by a long check.
        const BLOCKED: usize = 64;
        let mut blocked = 0;
        if !self.config.recheck {
            return None;
        }
        for (&number, entry) in self.entries.range(*from..) {
            if !self.is_stale(number, entry) {
                if blocked == 0 {
                    *from = number + 1;
                }
            } else if !entry.lanes.meets(busy) {
                return Some((number, entry.lanes));
            } else {
                busy = busy.with(entry.lanes);
                blocked += 1;
                if blocked == BLOCKED {
                    break;
                }
            }
        }
        None
    }

    pub fn has_stale(&self) -> bool {
        self.first_stale_in(Lanes::ALL).is_some()
    }

    /// The application has accepted a transaction again.
    pub fn stays(&mut self, number: u64) {
        if let Some(entry) = self.entries.get(&number) {
            self.mark_fresh(number, entry.lanes);
        }
    }

    /// The application has refused a transaction that it had accepted before.
    pub fn evict(&mut self, number: u64) {
        let Some(entry) = self.remove(number) else { return };
        self.evicted += 1;
        if !self.config.keep_invalid_txs_in_cache {
            self.cache.remove(&entry.hash);
        }
    }

    pub fn count_recheck(&mut self) {
        self.rechecked += 1;
    }

    // Reading.

    /// The newest number given, 0 before the first.
    pub fn newest(&self) -> u64 {
        self.next - 1
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn tx(&self, number: u64) -> Option<Bytes> {
        self.entries.get(&number).map(|entry| entry.tx.clone())
    }

    pub fn get(&self, hash: &TxHash) -> Option<Bytes> {
        self.by_hash.get(hash).and_then(|number| self.tx(*number))
    }

    /// All that are not too old, oldest first.
    pub fn live(&self, now: Duration) -> impl Iterator<Item = &Entry> {
        self.entries.values().skip_while(move |entry| self.is_old(entry, now))
    }

    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.range(number.saturating_add(1)..).map(|(number, entry)| (*number, entry))
    }

    pub fn local_after(&self, number: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let numbers = self.local.range(number.saturating_add(1)..);
        numbers.filter_map(|number| Some((*number, self.entries.get(number)?)))
    }

    pub fn counters(&self) -> Counters {
        Counters {
            size: self.entries.len(),
            size_bytes: self.bytes,
            failed_txs: self.failed,
            rejected_txs: self.rejected,
            evicted_txs: self.evicted,
            recheck_times: self.rechecked,
        }
    }
}

/// A transaction that the application has accepted.
pub(crate) struct New {
    pub tx: Bytes,
    pub hash: TxHash,
    pub lanes: Lanes,
    pub gas_wanted: u64,
    pub origin: Origin,
    pub since: Duration,
}
