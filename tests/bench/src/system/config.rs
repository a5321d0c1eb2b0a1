use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use plume_home::config::{Config, format_duration};
use rand::Rng;
use serde_json::{Map, Value, json};

/// Where nodes have their ports: below those that the kernel gives to outgoing connections.
const PORTS: Range<u16> = 11_000..32_000;

/// Ports of two nodes are this far apart.
pub(super) const PORT_STEP: u16 = 10;

/// Limits that every system gets alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Gas of a block; -1 for no limit.
    pub block_gas: i64,
    /// Transactions in a mempool.
    pub mempool: u64,
    /// Transactions in one JSON-RPC batch.
    pub batch: usize,
    /// Whether transactions are indexed by their events.
    pub index: bool,
    /// Pause after a block of simd. Its app hash changes with every block, so that without one it makes empty blocks
    /// without end.
    pub simd_pause: Duration,
    /// Blocks, and states of past heights, that each node of Plume keeps; 0 keeps all.
    pub keep_blocks: u64,
    /// Whether the first node of Plume serves REST.
    pub rest: bool,
    /// Lines of `config.toml` that are different, key and TOML value.
    pub set: Vec<(String, String)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_bytes: 4 << 20,
            block_gas: -1,
            mempool: 20_000,
            batch: 100,
            index: true,
            simd_pause: Duration::from_millis(500),
            keep_blocks: 0,
            rest: false,
            set: Vec::new(),
        }
    }
}

impl Limits {
    pub(super) fn describe(&self) -> Map<String, Value> {
        let settings = json!({
            "block_bytes": self.block_bytes,
            "block_gas": self.block_gas,
            "mempool_txs": self.mempool,
            "json_rpc_batch": self.batch,
            "indexer": if self.index { "kv" } else { "null" },
        });
        let mut settings = settings.as_object().cloned().unwrap_or_default();
        if self.keep_blocks > 0 {
            settings.insert("keep_blocks".to_owned(), json!(self.keep_blocks));
        }
        settings.extend(self.set.iter().map(|(key, value)| (key.clone(), json!(value))));
        settings
    }

    /// Puts the limits into a `config.toml` that [`Config`] wrote: CometBFT's settings as `plumed init` tunes them.
    pub(super) fn apply(&self, file: &Path, pause: Duration) -> Result<()> {
        let mut text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let body = self.batch.max(10) * 200_000;
        let pause = format_duration(pause);
        let replacements = [
            ("max_request_batch_size = 10\n", format!("max_request_batch_size = {}\n", self.batch.max(10))),
            ("max_body_bytes = 2000000\n", format!("max_body_bytes = {}\n", body.max(2_000_000))),
            ("\nsize = 20000\n", format!("\nsize = {}\n", self.mempool)),
            ("\ncache_size = 40000\n", format!("\ncache_size = {}\n", self.mempool * 2)),
            ("\nindexer = \"kv\"\n", format!("\nindexer = \"{}\"\n", if self.index { "kv" } else { "null" })),
            ("\ntimeout_commit = \"0s\"\n", format!("\ntimeout_commit = \"{pause}\"\n")),
        ];
        for (from, to) in replacements {
            if !text.contains(from) {
                bail!("{} does not contain {:?}", file.display(), from.trim());
            }
            text = text.replace(from, &to);
        }
        for (key, value) in &self.set {
            let is_key =
                |line: &&str| line.split('=').next().is_some_and(|name| name.trim() == key) && line.contains('=');
            let found: Vec<String> = text.lines().filter(is_key).map(ToOwned::to_owned).collect();
            let [line] = found.as_slice() else {
                bail!("{} has {} lines that set {key}, needs one", file.display(), found.len());
            };
            text = text.replace(&format!("\n{line}\n"), &format!("\n{key} = {value}\n"));
        }
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// `block` of the consensus parameters in a genesis document.
    pub(super) fn block_params(&self) -> Value {
        json!({ "max_bytes": self.block_bytes.to_string(), "max_gas": self.block_gas.to_string() })
    }
}

/// `config.toml` of a node on loopback.
pub(super) fn node_config(moniker: String, rpc: u16, p2p: u16, peers: Vec<String>) -> Config {
    Config {
        moniker,
        rpc_laddr: format!("tcp://127.0.0.1:{rpc}"),
        p2p_laddr: format!("tcp://127.0.0.1:{p2p}"),
        persistent_peers: peers,
        addr_book_strict: false,
        allow_duplicate_ip: true,
        log_level: "error".to_owned(),
        ..Config::default()
    }
}

/// First port of `nodes` nodes: of each three ports from there on are free now.
pub(super) fn free_ports(nodes: u16) -> Result<u16> {
    for _ in 0..1000 {
        let first = rand::thread_rng().gen_range(PORTS.start..PORTS.end - nodes * PORT_STEP);
        let mut ports = (first..first + nodes * PORT_STEP).step_by(usize::from(PORT_STEP)).flat_map(|p| p..p + 3);
        if ports.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(first);
        }
    }
    bail!("no free ports between {} and {}", PORTS.start, PORTS.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_into_the_file_of_a_new_node() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, Config::default().to_toml()).expect("writable");
        let limits = Limits { mempool: 7, batch: 50, index: false, ..Limits::default() };
        limits.apply(&file, Duration::from_millis(500)).expect("every key is there");
        let text = std::fs::read_to_string(&file).expect("written");
        for line in [
            "max_request_batch_size = 50",
            "size = 7",
            "cache_size = 14",
            "indexer = \"null\"",
            "timeout_commit = \"500ms\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        assert!(limits.apply(&file, Duration::ZERO).is_err(), "a file that was changed already is refused");
    }
}
