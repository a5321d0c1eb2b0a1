//! A small state machine: `key=value` sets, `val:<hex key>:<power>` changes a validator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use plume_cometbft::{ListenAddress, Server, ServerOptions};
use plume_engine::{
    Block, BlockId, BlockOutcome, CheckKind, CheckOutcome, ChunkVerdict, Committed, Event, Executor, Fatal, Genesis,
    Info, InitOutcome, Offer, Proposal, QueryAnswer, QueryError, Reader, SimulationOutcome, SnapshotInfo, TrustedState,
    TxResult, ValidatorKey, ValidatorUpdate, Verdict,
};
use plume_primitives::{Gas, Height};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub height: u64,
    pub pairs: BTreeMap<String, String>,
}

impl State {
    /// Depends on the content only, so empty blocks leave it unchanged.
    pub fn hash(&self) -> Bytes {
        let mut hasher = Sha256::new();
        for (key, value) in &self.pairs {
            hasher.update(format!("{}:{key}{}:{value}", key.len(), value.len()));
        }
        Bytes::copy_from_slice(&hasher.finalize())
    }
}

/// A door that a test can close in front of the executor.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub fn close(&self) {
        *self.closed.lock() = true;
    }

    pub fn open(&self) {
        *self.closed.lock() = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut closed = self.closed.lock();
        while *closed {
            self.changed.wait(&mut closed);
        }
    }
}

#[derive(Default)]
pub struct Shared {
    pub committed: Mutex<State>,
    /// Calls of the executor, in order.
    pub calls: Mutex<Vec<String>>,
    pub gate: Gate,
    /// What is served to nodes that join, with the chunks.
    pub snapshots: Mutex<Vec<(SnapshotInfo, Vec<Bytes>)>>,
    file: Option<PathBuf>,
}

impl Shared {
    fn note(&self, call: impl Into<String>) {
        self.calls.lock().push(call.into());
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().clone()
    }
}

#[derive(Default)]
pub struct Toy {
    shared: Arc<Shared>,
    genesis: Option<State>,
    ahead: Option<(BlockId, State, BlockOutcome)>,
    finalized: Option<State>,
    taking: Option<Taking>,
}

/// A snapshot that is being taken over: the hashes of its chunks, and those that came.
struct Taking {
    height: u64,
    hashes: Vec<String>,
    chunks: BTreeMap<u32, Bytes>,
    app_hash: Bytes,
}

/// The snapshot of a state: one chunk for each pair, named by their hashes in the metadata.
pub fn snapshot(state: &State) -> (SnapshotInfo, Vec<Bytes>) {
    let chunks: Vec<Bytes> =
        state.pairs.iter().map(|pair| Bytes::from(serde_json::to_vec(&pair).expect("strings"))).collect();
    let hashes: Vec<String> = chunks.iter().map(|chunk| hex::encode(Sha256::digest(chunk))).collect();
    let metadata = Bytes::from(serde_json::to_vec(&hashes).expect("strings"));
    let info = SnapshotInfo {
        height: Height(state.height),
        format: 1,
        chunks: u32::try_from(chunks.len()).expect("few"),
        hash: Bytes::copy_from_slice(&Sha256::digest(&metadata)),
        metadata,
    };
    (info, chunks)
}

impl Toy {
    /// Keeps its state in `file`.
    pub fn on_disk(file: &Path) -> Self {
        let committed = std::fs::read(file)
            .map_or_else(|_| State::default(), |bytes| serde_json::from_slice(&bytes).expect("written by this test"));
        let shared = Shared { committed: Mutex::new(committed), file: Some(file.to_owned()), ..Shared::default() };
        Self { shared: Arc::new(shared), ..Self::default() }
    }

    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn base(&self) -> State {
        self.genesis.clone().unwrap_or_else(|| self.shared.committed.lock().clone())
    }

    fn run(&self, height: Height, txs: &[Bytes]) -> Result<(State, BlockOutcome), Fatal> {
        let mut state = self.base();
        state.height = height.get();
        let mut outcome =
            BlockOutcome { events: vec![Event::new("block").with("mode", "EndBlock")], ..BlockOutcome::default() };
        for tx in txs {
            let mut result = TxResult { gas_wanted: Gas(10), gas_used: Gas(5), ..TxResult::default() };
            match parse(tx) {
                Ok(Tx::Set(key, value)) => {
                    result.events.push(Event::new("set").with("key", key.clone()));
                    result.data = Bytes::from(value.clone());
                    state.pairs.insert(key, value);
                }
                Ok(Tx::Validator(update)) => outcome.validator_updates.push(update),
                Ok(Tx::Wait) => self.shared.gate.pass(),
                Ok(Tx::Fatal) => return Err(Fatal::new("disk is gone")),
                Ok(Tx::Panic) => panic!("tripped"),
                Err(log) => result = TxResult { code: 1, codespace: "toy".to_owned(), log, ..result },
            }
            outcome.tx_results.push(result);
        }
        outcome.app_hash = state.hash();
        Ok((state, outcome))
    }
}

enum Tx {
    Set(String, String),
    Validator(ValidatorUpdate),
    Wait,
    Fatal,
    Panic,
}

fn parse(tx: &[u8]) -> Result<Tx, String> {
    let text = str::from_utf8(tx).map_err(|_| "not text".to_owned())?;
    match text {
        "wait" => return Ok(Tx::Wait),
        "fatal" => return Ok(Tx::Fatal),
        "panic" => return Ok(Tx::Panic),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("val:") {
        let (key, power) = rest.split_once(':').ok_or("no power")?;
        let key = hex::decode(key).ok().and_then(|key| key.try_into().ok()).ok_or("no key")?;
        let power = power.parse().map_err(|_| "no power".to_owned())?;
        return Ok(Tx::Validator(ValidatorUpdate { key: ValidatorKey::Ed25519(key), power }));
    }
    let (key, value) = text.split_once('=').ok_or_else(|| format!("no pair: {text}"))?;
    Ok(Tx::Set(key.to_owned(), value.to_owned()))
}

impl Executor for Toy {
    type Reader = ToyReader;

    fn init_chain(&mut self, genesis: Genesis) -> Result<InitOutcome, Fatal> {
        self.shared.note(format!("init_chain {}", genesis.initial_height));
        let pairs = serde_json::from_slice(&genesis.app_state).map_err(|error| Fatal::new(error.to_string()))?;
        let state = State { height: 0, pairs };
        let app_hash = state.hash();
        self.genesis = Some(state);
        Ok(InitOutcome { app_hash, validators: Vec::new(), consensus_params: None })
    }

    fn prepare(&mut self, proposal: Proposal) -> Result<Vec<Bytes>, Fatal> {
        self.shared.note(format!("prepare {}", proposal.height));
        // Ignores the room on purpose when a test asks for it.
        let greedy = proposal.txs.first().is_some_and(|tx| tx.starts_with(b"greedy="));
        let mut room = if greedy { u64::MAX } else { proposal.max_tx_bytes.unwrap_or(u64::MAX) };
        let fits = |tx: &Bytes| {
            let size = plume_cometbft::client::proto_size_of_txs(std::slice::from_ref(tx));
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        };
        Ok(proposal.txs.into_iter().filter(|tx| parse(tx).is_ok()).take_while(fits).collect())
    }

    fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal> {
        self.shared.note(format!("process {}", proposal.height));
        Ok(proposal.txs.iter().find_map(|tx| parse(tx).err()).map_or(Verdict::Accept, Verdict::Reject))
    }

    fn anticipate(&mut self, proposal: &Proposal) -> Result<(), Fatal> {
        self.shared.gate.pass();
        self.shared.note(format!("anticipate {}", proposal.height));
        let (state, outcome) = self.run(proposal.height, &proposal.txs)?;
        self.ahead = Some((proposal.hash.clone(), state, outcome));
        Ok(())
    }

    fn finalize(&mut self, block: &Block) -> Result<BlockOutcome, Fatal> {
        let ready = self.ahead.take().filter(|(hash, ..)| *hash == block.hash);
        self.shared.note(format!("finalize {}{}", block.height, if ready.is_some() { " ahead" } else { "" }));
        let committed = self.shared.committed.lock().height;
        if self.genesis.is_none() && block.height.get() != committed + 1 {
            return Err(Fatal::new(format!("block {} does not follow {committed}", block.height)));
        }
        let (state, outcome) = match ready {
            Some((_, state, outcome)) => (state, outcome),
            None => self.run(block.height, &block.txs)?,
        };
        self.finalized = Some(state);
        Ok(outcome)
    }

    fn commit(&mut self) -> Result<Committed, Fatal> {
        let state = self.finalized.take().ok_or_else(|| Fatal::new("nothing is finalized"))?;
        self.shared.note(format!("commit {}", state.height));
        if let Some(file) = &self.shared.file {
            let next = file.with_extension("next");
            let bytes = serde_json::to_vec(&state).expect("strings and a number");
            std::fs::write(&next, bytes)
                .and_then(|()| std::fs::rename(&next, file))
                .map_err(|error| Fatal::new(error.to_string()))?;
        }
        self.genesis = None;
        let height = Height(state.height);
        *self.shared.committed.lock() = state;
        // A state on disk can be lost in a test: its blocks must be there for the replay.
        let retain_height = if self.shared.file.is_some() { Height::ZERO } else { Height(height.get() / 2) };
        Ok(Committed { height, retain_height })
    }

    fn discard_uncommitted(&mut self) {
        self.shared.note("discard");
        self.finalized = None;
        self.ahead = None;
    }

    fn offer_snapshot(&mut self, snapshot: &SnapshotInfo, trusted: &TrustedState) -> Result<Offer, Fatal> {
        self.shared.note(format!(
            "offer {} of {} from {}, app hash {} B",
            snapshot.height,
            trusted.chain_id,
            trusted.initial_height,
            trusted.app_hash.len()
        ));
        if snapshot.format != 1 {
            return Ok(Offer::RejectFormat("only 1 is known".to_owned()));
        }
        if trusted.app_hash.len() != 32 || snapshot.height == Height::ZERO {
            return Ok(Offer::Reject("nothing to verify it against".to_owned()));
        }
        let Ok(hashes) = serde_json::from_slice(&snapshot.metadata) else {
            return Ok(Offer::Abort("tripped in offer".to_owned()));
        };
        let chunks = BTreeMap::new();
        self.taking =
            Some(Taking { height: snapshot.height.get(), hashes, chunks, app_hash: trusted.app_hash.clone() });
        Ok(Offer::Accept)
    }

    fn apply_chunk(&mut self, index: u32, chunk: Bytes) -> Result<ChunkVerdict, Fatal> {
        self.shared.note(format!("apply {index}"));
        let Some(taking) = &mut self.taking else { return Ok(ChunkVerdict::RejectSnapshot("not accepted".to_owned())) };
        if &chunk[..] == b"fatal" {
            return Err(Fatal::new("disk is gone"));
        }
        let expected = usize::try_from(index).ok().and_then(|index| taking.hashes.get(index));
        if expected != Some(&hex::encode(Sha256::digest(&chunk))) {
            return Ok(ChunkVerdict::Refused("another hash".to_owned()));
        }
        taking.chunks.insert(index, chunk);
        if taking.chunks.len() < taking.hashes.len() {
            return Ok(ChunkVerdict::Applied);
        }
        let pairs = taking.chunks.values().map(|chunk| serde_json::from_slice::<(String, String)>(chunk));
        let state = State { height: taking.height, pairs: pairs.collect::<Result<_, _>>().expect("hashed") };
        let whole = state.hash() == taking.app_hash;
        self.taking = None;
        if !whole {
            return Ok(ChunkVerdict::RejectSnapshot("another state".to_owned()));
        }
        *self.shared.committed.lock() = state;
        Ok(ChunkVerdict::Complete)
    }

    fn drain(&mut self) -> Result<(), Fatal> {
        self.shared.note("drain");
        Ok(())
    }

    fn reader(&self) -> ToyReader {
        ToyReader { shared: self.shared() }
    }
}

#[derive(Clone)]
pub struct ToyReader {
    shared: Arc<Shared>,
}

impl Reader for ToyReader {
    fn info(&self) -> Info {
        let committed = self.shared.committed.lock();
        let app_hash = if committed.height == 0 { Bytes::new() } else { committed.hash() };
        Info {
            data: "toy".to_owned(),
            version: "0".to_owned(),
            app_version: 0,
            height: Height(committed.height),
            app_hash,
        }
    }

    fn check_tx(&self, tx: &Bytes, kind: CheckKind) -> CheckOutcome {
        assert_ne!(&tx[..], b"panic", "tripped in check");
        match parse(tx) {
            Ok(_) => CheckOutcome { gas_wanted: Gas(10), log: format!("{kind:?}"), ..CheckOutcome::default() },
            Err(log) => CheckOutcome { code: 1, codespace: "toy".to_owned(), log, ..CheckOutcome::default() },
        }
    }

    fn query(&self, path: &str, data: &[u8], height: Option<Height>, prove: bool) -> Result<QueryAnswer, QueryError> {
        assert_ne!(path, "panic", "tripped in query");
        let committed = self.shared.committed.lock();
        if height.is_some_and(|height| height.get() > committed.height) {
            return Err(QueryError {
                codespace: "sdk".to_owned(),
                code: 26,
                grpc_code: 3,
                message: "invalid height".to_owned(),
                log: "invalid height".to_owned(),
            });
        }
        let value = str::from_utf8(data).ok().and_then(|key| committed.pairs.get(key)).cloned().unwrap_or_default();
        let proof = if prove {
            vec![plume_engine::ProofOp {
                kind: "toy".to_owned(),
                key: Bytes::copy_from_slice(data),
                data: Bytes::from_static(b"proof"),
            }]
        } else {
            Vec::new()
        };
        Ok(QueryAnswer {
            height: Height(committed.height.max(1)),
            key: Bytes::copy_from_slice(data),
            value: Bytes::from(value),
            proof,
        })
    }

    fn simulate(&self, _: &Bytes) -> Result<SimulationOutcome, QueryError> {
        Ok(SimulationOutcome::default())
    }

    fn snapshots(&self) -> Vec<SnapshotInfo> {
        self.shared.snapshots.lock().iter().map(|(info, _)| info.clone()).collect()
    }

    fn snapshot_chunk(&self, height: Height, format: u32, index: u32) -> Option<Bytes> {
        assert_ne!(format, 99, "tripped in chunk");
        let served = self.shared.snapshots.lock();
        let (_, chunks) = served.iter().find(|(info, _)| (info.height, info.format) == (height, format))?;
        chunks.get(usize::try_from(index).ok()?).cloned()
    }
}

/// A toy behind a server on a free TCP port.
pub fn serve_tcp() -> (Server<Toy>, Arc<Shared>) {
    serve(&ListenAddress::Tcp(([127, 0, 0, 1], 0).into()), ServerOptions::default())
}

pub fn serve(address: &ListenAddress, options: ServerOptions) -> (Server<Toy>, Arc<Shared>) {
    let toy = Toy::default();
    let shared = toy.shared();
    (Server::start(toy, address, options).expect("the address is free"), shared)
}
