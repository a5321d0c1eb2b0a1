//! Opening the state machine of a home.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use plume_chain::{Chain, ChainConfig, SnapshotConfig};
use plume_engine::{Executor, Genesis, InitOutcome};
use plume_primitives::DecCoins;
use plume_state::MemoryBackend;
use plume_state_rocksdb::{Config, RocksBackend};

use crate::cli::StartArgs;
use crate::home::{AppConfig, Home};
use crate::memory;

/// What the command line says instead of `app.toml`.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    minimum_gas_prices: Option<String>,
    pruning: Option<String>,
    pruning_keep_recent: Option<u64>,
    /// Where the node stops; only a node that runs does.
    halt: Option<(Option<u64>, Option<u64>)>,
}

impl Overrides {
    /// How much history is kept.
    pub fn of_pruning(pruning: Option<String>, pruning_keep_recent: Option<u64>) -> Self {
        Self { pruning, pruning_keep_recent, ..Self::default() }
    }

    /// Those of `start`.
    pub fn of(args: &StartArgs) -> Self {
        Self {
            minimum_gas_prices: args.minimum_gas_prices.clone(),
            pruning: args.pruning.clone(),
            pruning_keep_recent: args.pruning_keep_recent,
            halt: Some((args.halt_height, args.halt_time)),
        }
    }

    fn apply(&self, config: &mut AppConfig) {
        if let Some(prices) = &self.minimum_gas_prices {
            config.minimum_gas_prices.clone_from(prices);
        }
        if let Some(pruning) = &self.pruning {
            config.pruning.clone_from(pruning);
        }
        if let Some(keep) = self.pruning_keep_recent {
            config.pruning_keep_recent = keep;
        }
        match self.halt {
            Some((height, time)) => {
                config.halt_height = height.unwrap_or(config.halt_height);
                config.halt_time = time.unwrap_or(config.halt_time);
            }
            None => (config.halt_height, config.halt_time) = (0, 0),
        }
    }
}

/// Heights kept by `pruning = "default"`: three weeks of five-second blocks, as the SDK has it.
const DEFAULT_KEEP_RECENT: u64 = 362_880;

/// Heights kept by `pruning = "everything"`.
const LEAST_KEEP_RECENT: u64 = 2;

/// Opens the state of `home` and the chain over it.
pub fn open(home: &Home, overrides: &Overrides) -> Result<Chain> {
    let (config, backend) = parts(home, overrides)?;
    let chain = Chain::open(config, Arc::new(backend))?;
    memory::give_back();
    Ok(chain)
}

/// What the chain of `home` is opened with: its configuration and its state on disk.
pub fn parts(home: &Home, overrides: &Overrides) -> Result<(ChainConfig, RocksBackend)> {
    let genesis = home.comet().read_genesis().context("run `plumed init` first, or name the home with --home")?;
    let mut config = home.app_config()?;
    overrides.apply(&mut config);
    let keep_recent = keep_recent(&config)?;
    let settings = Config { keep_recent, ..Config::new(genesis.chain_id, plume_chain::stores()?) };
    let backend = RocksBackend::open(home.state(), &settings)
        .with_context(|| format!("cannot open the state in {}", home.state().display()))?;
    let minimum_gas_prices: DecCoins = config.minimum_gas_prices.parse().with_context(|| {
        format!("minimum-gas-prices {:?}: write, for example, 0.001uplume", config.minimum_gas_prices)
    })?;
    let chain = ChainConfig {
        minimum_gas_prices,
        halt_height: config.halt_height,
        halt_time: config.halt_time,
        min_retain_blocks: config.min_retain_blocks,
        history_blocks: keep_recent.unwrap_or(0),
        query_gas_limit: config.query_gas_limit,
        snapshots: SnapshotConfig {
            folder: Some(home.snapshots()),
            interval: config.state_sync.snapshot_interval,
            keep_recent: config.state_sync.snapshot_keep_recent,
            ..SnapshotConfig::default()
        },
        ..ChainConfig::default()
    };
    Ok((chain, backend))
}

/// What the chain makes of a genesis document, in memory.
pub fn validate(genesis: Genesis) -> Result<InitOutcome> {
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::default()))?;
    Ok(chain.init_chain(genesis)?)
}

fn keep_recent(config: &AppConfig) -> Result<Option<u64>> {
    Ok(match config.pruning.as_str() {
        "default" => Some(DEFAULT_KEEP_RECENT),
        "nothing" => None,
        "everything" => Some(LEAST_KEEP_RECENT),
        "custom" if config.pruning_keep_recent >= LEAST_KEEP_RECENT => Some(config.pruning_keep_recent),
        "custom" => {
            bail!("pruning-keep-recent is {}, at least {LEAST_KEEP_RECENT} are needed", config.pruning_keep_recent)
        }
        other => bail!("pruning {other:?} is not known: use default, nothing, everything or custom"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pruning_names_are_the_sdks() {
        let keep = |pruning: &str, pruning_keep_recent| {
            keep_recent(&AppConfig { pruning: pruning.to_owned(), pruning_keep_recent, ..AppConfig::default() })
        };
        assert_eq!(keep("default", 0).unwrap(), Some(362_880));
        assert_eq!(keep("nothing", 0).unwrap(), None);
        assert_eq!(keep("everything", 0).unwrap(), Some(2));
        assert_eq!(keep("custom", 9).unwrap(), Some(9));
        assert!(keep("custom", 1).is_err());
        assert!(keep("all", 1).is_err());
    }
}
