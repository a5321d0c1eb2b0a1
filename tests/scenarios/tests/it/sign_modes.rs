//! Every sign mode: what it covers, who may use it, what it costs.

use bytes::Bytes;
use plume_chain::{ChainConfig, plume_modules};
use plume_engine::Executor;
use plume_proto::Message;
use plume_proto::cosmos::bank::v1beta1::{DenomUnit, Metadata};
use plume_proto::cosmos::tx::v1beta1::TxRaw;
use serde_json::json;

use crate::refusals::refused_everywhere;
use crate::support::*;

pub fn plume() -> Metadata {
    let unit = |denom: &str, exponent| DenomUnit { denom: denom.to_owned(), exponent, aliases: Vec::new() };
    Metadata {
        description: "what stakes".to_owned(),
        denom_units: vec![unit("uplume", 0), unit("plume", 6)],
        base: "uplume".to_owned(),
        display: "plume".to_owned(),
        name: "Plume".to_owned(),
        symbol: "PLM".to_owned(),
        ..Metadata::default()
    }
}

/// A chain at height 1 that knows how uplume is written for people.
fn net() -> Net {
    net_of(ChainConfig::default())
}

/// The same with settings.
pub fn net_of(config: ChainConfig) -> Net {
    let mut state = app_state(&standard_accounts());
    state["bank"]["denom_metadata"] = json!([{
        "description": "what stakes", "base": "uplume", "display": "plume", "name": "Plume", "symbol": "PLM",
        "uri": "", "uri_hash": "",
        "denom_units": [
            {"denom": "uplume", "exponent": 0, "aliases": []}, {"denom": "plume", "exponent": 6, "aliases": []},
        ],
    }]);
    let mut net = Net::with(config, plume_modules(), &genesis(&state));
    net.block(Vec::new());
    net
}

pub fn payment(net: &Net, mode: i32) -> Draft {
    net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1_500_000)).mode(mode).edit(|d| d.metadata = vec![plume()])
}

/// A payment by alice whose fee bob pays.
pub fn sponsored(net: &Net, alice: i32, bob: i32) -> Draft {
    let by = |name: &str| {
        let (number, sequence) = net.account(&addr(name)).unwrap();
        (By::Key(key(name)), number, sequence)
    };
    Draft::new(&[by("alice"), by("bob")]).msg(&send(&addr("alice"), &addr("carol"), 5)).edit(|d| {
        d.metadata = vec![plume()];
        d.modes = vec![(0, alice), (1, bob)];
        d.fee.payer = addr("bob");
    })
}

fn unauthorized(number: u64, reason: &str) -> String {
    format!(
        "signature verification failed; please verify account number ({number}) and chain-id (plume-local-1): \
         ({reason}): unauthorized"
    )
}

const INVALID: &str = "unable to verify single signer signature";

#[track_caller]
fn accepted(net: &mut Net, tx: Bytes) -> plume_engine::TxResult {
    let check = net.check(&tx);
    assert_eq!((check.code, check.log.as_str()), (0, ""), "CheckTx");
    let result = net.run(tx);
    assert_eq!((result.code, result.log.as_str()), (0, ""), "FinalizeBlock");
    result
}

/// The transaction with the signatures that were made for another version of it.
fn with_signatures_of(signed: &Draft, changed: &Draft) -> Bytes {
    let raw = TxRaw { signatures: signed.raw().signatures, ..changed.raw() };
    Bytes::from(raw.encode_to_vec())
}

#[test]
fn unsupported_sign_modes_are_unauthorized() {
    let mut net = net();
    for (mode, name) in [(0, "SIGN_MODE_UNSPECIFIED"), (191, "SIGN_MODE_EIP_191"), (77, "77")] {
        let tx = payment(&net, mode).sign();
        let reason = format!("unsupported sign mode {name}");
        refused_everywhere(&mut net, &tx, (4, &unauthorized(0, &reason)));
    }
}

#[test]
fn screens_are_as_good_as_bytes() {
    let mut net = net();
    let draft = payment(&net, TEXTUAL).edit(|d| d.body.memo = "Grüße,\n \u{2028} 🪶".into());
    let result = accepted(&mut net, draft.sign());
    assert_eq!(net.balance(&addr("bob")), FUNDS + 1_500_000);
    assert_eq!(net.account(&addr("alice")), Some((0, 1)));
    assert!(result.events.iter().any(|event| event.value("signature").is_some()));
    // The second transaction leaves the key to the account, as the first has set it; then nobody could be shown.
    let tx = payment(&net, TEXTUAL).edit(|d| d.leave_out_keys = true).sign();
    let reason = "no rendering for cosmos.tx.v1beta1.SignerInfo.public_key: not set";
    refused_everywhere(&mut net, &tx, (4, &unauthorized(0, reason)));
}

#[test]
fn any_change_voids_a_signature_over_screens() {
    let mut net = net();
    let good = payment(&net, TEXTUAL);
    let bob = text(&key("bob").address());
    type Edit = fn(&mut Draft);
    let changes: [(&str, Edit); 7] = [
        ("memo", |d| d.body.memo = "x".into()),
        ("fee", |d| d.fee.amount = vec![coin(2_001)]),
        ("gas", |d| d.fee.gas_limit += 1),
        ("timeout height", |d| d.body.timeout_height = 1_000),
        ("amount", |d| {
            let from = addr("alice");
            d.body.messages = vec![plume_proto::any(&send(&from, &addr("bob"), 1_500_001))];
        }),
        ("second message", |d| d.body.messages.push(plume_proto::any(&send(&addr("alice"), &addr("carol"), 1)))),
        // Covered by the hash of the raw bytes alone: an unknown field that may be ignored is none of the screens.
        ("mode", |d| d.mode = DIRECT),
    ];
    for (what, change) in changes {
        let changed = good.clone().edit(change);
        let check = net.check(&with_signatures_of(&good, &changed));
        assert_eq!((check.code, check.log), (4, unauthorized(0, INVALID)), "{what}");
    }
    let signed_for = |edit: Edit| with_signatures_of(&good.clone().edit(edit), &good);
    for (what, tx) in [
        ("account number", signed_for(|d| d.by[0].1 += 1)),
        ("chain id", signed_for(|d| d.chain_id.push('x'))),
        ("unknown denomination", signed_for(|d| d.metadata.clear())),
        ("other unit", signed_for(|d| d.metadata[0].denom_units[1].exponent = 5)),
        ("other key", signed_for(|d| d.by[0].0 = By::Key(key("bob")))),
    ] {
        refused_everywhere(&mut net, &tx, (4, &unauthorized(0, INVALID)));
        assert_eq!(net.balance(&bob), FUNDS, "{what}");
    }
    let mut raw = good.raw();
    raw.signatures[0][10] ^= 1;
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (4, &unauthorized(0, INVALID)));
    // A non-critical field (number 1024) shows on no screen; the hash of the bytes covers it.
    let mut raw = good.raw();
    raw.body_bytes.extend([0x80, 0x40, 0x01]);
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (4, &unauthorized(0, INVALID)));
    accepted(&mut net, good.sign());
}

#[test]
fn each_look_up_of_a_denomination_costs_a_read() {
    let mut net = net();
    // A block in between forgets what the mempool has counted.
    let mut gas = |draft: Draft| {
        net.block(Vec::new());
        let check = net.check(&draft.sign());
        assert_eq!(check.log, "");
        check.gas_used.get()
    };
    let pay =
        |mode| Draft::new(&[(By::Key(key("alice")), 0, 0)]).msg(&send(&addr("alice"), &addr("bob"), 1)).mode(mode);
    let knowing = |draft: Draft| draft.edit(|d| d.metadata = vec![plume()]);
    let (direct, textual) = (gas(pay(DIRECT)), gas(knowing(pay(TEXTUAL))));
    // The message's coin and the fee's: 1000 each, and 3 per byte of key and value.
    let read = 1_000 + 3 * u64::try_from(1 + "uplume".len() + plume().encoded_len()).unwrap();
    assert_eq!(textual - direct, 2 * read);

    // Two members of a threshold key read twice.
    let multi = multisig(2, &NAMES[..3]);
    let members = vec![(0, key("alice")), (2, key("carol"))];
    let together = |mode| {
        let by = By::Multi(multi.clone(), members.clone());
        Draft::new(&[(by, 4, 0)]).msg(&send(&text(&multi.address()), &addr("dave"), 1)).mode(mode)
    };
    assert_eq!(gas(knowing(together(TEXTUAL))) - gas(together(DIRECT)), 4 * read);

    // A limit that suffices for bytes does not for screens.
    let limit = direct;
    let mut with_limit = |draft: Draft| {
        net.block(Vec::new());
        net.check(&draft.gas(limit).sign()).code
    };
    assert_eq!((with_limit(pay(DIRECT)), with_limit(knowing(pay(TEXTUAL)))), (0, 11));
}

#[test]
fn signature_over_screens_is_verified_once() {
    let mut net = net();
    let tx = payment(&net, TEXTUAL).sign();
    assert_eq!(net.check(&tx).code, 0);
    let proposal = net.blocks.proposal(vec![tx]);
    assert_eq!(net.chain.prepare(proposal.clone()).unwrap(), proposal.txs);
    assert_eq!(net.chain.process(&proposal).unwrap(), plume_engine::Verdict::Accept);
    let outcome = net.chain.finalize(&(&proposal).into()).unwrap();
    net.chain.commit().unwrap();
    assert_eq!(outcome.tx_results[0].code, 0);
    assert_eq!(net.reader.verifications(), 1);
}

#[test]
fn block_of_transactions_in_every_mode() {
    let mut net = net();
    let pay = |sequence, mode| payment(&net, mode).sequence(sequence);
    let mut txs: Vec<Bytes> = [DIRECT, TEXTUAL, AMINO, TEXTUAL, DIRECT]
        .into_iter()
        .zip(0..)
        .map(|(mode, sequence)| pay(sequence, mode).sign())
        .collect();
    txs.push(sponsored(&net, DIRECT_AUX, TEXTUAL).edit(|d| d.by[0].2 = 5).sign());
    let outcome = net.block(txs);
    assert_eq!(outcome.tx_results.iter().map(|r| (r.code, r.log.as_str())).collect::<Vec<_>>(), [(0, ""); 6]);
    assert_eq!(net.reader.verifications(), 7);
    assert_eq!(net.account(&addr("alice")), Some((0, 6)));
}

#[test]
fn members_of_a_multisig_sign_in_every_mode() {
    let mut net = net();
    let multi = multisig(2, &NAMES[..3]);
    let account = text(&multi.address());
    let draft = |mode: i32, sequence: u64, members: [usize; 2]| {
        let members = members.map(|index| (index, key(NAMES[index]))).to_vec();
        Draft::new(&[(By::Multi(multi.clone(), members), 4, sequence)])
            .msg(&send(&account, &addr("dave"), 1))
            .mode(mode)
            .edit(|d| d.metadata = vec![plume()])
    };
    accepted(&mut net, draft(TEXTUAL, 0, [0, 1]).sign());
    accepted(&mut net, draft(AMINO, 1, [1, 2]).sign());
    // A member's key on the screens instead of the account's.
    let wrong = draft(TEXTUAL, 2, [0, 1]);
    let mut raw = wrong.raw();
    let member = Draft { by: vec![(By::Key(key("alice")), 4, 2)], ..wrong.clone() };
    let single = key("alice").sign(&member.sign_bytes(0));
    let mut signatures =
        plume_proto::cosmos::crypto::multisig::v1beta1::MultiSignature::decode(&*raw.signatures[0]).unwrap();
    signatures.signatures[0] = single;
    raw.signatures = vec![signatures.encode_to_vec()];
    let reason = "unable to verify signature at index 0";
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (4, &unauthorized(4, reason)));

    // An auxiliary signer may be a threshold key, while bob pays.
    let members = vec![(0, key("alice")), (1, key("bob"))];
    let (number, sequence) = net.account(&addr("bob")).unwrap();
    let tx = Draft::new(&[(By::Multi(multi.clone(), members), 4, 2), (By::Key(key("bob")), number, sequence)])
        .msg(&send(&account, &addr("dave"), 1))
        .edit(|d| {
            d.fee.payer = addr("bob");
            d.modes = vec![(0, DIRECT_AUX)];
        });
    accepted(&mut net, tx.sign());
    assert_eq!(net.account(&account), Some((4, 3)));
}

#[test]
fn auxiliary_signature_leaves_the_fee_to_its_payer() {
    let mut net = net();
    let draft = sponsored(&net, DIRECT_AUX, DIRECT);
    // Alice signs before the fee is known; only bob's signature changes with it.
    let before = draft.raw();
    let later = draft.clone().edit(|d| d.fee.amount = vec![coin(7_000)]).edit(|d| d.fee.gas_limit = 150_000);
    assert_eq!(later.raw().signatures[0], before.signatures[0]);
    assert_ne!(later.raw().signatures[1], before.signatures[1]);
    let (alice, bob) = (net.balance(&addr("alice")), net.balance(&addr("bob")));
    accepted(&mut net, later.sign());
    assert_eq!(net.balance(&addr("alice")), alice - 5);
    assert_eq!(net.balance(&addr("bob")), bob - 7_000);
    assert_eq!(net.account(&addr("alice")), Some((0, 1)));
    assert_eq!(net.account(&addr("bob")), Some((1, 1)));
}

#[test]
fn any_change_voids_an_auxiliary_signature() {
    let mut net = net();
    let good = sponsored(&net, DIRECT_AUX, DIRECT);
    type Edit = fn(&mut Draft);
    let mine: [(&str, Edit); 5] = [
        ("memo", |d| d.body.memo = "x".into()),
        ("account number", |d| d.by[0].1 += 9),
        ("chain id", |d| d.chain_id.push('x')),
        ("sequence", |d| d.by[0].2 += 1),
        ("key", |d| d.by[0].0 = By::Key(key("carol"))),
    ];
    for (what, change) in mine {
        // Only alice's signature is the one of another document; bob's is right.
        let mut raw = good.raw();
        raw.signatures[0] = good.clone().edit(change).raw().signatures[0].clone();
        let tx = Bytes::from(raw.encode_to_vec());
        let check = net.check(&tx);
        assert_eq!((check.code, check.log), (4, unauthorized(0, INVALID)), "{what}");
        refused_everywhere(&mut net, &tx, (4, &unauthorized(0, INVALID)));
    }
    accepted(&mut net, good.sign());
}

#[test]
fn who_pays_the_fee_signs_in_another_mode() {
    let mut net = net();
    let reason = |name: &str| format!("fee payer {} cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized", addr(name));
    // The first signer pays unless another is named.
    let tx = payment(&net, DIRECT_AUX).sign();
    refused_everywhere(&mut net, &tx, (4, &unauthorized(0, &reason("alice"))));
    let tx = sponsored(&net, DIRECT, DIRECT_AUX).sign();
    refused_everywhere(&mut net, &tx, (4, &unauthorized(1, &reason("bob"))));
    // Written in the other of bech32's two ways it is still the payer.
    let tx = sponsored(&net, DIRECT, DIRECT_AUX).edit(|d| d.fee.payer = addr("bob").to_uppercase());
    assert_eq!(net.check(&tx.sign()).code, 4);

    // Without a payer of its own: the first signer directly, the second as an auxiliary.
    let draft =
        sponsored(&net, TEXTUAL, DIRECT_AUX).edit(|d| d.fee.payer.clear()).msg(&send(&addr("bob"), &addr("carol"), 1));
    let bob = net.balance(&addr("bob"));
    accepted(&mut net, draft.sign());
    assert_eq!(net.balance(&addr("bob")), bob - 1);
}
