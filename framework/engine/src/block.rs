use bytes::Bytes;
use plume_primitives::{Gas, Height, Timestamp};

use crate::{ConsensusParams, Event, ValidatorKey};

/// A block's hash, the key of everything computed ahead of its decision.
pub type BlockId = Bytes;

/// A block as an engine proposes it, before it is decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proposal {
    /// Hash of the block; empty while a proposer is still choosing its transactions.
    pub hash: BlockId,
    /// Height of the block.
    pub height: Height,
    /// Time of the block.
    pub time: Timestamp,
    /// Candidate transactions (prepare) or the block's transactions (process), in order.
    pub txs: Vec<Bytes>,
    /// Bytes that the transactions may take together, each counted as
    /// `1 + uvarint(len) + len` (`ComputeProtoSizeForTxs`). Only set for prepare.
    pub max_tx_bytes: Option<u64>,
    /// Votes of the last commit.
    pub last_commit: CommitInfo,
    /// Evidence in the block.
    pub misbehaviour: Vec<Misbehaviour>,
    /// Hash of the validators that sign the next block.
    pub next_validators_hash: Bytes,
    /// Address of the validator whose proposal this is, 20 bytes.
    pub proposer: Bytes,
}

/// A decided block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    /// Hash of the block.
    pub hash: BlockId,
    /// Height of the block.
    pub height: Height,
    /// Time of the block.
    pub time: Timestamp,
    /// Transactions in order.
    pub txs: Vec<Bytes>,
    /// Votes of the last commit, from the block itself.
    pub last_commit: CommitInfo,
    /// Evidence in the block.
    pub misbehaviour: Vec<Misbehaviour>,
    /// Hash of the validators that sign the next block.
    pub next_validators_hash: Bytes,
    /// Address of the proposer, 20 bytes.
    pub proposer: Bytes,
}

impl From<&Proposal> for Block {
    fn from(p: &Proposal) -> Self {
        Self {
            hash: p.hash.clone(),
            height: p.height,
            time: p.time,
            txs: p.txs.clone(),
            last_commit: p.last_commit.clone(),
            misbehaviour: p.misbehaviour.clone(),
            next_validators_hash: p.next_validators_hash.clone(),
            proposer: p.proposer.clone(),
        }
    }
}

/// The application's opinion of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The block may be decided.
    Accept,
    /// The block must not be decided; the text is for the log.
    Reject(String),
}

/// Who signed the last block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitInfo {
    /// Round of the commit.
    pub round: i32,
    /// One entry for each validator of that height, in set order.
    pub votes: Vec<VoteInfo>,
}

/// One validator's part in the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoteInfo {
    /// The validator.
    pub validator: Validator,
    /// Whether and for what it signed.
    pub flag: VoteFlag,
}

/// `BlockIDFlag` of CometBFT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoteFlag {
    /// No vote arrived.
    Absent,
    /// Voted for the block.
    Commit,
    /// Voted nil.
    Nil,
}

/// A validator as the engine names it to the application.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validator {
    /// Consensus address, 20 bytes.
    pub address: Bytes,
    /// Voting power.
    pub power: i64,
}

/// Evidence that a validator broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misbehaviour {
    /// What it did.
    pub kind: MisbehaviourKind,
    /// Who did it, with the power it had then.
    pub validator: Validator,
    /// Height of the offence.
    pub height: Height,
    /// Time of the offence.
    pub time: Timestamp,
    /// Power of the whole set at that height.
    pub total_power: i64,
}

/// Kinds of [`Misbehaviour`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// A kind that this version does not know.
    Unknown,
    /// Two votes for one height and round.
    DuplicateVote,
    /// An attack on light clients.
    LightClientAttack,
}

/// A change of one validator's power; power 0 removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorUpdate {
    /// Consensus key.
    pub key: ValidatorKey,
    /// New power, not negative.
    pub power: i64,
}

/// Outcome of one transaction of a block.
///
/// # Consensus
/// CometBFT hashes `code`, `data`, `gas_wanted` and `gas_used` into `last_results_hash`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TxResult {
    /// 0 for success.
    pub code: u32,
    /// Names the module that numbers `code`; empty on success.
    pub codespace: String,
    /// `TxMsgData` on success, empty on failure.
    pub data: Bytes,
    /// Text of the failure; empty on success (SDK 0.50). Not part of consensus.
    pub log: String,
    /// Gas limit of the transaction.
    pub gas_wanted: Gas,
    /// Gas that it used.
    pub gas_used: Gas,
    /// Events in order.
    pub events: Vec<Event>,
}

/// Everything that executing a block gives back to the engine.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockOutcome {
    /// Hash of the state after the block.
    pub app_hash: Bytes,
    /// One result for each transaction, in order.
    pub tx_results: Vec<TxResult>,
    /// Events of the begin and end of the block.
    pub events: Vec<Event>,
    /// Validator changes; they act at height + 2. Keys are unique.
    pub validator_updates: Vec<ValidatorUpdate>,
    /// New consensus parameters when the block changed them.
    pub consensus_params: Option<ConsensusParams>,
}

/// Result of making a block's state the committed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The height that is now committed.
    pub height: Height,
    /// Blocks below this height are no longer needed by the application; never above the
    /// durable height, 0 when everything must be kept.
    pub retain_height: Height,
}
