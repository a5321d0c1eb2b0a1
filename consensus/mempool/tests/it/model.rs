//! Random histories against a model that does everything at once and in one thread.
//!
//! The mempool under test rechecks on its own thread all the while. Where the model cannot know how far it has come,
//! the mempool's content must lie between what is certainly valid and what may not have failed yet.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use plume_engine::TxResult;
use plume_mempool::{BlockLimits, Counters, MempoolConfig, MempoolError, Origin, encoded_len};
use proptest::prelude::*;

use crate::toy::{Bench, Sequences, ToyTx};

#[derive(Debug, Clone)]
enum Step {
    /// A transaction whose sequences are off the expected ones by so much.
    Check {
        signers: Vec<(u64, i8)>,
        gas: u64,
        memo: u8,
        local: bool,
    },
    /// One that came before, by its place in the history.
    Again(prop::sample::Index),
    /// Arrives and leaves unchecked.
    Abandon {
        signer: u64,
    },
    Reap {
        bytes: u64,
        gas: u64,
    },
    /// A block of what fits, with a transaction from elsewhere at its head, or one that fails.
    Block {
        bytes: u64,
        foreign: Option<u64>,
        failing: Option<u64>,
        max_gas: Option<u64>,
    },
    Pass(u64),
    Settle,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let signer = || 0..4u64;
    let off = prop_oneof![12 => Just(0i8), 1 => Just(1), 1 => Just(-1)];
    let signers = prop::collection::vec((signer(), off), 1..3).prop_map(|mut signers| {
        signers.sort();
        signers.dedup_by_key(|(signer, _)| *signer);
        signers
    });
    prop_oneof![
        12 => (signers, 0..6u64, 0..5u8, any::<bool>())
            .prop_map(|(signers, gas, memo, local)| Step::Check { signers, gas, memo, local }),
        3 => any::<prop::sample::Index>().prop_map(Step::Again),
        1 => signer().prop_map(|signer| Step::Abandon { signer }),
        2 => (0..120u64, 0..30u64).prop_map(|(bytes, gas)| Step::Reap { bytes, gas }),
        4 => (
            0..80u64,
            prop::option::weighted(0.3, signer()),
            prop::option::weighted(0.1, signer()),
            prop::option::weighted(0.2, 2..6u64),
        )
            .prop_map(|(bytes, foreign, failing, max_gas)| Step::Block { bytes, foreign, failing, max_gas }),
        1 => (0..8u64).prop_map(Step::Pass),
        2 => Just(Step::Settle),
        1 => Just(Step::Flush),
    ]
}

fn config() -> impl Strategy<Value = MempoolConfig> {
    let sizes = (3..12usize, 60..200u64, prop_oneof![Just(0usize), 2..20usize]);
    let ages = (prop_oneof![Just(0u64), 5..15u64], prop_oneof![Just(0u64), 1..5u64]);
    (sizes, ages, any::<bool>()).prop_map(|((size, max_txs_bytes, cache_size), (seconds, blocks), keep)| {
        MempoolConfig {
            size,
            max_txs_bytes,
            max_tx_bytes: 18,
            cache_size,
            ttl_duration: Duration::from_secs(seconds),
            ttl_num_blocks: blocks,
            recheck: true,
            keep_invalid_txs_in_cache: keep,
        }
    })
}

#[derive(Debug, Clone)]
struct Entry {
    tx: Bytes,
    origin: Origin,
    since: u64,
    height: u64,
}

struct Model {
    config: MempoolConfig,
    entries: Vec<Entry>,
    /// Of `entries`, those that fail their next recheck.
    doomed: BTreeSet<Bytes>,
    /// The application's check state once everything is rechecked.
    check: Sequences,
    /// Least recently seen first.
    cache: Vec<Bytes>,
    max_gas: Option<u64>,
    counters: Counters,
}

fn parse(tx: &Bytes) -> ToyTx {
    ToyTx::parse(tx).expect("made here")
}

impl Model {
    fn see(&mut self, tx: &Bytes) -> bool {
        if self.config.cache_size == 0 {
            return true;
        }
        let new = !self.cache.contains(tx);
        self.cache.retain(|seen| seen != tx);
        if new && self.cache.len() == self.config.cache_size {
            self.cache.remove(0);
        }
        self.cache.push(tx.clone());
        new
    }

    fn forget(&mut self, tx: &Bytes) {
        self.cache.retain(|seen| seen != tx);
    }

    fn forget_invalid(&mut self, tx: &Bytes) {
        if !self.config.keep_invalid_txs_in_cache {
            self.forget(tx);
        }
    }

    fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.tx.len() as u64).sum()
    }

    fn room(&mut self, tx: &Bytes) -> Result<(), MempoolError> {
        let (txs, txs_bytes) = (self.entries.len(), self.bytes());
        let MempoolConfig { size: max_txs, max_txs_bytes, max_tx_bytes: max, .. } = self.config;
        if txs >= max_txs || txs_bytes + tx.len() as u64 > max_txs_bytes {
            self.counters.rejected_txs += 1;
            return Err(MempoolError::Full { txs, max_txs, txs_bytes, max_txs_bytes });
        }
        if tx.len() > max {
            return Err(MempoolError::TooLarge { max, actual: tx.len() });
        }
        Ok(())
    }

    /// The code of the application's answer.
    fn check(&mut self, tx: &Bytes, origin: Origin, since: u64, height: u64) -> Result<u32, MempoolError> {
        self.room(tx)?;
        if !self.see(tx) {
            self.also_from(tx, origin);
            return Err(MempoolError::InCache);
        }
        let parsed = parse(tx);
        if parsed.apply(&mut self.check).is_err() {
            self.counters.failed_txs += 1;
            self.forget_invalid(tx);
            return Ok(32);
        }
        if let Some(max) = self.max_gas.filter(|max| parsed.gas > *max) {
            self.counters.failed_txs += 1;
            self.forget_invalid(tx);
            return Err(MempoolError::GasAboveBlock { wanted: parsed.gas, max });
        }
        self.entries.push(Entry { tx: tx.clone(), origin, since, height });
        Ok(0)
    }

    fn also_from(&mut self, tx: &Bytes, origin: Origin) {
        if let (Origin::Local, Some(entry)) = (origin, self.entries.iter_mut().find(|entry| entry.tx == *tx)) {
            entry.origin = origin;
        }
    }

    fn block(&mut self, txs: &[Bytes], results: &[TxResult], committed: Sequences, now: u64, height: u64) {
        for (tx, result) in txs.iter().zip(results) {
            if result.code == 0 {
                self.see(tx);
            } else {
                self.forget_invalid(tx);
            }
        }
        self.entries.retain(|entry| !txs.contains(&entry.tx));
        let (seconds, blocks) = (self.config.ttl_duration.as_secs(), self.config.ttl_num_blocks);
        let old = |entry: &Entry| {
            (seconds > 0 && now - entry.since > seconds) || (blocks > 0 && height - entry.height > blocks)
        };
        for entry in self.entries.extract_if(.., |entry| old(entry)).collect::<Vec<_>>() {
            self.forget(&entry.tx);
            self.counters.evicted_txs += 1;
        }
        self.check = committed;
        self.doomed.clear();
        for entry in &self.entries {
            let parsed = parse(&entry.tx);
            let valid = parsed.apply(&mut self.check).is_ok() && self.max_gas.is_none_or(|max| parsed.gas <= max);
            if !valid {
                self.doomed.insert(entry.tx.clone());
            }
        }
    }

    /// Drops what is invalid, if the mempool has.
    fn evict(&mut self, gone: impl Fn(&Bytes) -> bool) {
        let doomed = core::mem::take(&mut self.doomed);
        let (gone, left): (BTreeSet<Bytes>, BTreeSet<Bytes>) = doomed.into_iter().partition(|tx| gone(tx));
        for tx in &gone {
            self.entries.retain(|entry| entry.tx != *tx);
            self.forget_invalid(tx);
            self.counters.evicted_txs += 1;
        }
        self.doomed = left;
    }
}

struct Run {
    bench: Bench,
    model: Model,
    history: Vec<Bytes>,
}

impl Run {
    fn settle(&mut self) {
        self.bench.settle();
        self.model.evict(|_| true);
        let expected: Vec<Bytes> = self.model.entries.iter().map(|entry| entry.tx.clone()).collect();
        assert_eq!(self.bench.mempool.list(usize::MAX), expected);
        let pending = self.bench.mempool.pending_from(0, usize::MAX);
        let origins: Vec<Origin> = pending.iter().map(|pending| pending.origin).collect();
        assert_eq!(origins, self.model.entries.iter().map(|entry| entry.origin).collect::<Vec<_>>());
        assert!(pending.windows(2).all(|two| two[0].number < two[1].number));
        let local: Vec<(u64, Bytes)> = pending
            .into_iter()
            .filter(|pending| pending.origin == Origin::Local)
            .map(|pending| (pending.number, pending.tx))
            .collect();
        assert_eq!(self.bench.mempool.pending_local(0), local);
        let Counters { recheck_times, .. } = self.bench.mempool.counters();
        let (size, size_bytes) = (expected.len(), self.model.bytes());
        let expected = Counters { size, size_bytes, recheck_times, ..self.model.counters };
        assert_eq!(self.bench.mempool.counters(), expected);
    }

    /// Waits until the model knows the content, if it does not.
    fn settle_if_doomed(&mut self) {
        if !self.model.doomed.is_empty() {
            self.settle();
        }
    }

    fn send(&mut self, tx: &Bytes, origin: Origin) {
        self.settle_if_doomed();
        let (since, height) = (self.bench.seconds(), self.bench.height());
        let expected = self.model.check(tx, origin, since, height);
        let got = self.bench.mempool.check(tx.clone(), origin).map(|outcome| outcome.code);
        assert_eq!(got, expected, "{tx:?}");
        self.history.push(tx.clone());
    }

    /// What a reap with these limits gives, if exactly the transactions in `without` have been evicted.
    fn reaped(&self, bytes: u64, gas: u64, without: &BTreeSet<Bytes>) -> Vec<Bytes> {
        let (now, ttl) = (self.bench.seconds(), self.model.config.ttl_duration.as_secs());
        let (mut bytes_left, mut gas_left) = (bytes, gas);
        let live = self.model.entries.iter().skip_while(|entry| ttl > 0 && now - entry.since > ttl);
        let fits = |tx: &Bytes| {
            let (len, wanted) = (encoded_len(tx), parse(tx).gas);
            let fits = len <= bytes_left && wanted <= gas_left;
            if fits {
                (bytes_left, gas_left) = (bytes_left - len, gas_left - wanted);
            }
            fits
        };
        live.map(|entry| entry.tx.clone()).filter(|tx| !without.contains(tx)).take_while(fits).collect()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Check { signers, gas, memo, local } => {
                self.settle_if_doomed();
                let uses = signers.iter().map(|(signer, off)| {
                    let next = self.model.check.get(signer).copied().unwrap_or_default();
                    (*signer, next.saturating_add_signed(i64::from(*off)))
                });
                let memo = ["", "b", "keyless", "longer than allowed", "c"][usize::from(*memo)];
                let tx = ToyTx { uses: uses.collect(), gas: *gas, memo: memo.to_owned() }.bytes();
                self.send(&tx, if *local { Origin::Local } else { Origin::Peer([1; 20]) });
            }
            Step::Again(index) => {
                if !self.history.is_empty() {
                    let tx = index.get(&self.history).clone();
                    // Without a cache that remembers it, a transaction in the mempool is checked again and refused,
                    // since its own sequence is used.
                    self.send(&tx, Origin::Local);
                }
            }
            Step::Abandon { signer } => {
                self.settle_if_doomed();
                let tx = ToyTx { uses: vec![(*signer, 99)], gas: 1, memo: "x".to_owned() }.bytes();
                let arrived = self.bench.mempool.arrive(tx.clone(), Origin::Local).map(drop);
                let expected = self.model.room(&tx);
                if expected.is_ok() && self.model.see(&tx) {
                    self.model.forget(&tx);
                }
                assert_eq!(arrived, expected);
            }
            Step::Reap { bytes, gas } => {
                let got = self.bench.mempool.reap(Some(*bytes), Some(*gas));
                if self.model.doomed.is_empty() {
                    assert_eq!(got, self.reaped(*bytes, *gas, &BTreeSet::new()));
                } else {
                    // Some of the invalid ones are gone: those that lie before the last one given and are missing.
                    let known = self.reaped(u64::MAX, u64::MAX, &BTreeSet::new());
                    let until = got.last().and_then(|tx| known.iter().position(|known| known == tx));
                    let missing = known.iter().take(until.map_or(0, |at| at + 1)).filter(|tx| !got.contains(tx));
                    assert!(missing.cloned().collect::<BTreeSet<_>>().is_subset(&self.model.doomed));
                    assert!(got.iter().all(|tx| known.contains(tx)));
                }
            }
            Step::Block { bytes, foreign, failing, max_gas } => {
                let hold = self.bench.mempool.hold();
                // Nothing changes from here on, so that the model can see what is gone.
                let listed = self.bench.mempool.list(usize::MAX);
                self.model.evict(|tx| !listed.contains(tx));
                let known: Vec<Bytes> = self.model.entries.iter().map(|entry| entry.tx.clone()).collect();
                assert_eq!(listed, known);
                let mut txs = Vec::new();
                let committed = self.bench.toy.committed();
                if let Some(signer) = foreign {
                    let next = committed.get(signer).copied().unwrap_or_default();
                    txs.push(ToyTx { uses: vec![(*signer, next)], gas: 1, memo: "f".to_owned() }.bytes());
                }
                if let Some(signer) = failing {
                    txs.push(ToyTx { uses: vec![(*signer, 77)], gas: 1, memo: "f".to_owned() }.bytes());
                }
                let reaped = self.reaped(*bytes, u64::MAX, &BTreeSet::new());
                txs.extend(reaped.into_iter().filter(|tx| !self.model.doomed.contains(tx)));
                self.model.max_gas = *max_gas;
                self.bench.mempool.set_limits(BlockLimits { max_data_bytes: None, max_gas: *max_gas });
                let results = self.bench.block(&txs);
                let (now, height) = (self.bench.seconds(), self.bench.height());
                self.model.block(&txs, &results, self.bench.toy.committed(), now, height);
                drop(hold);
            }
            Step::Pass(seconds) => self.bench.pass(*seconds),
            Step::Settle => self.settle(),
            Step::Flush => {
                self.bench.settle();
                self.model.evict(|_| true);
                self.bench.mempool.flush();
                self.model.entries.clear();
                self.model.cache.clear();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_model(config in config(), steps in prop::collection::vec(step(), 1..60)) {
        let model = Model {
            config: config.clone(),
            entries: Vec::new(),
            doomed: BTreeSet::new(),
            check: Sequences::new(),
            cache: Vec::new(),
            max_gas: None,
            counters: Counters::default(),
        };
        let mut run = Run { bench: Bench::new(config), model, history: Vec::new() };
        for step in &steps {
            run.take(step);
        }
        run.settle();
    }
}
