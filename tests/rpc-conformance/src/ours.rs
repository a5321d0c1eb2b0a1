//! Our RPC over a node that makes blocks when it is told to.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_block::{BlockId, ChainState, Vote, VoteSet, no_commit, raw};
use plume_chain::{Chain, ChainReader};
use plume_engine::{Executor as _, NodeInfo, Reader as _, ValidatorKey};
use plume_events::{EventBus, EventData, RoundState};
use plume_home::genesis::GenesisDoc;
use plume_home::keys::consensus_address;
use plume_mempool::{Mempool, MempoolConfig};
use plume_primitives::{Height, Timestamp};
use plume_rpc::{Environment, NodeView, PeerInfo, RoundView, RpcSettings, Server, Step};
use plume_store::{BlockStore, Decided, StoreOptions};

use crate::{Endpoint, Follower, chain};

/// Longest wait for transactions.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node with a chain, a store, a mempool and our RPC, but no engine: the test decides when a block is made.
pub struct Ours {
    chain: Chain,
    state: ChainState,
    last_commit: raw::Commit,
    store: BlockStore,
    mempool: Mempool<ChainReader>,
    events: EventBus,
    view: Arc<View>,
    server: Option<Server>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Ours {
    /// Starts the chain and the server.
    ///
    /// # Panics
    /// When anything refuses.
    pub fn start(settings: RpcSettings) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let mut chain = chain::open();
        // As a node reads it: what the file leaves out is completed.
        let genesis = GenesisDoc::from_json(chain::genesis().to_json().as_bytes()).expect("a genesis document");
        let outcome = chain.init_chain(genesis.to_engine()).expect("a genesis");
        let state =
            ChainState::genesis(&genesis.to_engine(), &outcome, chain.reader().info().app_version).expect("a state");
        let store = BlockStore::open(folder.path().join("store"), StoreOptions::default()).expect("a store");
        store.save_genesis(&state).expect("an empty store");
        let mempool = Mempool::new(chain.reader(), MempoolConfig::default(), Height::ZERO);
        let events = EventBus::new();
        let view = Arc::new(View { height: Mutex::new(Height(1)) });
        let env = Environment {
            reader: chain.reader(),
            store: store.clone(),
            mempool: mempool.clone(),
            events: events.clone(),
            node: view.clone(),
            genesis: Arc::new(genesis),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let server = runtime.block_on(Server::start(env, settings)).expect("a free port");
        Self {
            chain,
            state,
            last_commit: no_commit(),
            store,
            mempool,
            events,
            view,
            server: Some(server),
            runtime,
            _folder: folder,
        }
    }

    /// The RPC.
    ///
    /// # Panics
    /// Never: the server runs as long as this does.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint(self.server.as_ref().expect("running").addr())
    }

    /// Transactions that wait.
    pub fn waiting(&self) -> usize {
        self.mempool.size()
    }

    /// Makes the next block of transactions that wait.
    ///
    /// # Panics
    /// When one of them does not wait, or the block is refused anywhere.
    pub fn make_block(&mut self, txs: Vec<Bytes>) {
        let waiting = self.mempool.list(usize::MAX);
        assert!(txs.iter().all(|tx| waiting.contains(tx)), "a transaction of the block does not wait here");
        let key = chain::validator();
        let address = consensus_address(&key.public());
        let block = self.state.make_block(txs, &self.last_commit, &address).expect("a block");
        self.state.validate(&block).expect("a valid block");
        let commit = self.sign(&block);
        let outcome = self.chain.finalize(&self.state.decided(&block).expect("a decision")).expect("executed");
        let state = self.state.next(&block, &outcome).expect("a state");
        let decided = Decided { block: &block, seen_commit: &commit, outcome: &outcome, state: &state, cursor: b"" };
        self.store.save(decided).expect("saved");
        let hold = self.mempool.hold();
        self.chain.commit().expect("committed");
        self.mempool.update(block.height(), block.txs(), &outcome.tx_results);
        drop(hold);
        let next = block.height().next().expect("a height");
        *self.view.height.lock().expect("no panic") = next;
        self.state = state;
        self.last_commit = commit;
        let at = RoundState { height: block.height(), round: 0, step: "RoundStepPropose".to_owned() };
        self.events.publish(EventData::NewRoundStep(at.clone()));
        self.events.publish(EventData::CompleteProposal { state: at, block_id: block.id() });
        self.events.publish_block(&block, &Arc::new(outcome));
    }

    fn sign(&self, block: &plume_block::FullBlock) -> raw::Commit {
        let key = chain::validator();
        let timestamp = block.time().checked_add(Duration::from_millis(1)).expect("a time");
        let mut vote = Vote {
            height: block.height(),
            round: 0,
            block_id: block.id(),
            timestamp,
            validator_address: consensus_address(&key.public()),
            validator_index: 0,
            signature: Bytes::new(),
        };
        vote.signature = Bytes::copy_from_slice(&key.sign(&vote.sign_bytes(chain::CHAIN_ID)));
        self.events.publish(EventData::Vote { vote: Arc::new(vote.clone()) });
        let id: BlockId = block.id();
        let mut votes = VoteSet::new(chain::CHAIN_ID, block.height(), 0, id, self.state.validators.clone());
        votes.add(vote).expect("a vote of the validator");
        assert!(votes.has_two_thirds());
        votes.commit()
    }
}

impl Follower for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn publishes_steps(&self) -> bool {
        true
    }

    fn endpoint(&self) -> Endpoint {
        Ours::endpoint(self)
    }

    fn follow(&mut self, height: u64, txs: Vec<Bytes>) {
        let deadline = Instant::now() + PATIENCE;
        while self.waiting() < txs.len() {
            assert!(Instant::now() < deadline, "the transactions of block {height} do not arrive");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.make_block(txs);
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown());
        }
    }
}

/// What an engine would say of itself between blocks.
struct View {
    height: Mutex<Height>,
}

impl NodeView for View {
    fn node_info(&self) -> NodeInfo {
        NodeInfo {
            p2p_version: 8,
            block_version: 11,
            app_version: 0,
            id: chain::node().node_id(),
            listen_addr: "tcp://127.0.0.1:26656".to_owned(),
            network: chain::CHAIN_ID.to_owned(),
            version: plume_home::config::COMETBFT_VERSION.to_owned(),
            channels: Bytes::from_static(&[0x40, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x60, 0x61, 0x00]),
            moniker: "plume".to_owned(),
            tx_index: true,
            rpc_address: "tcp://127.0.0.1:26657".to_owned(),
        }
    }

    fn validator_key(&self) -> ValidatorKey {
        chain::validator().public()
    }

    fn catching_up(&self) -> bool {
        false
    }

    fn listeners(&self) -> Vec<String> {
        vec!["Listener(@)".to_owned()]
    }

    fn peers(&self) -> Vec<PeerInfo> {
        Vec::new()
    }

    fn round(&self) -> RoundView {
        let time = Timestamp::new(1_700_000_000, 5).expect("a time");
        RoundView {
            height: *self.height.lock().expect("no panic"),
            round: 0,
            step: Step::NewHeight,
            start_time: time,
            commit_time: time,
            proposal: None,
            precommits: Vec::new(),
        }
    }

    fn add_evidence(&self, _evidence: raw::Evidence) -> Result<(), String> {
        Err("evidence is not taken here".to_owned())
    }
}
