//! The command line: names, arguments and flags as the Cosmos SDK has them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::LightCommand;

/// The Plume node: an institutional Cosmos chain in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "plumed",
    version,
    propagate_version = true,
    after_help = "Examples:\n  plumed devnet --validators 1 --output ./dev --start\n  plumed query bank balances plume1... --output json\n  plumed tx bank send alice plume1... 1000uplume --yes\n\nExit codes: 0 success, 1 failure, 2 wrong usage."
)]
pub struct Cli {
    /// Directory for configuration and data.
    #[arg(long, global = true, env = "PLUMED_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Least level of log messages: a level, or a filter such as `info,plume_state=debug`.
    #[arg(long, global = true, env = "PLUMED_LOG_LEVEL", value_name = "FILTER", default_value = "info,openraft=warn")]
    pub log_level: String,
    /// Form of log messages.
    #[arg(long, global = true, env = "PLUMED_LOG_FORMAT", value_enum, default_value_t = LogFormat::Plain)]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Form of log messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// Form of a command's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// JSON.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value in the life of the process")]
pub enum Command {
    /// Write the configuration, keys and genesis of a new node.
    Init(InitArgs),
    /// Run the node.
    Start(StartArgs),
    /// Manage the keys that sign transactions.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Prepare a genesis document.
    #[command(subcommand)]
    Genesis(GenesisCommand),
    /// Write (and run) the homes of a local network with funded accounts.
    Devnet(DevnetArgs),
    /// Make, sign and broadcast transactions.
    #[command(subcommand)]
    Tx(TxCommand),
    /// Ask a node about its state.
    #[command(subcommand, visible_alias = "q")]
    Query(QueryCommand),
    /// Show where a node stands.
    Status(NodeArgs),
    /// Verify headers and values as a light client does, without trusting the node.
    #[command(subcommand)]
    Light(LightCommand),
    /// Commands of the consensus engine's own files.
    #[command(subcommand, visible_alias = "tendermint")]
    Comet(CometCommand),
    /// Write the state as a genesis document.
    Export(ExportArgs),
    /// Print the version.
    Version {
        /// Print what the binary is made of, too.
        #[arg(long)]
        long: bool,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
}

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plumed init my-node --chain-id plume-local-1 --home ./node")]
pub struct InitArgs {
    /// Name of the node among its peers.
    pub moniker: String,
    /// Chain id; `name-N` gives IBC revision N.
    #[arg(long, default_value = "plume-local-1")]
    pub chain_id: String,
    /// Overwrite an existing genesis document.
    #[arg(long, short = 'o')]
    pub overwrite: bool,
    /// Base denomination of the chain.
    #[arg(long, default_value = "uplume")]
    pub default_denom: String,
    /// Prefix of account addresses.
    #[arg(long, default_value = "plume")]
    pub prefix: String,
    /// Height of the first block.
    #[arg(long, default_value_t = 1)]
    pub initial_height: u64,
}

/// Consensus engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// Raft in this process: needs no other binary, survives crashes, trusts the other validators.
    Raft,
    /// CometBFT as a supervised child process.
    Cometbft,
    /// Only listen for an ABCI client that somebody else runs.
    Abci,
}

/// Arguments of `start`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  plumed start --home ./node\n  plumed start --engine cometbft --cometbft ./bin/cometbft -- --p2p.pex=false\n  plumed start --engine abci --address tcp://127.0.0.1:26658"
)]
pub struct StartArgs {
    /// Consensus engine.
    #[arg(long, value_enum, default_value_t = EngineKind::Raft)]
    pub engine: EngineKind,
    /// The `cometbft` binary, when it is not beside `plumed` or on PATH.
    #[arg(long, env = "PLUMED_COMETBFT", value_name = "PATH")]
    pub cometbft: Option<PathBuf>,
    /// Where to listen with `--engine abci`: `unix://PATH` or `tcp://HOST:PORT`.
    #[arg(long, default_value = "tcp://127.0.0.1:26658")]
    pub address: String,
    /// Least gas prices this node accepts, for example `0.001uplume`; overrides app.toml.
    #[arg(long, env = "PLUMED_MINIMUM_GAS_PRICES")]
    pub minimum_gas_prices: Option<String>,
    /// History to keep: default, nothing (keep all), everything (keep the recent ones) or custom; overrides app.toml.
    #[arg(long, env = "PLUMED_PRUNING")]
    pub pruning: Option<String>,
    /// Heights to keep with `--pruning custom`.
    #[arg(long)]
    pub pruning_keep_recent: Option<u64>,
    /// RPC listen address; overrides config.toml.
    #[arg(long = "rpc.laddr")]
    pub rpc_laddr: Option<String>,
    /// P2P listen address; overrides config.toml.
    #[arg(long = "p2p.laddr")]
    pub p2p_laddr: Option<String>,
    /// Persistent peers, `id@host:port,..`; overrides config.toml.
    #[arg(long = "p2p.persistent_peers")]
    pub p2p_persistent_peers: Option<String>,
    /// Serve gRPC; overrides app.toml.
    #[arg(long = "grpc.enable", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub grpc_enable: Option<bool>,
    /// gRPC listen address, `host:port`; overrides app.toml.
    #[arg(long = "grpc.address")]
    pub grpc_address: Option<String>,
    /// Serve gRPC-web at the API's address; overrides app.toml.
    #[arg(long = "grpc-web.enable", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub grpc_web_enable: Option<bool>,
    /// Serve REST; overrides app.toml.
    #[arg(long = "api.enable", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub api_enable: Option<bool>,
    /// REST listen address, `tcp://host:port`; overrides app.toml.
    #[arg(long = "api.address")]
    pub api_address: Option<String>,
    /// Serve the description of REST as a page; overrides app.toml.
    #[arg(long = "api.swagger", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub api_swagger: Option<bool>,
    /// Let web pages of every origin call REST; overrides app.toml.
    #[arg(long = "api.enabled-unsafe-cors", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub api_enabled_unsafe_cors: Option<bool>,
    /// Stop when standard input ends, so that a node never outlives the process that started it.
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// Further settings of config.toml after `--`, as CometBFT's flags: `--section.key=value`.
    #[arg(last = true)]
    pub engine_flags: Vec<String>,
}

/// Where keys are kept.
#[derive(Debug, Clone, Args)]
pub struct KeyringArgs {
    /// Keyring: `test` (unencrypted, for development) or `file` (encrypted with a password).
    #[arg(long, env = "PLUMED_KEYRING_BACKEND", value_name = "BACKEND")]
    pub keyring_backend: Option<String>,
    /// Directory of the keyring; the home by default.
    #[arg(long, value_name = "DIR")]
    pub keyring_dir: Option<PathBuf>,
}

/// `keys ...`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key, or recover one from its mnemonic.
    #[command(
        after_help = "Examples:\n  plumed keys add alice --keyring-backend test\n  plumed keys add alice --recover < mnemonic.txt\n  plumed keys add board --multisig a,b,c --multisig-threshold 2"
    )]
    Add(KeysAddArgs),
    /// List all keys.
    List {
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Show a key.
    Show {
        /// Name or address.
        name: String,
        /// Print the address alone.
        #[arg(long, short)]
        address: bool,
        /// Print the public key alone.
        #[arg(long, short)]
        pubkey: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Delete a key.
    Delete {
        /// Name.
        name: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Write a private key as encrypted ASCII armor.
    Export {
        /// Name.
        name: String,
        /// Write the private key as plain hexadecimal digits instead.
        #[arg(long, requires = "unsafe_")]
        unarmored_hex: bool,
        /// Confirm an export that is not encrypted.
        #[arg(long = "unsafe", id = "unsafe_")]
        confirmed: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Read a private key from ASCII armor.
    Import {
        /// Name of the new key.
        name: String,
        /// File with the armor.
        file: PathBuf,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
}

/// Arguments of `keys add`.
#[derive(Debug, Args)]
pub struct KeysAddArgs {
    /// Name.
    pub name: String,
    /// Read the mnemonic from standard input.
    #[arg(long)]
    pub recover: bool,
    /// Do not print the mnemonic.
    #[arg(long)]
    pub no_backup: bool,
    /// Show the key without keeping it.
    #[arg(long)]
    pub dry_run: bool,
    /// Account number of the derivation path.
    #[arg(long, default_value_t = 0)]
    pub account: u32,
    /// Address index of the derivation path.
    #[arg(long, default_value_t = 0)]
    pub index: u32,
    /// Coin type of the derivation path.
    #[arg(long, default_value_t = 118)]
    pub coin_type: u32,
    /// Keep only this public key (protobuf JSON).
    #[arg(long, conflicts_with_all = ["recover", "multisig"])]
    pub pubkey: Option<String>,
    /// Make a multisig key of these keys.
    #[arg(long, value_delimiter = ',', conflicts_with = "recover")]
    pub multisig: Vec<String>,
    /// Signatures that the multisig key needs.
    #[arg(long, default_value_t = 1)]
    pub multisig_threshold: u32,
    /// Keep the members in the order given instead of sorting them by address.
    #[arg(long)]
    pub nosort: bool,
    /// Where keys are kept.
    #[command(flatten)]
    pub keyring: KeyringArgs,
    /// Form of the result.
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// `genesis ...`
#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Add an account with a balance to the genesis document.
    #[command(after_help = "Example:\n  plumed genesis add-genesis-account alice 1000000uplume --keyring-backend test")]
    AddGenesisAccount {
        /// Address, or the name of a key.
        address: String,
        /// Balance, for example `10uplume,5uusd`.
        coins: String,
        /// Add to the balance of an account that is there.
        #[arg(long)]
        append: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Add this node's validator key to the genesis document.
    AddValidator {
        /// Voting power.
        #[arg(long, default_value_t = 10)]
        power: u64,
    },
    /// Check a genesis document.
    #[command(visible_alias = "validate-genesis")]
    Validate {
        /// The document; the home's own by default.
        file: Option<PathBuf>,
    },
}

/// Arguments of `devnet`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumed devnet --validators 4 --engine cometbft --output ./net\n  plumed devnet --validators 1 --output ./dev --start"
)]
pub struct DevnetArgs {
    /// Number of validators.
    #[arg(long, default_value_t = 1)]
    pub validators: u16,
    /// Consensus engine.
    #[arg(long, value_enum, default_value_t = EngineKind::Raft)]
    pub engine: EngineKind,
    /// Directory for the homes; must be new or empty unless `--start` finds a network in it.
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
    /// Run all validators after writing the homes.
    #[arg(long)]
    pub start: bool,
    /// Chain id.
    #[arg(long, default_value = "plume-local-1")]
    pub chain_id: String,
    /// Prefix of account addresses.
    #[arg(long, default_value = "plume")]
    pub prefix: String,
    /// Base denomination.
    #[arg(long, default_value = "uplume")]
    pub denom: String,
    /// First RPC port; validator i takes this port plus 10 i.
    #[arg(long, default_value_t = 26657)]
    pub rpc_port: u16,
    /// First P2P port; validator i takes this port plus 10 i.
    #[arg(long, default_value_t = 26656)]
    pub p2p_port: u16,
    /// First gRPC port; validator i takes this port plus 10 i. By default as far from 9090 as the RPC port from 26657.
    #[arg(long)]
    pub grpc_port: Option<u16>,
    /// First REST port; validator i takes this port plus 10 i. By default as far from 1317 as the RPC port from 26657.
    #[arg(long)]
    pub api_port: Option<u16>,
    /// Names of the funded accounts.
    #[arg(long, value_delimiter = ',', default_value = "alice,bob,carol")]
    pub accounts: Vec<String>,
    /// Balance of each funded account.
    #[arg(long)]
    pub balance: Option<String>,
    /// Least gas prices of each node.
    #[arg(long)]
    pub minimum_gas_prices: Option<String>,
    /// The `cometbft` binary.
    #[arg(long, env = "PLUMED_COMETBFT", value_name = "PATH")]
    pub cometbft: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// Which node to talk to, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    /// RPC address of the node.
    #[arg(long, env = "PLUMED_NODE", value_name = "URL")]
    pub node: Option<String>,
    /// Form of the result.
    #[arg(long, short, value_enum, env = "PLUMED_OUTPUT")]
    pub output: Option<OutputFormat>,
}

/// Flags of everything that makes a transaction.
#[derive(Debug, Clone, Args)]
pub struct TxArgs {
    /// Key that signs: a name or an address.
    #[arg(long)]
    pub from: Option<String>,
    /// Chain id.
    #[arg(long, env = "PLUMED_CHAIN_ID")]
    pub chain_id: Option<String>,
    /// Gas limit, or `auto` to simulate first.
    #[arg(long, default_value = "200000")]
    pub gas: String,
    /// Factor on the simulated gas.
    #[arg(long, default_value_t = 1.0)]
    pub gas_adjustment: f64,
    /// Fees to pay.
    #[arg(long, conflicts_with = "gas_prices")]
    pub fees: Option<String>,
    /// Price of a unit of gas; the fee is price times limit, rounded up.
    #[arg(long)]
    pub gas_prices: Option<String>,
    /// Account that pays the fee instead of the signer; it must sign too.
    #[arg(long)]
    pub fee_payer: Option<String>,
    /// Account that grants the fee.
    #[arg(long)]
    pub fee_granter: Option<String>,
    /// Memo.
    #[arg(long, default_value = "")]
    pub note: String,
    /// Last height at which the transaction is valid; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub timeout_height: u64,
    /// Account number, needed offline.
    #[arg(long, short)]
    pub account_number: Option<u64>,
    /// Sequence, needed offline.
    #[arg(long, short)]
    pub sequence: Option<u64>,
    /// Sign mode.
    #[arg(long, value_enum, default_value_t = SignModeArg::Direct)]
    pub sign_mode: SignModeArg,
    /// How long to wait: `sync` for the mempool's check, `async` for nothing.
    #[arg(long, short, default_value = "sync")]
    pub broadcast_mode: String,
    /// Print the unsigned transaction and stop.
    #[arg(long)]
    pub generate_only: bool,
    /// Simulate, print the gas estimate and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not talk to a node.
    #[arg(long)]
    pub offline: bool,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub yes: bool,
    /// Where keys are kept.
    #[command(flatten)]
    pub keyring: KeyringArgs,
    /// Node and form.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Sign mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignModeArg {
    /// The encoded transaction.
    Direct,
    /// Amino JSON.
    AminoJson,
    /// Screens for people; asks the node how denominations are written.
    Textual,
    /// The body without the fee, which another signer pays.
    DirectAux,
}

/// `tx ...`
#[derive(Debug, Subcommand)]
pub enum TxCommand {
    /// Messages of bank.
    #[command(subcommand)]
    Bank(TxBankCommand),
    /// Sign a transaction made with `--generate-only`.
    Sign(TxFileArgs),
    /// Combine the signatures of a multisig key's members.
    #[command(visible_alias = "multi-sign", name = "multisign")]
    Multisign {
        /// File with the unsigned transaction.
        file: PathBuf,
        /// Name of the multisig key.
        name: String,
        /// Files that `tx sign --multisig` wrote.
        #[arg(required = true)]
        signatures: Vec<PathBuf>,
        /// Where to write the result; standard output by default.
        #[arg(long)]
        output_document: Option<PathBuf>,
        /// Flags.
        #[command(flatten)]
        tx: TxArgs,
    },
    /// Print a transaction (JSON file) as base64 protobuf.
    Encode {
        /// File, `-` for standard input.
        file: PathBuf,
    },
    /// Print a transaction (base64, or hexadecimal with `--hex`) as JSON.
    Decode {
        /// The encoded transaction.
        encoded: String,
        /// The text is hexadecimal.
        #[arg(long, short = 'x')]
        hex: bool,
    },
    /// Send a signed transaction (JSON file).
    Broadcast {
        /// File, `-` for standard input.
        file: PathBuf,
        /// Flags.
        #[command(flatten)]
        tx: TxArgs,
    },
    /// Run a transaction (JSON file) without keeping its effect.
    Simulate {
        /// File, `-` for standard input.
        file: PathBuf,
        /// Flags.
        #[command(flatten)]
        tx: TxArgs,
    },
}

/// Arguments of `tx sign`.
#[derive(Debug, Args)]
pub struct TxFileArgs {
    /// File, `-` for standard input.
    pub file: PathBuf,
    /// Sign as a member of this multisig account (address or name) and print the signature alone.
    #[arg(long)]
    pub multisig: Option<String>,
    /// Print only the signature.
    #[arg(long)]
    pub signature_only: bool,
    /// Where to write the result; standard output by default.
    #[arg(long)]
    pub output_document: Option<PathBuf>,
    /// Flags.
    #[command(flatten)]
    pub tx: TxArgs,
}

/// `tx bank ...`
#[derive(Debug, Subcommand)]
pub enum TxBankCommand {
    /// Send coins.
    #[command(after_help = "Example:\n  plumed tx bank send alice plume1... 1000uplume --fees 200uplume --yes")]
    Send {
        /// Key or address that gives.
        #[arg(value_name = "FROM")]
        giver: String,
        /// Address that gets.
        to: String,
        /// Coins.
        amount: String,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
    },
    /// Send the same coins to each of several addresses.
    #[command(after_help = "Example:\n  plumed tx bank multi-send alice plume1a... plume1b... 10uplume --yes")]
    MultiSend {
        /// Key or address that gives.
        #[arg(value_name = "FROM")]
        giver: String,
        /// Addresses that get, then the coins.
        #[arg(required = true, num_args = 2..)]
        to_and_amount: Vec<String>,
        /// Divide the coins among the addresses, rounded down, instead of giving each the whole.
        #[arg(long)]
        split: bool,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
    },
}

/// Pages of a list.
#[derive(Debug, Clone, Default, Args)]
pub struct PageArgs {
    /// Key of the page, base64, from the page before it.
    #[arg(long)]
    pub page_key: Option<String>,
    /// Entries to skip.
    #[arg(long, default_value_t = 0)]
    pub page_offset: u64,
    /// Entries in a page.
    #[arg(long, default_value_t = 100)]
    pub page_limit: u64,
    /// Count all entries.
    #[arg(long)]
    pub page_count_total: bool,
    /// From the last entry to the first.
    #[arg(long)]
    pub page_reverse: bool,
}

/// Flags of everything that asks.
#[derive(Debug, Clone, Args)]
pub struct QueryArgs {
    /// Height whose state to read; the latest by default.
    #[arg(long)]
    pub height: Option<u64>,
    /// Pages.
    #[command(flatten)]
    pub page: PageArgs,
    /// Node and form.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `query ...`
#[derive(Debug, Subcommand)]
pub enum QueryCommand {
    /// Accounts and parameters of transactions.
    Auth(ModuleQueryArgs),
    /// Balances and supply.
    Bank(ModuleQueryArgs),
    /// Consensus parameters.
    Consensus(ModuleQueryArgs),
    /// A transaction by its hash.
    Tx {
        /// Hash, 64 hexadecimal digits.
        hash: String,
        /// Flags.
        #[command(flatten)]
        query: QueryArgs,
    },
    /// A block by its height; the latest by default.
    Block {
        /// Height.
        height: Option<u64>,
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

/// A query of a module: `NAME [ARGUMENT]...`; `list` shows the names.
#[derive(Debug, Args)]
pub struct ModuleQueryArgs {
    /// Name of the query; `list` prints them.
    pub name: String,
    /// Arguments in the order that `list` shows.
    pub arguments: Vec<String>,
    /// Flags.
    #[command(flatten)]
    pub query: QueryArgs,
}

/// `comet ...`
#[derive(Debug, Subcommand)]
pub enum CometCommand {
    /// Print the node's id among its peers.
    ShowNodeId,
    /// Print the validator's public key.
    ShowValidator,
    /// Print the validator's consensus address.
    ShowAddress,
    /// Remove all blocks and state, and reset the validator's sign state. Dangerous: a validator may sign twice.
    UnsafeResetAll,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plumed export --home ./node > genesis.json")]
pub struct ExportArgs {
    /// Height to export; the latest by default.
    #[arg(long)]
    pub height: Option<u64>,
    /// Where to write the document; standard output by default.
    #[arg(long)]
    pub output_document: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_do_not_collide() {
        Cli::command().debug_assert();
    }
}
