//! CometBFT over the same chain.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plume_cometbft::{Stop, SupervisorOptions, find_binary};
use plume_home::config::Config;
use plume_home::home::Home;
use plume_rpc::RpcSettings;
use serde_json::{Value, json};

use crate::{Endpoint, chain};

/// Longest wait for a block.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// A running CometBFT with one validator that makes blocks only when there is something to put in.
pub struct Real {
    endpoint: Endpoint,
    stop: Stop,
    running: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Real {
    /// Starts the node with the same limits as ours, and waits for it to rest.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(settings: &RpcSettings) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        let home = Home::new(folder.path());
        let (rpc, p2p) = (free_port(), free_port());
        let config = Config {
            rpc_laddr: format!("tcp://127.0.0.1:{rpc}"),
            p2p_laddr: format!("tcp://127.0.0.1:{p2p}"),
            cors_allowed_origins: settings.cors_allowed_origins.clone(),
            empty_block_interval_ms: 0,
            ..Config::default()
        };
        home.init_with_keys(&config, &chain::validator(), &chain::node()).expect("a home");
        home.write_genesis(&chain::genesis()).expect("a genesis document");
        adjust(&home.config_file(), settings);
        let options = SupervisorOptions {
            binary: Some(binary()),
            flags: ["--log_level", "none"].map(str::to_owned).to_vec(),
            ..SupervisorOptions::new(folder.path())
        };
        let stop = options.stop.clone();
        let running = std::thread::spawn(move || {
            let code = plume_cometbft::run(chain::open(), &options).expect("a clean run");
            assert_eq!(code, 0, "CometBFT's exit code");
        });
        let endpoint = Endpoint(SocketAddr::from((Ipv4Addr::LOCALHOST, rpc)));
        let node = Self { endpoint, stop, running: Some(running), _folder: folder };
        until("an RPC", || std::net::TcpStream::connect(endpoint.0).ok());
        node.rest(0);
        node
    }

    /// The RPC.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Height of the last block.
    pub fn height(&self) -> u64 {
        let status = self.endpoint.call("status", &json!({}));
        status["sync_info"]["latest_block_height"].as_str().and_then(|text| text.parse().ok()).expect("a height")
    }

    /// Waits until there are blocks above `height` and no more are due: the last one changed nothing.
    ///
    /// # Panics
    /// When that does not happen.
    pub fn rest(&self, height: u64) -> u64 {
        until("rest", || {
            let now = self.height();
            if now <= height || now == 0 {
                return None;
            }
            let at = json!({"height": now.to_string()});
            // CometBFT has a block before it has its results.
            let results = self.endpoint.try_call("block_results", &at).ok()?;
            let header = self.endpoint.call("header", &at);
            let waiting = self.endpoint.call("num_unconfirmed_txs", &json!({}));
            // The header has the hash before the block, in hex; the results the one after it, in base64.
            let quiet = unchanged(&header["header"]["app_hash"], &results["app_hash"]) && waiting["total"] == "0";
            (quiet && self.height() == now && self.deciding() == now + 1).then_some(now)
        })
    }

    /// The height being decided. Once it is the next one, the events of the last block have been sent.
    fn deciding(&self) -> u64 {
        let state = self.endpoint.call("consensus_state", &json!({}));
        let at =
            state["round_state"]["height/round/step"].as_str().and_then(|text| text.split('/').next()?.parse().ok());
        at.expect("a height")
    }

    /// Waits for a height.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait(&self, height: u64) {
        until("a block", || (self.deciding() > height).then_some(()));
    }

    /// The transactions of a block.
    ///
    /// # Panics
    /// When there is no such block.
    pub fn txs(&self, height: u64) -> Vec<bytes::Bytes> {
        use base64::Engine as _;
        let block = self.endpoint.call("block", &json!({"height": height.to_string()}));
        let txs = block["block"]["data"]["txs"].as_array().expect("a list");
        let decode = |tx: &Value| base64::engine::general_purpose::STANDARD.decode(tx.as_str().expect("text"));
        txs.iter().map(|tx| decode(tx).expect("base64").into()).collect()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

fn unchanged(before: &Value, after: &Value) -> bool {
    use base64::Engine as _;
    let before = before.as_str().and_then(|text| hex::decode(text).ok());
    let after = after.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    before.is_some() && before == after
}

/// The limits that are not in the settings that a home is written with.
fn adjust(path: &Path, settings: &RpcSettings) {
    let text = std::fs::read_to_string(path).expect("just written");
    let value = |name: &str| match name {
        "max_open_connections" => Some(settings.max_open_connections.to_string()),
        "max_subscription_clients" => Some(settings.max_subscription_clients.to_string()),
        "max_subscriptions_per_client" => Some(settings.max_subscriptions_per_client.to_string()),
        "max_request_batch_size" => Some(settings.max_request_batch_size.to_string()),
        "max_body_bytes" => Some(settings.max_body_bytes.to_string()),
        "timeout_broadcast_tx_commit" => Some(format!("\"{}ms\"", settings.timeout_broadcast_tx_commit.as_millis())),
        "unsafe" => Some(settings.unsafe_methods.to_string()),
        "timeout_commit" => Some(format!("\"{}ms\"", chain::BLOCK_PAUSE.as_millis())),
        "skip_timeout_commit" => Some("false".to_owned()),
        _ => None,
    };
    let mut section = String::new();
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            if line.starts_with('[') {
                section = line.to_owned();
            }
            let name = line.split('=').next().unwrap_or_default().trim();
            match value(name) {
                Some(value) if matches!(section.as_str(), "[rpc]" | "[consensus]") => format!("{name} = {value}"),
                _ => line.to_owned(),
            }
        })
        .collect();
    std::fs::write(path, lines.join("\n")).expect("a writable home");
}

fn binary() -> std::path::PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin");
    let explicit = std::env::var_os("PLUMED_COMETBFT").map(std::path::PathBuf::from);
    find_binary(explicit.as_deref(), Some(&tools)).unwrap_or_else(|error| panic!("{error}"))
}

fn free_port() -> u16 {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    probe.local_addr().expect("bound").port()
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}
