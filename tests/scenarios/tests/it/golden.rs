//! App hashes that must never change by accident. Changing one is a breaking change of the state.

use plume_proto::cosmos::auth::v1beta1::MsgUpdateParams as AuthUpdateParams;
use plume_proto::cosmos::bank::v1beta1::{MsgSetSendEnabled, MsgUpdateParams as BankUpdateParams};
use plume_proto::cosmos::consensus::v1::MsgUpdateParams as ConsensusUpdateParams;

use crate::support::*;

const GENESIS: &str = "ce07a0540cefd49a330b96a613437948cdd09782b03b777c5ccd25d54c013e4d";
const EVERY_MESSAGE: &str = "45aa35c9ff6aaa6702a33cd078242d4e178d0b7493c876bfd67485628327a853";

#[test]
fn genesis_hash() {
    assert_eq!(hex::encode(&Net::new().init.app_hash), GENESIS);
}

#[test]
fn block_with_every_message() {
    let mut net = Net::new();
    let alice = addr("alice");
    let draft = |sequence| net.tx("alice").sequence(sequence);
    let params = consensus_params(-1);
    let txs = vec![
        draft(0).msg(&send(&alice, &addr("bob"), 1)).sign(),
        draft(1).msg(&multi_send(&alice, &[(&addr("bob"), 1), (&addr("newcomer"), 2)])).sign(),
        draft(2).msg(&MsgSetSendEnabled { authority: alice.clone(), ..Default::default() }).sign(),
        draft(3).msg(&BankUpdateParams { authority: alice.clone(), params: Some(Default::default()) }).sign(),
        draft(4).msg(&AuthUpdateParams { authority: alice.clone(), params: Some(Default::default()) }).sign(),
        draft(5)
            .msg(&ConsensusUpdateParams {
                authority: alice,
                block: params.block,
                evidence: params.evidence,
                validator: params.validator,
                abci: None,
            })
            .sign(),
    ];
    let outcome = net.block(txs);
    let results: Vec<(&str, u32)> = outcome.tx_results.iter().map(|r| (r.codespace.as_str(), r.code)).collect();
    // The four of an authority are not alice's to send; they keep their fees.
    assert_eq!(results, [("", 0), ("", 0), ("gov", 13), ("gov", 13), ("undefined", 1), ("gov", 13)]);
    assert_eq!(hex::encode(&outcome.app_hash), EVERY_MESSAGE);
}
