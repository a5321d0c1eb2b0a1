//! Each signature is verified exactly once, and none is skipped.

use plume_engine::{Executor, Genesis, Verdict};
use plume_proto::Message;

use crate::support::*;

#[test]
fn one_verification_from_check_to_finalize() {
    let mut net = Net::new();
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(net.check(&tx).code, 0);
    assert_eq!(net.reader.verifications(), 1);
    let proposal = net.blocks.proposal(vec![tx]);
    assert_eq!(net.chain.prepare(proposal.clone()).unwrap(), proposal.txs);
    assert_eq!(net.chain.process(&proposal).unwrap(), Verdict::Accept);
    net.chain.anticipate(&proposal).unwrap();
    let outcome = net.chain.finalize(&(&proposal).into()).unwrap();
    net.chain.commit().unwrap();
    assert_eq!(outcome.tx_results[0].code, 0);
    assert_eq!(net.reader.verifications(), 1);
}

#[test]
fn block_that_the_mempool_never_saw_is_verified_once() {
    let mut net = Net::new();
    let txs: Vec<_> = NAMES.iter().map(|name| net.tx(name).msg(&send(&addr(name), &addr("bob"), 1)).sign()).collect();
    let proposal = net.blocks.proposal(txs);
    assert_eq!(net.chain.process(&proposal).unwrap(), Verdict::Accept);
    assert_eq!(net.reader.verifications(), 4);
    net.chain.finalize(&(&proposal).into()).unwrap();
    net.chain.commit().unwrap();
    assert_eq!(net.reader.verifications(), 4);
}

#[test]
fn several_transactions_of_one_account_in_a_block_are_verified_once_each() {
    let mut net = Net::new();
    let pay = |sequence| net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sequence(sequence);
    let txs = vec![pay(0).sign(), pay(1).mode(AMINO).sign(), pay(2).sign()];
    let outcome = net.block(txs);
    assert_eq!(outcome.tx_results.iter().map(|r| r.code).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(net.reader.verifications(), 3);
}

#[test]
fn every_member_of_a_multisig_is_verified() {
    let mut net = Net::new();
    let multi = multisig(2, &NAMES[..3]);
    let account = text(&multi.address());
    let members = vec![(0, key("alice")), (1, key("bob")), (2, key("carol"))];
    let tx = Draft::new(&[(By::Multi(multi, members), 4, 0)]).msg(&send(&account, &addr("bob"), 1)).sign();
    assert_eq!(net.check(&tx).code, 0);
    assert_eq!(net.run(tx).code, 0);
    assert_eq!(net.reader.verifications(), 3);
}

#[test]
fn changed_account_number_is_never_covered_by_an_old_verdict() {
    // The same bytes were valid on a chain where alice had number 0. Here she has number 1.
    let mut first = Net::new();
    let tx = first.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(first.check(&tx).code, 0);
    assert_eq!(first.run(tx.clone()).code, 0);

    // One process sees both: genesis comes again before the first block.
    let mut net = Net::new();
    assert_eq!(net.check(&tx).code, 0, "the verdict is remembered now");
    let verified = net.reader.verifications();
    let mut accounts = standard_accounts();
    accounts.swap(0, 1);
    net.chain.init_chain(genesis(&app_state(&accounts))).unwrap();
    let check = net.check(&tx);
    assert_eq!(check.code, 4, "{}", check.log);
    assert_eq!(net.reader.verifications(), verified + 1, "verified for the new number");
    let result = net.run(tx);
    assert_eq!(result.code, 4, "{}", result.log);
}

#[test]
fn another_chain_id_is_never_covered_by_an_old_verdict() {
    let mut net = Net::new();
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(net.check(&tx).code, 0, "the verdict is remembered now");
    let verified = net.reader.verifications();
    let other = Genesis { chain_id: "other-1".to_owned(), ..genesis(&app_state(&standard_accounts())) };
    net.chain.init_chain(other).unwrap();
    let check = net.check(&tx);
    assert_eq!(check.code, 4, "{}", check.log);
    assert_eq!(net.reader.verifications(), verified + 1, "verified for the other chain");
    assert_eq!(net.run(tx).code, 4);
}

#[test]
fn account_created_in_the_block_is_verified_when_it_signs() {
    let mut net = Net::new();
    net.block(Vec::new());
    let newcomer = addr("newcomer");
    let fund = net.tx("alice").msg(&send(&addr("alice"), &newcomer, 10_000)).sign();
    // Five accounts and the fee collector exist.
    let draft = |number| Draft::new(&[(By::Key(key("newcomer")), number, 0)]).msg(&send(&newcomer, &addr("bob"), 1));
    let wrong = net.block(vec![fund.clone(), draft(7).sign()]).tx_results;
    assert_eq!((wrong[0].code, wrong[1].code), (0, 4), "{}", wrong[1].log);

    let mut net = Net::new();
    net.block(Vec::new());
    let results = net.block(vec![fund, draft(6).sign()]).tx_results;
    assert_eq!((results[0].code, results[1].code), (0, 0), "{}", results[1].log);
    assert_eq!(net.reader.verifications(), 2);
}

#[test]
fn forged_signatures_fail_wherever_they_come_in() {
    let mut net = Net::new();
    let mut raw = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).raw();
    raw.signatures[0][10] ^= 1;
    let tx = bytes::Bytes::from(raw.encode_to_vec());
    assert_eq!(net.check(&tx).code, 4);
    let proposal = net.blocks.proposal(vec![tx.clone()]);
    assert!(matches!(net.chain.process(&proposal).unwrap(), Verdict::Reject(_)));
    assert_eq!(net.chain.prepare(proposal.clone()).unwrap(), Vec::<bytes::Bytes>::new());
    assert_eq!(net.commit(&(&proposal).into()).tx_results[0].code, 4);
}
