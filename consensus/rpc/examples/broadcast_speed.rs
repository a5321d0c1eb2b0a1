//! How many `broadcast_tx_sync` requests a second the server answers when a check costs nothing:
//! `cargo run --release -p plume-rpc --example broadcast_speed [connections] [seconds]`.
//!
//! Clients run in the same process and share its cores with the server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_block::raw;
use plume_engine::{
    CheckKind, CheckOutcome, Info, NodeInfo, QueryAnswer, QueryError, Reader, SimulationOutcome, ValidatorKey,
};
use plume_events::EventBus;
use plume_home::genesis::GenesisDoc;
use plume_mempool::{Mempool, MempoolConfig, Options, Signers};
use plume_primitives::{Height, Timestamp};
use plume_rpc::{Environment, NodeView, PeerInfo, RoundView, RpcSettings, Server, Step};
use plume_store::{BlockStore, StoreOptions};

/// Bytes of a transaction: a bank send with a fee and one signature.
const TX: usize = 320;

/// A state machine that accepts everything.
#[derive(Clone)]
struct Anything;

impl Reader for Anything {
    fn info(&self) -> Info {
        Info::default()
    }

    fn check_tx(&self, _tx: &Bytes, _kind: CheckKind) -> CheckOutcome {
        CheckOutcome::default()
    }

    fn query(&self, _: &str, _: &[u8], _: Option<Height>, _: bool) -> Result<QueryAnswer, QueryError> {
        Ok(QueryAnswer::default())
    }

    fn simulate(&self, _tx: &Bytes) -> Result<SimulationOutcome, QueryError> {
        Ok(SimulationOutcome::default())
    }
}

struct Nobody;

impl NodeView for Nobody {
    fn node_info(&self) -> NodeInfo {
        NodeInfo {
            p2p_version: 8,
            block_version: 11,
            app_version: 0,
            id: "00".repeat(20),
            listen_addr: "tcp://127.0.0.1:26656".to_owned(),
            network: "speed-1".to_owned(),
            version: plume_home::config::COMETBFT_VERSION.to_owned(),
            channels: Bytes::new(),
            moniker: "speed".to_owned(),
            tx_index: false,
            rpc_address: String::new(),
        }
    }

    fn validator_key(&self) -> ValidatorKey {
        ValidatorKey::Ed25519([1; 32])
    }

    fn catching_up(&self) -> bool {
        false
    }

    fn listeners(&self) -> Vec<String> {
        Vec::new()
    }

    fn peers(&self) -> Vec<PeerInfo> {
        Vec::new()
    }

    fn round(&self) -> RoundView {
        RoundView {
            height: Height(1),
            round: 0,
            step: Step::NewHeight,
            start_time: Timestamp::UNIX_EPOCH,
            commit_time: Timestamp::UNIX_EPOCH,
            proposal: None,
            precommits: Vec::new(),
        }
    }

    fn add_evidence(&self, _: raw::Evidence) -> Result<(), String> {
        Err("no evidence here".to_owned())
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (connections, seconds) = (arguments.next().unwrap_or(32), arguments.next().unwrap_or(10));
    let folder = tempfile::tempdir().expect("temp dir");
    let genesis = br#"{"genesis_time":"2024-01-01T00:00:00Z","chain_id":"speed-1","app_hash":"","app_state":{}}"#;
    let config = MempoolConfig { size: usize::MAX, max_txs_bytes: u64::MAX, cache_size: 0, ..MempoolConfig::default() };
    // The first eight bytes name the connection: each is a signer of its own.
    let options = Options { signers: |tx| Signers::Known(vec![&tx[..8]]), ..Options::default() };
    let environment = Environment {
        reader: Anything,
        store: BlockStore::open(folder.path(), StoreOptions::default()).expect("a store"),
        mempool: Mempool::with_options(Anything, config, Height::ZERO, options),
        events: EventBus::new(),
        node: Arc::new(Nobody),
        genesis: Arc::new(GenesisDoc::from_json(genesis).expect("a genesis document")),
    };
    let settings = RpcSettings { laddr: "tcp://127.0.0.1:0".to_owned(), ..RpcSettings::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let server = runtime.block_on(Server::start(environment, settings)).expect("a free port");

    let (answered, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (address, begun) = (server.addr(), Instant::now());
    std::thread::scope(|scope| {
        for client in 0..connections {
            let (answered, stop) = (&answered, &stop);
            scope.spawn(move || run(address, client, answered, stop));
        }
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
    });
    let rate = answered.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    println!("{connections} connections, {TX} bytes each: {rate:.0} requests/s");
    runtime.block_on(server.shutdown());
}

/// One request after the other on one connection, each with a transaction of its own.
fn run(address: SocketAddr, client: u64, answered: &AtomicU64, stop: &AtomicBool) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a socket");
    let mut answer = vec![0; 4096];
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let mut tx = [7; TX];
        tx[..8].copy_from_slice(&client.to_be_bytes());
        tx[8..16].copy_from_slice(&number.to_be_bytes());
        number += 1;
        let tx = STANDARD.encode(tx);
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"broadcast_tx_sync\",\"params\":{{\"tx\":\"{tx}\"}}}}"
        );
        let length = body.len();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut read = 0;
        // Answers are short and end with the body's last brace.
        loop {
            read += stream.read(&mut answer[read..]).expect("an answer");
            if answer[..read].ends_with(b"}}") {
                break;
            }
        }
        assert!(
            answer[..read].windows(8).any(|part| part == b"\"code\":0"),
            "{}",
            String::from_utf8_lossy(&answer[..read])
        );
        answered.fetch_add(1, Ordering::Relaxed);
    }
}
