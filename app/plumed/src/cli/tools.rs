//! Commands for operators and for those who connect wallets and explorers.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::OutputFormat;

/// `comet ...`
#[derive(Debug, Subcommand)]
pub enum CometCommand {
    /// Print the node's id among its peers.
    #[command(after_help = "Example:\n  plumed comet show-node-id")]
    ShowNodeId,
    /// Print the validator's public key.
    #[command(after_help = "Example:\n  plumed comet show-validator")]
    ShowValidator,
    /// Print the validator's consensus address.
    #[command(after_help = "Example:\n  plumed comet show-address")]
    ShowAddress,
    /// Print the versions of CometBFT and its protocols that this binary speaks.
    #[command(after_help = "Example:\n  plumed comet version -o json")]
    Version {
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Remove all blocks and state, and keep the validator's sign state: the node begins again, with a snapshot or the
    /// first block. Stop the node before.
    #[command(after_help = "Example:\n  plumed comet reset-state")]
    ResetState,
    /// Remove all blocks and state, and reset the validator's sign state. Dangerous: a validator may sign twice.
    #[command(after_help = "Example:\n  plumed comet unsafe-reset-all --keep-addr-book")]
    UnsafeResetAll {
        /// Keep the addresses of peers.
        #[arg(long)]
        keep_addr_book: bool,
    },
}

/// One of the files in `config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigFile {
    /// `app.toml`.
    App,
    /// `client.toml`.
    Client,
    /// `config.toml`.
    #[value(alias = "comet", alias = "cometbft", alias = "tendermint")]
    Config,
}

/// `config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print a setting.
    #[command(
        after_help = "Examples:\n  plumed config get app minimum-gas-prices\n  plumed config get config p2p.laddr\n  plumed config get client"
    )]
    Get {
        /// File.
        #[arg(value_enum)]
        file: ConfigFile,
        /// Setting, `section.key`; all by default.
        key: Option<String>,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Change a setting; comments and order stay. The outcome must be valid.
    #[command(
        after_help = "Examples:\n  plumed config set app minimum-gas-prices 0.001uplume\n  plumed config set client chain-id plume-local-1\n  plumed config set config rpc.laddr tcp://0.0.0.0:26657 --stdout"
    )]
    Set {
        /// File.
        #[arg(value_enum)]
        file: ConfigFile,
        /// Setting, `section.key`.
        key: String,
        /// Value.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Print the file instead of writing it.
        #[arg(long)]
        stdout: bool,
        /// Tell on standard error what changes.
        #[arg(long, short)]
        verbose: bool,
        /// Also set what no valid file has.
        #[arg(long, short)]
        skip_validate: bool,
    },
    /// Show where a file differs from the defaults of this version.
    #[command(after_help = "Examples:\n  plumed config diff\n  plumed config diff app --output json")]
    Diff {
        /// File; all by default.
        #[arg(value_enum)]
        file: Option<ConfigFile>,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Print a file.
    #[command(after_help = "Example:\n  plumed config view app --output-format json")]
    View {
        /// File.
        #[arg(value_enum)]
        file: ConfigFile,
        /// `toml` as it is, or `json`.
        #[arg(long, default_value = "toml", value_parser = ["toml", "json"])]
        output_format: String,
    },
    /// Print the home directory.
    #[command(after_help = "Example:\n  plumed config home")]
    Home,
    /// Write a file anew with the settings and comments of this version; values that it has are kept.
    #[command(after_help = "Example:\n  plumed config migrate app --stdout")]
    Migrate {
        /// File; all by default.
        #[arg(value_enum)]
        file: Option<ConfigFile>,
        /// Print the file instead of writing it.
        #[arg(long)]
        stdout: bool,
    },
}

/// `debug ...`
#[derive(Debug, Args)]
pub struct DebugArgs {
    /// Form of the result.
    #[arg(long, short, global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// What to convert.
    #[command(subcommand)]
    pub command: DebugCommand,
}

/// `debug ...`
#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// Convert an address between hexadecimal digits and bech32.
    #[command(after_help = "Example:\n  plumed debug addr plume1...")]
    Addr {
        /// Address.
        address: String,
    },
    /// Show the address and the bytes of a public key in protobuf JSON.
    #[command(
        after_help = "Example:\n  plumed debug pubkey '{\"@type\":\"/cosmos.crypto.secp256k1.PubKey\",\"key\":\"AurroA7jvfPd1AadmmOvWM2rJSwipXfRf8yD6pLbA2DJ\"}'"
    )]
    Pubkey {
        /// Public key.
        pubkey: String,
    },
    /// Show the address of a public key in hexadecimal digits or base64.
    #[command(
        after_help = "Example:\n  plumed debug pubkey-raw AurroA7jvfPd1AadmmOvWM2rJSwipXfRf8yD6pLbA2DJ -t secp256k1"
    )]
    PubkeyRaw {
        /// Public key.
        pubkey: String,
        /// Its type: `ed25519` or `secp256k1`.
        #[arg(long = "type", short = 't', default_value = "ed25519", value_parser = ["ed25519", "secp256k1"])]
        kind: String,
    },
    /// Convert a list of bytes as Go prints it to hexadecimal digits.
    #[command(after_help = "Example:\n  plumed debug raw-bytes '[72 101 108 108 111]'")]
    RawBytes {
        /// Bytes.
        bytes: String,
    },
    /// Print the prefixes of addresses.
    #[command(after_help = "Example:\n  plumed debug prefixes")]
    Prefixes,
    /// What the codec knows.
    #[command(subcommand)]
    Codec(CodecCommand),
}

/// `debug codec ...`
#[derive(Debug, Subcommand)]
pub enum CodecCommand {
    /// Print the names of all interfaces.
    #[command(after_help = "Example:\n  plumed debug codec list-interfaces")]
    ListInterfaces,
    /// Print the messages that implement an interface.
    #[command(after_help = "Example:\n  plumed debug codec list-implementations cosmos.auth.v1beta1.AccountI")]
    ListImplementations {
        /// Name of the interface.
        interface: String,
    },
}

/// `testnet ...`
#[derive(Debug, Subcommand)]
pub enum TestnetCommand {
    /// Write the homes of a network with one validator and one funded account for each.
    #[command(
        after_help = "Examples:\n  plumed testnet init-files --validator-count 4 --output-dir ./net --single-host\n  plumed testnet init-files --chain-id plume-test-1 --starting-ip-address 10.0.0.1 --keyring-backend test"
    )]
    InitFiles(InitFilesArgs),
}

/// Arguments of `testnet init-files`.
#[derive(Debug, Args)]
pub struct InitFilesArgs {
    /// Chain id.
    #[arg(long, default_value = "plume-local-1")]
    pub chain_id: String,
    /// Number of validators.
    #[arg(long, short = 'n', visible_alias = "v", default_value_t = 4)]
    pub validator_count: u16,
    /// Directory for the homes; must be new or empty.
    #[arg(long, short, default_value = "./.testnets")]
    pub output_dir: PathBuf,
    /// What the nodes' directories are called, with a number behind.
    #[arg(long, default_value = "node")]
    pub node_dir_prefix: String,
    /// Name of the home in a node's directory.
    #[arg(long, default_value = "plumed")]
    pub node_daemon_home: String,
    /// Address of the first node; the others count up from it.
    #[arg(long, default_value = "192.168.0.1", conflicts_with = "single_host")]
    pub starting_ip_address: Ipv4Addr,
    /// All nodes on this machine, with ports of their own.
    #[arg(long)]
    pub single_host: bool,
    /// Keyring of the nodes' accounts.
    #[arg(long, default_value = "test")]
    pub keyring_backend: String,
    /// Least gas prices of each node.
    #[arg(long, default_value = "")]
    pub minimum_gas_prices: String,
    /// Pause after a block, for example `1s`; what config.toml has by default.
    #[arg(long)]
    pub commit_timeout: Option<String>,
    /// Type of the accounts' keys.
    #[arg(long, default_value = "secp256k1", value_parser = ["secp256k1"])]
    pub key_type: String,
    /// Prefix of account addresses.
    #[arg(long, default_value = "plume")]
    pub prefix: String,
    /// Base denomination.
    #[arg(long, default_value = "uplume")]
    pub denom: String,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// A description of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RegistryFile {
    /// `chain.json` of the chain registry.
    Chain,
    /// `assetlist.json` of the chain registry.
    Assetlist,
    /// What `window.keplr.experimentalSuggestChain` takes.
    Keplr,
    /// The configuration of the explorer ping.pub.
    Ping,
}

/// Arguments of `registry`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumed registry chain --website https://plume.example --rpc https://rpc.plume.example --rest https://rest.plume.example\n  plumed registry keplr --home ./dev/node0\n  plumed registry --dir ./chain-registry/plume"
)]
pub struct RegistryArgs {
    /// Which; all in one JSON object if not given.
    #[arg(value_enum)]
    pub file: Option<RegistryFile>,
    /// Write all as files into this directory instead.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Name of the chain in the registry: lower-case letters and digits; from the chain id by default.
    #[arg(long)]
    pub chain_name: Option<String>,
    /// Name for people.
    #[arg(long)]
    pub pretty_name: Option<String>,
    /// Website.
    #[arg(long, value_name = "URL")]
    pub website: Option<String>,
    /// Who runs the endpoints.
    #[arg(long)]
    pub provider: Option<String>,
    /// RPC endpoint.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:26657")]
    pub rpc: String,
    /// REST endpoint.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:1317")]
    pub rest: String,
    /// gRPC endpoint.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9090")]
    pub grpc: String,
    /// Source code of the node.
    #[arg(long, value_name = "URL")]
    pub repository: Option<String>,
    /// Logo (PNG).
    #[arg(long, value_name = "URL")]
    pub logo: Option<String>,
    /// Gas prices low, average and high; from app.toml by default.
    #[arg(long, value_name = "LOW,AVERAGE,HIGH", value_delimiter = ',')]
    pub gas_price_steps: Option<Vec<f64>>,
    /// `live`, `upcoming` or `killed`.
    #[arg(long, default_value = "live", value_parser = ["live", "upcoming", "killed"])]
    pub status: String,
    /// `mainnet`, `testnet` or `devnet`.
    #[arg(long, default_value = "testnet", value_parser = ["mainnet", "testnet", "devnet"])]
    pub network_type: String,
}

/// Arguments of `completion`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumed completion bash > /etc/bash_completion.d/plumed\n  plumed completion zsh > ~/.zfunc/_plumed\n  plumed completion fish > ~/.config/fish/completions/plumed.fish"
)]
pub struct CompletionArgs {
    /// Shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plumed man --dir ./man && man ./man/plumed-tx.1")]
pub struct ManArgs {
    /// Directory for one page for each command.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}
