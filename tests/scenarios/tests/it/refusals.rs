//! Every way in which a transaction is refused: code, codespace, text, events, and that nothing has changed.

use bytes::Bytes;
use plume_chain::{ChainConfig, plume_modules};
use plume_engine::TxResult;
use plume_primitives::{DecCoin, DecCoins, Denom};
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::google::protobuf::Timestamp;
use plume_proto::{Any, Message, any};

use crate::support::*;

/// A number and a text in codespace `sdk`.
pub type Failure<'a> = (u32, &'a str);

fn state_of(net: &Net) -> Vec<(u128, Option<(u64, u64)>)> {
    let mut addresses: Vec<String> = NAMES.iter().map(|name| addr(name)).collect();
    addresses.push(text(&plume_primitives::module_address("fee_collector")));
    addresses.iter().map(|address| (net.balance(address), net.account(address))).collect()
}

/// The transaction is refused by CheckTx and fails its checks in a block, with the same text; nothing has changed.
#[track_caller]
pub fn refused_everywhere(net: &mut Net, tx: &Bytes, (code, log): Failure<'_>) -> TxResult {
    let check = net.check(tx);
    assert_eq!((check.code, check.codespace.as_str(), check.log.as_str()), (code, "sdk", log), "CheckTx");
    refused_in_block(net, tx, (code, log))
}

#[track_caller]
fn refused_in_block(net: &mut Net, tx: &Bytes, (code, log): Failure<'_>) -> TxResult {
    let (before, app_hash) = (state_of(net), net.block(Vec::new()).app_hash);
    let outcome = net.block(vec![tx.clone()]);
    let result = &outcome.tx_results[0];
    assert_eq!((result.code, result.codespace.as_str(), result.log.as_str()), (code, "sdk", log), "FinalizeBlock");
    assert!(result.events.is_empty() && result.data.is_empty(), "{result:?}");
    assert_eq!(outcome.app_hash, app_hash, "a refused transaction changes nothing");
    assert_eq!(state_of(net), before);
    result.clone()
}

/// The checks pass and a message fails: the fee is paid, the sequence used, the message undone.
#[track_caller]
fn fails_in_message(net: &mut Net, tx: &Bytes, (code, log): Failure<'_>) -> TxResult {
    assert_eq!(net.check(tx).code, 0, "CheckTx");
    let (alice, bob) = (net.balance(&addr("alice")), net.balance(&addr("bob")));
    let (number, sequence) = net.account(&addr("alice")).unwrap();
    let result = net.run(tx.clone());
    assert_eq!((result.code, result.codespace.as_str(), result.log.as_str()), (code, "sdk", log));
    assert!(result.data.is_empty());
    let kinds: Vec<&str> = result.events.iter().map(|event| event.kind.as_ref()).collect();
    assert_eq!(
        kinds,
        ["coin_spent", "coin_received", "transfer", "message", "tx", "tx", "tx"],
        "the checks' events only"
    );
    assert_eq!(net.balance(&addr("alice")), alice - 2_000);
    assert_eq!(net.balance(&addr("bob")), bob);
    assert_eq!(net.account(&addr("alice")), Some((number, sequence + 1)));
    result
}

/// A chain at height 1, where queries answer.
fn net() -> Net {
    let mut net = Net::new();
    net.block(Vec::new());
    net
}

fn payment(net: &Net) -> Draft {
    net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 70))
}

#[test]
fn wrong_sequence_is_told_before_the_signature() {
    let mut net = net();
    let log = "account sequence mismatch, expected 0, got 3: incorrect account sequence";
    let tx = payment(&net).sequence(3).edit(|d| d.chain_id = "other-1".into()).sign();
    refused_everywhere(&mut net, &tx, (32, log));
    let tx = payment(&net).sequence(3).mode(AMINO).sign();
    refused_everywhere(&mut net, &tx, (32, log));
}

#[test]
fn wrong_chain_id_is_unauthorized() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.chain_id = "other-1".into()).sign();
    let log = "signature verification failed; please verify account number (0) and chain-id (plume-local-1): \
               (unable to verify single signer signature): unauthorized";
    refused_everywhere(&mut net, &tx, (4, log));
    let tx = payment(&net).edit(|d| d.chain_id = "other-1".into()).mode(AMINO).sign();
    let log = "signature verification failed; please verify account number (0), sequence (0) and chain-id \
               (plume-local-1): unauthorized";
    refused_everywhere(&mut net, &tx, (4, log));
}

#[test]
fn fee_below_the_nodes_minimum_is_refused_by_the_mempool_only() {
    let price = DecCoin { denom: Denom::new(DENOM).unwrap(), amount: "0.025".parse().unwrap() };
    let config =
        ChainConfig { minimum_gas_prices: DecCoins::from_unsorted([price]).unwrap(), ..ChainConfig::default() };
    let mut net = Net::with(config, plume_modules(), &genesis(&app_state(&standard_accounts())));
    let tx = payment(&net).fee(4_999).sign();
    let check = net.check(&tx);
    let log = "insufficient fees; got: 4999uplume required: 5000uplume: insufficient fee";
    assert_eq!((check.code, check.codespace.as_str(), check.log.as_str()), (13, "sdk", log));
    assert_eq!(net.recheck(&tx).code, 13);
    assert_eq!(net.check(&payment(&net).fee(5_000).sign()).code, 0);
    assert_eq!(net.run(tx).code, 0, "part of no verdict on a block");
}

#[test]
fn fee_denomination_that_the_chain_does_not_take_is_refused() {
    let mut state = app_state(&standard_accounts());
    state["plume"]["params"]["fee_denoms"] = serde_json::json!(["uusd"]);
    let mut net = Net::with_genesis(&genesis(&state));
    net.block(Vec::new());
    let tx = payment(&net).sign();
    refused_everywhere(&mut net, &tx, (13, "fees are not accepted in uplume; accepted: uusd: insufficient fee"));
    assert_eq!(net.run(payment(&net).fee(0).sign()).code, 0);
}

#[test]
fn gas_limit_must_be_positive_and_fit_the_block() {
    let mut document = genesis(&app_state(&standard_accounts()));
    document.consensus_params = consensus_params(150_000);
    let mut net = Net::with_genesis(&document);
    net.block(Vec::new());
    let tx = payment(&net).gas(0).sign();
    refused_everywhere(&mut net, &tx, (41, "must provide positive gas: invalid gas limit"));
    let tx = payment(&net).gas(150_001).sign();
    let log = "tx gas limit 150001 exceeds block max gas 150000: invalid gas limit";
    refused_everywhere(&mut net, &tx, (41, log));
    assert_eq!(net.run(payment(&net).gas(150_000).sign()).code, 0);
}

#[test]
fn gas_limit_beyond_63_bits_is_refused() {
    let mut net = net();
    let tx = payment(&net).gas(1 << 63).sign();
    let log = "invalid gas supplied; 9223372036854775808 > 9223372036854775807: invalid request";
    refused_everywhere(&mut net, &tx, (18, log));
}

#[test]
fn running_out_of_gas_in_the_checks_costs_nothing() {
    let mut net = net();
    let tx = payment(&net).gas(2_000).sign();
    let used = 1_000 + 42 + 10 * u64::try_from(tx.len()).unwrap();
    let log = format!("out of gas in location: txSize; gasWanted: 2000, gasUsed: {used}: out of gas");
    let result = refused_everywhere(&mut net, &tx, (11, &log));
    assert_eq!((result.gas_wanted.get(), result.gas_used.get()), (2_000, used));
}

#[test]
fn running_out_of_gas_in_a_message_costs_the_fee() {
    let mut net = net();
    assert_eq!(net.run(payment(&net).sign()).code, 0);
    let tx = payment(&net).gas(58_000).sign();
    let expected = {
        let mut probe = Net::new();
        probe.block(Vec::new());
        probe.run(payment(&probe).sign());
        probe.run(payment(&probe).gas(58_000).sign())
    };
    assert!(expected.log.starts_with("out of gas in location: "), "{}", expected.log);
    let log = format!("gasWanted: 58000, gasUsed: {}: out of gas", expected.gas_used);
    assert!(expected.log.ends_with(&log), "{}", expected.log);
    assert!(expected.gas_used.get() > 58_000);
    let result = fails_in_message(&mut net, &tx, (11, &expected.log));
    assert_eq!(result.gas_wanted.get(), 58_000);
}

#[test]
fn fee_payer_needs_funds_for_the_fee() {
    let mut net = net();
    let tx = payment(&net).fee(FUNDS + 1).sign();
    let log = format!(
        "spendable balance {FUNDS}uplume is smaller than {}uplume: insufficient funds: insufficient funds",
        FUNDS + 1
    );
    refused_everywhere(&mut net, &tx, (5, &log));
}

#[test]
fn fee_errors_come_before_sequence_and_signature() {
    let mut net = net();
    let tx = payment(&net).fee(FUNDS + 1).sequence(9).edit(|d| d.chain_id = "other-1".into()).sign();
    let log = format!(
        "spendable balance {FUNDS}uplume is smaller than {}uplume: insufficient funds: insufficient funds",
        FUNDS + 1
    );
    refused_everywhere(&mut net, &tx, (5, &log));
}

#[test]
fn unknown_fee_payer_is_refused() {
    let mut net = net();
    let stranger = addr("stranger");
    let tx = Draft::new(&[(By::Key(key("stranger")), 0, 0)]).msg(&send(&stranger, &addr("bob"), 1)).sign();
    let log = format!("fee payer address: {stranger} does not exist: unknown address");
    refused_everywhere(&mut net, &tx, (9, &log));
}

#[test]
fn unknown_signer_is_refused() {
    let mut net = net();
    let stranger = addr("stranger");
    let tx = Draft::new(&[(By::Key(key("stranger")), 0, 0), (By::Key(key("alice")), 0, 0)])
        .msg(&send(&stranger, &addr("bob"), 1))
        .edit(|d| d.fee.payer = addr("alice"))
        .sign();
    let log = format!("account {stranger} does not exist: unknown address");
    refused_everywhere(&mut net, &tx, (9, &log));
}

#[test]
fn message_needs_funds() {
    let mut net = net();
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), FUNDS)).sign();
    let log = format!(
        "failed to execute message; message index: 0: spendable balance {}uplume is smaller than {FUNDS}uplume: insufficient funds",
        FUNDS - 2_000
    );
    fails_in_message(&mut net, &tx, (5, &log));
    let nothing = MsgSend {
        amount: vec![Coin { denom: "ufoo".into(), amount: "3".into() }],
        ..send(&addr("alice"), &addr("bob"), 1)
    };
    let tx = net.tx("alice").msg(&nothing).sign();
    let log = "failed to execute message; message index: 0: spendable balance 0ufoo is smaller than 3ufoo: insufficient funds";
    fails_in_message(&mut net, &tx, (5, log));
}

#[test]
fn failing_second_message_undoes_the_first() {
    let mut net = net();
    let tx = payment(&net).msg(&send(&addr("alice"), &addr("bob"), FUNDS)).sign();
    let log = format!(
        "failed to execute message; message index: 1: spendable balance {}uplume is smaller than {FUNDS}uplume: insufficient funds",
        FUNDS - 2_070
    );
    fails_in_message(&mut net, &tx, (5, &log));
}

#[test]
fn unknown_type_url_cannot_be_resolved() {
    let mut net = net();
    let tx = net.tx("alice").any(Any { type_url: "/x.Y".into(), value: vec![1] }).sign();
    let check = net.check(&tx);
    assert_eq!((check.code, check.log.as_str()), (2, "unable to resolve type URL /x.Y: tx parse error"));
    let result = refused_in_block(&mut net, &tx, (2, "tx parse error"));
    assert_eq!((result.gas_wanted.get(), result.gas_used.get()), (0, 0));
}

#[test]
fn type_that_is_no_message_is_refused() {
    let mut net = net();
    let tx = net.tx("alice").any(any(&plume_proto::cosmos::crypto::secp256k1::PubKey { key: vec![2; 33] })).sign();
    let check = net.check(&tx);
    assert_eq!((check.code, check.codespace.as_str()), (2, "sdk"));
    assert!(check.log.ends_with(": tx parse error"), "{}", check.log);
    refused_in_block(&mut net, &tx, (2, "tx parse error"));
}

#[test]
fn undecodable_bytes_are_refused() {
    let mut net = net();
    let good = payment(&net).sign();
    let mut with_unknown_field = good.to_vec();
    with_unknown_field.extend([0x22, 1, 0]);
    let cut = good.slice(..good.len() - 1);
    let twice = [good.as_ref(), good.as_ref()].concat();
    let bad_message =
        net.tx("alice").any(Any { type_url: "/cosmos.bank.v1beta1.MsgSend".into(), value: vec![0x0a, 9] }).sign();
    let no_integer = MsgSend {
        amount: vec![Coin { denom: DENOM.into(), amount: "1.5".into() }],
        ..send(&addr("alice"), &addr("bob"), 1)
    };
    let no_integer = net.tx("alice").msg(&no_integer).sign();
    let bad = [Bytes::from_static(b"garbage"), with_unknown_field.into(), cut, twice.into(), bad_message, no_integer];
    for tx in bad {
        let check = net.check(&tx);
        assert_eq!((check.code, check.codespace.as_str()), (2, "sdk"), "{}", check.log);
        assert!(check.log.ends_with(": tx parse error"), "{}", check.log);
        let result = refused_in_block(&mut net, &tx, (2, "tx parse error"));
        assert_eq!((result.gas_wanted.get(), result.gas_used.get()), (0, 0));
    }
}

#[test]
fn deep_nesting_is_refused_and_the_stack_survives() {
    let mut net = net();
    // Multisig keys in multisig keys, as deep as a transaction has room for.
    let mut key = key("alice").public_key().to_any();
    for _ in 0..2_000 {
        let inner = plume_proto::cosmos::crypto::multisig::LegacyAminoPubKey { threshold: 1, public_keys: vec![key] };
        key = any(&inner);
    }
    let draft = payment(&net);
    let mut auth_info = draft.auth_info();
    auth_info.signer_infos[0].public_key = Some(key);
    let mut raw = draft.raw();
    raw.auth_info_bytes = auth_info.encode_to_vec();
    let tx = Bytes::from(raw.encode_to_vec());
    assert_eq!(net.check(&tx).code, 2);
    refused_in_block(&mut net, &tx, (2, "tx parse error"));
}

#[test]
fn transaction_without_messages_is_refused() {
    let mut net = net();
    let tx = net.tx("alice").sign();
    refused_everywhere(&mut net, &tx, (18, "must contain at least one message: invalid request"));
}

#[test]
fn fee_granter_is_refused() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.fee.granter = addr("bob")).sign();
    refused_everywhere(&mut net, &tx, (18, "fee grants are not enabled: invalid request"));
}

#[test]
fn fields_of_later_sdks_are_refused_not_ignored() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.body.unordered = true).sign();
    refused_everywhere(&mut net, &tx, (18, "unordered transactions are not supported: invalid request"));
    let tx = payment(&net).edit(|d| d.body.timeout_timestamp = Some(Timestamp { seconds: 1, nanos: 0 })).sign();
    refused_everywhere(&mut net, &tx, (18, "timeout timestamps are not supported: invalid request"));
}

#[test]
fn extension_options_are_refused() {
    let mut net = net();
    let option = any(&send(&addr("alice"), &addr("bob"), 1));
    for tx in [
        payment(&net).edit(|d| d.body.extension_options.push(option.clone())).sign(),
        payment(&net).edit(|d| d.body.non_critical_extension_options.push(option)).sign(),
    ] {
        assert_eq!(net.check(&tx).log, "no registered implementations of type tx.TxExtensionOptionI: tx parse error");
        refused_in_block(&mut net, &tx, (2, "tx parse error"));
    }
}

#[test]
fn memo_is_bounded() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.body.memo = "m".repeat(257)).sign();
    let log = "maximum number of characters is 256 but received 257 characters: memo too large";
    refused_everywhere(&mut net, &tx, (12, log));
    assert_eq!(net.run(payment(&net).edit(|d| d.body.memo = "m".repeat(256)).sign()).code, 0);
}

#[test]
fn timeout_height_passes() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.body.timeout_height = 2).sign();
    assert_eq!(net.check(&tx).code, 0, "block 2 is next");
    net.block(Vec::new());
    let check = net.check(&tx);
    assert_eq!((check.code, check.log.as_str()), (30, "block height: 3, timeout height: 2: tx timeout height"));
    assert_eq!(net.recheck(&tx).code, 30);
    net.block(Vec::new());
    refused_in_block(&mut net, &tx, (30, "block height: 5, timeout height: 2: tx timeout height"));
}

#[test]
fn signatures_are_counted() {
    let mut net = net();
    let mut raw = payment(&net).raw();
    raw.signatures.clear();
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (15, "no signatures supplied"));

    let mut raw = payment(&net).raw();
    raw.signatures.push(vec![1; 64]);
    let log = "wrong number of signers; expected 1, got 2: unauthorized";
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (4, log));

    let mut raw = payment(&net).raw();
    let mut auth_info = payment(&net).auth_info();
    auth_info.signer_infos.clear();
    raw.auth_info_bytes = auth_info.encode_to_vec();
    let log = "invalid number of signer;  expected: 1, got 0: unauthorized";
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (4, log));

    let mut auth_info = payment(&net).auth_info();
    auth_info.signer_infos.push(auth_info.signer_infos[0].clone());
    raw.auth_info_bytes = auth_info.encode_to_vec();
    let log = "invalid number of signer;  expected: 1, got 2: unauthorized";
    refused_everywhere(&mut net, &Bytes::from(raw.encode_to_vec()), (4, log));
}

#[test]
fn more_signatures_than_the_limit_are_refused() {
    let names = ["alice", "bob", "carol", "dave", "e", "f", "g", "h"];
    let multi = multisig(1, &names);
    let account = text(&multi.address());
    let mut accounts = standard_accounts();
    accounts.push((multi.address(), FUNDS));
    let mut net = Net::with_genesis(&genesis(&app_state(&accounts)));
    net.block(Vec::new());
    let number = net.account(&account).unwrap().0;
    let by = By::Multi(multi, vec![(0, key("alice"))]);
    let tx = Draft::new(&[(by, number, 0)]).msg(&send(&account, &addr("bob"), 1)).sign();
    let log = "signatures: 8, limit: 7: maximum number of signatures exceeded";
    refused_everywhere(&mut net, &tx, (14, log));
}

#[test]
fn foreign_public_key_is_refused() {
    let mut net = net();
    let tx = Draft::new(&[(By::Key(key("bob")), 0, 0)]).msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let log = format!("pubKey does not match signer address {} with signer index: 0: invalid pubkey", addr("alice"));
    refused_everywhere(&mut net, &tx, (8, &log));
}

#[test]
fn account_without_known_key_must_state_it() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.leave_out_keys = true).sign();
    refused_everywhere(&mut net, &tx, (8, "unrecognized public key type: <nil>: invalid pubkey"));
    assert_eq!(net.run(payment(&net).sign()).code, 0);
    let tx = payment(&net).edit(|d| d.leave_out_keys = true).sign();
    assert_eq!(net.check(&tx).code, 0, "the account's key is known now");
    assert_eq!(net.run(tx).code, 0);
}

#[test]
fn invalid_fee_payer_address_is_refused() {
    let mut net = net();
    let tx = payment(&net).edit(|d| d.fee.payer = "plume1x".into()).sign();
    let check = net.check(&tx);
    assert_eq!((check.code, check.codespace.as_str()), (7, "sdk"));
    assert!(
        check.log.starts_with("Invalid fee payer address (decoding bech32 failed")
            && check.log.ends_with("): invalid address"),
        "{}",
        check.log
    );
    let log = check.log.clone();
    refused_in_block(&mut net, &tx, (7, &log));
}

#[test]
fn invalid_signer_address_has_no_number_as_in_the_sdk() {
    let mut net = net();
    let tx = net.tx("alice").msg(&send("plume1x", &addr("bob"), 1)).sign();
    let check = net.check(&tx);
    assert_eq!((check.code, check.codespace.as_str()), (1, "undefined"));
    let result = net.run(tx);
    assert_eq!((result.code, result.codespace.as_str(), result.log.as_str()), (1, "undefined", check.log.as_str()));
    assert!(result.events.is_empty());
}

#[test]
fn malformed_multisignatures_are_refused() {
    let mut net = net();
    let multi = multisig(2, &NAMES[..3]);
    let account = text(&multi.address());
    let draft = |members: &[usize]| {
        let members = members.iter().map(|index| (*index, key(NAMES[*index]))).collect();
        Draft::new(&[(By::Multi(multi.clone(), members), 4, 0)]).msg(&send(&account, &addr("bob"), 1))
    };
    let tx = draft(&[1]).sign();
    let log = "signature verification failed; please verify account number (4) and chain-id (plume-local-1): \
               (signature size is incorrect 1): unauthorized";
    refused_everywhere(&mut net, &tx, (4, log));
    // The second signature is of another member than its bit says.
    let members = vec![(0, key("alice")), (2, key("bob"))];
    let tx = Draft::new(&[(By::Multi(multi.clone(), members), 4, 0)]).msg(&send(&account, &addr("bob"), 1)).sign();
    let log = "signature verification failed; please verify account number (4) and chain-id (plume-local-1): \
               (unable to verify signature at index 2): unauthorized";
    refused_everywhere(&mut net, &tx, (4, log));
    // A single signature for a threshold key.
    let mut raw = draft(&[0, 1]).raw();
    let mut auth_info = draft(&[0, 1]).auth_info();
    auth_info.signer_infos[0].mode_info = payment(&net).auth_info().signer_infos[0].mode_info.clone();
    raw.auth_info_bytes = auth_info.encode_to_vec();
    let tx = Bytes::from(raw.encode_to_vec());
    let check = net.check(&tx);
    assert_eq!((check.code, check.codespace.as_str()), (1, "undefined"), "{}", check.log);
    assert_eq!(net.run(tx).code, 1);
}

#[test]
fn ed25519_accounts_sign_only_where_genesis_allows_them() {
    let secret = plume_crypto::PrivateKey::ed25519(&[9; 32]).unwrap();
    let public = secret.public_key();
    let account = text(&public.address());
    for allowed in [false, true] {
        let mut accounts = standard_accounts();
        accounts.push((public.address(), FUNDS));
        let mut state = app_state(&accounts);
        state["plume"]["params"]["policies"]["allow_ed25519_accounts"] = serde_json::json!(allowed);
        let mut net = Net::with_genesis(&genesis(&state));
        net.block(Vec::new());
        let number = net.account(&account).unwrap().0;
        // Signed by hand: the draft knows secp256k1 keys only.
        let draft = Draft::new(&[(By::Key(key("alice")), number, 0)]).msg(&send(&account, &addr("bob"), 1));
        let mut auth_info = draft.auth_info();
        auth_info.signer_infos[0].public_key = Some(public.to_any());
        let mut raw = draft.raw();
        raw.auth_info_bytes = auth_info.encode_to_vec();
        let doc = plume_codec::sign_doc_direct(&raw.body_bytes, &raw.auth_info_bytes, CHAIN_ID, number);
        raw.signatures = vec![secret.sign(&doc).to_vec()];
        let tx = Bytes::from(raw.encode_to_vec());
        if allowed {
            assert_eq!(net.check(&tx).code, 0);
            assert_eq!(net.run(tx).code, 0);
        } else {
            refused_everywhere(&mut net, &tx, (8, "ED25519 public keys are unsupported: invalid pubkey"));
        }
    }
}
