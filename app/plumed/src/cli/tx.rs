//! `tx ...`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{KeyringArgs, NodeArgs};
use crate::autocli::AutoTx;

/// Flags of everything that makes a transaction.
#[derive(Debug, Clone, Args)]
pub struct TxArgs {
    /// Key that signs: a name or an address.
    #[arg(long, env = "PLUMED_FROM")]
    pub from: Option<String>,
    /// Chain id.
    #[arg(long, env = "PLUMED_CHAIN_ID")]
    pub chain_id: Option<String>,
    /// Gas limit, or `auto` to simulate first.
    #[arg(long, env = "PLUMED_GAS", default_value = "200000")]
    pub gas: String,
    /// Factor on the simulated gas.
    #[arg(long, env = "PLUMED_GAS_ADJUSTMENT", default_value_t = 1.0)]
    pub gas_adjustment: f64,
    /// Fees to pay.
    #[arg(long, env = "PLUMED_FEES", conflicts_with = "gas_prices")]
    pub fees: Option<String>,
    /// Price of a unit of gas; the fee is price times limit, rounded up.
    #[arg(long, env = "PLUMED_GAS_PRICES")]
    pub gas_prices: Option<String>,
    /// Account that pays the fee instead of the signer; it must sign too.
    #[arg(long)]
    pub fee_payer: Option<String>,
    /// Account that grants the fee.
    #[arg(long)]
    pub fee_granter: Option<String>,
    /// Memo.
    #[arg(long, alias = "memo", default_value = "")]
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
    #[arg(long, value_enum, env = "PLUMED_SIGN_MODE", default_value_t = SignModeArg::Direct)]
    pub sign_mode: SignModeArg,
    /// How long to wait: `sync` for the mempool's check, `async` for nothing; else what client.toml says.
    #[arg(long, short, env = "PLUMED_BROADCAST_MODE")]
    pub broadcast_mode: Option<String>,
    /// Print the unsigned transaction and stop.
    #[arg(long)]
    pub generate_only: bool,
    /// Simulate, print the gas estimate and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Print a signature over messages, note and timeout for somebody else to pay the fee with `tx aux-to-fee`, and stop.
    #[arg(long, conflicts_with_all = ["generate_only", "dry_run", "fee_payer", "fee_granter"])]
    pub aux: bool,
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
    /// A message of a module.
    #[command(flatten)]
    Message(AutoTx),
    /// Sign a transaction made with `--generate-only`.
    #[command(
        after_help = "Examples:\n  plumed tx sign unsigned.json --from alice > signed.json\n  plumed tx sign unsigned.json --from a --multisig board > a.json"
    )]
    Sign(TxFileArgs),
    /// Sign several transactions, one JSON object a line, with growing sequences.
    #[command(after_help = "Example:\n  plumed tx sign-batch payments.jsonl --from alice > signed.jsonl")]
    SignBatch {
        /// Files, `-` for standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Sign as a member of this multisig account (address or name) and print the signatures alone.
        #[arg(long)]
        multisig: Option<String>,
        /// Print only the signatures.
        #[arg(long)]
        signature_only: bool,
        /// Put the messages of all transactions into one.
        #[arg(long)]
        append: bool,
        /// Where to write the result; standard output by default.
        #[arg(long)]
        output_document: Option<PathBuf>,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
    },
    /// Combine the signatures of a multisig key's members.
    #[command(
        visible_alias = "multisign",
        name = "multi-sign",
        after_help = "Example:\n  plumed tx multi-sign unsigned.json board a.json b.json > signed.json"
    )]
    Multisign(MultisignArgs),
    /// Combine the signatures of a multisig key's members for several transactions, one JSON object a line.
    #[command(after_help = "Example:\n  plumed tx multisign-batch payments.jsonl board a.jsonl b.jsonl > signed.jsonl")]
    MultisignBatch {
        /// The transactions and the members' signatures, line by line for the same transactions.
        #[command(flatten)]
        args: MultisignArgs,
        /// Give all transactions the same sequence.
        #[arg(long)]
        no_auto_increment: bool,
    },
    /// Check the signatures of a transaction (JSON file).
    #[command(
        visible_alias = "validate",
        after_help = "Examples:\n  plumed tx validate-signatures signed.json\n  plumed tx validate-signatures signed.json --offline --chain-id plume-local-1 -a 1 -s 7"
    )]
    ValidateSignatures {
        /// File, `-` for standard input.
        file: PathBuf,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
    },
    /// Print a transaction (JSON file) as base64 protobuf.
    #[command(after_help = "Example:\n  plumed tx encode signed.json")]
    Encode {
        /// File, `-` for standard input.
        file: PathBuf,
    },
    /// Print a transaction (base64, or hexadecimal with `--hex`) as JSON.
    #[command(after_help = "Example:\n  plumed tx decode \"$(plumed tx encode signed.json)\"")]
    Decode {
        /// The encoded transaction.
        encoded: String,
        /// The text is hexadecimal.
        #[arg(long, short = 'x')]
        hex: bool,
    },
    /// Pay the fee of a transaction that others have signed with `--aux`: sign it, too, and broadcast.
    #[command(
        after_help = "Example:\n  plumed tx bank send alice plume1... 10uplume --aux > alice.json\n  plumed tx aux-to-fee alice.json --from bob --gas auto --gas-prices 0.01uplume --yes"
    )]
    AuxToFee {
        /// Files that `--aux` wrote, all for one transaction; `-` for standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
    },
    /// Send a signed transaction (JSON file).
    #[command(after_help = "Example:\n  plumed tx broadcast signed.json")]
    Broadcast {
        /// File, `-` for standard input.
        file: PathBuf,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
    },
    /// Run a transaction (JSON file) without keeping its effect.
    #[command(after_help = "Example:\n  plumed tx simulate unsigned.json --output json")]
    Simulate {
        /// File, `-` for standard input.
        file: PathBuf,
        /// Flags.
        #[command(flatten)]
        tx: Box<TxArgs>,
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
    /// Remove the signatures that the transaction has.
    #[arg(long)]
    pub overwrite: bool,
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

/// Arguments of `tx multi-sign` and `tx multisign-batch`.
#[derive(Debug, Args)]
pub struct MultisignArgs {
    /// File with the unsigned transaction.
    pub file: PathBuf,
    /// Name of the multisig key.
    pub name: String,
    /// Files that `tx sign --multisig` wrote.
    #[arg(required = true)]
    pub signatures: Vec<PathBuf>,
    /// Where to write the result; standard output by default.
    #[arg(long)]
    pub output_document: Option<PathBuf>,
    /// Flags.
    #[command(flatten)]
    pub tx: TxArgs,
}
