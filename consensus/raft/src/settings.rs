//! What an operator can set.

use std::time::Duration;

use crate::statesync::StateSyncSettings;

/// Settings of the consensus itself, under the names of `config.toml` and `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// When blocks are made.
    pub consensus: BlockSettings,
    /// Raft's times.
    pub raft: RaftSettings,
    /// How an empty node takes over a snapshot of the state; `None`: it executes every block.
    pub state_sync: Option<StateSyncSettings>,
    /// Blocks that are kept for slower peers even if the application needs them no more.
    pub keep_blocks_for_peers: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            consensus: BlockSettings::default(),
            raft: RaftSettings::default(),
            state_sync: None,
            keep_blocks_for_peers: 1000,
        }
    }
}

/// `[consensus]` of `config.toml`, as far as this engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSettings {
    /// `timeout_commit`: least time between a decided block and the next proposal.
    pub timeout_commit: Duration,
    /// `create_empty_blocks`: whether a block may be empty without a reason.
    pub create_empty_blocks: bool,
    /// `create_empty_blocks_interval`: an idle chain makes a block this often; zero: at once if
    /// `create_empty_blocks`, else never.
    pub create_empty_blocks_interval: Duration,
}

impl Default for BlockSettings {
    fn default() -> Self {
        Self {
            timeout_commit: Duration::ZERO,
            create_empty_blocks: false,
            create_empty_blocks_interval: Duration::from_secs(1),
        }
    }
}

/// `[raft]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftSettings {
    /// How often a leader shows that it is there.
    pub heartbeat: Duration,
    /// Least silence of the leader before an election.
    pub election_min: Duration,
    /// Greatest silence of the leader before an election.
    pub election_max: Duration,
    /// Entries between two compactions of the log.
    pub compact_every: u64,
    /// Entries that stay in the log for followers that are a little behind.
    pub keep_entries: u64,
}

impl Default for RaftSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            compact_every: 2000,
            keep_entries: 500,
        }
    }
}

impl RaftSettings {
    /// openraft's configuration.
    ///
    /// # Errors
    /// Times that do not fit together.
    pub(crate) fn config(&self, name: &str) -> Result<openraft::Config, Box<openraft::ConfigError>> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        openraft::Config {
            cluster_name: name.to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            install_snapshot_timeout: 10_000,
            max_payload_entries: 64,
            replication_lag_threshold: self.compact_every.saturating_add(self.keep_entries),
            snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(self.compact_every.max(1)),
            max_in_snapshot_log_to_keep: self.keep_entries,
            // Nobody is elected and nobody votes before the fence is open.
            enable_elect: false,
            ..openraft::Config::default()
        }
        .validate()
        .map_err(Box::new)
    }
}
