//! An application that knows nothing but sequences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use plume_engine::{CheckKind, CheckOutcome, Info, QueryAnswer, QueryError, Reader, SimulationOutcome, TxResult};
use plume_mempool::{Mempool, MempoolConfig, Options, Signers};
use plume_primitives::{Gas, Height};

/// Which sequence comes next, by signer.
pub type Sequences = BTreeMap<u64, u64>;

/// A transaction as text: `signer:sequence,signer:sequence gas memo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToyTx {
    pub uses: Vec<(u64, u64)>,
    pub gas: u64,
    pub memo: String,
}

pub fn tx(signer: u64, sequence: u64) -> Bytes {
    ToyTx { uses: vec![(signer, sequence)], gas: 1, memo: String::new() }.bytes()
}

impl ToyTx {
    pub fn bytes(&self) -> Bytes {
        let uses: Vec<String> = self.uses.iter().map(|(signer, sequence)| format!("{signer}:{sequence}")).collect();
        Bytes::from(format!("{} {} {}", uses.join(","), self.gas, self.memo))
    }

    pub fn parse(tx: &[u8]) -> Option<Self> {
        let mut words = str::from_utf8(tx).ok()?.splitn(3, ' ');
        let uses = words.next()?.split(',').map(|used| {
            let (signer, sequence) = used.split_once(':')?;
            Some((signer.parse().ok()?, sequence.parse().ok()?))
        });
        let uses = uses.collect::<Option<_>>()?;
        Some(Self { uses, gas: words.next()?.parse().ok()?, memo: words.next()?.to_owned() })
    }

    /// Uses the sequences if they are the next ones.
    pub fn apply(&self, sequences: &mut Sequences) -> Result<(), String> {
        for (signer, sequence) in &self.uses {
            let expected = sequences.get(signer).copied().unwrap_or_default();
            if expected != *sequence {
                return Err(format!("account sequence mismatch, expected {expected}, got {sequence}"));
            }
        }
        for (signer, sequence) in &self.uses {
            sequences.insert(*signer, sequence + 1);
        }
        Ok(())
    }
}

pub fn signers(tx: &[u8]) -> Signers<'_> {
    let Some(parsed) = ToyTx::parse(tx) else { return Signers::None };
    if parsed.memo.contains("keyless") {
        return Signers::Unknown;
    }
    let uses = tx.split(|byte| *byte == b' ').next().unwrap_or_default();
    Signers::Known(
        uses.split(|byte| *byte == b',').filter_map(|used| used.split(|byte| *byte == b':').next()).collect(),
    )
}

type Hook = Arc<dyn Fn(&[u8], CheckKind) + Send + Sync>;

#[derive(Clone, Default)]
pub struct Toy {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    hook: Mutex<Option<Hook>>,
}

#[derive(Default)]
struct State {
    committed: Sequences,
    check: Sequences,
    /// Accepted since the last commit.
    accepted: BTreeSet<Bytes>,
}

impl Toy {
    /// Called at the beginning of each check.
    pub fn on_check(&self, hook: impl Fn(&[u8], CheckKind) + Send + Sync + 'static) {
        *self.shared.hook.lock() = Some(Arc::new(hook));
    }

    /// Executes and commits a block, which starts the check state anew.
    pub fn commit(&self, txs: &[Bytes]) -> Vec<TxResult> {
        let mut state = self.shared.state.lock();
        let results = txs.iter().map(|tx| {
            let parsed = ToyTx::parse(tx).expect("blocks of tests are well-formed");
            let code = if parsed.apply(&mut state.committed).is_ok() { 0 } else { 32 };
            TxResult { code, ..TxResult::default() }
        });
        let results = results.collect();
        state.check = state.committed.clone();
        state.accepted.clear();
        results
    }

    pub fn committed(&self) -> Sequences {
        self.shared.state.lock().committed.clone()
    }
}

impl Reader for Toy {
    fn info(&self) -> Info {
        Info::default()
    }

    fn check_tx(&self, tx: &Bytes, kind: CheckKind) -> CheckOutcome {
        let hook = self.shared.hook.lock().clone();
        if let Some(hook) = hook {
            hook(tx, kind);
        }
        let Some(parsed) = ToyTx::parse(tx) else {
            return CheckOutcome { code: 2, codespace: "sdk".to_owned(), ..CheckOutcome::default() };
        };
        let mut state = self.shared.state.lock();
        let accepted = CheckOutcome { gas_wanted: Gas(parsed.gas), ..CheckOutcome::default() };
        // Like the chain: a recheck repeats what was answered since the last commit.
        if kind == CheckKind::Recheck && state.accepted.contains(tx) {
            return accepted;
        }
        match parsed.apply(&mut state.check) {
            Ok(()) => {
                state.accepted.insert(tx.clone());
                accepted
            }
            Err(log) => CheckOutcome { code: 32, codespace: "sdk".to_owned(), log, ..CheckOutcome::default() },
        }
    }

    fn query(&self, _: &str, _: &[u8], _: Option<Height>, _: bool) -> Result<QueryAnswer, QueryError> {
        unreachable!("a mempool asks nothing")
    }

    fn simulate(&self, _: &Bytes) -> Result<SimulationOutcome, QueryError> {
        unreachable!("a mempool simulates nothing")
    }
}

/// A mempool over a toy, with a clock that the test sets.
pub struct Bench {
    pub toy: Toy,
    pub mempool: Mempool<Toy>,
    height: u64,
    seconds: Arc<AtomicU64>,
}

impl Bench {
    pub fn new(config: MempoolConfig) -> Self {
        Self::with_patience(config, Options::default().commit_patience)
    }

    /// With a longer patience of commits, where threads may be kept from the processor for long.
    pub fn with_patience(config: MempoolConfig, commit_patience: Duration) -> Self {
        let (toy, seconds) = (Toy::default(), Arc::new(AtomicU64::new(0)));
        let now = seconds.clone();
        let clock = Arc::new(move || Duration::from_secs(now.load(Ordering::SeqCst)));
        let options = Options { clock, signers, commit_patience, on_enter: None };
        let mempool = Mempool::with_options(toy.clone(), config, Height(0), options);
        Self { toy, mempool, height: 0, seconds }
    }

    pub fn height(&self) -> u64 {
        self.height
    }

    pub fn seconds(&self) -> u64 {
        self.seconds.load(Ordering::SeqCst)
    }

    pub fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Commits a block as an engine does.
    pub fn block(&mut self, txs: &[Bytes]) -> Vec<TxResult> {
        let hold = self.mempool.hold();
        let results = self.toy.commit(txs);
        self.height += 1;
        self.mempool.update(Height(self.height), txs, &results);
        drop(hold);
        results
    }

    /// Waits for the rechecks to end.
    pub fn settle(&self) {
        until("all rechecked", || !self.mempool.is_rechecking());
    }

    pub fn all(&self) -> Vec<Bytes> {
        self.mempool.reap(None, None)
    }
}

/// Polls for what other threads are about to do.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::yield_now();
    }
}
