//! A small state machine whose mistakes show: sequences make duplicates visible, the durable state lags behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use plume_engine::{
    Block, BlockOutcome, CheckKind, CheckOutcome, Committed, Executor, Fatal, Genesis, Info, InitOutcome, Proposal,
    QueryAnswer, QueryError, Reader, SimulationOutcome, TxResult, ValidatorKey, ValidatorUpdate, Verdict,
};
use plume_primitives::Height;
use sha2::{Digest, Sha256};

/// Blocks between two moments at which the state becomes durable.
const DURABLE_EVERY: u64 = 3;
/// A transaction with which no block is accepted.
pub const BAD: &[u8] = b"bad";

/// `client/sequence/body`; the body is `key=value`, or `val:<hex of a key>!<power>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tx {
    pub client: String,
    pub sequence: u64,
    pub body: String,
}

impl Tx {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut parts = text.splitn(3, '/');
        Some(Self {
            client: parts.next()?.to_owned(),
            sequence: parts.next()?.parse().ok()?,
            body: parts.next()?.to_owned(),
        })
    }

    pub fn encode(&self) -> Bytes {
        format!("{}/{}/{}", self.client, self.sequence, self.body).into_bytes().into()
    }
}

/// The body that gives a validator this power.
pub fn power_body(key: &ValidatorKey, power: i64) -> String {
    let ValidatorKey::Ed25519(bytes) = key else { panic!("an ed25519 key") };
    format!("val:{}!{power}", hex::encode(bytes))
}

fn update(body: &str) -> Option<ValidatorUpdate> {
    let (key, power) = body.strip_prefix("val:")?.split_once('!')?;
    let key = ValidatorKey::Ed25519(hex::decode(key).ok()?.try_into().ok()?);
    Some(ValidatorUpdate { key, power: power.parse().ok()? })
}

/// State after a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    height: u64,
    values: BTreeMap<String, String>,
    next: BTreeMap<String, u64>,
}

impl State {
    /// Of the contents only: an empty block leaves it as it is.
    fn hash(&self) -> Bytes {
        let mut hasher = Sha256::new();
        for (key, value) in &self.values {
            hasher.update(format!("{}:{key}{}:{value}", key.len(), value.len()));
        }
        hasher.update(format!("{:?}", self.next));
        hasher.finalize().to_vec().into()
    }

    fn expected(&self, client: &str) -> u64 {
        self.next.get(client).copied().unwrap_or(0)
    }

    /// Whether it was the one that the client's sequence asks for; changes nothing otherwise.
    fn apply(&mut self, tx: &Tx, updates: &mut BTreeMap<ValidatorKey, i64>) -> bool {
        if tx.sequence != self.expected(&tx.client) {
            return false;
        }
        self.next.insert(tx.client.clone(), tx.sequence + 1);
        if let Some(update) = update(&tx.body) {
            updates.insert(update.key, update.power);
        } else if let Some((key, value)) = tx.body.split_once('=') {
            self.values.insert(key.to_owned(), value.to_owned());
        }
        true
    }
}

#[derive(Debug, Default)]
struct Shared {
    committed: State,
    durable: State,
    /// Blocks that this node proposes hold [`BAD`] as long as this is above zero; each counts down.
    bad: u32,
    /// Keys that this node must never be asked to execute twice in one life.
    executed: BTreeSet<u64>,
}

/// What of a node's state machine is outside its process: the durable state, and levers for tests.
#[derive(Debug, Clone, Default)]
pub struct App(Arc<Mutex<Shared>>);

impl App {
    /// The process is gone: what was not durable is lost.
    pub fn crash(&self) {
        let mut shared = self.0.lock();
        shared.committed = shared.durable.clone();
        shared.executed.clear();
    }

    /// The next proposals of this node are invalid.
    pub fn propose_bad(&self, times: u32) {
        self.0.lock().bad = times;
    }

    /// How many more of its proposals will be invalid.
    pub fn bad_left(&self) -> u32 {
        self.0.lock().bad
    }

    /// A copy of the durable state.
    pub fn backup(&self) -> State {
        self.0.lock().durable.clone()
    }

    /// Puts a copy back.
    pub fn restore(&self, state: State) {
        let mut shared = self.0.lock();
        shared.committed = state.clone();
        shared.durable = state;
    }

    /// Committed height and hash.
    pub fn at(&self) -> (u64, Bytes) {
        let shared = self.0.lock();
        (shared.committed.height, shared.committed.hash())
    }
}

/// Drives [`App`].
pub struct Machine {
    app: App,
    pending: Option<State>,
}

impl Machine {
    pub fn new(app: App) -> Self {
        Self { app, pending: None }
    }
}

impl Executor for Machine {
    type Reader = App;

    fn init_chain(&mut self, _: Genesis) -> Result<InitOutcome, Fatal> {
        let mut shared = self.app.0.lock();
        if shared.committed.height > 0 {
            return Err(Fatal::new("init_chain on a state that is not empty"));
        }
        shared.committed = State::default();
        Ok(InitOutcome { app_hash: State::default().hash(), validators: Vec::new(), consensus_params: None })
    }

    fn prepare(&mut self, proposal: Proposal) -> Result<Vec<Bytes>, Fatal> {
        let mut shared = self.app.0.lock();
        let mut txs: Vec<Tx> = proposal.txs.iter().filter_map(|tx| Tx::parse(tx)).collect();
        txs.sort_by(|a, b| (&a.client, a.sequence).cmp(&(&b.client, b.sequence)));
        let (mut state, mut updates) = (shared.committed.clone(), BTreeMap::new());
        let mut chosen: Vec<Bytes> = txs.iter().filter(|tx| state.apply(tx, &mut updates)).map(Tx::encode).collect();
        if shared.bad > 0 {
            shared.bad -= 1;
            chosen.push(Bytes::from_static(BAD));
        }
        Ok(chosen)
    }

    fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal> {
        match proposal.txs.iter().any(|tx| tx == BAD) {
            true => Ok(Verdict::Reject("holds what is bad".to_owned())),
            false => Ok(Verdict::Accept),
        }
    }

    fn anticipate(&mut self, _: &Proposal) -> Result<(), Fatal> {
        Ok(())
    }

    fn finalize(&mut self, block: &Block) -> Result<BlockOutcome, Fatal> {
        let mut state = {
            let mut shared = self.app.0.lock();
            if !shared.executed.insert(block.height.get()) {
                return Err(Fatal::new(format!("block {} is executed twice in one life", block.height)));
            }
            shared.committed.clone()
        };
        if block.height.get() != state.height + 1 {
            return Err(Fatal::new(format!("block {} after {}", block.height, state.height)));
        }
        let mut updates = BTreeMap::new();
        let mut tx_results = Vec::new();
        for tx in &block.txs {
            let done = Tx::parse(tx).is_some_and(|tx| state.apply(&tx, &mut updates));
            tx_results.push(TxResult { code: u32::from(!done), ..TxResult::default() });
        }
        state.height = block.height.get();
        let outcome = BlockOutcome {
            app_hash: state.hash(),
            tx_results,
            validator_updates: updates.into_iter().map(|(key, power)| ValidatorUpdate { key, power }).collect(),
            ..BlockOutcome::default()
        };
        self.pending = Some(state);
        Ok(outcome)
    }

    fn commit(&mut self) -> Result<Committed, Fatal> {
        let state = self.pending.take().ok_or_else(|| Fatal::new("commit without finalize"))?;
        let height = Height(state.height);
        let mut shared = self.app.0.lock();
        shared.committed = state;
        if height.get().is_multiple_of(DURABLE_EVERY) {
            shared.durable = shared.committed.clone();
        }
        Ok(Committed { height, retain_height: Height::ZERO })
    }

    fn discard_uncommitted(&mut self) {
        self.pending = None;
    }

    fn drain(&mut self) -> Result<(), Fatal> {
        let mut shared = self.app.0.lock();
        shared.durable = shared.committed.clone();
        Ok(())
    }

    fn reader(&self) -> App {
        self.app.clone()
    }
}

impl Reader for App {
    fn info(&self) -> Info {
        let (height, app_hash) = self.at();
        let app_hash = if height == 0 { Bytes::new() } else { app_hash };
        Info { data: "toy".to_owned(), version: "1".to_owned(), app_version: 1, height: Height(height), app_hash }
    }

    fn check_tx(&self, tx: &Bytes, _: CheckKind) -> CheckOutcome {
        let refuse = |log: &str| CheckOutcome { code: 1, log: log.to_owned(), ..CheckOutcome::default() };
        let Some(tx) = Tx::parse(tx) else { return refuse("not a transaction") };
        match tx.sequence < self.0.lock().committed.expected(&tx.client) {
            true => refuse("sequence is used"),
            false => CheckOutcome::default(),
        }
    }

    fn query(&self, _: &str, _: &[u8], _: Option<Height>, _: bool) -> Result<QueryAnswer, QueryError> {
        panic!("nobody queries")
    }

    fn simulate(&self, _: &Bytes) -> Result<SimulationOutcome, QueryError> {
        panic!("nobody simulates")
    }
}
