//! After a run: every balance is what the transactions make it, and all of them together are the supply.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_load::{Accounts, Connection, Delta, Kind, Transfer, Workload};
use plume_proto::cosmos::bank::v1beta1::{
    QueryDenomOwnersRequest, QueryDenomOwnersResponse, QuerySupplyOfRequest, QuerySupplyOfResponse,
};
use plume_proto::cosmos::base::query::v1beta1::PageRequest;
use plume_proto::prost::Message;
use serde::Deserialize;
use serde_json::json;

use crate::system::BALANCE;

/// Owners asked for at once.
const PAGE: u64 = 5000;

/// One denomination's part of a change.
type Part = fn(&Delta) -> i64;

/// Asks for a gRPC query over ABCI.
///
/// # Errors
/// The node's error, with its code.
pub fn query<R: Message + Default>(connection: &mut Connection, path: &str, request: &impl Message) -> Result<R> {
    #[derive(Deserialize)]
    struct Answer {
        response: Response,
    }
    #[derive(Deserialize)]
    struct Response {
        #[serde(default)]
        code: u32,
        #[serde(default)]
        log: String,
        value: Option<String>,
    }
    let params = json!({ "path": path, "data": hex::encode(request.encode_to_vec()), "height": "0", "prove": false });
    let Answer { response } = connection.call("abci_query", &params)?;
    if response.code != 0 {
        bail!("{path}: code {}: {}", response.code, response.log);
    }
    let bytes = STANDARD.decode(response.value.unwrap_or_default()).context("not base64")?;
    Ok(R::decode(bytes.as_slice())?)
}

/// Everyone who has some of `denom`.
fn owners(connection: &mut Connection, denom: &str) -> Result<HashMap<String, u128>> {
    let mut owners = HashMap::new();
    let mut key = Vec::new();
    loop {
        let request = QueryDenomOwnersRequest {
            denom: denom.to_owned(),
            pagination: Some(PageRequest { key, limit: PAGE, ..PageRequest::default() }),
        };
        let page: QueryDenomOwnersResponse = query(connection, "/cosmos.bank.v1beta1.Query/DenomOwners", &request)?;
        for owner in page.denom_owners {
            let amount = owner.balance.context("an owner without balance")?.amount.parse()?;
            owners.insert(owner.address, amount);
        }
        key = page.pagination.map(|page| page.next_key).unwrap_or_default();
        if key.is_empty() {
            return Ok(owners);
        }
    }
}

/// Compares every account of the workload with what `transfers` make of it, and the sum of all balances with the supply;
/// says what was found right.
///
/// # Errors
/// A balance or supply that is another one.
pub fn check(rpc: &str, workload: &Workload, accounts: &Accounts, transfers: &[Transfer]) -> Result<String> {
    let mut connection = Connection::open(rpc)?;
    let deltas = workload.deltas(transfers);
    let denoms: &[(&str, Part)] = match workload.kind {
        Kind::Send => &[("stake", |delta| delta.coins)],
        Kind::Exchange => &[("stake", |delta| delta.coins), ("asset", |delta| delta.assets)],
    };
    let mut counted = 0;
    for (denom, of) in denoms {
        let found = owners(&mut connection, denom)?;
        for index in 0..workload.accounts {
            let change = deltas.get(&index).map_or(0, of);
            let expected = BALANCE.checked_add_signed(i128::from(change)).context("more sent than there was")?;
            let address = accounts.bech32(index);
            let balance = found.get(&address).copied().unwrap_or(0);
            ensure!(balance == expected, "account {index} ({address}) has {balance}{denom} instead of {expected}");
        }
        let request = QuerySupplyOfRequest { denom: (*denom).to_owned() };
        let supply: QuerySupplyOfResponse = query(&mut connection, "/cosmos.bank.v1beta1.Query/SupplyOf", &request)?;
        let supply: u128 = supply.amount.context("no supply")?.amount.parse()?;
        let sum: u128 = found.values().sum();
        ensure!(sum == supply, "all {denom} together are {sum}, and the supply is {supply}");
        counted += found.len();
    }
    Ok(format!("{counted} balances are what the transactions make them, and together the supply"))
}
