//! `query ...`

use clap::{Args, Subcommand, ValueEnum};

use super::NodeArgs;
use crate::autocli::AutoQuery;

/// Pages of a list.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pages")]
pub struct PageArgs {
    /// Number of the page, from 1: skips `page-limit` entries for each page before it.
    #[arg(long, default_value_t = 1, conflicts_with_all = ["page_key", "page_offset"])]
    pub page: u64,
    /// Key of the page, base64, from the page before it.
    #[arg(long)]
    pub page_key: Option<String>,
    /// Entries to skip.
    #[arg(long, alias = "offset", default_value_t = 0)]
    pub page_offset: u64,
    /// Entries in a page.
    #[arg(long, alias = "limit", default_value_t = 100)]
    pub page_limit: u64,
    /// Count all entries.
    #[arg(long, alias = "count-total")]
    pub page_count_total: bool,
    /// From the last entry to the first.
    #[arg(long, alias = "reverse")]
    pub page_reverse: bool,
}

/// Flags of everything that asks.
#[derive(Debug, Clone, Args)]
pub struct QueryArgs {
    /// Height whose state to read; the latest by default.
    #[arg(long)]
    pub height: Option<u64>,
    /// Node and form.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// What a transaction is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TxKey {
    /// Its hash.
    Hash,
    /// `<address>/<sequence>` of a signer.
    #[value(name = "acc_seq")]
    AccSeq,
    /// Its signatures, base64, with commas in between.
    Signature,
}

/// What a block is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BlockKey {
    /// Its height.
    Height,
    /// Its hash.
    Hash,
}

/// Order of a search's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderBy {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[value(alias = "dsc")]
    Desc,
}

/// A search by events.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Conditions on events in CometBFT's language.
    #[arg(long)]
    pub query: String,
    /// Number of the page, from 1.
    #[arg(long, default_value_t = 1)]
    pub page: u32,
    /// Results in a page.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// Order of results.
    #[arg(long = "order_by", alias = "order-by", value_enum, default_value_t = OrderBy::Asc)]
    pub order_by: OrderBy,
    /// Flags.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `query ...`
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value in the life of the process")]
pub enum QueryCommand {
    /// A query of a module.
    #[command(flatten)]
    Module(AutoQuery),
    /// A transaction by its hash, its signer and sequence, or its signatures.
    #[command(
        after_help = "Examples:\n  plumed query tx 5E7B...\n  plumed query tx --type acc_seq plume1.../7\n  plumed query tx --type signature SIGNATURE_BASE64"
    )]
    Tx {
        /// Hash, `<address>/<sequence>`, or signatures.
        key: String,
        /// What it is.
        #[arg(long = "type", value_enum, default_value_t = TxKey::Hash)]
        kind: TxKey,
        /// Flags.
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Transactions whose events match.
    #[command(
        after_help = "Example:\n  plumed query txs --query \"message.sender='plume1...' AND tx.height > 7\" --page 1 --limit 30"
    )]
    Txs(SearchArgs),
    /// A block by its height or hash; the latest by default.
    #[command(
        after_help = "Examples:\n  plumed query block\n  plumed query block 12\n  plumed query block --type hash 5E7B..."
    )]
    Block {
        /// Height, or hash of 64 hexadecimal digits.
        key: Option<String>,
        /// What it is; found by its form if not given.
        #[arg(long = "type", value_enum)]
        kind: Option<BlockKey>,
        /// Flags.
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Blocks whose events match.
    #[command(after_help = "Example:\n  plumed query blocks --query \"block.height > 10\" --order_by desc")]
    Blocks(SearchArgs),
    /// The results of a block's transactions; the latest by default.
    #[command(after_help = "Example:\n  plumed query block-results 12")]
    BlockResults {
        /// Height.
        height: Option<u64>,
        /// Flags.
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Wait until a transaction is in a block.
    #[command(
        visible_alias = "event-query-tx-for",
        after_help = "Example:\n  plumed tx bank send alice plume1... 10uplume --yes -o json | jq -r .txhash | xargs plumed query wait-tx"
    )]
    WaitTx {
        /// Hash, 64 hexadecimal digits.
        hash: String,
        /// How long to wait, for example `15s`.
        #[arg(long, default_value = "15s")]
        timeout: String,
        /// Flags.
        #[command(flatten)]
        node: NodeArgs,
    },
    /// The validators of a height; the latest by default.
    #[command(
        visible_aliases = ["cometbft-validator-set", "tendermint-validator-set"],
        after_help = "Example:\n  plumed query comet-validator-set 12 --output json"
    )]
    CometValidatorSet {
        /// Height.
        height: Option<u64>,
        /// Number of the page, from 1.
        #[arg(long, default_value_t = 1)]
        page: u32,
        /// Validators in a page.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Flags.
        #[command(flatten)]
        node: NodeArgs,
    },
    /// A value of a store with its proof, verified against the app hash of the header that follows.
    #[command(after_help = "Example:\n  plumed query proof bank 02 14<address as 40 hex digits>75706c756d65")]
    Proof {
        /// Store, for example `bank`.
        store: String,
        /// Key in hexadecimal digits; several parts are put together.
        #[arg(required = true)]
        key: Vec<String>,
        /// Flags.
        #[command(flatten)]
        query: QueryArgs,
    },
}
