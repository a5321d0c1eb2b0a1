use anyhow::{Context, Result, bail};
use plume_home::genesis::GenesisDoc;
use plume_primitives::Coins;

use super::keys;
use crate::cli::GenesisCommand;
use crate::genesis_file::GenesisFile;
use crate::home::Home;
use crate::node;

/// Prepares a genesis document.
pub fn run(home: &Home, command: GenesisCommand) -> Result<()> {
    match command {
        GenesisCommand::AddGenesisAccount { address, coins, append, keyring } => {
            let mut genesis = GenesisFile::read(home.genesis())?;
            let account = match genesis.prefix()?.parse_account(&address) {
                Ok(account) => account,
                Err(e) => match keys::open(home, &keyring)?.get(&address) {
                    Ok(record) => record.address(),
                    Err(no_key) => bail!("{address} is neither an address ({e}) nor a key ({no_key})"),
                },
            };
            let coins: Coins = coins.parse().with_context(|| format!("balance {coins}"))?;
            genesis.add_account(&account, &coins, append)?;
            genesis.write()
        }
        GenesisCommand::AddValidator { power } => {
            let mut genesis = GenesisFile::read(home.genesis())?;
            genesis.add_validator("", home.comet().validator_key()?, power)?;
            genesis.write()
        }
        GenesisCommand::Validate { file } => {
            let path = file.unwrap_or_else(|| home.genesis());
            let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let doc = GenesisDoc::from_json(&text).with_context(|| format!("{} cannot be used", path.display()))?;
            let outcome =
                node::validate(doc.to_engine()).with_context(|| format!("{} cannot be used", path.display()))?;
            if doc.validators.is_empty() && outcome.validators.is_empty() {
                bail!("{} has no validators: run `plumed genesis add-validator`", path.display());
            }
            println!(
                "{} is a valid genesis document, app hash {}",
                path.display(),
                hex::encode_upper(&outcome.app_hash)
            );
            Ok(())
        }
    }
}
