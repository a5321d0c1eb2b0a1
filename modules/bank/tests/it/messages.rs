use plume_bank::Bank;
use plume_primitives::module_address;
use plume_proto::cosmos::bank::v1beta1::{
    MsgMultiSend, MsgSend, MsgSetSendEnabled, MsgUpdateParams, Params, SendEnabled,
};
use plume_proto::{Message, Name};
use plume_testkit::World;

use crate::world::{address, denom, held, multi_send, send, show, supply, text, wire, world};

/// Runs a message that must fail with this code and text, and checks that it changed nothing.
#[track_caller]
fn refused<T: Message + Name>(world: &mut World, message: &T, expected: (&str, u32, &str)) {
    let before = world.records();
    let outcome = world.run(message);
    assert_eq!(outcome.expect_failure(), expected);
    assert_eq!(outcome.events, []);
    assert_eq!(world.records(), before);
}

#[test]
fn send_moves_coins_and_creates_the_recipients_account() {
    let (alice, bob) = (address(1), address(2));
    let (mut world, bank) = world(&[(&alice, "10alpha,20beta")]);

    let outcome = world.run(&send(&alice, &bob, "10alpha,5beta"));

    assert_eq!(outcome.expect_success().type_url, "/cosmos.bank.v1beta1.MsgSendResponse");
    assert_eq!((held(&world, &bank, &alice), held(&world, &bank, &bob)), ("15beta".into(), "10alpha,5beta".into()));
    let (a, b) = (text(&alice), text(&bob));
    assert_eq!(
        show(&outcome.events),
        [
            format!("coin_spent{{spender={a},amount=10alpha,5beta}}"),
            format!("coin_received{{receiver={b},amount=10alpha,5beta}}"),
            format!("transfer{{recipient={b},sender={a},amount=10alpha,5beta}}"),
            format!("message{{sender={a}}}"),
        ]
    );
    // The fee collector has number 0, the recipient gets the next one.
    let stored = &world.records()[&("acc.numbers".to_owned(), b"accountNumber\0\0\0\0\0\0\0\x01".to_vec())];
    assert_eq!(stored, bob.as_bytes());
    world.assert_invariants();
}

#[test]
fn send_to_oneself_changes_no_balance() {
    let alice = address(1);
    let (mut world, bank) = world(&[(&alice, "10alpha")]);
    world.run(&send(&alice, &alice, "10alpha")).expect_success();
    assert_eq!(held(&world, &bank, &alice), "10alpha");
    world.assert_invariants();
}

#[test]
fn send_is_refused_for_each_reason() {
    let (alice, bob) = (address(1), address(2));
    let (mut world, _) = world(&[(&alice, "10alpha,20beta,5frozen")]);
    let good = send(&alice, &bob, "1alpha");

    let with = |change: fn(&mut MsgSend)| {
        let mut msg = good.clone();
        change(&mut msg);
        msg
    };
    let cases = [
        (
            with(|m| m.from_address = "nobody".into()),
            ("sdk", 7, "invalid from address: decoding bech32 failed: invalid bech32 string length 6: invalid address"),
        ),
        (
            with(|m| m.to_address.clear()),
            ("sdk", 7, "invalid to address: empty address string is not allowed: invalid address"),
        ),
        (with(|m| m.amount.clear()), ("sdk", 10, ": invalid coins")),
        (with(|m| m.amount = wire("0alpha")), ("sdk", 10, "0alpha: invalid coins")),
        (with(|m| m.amount = wire("2beta,1alpha")), ("sdk", 10, "2beta,1alpha: invalid coins")),
        (with(|m| m.amount = wire("1alpha,1alpha")), ("sdk", 10, "1alpha,1alpha: invalid coins")),
        (with(|m| m.amount = wire("1ab")), ("sdk", 10, "1ab: invalid coins")),
        (
            with(|m| m.amount = wire("340282366920938463463374607431768211456alpha")),
            (
                "sdk",
                10,
                "amount 340282366920938463463374607431768211456 is too large: the largest is \
                 340282366920938463463374607431768211455: invalid coins",
            ),
        ),
        (
            with(|m| m.amount = wire("1xalpha")),
            ("sdk", 5, "spendable balance 0xalpha is smaller than 1xalpha: insufficient funds"),
        ),
        (
            with(|m| m.amount = wire("1frozen")),
            ("bank", 5, "frozen transfers are currently disabled: send transactions are disabled"),
        ),
        (
            with(|m| m.amount = wire("1alpha,21beta")),
            ("sdk", 5, "spendable balance 20beta is smaller than 21beta: insufficient funds"),
        ),
    ];
    for (msg, expected) in cases {
        refused(&mut world, &msg, expected);
    }
    let blocked = text(&module_address("fee_collector"));
    let msg = MsgSend { to_address: blocked.clone(), ..good };
    refused(&mut world, &msg, ("sdk", 4, &format!("{blocked} is not allowed to receive funds: unauthorized")));
}

#[test]
fn amount_that_is_no_integer_is_refused_before_the_fee() {
    let alice = address(1);
    let (mut world, _) = world(&[(&alice, "10alpha")]);
    let mut msg = send(&alice, &alice, "1alpha");
    msg.amount[0].amount = "one".into();
    refused(&mut world, &msg, ("sdk", 2, "\"one\" is not an integer of 256 bits: tx parse error"));
}

#[test]
fn multi_send_pays_all_outputs() {
    let (alice, bob, carol) = (address(1), address(2), address(3));
    let (mut world, bank) = world(&[(&alice, "10alpha,3beta")]);

    let outcome =
        world.run(&multi_send(&alice, "8alpha,3beta", &[(&bob, "5alpha"), (&carol, "2alpha,3beta"), (&bob, "1alpha")]));

    assert_eq!(outcome.expect_success().type_url, "/cosmos.bank.v1beta1.MsgMultiSendResponse");
    let balances = [&alice, &bob, &carol].map(|who| held(&world, &bank, who));
    assert_eq!(balances, ["2alpha", "6alpha", "2alpha,3beta"]);
    let (a, b, c) = (text(&alice), text(&bob), text(&carol));
    assert_eq!(
        show(&outcome.events),
        [
            format!("coin_spent{{spender={a},amount=8alpha,3beta}}"),
            format!("message{{sender={a}}}"),
            format!("coin_received{{receiver={b},amount=5alpha}}"),
            format!("transfer{{recipient={b},sender={a},amount=5alpha}}"),
            format!("coin_received{{receiver={c},amount=2alpha,3beta}}"),
            format!("transfer{{recipient={c},sender={a},amount=2alpha,3beta}}"),
            format!("coin_received{{receiver={b},amount=1alpha}}"),
            format!("transfer{{recipient={b},sender={a},amount=1alpha}}"),
        ]
    );
    world.assert_invariants();
}

#[test]
fn multi_send_is_refused_for_each_reason() {
    let (alice, bob) = (address(1), address(2));
    let (mut world, _) = world(&[(&alice, "10alpha,5frozen")]);
    let good = multi_send(&alice, "3alpha", &[(&bob, "3alpha")]);

    let with = |change: fn(&mut MsgMultiSend)| {
        let mut msg = good.clone();
        change(&mut msg);
        msg
    };
    let cases = [
        (with(|m| m.inputs.clear()), ("bank", 2, "no inputs to send transaction")),
        (with(|m| m.inputs.push(m.inputs[0].clone())), ("bank", 9, "multiple senders not allowed")),
        (with(|m| m.outputs.clear()), ("bank", 3, "no outputs to send transaction")),
        (with(|m| m.outputs[0].coins = wire("2alpha")), ("bank", 4, "sum inputs != sum outputs")),
        (with(|m| m.outputs.push(m.outputs[0].clone())), ("bank", 4, "sum inputs != sum outputs")),
        (with(|m| m.outputs[0].coins = wire("0alpha")), ("sdk", 10, "0alpha: invalid coins")),
        (with(|m| m.inputs[0].coins = wire("1ab")), ("sdk", 10, "1ab: invalid coins")),
        (
            with(|m| m.inputs[0].address.clear()),
            ("sdk", 7, "invalid input address: empty address string is not allowed: invalid address"),
        ),
        (
            with(|m| m.outputs[0].address.clear()),
            ("sdk", 7, "invalid output address: empty address string is not allowed: invalid address"),
        ),
        (
            with(|m| {
                m.inputs[0].coins = wire("1frozen");
                m.outputs[0].coins = wire("1frozen");
            }),
            ("bank", 5, "frozen transfers are currently disabled: send transactions are disabled"),
        ),
        (
            with(|m| {
                m.inputs[0].coins = wire("11alpha");
                m.outputs[0].coins = wire("11alpha");
            }),
            ("sdk", 5, "spendable balance 10alpha is smaller than 11alpha: insufficient funds"),
        ),
        (
            // Two outputs whose sum would be the input modulo 2^128.
            with(|m| {
                m.outputs[0].coins = wire("340282366920938463463374607431768211455alpha");
                m.outputs.push(m.outputs[0].clone());
                m.outputs[1].coins = wire("4alpha");
            }),
            ("bank", 4, "sum inputs != sum outputs"),
        ),
    ];
    for (msg, expected) in cases {
        refused(&mut world, &msg, expected);
    }
    let blocked = text(&module_address("mint"));
    let mut msg = good;
    msg.outputs[0].address.clone_from(&blocked);
    refused(&mut world, &msg, ("sdk", 4, &format!("{blocked} is not allowed to receive funds: unauthorized")));
}

fn gov() -> String {
    text(&module_address("gov"))
}

#[test]
fn authority_switches_denominations_on_and_off() {
    let (alice, bob) = (address(1), address(2));
    let (mut world, bank) = world(&[(&alice, "10alpha,5frozen")]);
    let set = |entries: &[(&str, bool)], defaults: &[&str]| MsgSetSendEnabled {
        authority: gov(),
        send_enabled: entries.iter().map(|(denom, on)| SendEnabled { denom: (*denom).into(), enabled: *on }).collect(),
        use_default_for: defaults.iter().map(|denom| (*denom).into()).collect(),
    };

    let outcome = world.run(&set(&[("alpha", false), ("frozen", true)], &[]));
    assert_eq!(outcome.expect_success().type_url, "/cosmos.bank.v1beta1.MsgSetSendEnabledResponse");
    assert_eq!(outcome.events, []);
    world.run(&send(&alice, &bob, "1frozen")).expect_success();
    assert_eq!(world.run(&send(&alice, &bob, "1alpha")).expect_failure().1, 5);

    world.run(&set(&[], &["alpha"])).expect_success();
    world.run(&send(&alice, &bob, "1alpha")).expect_success();
    assert_eq!(held(&world, &bank, &bob), "1alpha,1frozen");

    let stranger = MsgSetSendEnabled { authority: text(&alice), ..set(&[], &[]) };
    let gov = gov();
    refused(
        &mut world,
        &stranger,
        (
            "gov",
            13,
            &format!(
                "invalid authority; expected {gov}, got {}: expected gov account as only signer for proposal message",
                text(&alice)
            ),
        ),
    );
    refused(
        &mut world,
        &set(&[("alpha", true), ("alpha", false)], &[]),
        ("sdk", 18, "duplicate denom entries found for \"alpha\": invalid request"),
    );
    refused(
        &mut world,
        &set(&[("x", true)], &[]),
        ("sdk", 18, "invalid SendEnabled denom \"x\": invalid denom: x: invalid request"),
    );
    refused(
        &mut world,
        &set(&[], &["x"]),
        ("sdk", 18, "invalid UseDefaultFor denom \"x\": invalid denom: x: invalid request"),
    );
}

#[test]
#[expect(deprecated, reason = "the field is set in order to see it refused")]
fn authority_changes_the_default() {
    let (alice, bob) = (address(1), address(2));
    let (mut world, _) = world(&[(&alice, "10alpha,5frozen")]);
    let update = |authority: String, default_send_enabled| MsgUpdateParams {
        authority,
        params: Some(Params { default_send_enabled, ..Params::default() }),
    };

    let outcome = world.run(&update(gov(), false));
    assert_eq!(outcome.expect_success().type_url, "/cosmos.bank.v1beta1.MsgUpdateParamsResponse");
    refused(
        &mut world,
        &send(&alice, &bob, "1alpha"),
        ("bank", 5, "alpha transfers are currently disabled: send transactions are disabled"),
    );
    // Off is a value like any other: one byte that is no protobuf.
    assert_eq!(world.records()[&("bank".to_owned(), vec![5])], [0]);

    let mut old = update(gov(), true);
    old.params.as_mut().unwrap().send_enabled.push(SendEnabled { denom: "alpha".into(), enabled: true });
    refused(&mut world, &old, ("undefined", 1, "use of send_enabled in params is no longer supported"));
    assert_eq!(world.run(&update(text(&alice), true)).expect_failure().0, "gov");
}

#[test]
fn largest_amount_can_be_held_and_moved() {
    let (alice, bob) = (address(1), address(2));
    let max = "340282366920938463463374607431768211455alpha";
    let (mut world, bank) = world(&[(&alice, max)]);
    world.run(&send(&alice, &bob, max)).expect_success();
    assert_eq!(held(&world, &bank, &bob), max);
    assert_eq!(supply(&world, &bank, "alpha"), plume_primitives::Amount::MAX);
    assert_eq!(
        plume_interfaces::Bank::balance(&*bank as &Bank, &world.read(), &alice, &denom("alpha")).unwrap(),
        plume_primitives::Amount::ZERO
    );
}
