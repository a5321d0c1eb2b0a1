//! A node's home: paths, `app.toml` and `client.toml`, with the SDK's names.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plume_primitives::Bech32Prefix;
use serde::Deserialize;
use toml::Table;

use crate::cli::ConfigFile;
use crate::config_file::{apply_environment, remove_without_effect};

use crate::doors::{self, ApiConfig, GrpcConfig, GrpcWebConfig, TelemetryConfig};

/// Directory in the user's home when `--home` is not given.
const DEFAULT_DIR: &str = ".plume";

/// A home directory.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// The home given on the command line, or `.plume` in the user's home.
    pub fn of(given: Option<&Path>) -> Result<Self> {
        match given {
            Some(path) => Ok(Self(path.to_path_buf())),
            None => {
                let home = std::env::var_os("HOME").context("HOME is not set: name a directory with --home")?;
                Ok(Self(PathBuf::from(home).join(DEFAULT_DIR)))
            }
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `config/genesis.json`.
    pub fn genesis(&self) -> PathBuf {
        self.0.join("config/genesis.json")
    }

    /// `config/app.toml`.
    pub fn app_toml(&self) -> PathBuf {
        self.0.join("config/app.toml")
    }

    /// `config/client.toml`.
    pub fn client_toml(&self) -> PathBuf {
        self.0.join("config/client.toml")
    }

    /// One of the files in `config`.
    pub fn config_file(&self, file: ConfigFile) -> PathBuf {
        self.0.join("config").join(file.file_name())
    }

    /// The part of the home that CometBFT shares.
    pub fn comet(&self) -> plume_home::home::Home {
        plume_home::home::Home::new(&self.0)
    }

    /// `data/application.db`, the state.
    pub fn state(&self) -> PathBuf {
        self.0.join("data/application.db")
    }

    /// `data/snapshots`, the state's snapshots for other nodes.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("data/snapshots")
    }

    /// Reads `app.toml`, defaults when there is none, and what the environment says instead.
    pub fn app_config(&self) -> Result<AppConfig> {
        let path = self.app_toml();
        let table = read_toml(&path, ConfigFile::App)?;
        AppConfig::from_table(table).with_context(|| format!("{} is malformed", path.display()))
    }

    /// Reads `client.toml`, defaults when there is none, and what the environment says instead.
    pub fn client_config(&self) -> Result<ClientConfig> {
        let path = self.client_toml();
        let table = read_toml(&path, ConfigFile::Client)?;
        ClientConfig::from_table(table).with_context(|| format!("{} is malformed", path.display()))
    }

    /// Prefix of account addresses, from `client.toml`.
    pub fn prefix(&self) -> Result<Bech32Prefix> {
        let prefix = self.client_config()?.bech32_prefix;
        Bech32Prefix::new(&prefix)
            .with_context(|| format!("bech32-prefix {prefix:?} in {}", self.client_toml().display()))
    }

    /// Writes `app.toml` and `client.toml` of a new node.
    pub fn write_configs(&self, app: &AppConfig, client: &ClientConfig) -> Result<()> {
        fs::create_dir_all(self.0.join("config")).with_context(|| format!("cannot create {}", self.0.display()))?;
        write(&self.app_toml(), &app.to_toml())?;
        write(&self.client_toml(), &client.to_toml())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn read_toml(path: &Path, file: ConfigFile) -> Result<Table> {
    let mut table: Table = match fs::read_to_string(path) {
        Ok(text) => text.parse().with_context(|| format!("{} is malformed", path.display()))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Table::new(),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    apply_environment(&mut table, &file.default_table(), |name| std::env::var(name).ok())?;
    Ok(table)
}

/// `app.toml`. Unknown keys are refused, so that a misspelt one does not go unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AppConfig {
    /// Least gas prices this node accepts into its mempool.
    pub minimum_gas_prices: String,
    /// `default`, `nothing`, `everything` or `custom`.
    pub pruning: String,
    /// Heights to keep with `custom`.
    pub pruning_keep_recent: u64,
    /// First block that the node does not execute; 0 for none.
    pub halt_height: u64,
    /// Unix time in seconds from which on the node executes no block; 0 for none.
    pub halt_time: u64,
    /// Blocks that CometBFT keeps; 0 keeps all that the state does not need pruned.
    pub min_retain_blocks: u64,
    /// Whether signatures are verified in blocks that were decided without this node.
    pub verify_decided_signatures: bool,
    /// Minutes between two checkpoints of the state's trees; 0 for none but at shutdown.
    pub checkpoint_minutes: u64,
    /// Times of the Raft engine.
    pub raft: RaftConfig,
    /// Gas that one query may spend; 0 for no limit. The SDK writes it as text.
    #[serde(deserialize_with = "doors::number_or_text")]
    pub query_gas_limit: u64,
    /// Snapshots of the state for nodes that join.
    pub state_sync: StateSyncConfig,
    /// Figures of the doors.
    pub telemetry: TelemetryConfig,
    /// REST.
    pub api: ApiConfig,
    /// gRPC.
    pub grpc: GrpcConfig,
    /// gRPC for web pages.
    pub grpc_web: GrpcWebConfig,
}

/// `[state-sync]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StateSyncConfig {
    /// A snapshot is written at heights that are multiples of this; 0 for none.
    pub snapshot_interval: u64,
    /// How many snapshots are kept; 0 keeps all.
    pub snapshot_keep_recent: u32,
}

impl Default for StateSyncConfig {
    fn default() -> Self {
        Self { snapshot_interval: 0, snapshot_keep_recent: 2 }
    }
}

/// `[raft]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RaftConfig {
    /// Milliseconds between two signs of life of the leader; also the time one append may take.
    pub heartbeat_ms: u64,
    /// Least milliseconds of the leader's silence before an election.
    pub election_min_ms: u64,
    /// Greatest milliseconds of the leader's silence before an election.
    pub election_max_ms: u64,
}

impl Default for RaftConfig {
    fn default() -> Self {
        Self { heartbeat_ms: 100, election_min_ms: 300, election_max_ms: 600 }
    }
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            minimum_gas_prices: String::new(),
            pruning: "default".to_owned(),
            pruning_keep_recent: 0,
            halt_height: 0,
            halt_time: 0,
            min_retain_blocks: 0,
            verify_decided_signatures: true,
            checkpoint_minutes: 10,
            raft: RaftConfig::default(),
            query_gas_limit: 300_000_000,
            state_sync: StateSyncConfig::default(),
            telemetry: TelemetryConfig::default(),
            api: ApiConfig::default(),
            grpc: GrpcConfig::default(),
            grpc_web: GrpcWebConfig::default(),
        }
    }
}

impl AppConfig {
    /// Reads settings; those of the SDK that have no effect here are accepted.
    pub fn from_table(mut table: Table) -> Result<Self> {
        remove_without_effect(&mut table);
        Ok(toml::Value::Table(table).try_into()?)
    }

    /// The file, with comments.
    pub fn to_toml(&self) -> String {
        format!(
            "# Least gas prices that this node accepts into its mempool, for example \"0.001uplume\".\n\
             # Each node decides for itself; a block may hold transactions that pay less.\n\
             minimum-gas-prices = {:?}\n\n\
             # How much history of the state to keep:\n\
             #   default     the last 362880 heights\n\
             #   nothing     all heights\n\
             #   everything  the last 2 heights\n\
             #   custom      the last pruning-keep-recent heights\n\
             pruning = {:?}\n\
             pruning-keep-recent = {}\n\n\
             # Settings of the Cosmos SDK that its tools look for; they have no effect here.\n\
             pruning-interval = \"0\"\n\
             index-events = []\n\n\
             # Height, or Unix time in seconds, of the first block that this node does not execute: it stops before it, for\n\
             # example for an upgrade. 0: none.\n\
             halt-height = {}\n\
             halt-time = {}\n\n\
             # Blocks that CometBFT must keep; 0 keeps all.\n\
             min-retain-blocks = {}\n\n\
             # Whether to verify the signatures of transactions in blocks that were decided without this node, as when it\n\
             # catches up. false takes the signatures of more than two thirds of the validators under a block as proof that\n\
             # its transactions were signed: old blocks are then executed two to three times as fast.\n\
             verify-decided-signatures = {}\n\n\
             # Gas that one query may spend on reading state, and one simulation in all: a page of a million balances costs\n\
             # about 300000000.\n\
             # 0: no limit.\n\
             query-gas-limit = \"{}\"\n\n\
             # Minutes between two checkpoints of the state's trees, from which a restart is faster; 0 for none but\n\
             # at shutdown.\n\
             checkpoint-minutes = {}\n\n\
             # Times of the Raft engine in milliseconds: the leader's sign of life, and the bounds of its silence before\n\
             # an election. Use longer ones between continents or on slow machines.\n\
             [raft]\nheartbeat-ms = {}\nelection-min-ms = {}\nelection-max-ms = {}\n\n\
             # Snapshots of the state, from which a node that joins can start: one at each height that is a multiple of\n\
             # snapshot-interval (0: none), the last snapshot-keep-recent of them (0: all).\n\
             [state-sync]\nsnapshot-interval = {}\nsnapshot-keep-recent = {}\n\n{}",
            self.minimum_gas_prices,
            self.pruning,
            self.pruning_keep_recent,
            self.halt_height,
            self.halt_time,
            self.min_retain_blocks,
            self.verify_decided_signatures,
            self.query_gas_limit,
            self.checkpoint_minutes,
            self.raft.heartbeat_ms,
            self.raft.election_min_ms,
            self.raft.election_max_ms,
            self.state_sync.snapshot_interval,
            self.state_sync.snapshot_keep_recent,
            doors::to_toml(self)
        )
    }
}

/// `client.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClientConfig {
    /// Chain id of transactions.
    pub chain_id: String,
    /// `test` or `file`.
    pub keyring_backend: String,
    /// `text` or `json`.
    pub output: String,
    /// RPC address.
    pub node: String,
    /// `sync` or `async`.
    pub broadcast_mode: String,
    /// Prefix of account addresses.
    pub bech32_prefix: String,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            chain_id: String::new(),
            keyring_backend: "file".to_owned(),
            output: "text".to_owned(),
            node: "tcp://localhost:26657".to_owned(),
            broadcast_mode: "sync".to_owned(),
            bech32_prefix: "plume".to_owned(),
        }
    }
}

impl ClientConfig {
    /// Reads settings.
    pub fn from_table(table: Table) -> Result<Self> {
        Ok(toml::Value::Table(table).try_into()?)
    }

    /// The file, with comments.
    pub fn to_toml(&self) -> String {
        format!(
            "# Chain id that transactions are signed for.\nchain-id = {:?}\n\
             # Where keys are kept: \"file\" (encrypted) or \"test\" (not encrypted).\nkeyring-backend = {:?}\n\
             # Form of results: \"text\" or \"json\".\noutput = {:?}\n\
             # RPC address of the node to talk to.\nnode = {:?}\n\
             # How long to wait for a transaction: \"sync\" or \"async\".\nbroadcast-mode = {:?}\n\
             # Prefix of account addresses.\nbech32-prefix = {:?}\n",
            self.chain_id, self.keyring_backend, self.output, self.node, self.broadcast_mode, self.bech32_prefix
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_configs_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home(dir.path().to_path_buf());
        let app = AppConfig {
            minimum_gas_prices: "0.1uplume".to_owned(),
            pruning: "custom".to_owned(),
            pruning_keep_recent: 5,
            halt_height: 8,
            halt_time: 9,
            min_retain_blocks: 7,
            verify_decided_signatures: false,
            checkpoint_minutes: 3,
            raft: RaftConfig { heartbeat_ms: 1, election_min_ms: 2, election_max_ms: 3 },
            query_gas_limit: 6,
            state_sync: StateSyncConfig { snapshot_interval: 4, snapshot_keep_recent: 5 },
            telemetry: TelemetryConfig {
                enabled: true,
                global_labels: vec![("chain".to_owned(), "a \"b\"".to_owned())],
                ..TelemetryConfig::default()
            },
            api: ApiConfig { enable: true, swagger: true, rpc_max_body_bytes: 8, ..ApiConfig::default() },
            grpc: GrpcConfig { enable: false, max_recv_msg_size: 7, ..GrpcConfig::default() },
            grpc_web: GrpcWebConfig { enable: false },
        };
        let client = ClientConfig { chain_id: "a-1".to_owned(), ..ClientConfig::default() };
        home.write_configs(&app, &client).unwrap();
        assert_eq!(home.app_config().unwrap(), app);
        assert_eq!(home.client_config().unwrap(), client);
    }

    #[test]
    fn misspelt_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("config")).unwrap();
        fs::write(dir.path().join("config/app.toml"), "minimum-gas-price = \"1x\"\n").unwrap();
        let error = format!("{:#}", Home(dir.path().to_path_buf()).app_config().unwrap_err());
        assert!(error.contains("app.toml is malformed") && error.contains("minimum-gas-price"), "{error}");
    }
}
