//! Transactions in blocks, in the form of the SDK's `TxResponse`.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use plume_client::{Broadcast, Order, TxAnswer};
use plume_home::config::parse_duration;
use plume_primitives::Timestamp;
use plume_proto::cosmos::tx::v1beta1::Tx;
use plume_proto::type_url;
use serde_json::{Map, Value, json};

use super::Client;
use crate::cli::{OrderBy, SearchArgs, TxKey};
use crate::output;

/// Pause between two questions for a transaction.
const POLL: Duration = Duration::from_millis(100);

/// Prints the transaction that `key` names.
pub fn run(client: &Client, key: &str, kind: TxKey) -> Result<()> {
    let found = match kind {
        TxKey::Hash => {
            let missing = || format!("no block has a transaction {key}: it may not be in a block yet, or was refused");
            client.rpc.tx(key)?.with_context(missing)?
        }
        TxKey::AccSeq => {
            ensure!(key.contains('/'), "{key:?} is not of the form <address>/<sequence>");
            by_event(client, &condition("tx.acc_seq", key)?)?
        }
        TxKey::Signature => {
            let conditions: Result<Vec<_>> = key.split(',').map(|text| condition("tx.signature", text)).collect();
            by_event(client, &conditions?.join(" AND "))?
        }
    };
    output::print(&response(client, &found)?, client.format);
    Ok(())
}

/// Prints a page of the transactions whose events match.
pub fn search(client: &Client, args: &SearchArgs) -> Result<()> {
    let order = match args.order_by {
        OrderBy::Asc => Order::Ascending,
        OrderBy::Desc => Order::Descending,
    };
    let found = client.rpc.tx_search(&args.query, args.page, args.limit, order)?;
    let txs = found.txs.iter().map(|tx| response(client, tx)).collect::<Result<Vec<_>>>()?;
    let mut shown = page(found.total, txs.len(), args);
    shown.insert("txs".to_owned(), json!(txs));
    output::print(&Value::Object(shown), client.format);
    Ok(())
}

/// Waits until a block has the transaction, then prints it.
pub fn wait(client: &Client, hash: &str, timeout: &str) -> Result<()> {
    let limit =
        parse_duration(timeout).with_context(|| format!("--timeout {timeout} is not a time, for example 15s"))?;
    let begin = Instant::now();
    loop {
        if let Some(found) = client.rpc.tx(hash)? {
            output::print(&response(client, &found)?, client.format);
            return Ok(());
        }
        if begin.elapsed() >= limit {
            bail!("no block had the transaction {hash} within {timeout}: it may still come, or was refused");
        }
        thread::sleep(POLL);
    }
}

/// The counts that stand before a page of a search.
pub fn page(total: u64, count: usize, args: &SearchArgs) -> Map<String, Value> {
    let limit = u64::from(args.limit.max(1));
    let fields = [
        ("total_count", total.to_string()),
        ("count", count.to_string()),
        ("page_number", args.page.to_string()),
        ("page_total", total.div_ceil(limit).to_string()),
        ("limit", limit.to_string()),
    ];
    fields.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect()
}

fn condition(key: &str, text: &str) -> Result<String> {
    ensure!(!text.is_empty() && !text.contains('\''), "{text:?} cannot be searched for");
    Ok(format!("{key}='{text}'"))
}

fn by_event(client: &Client, query: &str) -> Result<TxAnswer> {
    let mut found = client.rpc.tx_search(query, 1, 2, Order::Ascending)?;
    ensure!(found.txs.len() <= 1, "several transactions match {query}");
    found.txs.pop().with_context(|| format!("no transaction matches {query}"))
}

fn response(client: &Client, found: &TxAnswer) -> Result<Value> {
    let time = client.rpc.block(Some(found.height))?.0.time;
    let time = Timestamp::new(time.seconds(), 0).unwrap_or(time);
    let decoded = plume_client::tx_to_json(&plume_client::decode_tx(&found.tx)?)?;
    let mut tx = Map::new();
    tx.insert("@type".to_owned(), json!(type_url::<Tx>()));
    tx.extend(decoded.as_object().cloned().unwrap_or_default());
    Ok(json!({
        "height": found.height.to_string(),
        "txhash": found.hash,
        "codespace": found.codespace,
        "code": found.code,
        "data": hex::encode_upper(&found.data),
        "raw_log": found.log,
        "logs": [],
        "info": "",
        "gas_wanted": found.gas_wanted.to_string(),
        "gas_used": found.gas_used.to_string(),
        "tx": tx,
        "timestamp": time.to_string(),
        "events": found.events,
    }))
}

/// What broadcasting says: the same form, before there is a block.
pub fn broadcast_response(answer: &Broadcast) -> Value {
    json!({
        "height": "0",
        "txhash": answer.hash,
        "codespace": answer.codespace,
        "code": answer.code,
        "data": "",
        "raw_log": answer.log,
        "logs": [],
        "info": "",
        "gas_wanted": "0",
        "gas_used": "0",
        "tx": null,
        "timestamp": "",
        "events": [],
    })
}
