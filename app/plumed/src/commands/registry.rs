//! What wallets, explorers and the chain registry need to know of the chain, from its genesis document and the flags.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use plume_codec::pool;
use plume_primitives::DecCoins;
use serde_json::{Map, Value, json};

use crate::cli::{RegistryArgs, RegistryFile};
use crate::genesis_file::GenesisFile;
use crate::home::Home;

/// Most characters of a chain's name in Keplr.
const KEPLR_NAME: usize = 36;

/// Coin type of the derivation path (SLIP-44).
const COIN_TYPE: u32 = 118;

/// Gas of a plain payment, for the fee that explorers offer.
const PAYMENT_GAS: f64 = 200_000.0;

/// A price of gas that is asked for where the node demands none.
const DEFAULT_STEPS: [f64; 3] = [0.0, 0.0, 0.0];

/// Prints or writes the descriptions.
pub fn run(home: &Home, args: &RegistryArgs) -> Result<()> {
    let facts = Facts::of(home, args)?;
    let files = [
        (RegistryFile::Chain, "chain.json", facts.chain(args)),
        (RegistryFile::Assetlist, "assetlist.json", facts.asset_list(args)),
        (RegistryFile::Keplr, "keplr.json", facts.keplr(args)?),
        (RegistryFile::Ping, "ping.json", facts.ping(args)),
    ];
    if let Some(dir) = &args.dir {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        for (_, name, value) in &files {
            let path = dir.join(name);
            let text = serde_json::to_string_pretty(value)? + "\n";
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}", path.display());
        }
        return Ok(());
    }
    let shown = match args.file {
        Some(file) => files.into_iter().find(|(kind, ..)| *kind == file).map(|(.., value)| value).unwrap_or_default(),
        None => files.into_iter().map(|(_, name, value)| (name.trim_end_matches(".json").to_owned(), value)).collect(),
    };
    println!("{}", serde_json::to_string_pretty(&shown)?);
    Ok(())
}

/// What all descriptions say.
struct Facts {
    chain_id: String,
    name: String,
    pretty_name: String,
    prefix: String,
    base: String,
    /// Metadata of all denominations, the base one first.
    assets: Vec<Asset>,
    steps: [f64; 3],
    peer: Option<Value>,
}

struct Asset {
    metadata: Value,
    base: String,
    symbol: String,
    exponent: u64,
}

impl Facts {
    fn of(home: &Home, args: &RegistryArgs) -> Result<Self> {
        let genesis = GenesisFile::read(home.genesis())?;
        let doc = genesis.doc();
        let prefix = genesis.prefix()?.as_str().to_owned();
        let base = doc.app_state["plume"]["params"]["base_denom"]
            .as_str()
            .context("the genesis document has no base_denom")?;
        let name = args.chain_name.clone().unwrap_or_else(|| name_of(&doc.chain_id));
        ensure!(
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "--chain-name {name:?}: use lower-case letters and digits"
        );
        let pretty_name = args.pretty_name.clone().unwrap_or_else(|| doc.chain_id.clone());
        ensure!(
            pretty_name.chars().count() <= KEPLR_NAME,
            "--pretty-name has more than {KEPLR_NAME} characters, which Keplr refuses"
        );
        let listed = doc.app_state["bank"]["denom_metadata"].as_array().cloned().unwrap_or_default();
        let mut assets: Vec<Asset> = listed.iter().filter_map(asset).collect();
        if !assets.iter().any(|asset| asset.base == base) {
            assets.extend(asset(&plain_metadata(base)));
        }
        assets.sort_by_key(|asset| asset.base != base);
        Ok(Self {
            chain_id: doc.chain_id.clone(),
            name,
            pretty_name,
            prefix,
            base: base.to_owned(),
            assets,
            steps: steps(home, args, base)?,
            peer: peer(home)?,
        })
    }

    fn chain(&self, args: &RegistryArgs) -> Value {
        let endpoint = |address: &str| {
            let mut endpoint = Map::new();
            endpoint.insert("address".to_owned(), json!(address));
            endpoint.extend(args.provider.iter().map(|provider| ("provider".to_owned(), json!(provider))));
            json!([endpoint])
        };
        let up = if args.network_type == "mainnet" { "../" } else { "../../" };
        let [low, average, high] = self.steps;
        let version = env!("CARGO_PKG_VERSION");
        let mut codebase = json!({
            "recommended_version": format!("v{version}"),
            "compatible_versions": [format!("v{version}")],
            "language": {"type": "rust", "version": env!("CARGO_PKG_RUST_VERSION")},
            "sdk": {"type": "other"},
            "consensus": {"type": "cometbft", "version": plume_home::config::COMETBFT_VERSION},
        });
        if let Some(repository) = &args.repository {
            codebase["git_repo"] = json!(repository);
        }
        let mut chain = json!({
            "$schema": format!("{up}chain.schema.json"),
            "chain_name": self.name,
            "chain_type": "cosmos",
            "chain_id": self.chain_id,
            "pretty_name": self.pretty_name,
            "status": args.status,
            "network_type": args.network_type,
            "bech32_prefix": self.prefix,
            "daemon_name": "plumed",
            "node_home": "$HOME/.plume",
            "key_algos": ["secp256k1"],
            "slip44": COIN_TYPE,
            "fees": {"fee_tokens": [{
                "denom": self.base,
                "fixed_min_gas_price": low,
                "low_gas_price": low,
                "average_gas_price": average,
                "high_gas_price": high,
            }]},
            "staking": {"staking_tokens": [{"denom": self.base}]},
            "codebase": codebase,
            "apis": {"rpc": endpoint(&args.rpc), "rest": endpoint(&args.rest), "grpc": endpoint(&args.grpc)},
        });
        if let Some(website) = &args.website {
            chain["website"] = json!(website);
        }
        if let Some(peer) = &self.peer {
            chain["peers"] = json!({"seeds": [], "persistent_peers": [peer]});
        }
        chain
    }

    fn asset_list(&self, args: &RegistryArgs) -> Value {
        let up = if args.network_type == "mainnet" { "../" } else { "../../" };
        let assets: Vec<Value> = self
            .assets
            .iter()
            .map(|asset| {
                let units = asset.metadata["denom_units"].as_array().cloned().unwrap_or_default();
                let units: Vec<Value> =
                    units.iter().map(|unit| json!({"denom": unit["denom"], "exponent": unit["exponent"]})).collect();
                let mut entry = Map::new();
                let description = asset.metadata["description"].as_str().filter(|text| !text.is_empty());
                entry.extend(description.map(|text| ("description".to_owned(), json!(text))));
                for (name, value) in [
                    ("denom_units", json!(units)),
                    ("type_asset", json!("sdk.coin")),
                    ("base", json!(asset.base)),
                    ("name", asset.metadata["name"].clone()),
                    ("display", asset.metadata["display"].clone()),
                    ("symbol", json!(asset.symbol)),
                ] {
                    entry.insert(name.to_owned(), value);
                }
                Value::Object(entry)
            })
            .collect();
        json!({"$schema": format!("{up}assetlist.schema.json"), "chain_name": self.name, "assets": assets})
    }

    fn keplr(&self, args: &RegistryArgs) -> Result<Value> {
        let currency = |asset: &Asset| json!({"coinDenom": asset.symbol, "coinMinimalDenom": asset.base, "coinDecimals": asset.exponent});
        let base = self.assets.first().map(currency).context("the chain has no base denomination")?;
        let [low, average, high] = self.steps;
        let mut fee = base.clone();
        fee["gasPriceStep"] = json!({"low": low, "average": average, "high": high});
        let prefix = &self.prefix;
        // What a wallet may use is what the chain has services for.
        let features = [
            ("ibc-transfer", "ibc.applications.transfer.v1.Query"),
            ("ibc-go", "ibc.core.client.v1.Query"),
            ("feemarket", "feemarket.feemarket.v1.Query"),
        ];
        let features: Vec<&str> = features
            .iter()
            .filter(|(_, service)| pool().get_service_by_name(service).is_some())
            .map(|(feature, _)| *feature)
            .collect();
        Ok(json!({
            "rpc": args.rpc,
            "rest": args.rest,
            "chainId": self.chain_id,
            "chainName": self.pretty_name,
            "bip44": {"coinType": COIN_TYPE},
            "bech32Config": {
                "bech32PrefixAccAddr": prefix,
                "bech32PrefixAccPub": format!("{prefix}pub"),
                "bech32PrefixValAddr": format!("{prefix}valoper"),
                "bech32PrefixValPub": format!("{prefix}valoperpub"),
                "bech32PrefixConsAddr": format!("{prefix}valcons"),
                "bech32PrefixConsPub": format!("{prefix}valconspub"),
            },
            "currencies": self.assets.iter().map(currency).collect::<Vec<_>>(),
            "feeCurrencies": [fee],
            "stakeCurrency": base,
            "features": features,
        }))
    }

    fn ping(&self, args: &RegistryArgs) -> Value {
        let provider = args.provider.as_deref().unwrap_or(&self.name);
        let logo = args.logo.as_deref().unwrap_or_default();
        let assets: Vec<Value> = self
            .assets
            .iter()
            .map(|asset| {
                json!({
                    "base": asset.base,
                    "symbol": asset.symbol,
                    "exponent": asset.exponent.to_string(),
                    "coingecko_id": "",
                    "logo": logo,
                })
            })
            .collect();
        json!({
            "chain_name": self.name,
            "coingecko": "",
            "api": [{"provider": provider, "address": args.rest}],
            "rpc": [{"provider": provider, "address": args.rpc}],
            "snapshot_provider": "",
            "sdk_version": "0.50.15",
            "coin_type": COIN_TYPE.to_string(),
            "min_tx_fee": format!("{:.0}", (self.steps[0] * PAYMENT_GAS).ceil()),
            "addr_prefix": self.prefix,
            "logo": logo,
            "theme_color": "#3d4a8a",
            "assets": assets,
        })
    }
}

/// `plume-local-1` becomes `plumelocal`: the registry's names have no revision.
fn name_of(chain_id: &str) -> String {
    let name = match chain_id.rsplit_once('-') {
        Some((name, revision)) if revision.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => chain_id,
    };
    name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

fn asset(metadata: &Value) -> Option<Asset> {
    let display = metadata["display"].as_str()?;
    let units = metadata["denom_units"].as_array()?;
    let unit = units.iter().find(|unit| unit["denom"] == display)?;
    Some(Asset {
        base: metadata["base"].as_str()?.to_owned(),
        symbol: metadata["symbol"].as_str()?.to_owned(),
        exponent: unit["exponent"].as_u64()?,
        metadata: metadata.clone(),
    })
}

/// Metadata of a denomination that the genesis document says nothing of.
fn plain_metadata(denom: &str) -> Value {
    let unit = json!({"denom": denom, "exponent": 0});
    json!({"denom_units": [unit], "base": denom, "display": denom, "name": denom, "symbol": denom.to_uppercase()})
}

fn steps(home: &Home, args: &RegistryArgs, base: &str) -> Result<[f64; 3]> {
    let steps = match args.gas_price_steps.as_deref() {
        Some([low, average, high]) => [*low, *average, *high],
        Some(other) => bail!("--gas-price-steps: three prices are wanted, {} are given", other.len()),
        None => {
            let text = home.app_config()?.minimum_gas_prices;
            let prices: DecCoins = text.parse().with_context(|| format!("minimum-gas-prices {text:?}"))?;
            let price = prices.iter().find(|price| price.denom.to_string() == base);
            // For display only; the node itself reckons with decimals.
            let least = price.and_then(|price| price.amount.to_string().parse::<f64>().ok());
            least.map_or(DEFAULT_STEPS, |least| [least, least * 1.25, least * 2.0])
        }
    };
    ensure!(
        steps.iter().all(|step| step.is_finite() && *step >= 0.0) && steps[0] <= steps[1] && steps[1] <= steps[2],
        "--gas-price-steps must not fall"
    );
    Ok(steps)
}

/// This node as a peer, if `config.toml` says where others reach it.
fn peer(home: &Home) -> Result<Option<Value>> {
    if !home.config_file(crate::cli::ConfigFile::Config).is_file() {
        return Ok(None);
    }
    let (settings, _) = home.comet().settings::<&str>(&[])?;
    let address = settings.p2p.external_address.trim_start_matches("tcp://").to_owned();
    if address.is_empty() {
        return Ok(None);
    }
    Ok(Some(json!({"id": home.comet().node_id()?, "address": address})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_names_have_no_revision() {
        assert_eq!(name_of("plume-local-1"), "plumelocal");
        assert_eq!(name_of("plume"), "plume");
        assert_eq!(name_of("Plume_X-10"), "plumex");
    }
}
