//! `devnet-throughput`: bank sends that a Raft network commits in a second, sent over HTTP by many accounts.
//!
//! Everything is signed before the clock starts. Each connection is kept open and carries the payments of its accounts in
//! order, one `broadcast_tx_sync` after the other or, with BATCH, that many in one JSON-RPC batch. Committed payments and
//! times are read from the chain: those after the first block with payments, by the times of the votes.
//!
//! ```text
//! cargo build --release -p plumed && cargo run --release -p plume-tests-devnet --bin devnet-throughput -- \
//!     [VALIDATORS [PAYMENTS [CONNECTIONS [BATCH [ACCOUNTS [ENGINE]]]]]]
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_client::RpcClient;
use plume_primitives::Timestamp;
use plume_tests_devnet::{Engine, Network, Setup, Times, within};
use serde_json::{Value, json};

const USAGE: &str = "devnet-throughput [VALIDATORS [PAYMENTS [CONNECTIONS [BATCH [ACCOUNTS [raft|cometbft]]]]]]";

/// Accounts, unless the command line says another number. Fewer make it harder: whatever an account of a block has in
/// the mempool is checked again in full.
const ACCOUNTS: usize = 1000;

/// Longest run.
const PATIENCE: Duration = Duration::from_secs(600);

/// Before a full mempool is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Headers per `blockchain` answer.
const PAGE: u64 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| match arguments.get(at) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number: {USAGE}")),
        None => default,
    };
    let (validators, payments) = (number(0, 1), number(1, 40_000));
    let (connections, batch) = (number(2, 8), number(3, 1).max(1));
    let accounts = number(4, ACCOUNTS).div_ceil(connections).max(1);
    let engine = arguments.get(5).map_or(Engine::Raft, |name| Engine::parse(name).unwrap_or_else(|| panic!("{USAGE}")));
    let mut network = Network::new(Setup {
        validators: u16::try_from(validators).unwrap_or_else(|_| panic!("{USAGE}")),
        accounts: connections * accounts,
        times: Times::DEFAULT,
        ..Setup::new(engine)
    });
    let each = payments.div_ceil(connections * accounts) as u64;
    let bodies: Vec<Vec<Vec<u8>>> = (0..connections).map(|at| bodies(&network, at, accounts, each, batch)).collect();
    network.start();

    let start = Instant::now();
    std::thread::scope(|scope| {
        for (at, bodies) in bodies.iter().enumerate() {
            let url = network.nodes()[at % network.nodes().len()].rpc().url().to_owned();
            scope.spawn(move || Sender::new(&url).send_all(bodies));
        }
    });
    let sent = start.elapsed();
    let rpc = network.nodes()[0].rpc();
    within(PATIENCE, || network.accounts().iter().all(|account| account.sequence(rpc) == Some(each)).then_some(()))
        .expect("every payment is committed");
    let (wall, total) = (start.elapsed(), each * (connections * accounts) as u64);
    let (counted, time, blocks) = chain_rate(rpc);
    println!(
        "{}, {validators} validators, {} accounts, {connections} connections, {batch} in a request: {total} bank sends accepted in {sent:?} and \
         committed in {wall:?} ({:.0}/s); by the chain's own times {counted} in {time:?} and {blocks} blocks: {:.0}/s",
        engine.name(),
        network.accounts().len(),
        total as f64 / wall.as_secs_f64(),
        counted as f64 / time.as_secs_f64(),
    );
    let per_account = vec![each; network.accounts().len()];
    network.require_agreement(&per_account);
}

/// The requests of one connection: its accounts take turns, each in the order of its sequence.
fn bodies(network: &Network, connection: usize, accounts: usize, each: u64, batch: usize) -> Vec<Vec<u8>> {
    let accounts = &network.accounts()[connection * accounts..(connection + 1) * accounts];
    let calls: Vec<Value> = (0..each)
        .flat_map(|sequence| accounts.iter().map(move |account| (account, sequence)))
        .enumerate()
        .map(|(id, (account, sequence))| {
            let tx = STANDARD.encode(account.pay(network.chain_id(), network.denom(), sequence));
            json!({ "jsonrpc": "2.0", "id": id, "method": "broadcast_tx_sync", "params": { "tx": tx } })
        })
        .collect();
    calls
        .chunks(batch)
        .map(|calls| match calls {
            [one] => one.to_string().into_bytes(),
            many => Value::from(many.to_vec()).to_string().into_bytes(),
        })
        .collect()
}

/// One connection.
struct Sender {
    host: String,
    reader: BufReader<TcpStream>,
}

impl Sender {
    fn new(url: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).expect("the node listens");
        stream.set_nodelay(true).expect("a socket");
        Self { host, reader: BufReader::new(stream) }
    }

    fn send_all(mut self, bodies: &[Vec<u8>]) {
        for body in bodies {
            while !self.send(body) {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Whether everything in the request is in the mempool now; not when that is full.
    fn send(&mut self, body: &[u8]) -> bool {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let stream = self.reader.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).expect("the node reads");
        let answer: Value = serde_json::from_slice(&self.answer()).expect("JSON");
        let answers = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
        answers.iter().all(|answer| {
            let error = answer["error"].to_string();
            let accepted = answer["result"]["code"] == 0 || error.contains("tx already exists in cache");
            assert!(accepted || error.contains("mempool is full"), "{answer}");
            accepted
        })
    }

    fn answer(&mut self) -> Vec<u8> {
        let mut length = None;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("an answer");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
        }
        let mut body = vec![0; length.expect("an answer with a length")];
        self.reader.read_exact(&mut body).expect("the whole answer");
        body
    }
}

/// Payments after the first block that has any, the time that they took, and their blocks.
fn chain_rate(rpc: &RpcClient) -> (u64, Duration, usize) {
    let last = rpc.status().expect("reachable").latest_height;
    let mut blocks: Vec<(u64, Timestamp, u64)> = Vec::new();
    let mut from = 1;
    while from <= last {
        let to = (from + PAGE - 1).min(last);
        let params = json!({ "minHeight": from.to_string(), "maxHeight": to.to_string() });
        let page = rpc.call("blockchain", &params).expect("headers");
        for meta in page["block_metas"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().expect("a string").to_owned();
            let number = |value: &Value| text(value).parse().expect("a number");
            let time = text(&meta["header"]["time"]).parse().expect("a time");
            blocks.push((number(&meta["header"]["height"]), time, number(&meta["num_txs"])));
        }
        from = to + 1;
    }
    blocks.sort_unstable_by_key(|block| block.0);
    let full: Vec<usize> = (0..blocks.len()).filter(|at| blocks[*at].2 > 0).collect();
    let (first, last) = (full[0], full[full.len() - 1]);
    // A header has the time of the votes for the block before.
    let decided = |at: usize| blocks[(at + 1).min(blocks.len() - 1)].1;
    let time = decided(last).since(decided(first)).unwrap_or_default();
    let counted = blocks[first + 1..=last].iter().map(|block| block.2).sum();
    (counted, time, last - first)
}
