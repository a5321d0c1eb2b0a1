use std::time::Duration;

use plume_block::{FullBlock, Vote, raw};
use plume_engine::{NodeInfo, ValidatorKey};
use plume_primitives::{Height, Timestamp};

/// What only the engine knows of the node. Calls are cheap and never wait for a block.
pub trait NodeView: Send + Sync + 'static {
    /// How the node introduces itself.
    fn node_info(&self) -> NodeInfo;

    /// The node's own consensus key, whether or not it is in the validator set.
    fn validator_key(&self) -> ValidatorKey;

    /// Whether the node is still fetching old blocks.
    fn catching_up(&self) -> bool;

    /// Whether peers can connect, and where (`Listener(@host:port)` as CometBFT prints it).
    fn listeners(&self) -> Vec<String>;

    /// The peers that are connected.
    fn peers(&self) -> Vec<PeerInfo>;

    /// What consensus is doing now.
    fn round(&self) -> RoundView;

    /// Takes evidence of misbehaviour that has passed the checks that need no state.
    ///
    /// # Errors
    /// The text that follows `failed to add evidence: `.
    fn add_evidence(&self, evidence: raw::Evidence) -> Result<(), String>;

    /// Starts dialling `id@host:port` addresses (unsafe methods only).
    ///
    /// # Errors
    /// Why an address is refused.
    fn dial(&self, peers: &[String], persistent: bool) -> Result<(), String> {
        let _ = (peers, persistent);
        Err("peers are configured in config.toml".to_owned())
    }
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerInfo {
    /// How it introduced itself.
    pub info: NodeInfo,
    /// Whether this node dialled.
    pub outbound: bool,
    /// Its IP address.
    pub remote_ip: String,
    /// Its `id@ip:port`.
    pub address: String,
    /// For how long it is connected.
    pub connected: Duration,
    /// When the connection began.
    pub since: Timestamp,
    /// What went to it.
    pub sent: Traffic,
    /// What came from it.
    pub received: Traffic,
    /// Height that it reported last; 0 if unknown.
    pub height: u64,
}

/// Bytes in one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes since the connection began.
    pub bytes: u64,
    /// Messages since the connection began.
    pub messages: u64,
    /// Bytes in the last second.
    pub rate: u64,
}

/// Steps of CometBFT's round state machine, as clients know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Waiting to begin the height.
    NewHeight = 1,
    /// A round begins.
    NewRound = 2,
    /// Waiting for a proposal.
    Propose = 3,
    /// Judging the proposal.
    Prevote = 4,
    /// More than 2/3 prevoted, not for one block.
    PrevoteWait = 5,
    /// Collecting precommits.
    Precommit = 6,
    /// More than 2/3 precommitted, not for one block.
    PrecommitWait = 7,
    /// Executing the block.
    Commit = 8,
}

impl Step {
    /// The name in events: `RoundStepPropose`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NewHeight => "RoundStepNewHeight",
            Self::NewRound => "RoundStepNewRound",
            Self::Propose => "RoundStepPropose",
            Self::Prevote => "RoundStepPrevote",
            Self::PrevoteWait => "RoundStepPrevoteWait",
            Self::Precommit => "RoundStepPrecommit",
            Self::PrecommitWait => "RoundStepPrecommitWait",
            Self::Commit => "RoundStepCommit",
        }
    }
}

/// Consensus at the height that is being decided.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundView {
    /// The height being decided, at least 1.
    pub height: Height,
    /// Its round, from 0.
    pub round: i32,
    /// Where in the round.
    pub step: Step,
    /// When the height began.
    pub start_time: Timestamp,
    /// When the last block was committed; [`Timestamp::GO_ZERO`] before the first.
    pub commit_time: Timestamp,
    /// The block that is proposed, once it is complete.
    pub proposal: Option<FullBlock>,
    /// Precommits that have arrived for this height and round.
    pub precommits: Vec<Vote>,
}
