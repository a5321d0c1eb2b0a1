//! Balance queries at a steady rate beside whatever else goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use plume_load::{Accounts, Connection};
use plume_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};

use crate::balances::query;

/// How queries reach the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// ABCI Query over the RPC at this address.
    Rpc(String),
    /// REST at this address.
    Rest(String),
}

/// When a query was due, and how long after that its answer was there.
pub type Answered = (Instant, Duration);

/// Asks for balances of the first `count` accounts in turn, `rate` times a second, until `done`. Times count from when a
/// query was due, so that one slow answer shows in those that wait behind it.
///
/// # Errors
/// An answer that is no balance.
pub fn ask(door: &Door, accounts: &Accounts, count: u64, rate: f64, done: &AtomicBool) -> Result<Vec<Answered>> {
    let url = match door {
        Door::Rpc(url) | Door::Rest(url) => url,
    };
    let mut connection = Connection::open(url)?;
    let mut answered = Vec::new();
    let start = Instant::now();
    for asked in 0_u64.. {
        let due = Duration::from_secs_f64(asked as f64 / rate);
        while start.elapsed() < due {
            if done.load(Ordering::Relaxed) {
                return Ok(answered);
            }
            std::thread::sleep((due - start.elapsed().min(due)).min(Duration::from_millis(20)));
        }
        if done.load(Ordering::Relaxed) {
            break;
        }
        let address = accounts.bech32(asked % count);
        match door {
            Door::Rpc(_) => {
                let request = QueryBalanceRequest { address, denom: "stake".to_owned() };
                let answer: QueryBalanceResponse =
                    query(&mut connection, "/cosmos.bank.v1beta1.Query/Balance", &request)?;
                answer.balance.context("no balance")?;
            }
            Door::Rest(_) => {
                let path = format!("/cosmos/bank/v1beta1/balances/{address}/by_denom?denom=stake");
                let (status, body) = connection.get(&path)?;
                ensure!(status == 200, "REST answers {status}: {}", String::from_utf8_lossy(&body));
            }
        }
        answered.push((start + due, start.elapsed().saturating_sub(due)));
    }
    Ok(answered)
}
