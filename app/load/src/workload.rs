use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::{KeyScheme, Keys, LoadError};

/// What one transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// W1: one account sends a coin to another one.
    Send,
    /// W2: delivery versus payment. Two accounts exchange a coin for an asset in one transaction that both sign: all of
    /// it happens or nothing.
    Exchange,
}

impl FromStr for Kind {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        match text {
            "send" => Ok(Self::Send),
            "exchange" => Ok(Self::Exchange),
            _ => Err(LoadError::Setting(format!("workload {text:?}: there are send and exchange"))),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send",
            Self::Exchange => "exchange",
        })
    }
}

/// How the accounts of a transaction are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Each as likely as any other.
    Uniform,
    /// Account `r` (from 0) with a likelihood in proportion to `1 / (r + 1)^s`: few accounts do most.
    Zipf(f64),
}

impl FromStr for Spread {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let exponent = match text {
            "uniform" => return Ok(Self::Uniform),
            "zipf" => Some(1.0),
            _ => text.strip_prefix("zipf:").and_then(|s| s.parse().ok()),
        };
        exponent.filter(|s: &f64| s.is_finite() && *s > 0.0).map(Self::Zipf).ok_or_else(|| {
            LoadError::Setting(format!("spread {text:?}: write uniform, zipf (exponent 1) or, for example, zipf:0.8"))
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
        }
    }
}

/// A load, wholly determined by these settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// What a transaction does.
    pub kind: Kind,
    /// What accounts sign with.
    pub scheme: KeyScheme,
    /// How senders and recipients are chosen.
    pub spread: Spread,
    /// Accounts that there are.
    pub accounts: u64,
    /// Transactions.
    pub txs: u64,
    /// Connections that the transactions are sent over; all of one account go over one, so that they arrive in the order of
    /// their sequences.
    pub lanes: u32,
    /// Fee of each transaction in base units.
    pub fee: u64,
    /// Gas limit of each transaction.
    pub gas: u64,
    /// Chooses keys and transfers.
    pub seed: u64,
    /// Chooses further transfers among the same accounts: a long run is made of rounds.
    pub round: u64,
}

impl Default for Workload {
    /// 20,000 bank sends among 20,000 accounts without fee: two balances and a sequence change with each.
    fn default() -> Self {
        Self {
            kind: Kind::Send,
            scheme: KeyScheme::Secp256k1,
            spread: Spread::Uniform,
            accounts: 20_000,
            txs: 20_000,
            lanes: 8,
            fee: 0,
            gas: 120_000,
            seed: 1,
            round: 0,
        }
    }
}

/// Who gives and who takes in one transaction. In an exchange `from` pays the coin and `to` delivers the asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Connection.
    pub lane: u32,
    /// Account that signs first and pays the fee.
    pub from: u64,
    /// The other account.
    pub to: u64,
}

/// What a load changes in one account's balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delta {
    /// Base units, fees included.
    pub coins: i64,
    /// Units of the asset of [`Kind::Exchange`].
    pub assets: i64,
}

impl Workload {
    /// The keys of its accounts.
    pub fn keys(&self) -> Keys {
        Keys { seed: self.seed, scheme: self.scheme }
    }

    /// The transfers, in the order in which they are to be sent.
    ///
    /// # Errors
    /// [`LoadError::Setting`] with too few accounts for the lanes.
    pub fn transfers(&self) -> Result<Vec<Transfer>, LoadError> {
        let lanes = u64::from(self.lanes.max(1));
        if self.accounts < 2 * lanes {
            let (accounts, least) = (self.accounts, 2 * lanes);
            return Err(LoadError::Setting(format!("{accounts} accounts for {lanes} connections: {least} are needed")));
        }
        let mut rng = StdRng::seed_from_u64(self.seed ^ self.round.rotate_left(32));
        let picker = Picker::new(self.spread, self.accounts);
        let transfer = |_| {
            let from = picker.pick(&mut rng);
            let lane = from % lanes;
            let to = loop {
                let picked = picker.pick(&mut rng);
                // Both sign an exchange, so both must be of one lane.
                let to = if self.kind == Kind::Exchange { picked - picked % lanes + lane } else { picked };
                if to != from && to < self.accounts {
                    break to;
                }
            };
            Transfer { lane: u32::try_from(lane).expect("below a u32"), from, to }
        };
        Ok((0..self.txs).map(transfer).collect())
    }

    /// Accounts that sign a transfer, in the order of their signatures.
    pub fn signers(&self, transfer: &Transfer) -> impl Iterator<Item = u64> + use<> {
        let second = (self.kind == Kind::Exchange).then_some(transfer.to);
        std::iter::once(transfer.from).chain(second)
    }

    /// What each account has more, or less, once all `transfers` are committed.
    pub fn deltas(&self, transfers: &[Transfer]) -> HashMap<u64, Delta> {
        let mut deltas: HashMap<u64, Delta> = HashMap::new();
        let fee = i64::try_from(self.fee).unwrap_or(i64::MAX);
        let asset = i64::from(self.kind == Kind::Exchange);
        for transfer in transfers {
            let from = deltas.entry(transfer.from).or_default();
            from.coins -= 1 + fee;
            from.assets += asset;
            let to = deltas.entry(transfer.to).or_default();
            to.coins += 1;
            to.assets -= asset;
        }
        deltas
    }

    /// The settings, for reports.
    pub fn describe(&self) -> Value {
        json!({
            "workload": self.kind.to_string(),
            "keys": self.scheme.to_string(),
            "spread": self.spread.to_string(),
            "accounts": self.accounts,
            "txs": self.txs,
            "connections": self.lanes,
            "fee": self.fee,
            "gas_limit": self.gas,
            "seed": self.seed,
        })
    }
}

enum Picker {
    Uniform(u64),
    /// Ascending: how likely an account up to this one is.
    Table(Vec<f64>),
}

impl Picker {
    fn new(spread: Spread, accounts: u64) -> Self {
        let Spread::Zipf(exponent) = spread else { return Self::Uniform(accounts) };
        let mut sum = 0.0;
        let mut table: Vec<f64> = (1..=accounts)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        table.iter_mut().for_each(|entry| *entry /= sum);
        Self::Table(table)
    }

    fn pick(&self, rng: &mut StdRng) -> u64 {
        match self {
            Self::Uniform(accounts) => rng.gen_range(0..*accounts),
            Self::Table(table) => {
                let at: f64 = rng.r#gen();
                let rank = table.partition_point(|entry| *entry <= at).min(table.len() - 1);
                rank as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload { accounts: 100, txs: 5000, lanes: 4, ..Workload::default() }
    }

    #[test]
    fn transfers_are_the_same_each_time_and_never_to_oneself() {
        let transfers = workload().transfers().expect("enough accounts");
        assert_eq!(transfers, workload().transfers().expect("enough accounts"));
        assert_eq!(transfers.len(), 5000);
        assert!(transfers.iter().all(|t| t.from != t.to && t.from < 100 && t.to < 100));
        assert!(transfers.iter().all(|t| u64::from(t.lane) == t.from % 4));
        for other in [Workload { seed: 2, ..workload() }, Workload { round: 1, ..workload() }] {
            assert_ne!(transfers, other.transfers().expect("enough accounts"));
        }
        assert!(Workload { accounts: 7, ..workload() }.transfers().is_err());
    }

    #[test]
    fn both_signers_of_an_exchange_have_one_lane() {
        let workload = Workload { kind: Kind::Exchange, accounts: 103, ..workload() };
        let transfers = workload.transfers().expect("enough accounts");
        for transfer in &transfers {
            assert_eq!(transfer.from % 4, transfer.to % 4);
            assert_eq!(workload.signers(transfer).collect::<Vec<_>>(), [transfer.from, transfer.to]);
        }
    }

    #[test]
    fn zipf_prefers_the_first_accounts_as_its_exponent_says() {
        let workload = Workload { spread: Spread::Zipf(1.0), txs: 100_000, ..workload() };
        let transfers = workload.transfers().expect("enough accounts");
        let sent = |account| transfers.iter().filter(|t| t.from == account).count() as f64 / 100_000.0;
        // 1 / H(100) = 0.1928, half of it, a tenth of it.
        for (account, share) in [(0, 0.1928), (1, 0.0964), (9, 0.0193)] {
            assert!((sent(account) / share - 1.0).abs() < 0.1, "{account}: {} instead of {share}", sent(account));
        }
        assert_eq!("zipf:0.8".parse::<Spread>().expect("known"), Spread::Zipf(0.8));
        assert!("zipf:-1".parse::<Spread>().is_err());
    }

    #[test]
    fn deltas_add_up_to_what_fees_took() {
        let workload = Workload { kind: Kind::Exchange, fee: 3, ..workload() };
        let transfers = workload.transfers().expect("enough accounts");
        let deltas = workload.deltas(&transfers);
        assert_eq!(deltas.values().map(|delta| delta.coins).sum::<i64>(), -15_000);
        assert_eq!(deltas.values().map(|delta| delta.assets).sum::<i64>(), 0);
    }
}
