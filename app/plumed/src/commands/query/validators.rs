//! The validators of a height, in the form of `cosmos.base.tendermint.v1beta1`.

use anyhow::{Context, Result};
use plume_primitives::{Address, Bech32Prefix};
use serde_json::{Value, json};

use super::Client;
use crate::home::Home;
use crate::output;

/// Prints a page of the validators.
pub fn run(home: &Home, client: &Client, height: Option<u64>, page: u32, limit: u32) -> Result<()> {
    let prefix = home.prefix()?;
    let mut params = json!({"page": page.to_string(), "per_page": limit.to_string()});
    if let Some(height) = height {
        params["height"] = json!(height.to_string());
    }
    let answer = client.rpc.call("validators", &params)?;
    let validators = answer["validators"].as_array().context("the answer has no validators")?;
    let shown = json!({
        "block_height": answer["block_height"],
        "validators": validators.iter().map(|validator| shown(validator, &prefix)).collect::<Result<Vec<_>>>()?,
        "pagination": {"next_key": null, "total": answer["total"]},
    });
    output::print(&shown, client.format);
    Ok(())
}

fn shown(validator: &Value, prefix: &Bech32Prefix) -> Result<Value> {
    let address = hex::decode(validator["address"].as_str().unwrap_or_default()).context("a validator's address")?;
    Ok(json!({
        "address": prefix.consensus(&Address::new(&address)?),
        "pub_key": {"@type": "/cosmos.crypto.ed25519.PubKey", "key": validator["pub_key"]["value"]},
        "voting_power": validator["voting_power"],
        "proposer_priority": validator["proposer_priority"],
    }))
}
