//! Two executors agree at every height, whatever happens to one of them.

use std::sync::Arc;

use bytes::Bytes;
use plume_bank::BankConfig;
use plume_chain::{Chain, ChainConfig, plume_bank, plume_modules_with, stores};
use plume_engine::{Block, Executor, Reader, Verdict};
use plume_interfaces::{MoveReason, Transfer, TransferHook, TransferVerdict};
use plume_kit::{Abort, Ctx};
use plume_primitives::{Amount, Height};
use plume_proto::Message;
use plume_state_rocksdb::{Config, RocksBackend};
use plume_testkit::{Blocks, Rng, TwoExecutors};

use crate::support::*;

/// Transactions of a block: good, failing in a message, failing their checks, unreadable.
fn block_of(net: &Net, rng: &mut Rng, height: u64) -> Vec<Bytes> {
    let mut next = NAMES.map(|name| net.account(&addr(name)).map_or(0, |(_, sequence)| sequence));
    (0..rng.below(6))
        .map(|_| {
            let from = usize::try_from(rng.below(4)).unwrap();
            let (name, sequence) = (NAMES[from], next[from]);
            let number = u64::try_from(from).unwrap();
            let to = format!("account {} {}", height, rng.below(3));
            let to = if rng.below(2) == 0 { addr(&to) } else { addr(NAMES[usize::try_from(rng.below(4)).unwrap()]) };
            let draft = Draft::new(&[(By::Key(key(name)), number, sequence)]);
            match rng.below(8) {
                0 => Bytes::from(vec![0xde; 30]),
                1 => draft.sequence(sequence + 5).msg(&send(&addr(name), &to, 1)).sign(),
                2 => {
                    next[from] += 1;
                    draft.msg(&send(&addr(name), &to, FUNDS * 2)).sign()
                }
                3 => {
                    next[from] += 1;
                    draft.gas(300_000).msg(&multi_send(&addr(name), &[(&to, 5), (&addr("bob"), 6)])).sign()
                }
                4 => {
                    next[from] += 1;
                    draft.mode(AMINO).msg(&send(&addr(name), &to, 7)).sign()
                }
                _ => {
                    next[from] += 1;
                    draft.msg(&send(&addr(name), &to, u128::from(rng.below(1_000)) + 1)).sign()
                }
            }
        })
        .collect()
}

#[test]
fn executor_restarted_from_disk_agrees_at_every_height() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let config = Config::new(CHAIN_ID, stores().unwrap());
        let backend = RocksBackend::open(folder.path().join("state"), &config).unwrap();
        Chain::open(ChainConfig::default(), Arc::new(backend)).unwrap()
    };
    let document = genesis(&app_state(&standard_accounts()));
    let steady = Chain::open(ChainConfig::default(), Arc::new(plume_state::MemoryBackend::new())).unwrap();
    let mut both = TwoExecutors::new(steady, open);
    both.init_chain(&document);
    // A third chain only to know the sequences.
    let mut guide = Net::new();
    let mut blocks = Blocks::from(Height(1), document.time);
    let mut rng = Rng::new(7);
    let mut executed = 0;
    for height in 1..=30 {
        let block = blocks.next(block_of(&guide, &mut rng, height));
        executed += block.txs.len();
        let outcome = both.run(&block);
        assert_eq!(guide.commit(&block), outcome);
        if height % 7 == 0 {
            both.restart();
        }
    }
    assert!(executed > 40, "{executed}");
    guide.reader.verify_state(None).unwrap();
}

#[test]
fn restarted_node_replays_from_the_durable_height() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let config = Config::new(CHAIN_ID, stores().unwrap());
        let backend = RocksBackend::open(folder.path().join("state"), &config).unwrap();
        Chain::open(ChainConfig::default(), Arc::new(backend)).unwrap()
    };
    let mut net = Net::new();
    let mut other = open();
    other.init_chain(genesis(&app_state(&standard_accounts()))).unwrap();
    let blocks: Vec<Block> = (0..4)
        .map(|_| {
            let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
            let block = net.blocks.next(vec![tx]);
            net.commit(&block);
            block
        })
        .collect();
    for block in &blocks[..2] {
        other.finalize(block).unwrap();
        other.commit().unwrap();
    }
    // Finalized, not committed: gone after the restart.
    other.finalize(&blocks[2]).unwrap();
    other.drain().unwrap();
    drop(other);

    let mut other = open();
    assert_eq!(other.reader().info().height, Height(2));
    for block in &blocks[2..] {
        other.finalize(block).unwrap();
        other.commit().unwrap();
    }
    assert_eq!(other.reader().info(), net.reader.info());
}

#[test]
fn optimistic_execution_changes_nothing() {
    let (mut plain, mut ahead) = (Net::new(), Net::new());
    for round in 0..3 {
        let pay = |amount| plain.tx("alice").msg(&send(&addr("alice"), &addr("bob"), amount)).sign();
        let (first, second) = (pay(1 + round), pay(100 + round));
        let other = ahead.blocks.clone().proposal(vec![first]);
        let decided = ahead.blocks.proposal(vec![second]);
        for proposal in [&other, &decided] {
            assert_eq!(ahead.chain.process(proposal).unwrap(), Verdict::Accept);
            ahead.chain.anticipate(proposal).unwrap();
        }
        let block = Block::from(&decided);
        assert_eq!(ahead.commit(&block), plain.commit(&block));
    }
    assert_eq!(ahead.reader.info(), plain.reader.info());
}

#[test]
fn block_decided_without_a_proposal_is_executed_plainly() {
    let mut net = Net::new();
    let pay = |amount| net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), amount)).sign();
    let (seen, decided) = (pay(1), pay(2));
    let proposal = net.blocks.clone().proposal(vec![seen]);
    net.chain.process(&proposal).unwrap();
    net.chain.anticipate(&proposal).unwrap();
    assert_eq!(net.run(decided).code, 0);
    assert_eq!(net.balance(&addr("bob")), FUNDS + 2);
}

#[test]
fn new_handshake_drops_what_was_not_committed() {
    let mut net = Net::new();
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let block = net.blocks.next(vec![tx]);
    let first = net.chain.finalize(&block).unwrap();
    net.chain.discard_uncommitted();
    assert!(net.chain.commit().is_err());
    assert_eq!(net.reader.info().height, Height(0));
    assert_eq!(net.commit(&block), first);
}

#[test]
fn empty_blocks_leave_the_app_hash_unchanged() {
    let mut net = Net::new();
    let genesis_hash = net.init.app_hash.clone();
    for _ in 0..5 {
        assert_eq!(net.block(Vec::new()).app_hash, genesis_hash);
    }
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let after = net.block(vec![tx]).app_hash;
    assert_ne!(after, genesis_hash);
    assert_eq!(net.block(Vec::new()).app_hash, after);
}

/// Panics at a movement of 13 for one reason.
struct Superstition(MoveReason);

impl TransferHook for Superstition {
    fn judge(&self, _: &mut Ctx<'_>, transfer: &Transfer) -> Result<TransferVerdict, Abort> {
        if transfer.reason == self.0 && transfer.coins.amount_of(DENOM) == Amount::new(13) {
            panic!("thirteen");
        }
        Ok(TransferVerdict::Allow)
    }
}

fn superstitious(reason: MoveReason) -> Net {
    let bank = BankConfig { hooks: vec![Arc::new(Superstition(reason))], ..plume_bank() };
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::with(ChainConfig::default(), plume_modules_with(bank), &document);
    net.block(Vec::new());
    net
}

#[test]
fn panic_in_a_message_is_a_failure_of_that_transaction_alone() {
    let mut net = superstitious(MoveReason::Send);
    let bad = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 2)).msg(&send(&addr("alice"), &addr("bob"), 13));
    let good = net.tx("carol").msg(&send(&addr("carol"), &addr("bob"), 1));
    let results = net.block(vec![bad.sign(), good.sign()]).tx_results;
    let (failed, succeeded) = (&results[0], &results[1]);
    assert_eq!((failed.code, failed.codespace.as_str()), (111_222, "undefined"), "{}", failed.log);
    assert_eq!(failed.log, "recovered: thirteen: panic");
    assert_eq!(failed.events.len(), 7, "the events of the checks");
    assert_eq!(succeeded.code, 0);
    assert_eq!(net.balance(&addr("alice")), FUNDS - 2_000, "fee paid, both messages undone");
    assert_eq!(net.balance(&addr("bob")), FUNDS + 1);
    assert_eq!(net.account(&addr("alice")), Some((0, 1)));
}

#[test]
fn panic_in_the_checks_leaves_nothing() {
    let mut net = superstitious(MoveReason::Fee);
    let tx = net.tx("alice").fee(13).msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(net.check(&tx).code, 111_222);
    let before = net.block(Vec::new()).app_hash;
    let outcome = net.block(vec![tx.clone()]);
    assert_eq!(outcome.tx_results[0].code, 111_222);
    assert!(outcome.tx_results[0].events.is_empty());
    assert_eq!(outcome.app_hash, before);
    let proposal = net.blocks.proposal(vec![tx]);
    assert!(matches!(net.chain.process(&proposal).unwrap(), Verdict::Reject(_)));
    let draft = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1));
    assert_eq!(net.check(&draft.sign()).code, 0, "the chain goes on");
}

#[test]
fn random_bytes_never_panic() {
    let net = Net::new();
    let mut rng = Rng::new(99);
    let good = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).raw().encode_to_vec();
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..=rng.below(4) {
            let at = usize::try_from(rng.below(u64::try_from(bytes.len()).unwrap())).unwrap();
            bytes[at] = u8::try_from(rng.below(256)).unwrap();
        }
        let check = net.check(&Bytes::from(bytes));
        assert_ne!(check.code, 111_222, "{}", check.log);
    }
}
