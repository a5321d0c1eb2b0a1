//! Our RPC over the Raft engine.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use plume_home::config::Config;
use plume_home::genesis::GenesisDoc;
use plume_home::home::Home;
use plume_mempool::MempoolConfig;
use plume_p2p::TcpNetwork;
use plume_primitives::Timestamp;
use plume_raft::{Allowed, BlockSettings, Hooks, Node, NodeOptions, Settings};
use plume_rpc::{Environment, RpcSettings, Server};
use plume_wal::RealDisk;
use serde_json::json;

use crate::chain::{self, BLOCK_PAUSE};
use crate::{Endpoint, Follower};

/// Longest wait for a block.
const PATIENCE: Duration = Duration::from_secs(120);

/// A single validator under the Raft engine.
pub struct Raft {
    node: Option<Node<plume_chain::ChainReader>>,
    server: Option<Server>,
    endpoint: Endpoint,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Raft {
    /// Starts the engine and the server.
    ///
    /// # Panics
    /// When anything refuses.
    pub fn start(settings: RpcSettings) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let home = Home::new(folder.path());
        home.init_with_keys(&Config::default(), &chain::validator(), &chain::node()).expect("a home");
        home.write_genesis(&chain::genesis()).expect("a genesis document");
        let genesis: GenesisDoc = home.read_genesis().expect("just written");
        let mut p2p = plume_p2p::Config::new(chain::CHAIN_ID.to_owned(), "plume".to_owned(), Vec::new(), 1);
        p2p.listen = Some("127.0.0.1:0".to_owned());
        let options = NodeOptions {
            data: home.data_dir(),
            genesis: genesis.to_engine(),
            settings: Settings {
                consensus: BlockSettings {
                    timeout_commit: BLOCK_PAUSE,
                    create_empty_blocks: false,
                    create_empty_blocks_interval: Duration::ZERO,
                },
                ..Settings::default()
            },
            mempool: MempoolConfig::default(),
            index: true,
            p2p,
            allowed: Allowed::default(),
            node_key: home.node_key_pair().expect("just written"),
            validator_key: home.validator_key_pair().expect("just written"),
            sign_state: home.validator_state_file(),
            network: Arc::new(TcpNetwork),
            disk: Arc::new(RealDisk),
            clock: Arc::new(now),
            hooks: Hooks::default(),
            inline: false,
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let (node, server) = runtime.block_on(async {
            let node = Node::start(chain::open(), options).await.expect("a node");
            let view =
                node.rpc_view("plume", "tcp://127.0.0.1:26657", true, chain::validator().public(), Arc::new(now));
            let env = Environment {
                reader: node.reader.clone(),
                store: node.store.clone(),
                mempool: node.mempool.clone(),
                events: node.events.clone(),
                node: Arc::new(view),
                genesis: Arc::new(genesis),
            };
            (node, Server::start(env, settings).await.expect("a free port"))
        });
        let endpoint = Endpoint(server.addr());
        Self { node: Some(node), server: Some(server), endpoint, runtime, _folder: folder }
    }
}

impl Follower for Raft {
    fn name(&self) -> &'static str {
        "raft"
    }

    fn publishes_steps(&self) -> bool {
        false
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The engine makes the block by itself; it has to be the same.
    fn follow(&mut self, height: u64, txs: Vec<Bytes>) {
        use base64::Engine as _;
        let deadline = Instant::now() + PATIENCE;
        let block = loop {
            match self.endpoint.try_call("block", &json!({"height": height.to_string()})) {
                Ok(block) => break block,
                Err(answer) => assert!(Instant::now() < deadline, "no block {height}: {answer}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let expected: Vec<_> =
            txs.iter().map(|tx| json!(base64::engine::general_purpose::STANDARD.encode(tx))).collect();
        assert_eq!(block["block"]["data"]["txs"], json!(expected), "transactions of block {height}");
    }
}

impl Drop for Raft {
    fn drop(&mut self) {
        let (node, server) = (self.node.take(), self.server.take());
        self.runtime.block_on(async {
            if let Some(server) = server {
                server.shutdown().await;
            }
            if let Some(node) = node {
                let _ = node.stop().await;
            }
        });
    }
}

fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let seconds = i64::try_from(elapsed.as_secs()).expect("a time");
    Timestamp::new(seconds, elapsed.subsec_nanos()).expect("a time")
}
