//! Genesis documents with many accounts, written as a stream: a million accounts as JSON values would need gigabytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use plume_load::{Accounts, Kind, Workload};
use serde_json::Value;

use super::BALANCE;

const ACCOUNTS: &str = "@accounts@";
const BALANCES: &str = "@balances@";

/// Writes `document` with the workload's accounts before those that it has: account `i` gets number `i` and its coins, and
/// the others the numbers behind.
///
/// # Errors
/// A document without auth or bank; a file that cannot be written.
pub(super) fn write(mut document: Value, workload: &Workload, accounts: &Accounts, to: &[&Path]) -> Result<()> {
    let mut take = |pointer: &str, mark: &str| -> Result<Vec<Value>> {
        let place = document.pointer_mut(pointer).with_context(|| format!("the genesis has no {pointer}"))?;
        let before = std::mem::replace(place, Value::String(mark.to_owned()));
        Ok(before.as_array().cloned().unwrap_or_default())
    };
    let mut others = take("/app_state/auth/accounts", ACCOUNTS)?;
    let balances = take("/app_state/bank/balances", BALANCES)?;
    // Computed from the balances.
    document["app_state"]["bank"]["supply"] = Value::Array(Vec::new());
    for (account, number) in others.iter_mut().zip(workload.accounts..) {
        let base = if account["base_account"].is_object() { &mut account["base_account"] } else { account };
        base["account_number"] = Value::String(number.to_string());
    }
    let text = serde_json::to_string(&document)?;
    let [accounts_mark, balances_mark] = [ACCOUNTS, BALANCES].map(|mark| format!("\"{mark}\""));
    let (first, rest) = text.split_once(&accounts_mark).context("the mark was put in above")?;
    let (middle, last) = rest.split_once(&balances_mark).context("bank comes after auth")?;
    let (first_path, copies) = to.split_first().context("a place to write to")?;
    let file = File::create(first_path).with_context(|| format!("cannot write {}", first_path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(first.as_bytes())?;
    list(&mut out, workload.accounts, &others, |out, index| {
        let address = accounts.bech32(index);
        write!(
            out,
            r#"{{"@type":"/cosmos.auth.v1beta1.BaseAccount","address":"{address}","pub_key":null,"account_number":"{index}","sequence":"0"}}"#
        )
    })?;
    out.write_all(middle.as_bytes())?;
    list(&mut out, workload.accounts, &balances, |out, index| {
        let address = accounts.bech32(index);
        // Denominations ascend.
        let asset = match workload.kind {
            Kind::Send => String::new(),
            Kind::Exchange => format!(r#"{{"denom":"asset","amount":"{BALANCE}"}},"#),
        };
        write!(out, r#"{{"address":"{address}","coins":[{asset}{{"denom":"stake","amount":"{BALANCE}"}}]}}"#)
    })?;
    out.write_all(last.as_bytes())?;
    out.flush()?;
    for copy in copies {
        std::fs::copy(first_path, copy).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    ensure!(workload.accounts > 0, "a chain without accounts");
    Ok(())
}

fn list<W: Write>(
    out: &mut W,
    count: u64,
    others: &[Value],
    entry: impl Fn(&mut W, u64) -> std::io::Result<()>,
) -> Result<()> {
    out.write_all(b"[")?;
    for index in 0..count {
        if index > 0 {
            out.write_all(b",\n")?;
        }
        entry(out, index)?;
    }
    for other in others {
        write!(out, ",\n{other}")?;
    }
    out.write_all(b"]")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use plume_primitives::Bech32Prefix;
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_come_first_and_others_keep_their_coins() {
        let workload = Workload { kind: Kind::Exchange, accounts: 20, txs: 5, lanes: 2, ..Workload::default() };
        let transfers = workload.transfers().expect("enough accounts");
        let accounts = Accounts::of(&workload, &transfers, &Bech32Prefix::new("cosmos").expect("a prefix"));
        let document = json!({"chain_id": "a", "app_state": {
            "auth": {"params": {}, "accounts": [{"address": "validator", "account_number": "0"}]},
            "bank": {"balances": [{"address": "validator", "coins": []}], "supply": [{"denom": "stake", "amount": "1"}]},
        }});
        let folder = tempfile::tempdir().expect("temp dir");
        let [one, two] = ["one.json", "two.json"].map(|name| folder.path().join(name));
        write(document, &workload, &accounts, &[&one, &two]).expect("writable");
        let read = |path| -> Value { serde_json::from_slice(&std::fs::read(path).expect("written")).expect("JSON") };
        let (one, two): (Value, Value) = (read(one), read(two));
        assert_eq!(one, two);
        let listed = one["app_state"]["auth"]["accounts"].as_array().expect("a list");
        assert_eq!((listed.len(), &listed[20]["account_number"]), (21, &json!("20")));
        assert_eq!(listed[7]["address"], json!(accounts.bech32(7)));
        let balances = &one["app_state"]["bank"]["balances"];
        assert_eq!(balances[3]["coins"][0], json!({"denom": "asset", "amount": BALANCE.to_string()}));
        assert_eq!(balances[20]["address"], json!("validator"));
        assert_eq!(one["app_state"]["bank"]["supply"], json!([]));
    }
}
