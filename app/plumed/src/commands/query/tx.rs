//! Transactions in blocks, in the form of the SDK's `TxResponse`.

use std::collections::BTreeMap;
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
    output::print(&response(&found, Times::default().of(client, found.height)?)?, client.format);
    Ok(())
}

/// Prints a page of the transactions whose events match.
pub fn search(client: &Client, args: &SearchArgs) -> Result<()> {
    let order = match args.order_by {
        OrderBy::Asc => Order::Ascending,
        OrderBy::Desc => Order::Descending,
    };
    let found = client.rpc.tx_search(&args.query, args.page, args.limit, order)?;
    let mut times = Times::default();
    let txs = found.txs.iter().map(|tx| response(tx, times.of(client, tx.height)?)).collect::<Result<Vec<_>>>()?;
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
            output::print(&response(&found, Times::default().of(client, found.height)?)?, client.format);
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

/// Times of blocks, each asked for once: a block is sent whole, and a page of a search may lie in few of them.
#[derive(Default)]
struct Times(BTreeMap<u64, Timestamp>);

impl Times {
    /// The time of a block in whole seconds, as the SDK shows it.
    fn of(&mut self, client: &Client, height: u64) -> Result<Timestamp> {
        if let Some(time) = self.0.get(&height) {
            return Ok(*time);
        }
        let time = client.rpc.block(Some(height))?.0.time;
        let time = Timestamp::new(time.seconds(), 0).unwrap_or(time);
        self.0.insert(height, time);
        Ok(time)
    }
}

fn response(found: &TxAnswer, time: Timestamp) -> Result<Value> {
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    use plume_client::RpcClient;

    use super::*;
    use crate::cli::OutputFormat;

    /// Answers `count` requests for blocks and gives the heights that were asked for.
    fn blocks(listener: TcpListener, count: usize) -> Vec<String> {
        let mut asked = Vec::new();
        for _ in 0..count {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                length = line.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap();
            let height = request["params"]["height"].as_str().unwrap().to_owned();
            let header = json!({
                "chain_id": "a-1", "height": height, "time": format!("2026-01-02T03:04:0{height}.7Z"),
                "app_hash": "", "validators_hash": "", "next_validators_hash": "", "proposer_address": "",
            });
            let hash = "00".repeat(32);
            let block = json!({"block_id": {"hash": hash}, "block": {"header": header, "data": {"txs": []}}});
            let answer = json!({"jsonrpc": "2.0", "id": 1, "result": block}).to_string();
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).unwrap();
            asked.push(height);
        }
        asked
    }

    #[test]
    fn a_block_is_asked_for_once_whatever_it_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let node = thread::spawn(move || blocks(listener, 2));
        let rpc = RpcClient::new(&address, Duration::from_secs(20)).unwrap();
        let client = Client { rpc, format: OutputFormat::Json };
        let mut times = Times::default();
        let found = [3, 4, 3, 3, 4].map(|height| times.of(&client, height).unwrap().to_string());
        assert_eq!(found.map(|time| time[17..].to_owned()), ["03Z", "04Z", "03Z", "03Z", "04Z"]);
        assert_eq!(node.join().unwrap(), ["3", "4"]);
    }
}
