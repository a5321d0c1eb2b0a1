//! The command line: names, arguments and flags as the Cosmos SDK has them.

mod bench;
mod genesis;
mod keys;
mod query;
mod tools;
mod tx;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use bench::{BenchCommand, BenchTxArgs};
pub use genesis::{AddAccountArgs, GenesisCommand, ValidateArgs};
pub use keys::{BechPrefix, KeyringArgs, KeysAddArgs, KeysCommand};
pub use query::{BlockKey, OrderBy, PageArgs, QueryArgs, QueryCommand, SearchArgs, TxKey};
pub use tools::{
    CodecCommand, CometCommand, CompletionArgs, ConfigCommand, ConfigFile, DebugArgs, DebugCommand, InitFilesArgs,
    ManArgs, RegistryArgs, RegistryFile, TestnetCommand,
};
pub use tx::{MultisignArgs, SignModeArg, TxArgs, TxCommand, TxFileArgs};

use crate::commands::{ExportArgs, LightCommand, PruneArgs, ReplayArgs, RollbackArgs, SnapshotsCommand};

/// The Plume node: an institutional Cosmos chain in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "plumed",
    version,
    propagate_version = true,
    after_help = "Examples:\n  plumed devnet --validators 1 --output ./dev --start\n  plumed query bank balances plume1... --output json\n  plumed tx bank send alice plume1... 1000uplume --yes\n\nExit codes: 0 success; 1 failure, or a refused transaction; 2 wrong usage; 3 a fork that `light` proved; 30 and 31 `pre-upgrade`. `start` passes on CometBFT's own."
)]
pub struct Cli {
    /// Directory for configuration and data.
    #[arg(long, global = true, env = "PLUMED_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Least level of log messages: a level, or a filter such as `info,plume_state=debug`.
    #[arg(
        long,
        alias = "log_level",
        global = true,
        env = "PLUMED_LOG_LEVEL",
        value_name = "FILTER",
        default_value = "info,openraft=warn"
    )]
    pub log_level: String,
    /// Form of log messages.
    #[arg(long, alias = "log_format", global = true, env = "PLUMED_LOG_FORMAT", value_enum, default_value_t = LogFormat::Plain)]
    pub log_format: LogFormat,
    /// Print all that is known of where a failure comes from.
    #[arg(long, global = true, env = "PLUMED_TRACE", hide = true)]
    pub trace: bool,
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
    /// Add an account with a balance to the genesis document: as `genesis add-genesis-account`.
    #[command(hide = true)]
    AddGenesisAccount(AddAccountArgs),
    /// Check a genesis document: as `genesis validate`.
    #[command(hide = true)]
    ValidateGenesis(ValidateArgs),
    /// Write the homes of a network, as the SDK's command of this name does.
    #[command(subcommand)]
    Testnet(TestnetCommand),
    /// Write (and run) the homes of a local network with funded accounts.
    Devnet(DevnetArgs),
    /// Make, sign and broadcast transactions.
    #[command(subcommand)]
    Tx(TxCommand),
    /// Ask a node about its state.
    #[command(subcommand, visible_alias = "q")]
    Query(QueryCommand),
    /// Show where a node stands.
    #[command(after_help = "Example:\n  plumed status --node tcp://127.0.0.1:26657 --output json")]
    Status(NodeArgs),
    /// Verify headers and values as a light client does, without trusting the node.
    #[command(subcommand)]
    Light(LightCommand),
    /// Commands of the consensus engine's own files.
    #[command(subcommand, visible_alias = "tendermint")]
    Comet(CometCommand),
    /// Show and change the node's and the client's settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Convert addresses, keys and bytes.
    Debug(DebugArgs),
    /// Print what wallets, explorers and the chain registry need to know of the chain.
    Registry(RegistryArgs),
    /// Write the script that completes commands in a shell.
    Completion(CompletionArgs),
    /// Write the manual pages.
    Man(ManArgs),
    /// Print the hashes of all stores at a height, from the home of a stopped node.
    #[command(
        after_help = "Examples:\n  plumed module-hash-by-height\n  plumed module-hash-by-height 12 --output json"
    )]
    ModuleHashByHeight {
        /// Height; the latest by default.
        height: Option<u64>,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Write the state as a genesis document.
    Export(ExportArgs),
    /// Manage the state snapshots in this node's folder.
    #[command(subcommand)]
    Snapshots(SnapshotsCommand),
    /// Take the last block back.
    Rollback(RollbackArgs),
    /// Let a new chain, of which this node is the only validator, go on with the state of this home, and start it.
    #[command(
        long_about = "Let a new chain, of which this node is the only validator, go on with the state of this home, and start \
                      it: for trying something on the state of a chain that is not one's own. The state is exported and becomes \
                      the new chain's genesis at the next height, with more coins for the accounts that are named. The former \
                      blocks and state are moved aside; settings that name peers are emptied. For both engines; the node must \
                      not run.",
        after_help = "Example:\n  plumed in-place-testnet plume-try-1 plume1... --home ./copy --accounts-to-fund plume1...,plume1..."
    )]
    InPlaceTestnet(Box<InPlaceTestnetArgs>),
    /// Prepare the home for a new binary before it starts, as cosmovisor asks for.
    #[command(
        long_about = "Prepare the home for this binary before it starts for the first time: write app.toml, client.toml and \
                      config.toml anew with the keys and comments of this version, values kept, and check that it can open \
                      the state. Doing it twice changes nothing. The node must not run.\n\n\
                      Exit codes are cosmovisor's: 0 done; 30 failed, the upgrade must not go on; 31 another process has the \
                      state open, ask again.",
        after_help = "Example:\n  plumed pre-upgrade --home ./node"
    )]
    PreUpgrade,
    /// Remove the history of the state, and blocks, that are not to be kept.
    Prune(PruneArgs),
    /// Execute stored blocks again and compare what comes of them.
    Replay(ReplayArgs),
    /// Measure a test chain under load.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the version.
    #[command(after_help = "Example:\n  plumed version --long --output json")]
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
    /// The `plume-cometbft` or `cometbft` binary, when none is beside `plumed` or on PATH.
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
    /// Stop before the block of this height; overrides app.toml.
    #[arg(long)]
    pub halt_height: Option<u64>,
    /// Stop before the first block from this Unix time in seconds on; overrides app.toml.
    #[arg(long)]
    pub halt_time: Option<u64>,
    /// RPC listen address; overrides config.toml.
    #[arg(long = "rpc.laddr", env = "PLUMED_RPC_LADDR")]
    pub rpc_laddr: Option<String>,
    /// P2P listen address; overrides config.toml.
    #[arg(long = "p2p.laddr", env = "PLUMED_P2P_LADDR")]
    pub p2p_laddr: Option<String>,
    /// Persistent peers, `id@host:port,..`; overrides config.toml.
    #[arg(long = "p2p.persistent_peers", env = "PLUMED_P2P_PERSISTENT_PEERS")]
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

/// Arguments of `in-place-testnet`.
#[derive(Debug, Args)]
pub struct InPlaceTestnetArgs {
    /// Id of the new chain.
    #[arg(value_name = "NEW_CHAIN_ID")]
    pub new_chain_id: String,
    /// Account of whoever operates it: it gets coins.
    #[arg(value_name = "NEW_OPERATOR_ADDRESS")]
    pub new_operator_address: String,
    /// Further accounts that get coins.
    #[arg(long, value_delimiter = ',', value_name = "ADDRESSES")]
    pub accounts_to_fund: Vec<String>,
    /// What each account gets; 1000000000000 of the base denomination by default.
    #[arg(long, value_name = "COINS")]
    pub balance: Option<String>,
    /// Do not ask for confirmation.
    #[arg(long, short = 'y', visible_alias = "yes")]
    pub skip_confirmation: bool,
    /// Write the new chain's home and do not start it.
    #[arg(long)]
    pub no_start: bool,
    /// Form of the result.
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// How to start it.
    #[command(flatten)]
    pub start: StartArgs,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_do_not_collide() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        // Those of a group may stand at the group.
        fn check(command: &clap::Command, way: &str, group_shows: bool, without: &mut Vec<String>) {
            let way = format!("{way} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let shows = group_shows || help.contains("Example") || help.contains("Until then");
            if command.get_subcommands().next().is_some() {
                let group_shows = shows && command.get_name() != "plumed";
                command.get_subcommands().for_each(|inner| check(inner, &way, group_shows, without));
                return;
            }
            let shows = shows || command.is_hide_set();
            if !shows || command.get_about().is_none() {
                without.push(way);
            }
        }
        let mut without = Vec::new();
        check(&Cli::command(), "", false, &mut without);
        assert!(without.is_empty(), "{without:?}");
    }
}
