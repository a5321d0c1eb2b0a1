//! CheckTx, recheck and simulation: what sits on top of the committed state.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{ChainConfig, plume_modules};
use plume_engine::Reader;
use plume_proto::Message;
use plume_proto::cosmos::tx::v1beta1::{Fee, SignerInfo, SimulateRequest, SimulateResponse, TxRaw};
use plume_state::MemoryBackend;

use crate::support::*;

const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

fn payment(net: &Net, sequence: u64) -> Bytes {
    net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sequence(sequence).sign()
}

#[test]
fn pending_sequences_advance_and_a_commit_resets_them() {
    let mut net = Net::new();
    let txs: Vec<Bytes> = (0..3).map(|sequence| payment(&net, sequence)).collect();
    assert_eq!(txs.iter().map(|tx| net.check(tx).code).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(net.check(&txs[1]).code, 32, "used by a pending transaction");
    assert_eq!(net.account(&addr("alice")), None, "queries see committed state only, and there is none yet");

    net.block(vec![txs[0].clone()]);

    assert_eq!(net.check(&txs[2]).code, 32, "the check state starts from the commit again");
    assert_eq!(net.recheck(&txs[1]).code, 0);
    assert_eq!(net.recheck(&txs[2]).code, 0);
    assert_eq!(net.recheck(&txs[2]).code, 0, "asking twice changes nothing");
    assert_eq!(net.check(&payment(&net, 3)).code, 0, "rechecked transactions are pending again");
}

#[test]
fn pending_fees_are_reserved() {
    let net = Net::new();
    let expensive = |sequence| {
        net.tx("alice").fee(FUNDS / 2 + 1).msg(&send(&addr("alice"), &addr("bob"), 1)).sequence(sequence).sign()
    };
    assert_eq!(net.check(&expensive(0)).code, 0);
    assert_eq!(net.check(&expensive(1)).code, 5);
}

#[test]
fn recheck_of_untouched_senders_verifies_and_checks_nothing_again() {
    let mut net = Net::new();
    let waiting = payment(&net, 0);
    let other = net.tx("bob").msg(&send(&addr("bob"), &addr("carol"), 1)).sign();
    let accepted = net.check(&waiting);
    assert_eq!(accepted.code, 0);
    net.block(vec![other]);
    let verified = net.reader.verifications();
    assert_eq!(net.recheck(&waiting), accepted);
    assert_eq!(net.reader.verifications(), verified);
    assert_eq!(net.check(&payment(&net, 1)).code, 0);
}

#[test]
fn recheck_drops_what_a_block_made_invalid() {
    let mut net = Net::new();
    let waiting: Vec<Bytes> = (0..2).map(|sequence| payment(&net, sequence)).collect();
    waiting.iter().for_each(|tx| assert_eq!(net.check(tx).code, 0));
    // Another transaction of the same account comes into the block instead.
    let instead = net.tx("alice").msg(&send(&addr("alice"), &addr("carol"), 2)).sign();
    assert_eq!(net.block(vec![instead]).tx_results[0].code, 0);
    assert_eq!(net.recheck(&waiting[0]).code, 32);
    assert_eq!(net.recheck(&waiting[1]).code, 0, "still the account's next one");
}

#[test]
fn recheck_drops_what_follows_a_dropped_transaction() {
    let mut net = Net::new();
    // Two signers: the first transaction depends on bob, the second on alice alone.
    let by = [(By::Key(key("alice")), 0, 0), (By::Key(key("bob")), 1, 0)];
    let both = Draft::new(&by)
        .msg(&send(&addr("alice"), &addr("carol"), 1))
        .msg(&send(&addr("bob"), &addr("carol"), 1))
        .sign();
    let after = payment(&net, 1);
    assert_eq!((net.check(&both).code, net.check(&after).code), (0, 0));
    let bobs = net.tx("bob").msg(&send(&addr("bob"), &addr("carol"), 1)).sign();
    net.block(vec![bobs]);
    assert_eq!(net.recheck(&both).code, 32);
    assert_eq!(net.recheck(&after).code, 32, "alice's sequence is 0 again");
}

#[test]
fn unknown_transaction_can_be_rechecked() {
    let mut net = Net::new();
    net.block(Vec::new());
    assert_eq!(net.recheck(&payment(&net, 0)).code, 0);
    assert_eq!(net.recheck(&payment(&net, 5)).code, 32);
}

#[test]
fn successful_check_reports_gas_and_nothing_else() {
    let net = Net::new();
    let check = net.check(&payment(&net, 0));
    assert_eq!((check.code, check.log.as_str(), check.codespace.as_str()), (0, "", ""));
    assert_eq!(check.gas_wanted.get(), 200_000);
    assert!((30_000..70_000).contains(&check.gas_used.get()), "{}", check.gas_used);
}

/// Changes a draft's transaction into what a client sends for simulation.
fn simulated(draft: &Draft, fee: Fee, mode: i32, signature: Vec<u8>, with_key: bool) -> Vec<u8> {
    let mut auth_info = draft.clone().mode(mode).auth_info();
    auth_info.fee = Some(fee);
    let info: &mut SignerInfo = &mut auth_info.signer_infos[0];
    if !with_key {
        info.public_key = None;
    }
    let raw = TxRaw {
        body_bytes: draft.body.encode_to_vec(),
        auth_info_bytes: auth_info.encode_to_vec(),
        signatures: vec![signature],
    };
    raw.encode_to_vec()
}

#[expect(deprecated, reason = "the field that old clients use")]
fn simulate(net: &Net, tx_bytes: Vec<u8>) -> Result<SimulateResponse, plume_engine::QueryError> {
    net.query(SIMULATE, &SimulateRequest { tx: None, tx_bytes })
}

#[test]
fn every_clients_simulation_is_answered() {
    let mut net = Net::new();
    net.block(Vec::new());
    let draft = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1));
    // CosmJS: an empty signature, no mode, no fee. Keplr: no key, amino, 64 zero bytes. cosmpy and Hermes: as signed.
    let requests = [
        ("CosmJS", simulated(&draft, Fee::default(), 0, Vec::new(), true)),
        ("Keplr", simulated(&draft, draft.fee.clone(), AMINO, vec![0; 64], false)),
        ("cosmpy", simulated(&draft, draft.fee.clone(), DIRECT, Vec::new(), true)),
        ("signed", draft.sign().to_vec()),
    ];
    let (with_fee, without_fee) = (net.clone_run(&draft), net.clone_run(&draft.clone().fee(0)));
    for (client, request) in requests {
        let used = if client == "CosmJS" { without_fee } else { with_fee };
        let response = simulate(&net, request).unwrap_or_else(|e| panic!("{client}: {}", e.log));
        let gas = response.gas_info.unwrap();
        assert_eq!(gas.gas_wanted, u64::MAX, "{client}");
        assert!(gas.gas_used.abs_diff(used) * 10 < used, "{client}: {} for {used}", gas.gas_used);
        let result = response.result.unwrap();
        assert_eq!(result.msg_responses[0].type_url, "/cosmos.bank.v1beta1.MsgSendResponse", "{client}");
        let kinds: Vec<&str> = result.events.iter().map(|event| event.r#type.as_str()).collect();
        assert!(kinds.ends_with(&["message", "coin_spent", "coin_received", "transfer", "message"]), "{client}");
    }
    assert_eq!(net.account(&addr("alice")), Some((0, 0)), "nothing is kept");
    assert_eq!(net.check(&draft.sign()).code, 0);
}

impl Net {
    /// Gas that a transaction uses when it is executed on a chain like this one.
    fn clone_run(&self, draft: &Draft) -> u64 {
        Net::new().run(draft.sign()).gas_used.get()
    }
}

#[test]
fn simulation_that_needs_more_than_a_query_may_use_is_refused_and_says_so() {
    const LIMIT: u64 = 120_000;
    let config = ChainConfig { query_gas_limit: LIMIT, ..ChainConfig::default() };
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::on(config, plume_modules(), Arc::new(MemoryBackend::new()), &document);
    net.block(Vec::new());
    let sends = |count: usize| {
        let draft = net.tx("alice").gas(10_000_000);
        (0..count).fold(draft, |draft, _| draft.msg(&send(&addr("alice"), &addr("bob"), 1))).sign()
    };
    let (little, much) = (sends(1), sends(20));
    let gas = simulate(&net, little.to_vec()).unwrap().gas_info.unwrap();
    assert_eq!(gas.gas_wanted, u64::MAX, "as the SDK says, which has no limit");
    assert!(gas.gas_used < LIMIT);

    let answers = [
        simulate(&net, much.to_vec()).map(drop),
        net.reader.query("/app/simulate", &much, None, false).map(drop),
        net.reader.simulate(&much).map(drop),
    ];
    for answer in answers {
        let e = answer.unwrap_err();
        assert_eq!((e.codespace.as_str(), e.code, e.grpc_code), ("sdk", 6, 8), "{e}");
        let text = "the query needs more work than this node allows (query-gas-limit): out of gas in location: ";
        assert!(e.message.starts_with(text) && e.message.contains("gasWanted: 120000"), "{}", e.message);
    }
    // What pays for its gas is not limited by that of queries.
    let done = net.run(much);
    assert_eq!(done.code, 0, "{}", done.log);
    assert!(done.gas_used.get() > LIMIT);
}

#[test]
fn simulation_checks_sequence_and_funds_and_names_the_gas_used() {
    let mut net = Net::new();
    net.block(Vec::new());
    let draft = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1));
    let failed = simulate(&net, draft.clone().sequence(4).sign().to_vec()).unwrap_err();
    assert_eq!((failed.codespace.as_str(), failed.code, failed.grpc_code), ("sdk", 6, 2));
    assert!(
        failed
            .message
            .starts_with("account sequence mismatch, expected 0, got 4: incorrect account sequence with gas used: '"),
        "{}",
        failed.message
    );
    assert_eq!(failed.log, format!("rpc error: code = Unknown desc = {}: unknown request", failed.message));
    let poor = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), FUNDS + 1));
    let failed = simulate(&net, poor.sign().to_vec()).unwrap_err();
    assert!(failed.message.contains("is smaller than"), "{}", failed.message);
    let empty = simulate(&net, Vec::new()).unwrap_err();
    assert_eq!((empty.grpc_code, empty.message.as_str()), (3, "empty txBytes is not allowed"));
}

#[test]
fn simulation_sees_pending_transactions() {
    let net = Net::new();
    assert_eq!(net.check(&payment(&net, 0)).code, 0);
    assert!(net.reader.simulate(&payment(&net, 0)).is_err());
    assert!(net.reader.simulate(&payment(&net, 1)).is_ok(), "relayers count their own sequences");
}

#[test]
fn many_readers_do_not_disturb_checks() {
    let net = Net::new();
    let mut views = Vec::new();
    for sequence in 0..40 {
        // Each simulation holds on to the state it reads while others are accepted.
        let reader = net.reader.clone();
        let next = payment(&net, sequence);
        views.push(std::thread::spawn(move || reader.simulate(&next).is_ok()));
        assert_eq!(net.check(&payment(&net, sequence)).code, 0, "{sequence}");
    }
    views.into_iter().for_each(|view| {
        view.join().unwrap();
    });
    assert_eq!(net.check(&payment(&net, 40)).code, 0);
}
