use plume_interfaces::{Accounts, AuthParams};
use plume_primitives::module_address;
use plume_proto::cosmos::auth::v1beta1::{MsgUpdateParams, Params};
use serde_json::Value;

use crate::world::{address, text, world};

fn params() -> Params {
    Params {
        max_memo_characters: 100,
        tx_sig_limit: 3,
        tx_size_cost_per_byte: 5,
        sig_verify_cost_ed25519: 6,
        sig_verify_cost_secp256k1: 7,
    }
}

#[test]
fn authority_replaces_the_parameters() {
    let (mut world, auth) = world(Value::Null);
    let defaults = AuthParams {
        max_memo_characters: 256,
        tx_sig_limit: 7,
        tx_size_cost_per_byte: 10,
        sig_verify_cost_ed25519: 590,
        sig_verify_cost_secp256k1: 1000,
    };
    assert_eq!(auth.params(&world.read()).unwrap(), defaults);

    let msg = MsgUpdateParams { authority: text(&module_address("gov")), params: Some(params()) };
    let outcome = world.run(&msg);
    assert_eq!(outcome.expect_success().type_url, "/cosmos.auth.v1beta1.MsgUpdateParamsResponse");
    assert_eq!(outcome.events, []);
    let expected = AuthParams {
        max_memo_characters: 100,
        tx_sig_limit: 3,
        tx_size_cost_per_byte: 5,
        sig_verify_cost_ed25519: 6,
        sig_verify_cost_secp256k1: 7,
    };
    assert_eq!(auth.params(&world.read()).unwrap(), expected);
}

#[test]
fn others_and_zeros_are_refused() {
    let (mut world, _) = world(Value::Null);
    let before = world.records();
    let gov = text(&module_address("gov"));
    let alice = text(&address(1));

    let stranger = MsgUpdateParams { authority: alice.clone(), params: Some(params()) };
    let expected = format!(
        "expected gov account as only signer for proposal message; invalid authority; expected {gov}, got {alice}"
    );
    assert_eq!(world.run(&stranger).expect_failure(), ("undefined", 1, expected.as_str()));
    let zero = MsgUpdateParams { authority: gov.clone(), params: Some(Params { max_memo_characters: 0, ..params() }) };
    assert_eq!(world.run(&zero).expect_failure(), ("undefined", 1, "invalid max memo characters: 0"));
    let absent = MsgUpdateParams { authority: gov, params: None };
    assert_eq!(world.run(&absent).expect_failure(), ("undefined", 1, "invalid tx signature limit: 0"));
    assert_eq!(world.records(), before);
}
