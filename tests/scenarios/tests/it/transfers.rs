use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use plume_primitives::module_address;
use plume_proto::Message;
use plume_proto::cosmos::base::abci::v1beta1::TxMsgData;
use plume_proto::cosmos::tx::v1beta1::TxRaw;

use crate::support::*;

fn collector() -> String {
    text(&module_address("fee_collector"))
}

#[test]
fn send_emits_twelve_events_in_the_sdks_order() {
    let mut net = Net::new();
    let (alice, bob, collector) = (addr("alice"), addr("bob"), collector());
    let tx = net.tx("alice").msg(&send(&alice, &bob, 70)).sign();
    let signature = BASE64.encode(&TxRaw::decode(tx.as_ref()).unwrap().signatures[0]);

    let result = net.run(tx);

    assert_eq!((result.code, result.log.as_str(), result.codespace.as_str()), (0, "", ""));
    assert_eq!(
        lines(&result.events),
        [
            format!("coin_spent spender={alice},amount=2000uplume"),
            format!("coin_received receiver={collector},amount=2000uplume"),
            format!("transfer recipient={collector},sender={alice},amount=2000uplume"),
            format!("message sender={alice}"),
            format!("tx fee=2000uplume,fee_payer={alice}"),
            format!("tx acc_seq={alice}/0"),
            format!("tx signature={signature}"),
            format!("message action=/cosmos.bank.v1beta1.MsgSend,sender={alice},module=bank,msg_index=0"),
            format!("coin_spent spender={alice},amount=70uplume,msg_index=0"),
            format!("coin_received receiver={bob},amount=70uplume,msg_index=0"),
            format!("transfer recipient={bob},sender={alice},amount=70uplume,msg_index=0"),
            format!("message sender={alice},msg_index=0"),
        ]
    );
    assert!(result.events.iter().flat_map(|event| &event.attributes).all(|attribute| attribute.index));
    let data = TxMsgData::decode(result.data.as_ref()).unwrap();
    let responses: Vec<&str> = data.msg_responses.iter().map(|any| any.type_url.as_str()).collect();
    assert_eq!(responses, ["/cosmos.bank.v1beta1.MsgSendResponse"]);
    assert_eq!(net.balance(&alice), FUNDS - 2_070);
    assert_eq!(net.balance(&bob), FUNDS + 70);
    assert_eq!(net.balance(&collector), 2_000);
    assert_eq!(net.account(&alice), Some((0, 1)));
}

#[test]
fn multi_send_names_its_sender_first_and_each_leg_after() {
    let mut net = Net::new();
    let (alice, bob, newcomer) = (addr("alice"), addr("bob"), addr("newcomer"));
    let tx = net.tx("alice").msg(&multi_send(&alice, &[(&bob, 3), (&newcomer, 4)])).sign();

    let result = net.run(tx);

    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(
        lines(&result.events)[7..],
        [
            format!("message action=/cosmos.bank.v1beta1.MsgMultiSend,sender={alice},module=bank,msg_index=0"),
            format!("coin_spent spender={alice},amount=7uplume,msg_index=0"),
            format!("message sender={alice},msg_index=0"),
            format!("coin_received receiver={bob},amount=3uplume,msg_index=0"),
            format!("transfer recipient={bob},sender={alice},amount=3uplume,msg_index=0"),
            format!("coin_received receiver={newcomer},amount=4uplume,msg_index=0"),
            format!("transfer recipient={newcomer},sender={alice},amount=4uplume,msg_index=0"),
        ]
    );
    assert_eq!((net.balance(&bob), net.balance(&newcomer)), (FUNDS + 3, 4));
    assert_eq!(net.account(&newcomer), Some((6, 0)), "after five accounts and the fee collector");
}

#[test]
fn amino_signatures_are_as_good_as_direct_ones() {
    let mut net = Net::new();
    let memo = "a & b < c > d \u{2028}";
    let tx = net
        .tx("alice")
        .msg(&send(&addr("alice"), &addr("bob"), 5))
        .edit(|d| d.body.memo = memo.into())
        .mode(AMINO)
        .sign();
    assert_eq!(net.check(&tx).code, 0);
    let result = net.run(tx);
    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(net.balance(&addr("bob")), FUNDS + 5);
}

#[test]
fn two_of_three_keys_spend_from_a_multisig_in_both_modes() {
    let mut net = Net::new();
    let multi = multisig(2, &NAMES[..3]);
    let account = text(&multi.address());
    for (sequence, (mode, members)) in [(DIRECT, [0, 1]), (AMINO, [0, 2]), (DIRECT, [1, 2])].into_iter().enumerate() {
        let members = members.map(|index| (index, key(NAMES[index]))).to_vec();
        let sequence = u64::try_from(sequence).unwrap();
        let tx = Draft::new(&[(By::Multi(multi.clone(), members), 4, sequence)])
            .msg(&send(&account, &addr("dave"), 1))
            .mode(mode)
            .sign();
        let result = net.run(tx);
        assert_eq!(result.code, 0, "{}", result.log);
        let signatures = result.events.iter().filter(|event| event.value("signature").is_some()).count();
        assert_eq!(signatures, 3, "both members and the whole");
    }
    assert_eq!(net.balance(&account), FUNDS - 3 * 2_001);
    assert_eq!(net.account(&account), Some((4, 3)));
}

#[test]
fn multisig_inside_a_multisig_spends() {
    let inner = multisig(1, &["carol", "dave"]);
    let outer = plume_crypto::PublicKey::multisig(2, vec![key("alice").public_key(), inner.clone()]).unwrap();
    let account = text(&outer.address());
    let mut accounts = standard_accounts();
    accounts.push((outer.address(), FUNDS));
    let mut net = Net::with_genesis(&genesis(&app_state(&accounts)));
    net.block(Vec::new());

    let by = By::Multi(outer.clone(), vec![(0, key("alice")), (1, key("dave"))]);
    let draft = Draft::new(&[(by, 5, 0)]).msg(&send(&account, &addr("bob"), 1));
    // The second member is a threshold key itself, of whose keys the second signs.
    let nested = |signature: bytes::Bytes| {
        let mut bits = plume_crypto::BitArray::new(2);
        bits.set(1);
        plume_crypto::SignatureData::Multi {
            bits,
            signatures: vec![plume_crypto::SignatureData::Single { mode: DIRECT, signature }],
        }
    };
    let whole = |first: bytes::Bytes, second: bytes::Bytes| {
        let mut bits = plume_crypto::BitArray::new(2);
        bits.set(0);
        bits.set(1);
        let first = plume_crypto::SignatureData::Single { mode: DIRECT, signature: first };
        plume_crypto::SignatureData::Multi { bits, signatures: vec![first, nested(second)] }
    };
    let mut auth_info = draft.auth_info();
    auth_info.signer_infos[0].mode_info = Some(whole(Default::default(), Default::default()).to_proto().0);
    let mut raw = draft.raw();
    raw.auth_info_bytes = auth_info.encode_to_vec();
    let doc = plume_codec::sign_doc_direct(&raw.body_bytes, &raw.auth_info_bytes, CHAIN_ID, 5);
    let signed = |name: &str| bytes::Bytes::from(key(name).sign(&doc));
    raw.signatures = vec![whole(signed("alice"), signed("dave")).to_proto().1];

    let result = net.run(bytes::Bytes::from(raw.encode_to_vec()));

    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(net.balance(&account), FUNDS - 2_001);
}

#[test]
fn another_account_pays_the_fee() {
    let mut net = Net::new();
    let (alice, bob, dave) = (addr("alice"), addr("bob"), addr("dave"));
    let by = [(By::Key(key("alice")), 0, 0), (By::Key(key("dave")), 3, 0)];
    let tx = Draft::new(&by).msg(&send(&alice, &bob, 9)).edit(|d| d.fee.payer = addr("dave")).sign();

    let result = net.run(tx);

    assert_eq!(result.code, 0, "{}", result.log);
    let fee = result.events.iter().find(|event| event.value("fee").is_some()).unwrap();
    assert_eq!(fee.value("fee_payer"), Some(dave.as_str()));
    assert_eq!((net.balance(&alice), net.balance(&bob), net.balance(&dave)), (FUNDS - 9, FUNDS + 9, FUNDS - 2_000));
    assert_eq!((net.account(&alice), net.account(&dave)), (Some((0, 1)), Some((3, 1))));
}

#[test]
fn each_message_has_its_own_index_and_response() {
    let mut net = Net::new();
    let (alice, bob) = (addr("alice"), addr("bob"));
    let tx = net.tx("alice").msg(&send(&alice, &bob, 1)).msg(&multi_send(&alice, &[(&bob, 2)])).sign();
    let result = net.run(tx);
    let indices: Vec<&str> = result.events.iter().filter_map(|event| event.value("msg_index")).collect();
    assert_eq!(indices, ["0", "0", "0", "0", "0", "1", "1", "1", "1", "1"]);
    let data = TxMsgData::decode(result.data.as_ref()).unwrap();
    let responses: Vec<&str> = data.msg_responses.iter().map(|any| any.type_url.as_str()).collect();
    assert_eq!(responses, ["/cosmos.bank.v1beta1.MsgSendResponse", "/cosmos.bank.v1beta1.MsgMultiSendResponse"]);
}

#[test]
fn blocks_gas_is_enforced_even_if_a_proposer_ignores_it() {
    let mut document = genesis(&app_state(&standard_accounts()));
    document.consensus_params = consensus_params(120_000);
    let mut net = Net::with_genesis(&document);
    let pay = |name: &str, to: &str| net.tx(name).gas(100_000).msg(&send(&addr(name), &addr(to), 1)).sign();
    let txs = vec![pay("alice", "bob"), pay("bob", "carol"), pay("carol", "dave")];

    let results = net.block(txs).tx_results;

    assert_eq!(results[0].code, 0);
    let used = results[1].gas_used;
    let log = format!("out of gas in location: block gas meter; gasWanted: 100000, gasUsed: {used}: out of gas");
    assert_eq!(
        (results[1].code, results[1].log.as_str()),
        (11, log.as_str()),
        "overruns the block: its message is undone"
    );
    assert_eq!(results[1].events.len(), 7);
    assert_eq!((results[2].code, results[2].log.as_str()), (11, "no block gas left to run tx: out of gas"));
    assert!(results[2].events.is_empty() && results[2].gas_wanted.get() == 0);
    assert_eq!(net.balance(&addr("bob")), FUNDS + 1 - 2_000);
    assert_eq!(net.balance(&addr("carol")), FUNDS);
}
