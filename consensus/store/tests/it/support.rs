//! A chain whose blocks nobody signed: the store does not verify.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use plume_block::{ChainState, FullBlock, no_commit, raw};
use plume_engine::{
    BlockOutcome, ConsensusParams, Event, Genesis, InitOutcome, TxResult, ValidatorKey, ValidatorUpdate,
};
use plume_primitives::{Gas, Height, Timestamp};
use plume_store::{BlockStore, Decided, StoreOptions};
use tempfile::TempDir;

pub fn validator(number: u8, power: i64) -> ValidatorUpdate {
    ValidatorUpdate { key: ValidatorKey::Ed25519([number; 32]), power }
}

pub fn genesis(initial_height: u64) -> ChainState {
    let genesis = Genesis {
        chain_id: "test-1".to_owned(),
        time: Timestamp::new(1_700_000_000, 0).expect("in range"),
        initial_height: Height(initial_height),
        consensus_params: ConsensusParams::default(),
        validators: vec![validator(1, 10), validator(2, 7), validator(3, 5)],
        app_state: Bytes::new(),
    };
    let outcome = InitOutcome { app_hash: Bytes::from_static(&[9; 32]), validators: vec![], consensus_params: None };
    ChainState::genesis(&genesis, &outcome, 1).expect("a state")
}

/// Everything decided at one height.
#[derive(Clone)]
pub struct Step {
    pub block: FullBlock,
    pub commit: raw::Commit,
    pub outcome: BlockOutcome,
    pub state: ChainState,
}

impl Step {
    pub fn decided(&self) -> Decided<'_> {
        Decided {
            block: &self.block,
            seen_commit: &self.commit,
            outcome: &self.outcome,
            state: &self.state,
            cursor: b"cursor",
        }
    }
}

/// Makes one block after the other.
pub struct Chain {
    pub state: ChainState,
    pub commit: raw::Commit,
}

impl Chain {
    pub fn new(initial_height: u64) -> Self {
        Self { state: genesis(initial_height), commit: no_commit() }
    }

    pub fn step(&mut self, txs: Vec<Bytes>, outcome: BlockOutcome) -> Step {
        let proposer = *self.state.validators.proposer().expect("somebody").address();
        let block = self.state.make_block(txs, &self.commit, &proposer).expect("a block");
        let state = self.state.next(&block, &outcome).expect("a state");
        // Each block is one second later; one of the validators is absent.
        let timestamp =
            Some(tendermint_proto::google::protobuf::Timestamp { seconds: block.time().seconds() + 1, nanos: 0 });
        let signatures = state.last_validators.validators().iter().enumerate().map(|(at, validator)| match at {
            2 => raw::CommitSig {
                block_id_flag: 1,
                validator_address: vec![],
                timestamp: Some(tendermint_proto::google::protobuf::Timestamp { seconds: -62_135_596_800, nanos: 0 }),
                signature: vec![],
            },
            _ => raw::CommitSig {
                block_id_flag: 2,
                validator_address: validator.address().to_vec(),
                timestamp,
                signature: vec![at as u8 + 1; 64],
            },
        });
        let commit = raw::Commit {
            height: block.height().to_i64(),
            round: 0,
            block_id: Some(block.id().to_raw()),
            signatures: signatures.collect(),
        };
        self.state = state.clone();
        self.commit = commit.clone();
        Step { block, commit, outcome, state }
    }

    /// A block of transactions with one transfer each.
    pub fn transfers(&mut self, count: usize) -> Step {
        let height = self.state.next_height().expect("in range").get();
        let txs: Vec<_> = (0..count).map(|at| Bytes::from(format!("tx {height} {at}"))).collect();
        let tx_results = (0..count).map(|at| transfer(height, at)).collect();
        let outcome = BlockOutcome {
            app_hash: Bytes::from(height.to_be_bytes().repeat(4)),
            tx_results,
            events: vec![
                Event::new("mint").with("amount", format!("{height}stake")).with("height", height.to_string()),
            ],
            ..BlockOutcome::default()
        };
        self.step(txs, outcome)
    }
}

fn transfer(height: u64, at: usize) -> TxResult {
    TxResult {
        data: Bytes::from_static(b"data"),
        gas_wanted: Gas(100),
        gas_used: Gas(90 + at as u64),
        events: vec![
            Event::new("transfer").with("to", format!("account-{}", at % 3)).with("amount", format!("{}", height * 10)),
            Event::new("message").with("action", "send").with("sender", "everyone"),
        ],
        ..TxResult::default()
    }
}

/// A store in a folder of its own.
pub struct Home {
    pub folder: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("blocks")
    }

    pub fn open(&self) -> BlockStore {
        open(&self.path())
    }
}

pub fn options() -> StoreOptions {
    StoreOptions { write_buffer_bytes: 4 << 20, cache_bytes: 1 << 20, ..StoreOptions::default() }
}

pub fn open(path: &Path) -> BlockStore {
    BlockStore::open(path, options()).expect("opens")
}

/// A store with `count` blocks of two transactions each, and the steps.
pub fn filled(home: &Home, count: usize) -> (BlockStore, Chain, Vec<Step>) {
    let store = home.open();
    let mut chain = Chain::new(1);
    store.save_genesis(&chain.state).expect("saved");
    let steps: Vec<_> = (0..count).map(|_| chain.transfers(2)).collect();
    for step in &steps {
        store.save(step.decided()).expect("saved");
    }
    (store, chain, steps)
}

/// Every key of every table, with its value.
pub fn raw_records(path: &Path) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let db = raw_database(path);
    let mut records = Vec::new();
    for table in tables(path) {
        let handle = db.cf_handle(&table).expect("there");
        for record in db.iterator_cf(handle, rocksdb::IteratorMode::Start) {
            let (key, value) = record.expect("readable");
            records.push((table.clone(), key.to_vec(), value.to_vec()));
        }
    }
    records
}

pub fn raw_database(path: &Path) -> rocksdb::DB {
    rocksdb::DB::open_cf(&rocksdb::Options::default(), path, tables(path)).expect("opens")
}

fn tables(path: &Path) -> Vec<String> {
    rocksdb::DB::list_cf(&rocksdb::Options::default(), path).expect("a database")
}
