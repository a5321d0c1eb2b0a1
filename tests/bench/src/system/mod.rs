//! The systems under test, each started on an empty folder with the same accounts.

mod config;
mod genesis;
mod kvstore;
mod plume;
mod server;
mod simd;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use plume_load::{Accounts, ChainParams, Connection, SignedTx, Workload};
use serde_json::{Map, Value, json};

pub use config::Limits;
pub use server::Server;

use crate::folder::until;

/// Time for a system to make its first blocks: a large genesis document takes long.
const START: Duration = Duration::from_secs(900);

/// Chain id of every system, so that transactions are the same bytes.
pub const CHAIN_ID: &str = "bench-1";

/// Prefix of addresses.
pub const PREFIX: &str = "cosmos";

/// Coins of each account.
pub const BALANCE: u128 = 1_000_000_000_000;

/// What goes into the transactions of every system.
pub fn chain_params() -> ChainParams {
    ChainParams { chain_id: CHAIN_ID.to_owned(), denom: "stake".to_owned(), asset: "asset".to_owned() }
}

/// A system under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// `plumed` with this many validators over its own engine.
    Raft(u16),
    /// `plumed` with as many CometBFTs.
    Comet(u16),
    /// The Cosmos SDK's simapp of ibc-go v8.8.0 with its CometBFT in process, one validator.
    Simd,
    /// CometBFT with its own key-value store.
    Kvstore(u16),
}

impl System {
    /// Whether it executes bank sends, or only stores bytes of the same size.
    pub fn is_bank(self) -> bool {
        !matches!(self, Self::Kvstore(_))
    }

    /// Whether it is ours.
    pub fn is_plume(self) -> bool {
        matches!(self, Self::Raft(_) | Self::Comet(_))
    }

    /// Validators.
    pub fn validators(self) -> u16 {
        match self {
            Self::Raft(count) | Self::Comet(count) | Self::Kvstore(count) => count,
            Self::Simd => 1,
        }
    }

    /// Writes its homes into `folder` and starts it; returns after the second block, since queries need a committed one.
    ///
    /// # Errors
    /// A program that is missing or does not start, with the end of its log.
    pub fn start(self, folder: &Path, workload: &Workload, accounts: &Accounts, limits: &Limits) -> Result<Running> {
        let (nodes, mut settings) = match self {
            Self::Raft(_) | Self::Comet(_) => plume::start(self, folder, workload, accounts, limits)?,
            Self::Simd => simd::start(folder, workload, accounts, limits)?,
            Self::Kvstore(count) => kvstore::start(folder, count, limits)?,
        };
        settings.extend(limits.describe());
        settings.insert("validators".to_owned(), json!(self.validators()));
        settings.insert("accounts".to_owned(), json!(if self.is_bank() { workload.accounts } else { 0 }));
        let running = Running { system: self, nodes, settings };
        for node in &running.nodes {
            let ready = || height(node.rpc()).filter(|height| *height >= 2);
            until("second block", START, || match node.ended() {
                Some(end) => Some(Err(end)),
                None => ready().map(Ok),
            })?
            .map_err(|end| anyhow::anyhow!("{self}: {end}"))?;
        }
        Ok(running)
    }

    /// The transactions as this system takes them: for the key-value store pairs of the same size.
    pub fn txs(self, txs: &[SignedTx]) -> Vec<SignedTx> {
        match self {
            Self::Kvstore(_) => txs.iter().enumerate().map(|(index, tx)| kvstore::pair(index, tx)).collect(),
            _ => txs.to_vec(),
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raft(count) => write!(f, "raft-{count}"),
            Self::Comet(count) => write!(f, "comet-{count}"),
            Self::Simd => f.write_str("simd"),
            Self::Kvstore(count) => write!(f, "kvstore-{count}"),
        }
    }
}

impl FromStr for System {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, count) = text.split_once('-').unwrap_or((text, "1"));
        let count: u16 = match count.parse() {
            Ok(count) if (1..=20).contains(&count) => count,
            _ => bail!("{text:?}: write, for example, raft-1 or comet-4"),
        };
        Ok(match name {
            "raft" => Self::Raft(count),
            "comet" => Self::Comet(count),
            "simd" if count == 1 => Self::Simd,
            "kvstore" => Self::Kvstore(count),
            _ => bail!("{text:?}: there are raft-N, comet-N, kvstore-N (N validators) and simd"),
        })
    }
}

/// A system that runs. Ends when it is dropped.
#[derive(Debug)]
pub struct Running {
    system: System,
    nodes: Vec<Server>,
    settings: Map<String, Value>,
}

impl Running {
    /// Its nodes.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// RPC addresses.
    pub fn rpcs(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.rpc().to_owned()).collect()
    }

    /// Process numbers of its nodes.
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(Server::pid).collect()
    }

    /// Durability, block limits, indexer, account count and other things that figures depend on.
    pub fn settings(&self) -> &Map<String, Value> {
        &self.settings
    }

    /// Stops all nodes in order.
    ///
    /// # Errors
    /// One that does not end in order.
    pub fn stop(&mut self) -> Result<()> {
        std::thread::scope(|scope| {
            let stops: Vec<_> = self.nodes.iter_mut().map(|node| scope.spawn(|| node.stop())).collect();
            stops.into_iter().try_for_each(|stop| stop.join().expect("stopping does not panic"))
        })
    }

    /// Stops all nodes, starts them again and compares their app hashes; how long the slowest took from its start to
    /// its answer.
    ///
    /// # Errors
    /// An app hash that is another one than before.
    pub fn restart(&mut self) -> Result<Duration> {
        let rpcs = self.rpcs();
        let before: Vec<(u64, String)> = rpcs.iter().map(|rpc| settled(rpc)).collect::<Result<_>>()?;
        self.stop()?;
        let start = std::time::Instant::now();
        self.nodes.iter_mut().try_for_each(Server::start)?;
        for rpc in &rpcs {
            until("answer after the restart", START, || app_state(rpc))?;
        }
        let took = start.elapsed();
        for (rpc, (height, hash)) in rpcs.iter().zip(before) {
            let found = until("app hash after the restart", START, || app_hash_after(rpc, height))?;
            if found != hash {
                bail!("{}: app hash after block {height} was {hash} and is {found} after the restart", self.system);
            }
        }
        Ok(took)
    }
}

fn call(rpc: &str, method: &str, params: &Value) -> Option<Value> {
    Connection::open(rpc).ok()?.call(method, params).ok()
}

fn height(rpc: &str) -> Option<u64> {
    call(rpc, "status", &json!({}))?["sync_info"]["latest_block_height"].as_str()?.parse().ok()
}

/// Height and app hash that the application reports.
fn app_state(rpc: &str) -> Option<(u64, String)> {
    let info = call(rpc, "abci_info", &json!({}))?;
    let response = &info["response"];
    Some((response["last_block_height"].as_str()?.parse().ok()?, response["last_block_app_hash"].as_str()?.to_owned()))
}

/// The same once twice the same: the proof block after the last one may still come.
fn settled(rpc: &str) -> Result<(u64, String)> {
    let mut last = None;
    until("settled state", START, || {
        let now = app_state(rpc);
        let same = now.is_some() && now == last;
        last = now;
        std::thread::sleep(Duration::from_millis(100));
        same.then(|| last.clone()).flatten()
    })
}

/// The app hash after `height`, also when blocks came since, in the form of `abci_info`.
fn app_hash_after(rpc: &str, height: u64) -> Option<String> {
    let (now, hash) = app_state(rpc)?;
    if now == height {
        return Some(hash);
    }
    let header = call(rpc, "block", &json!({ "height": (height + 1).to_string() }))?;
    let bytes = hex::decode(header["block"]["header"]["app_hash"].as_str()?).ok()?;
    use base64::Engine as _;
    Some(base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_have_names() {
        for name in ["raft-1", "raft-4", "comet-4", "simd", "kvstore-1"] {
            assert_eq!(name.parse::<System>().expect("known").to_string(), name);
        }
        assert_eq!("raft".parse::<System>().expect("one validator"), System::Raft(1));
        for name in ["simd-4", "raft-0", "raft-x", "geth"] {
            assert!(name.parse::<System>().is_err(), "{name}");
        }
    }
}
