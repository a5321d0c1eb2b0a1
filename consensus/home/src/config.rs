//! `config.toml` of CometBFT 0.38: written whole, with values tuned for Plume ([`Config`]), and read ([`Settings`]).

mod address;
mod duration;
mod sections;
mod settings;
mod value;

use core::fmt::Write as _;

pub use address::{AddressError, ListenAddress, NodeId, PeerAddress};
pub use duration::{format_duration, parse_duration};
pub use sections::{Base, BlockSync, Consensus, Instrumentation, Mempool, P2p, Rpc, StateSync, Storage, TxIndex};
pub use settings::{Settings, SettingsError, Warning};

/// CometBFT release that the written file belongs to.
pub const COMETBFT_VERSION: &str = "0.38.25";

/// What varies between the nodes of a network. Everything else in the file is fixed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the node, for people.
    pub moniker: String,
    /// ABCI address that CometBFT dials; the supervisor overrides it by a flag.
    pub proxy_app: String,
    /// `debug`, `info`, `error` or `none`, also per module (`consensus:debug,*:error`).
    pub log_level: String,
    /// `plain` or `json`.
    pub log_format: String,
    /// Where the RPC listens.
    pub rpc_laddr: String,
    /// Web origins that may use the RPC; `*` for all.
    pub cors_allowed_origins: Vec<String>,
    /// Where peers connect.
    pub p2p_laddr: String,
    /// `ip:port` told to peers; empty: found out.
    pub external_address: String,
    /// `id@ip:port` of nodes to stay connected with.
    pub persistent_peers: Vec<String>,
    /// `id@ip:port` of nodes to ask for peers.
    pub seeds: Vec<String>,
    /// Whether only routable addresses are accepted; off on loopback and private networks.
    pub addr_book_strict: bool,
    /// Whether several peers may share one IP address; on for networks on one machine.
    pub allow_duplicate_ip: bool,
    /// Where Prometheus metrics are served; `None` turns them off.
    pub prometheus_laddr: Option<String>,
    /// Pause between empty blocks in milliseconds; 0: an idle chain makes none at all.
    pub empty_block_interval_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            moniker: "plume".to_owned(),
            proxy_app: "tcp://127.0.0.1:26658".to_owned(),
            log_level: "info".to_owned(),
            log_format: "plain".to_owned(),
            rpc_laddr: "tcp://127.0.0.1:26657".to_owned(),
            cors_allowed_origins: Vec::new(),
            p2p_laddr: "tcp://0.0.0.0:26656".to_owned(),
            external_address: String::new(),
            persistent_peers: Vec::new(),
            seeds: Vec::new(),
            addr_book_strict: true,
            allow_duplicate_ip: false,
            prometheus_laddr: None,
            empty_block_interval_ms: 1000,
        }
    }
}

impl Config {
    /// The file, with every key that CometBFT 0.38 knows.
    pub fn to_toml(&self) -> String {
        let mut out = String::from("# CometBFT's settings. Paths are relative to the home directory.\n");
        for (section, keys) in self.sections() {
            if !section.is_empty() {
                let _ = write!(out, "\n[{section}]\n");
            }
            for Key { name, value, comment } in keys {
                for line in comment.lines() {
                    let _ = writeln!(out, "# {line}");
                }
                let _ = writeln!(out, "{name} = {value}");
            }
        }
        out
    }

    fn sections(&self) -> Vec<(&'static str, Vec<Key>)> {
        vec![
            ("", self.base()),
            ("rpc", self.rpc()),
            ("p2p", self.p2p()),
            ("mempool", mempool()),
            ("statesync", state_sync()),
            ("blocksync", vec![text("version", "v0", "")]),
            ("consensus", self.consensus()),
            ("storage", vec![raw("discard_abci_responses", false, "Off: /block_results and re-indexing need them.")]),
            (
                "tx_index",
                vec![
                    text(
                        "indexer",
                        "kv",
                        "\"kv\" lets clients search transactions by event; \"null\" saves the disk space.",
                    ),
                    text("psql-conn", "", ""),
                ],
            ),
            (
                "instrumentation",
                vec![
                    raw("prometheus", self.prometheus_laddr.is_some(), ""),
                    text("prometheus_listen_addr", self.prometheus_laddr.as_deref().unwrap_or(":26660"), ""),
                    raw("max_open_connections", 3, ""),
                    text("namespace", "cometbft", ""),
                ],
            ),
        ]
    }

    fn base(&self) -> Vec<Key> {
        vec![
            text("version", COMETBFT_VERSION, "CometBFT release that this file belongs to."),
            text(
                "proxy_app",
                &self.proxy_app,
                "Where the application listens. `plumed start` replaces it by its own socket.",
            ),
            text("moniker", &self.moniker, "Name of this node, for people."),
            text("db_backend", "goleveldb", ""),
            text("db_dir", "data", ""),
            text(
                "log_level",
                &self.log_level,
                "Lowest level that is logged: debug, info, error, none; also per module.",
            ),
            text("log_format", &self.log_format, "plain or json."),
            text("genesis_file", "config/genesis.json", ""),
            text("priv_validator_key_file", "config/priv_validator_key.json", ""),
            text(
                "priv_validator_state_file",
                "data/priv_validator_state.json",
                "What was signed last. Without it a validator can sign twice and be punished.",
            ),
            text("priv_validator_laddr", "", "Where an external signer connects, instead of the key file."),
            text("node_key_file", "config/node_key.json", ""),
            text("abci", "socket", ""),
            raw("filter_peers", false, ""),
            raw("event_bus_buffer_capacity", 0, ""),
        ]
    }

    fn rpc(&self) -> Vec<Key> {
        vec![
            text("laddr", &self.rpc_laddr, "Where the RPC listens."),
            raw(
                "cors_allowed_origins",
                list(&self.cors_allowed_origins),
                "Web origins that may use the RPC, [\"*\"] for all.",
            ),
            raw("cors_allowed_methods", list(&["HEAD", "GET", "POST"]), ""),
            raw(
                "cors_allowed_headers",
                list(&["Origin", "Accept", "Content-Type", "X-Requested-With", "X-Server-Time"]),
                "",
            ),
            text("grpc_laddr", "", ""),
            raw("grpc_max_open_connections", 900, ""),
            raw("unsafe", false, "Commands that change the node from outside."),
            raw("max_open_connections", 900, ""),
            raw("max_subscription_clients", 100, ""),
            raw("max_subscriptions_per_client", 5, ""),
            raw("experimental_subscription_buffer_size", 200, ""),
            raw("experimental_websocket_write_buffer_size", 200, ""),
            raw("experimental_close_on_slow_client", false, ""),
            text("timeout_broadcast_tx_commit", "10s", ""),
            raw("max_request_batch_size", 10, ""),
            raw("max_body_bytes", 2_000_000, "Room for a transaction of mempool.max_tx_bytes in base64."),
            raw("max_header_bytes", 1_048_576, ""),
            text("tls_cert_file", "", ""),
            text("tls_key_file", "", ""),
            text("pprof_laddr", "", ""),
        ]
    }

    fn p2p(&self) -> Vec<Key> {
        vec![
            text("laddr", &self.p2p_laddr, "Where peers connect."),
            text("external_address", &self.external_address, "ip:port told to peers; empty: found out."),
            text("seeds", &self.seeds.join(","), "id@ip:port, comma separated: nodes to ask for peers."),
            text(
                "persistent_peers",
                &self.persistent_peers.join(","),
                "id@ip:port, comma separated: nodes to stay connected with.",
            ),
            text("addr_book_file", "config/addrbook.json", ""),
            raw("addr_book_strict", self.addr_book_strict, "Only routable addresses; off on private networks."),
            raw("max_num_inbound_peers", 40, ""),
            raw("max_num_outbound_peers", 10, ""),
            text("unconditional_peer_ids", "", ""),
            text(
                "persistent_peers_max_dial_period",
                "5s",
                "Longest pause before a lost persistent peer is dialled again.",
            ),
            text(
                "flush_throttle_timeout",
                "1ms",
                "With peer_gossip_sleep_duration: 40 ms from broadcast to commit instead of 1.3 s\n(median, four validators on one machine).",
            ),
            raw("max_packet_msg_payload_size", 1024, ""),
            raw("send_rate", 20_480_000, "Bytes per second and peer: a full block of 4 MiB takes 0.2 s."),
            raw("recv_rate", 20_480_000, ""),
            raw("pex", true, ""),
            raw("seed_mode", false, ""),
            text("private_peer_ids", "", ""),
            raw(
                "allow_duplicate_ip",
                self.allow_duplicate_ip,
                "Several peers on one address; on for networks on one machine.",
            ),
            text("handshake_timeout", "20s", ""),
            text("dial_timeout", "3s", ""),
        ]
    }

    fn consensus(&self) -> Vec<Key> {
        vec![
            text("wal_file", "data/cs.wal/wal", ""),
            text(
                "timeout_propose",
                "500ms",
                "Wait for a proposal before voting nil, and what each further round adds.",
            ),
            text("timeout_propose_delta", "200ms", ""),
            text(
                "timeout_prevote",
                "200ms",
                "Wait for late votes when 2/3 disagree, and what each further round adds.",
            ),
            text("timeout_prevote_delta", "100ms", ""),
            text("timeout_precommit", "200ms", ""),
            text("timeout_precommit_delta", "100ms", ""),
            text(
                "timeout_commit",
                "0s",
                "No pause after a block: the next one starts when there is something to put into it.",
            ),
            raw("double_sign_check_height", 0, ""),
            raw("skip_timeout_commit", false, ""),
            raw(
                "create_empty_blocks",
                false,
                "Blocks come when there are transactions, and after a block that changed the state\n(its proof), else once per interval; interval 0s: an idle chain makes none at all.",
            ),
            text("create_empty_blocks_interval", &format!("{}ms", self.empty_block_interval_ms), ""),
            text("peer_gossip_sleep_duration", "2ms", ""),
            text("peer_query_maj23_sleep_duration", "2s", ""),
            text("block_time_tolerance", "1m0s", ""),
        ]
    }
}

fn mempool() -> Vec<Key> {
    vec![
        text("type", "flood", ""),
        raw("recheck", true, ""),
        text("recheck_timeout", "1s", ""),
        raw("broadcast", true, ""),
        text("wal_dir", "", ""),
        raw("size", 20_000, "Transactions; a block of 4 MiB holds about 12,000 sends."),
        raw("max_txs_bytes", 1_073_741_824, ""),
        raw("cache_size", 40_000, ""),
        raw("keep-invalid-txs-in-cache", false, ""),
        raw("max_tx_bytes", 1_048_576, ""),
        raw("max_batch_bytes", 0, ""),
        raw("experimental_max_gossip_connections_to_persistent_peers", 0, ""),
        raw("experimental_max_gossip_connections_to_non_persistent_peers", 0, ""),
        text(
            "ttl-duration",
            "10m0s",
            "How long a transaction may wait for its block, 0s for ever. The Raft engine reads it, CometBFT 0.38 not.",
        ),
        raw("ttl-num-blocks", 0, "For how many blocks it may wait, 0 for any number; read likewise."),
    ]
}

fn state_sync() -> Vec<Key> {
    vec![
        raw(
            "enable",
            false,
            "Whether a node without blocks begins with a snapshot of the state, verified from the header below.",
        ),
        text("rpc_servers", "", ""),
        raw("trust_height", 0, ""),
        text("trust_hash", "", ""),
        text("trust_period", "168h0m0s", ""),
        text("discovery_time", "15s", ""),
        text("temp_dir", "", ""),
        text("chunk_request_timeout", "10s", ""),
        text("chunk_fetchers", "4", ""),
        raw("max_snapshot_chunks", 100_000, ""),
    ]
}

struct Key {
    name: &'static str,
    value: String,
    comment: &'static str,
}

fn text(name: &'static str, value: &str, comment: &'static str) -> Key {
    Key { name, value: toml::Value::String(value.to_owned()).to_string(), comment }
}

fn raw(name: &'static str, value: impl ToString, comment: &'static str) -> Key {
    Key { name, value: value.to_string(), comment }
}

fn list<S: AsRef<str>>(items: &[S]) -> String {
    toml::Value::Array(items.iter().map(|item| toml::Value::String(item.as_ref().to_owned())).collect()).to_string()
}

/// What the supervisor needs to know of an existing `config.toml`, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// `rpc.laddr`.
    pub rpc: String,
    /// `p2p.laddr`.
    pub p2p: String,
}

impl Addresses {
    /// Reads the addresses out of a `config.toml`; CometBFT's defaults where they are absent.
    ///
    /// # Errors
    /// The TOML error, as text.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let address = |section: &str, default: &str| {
            table
                .get(section)
                .and_then(|section| section.get("laddr"))
                .and_then(toml::Value::as_str)
                .unwrap_or(default)
                .to_owned()
        };
        Ok(Self { rpc: address("rpc", "tcp://127.0.0.1:26657"), p2p: address("p2p", "tcp://0.0.0.0:26656") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_toml_with_the_tuned_values() {
        let config = Config {
            moniker: "a \"quoted\" name".to_owned(),
            persistent_peers: vec!["aa@1.2.3.4:1".to_owned(), "bb@1.2.3.4:2".to_owned()],
            cors_allowed_origins: vec!["*".to_owned()],
            rpc_laddr: "tcp://127.0.0.1:5".to_owned(),
            prometheus_laddr: Some(":7".to_owned()),
            ..Config::default()
        };
        let text = config.to_toml();
        let table: toml::Table = text.parse().expect("valid TOML");
        let value = |section: &str, key: &str| table[section][key].clone();
        assert_eq!(table["moniker"].as_str(), Some("a \"quoted\" name"));
        assert_eq!(value("p2p", "persistent_peers").as_str(), Some("aa@1.2.3.4:1,bb@1.2.3.4:2"));
        assert_eq!(value("rpc", "cors_allowed_origins").as_array().map(Vec::len), Some(1));
        assert_eq!(value("instrumentation", "prometheus").as_bool(), Some(true));
        for (key, expected) in [
            ("timeout_propose", "500ms"),
            ("timeout_propose_delta", "200ms"),
            ("timeout_prevote", "200ms"),
            ("timeout_prevote_delta", "100ms"),
            ("timeout_precommit", "200ms"),
            ("timeout_precommit_delta", "100ms"),
            ("timeout_commit", "0s"),
            ("create_empty_blocks_interval", "1000ms"),
            ("peer_gossip_sleep_duration", "2ms"),
        ] {
            assert_eq!(value("consensus", key).as_str(), Some(expected), "{key}");
        }
        assert_eq!(value("consensus", "create_empty_blocks").as_bool(), Some(false));
        assert_eq!(value("p2p", "flush_throttle_timeout").as_str(), Some("1ms"));
        assert_eq!(value("tx_index", "indexer").as_str(), Some("kv"));
        assert_eq!(
            Addresses::from_toml(&text),
            Ok(Addresses { rpc: "tcp://127.0.0.1:5".to_owned(), p2p: "tcp://0.0.0.0:26656".to_owned() })
        );
        assert!(Addresses::from_toml("[").is_err());
    }
}
