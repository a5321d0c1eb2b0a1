//! Editing a genesis document: CometBFT's JSON with our `app_state`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use plume_engine::ValidatorKey;
use plume_home::genesis::{GenesisDoc, GenesisValidator, cometbft_params};
use plume_primitives::{Address, Bech32Prefix, Coins, Height, Timestamp, module_address};
use plume_proto::tendermint::types::BlockParams;
use serde_json::{Value, json};

/// A genesis document on disk.
pub struct GenesisFile {
    path: PathBuf,
    doc: GenesisDoc,
}

/// What a new chain is given.
pub struct NewChain<'a> {
    /// Chain id.
    pub chain_id: &'a str,
    /// Genesis time.
    pub time: Timestamp,
    /// Height of the first block.
    pub initial_height: Height,
    /// Prefix of account addresses.
    pub prefix: &'a str,
    /// Base denomination.
    pub denom: &'a str,
}

/// Bytes of a block at most.
const MAX_BYTES: i64 = 4 << 20;

/// Gas of a block at most: about 200 ms of execution at the gas of a bank send.
const MAX_GAS: i64 = 300_000_000;

impl GenesisFile {
    /// A new document without accounts and validators; not written yet.
    pub fn new(path: PathBuf, chain: &NewChain<'_>) -> Self {
        let mut consensus_params = cometbft_params();
        consensus_params.block = Some(BlockParams { max_bytes: MAX_BYTES, max_gas: MAX_GAS });
        let app_state = json!({
            "auth": {
                "params": {
                    "max_memo_characters": "256",
                    "tx_sig_limit": "7",
                    "tx_size_cost_per_byte": "10",
                    "sig_verify_cost_ed25519": "590",
                    "sig_verify_cost_secp256k1": "1000"
                },
                "accounts": []
            },
            "bank": {
                "params": {"send_enabled": [], "default_send_enabled": true},
                "balances": [],
                "supply": [],
                "denom_metadata": denom_metadata(chain.denom),
                "send_enabled": []
            },
            "plume": {
                "params": {
                    "bech32_prefix": chain.prefix,
                    "base_denom": chain.denom,
                    "fee_denoms": [],
                    "policies": {"allow_ed25519_accounts": false}
                }
            }
        });
        let doc = GenesisDoc {
            time: chain.time,
            chain_id: chain.chain_id.to_owned(),
            initial_height: chain.initial_height,
            consensus_params,
            validators: Vec::new(),
            app_hash: Bytes::new(),
            app_state,
        };
        Self { path, doc }
    }

    /// A document to be written to `path`.
    pub fn of(path: PathBuf, doc: GenesisDoc) -> Self {
        Self { path, doc }
    }

    /// Reads the document at `path`.
    pub fn read(path: PathBuf) -> Result<Self> {
        let text = fs::read(&path).with_context(|| {
            format!("cannot read {}: run `plumed init` first, or name the home with --home", path.display())
        })?;
        let doc = GenesisDoc::from_json(&text).with_context(|| format!("{} cannot be used", path.display()))?;
        Ok(Self { path, doc })
    }

    /// Writes the document where it was read from.
    pub fn write(&self) -> Result<()> {
        self.write_to(&self.path)
    }

    /// Writes the document to `path`: first beside it, then by renaming, so that a crash leaves the old one.
    pub fn write_to(&self, path: &Path) -> Result<()> {
        let new = path.with_extension("json.new");
        fs::write(&new, self.doc.to_json() + "\n").with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The document.
    pub fn doc(&self) -> &GenesisDoc {
        &self.doc
    }

    /// Prefix of account addresses.
    pub fn prefix(&self) -> Result<Bech32Prefix> {
        let text = self.doc.app_state["plume"]["params"]["bech32_prefix"]
            .as_str()
            .context("app_state.plume.params.bech32_prefix is missing")?;
        Ok(Bech32Prefix::new(text)?)
    }

    /// Base denomination.
    pub fn base_denom(&self) -> Result<String> {
        let text = self.doc.app_state["plume"]["params"]["base_denom"].as_str();
        Ok(text.context("app_state.plume.params.base_denom is missing")?.to_owned())
    }

    /// Adds a base account with a balance and raises the supply.
    pub fn add_account(&mut self, address: &Address, coins: &Coins, append: bool) -> Result<()> {
        let text = self.prefix()?.account(address);
        let accounts = list(&mut self.doc.app_state, "/auth/accounts")?;
        let known = accounts.iter().any(|account| account_address(account) == Some(&text));
        if known && !append {
            bail!("account {text} is in the genesis document already: use --append to add to its balance");
        }
        if !known {
            let number = accounts.len().to_string();
            accounts.push(json!({
                "@type": "/cosmos.auth.v1beta1.BaseAccount",
                "address": text,
                "pub_key": null,
                "account_number": number,
                "sequence": "0"
            }));
        }
        let balances = list(&mut self.doc.app_state, "/bank/balances")?;
        match balances.iter_mut().find(|balance| balance["address"] == text.as_str()) {
            Some(balance) => balance["coins"] = add_coins(&balance["coins"], coins)?,
            None => balances.push(json!({"address": text, "coins": add_coins(&Value::Null, coins)?})),
        }
        let supply = self.doc.app_state.pointer_mut("/bank/supply").context("app_state.bank.supply is missing")?;
        *supply = add_coins(supply, coins)?;
        Ok(())
    }

    /// Adds the account of a module; nothing changes if it is there.
    pub fn add_module_account(&mut self, module: &str) -> Result<()> {
        let text = self.prefix()?.account(&module_address(module));
        let accounts = list(&mut self.doc.app_state, "/auth/accounts")?;
        if accounts.iter().any(|account| account_address(account) == Some(&text)) {
            return Ok(());
        }
        let number = accounts.len().to_string();
        accounts.push(json!({
            "@type": "/cosmos.auth.v1beta1.ModuleAccount",
            "base_account": {"address": text, "pub_key": null, "account_number": number, "sequence": "0"},
            "name": module,
            "permissions": []
        }));
        Ok(())
    }

    /// Adds a validator.
    pub fn add_validator(&mut self, name: &str, key: ValidatorKey, power: u64) -> Result<()> {
        let power =
            i64::try_from(power).ok().filter(|power| *power > 0).context("voting power must be from 1 to 2^63 - 1")?;
        if self.doc.validators.iter().any(|validator| validator.key == key) {
            bail!("the validator key is in the genesis document already");
        }
        self.doc.validators.push(GenesisValidator { key, power, name: name.to_owned() });
        Ok(())
    }
}

fn list<'a>(app_state: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>> {
    let place = app_state
        .pointer_mut(pointer)
        .with_context(|| format!("app_state{pointer} is missing in the genesis document"))?;
    if place.is_null() {
        *place = json!([]);
    }
    place.as_array_mut().with_context(|| format!("app_state{pointer} is not a list in the genesis document"))
}

fn account_address(account: &Value) -> Option<&str> {
    account["address"].as_str().or_else(|| account["base_account"]["address"].as_str())
}

fn add_coins(existing: &Value, more: &Coins) -> Result<Value> {
    let texts: Option<Vec<String>> =
        existing.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(coin_text).collect();
    let existing: Coins = texts.context("a coin of the genesis document is malformed")?.join(",").parse()?;
    let sum = existing.checked_add(more).context("the supply would pass 2^128 - 1")?;
    Ok(sum.iter().map(|coin| json!({"denom": coin.denom.to_string(), "amount": coin.amount.to_string()})).collect())
}

fn coin_text(coin: &Value) -> Option<String> {
    Some(format!("{}{}", coin["amount"].as_str()?, coin["denom"].as_str()?))
}

/// Metadata of the base denomination when it is a micro unit (`uplume`: 6 decimals, display `plume`).
fn denom_metadata(denom: &str) -> Value {
    let Some(display) = denom.strip_prefix('u').filter(|display| display.len() > 2) else { return json!([]) };
    json!([{
        "description": "The coin of the chain, in which fees are paid.",
        "denom_units": [
            {"denom": denom, "exponent": 0, "aliases": []},
            {"denom": display, "exponent": 6, "aliases": []}
        ],
        "base": denom,
        "display": display,
        "name": display.to_uppercase(),
        "symbol": display.to_uppercase(),
        "uri": "",
        "uri_hash": ""
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> GenesisFile {
        let chain = NewChain {
            chain_id: "a-1",
            time: Timestamp::UNIX_EPOCH,
            initial_height: Height(1),
            prefix: "plume",
            denom: "uplume",
        };
        GenesisFile::new(PathBuf::from("genesis.json"), &chain)
    }

    #[test]
    fn account_adds_balance_and_supply() {
        let mut genesis = new();
        let address = Address::new(&[7; 20]).unwrap();
        genesis.add_account(&address, &"5uplume".parse().unwrap(), false).unwrap();
        genesis.add_account(&address, &"2uplume,1uusd".parse().unwrap(), true).unwrap();
        let bank = &genesis.doc().app_state["bank"];
        let coins = json!([{"denom": "uplume", "amount": "7"}, {"denom": "uusd", "amount": "1"}]);
        assert_eq!(bank["supply"], coins);
        assert_eq!(bank["balances"][0]["coins"], coins);
        assert_eq!(genesis.doc().app_state["auth"]["accounts"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn account_twice_is_refused_and_changes_nothing() {
        let mut genesis = new();
        let address = Address::new(&[7; 20]).unwrap();
        genesis.add_account(&address, &"5uplume".parse().unwrap(), false).unwrap();
        let before = genesis.doc().clone();
        assert!(genesis.add_account(&address, &"5uplume".parse().unwrap(), false).is_err());
        assert_eq!(genesis.doc(), &before);
    }
}
