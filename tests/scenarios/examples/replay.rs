//! Replays blocks of bank sends through the chain, as CometBFT replays them (FinalizeBlock and Commit), beside the
//! pure cost of verifying their signatures on the same core.
//!
//! `cargo run --release -p plume-tests-scenarios --example replay -- [ACCOUNTS] [BLOCKS] [TXS PER BLOCK]`
//!
//! Prints CPU microseconds per transaction of all threads together; `RAYON_NUM_THREADS=1` makes it one core's work.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig};
use plume_crypto::{Job, PublicKey};
use plume_engine::{Block, CheckKind, ConsensusParams, Executor, Genesis, Reader};
use plume_primitives::{Bech32Prefix, Height, Timestamp};
use plume_proto::Message;
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, SignDoc, TxRaw};
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams};
use plume_state::MemoryBackend;
use plume_testkit::{Blocks, Rng, Signer, TxDraft};
use serde_json::json;

const CHAIN_ID: &str = "plume-bench-1";

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let accounts = arguments.next().unwrap_or(100_000);
    let blocks = arguments.next().unwrap_or(10);
    let per_block = arguments.next().unwrap_or(2_000);

    let signers: Vec<Signer> = (0..accounts).map(|index| Signer::named(&format!("{index}"))).collect();
    let (made, jobs) = make_blocks(&signers, blocks, per_block);
    let txs = blocks * per_block;

    let pure = cpu_us(|| assert!(jobs.iter().all(Job::verify)));

    let genesis = genesis(&signers);
    let recheck = recheck(&genesis, &made[0]);
    let (fresh, _) = replay(&genesis, &made, false);
    let (known, check) = replay(&genesis, &made, true);
    let per_tx = |us: u64| us as f64 / txs as f64;
    println!("accounts {accounts}, blocks {blocks}, transactions per block {per_block}");
    println!("pure secp256k1 verification   {:8.2} us/tx", per_tx(pure));
    println!(
        "FinalizeBlock + Commit        {:8.2} us/tx  ({:.1} % of it verification)",
        per_tx(fresh),
        share(pure, fresh)
    );
    println!("CheckTx                       {:8.2} us/tx", per_tx(check));
    println!("FinalizeBlock + Commit after  {:8.2} us/tx", per_tx(known));
    println!("recheck of untouched senders  {:8.2} us/tx", recheck as f64 / per_block as f64);
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

/// Replays blocks on a new chain; CPU microseconds of the blocks, and of the checks before them if wanted.
fn replay(genesis: &Genesis, blocks: &[Block], check_first: bool) -> (u64, u64) {
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).expect("an empty state");
    chain.init_chain(genesis.clone()).expect("genesis is accepted");
    let reader = chain.reader();
    // Genesis is committed with the first block, which is not part of the measurement.
    let first = Block { height: Height(1), time: Timestamp::UNIX_EPOCH, ..Block::default() };
    chain.finalize(&first).expect("an empty block executes");
    chain.commit().expect("genesis is committed");
    let (mut in_blocks, mut in_checks) = (0, 0);
    for block in blocks {
        if check_first {
            in_checks += cpu_us(|| {
                block.txs.iter().for_each(|tx| assert_eq!(reader.check_tx(tx, CheckKind::New).code, 0));
            });
        }
        let started = Instant::now();
        in_blocks += cpu_us(|| {
            let outcome = chain.finalize(block).expect("block executes");
            assert!(
                outcome.tx_results.iter().all(|result| result.code == 0),
                "{:?}",
                outcome.tx_results.iter().find(|r| r.code != 0)
            );
            chain.commit().expect("block commits");
        });
        let wall = started.elapsed();
        if !check_first {
            println!("block {:3}: {:.2} ms", block.height, wall.as_secs_f64() * 1e3);
        }
    }
    (in_blocks, in_checks)
}

/// Fills the mempool with a block's transactions and asks about them again after an empty block.
fn recheck(genesis: &Genesis, block: &Block) -> u64 {
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).expect("an empty state");
    chain.init_chain(genesis.clone()).expect("genesis is accepted");
    let reader = chain.reader();
    block.txs.iter().for_each(|tx| assert_eq!(reader.check_tx(tx, CheckKind::New).code, 0));
    let empty = Block { height: Height(1), time: Timestamp::UNIX_EPOCH, ..Block::default() };
    chain.finalize(&empty).expect("an empty block executes");
    chain.commit().expect("genesis is committed");
    cpu_us(|| block.txs.iter().for_each(|tx| assert_eq!(reader.check_tx(tx, CheckKind::Recheck).code, 0)))
}

fn make_blocks(signers: &[Signer], blocks: u64, per_block: u64) -> (Vec<Block>, Vec<Job>) {
    let prefix = Bech32Prefix::new("plume").expect("a valid prefix");
    let addresses: Vec<String> = signers.iter().map(|signer| signer.bech32(&prefix)).collect();
    let mut sequences = vec![0_u64; signers.len()];
    let mut rng = Rng::new(1);
    let mut maker = Blocks::from(Height(2), Timestamp::UNIX_EPOCH);
    let fee = Fee {
        amount: vec![Coin { denom: "uplume".into(), amount: "2000".into() }],
        gas_limit: 200_000,
        ..Fee::default()
    };
    let mut jobs = Vec::new();
    let made = (0..blocks)
        .map(|_| {
            let txs = (0..per_block)
                .map(|_| {
                    let (from, to) = (rng.index(signers.len()), rng.index(signers.len()));
                    let message = MsgSend {
                        from_address: addresses[from].clone(),
                        to_address: addresses[to].clone(),
                        amount: vec![Coin { denom: "uplume".into(), amount: "1".into() }],
                    };
                    let draft = TxDraft { fee: fee.clone(), ..TxDraft::new(CHAIN_ID, &message) };
                    let number = u64::try_from(from).expect("usize is at most 64 bits");
                    let tx = draft.sign(&[(&signers[from], number, sequences[from])]);
                    sequences[from] += 1;
                    jobs.push(job(&tx, number));
                    tx
                })
                .collect();
            maker.next(txs)
        })
        .collect();
    (made, jobs)
}

/// What verifying the one signature of a transaction comes to, for an account with this number.
fn job(tx: &Bytes, account_number: u64) -> Job {
    let raw = TxRaw::decode(tx.as_ref()).expect("made above");
    let info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).expect("made above").signer_infos.remove(0);
    let key = PublicKey::from_any(&info.public_key.expect("stated")).expect("made above");
    let signature = raw.signatures[0].clone().into();
    let TxRaw { body_bytes, auth_info_bytes, .. } = raw;
    let doc = SignDoc { body_bytes, auth_info_bytes, chain_id: CHAIN_ID.into(), account_number };
    Job { key, message: doc.encode_to_vec().into(), signature }
}

fn genesis(signers: &[Signer]) -> Genesis {
    let prefix = Bech32Prefix::new("plume").expect("a valid prefix");
    let accounts: Vec<_> = signers
        .iter()
        .enumerate()
        .map(|(number, signer)| {
            let key = plume_codec::to_json(signer.public_key().type_url(), &signer.public_key().to_any().value)
                .expect("a key has JSON");
            let mut key = key;
            key["@type"] = signer.public_key().type_url().into();
            json!({
                "@type": "/cosmos.auth.v1beta1.BaseAccount", "address": signer.bech32(&prefix), "pub_key": key,
                "account_number": number.to_string(), "sequence": "0",
            })
        })
        .collect();
    let balances: Vec<_> = signers
        .iter()
        .map(|signer| {
            json!({"address": signer.bech32(&prefix), "coins": [{"denom": "uplume", "amount": "1000000000000"}]})
        })
        .collect();
    let params = json!({
        "max_memo_characters": "256", "tx_sig_limit": "7", "tx_size_cost_per_byte": "10",
        "sig_verify_cost_ed25519": "590", "sig_verify_cost_secp256k1": "1000",
    });
    let state = json!({
        "auth": {"params": params, "accounts": accounts},
        "bank": {"params": {"default_send_enabled": true}, "balances": balances},
    });
    Genesis {
        chain_id: CHAIN_ID.into(),
        time: Timestamp::UNIX_EPOCH,
        initial_height: Height(1),
        consensus_params: ConsensusParams {
            block: Some(BlockParams { max_bytes: 4 << 20, max_gas: -1 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 1,
                max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 1, nanos: 0 }),
                max_bytes: 0,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".into()] }),
            version: None,
            abci: None,
        },
        validators: Vec::new(),
        app_state: Bytes::from(state.to_string()),
    }
}

/// CPU time of the whole process that `work` takes.
fn cpu_us(work: impl FnOnce()) -> u64 {
    let before = process_cpu_us();
    work();
    process_cpu_us() - before
}

/// User and system time of the process, from the kernel's scheduler statistics where it keeps them.
fn process_cpu_us() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum::<u64>()
        / 1_000
}
