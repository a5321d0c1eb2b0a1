//! Prepare and Process: whatever a correct proposer makes, a correct validator accepts, and nothing else.

use bytes::Bytes;
use plume_engine::{Executor, Proposal, Verdict};
use plume_proto::Message;
use proptest::prelude::*;

use crate::support::*;

/// One transaction of a random mempool.
#[derive(Debug, Clone)]
struct Candidate {
    sender: usize,
    /// Added to the sender's next sequence.
    ahead: u64,
    gas: u64,
    fee: u128,
    amount: u128,
    memo: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Good,
    Forged,
    OtherChain,
    Garbage,
    TimedOut,
    NoMessage,
    Amino,
    TwoSigners,
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let kind = prop_oneof![
        12 => Just(Kind::Good),
        1 => Just(Kind::Forged),
        1 => Just(Kind::OtherChain),
        1 => Just(Kind::Garbage),
        1 => Just(Kind::TimedOut),
        1 => Just(Kind::NoMessage),
        2 => Just(Kind::Amino),
        2 => Just(Kind::TwoSigners),
    ];
    let fee = prop_oneof![5 => Just(0_u128), 3 => 0_u128..5_000, 1 => Just(FUNDS), 1 => Just(FUNDS + 1)];
    let amount = prop_oneof![8 => 1_u128..1_000, 1 => Just(FUNDS), 1 => Just(FUNDS - 3_000)];
    let gas = prop_oneof![8 => 60_000_u64..200_000, 1 => Just(0), 1 => Just(3_000_000)];
    let ahead = prop_oneof![9 => Just(0_u64), 1 => 1_u64..3];
    (0..NAMES.len(), ahead, gas, fee, amount, 0..300_usize, kind).prop_map(
        |(sender, ahead, gas, fee, amount, memo, kind)| Candidate { sender, ahead, gas, fee, amount, memo, kind },
    )
}

/// Signs the candidates, each with the sequence that follows the good ones before it.
fn mempool(candidates: &[Candidate], next: &mut [u64; 4]) -> Vec<Bytes> {
    candidates
        .iter()
        .map(|c| {
            let name = NAMES[c.sender];
            let other = (c.sender + 1) % NAMES.len();
            let number = u64::try_from(c.sender).unwrap();
            let mut by = vec![(By::Key(key(name)), number, next[c.sender] + c.ahead)];
            if matches!(c.kind, Kind::TwoSigners) {
                by.push((By::Key(key(NAMES[other])), u64::try_from(other).unwrap(), next[other]));
                next[other] += 1;
            }
            let mut draft = Draft::new(&by).gas(c.gas).fee(c.fee).edit(|d| d.body.memo = "m".repeat(c.memo));
            draft = draft.msg(&send(&addr(name), &addr(NAMES[other]), c.amount));
            if matches!(c.kind, Kind::TwoSigners) {
                draft = draft.msg(&send(&addr(NAMES[other]), &addr(name), 1));
            }
            next[c.sender] += 1;
            match c.kind {
                Kind::Good | Kind::TwoSigners => draft.sign(),
                Kind::Amino => draft.mode(AMINO).sign(),
                Kind::OtherChain => draft.edit(|d| d.chain_id = "other-1".into()).sign(),
                Kind::TimedOut => draft.edit(|d| d.body.timeout_height = 1).sign(),
                Kind::NoMessage => draft.edit(|d| d.body.messages.clear()).sign(),
                Kind::Garbage => Bytes::from(vec![0xff; 40]),
                Kind::Forged => {
                    let mut raw = draft.raw();
                    raw.signatures[0][3] ^= 1;
                    Bytes::from(raw.encode_to_vec())
                }
            }
        })
        .collect()
}

fn size(tx: &Bytes) -> u64 {
    let len = u64::try_from(tx.len()).unwrap();
    1 + if len < 128 {
        1
    } else if len < 16_384 {
        2
    } else {
        3
    } + len
}

/// Two chains of the same genesis, both at height 2, so that timeouts have passed.
fn two_nodes(max_gas: i64) -> (Net, Net) {
    let mut document = genesis(&app_state(&standard_accounts()));
    document.consensus_params = consensus_params(max_gas);
    let mut nodes = (Net::with_genesis(&document), Net::with_genesis(&document));
    for _ in 0..2 {
        nodes.0.block(Vec::new());
        nodes.1.block(Vec::new());
    }
    nodes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_prepared_block_is_accepted(
        rounds in prop::collection::vec(prop::collection::vec(candidate(), 0..24), 1..4),
        max_bytes in prop_oneof![Just(u64::MAX), 300_u64..6_000],
        max_gas in prop_oneof![Just(-1_i64), 100_000_i64..2_000_000],
    ) {
        let (mut proposer, mut validator) = two_nodes(max_gas);
        // Sees blocks only when they are decided, so that it remembers nothing of their transactions.
        let (mut late, _) = two_nodes(max_gas);
        for candidates in rounds {
            let mut next = NAMES.map(|name| proposer.account(&addr(name)).unwrap().1);
            let txs = mempool(&candidates, &mut next);
            // The proposer has checked some of them, the validator none.
            txs.iter().step_by(2).for_each(|tx| { proposer.check(tx); });

            let wish = Proposal { max_tx_bytes: Some(max_bytes), ..proposer.blocks.clone().proposal(txs) };
            let chosen = proposer.chain.prepare(wish.clone()).unwrap();
            prop_assert!(chosen.iter().map(size).sum::<u64>() <= max_bytes);

            let block = proposer.blocks.proposal(chosen.clone());
            prop_assert_eq!(validator.blocks.proposal(chosen.clone()), block.clone());
            for node in [&mut proposer, &mut validator] {
                prop_assert_eq!(node.chain.process(&block).unwrap(), Verdict::Accept);
            }
            let outcomes = [&mut proposer, &mut validator].map(|node| node.commit(&(&block).into()));
            prop_assert_eq!(&outcomes[0], &outcomes[1]);
            prop_assert_eq!(&outcomes[0], &late.commit(&(&block).into()));
            let wanted: u64 = outcomes[0].tx_results.iter().map(|r| r.gas_wanted.get()).sum();
            prop_assert!(max_gas < 0 || wanted <= u64::try_from(max_gas).unwrap());
            proposer.reader.verify_state(None).unwrap();
        }
    }
}

fn verdict(net: &mut Net, txs: Vec<Bytes>) -> Verdict {
    let proposal = net.blocks.clone().proposal(txs);
    net.chain.process(&proposal).unwrap()
}

#[test]
fn each_kind_of_bad_transaction_is_rejected() {
    let (mut net, _) = two_nodes(1_000_000);
    let good = |net: &Net, name: &str| net.tx(name).msg(&send(&addr(name), &addr("bob"), 1));
    let pay = good(&net, "alice");
    let mut forged = pay.raw();
    forged.signatures[0][0] ^= 1;
    let mut unsigned = pay.raw();
    unsigned.signatures.clear();
    let bad: Vec<(&str, Bytes)> = vec![
        ("garbage", Bytes::from_static(b"garbage")),
        ("forged signature", forged.encode_to_vec().into()),
        ("no signature", unsigned.encode_to_vec().into()),
        ("sequence ahead", pay.clone().sequence(1).sign()),
        ("other chain", pay.clone().edit(|d| d.chain_id = "other-1".into()).sign()),
        ("no gas", pay.clone().gas(0).sign()),
        ("gas above the block's", pay.clone().gas(1_000_001).sign()),
        ("gas that does not suffice", pay.clone().gas(20_000).sign()),
        ("fee that nobody has", pay.clone().fee(FUNDS + 1).sign()),
        ("long memo", pay.clone().edit(|d| d.body.memo = "m".repeat(257)).sign()),
        ("timed out", pay.clone().edit(|d| d.body.timeout_height = 2).sign()),
        ("fee granter", pay.clone().edit(|d| d.fee.granter = addr("bob")).sign()),
        ("unordered", pay.clone().edit(|d| d.body.unordered = true).sign()),
        ("no message", net.tx("alice").sign()),
        ("unknown message", net.tx("alice").any(plume_proto::Any { type_url: "/x.Y".into(), value: vec![] }).sign()),
        (
            "unknown account",
            Draft::new(&[(By::Key(key("stranger")), 9, 0)]).msg(&send(&addr("stranger"), &addr("bob"), 1)).sign(),
        ),
    ];
    let before = good(&net, "carol").sign();
    assert_eq!(verdict(&mut net, vec![before.clone(), pay.sign()]), Verdict::Accept);
    for (what, tx) in bad {
        for txs in [vec![tx.clone()], vec![before.clone(), tx.clone()], vec![tx, before.clone()]] {
            let verdict = verdict(&mut net, txs);
            assert!(matches!(verdict, Verdict::Reject(_)), "{what}: {verdict:?}");
        }
    }
}

#[test]
fn repeated_transaction_and_gas_beyond_the_block_are_rejected() {
    let (mut net, _) = two_nodes(300_000);
    let alice = net.tx("alice").gas(100_000).msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let carol = net.tx("carol").msg(&send(&addr("carol"), &addr("bob"), 1));
    let twice = verdict(&mut net, vec![alice.clone(), alice.clone()]);
    assert!(matches!(&twice, Verdict::Reject(text) if text.contains("sequence mismatch")), "{twice:?}");
    let heavy = verdict(&mut net, vec![alice.clone(), carol.clone().gas(200_001).sign()]);
    assert!(matches!(&heavy, Verdict::Reject(text) if text.contains("300001 wanted, 300000 allowed")), "{heavy:?}");
    assert_eq!(verdict(&mut net, vec![alice, carol.gas(200_000).sign()]), Verdict::Accept);
}

#[test]
fn verdict_ignores_what_only_this_node_knows() {
    let price =
        plume_primitives::DecCoin { denom: plume_primitives::Denom::new(DENOM).unwrap(), amount: "1".parse().unwrap() };
    let config = plume_chain::ChainConfig {
        minimum_gas_prices: plume_primitives::DecCoins::from_unsorted([price]).unwrap(),
        ..plume_chain::ChainConfig::default()
    };
    let mut strict = Net::with(config, plume_chain::plume_modules(), &genesis(&app_state(&standard_accounts())));
    let cheap = strict.tx("alice").fee(0).msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(strict.check(&cheap).code, 13);
    assert_eq!(verdict(&mut strict, vec![cheap.clone()]), Verdict::Accept);
    // Pending sequences do not matter either.
    let mut busy = Net::new();
    assert_eq!(busy.check(&cheap).code, 0);
    assert_eq!(verdict(&mut busy, vec![cheap]), Verdict::Accept);
}

#[test]
fn proposal_of_another_height_is_rejected() {
    let (mut net, _) = two_nodes(-1);
    let mut blocks = net.blocks.clone();
    blocks.next(Vec::new());
    let future = blocks.proposal(Vec::new());
    assert!(matches!(net.chain.process(&future).unwrap(), Verdict::Reject(_)));
    assert!(net.chain.finalize(&(&future).into()).is_err());
}

/// A transaction that passed its checks on top of another of its sender, in whatever company it comes into a block.
#[test]
fn checks_of_the_mempool_count_only_where_they_would_come_to_the_same() {
    let pay = |net: &Net, ahead: u64, fee: u128| {
        let (_, sequence) = net.account(&addr("alice")).unwrap();
        net.tx("alice").sequence(sequence + ahead).fee(fee).msg(&send(&addr("alice"), &addr("bob"), 1)).sign()
    };
    for fee in [0, 2_000] {
        let (mut net, mut late) = two_nodes(-1);
        let (first, second) = (pay(&net, 0, fee), pay(&net, 1, fee));
        for tx in [&first, &second] {
            assert_eq!(net.check(tx).code, 0);
        }
        // Out of order, without the first, twice.
        for txs in [vec![second.clone(), first.clone()], vec![second.clone()], vec![first.clone(), first.clone()]] {
            let verdict = verdict(&mut net, txs);
            assert!(matches!(&verdict, Verdict::Reject(text) if text.contains("sequence mismatch")), "{verdict:?}");
        }
        let wish = net.blocks.clone().proposal(vec![second.clone(), first.clone(), second.clone(), first.clone()]);
        let chosen = net.chain.prepare(wish).unwrap();
        assert_eq!(chosen, [first, second]);
        let block = net.blocks.proposal(chosen);
        assert_eq!(net.chain.process(&block).unwrap(), Verdict::Accept);
        let outcome = net.commit(&(&block).into());
        assert_eq!(outcome, late.commit(&(&block).into()));
        assert!(outcome.tx_results.iter().all(|result| result.code == 0 && result.gas_used.get() > 0));
        assert_eq!(net.account(&addr("alice")).unwrap().1, 2);
    }
}

#[test]
fn timeout_counts_in_spite_of_checks_that_passed_at_a_lower_height() {
    let (mut net, _) = two_nodes(-1);
    let until = |name, height| {
        let tx = net.tx(name).fee(0).edit(|d| d.body.timeout_height = height);
        tx.msg(&send(&addr(name), &addr("bob"), 1)).sign()
    };
    let (in_time, late) = (until("alice", 4), until("carol", 3));
    assert_eq!((net.check(&in_time).code, net.check(&late).code), (0, 0));
    net.block(Vec::new());
    let refused = verdict(&mut net, vec![in_time.clone(), late]);
    assert!(matches!(&refused, Verdict::Reject(text) if text.contains("timeout height: 3")), "{refused:?}");
    assert_eq!(verdict(&mut net, vec![in_time]), Verdict::Accept);
}

#[test]
fn failing_message_is_no_reason_to_reject() {
    let (mut net, _) = two_nodes(-1);
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), FUNDS * 2)).sign();
    assert_eq!(verdict(&mut net, vec![tx.clone()]), Verdict::Accept);
    assert_eq!(net.run(tx).code, 5);
}
