//! Blocks and their results, as the engine's RPC has them.

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
    output::print(&block, client.format);
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
    shown.insert("blocks".to_owned(), blocks.into_iter().map(|block| block["block"].clone()).collect());
    output::print(&Value::Object(shown), client.format);
    Ok(())
}

/// Prints the results of a block's transactions.
pub fn results(client: &Client, height: Option<u64>) -> Result<()> {
    output::print(&client.rpc.block_results(height)?, client.format);
    Ok(())
}
