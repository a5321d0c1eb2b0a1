//! `bench`: load for a running test chain.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use plume_client::RpcClient;
use plume_load::{
    Accounts, ChainParams, Kind, LoadSettings, Outcome, Pace, Percentiles, Transfer, Workload, drive, funding, sign_all,
};
use serde_json::{Value, json};

use super::keys;
use super::query::Client;
use crate::cli::{BenchCommand, BenchTxArgs};
use crate::home::Home;
use crate::output;

/// Accounts that one transaction pays.
const OUTPUTS: usize = 200;

/// Gas for each account that is paid: about twice what it takes.
const GAS_PER_OUTPUT: u64 = 100_000;

/// Time for a payment to the accounts to be committed, and longest silence of the chain under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// Runs a `bench` command.
pub fn run(home: &Home, command: &BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Tx(args) => tx(home, args),
    }
}

fn tx(home: &Home, args: &BenchTxArgs) -> Result<()> {
    let client = Client::of(home, &args.node)?;
    let chain = ChainParams {
        chain_id: client.rpc.status()?.chain_id,
        denom: args.denom.clone(),
        asset: args.asset.clone().unwrap_or_default(),
    };
    let workload = Workload {
        kind: args.workload,
        scheme: args.keys,
        spread: args.spread,
        accounts: args.accounts,
        txs: args.txs,
        lanes: args.connections,
        fee: args.fee,
        gas: args.gas,
        seed: args.seed,
        round: 0,
    };
    let pace = args.rate.map_or(Pace::Closed { in_flight: args.in_flight }, Pace::Rate);
    let transfers = workload.transfers()?;
    let mut accounts = Accounts::of(&workload, &transfers, &home.prefix()?);
    let signers = accounts.signers();
    if !args.yes {
        let (txs, accounts, url, id) = (args.txs, signers.len(), client.rpc.url(), &chain.chain_id);
        keys::confirm(&format!("send {txs} transactions of {accounts} accounts to {id} at {url}?"))?;
    }
    fund(home, args, &client.rpc, &chain, &workload, &transfers, &accounts)?;
    for index in signers {
        let address = accounts.bech32(index);
        let account =
            client.rpc.account(&address)?.with_context(|| format!("{address} has no account after a payment"))?;
        accounts.place(index, account.account_number, account.sequence);
    }
    eprintln!("signing");
    let txs = sign_all(&workload, &chain, &mut accounts, &transfers)?;
    eprintln!("sending");
    let nodes = vec![client.rpc.url().to_owned()];
    let outcome = drive(&txs, &LoadSettings { nodes, pace, batch: args.batch, patience: PATIENCE })?;
    let outcome = outcome.settle(client.rpc.url())?;
    output::print(&report(&chain, &workload, args.rate, &outcome), client.format);
    Ok(())
}

/// What each account that signs needs for all its transactions, of coins and of assets.
fn needs(workload: &Workload, transfers: &[Transfer]) -> std::collections::BTreeMap<u64, (u128, u128)> {
    let mut needs = std::collections::BTreeMap::new();
    for transfer in transfers {
        let from: &mut (u128, u128) = needs.entry(transfer.from).or_default();
        from.0 += 1 + u128::from(workload.fee);
        if workload.kind == Kind::Exchange {
            needs.entry(transfer.to).or_default().1 += 1;
        }
    }
    needs
}

/// Gives every account that lacks something what the neediest lacks, in as few transactions as possible.
fn fund(
    home: &Home,
    args: &BenchTxArgs,
    rpc: &RpcClient,
    chain: &ChainParams,
    workload: &Workload,
    transfers: &[Transfer],
    accounts: &Accounts,
) -> Result<()> {
    let exchange = workload.kind == Kind::Exchange;
    let mut lacking = Vec::new();
    let (mut coins, mut assets) = (0, 0);
    for (index, (needed_coins, needed_assets)) in needs(workload, transfers) {
        let address = accounts.bech32(index);
        let has = |denom: &str| -> Result<u128> { Ok(rpc.balance(&address, denom)?.amount.units()) };
        let lacks_coins = needed_coins.saturating_sub(has(&chain.denom)?);
        let lacks_assets = if exchange { needed_assets.saturating_sub(has(&chain.asset)?) } else { 0 };
        if lacks_coins > 0 || lacks_assets > 0 {
            (coins, assets) = (coins.max(lacks_coins), assets.max(lacks_assets));
            lacking.push(address);
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    eprintln!("giving {} accounts their coins", lacking.len());
    let keyring = keys::open(home, &args.keyring)?;
    let record = keyring.get(&args.from)?;
    let key = keyring.private_key(&record.name)?;
    let from = keyring.prefix().account(&key.public_key().address());
    let account = rpc.account(&from)?.with_context(|| format!("no account has the address {from}"))?;
    // Denominations ascend.
    let mut amount = vec![(coins, chain.denom.as_str()), (assets, chain.asset.as_str())];
    amount.retain(|(units, _)| *units > 0);
    amount.sort_by_key(|(_, denom)| *denom);
    for (to, sequence) in lacking.chunks(OUTPUTS).zip(account.sequence..) {
        let times = to.len() as u64;
        let fee_and_gas = (args.fee.saturating_mul(times), GAS_PER_OUTPUT * (times + 1), chain.denom.as_str());
        let from = (&key, from.as_str(), account.account_number, sequence);
        let tx = funding(&chain.chain_id, from, to, &amount, fee_and_gas);
        let answer = rpc.broadcast_tx_sync(&tx)?;
        ensure!(answer.code == 0, "the payment to the accounts is refused: code {}: {}", answer.code, answer.log);
        committed(rpc, &answer.hash)?;
    }
    Ok(())
}

fn committed(rpc: &RpcClient, hash: &str) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = rpc.tx(hash)? {
            ensure!(found.code == 0, "the payment to the accounts fails: code {}: {}", found.code, found.log);
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
    bail!("the payment to the accounts is in no block after {} s", PATIENCE.as_secs())
}

fn report(chain: &ChainParams, workload: &Workload, rate: Option<f64>, outcome: &Outcome) -> Value {
    let milliseconds = |found: Percentiles| {
        let value = |ms: f64| json!((ms * 1000.0).round() / 1000.0);
        json!({
            "p50": value(found.p50), "p90": value(found.p90), "p99": value(found.p99), "p999": value(found.p999),
            "max": value(found.max), "mean": value(found.mean),
        })
    };
    let blocks: Vec<u64> = outcome.full_blocks().map(|block| block.txs).collect();
    json!({
        "chain_id": chain.chain_id,
        "load": workload.describe(),
        "rate_per_s": rate,
        "committed": outcome.txs,
        "seconds": (outcome.wall.as_secs_f64() * 1000.0).round() / 1000.0,
        "committed_per_s": (outcome.rate() * 10.0).round() / 10.0,
        "blocks": blocks.len(),
        "largest_block_txs": blocks.iter().max(),
        "due_to_commit_ms": milliseconds(outcome.commits.percentiles()),
        "due_to_mempool_ms": milliseconds(outcome.answers.percentiles()),
        "mempool_full_answers": outcome.pushed_back,
    })
}
