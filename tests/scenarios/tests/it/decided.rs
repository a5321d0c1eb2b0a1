//! Blocks that were decided without this node's judgement: prepared ahead of their turn, verified or taken at the word of
//! their commit.

use bytes::Bytes;
use plume_chain::ChainConfig;
use plume_engine::{Executor, Reader, Verdict};
use plume_proto::Message;

use crate::sign_modes::{net_of, payment, plume, sponsored};
use crate::support::*;

/// A chain of a node whose operator lets commits vouch for signatures.
fn trusting() -> Net {
    net_of(ChainConfig { verify_decided_signatures: false, ..ChainConfig::default() })
}

fn verifying() -> Net {
    net_of(ChainConfig::default())
}

/// Signed in every mode, by single keys and members of a multisig; the last one pays what alice no longer has.
fn txs(net: &Net) -> Vec<Bytes> {
    let modes = [DIRECT, TEXTUAL, AMINO, TEXTUAL].into_iter().zip(0..);
    let mut txs: Vec<Bytes> = modes.map(|(mode, sequence)| payment(net, mode).sequence(sequence).sign()).collect();
    txs.push(sponsored(net, DIRECT_AUX, TEXTUAL).edit(|d| d.by[0].2 = 4).sign());
    let multi = multisig(2, &NAMES[..3]);
    for (mode, sequence) in [(AMINO, 0), (TEXTUAL, 1)] {
        let members = vec![(0, key("alice")), (2, key("carol"))];
        let draft = Draft::new(&[(By::Multi(multi.clone(), members), 4, sequence)]);
        let draft = draft.msg(&send(&text(&multi.address()), &addr("dave"), 1)).mode(mode);
        txs.push(draft.edit(|d| d.metadata = vec![plume()]).sign());
    }
    let too_much = net.balance(&addr("alice"));
    txs.push(net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), too_much)).sequence(5).sign());
    txs
}

fn forged(net: &Net) -> Bytes {
    let mut raw = payment(net, DIRECT).raw();
    raw.signatures[0][10] ^= 1;
    Bytes::from(raw.encode_to_vec())
}

#[test]
fn a_node_that_trusts_commits_computes_what_the_others_do_and_verifies_nothing() {
    let (mut trusting, mut verifying) = (trusting(), verifying());
    let block = verifying.blocks.next(txs(&verifying));
    let expected = verifying.commit(&block);
    assert_eq!(expected.tx_results.iter().map(|result| result.code).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(trusting.commit(&block), expected);
    assert_eq!((trusting.reader.verifications(), verifying.reader.verifications()), (0, 11));
}

#[test]
fn a_commit_vouches_for_signatures_and_for_nothing_else() {
    let (mut trusting, mut verifying) = (trusting(), verifying());
    let tx = |edit: &dyn Fn(&mut Draft)| payment(&verifying, DIRECT).edit(edit);
    let unsigned = {
        let mut raw = payment(&verifying, DIRECT).raw();
        raw.signatures.clear();
        Bytes::from(raw.encode_to_vec())
    };
    let bad = vec![
        tx(&|d| d.by[0].2 = 3).sign(),
        tx(&|d| d.by[0].0 = By::Key(key("bob"))).sign(),
        tx(&|_| {}).mode(191).sign(),
        tx(&|d| d.body.timeout_height = 1).sign(),
        unsigned,
        Bytes::from_static(b"no transaction"),
    ];
    let block = verifying.blocks.next(bad);
    let expected = verifying.commit(&block);
    assert!(expected.tx_results.iter().all(|result| result.code != 0), "{:?}", expected.tx_results);
    assert_eq!(trusting.commit(&block), expected);
}

#[test]
fn a_forged_signature_is_refused_by_whoever_judges_a_block_whatever_the_setting() {
    for mut net in [trusting(), verifying()] {
        let tx = forged(&net);
        assert_eq!(net.check(&tx).code, 4);
        let proposal = net.blocks.proposal(vec![tx.clone()]);
        assert!(matches!(net.chain.process(&proposal).unwrap(), Verdict::Reject(_)));
        assert_eq!(net.chain.prepare(proposal.clone()).unwrap(), Vec::<Bytes>::new());
    }
    // More than two thirds of the validators have signed it: the app hash of the next block shows what they found.
    let (mut trusting, mut verifying) = (trusting(), verifying());
    let block = verifying.blocks.next(vec![forged(&verifying)]);
    let (vouched, found) = (trusting.commit(&block), verifying.commit(&block));
    assert_eq!((vouched.tx_results[0].code, found.tx_results[0].code), (0, 4));
    assert_ne!(vouched.app_hash, found.app_hash);
}

#[test]
fn what_was_prepared_ahead_is_verified_once_and_changes_nothing() {
    for config in
        [true, false].map(|verify| ChainConfig { verify_decided_signatures: verify, ..ChainConfig::default() })
    {
        let verified = if config.verify_decided_signatures { 11 } else { 0 };
        let (mut plain, mut ahead) = (verifying(), net_of(config));
        let mut list = txs(&plain);
        list.push(forged(&plain));
        list.push(Bytes::from_static(b"no transaction"));
        ahead.reader.anticipate_txs(&list);
        let after = ahead.reader.verifications();
        // The forged one is verified as well, and again in its turn: only what is valid is remembered.
        assert_eq!(after, if verified > 0 { verified + 1 } else { 0 });
        list.remove(8);
        // Heights later: sequences of the signers have moved on in between.
        let (first, second) = list.split_at(3);
        for txs in [first, second] {
            let block = plain.blocks.next(txs.to_vec());
            assert_eq!(ahead.commit(&block), plain.commit(&block));
        }
        assert_eq!(ahead.reader.verifications(), after);
    }
}
