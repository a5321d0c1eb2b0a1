//! `keys ...`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::OutputFormat;

/// Where keys are kept.
#[derive(Debug, Clone, Default, Args)]
pub struct KeyringArgs {
    /// Keyring: `test` (unencrypted, for development) or `file` (encrypted with a password).
    #[arg(long, env = "PLUMED_KEYRING_BACKEND", value_name = "BACKEND")]
    pub keyring_backend: Option<String>,
    /// Directory of the keyring; the home by default.
    #[arg(long, env = "PLUMED_KEYRING_DIR", value_name = "DIR")]
    pub keyring_dir: Option<PathBuf>,
}

/// Kind of address or public key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum BechPrefix {
    /// Account.
    #[default]
    Acc,
    /// Validator operator.
    Val,
    /// Validator's consensus address.
    Cons,
}

/// `keys ...`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key, or recover one from its mnemonic.
    #[command(
        after_help = "Examples:\n  plumed keys add alice --keyring-backend test\n  plumed keys add alice --recover < mnemonic.txt\n  plumed keys add alice --recover --source mnemonic.txt\n  plumed keys add board --multisig a,b,c --multisig-threshold 2\n  plumed keys add watched --pubkey '{\"@type\":\"/cosmos.crypto.secp256k1.PubKey\",\"key\":\"...\"}'"
    )]
    Add(Box<KeysAddArgs>),
    /// List all keys.
    #[command(after_help = "Example:\n  plumed keys list --output json")]
    List {
        /// Print the names alone.
        #[arg(long, short = 'n')]
        list_names: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Print the types of keys that can sign.
    #[command(after_help = "Example:\n  plumed keys list-key-types")]
    ListKeyTypes,
    /// Show a key, or the multisig key of several.
    #[command(
        after_help = "Examples:\n  plumed keys show alice -a\n  plumed keys show alice --bech val -a\n  plumed keys show a b c --multisig-threshold 2"
    )]
    Show {
        /// Name or address; several make a multisig key that is shown but not kept.
        #[arg(required = true)]
        names: Vec<String>,
        /// Print the address alone.
        #[arg(long, short)]
        address: bool,
        /// Print the public key alone.
        #[arg(long, short, conflicts_with = "address")]
        pubkey: bool,
        /// Kind of address.
        #[arg(long, value_enum, default_value_t = BechPrefix::Acc)]
        bech: BechPrefix,
        /// Signatures that the multisig key of several needs.
        #[arg(long, default_value_t = 1)]
        multisig_threshold: u32,
        /// Show the address on a Ledger device; none is supported.
        #[arg(long, short)]
        device: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Delete keys.
    #[command(after_help = "Example:\n  plumed keys delete alice --yes")]
    Delete {
        /// Names.
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Give a key another name.
    #[command(after_help = "Example:\n  plumed keys rename alice treasury --yes")]
    Rename {
        /// Name.
        old: String,
        /// Name from now on.
        new: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Write a private key as encrypted ASCII armor.
    #[command(
        after_help = "Examples:\n  plumed keys export alice > alice.asc\n  plumed keys export alice --unarmored-hex --unsafe"
    )]
    Export {
        /// Name.
        name: String,
        /// Write the private key as plain hexadecimal digits instead.
        #[arg(long, requires = "unsafe_")]
        unarmored_hex: bool,
        /// Confirm an export that is not encrypted.
        #[arg(long = "unsafe", id = "unsafe_")]
        confirmed: bool,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Read a private key from ASCII armor.
    #[command(after_help = "Example:\n  plumed keys import alice alice.asc")]
    Import {
        /// Name of the new key.
        name: String,
        /// File with the armor.
        file: PathBuf,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Read a private key from hexadecimal digits; from standard input unless they are given.
    #[command(after_help = "Example:\n  plumed keys import-hex alice < alice.hex")]
    ImportHex {
        /// Name of the new key.
        name: String,
        /// 64 hexadecimal digits. Given here, the shell may keep them in its history.
        hex: Option<String>,
        /// Type of the key.
        #[arg(long, default_value = "secp256k1")]
        key_type: String,
        /// Where keys are kept.
        #[command(flatten)]
        keyring: KeyringArgs,
    },
    /// Convert an address between hexadecimal digits and bech32.
    #[command(
        after_help = "Examples:\n  plumed keys parse plume1...\n  plumed keys parse CBE5304150ECBCC76B7BF6B6E1AB2ED4DB8B5F2B -o json"
    )]
    Parse {
        /// Address.
        address: String,
        /// Form of the result.
        #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
        output: OutputFormat,
    },
    /// Print a new mnemonic of 24 words; nothing is kept.
    #[command(after_help = "Examples:\n  plumed keys mnemonic\n  plumed keys mnemonic --unsafe-entropy < dice.txt")]
    Mnemonic {
        /// Make it of a line of standard input, at least 43 characters, instead of the system's randomness.
        #[arg(long)]
        unsafe_entropy: bool,
    },
}

/// Arguments of `keys add`.
#[derive(Debug, Args)]
pub struct KeysAddArgs {
    /// Name.
    pub name: String,
    /// Read the mnemonic from standard input, or from --source.
    #[arg(long)]
    pub recover: bool,
    /// File with the mnemonic to recover.
    #[arg(long, value_name = "FILE", requires = "recover")]
    pub source: Option<PathBuf>,
    /// Ask for the BIP-39 passphrase, too.
    #[arg(long, short)]
    pub interactive: bool,
    /// Do not print the mnemonic.
    #[arg(long)]
    pub no_backup: bool,
    /// Show the key without keeping it.
    #[arg(long)]
    pub dry_run: bool,
    /// Derivation path, instead of the one that --coin-type, --account and --index make.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["account", "index", "coin_type"])]
    pub hd_path: Option<String>,
    /// Account number of the derivation path.
    #[arg(long, default_value_t = 0)]
    pub account: u32,
    /// Address index of the derivation path.
    #[arg(long, default_value_t = 0)]
    pub index: u32,
    /// Coin type of the derivation path.
    #[arg(long, default_value_t = 118)]
    pub coin_type: u32,
    /// Type of the key; `list-key-types` prints those there are.
    #[arg(long, alias = "algo", default_value = "secp256k1")]
    pub key_type: String,
    /// Keep only this public key (protobuf JSON).
    #[arg(long, conflicts_with_all = ["recover", "multisig"])]
    pub pubkey: Option<String>,
    /// Keep only this secp256k1 public key (base64).
    #[arg(long, conflicts_with_all = ["recover", "multisig", "pubkey"])]
    pub pubkey_base64: Option<String>,
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
