use anyhow::{Context, Result, bail, ensure};
use plume_home::genesis::GenesisDoc;
use plume_primitives::{Address, Coins};
use serde::Deserialize;
use serde_json::json;

use super::keys;
use super::tx::text_of;
use crate::cli::{AddAccountArgs, GenesisCommand, OutputFormat};
use crate::genesis_file::GenesisFile;
use crate::home::Home;
use crate::node;

/// Why genesis transactions cannot be made.
const NO_STAKING: &str = "genesis transactions create validators by the staking module, which this chain does not have yet: \
     use `plumed genesis add-validator` on each validator's home";

/// Prepares a genesis document.
pub fn run(home: &Home, command: GenesisCommand) -> Result<()> {
    match command {
        GenesisCommand::AddGenesisAccount(args) => add_account(home, &args),
        GenesisCommand::BulkAddGenesisAccount { file, append } => {
            let entries: Vec<BulkEntry> = serde_json::from_str(&text_of(&file)?)
                .with_context(|| format!("{} is not a list of addresses and coins", file.display()))?;
            let mut genesis = GenesisFile::read(home.genesis())?;
            let prefix = genesis.prefix()?;
            for entry in &entries {
                let address = prefix.parse_account(&entry.address).with_context(|| entry.address.clone())?;
                let coins: Vec<String> =
                    entry.coins.iter().map(|coin| format!("{}{}", coin.amount, coin.denom)).collect();
                let coins: Coins = coins.join(",").parse().with_context(|| format!("coins of {}", entry.address))?;
                genesis.add_account(&address, &coins, append)?;
            }
            genesis.write()
        }
        GenesisCommand::Gentx(_) | GenesisCommand::CollectGentxs { .. } => bail!(NO_STAKING),
        GenesisCommand::AddValidator { power } => {
            let mut genesis = GenesisFile::read(home.genesis())?;
            genesis.add_validator("", home.comet().validator_key()?, power)?;
            genesis.write()
        }
        GenesisCommand::Validate(args) => {
            let path = args.file.unwrap_or_else(|| home.genesis());
            let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let doc = GenesisDoc::from_json(&text).with_context(|| format!("{} cannot be used", path.display()))?;
            let outcome =
                node::validate(doc.to_engine()).with_context(|| format!("{} cannot be used", path.display()))?;
            if doc.validators.is_empty() && outcome.validators.is_empty() {
                bail!("{} has no validators: run `plumed genesis add-validator`", path.display());
            }
            let hash = hex::encode_upper(&outcome.app_hash);
            match args.output {
                OutputFormat::Text => println!("{} is a valid genesis document, app hash {hash}", path.display()),
                OutputFormat::Json => println!("{}", json!({"file": path, "valid": true, "app_hash": hash})),
            }
            Ok(())
        }
    }
}

/// An entry of `bulk-add-genesis-account`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkEntry {
    address: String,
    coins: Vec<BulkCoin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkCoin {
    denom: String,
    amount: String,
}

fn add_account(home: &Home, args: &AddAccountArgs) -> Result<()> {
    let mut genesis = GenesisFile::read(home.genesis())?;
    let account: Address = match genesis.prefix()?.parse_account(&args.address) {
        Ok(account) => account,
        Err(e) => match keys::open(home, &args.keyring)?.get(&args.address) {
            Ok(record) => record.address(),
            Err(no_key) => bail!("{} is neither an address ({e}) nor a key ({no_key})", args.address),
        },
    };
    let coins: Coins = args.coins.parse().with_context(|| format!("balance {}", args.coins))?;
    if let Some(module) = &args.module_name {
        let own = plume_primitives::module_address(module);
        ensure!(account == own, "module {module} has the address {}", genesis.prefix()?.account(&own));
        genesis.add_module_account(module)?;
        genesis.add_account(&account, &coins, true)?;
    } else {
        genesis.add_account(&account, &coins, args.append)?;
    }
    genesis.write()
}
