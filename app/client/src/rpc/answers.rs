use plume_crypto::PublicKey;
use plume_primitives::Timestamp;
use plume_proto::tendermint::crypto::ProofOps;
use serde::Deserialize;
use serde_json::Value;

/// Answer of `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Id of the chain.
    pub chain_id: String,
    /// Name that the operator gave the node.
    pub moniker: String,
    /// The node's id in the network.
    pub node_id: String,
    /// Version of CometBFT.
    pub version: String,
    /// Height of the newest block.
    pub latest_height: u64,
    /// Its time.
    pub latest_time: Timestamp,
    /// App hash in its header: the state after the block before.
    pub latest_app_hash: Vec<u8>,
    /// Whether the node is still fetching old blocks.
    pub catching_up: bool,
    /// The node's power as a validator.
    pub voting_power: i64,
    /// The whole answer.
    pub raw: Value,
}

/// Answer of `abci_query`.
#[derive(Debug, Clone, PartialEq)]
pub struct AbciAnswer {
    /// 0, or the number of an error.
    pub code: u32,
    /// Who numbers it.
    pub codespace: String,
    /// Text of an error.
    pub log: String,
    /// Key that was asked for, of store queries.
    pub key: Vec<u8>,
    /// The result.
    pub value: Vec<u8>,
    /// Height of the state that answered.
    pub height: u64,
    /// Proof of the value, or of its absence.
    pub proof: Option<ProofOps>,
}

/// Answer of `broadcast_tx_sync` and `broadcast_tx_async`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Broadcast {
    /// 0 if the node took the transaction into its pool.
    pub code: u32,
    /// Who numbers the code.
    #[serde(default)]
    pub codespace: String,
    /// Text of an error.
    #[serde(default)]
    pub log: String,
    /// The transaction's hash, upper-case hexadecimal.
    pub hash: String,
}

/// Answer of `broadcast_tx_commit`.
#[derive(Debug, Clone, PartialEq)]
pub struct BroadcastCommit {
    /// The transaction's hash, upper-case hexadecimal.
    pub hash: String,
    /// Block that contains it; 0 if none does.
    pub height: u64,
    /// Result of CheckTx.
    pub check_tx: Value,
    /// Result in the block.
    pub tx_result: Value,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq)]
pub struct TxAnswer {
    /// Its hash, upper-case hexadecimal.
    pub hash: String,
    /// The block's height.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
    /// 0 if it succeeded.
    pub code: u32,
    /// Who numbers the code.
    pub codespace: String,
    /// Text of an error.
    pub log: String,
    /// Encoded `TxMsgData`.
    pub data: Vec<u8>,
    /// Gas that it might use.
    pub gas_wanted: i64,
    /// Gas that it used.
    pub gas_used: i64,
    /// Its bytes.
    pub tx: Vec<u8>,
    /// Its events as CometBFT prints them.
    pub events: Value,
}

/// A page of `tx_search`.
#[derive(Debug, Clone, PartialEq)]
pub struct TxSearch {
    /// The page's transactions.
    pub txs: Vec<TxAnswer>,
    /// How many match in all.
    pub total: u64,
}

/// The parts of a block header that clients need; the rest is in the raw answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    /// Id of the chain.
    pub chain_id: String,
    /// The block's height.
    pub height: u64,
    /// The block's time.
    pub time: Timestamp,
    /// Root of the state **before** this block, that is after the block at `height - 1`.
    pub app_hash: Vec<u8>,
    /// Hash of the validators that commit this block.
    pub validators_hash: Vec<u8>,
    /// Consensus address of the proposer.
    pub proposer_address: Vec<u8>,
}

/// A validator of a height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Consensus address.
    pub address: Vec<u8>,
    /// Ed25519 consensus key.
    pub public_key: Vec<u8>,
    /// Its weight in votes.
    pub voting_power: i64,
}

/// A page of `validators`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorPage {
    /// Height that they validate.
    pub height: u64,
    /// The page's validators.
    pub validators: Vec<Validator>,
    /// How many there are in all.
    pub total: u64,
}

/// What signing needs to know of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its address as the chain writes it.
    pub address: String,
    /// Its number, which signatures cover.
    pub account_number: u64,
    /// Its next sequence.
    pub sequence: u64,
    /// Its key, known after its first transaction.
    pub public_key: Option<PublicKey>,
}
