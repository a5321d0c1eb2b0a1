use std::path::PathBuf;
use std::time::Duration;

use crate::node::cometbft;

/// What decides the blocks of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Raft inside `plumed`.
    Raft,
    /// CometBFT as a child of `plumed`.
    Cometbft,
}

impl Engine {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Raft, Self::Cometbft];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::Cometbft => "cometbft",
        }
    }

    /// The engine with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// Flags of `plumed start` and `plumed devnet`.
    pub(crate) fn flags(self) -> Vec<PathBuf> {
        let mut flags = vec![PathBuf::from("--engine"), PathBuf::from(self.name())];
        if self == Self::Cometbft {
            flags.extend([PathBuf::from("--cometbft"), cometbft()]);
        }
        flags
    }
}

/// Times of the Raft engine in `app.toml`, and the pace of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Between two signs of life of a leader.
    pub heartbeat: Duration,
    /// Least silence before an election.
    pub election_min: Duration,
    /// Greatest silence before an election.
    pub election_max: Duration,
    /// `timeout_commit` of `config.toml`: least time from a block to the next.
    pub pause: Duration,
}

impl Times {
    /// What `plumed init` writes.
    pub const DEFAULT: Self = Self::millis(100, 300, 600, 0);

    /// For machines with more processes than cores: no election because a leader waited for a core, and no core is busy
    /// with blocks that nobody waits for. openraft's followers wait for `election_max` and a time of their own.
    pub const PATIENT: Self = Self::millis(250, 700, 1400, 50);

    /// For tests in which the leader must stay.
    pub const STEADY: Self = Self::millis(500, 5000, 8000, 50);

    const fn millis(heartbeat: u64, election_min: u64, election_max: u64, pause: u64) -> Self {
        Self {
            heartbeat: Duration::from_millis(heartbeat),
            election_min: Duration::from_millis(election_min),
            election_max: Duration::from_millis(election_max),
            pause: Duration::from_millis(pause),
        }
    }
}
