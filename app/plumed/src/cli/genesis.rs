//! `genesis ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{KeyringArgs, OutputFormat};

/// Arguments of `genesis add-genesis-account`.
#[derive(Debug, Args)]
pub struct AddAccountArgs {
    /// Address, or the name of a key.
    pub address: String,
    /// Balance, for example `10uplume,5uusd`.
    pub coins: String,
    /// Add to the balance of an account that is there.
    #[arg(long)]
    pub append: bool,
    /// Make it the account of this module; the address must be the module's.
    #[arg(long, value_name = "MODULE")]
    pub module_name: Option<String>,
    /// Where keys are kept.
    #[command(flatten)]
    pub keyring: KeyringArgs,
}

/// Arguments of `genesis validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The document; the home's own by default.
    pub file: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// `genesis ...`
#[derive(Debug, Subcommand)]
pub enum GenesisCommand {
    /// Add an account with a balance to the genesis document.
    #[command(after_help = "Example:\n  plumed genesis add-genesis-account alice 1000000uplume --keyring-backend test")]
    AddGenesisAccount(AddAccountArgs),
    /// Add many accounts: a JSON list of `{"address": .., "coins": [{"denom": .., "amount": ..}]}`.
    #[command(after_help = "Example:\n  plumed genesis bulk-add-genesis-account accounts.json --append")]
    BulkAddGenesisAccount {
        /// The list, `-` for standard input.
        file: PathBuf,
        /// Add to the balances of accounts that are there.
        #[arg(long)]
        append: bool,
    },
    /// Add this node's validator key to the genesis document.
    #[command(after_help = "Example:\n  plumed genesis add-validator --power 10")]
    AddValidator {
        /// Voting power.
        #[arg(long, default_value_t = 10)]
        power: u64,
    },
    /// Make a genesis transaction that creates a validator: needs the staking module, which this chain does not have yet.
    #[command(after_help = "Until then:\n  plumed genesis add-validator")]
    Gentx(GentxArgs),
    /// Collect genesis transactions: needs the staking module, which this chain does not have yet.
    #[command(after_help = "Until then:\n  plumed genesis add-validator")]
    CollectGentxs {
        /// Folder of the transactions.
        #[arg(long)]
        gentx_dir: Option<PathBuf>,
    },
    /// Check a genesis document.
    #[command(visible_alias = "validate-genesis", after_help = "Example:\n  plumed genesis validate genesis.json")]
    Validate(ValidateArgs),
}

/// Arguments of `genesis gentx`.
#[derive(Debug, Args)]
pub struct GentxArgs {
    /// Everything after it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub arguments: Vec<String>,
}
