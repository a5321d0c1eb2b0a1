//! The mempool over the real chain.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, ChainReader, plume_modules};
use plume_engine::{ConsensusParams, Executor, Genesis, Proposal, ValidatorKey, ValidatorUpdate};
use plume_mempool::{Mempool, MempoolConfig, Origin, cosmos_signers};
use plume_primitives::{Bech32Prefix, Height, Timestamp};
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams, VersionParams};
use plume_state::MemoryBackend;
use plume_testkit::{Blocks, Signer, TxDraft};
use serde_json::json;

use crate::toy::until;

const CHAIN_ID: &str = "plume-local-1";
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn address(name: &str) -> String {
    Bech32Prefix::new("plume").expect("a prefix").account(&Signer::named(name).address())
}

fn app_state() -> Bytes {
    let accounts = NAMES.iter().enumerate().map(|(number, name)| {
        json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": address(name), "pub_key": null, "account_number": number.to_string(), "sequence": "0",
        })
    });
    let balances =
        NAMES.iter().map(|name| json!({"address": address(name), "coins": [{"denom": "uplume", "amount": "1000000"}]}));
    let state = json!({
        "auth": {
            "params": {
                "max_memo_characters": "256", "tx_sig_limit": "7", "tx_size_cost_per_byte": "10",
                "sig_verify_cost_ed25519": "590", "sig_verify_cost_secp256k1": "1000",
            },
            "accounts": accounts.collect::<Vec<_>>(),
        },
        "bank": {
            "params": {"send_enabled": [], "default_send_enabled": true},
            "balances": balances.collect::<Vec<_>>(), "supply": [], "denom_metadata": [], "send_enabled": [],
        },
        "plume": {"params": {"bech32_prefix": "plume", "base_denom": "uplume", "fee_denoms": [], "policies": {}}},
    });
    Bytes::from(state.to_string())
}

fn genesis() -> Genesis {
    let consensus_params = ConsensusParams {
        block: Some(BlockParams { max_bytes: 4 << 20, max_gas: -1 }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: 100_000,
            max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 172_800, nanos: 0 }),
            max_bytes: 1 << 20,
        }),
        validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
        version: Some(VersionParams { app: 0 }),
        abci: None,
    };
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        time: Timestamp::new(1_700_000_000, 0).expect("a time"),
        initial_height: Height(1),
        consensus_params,
        validators: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([7; 32]), power: 10 }],
        app_state: app_state(),
    }
}

/// A transfer of `by`, who all sign; the first sends.
fn send(by: &[(&str, u64)]) -> Bytes {
    let amount = vec![Coin { denom: "uplume".to_owned(), amount: "1".to_owned() }];
    let messages = by.iter().map(|(name, _)| {
        let message = MsgSend { from_address: address(name), to_address: address("carol"), amount: amount.clone() };
        plume_proto::any(&message)
    });
    let draft = TxDraft::of(CHAIN_ID, messages.collect()).fee(100, "uplume");
    let signers: Vec<(Signer, u64, u64)> = by
        .iter()
        .map(|(name, sequence)| {
            let number = NAMES.iter().position(|known| known == name).expect("an account") as u64;
            (Signer::named(name), number, *sequence)
        })
        .collect();
    draft.sign(&signers.iter().map(|(signer, number, sequence)| (signer, *number, *sequence)).collect::<Vec<_>>())
}

struct Node {
    chain: Chain,
    blocks: Blocks,
    mempool: Mempool<ChainReader>,
}

impl Node {
    fn new() -> Self {
        let genesis = genesis();
        let mut chain =
            Chain::open_with(ChainConfig::default(), Arc::new(MemoryBackend::new()), plume_modules()).expect("opens");
        chain.init_chain(genesis.clone()).expect("a genesis");
        let blocks = Blocks::from(genesis.initial_height, genesis.time);
        let mut node =
            Self { mempool: Mempool::new(chain.reader(), MempoolConfig::default(), Height(0)), chain, blocks };
        node.block(&[]);
        node
    }

    /// What an engine does with a block.
    fn block(&mut self, txs: &[Bytes]) {
        let block = self.blocks.next(txs.to_vec());
        let outcome = self.chain.finalize(&block).expect("executes");
        let hold = self.mempool.hold();
        self.chain.commit().expect("commits");
        self.mempool.update(block.height, txs, &outcome.tx_results);
        drop(hold);
        assert!(outcome.tx_results.iter().all(|result| result.code == 0), "{:?}", outcome.tx_results);
    }

    /// The transactions of the next block: what the application makes of the first `bytes` bytes.
    fn propose(&mut self, bytes: u64) -> Vec<Bytes> {
        let txs = self.mempool.reap(Some(bytes), None);
        let proposal =
            Proposal { txs: txs.clone(), max_tx_bytes: Some(bytes), ..self.blocks.clone().proposal(Vec::new()) };
        assert_eq!(self.chain.prepare(proposal).expect("prepares"), txs, "nothing is left out as invalid");
        txs
    }

    fn check(&self, tx: Bytes) {
        let outcome = self.mempool.check(tx, Origin::Local).expect("enters");
        assert_eq!(outcome.code, 0, "{}", outcome.log);
    }
}

/// A hundred transactions of one sender wait; blocks take about ten at a time while others come, also one that the two
/// senders sign together.
#[test]
fn a_long_chain_of_one_sender_survives_blocks_that_take_a_part_of_it() {
    let mut node = Node::new();
    (0..100).for_each(|sequence| node.check(send(&[("alice", sequence)])));
    let len = plume_mempool::encoded_len(&send(&[("alice", 99)]));
    let mut committed = 0;
    for round in 0..10 {
        // While the rest is rechecked.
        node.check(send(&[("bob", 2 * round)]));
        node.check(send(&[("alice", 100 + round), ("bob", 2 * round + 1)]));
        let txs = node.propose(10 * len);
        assert!((9..=11).contains(&txs.len()), "{}", txs.len());
        node.block(&txs);
        committed += txs.len();
    }
    until("all rechecked", || !node.mempool.is_rechecking());
    let counters = node.mempool.counters();
    assert_eq!((counters.failed_txs, counters.rejected_txs, counters.evicted_txs), (0, 0, 0));
    assert_eq!(counters.size, 120 - committed);
    let rest = node.propose(u64::from(u32::MAX));
    node.block(&rest);
    assert_eq!(node.mempool.size(), 0);
    node.check(send(&[("alice", 110)]));
}

#[test]
fn a_sender_who_overtakes_himself_elsewhere_loses_what_waits() {
    let mut node = Node::new();
    (0..5).for_each(|sequence| node.check(send(&[("alice", sequence)])));
    node.check(send(&[("bob", 0)]));
    // Another node's block has other transactions of alice.
    node.block(&[send(&[("alice", 0), ("carol", 0)]), send(&[("alice", 1), ("carol", 1)])]);
    until("all rechecked", || !node.mempool.is_rechecking());
    let expected = [send(&[("alice", 2)]), send(&[("alice", 3)]), send(&[("alice", 4)]), send(&[("bob", 0)])];
    assert_eq!(node.mempool.reap(None, None), expected);
    assert_eq!(node.mempool.counters().evicted_txs, 2);
}

#[test]
fn signers_of_real_transactions_are_found() {
    let keys = |tx: &Bytes| match cosmos_signers(tx) {
        plume_mempool::Signers::Known(keys) => keys.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let (one, two) = (send(&[("alice", 0)]), send(&[("alice", 7), ("bob", 3)]));
    assert_eq!(keys(&one), keys(&two)[..1]);
    assert_eq!(keys(&two)[1..], keys(&send(&[("bob", 0)])));
}
