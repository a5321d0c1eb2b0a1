//! `bench ...`

use clap::{Args, Subcommand};
use plume_load::{KeyScheme, Kind, Spread};

use super::{KeyringArgs, NodeArgs};

/// `bench ...`
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Send transactions to a test chain and report throughput and the time to commit.
    #[command(
        long_about = "Send transactions to a running test chain and report how many it commits a second and how long each takes \
                      from when it was due to its commit. Accounts are made from a seed that anyone knows; the key --from \
                      gives each the coins that it spends. Never use it on a chain whose coins are worth something.",
        after_help = "Examples:\n  plumed bench tx --from alice --rate 500 --txs 30000\n  plumed bench tx --from alice --txs 20000 --batch 10 --output json\n  plumed bench tx --from alice --workload exchange --asset uusd --spread zipf --rate 200 --txs 2000 --yes"
    )]
    Tx(Box<BenchTxArgs>),
}

/// Arguments of `bench tx`.
#[derive(Debug, Args)]
pub struct BenchTxArgs {
    /// Key that pays: a name or an address.
    #[arg(long, env = "PLUMED_FROM")]
    pub from: String,
    /// Accounts that pay one another.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    pub accounts: u64,
    /// Transactions.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub txs: u64,
    /// Transactions a second, due evenly whether or not the chain keeps up; as fast as possible without it.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Without --rate: at most this many sent and not committed.
    #[arg(long, default_value_t = 5000)]
    pub in_flight: u64,
    /// `send`: one bank send each. `exchange`: coin against asset, signed by both accounts.
    #[arg(long, default_value_t = Kind::Send)]
    pub workload: Kind,
    /// How accounts are chosen: `uniform`, `zipf` or `zipf:EXPONENT`.
    #[arg(long, default_value_t = Spread::Uniform)]
    pub spread: Spread,
    /// What the accounts sign with: `secp256k1`, or `ed25519` where the chain allows it.
    #[arg(long, default_value_t = KeyScheme::Secp256k1)]
    pub keys: KeyScheme,
    /// Connections to the node.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub connections: u32,
    /// Transactions in one request at most; nodes take 10 unless configured.
    #[arg(long, default_value_t = 10)]
    pub batch: usize,
    /// Denomination of payments and fees.
    #[arg(long, default_value = "uplume")]
    pub denom: String,
    /// Denomination that an exchange delivers; the key --from must have it.
    #[arg(long, required_if_eq("workload", "exchange"))]
    pub asset: Option<String>,
    /// Fee of each transaction in base units.
    #[arg(long, default_value_t = 0)]
    pub fee: u64,
    /// Gas limit of each transaction.
    #[arg(long, default_value_t = 200_000)]
    pub gas: u64,
    /// Chooses accounts and payments.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
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
