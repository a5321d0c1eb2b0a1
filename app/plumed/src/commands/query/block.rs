//! Blocks in the form of `tendermint.types.Block`, as the SDK prints them, and their results as the engine's RPC has them.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Client;
use super::tx::page;
use crate::cli::{BlockKey, OrderBy, SearchArgs};
use crate::output;

/// Digits of a block's hash.
const HASH_DIGITS: usize = 64;

/// Prints the block that `key` names, the latest one without.
pub fn run(client: &Client, key: Option<&str>, kind: Option<BlockKey>) -> Result<()> {
    let by_hash = match (kind, key) {
        (Some(kind), _) => kind == BlockKey::Hash,
        (None, key) => key.is_some_and(|key| key.len() == HASH_DIGITS),
    };
    let block = match key {
        None => client.rpc.block(None)?.1,
        Some(key) if by_hash => {
            let hash = hex::decode(key).with_context(|| format!("{key:?} is not a hash in hexadecimal digits"))?;
            let found = client.rpc.call("block_by_hash", &json!({"hash": STANDARD.encode(hash)}))?;
            let missing = || format!("the node has no block {key}");
            Some(found).filter(|found| !found["block"].is_null()).with_context(missing)?
        }
        Some(key) => {
            let height = key.parse().with_context(|| format!("{key:?} is neither a height nor a hash"))?;
            client.rpc.block(Some(height))?.1
        }
    };
    output::print(&proto_form(&block["block"])?, client.format);
    Ok(())
}

/// Prints a page of the blocks whose events match.
pub fn search(client: &Client, args: &SearchArgs) -> Result<()> {
    let order_by = match args.order_by {
        OrderBy::Asc => "asc",
        OrderBy::Desc => "desc",
    };
    let params = json!({
        "query": args.query,
        "page": args.page.to_string(),
        "per_page": args.limit.to_string(),
        "order_by": order_by,
    });
    let found = client.rpc.call("block_search", &params)?;
    let total = found["total_count"].as_str().and_then(|text| text.parse().ok()).context("the answer has no total")?;
    let blocks: Vec<Value> = found["blocks"].as_array().cloned().unwrap_or_default();
    let mut shown = page(total, blocks.len(), args);
    let blocks = blocks.iter().map(|block| proto_form(&block["block"])).collect::<Result<Vec<_>>>()?;
    shown.insert("blocks".to_owned(), json!(blocks));
    output::print(&Value::Object(shown), client.format);
    Ok(())
}

/// Prints the results of a block's transactions.
pub fn results(client: &Client, height: Option<u64>) -> Result<()> {
    output::print(&client.rpc.block_results(height)?, client.format);
    Ok(())
}

/// Names of `tendermint.types.BlockIDFlag`, by number.
const FLAGS: [&str; 4] = ["BLOCK_ID_FLAG_UNKNOWN", "BLOCK_ID_FLAG_ABSENT", "BLOCK_ID_FLAG_COMMIT", "BLOCK_ID_FLAG_NIL"];

/// The JSON of `tendermint.types.Block` from CometBFT's own: bytes in base64 instead of hexadecimal digits, flags by name,
/// `part_set_header` instead of `parts`.
fn proto_form(block: &Value) -> Result<Value> {
    Ok(match block {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let name = if name == "parts" { "part_set_header" } else { name };
                let value = match value {
                    Value::String(text) if name.ends_with("hash") || name.ends_with("_address") => base64_of(text)?,
                    Value::Number(number) if name == "block_id_flag" => {
                        let flag = number.as_u64().and_then(|number| FLAGS.get(usize::try_from(number).ok()?));
                        json!(flag.context("a signature's flag is not known")?)
                    }
                    value => proto_form(value)?,
                };
                Ok((name.to_owned(), value))
            };
            Value::Object(fields.iter().map(field).collect::<Result<_>>()?)
        }
        Value::Array(items) => Value::Array(items.iter().map(proto_form).collect::<Result<_>>()?),
        other => other.clone(),
    })
}

/// Empty bytes are null, as in all JSON of the SDK.
fn base64_of(text: &str) -> Result<Value> {
    let bytes = hex::decode(text).with_context(|| format!("{text:?} is not hexadecimal"))?;
    Ok(if bytes.is_empty() { Value::Null } else { json!(STANDARD.encode(bytes)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_form_of_their_descriptor() {
        let id = json!({"hash": "0A", "parts": {"total": 1, "hash": "0B"}});
        let raw = json!({
            "header": {"version": {"block": "11"}, "chain_id": "a-1", "height": "2", "last_block_id": id,
                "app_hash": "", "proposer_address": "0C"},
            "data": {"txs": ["AQI="]},
            "evidence": {"evidence": []},
            "last_commit": {"height": "1", "round": 0, "block_id": id, "signatures": [
                {"block_id_flag": 2, "validator_address": "0C", "timestamp": "2026-01-02T03:04:05Z", "signature": "AQI="}
            ]}
        });
        let shown = proto_form(&raw).unwrap();
        let id = json!({"hash": "Cg==", "part_set_header": {"total": 1, "hash": "Cw=="}});
        assert_eq!(shown["header"]["last_block_id"], id);
        assert_eq!(
            (&shown["header"]["app_hash"], &shown["header"]["proposer_address"]),
            (&Value::Null, &json!("DA=="))
        );
        assert_eq!(shown["last_commit"]["signatures"][0]["block_id_flag"], "BLOCK_ID_FLAG_COMMIT");
        assert_eq!(shown["data"], raw["data"]);
        // The descriptor takes it and gives it back.
        let bytes = plume_codec::from_json("tendermint.types.Block", &shown).unwrap();
        let again = plume_codec::to_json("tendermint.types.Block", &bytes).unwrap();
        assert_eq!(again["last_commit"], shown["last_commit"]);
    }
}
