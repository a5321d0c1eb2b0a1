//! How long saving a block takes, and indexing it: `cargo run --release -p plume-store --example save_speed -- [folder] [blocks] [txs]`.
//!
//! Transactions look like bank sends of the Cosmos SDK 0.50: 250 bytes, ten events with 27 attributes, eight of whose values
//! no other transaction has.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_block::{ChainState, no_commit, raw};
use plume_engine::{
    BlockOutcome, ConsensusParams, Event, Genesis, InitOutcome, TxResult, ValidatorKey, ValidatorUpdate,
};
use plume_primitives::{Gas, Height, Timestamp};
use plume_store::{BlockStore, Decided, Order, StoreOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "target/save-speed".to_owned()));
    let blocks: u64 = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let txs: usize = arguments.next().map_or(Ok(5_000), |text| text.parse())?;
    std::fs::create_dir_all(&folder)?;
    let folder = folder.join(format!("run-{}", std::process::id()));
    let store = BlockStore::open(&folder, StoreOptions::default())?;
    let mut state = genesis()?;
    store.save_genesis(&state)?;
    let mut commit = no_commit();
    let (mut saves, mut work, mut indexes) = (Vec::new(), Vec::new(), Vec::new());
    for height in 1..=blocks {
        let proposer = *state.validators.proposer().ok_or("no validators")?.address();
        let block = state.make_block((0..txs).map(|at| tx(height, at)).collect(), &commit, &proposer)?;
        let outcome = BlockOutcome {
            app_hash: Bytes::from_static(&[1; 32]),
            tx_results: (0..txs).map(|at| send(height, at)).collect(),
            ..BlockOutcome::default()
        };
        state = state.next(&block, &outcome)?;
        commit = raw::Commit {
            height: block.height().to_i64(),
            round: 0,
            block_id: Some(block.id().to_raw()),
            signatures: vec![raw::CommitSig {
                block_id_flag: 2,
                validator_address: proposer.to_vec(),
                timestamp: block.header().time,
                signature: vec![1; 64],
            }],
        };
        let (start, worked) = (Instant::now(), processor_time());
        store.save(Decided { block: &block, seen_commit: &commit, outcome: &outcome, state: &state, cursor: b"" })?;
        saves.push(start.elapsed());
        work.push(processor_time().saturating_sub(worked));
        // A pause as between blocks of a chain that is not behind: each figure alone.
        let start = Instant::now();
        store.wait_indexed(Height(height), Duration::from_secs(60))?;
        indexes.push(start.elapsed());
    }
    report("save", &mut saves);
    report("  of it on the processor", &mut work);
    report("index after it", &mut indexes);
    for query in ["message.action='/cosmos.bank.v1beta1.MsgSend'", "transfer.recipient='receiver-3-17'", "tx.height=3"]
    {
        let start = Instant::now();
        let found = store.search_txs(&query.parse()?, Order::Descending, 1, 30)?;
        println!("{query}: {} found in {:.1?}", found.total, start.elapsed());
    }
    let start = Instant::now();
    let pruned = store.prune(Height(blocks))?;
    println!("prune {pruned} blocks: {:.1?}", start.elapsed());
    drop(store);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Time that this thread has run; does not count what other programs on the machine took, nor waiting for the disk. Zero
/// where the system does not tell.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    println!("{what}: median {:.1?}, slowest {:.1?} of {} blocks", at(50), at(100), times.len());
}

fn genesis() -> Result<ChainState, Box<dyn Error>> {
    let genesis = Genesis {
        chain_id: "speed-1".to_owned(),
        time: Timestamp::new(1_700_000_000, 0)?,
        initial_height: Height(1),
        consensus_params: ConsensusParams::default(),
        validators: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([1; 32]), power: 10 }],
        app_state: Bytes::new(),
    };
    let outcome = InitOutcome { app_hash: Bytes::new(), validators: vec![], consensus_params: None };
    Ok(ChainState::genesis(&genesis, &outcome, 1)?)
}

fn tx(height: u64, at: usize) -> Bytes {
    Bytes::from(format!("{height:>10} {at:>10} {}", "x".repeat(228)))
}

fn send(height: u64, at: usize) -> TxResult {
    let (sender, receiver) = (format!("sender-{height}-{at}"), format!("receiver-{height}-{at}"));
    let (collector, amount, fee) = ("collector", "1000stake", "500stake");
    let moved = |to: &str, amount: &str| {
        [
            Event::new("coin_spent").with("spender", &sender).with("amount", amount),
            Event::new("coin_received").with("receiver", to).with("amount", amount),
            Event::new("transfer").with("recipient", to).with("sender", &sender).with("amount", amount),
            Event::new("message").with("sender", &sender),
        ]
    };
    let mut events = moved(collector, fee).to_vec();
    events.push(Event::new("tx").with("fee", fee).with("fee_payer", &sender));
    events.push(Event::new("tx").with("acc_seq", format!("{sender}/0")));
    events.push(Event::new("tx").with("signature", format!("{height:>43}{at:>43}")));
    let action = Event::new("message").with("action", "/cosmos.bank.v1beta1.MsgSend");
    events.push(action.with("sender", &sender).with("module", "bank").with("msg_index", "0"));
    for event in moved(&receiver, amount) {
        events.push(event.with("msg_index", "0"));
    }
    TxResult {
        data: Bytes::from_static(&[2; 50]),
        gas_wanted: Gas(100_000),
        gas_used: Gas(80_000),
        events,
        ..TxResult::default()
    }
}
