//! Consensus parameters through their message and query.

use std::sync::Arc;

use plume_consensus_params::{ConsensusParamsModule, changed_params, init_params, params};
use plume_kit::ModulesBuilder;
use plume_primitives::{Address, Bech32Prefix, module_address};
use plume_proto::cosmos::consensus::v1::{MsgUpdateParams, QueryParamsRequest, QueryParamsResponse};
use plume_proto::google::protobuf::Duration;
use plume_proto::tendermint::types::{
    AbciParams, BlockParams, ConsensusParams, EvidenceParams, ValidatorParams, VersionParams,
};
use plume_testkit::World;
use serde_json::json;

fn genesis_params() -> ConsensusParams {
    ConsensusParams {
        block: Some(BlockParams { max_bytes: 4_194_304, max_gas: 10_000_000 }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: 100_000,
            max_age_duration: Some(Duration { seconds: 172_800, nanos: 0 }),
            max_bytes: 1_048_576,
        }),
        validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".into()] }),
        version: Some(VersionParams { app: 3 }),
        abci: Some(AbciParams { vote_extensions_enable_height: 0 }),
    }
}

fn empty_world() -> World {
    let module = Arc::new(ConsensusParamsModule::new(module_address("gov")));
    World::new(ModulesBuilder::new().with(module).build().unwrap(), &json!({}))
}

fn world() -> World {
    let mut world = empty_world();
    world.hook(|_, ctx| init_params(ctx, &genesis_params())).unwrap();
    world
}

fn text(address: &Address) -> String {
    Bech32Prefix::new("plume").unwrap().account(address)
}

/// An update that changes the block's limits alone.
fn update() -> MsgUpdateParams {
    let now = genesis_params();
    MsgUpdateParams {
        authority: text(&module_address("gov")),
        block: Some(BlockParams { max_bytes: 2_000_000, max_gas: -1 }),
        evidence: now.evidence,
        validator: now.validator,
        abci: None,
    }
}

#[test]
fn authority_replaces_the_parameters_and_the_version_stays() {
    let mut world = world();
    let before = params(&world.read()).unwrap();
    let outcome = world.run(&update());

    assert_eq!(outcome.expect_success().type_url, "/cosmos.consensus.v1.MsgUpdateParamsResponse");
    let expected =
        ConsensusParams { block: Some(BlockParams { max_bytes: 2_000_000, max_gas: -1 }), ..genesis_params() };
    assert_eq!(params(&world.read()).unwrap(), Some(expected.clone()));
    assert_eq!(changed_params(before.as_ref(), &world.read()).unwrap(), Some(expected.clone()));
    assert_eq!(changed_params(Some(&expected), &world.read()).unwrap(), None);
    let [event] = outcome.events.as_slice() else { panic!("{:?}", outcome.events) };
    assert_eq!(event.kind, "update_consensus_params");
    let attributes: Vec<(&str, &str)> = event.attributes.iter().map(|a| (a.key.as_ref(), a.value.as_str())).collect();
    assert_eq!(
        attributes,
        [
            ("authority", update().authority.as_str()),
            (
                "parameters",
                "block:<max_bytes:2000000 max_gas:-1 > evidence:<max_age_num_blocks:100000 \
             max_age_duration:<seconds:172800 > max_bytes:1048576 > validator:<pub_key_types:\"ed25519\" > version:<> "
            ),
        ]
    );

    let answer: QueryParamsResponse = world.query("/cosmos.consensus.v1.Query/Params", &QueryParamsRequest {}).unwrap();
    assert_eq!(answer.params, Some(expected));
    world.assert_invariants();
}

#[test]
fn vote_extensions_are_updated_when_stated() {
    let mut world = world();
    let msg = MsgUpdateParams { abci: Some(AbciParams { vote_extensions_enable_height: 50 }), ..update() };
    world.run(&msg).expect_success();
    let height = |world: &World| params(&world.read()).unwrap().unwrap().abci.unwrap().vote_extensions_enable_height;
    assert_eq!(height(&world), 50);
    world.run(&update()).expect_success();
    assert_eq!(height(&world), 50, "an update that does not speak of them leaves them");

    let past = MsgUpdateParams { abci: Some(AbciParams { vote_extensions_enable_height: 1 }), ..update() };
    assert_eq!(
        world.run(&past).expect_failure(),
        (
            "undefined",
            1,
            "vote extensions cannot be updated to a past or current height, enable height: 1, current height 1"
        )
    );
}

#[test]
fn update_is_refused_for_each_reason() {
    let mut world = world();
    let before = world.records();
    let gov = text(&module_address("gov"));
    let cases: [(MsgUpdateParams, (&str, u32, String)); 6] = [
        (
            MsgUpdateParams { authority: "nobody".into(), ..update() },
            (
                "gov",
                13,
                format!(
                    "invalid authority; expected {gov}, got nobody: expected gov account as only signer for proposal \
                     message"
                ),
            ),
        ),
        (MsgUpdateParams { block: None, ..update() }, ("undefined", 1, "all parameters must be present".into())),
        (MsgUpdateParams { evidence: None, ..update() }, ("undefined", 1, "all parameters must be present".into())),
        (MsgUpdateParams { validator: None, ..update() }, ("undefined", 1, "all parameters must be present".into())),
        (
            MsgUpdateParams { block: Some(BlockParams { max_bytes: -10, max_gas: -10 }), ..update() },
            ("undefined", 1, "block.MaxBytes must be -1 or greater than 0. Got -10".into()),
        ),
        (
            MsgUpdateParams { validator: Some(ValidatorParams::default()), ..update() },
            ("undefined", 1, "len(Validator.PubKeyTypes) must be greater than 0".into()),
        ),
    ];
    for (msg, (codespace, code, text)) in cases {
        let outcome = world.run(&msg);
        assert_eq!(outcome.expect_failure(), (codespace, code, text.as_str()));
        assert_eq!((outcome.events, world.records()), (vec![], before.clone()));
    }
}

#[test]
fn parameters_stand_beside_app_state() {
    let world = empty_world();
    assert_eq!(params(&world.read()).unwrap(), None);
    assert_eq!(world.export().unwrap(), json!({ "consensus": null }));

    let module = Arc::new(ConsensusParamsModule::new(module_address("gov")));
    let modules = ModulesBuilder::new().with(module).build().unwrap();
    let refused = World::try_new(modules, &json!({ "consensus": {} })).map(|_| ()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "app_state.consensus: consensus parameters stand in the field consensus_params of the genesis document"
    );

    let mut world = empty_world();
    let none = ConsensusParams::default();
    let refused = world.hook(|_, ctx| init_params(ctx, &none)).unwrap_err();
    assert_eq!(refused.to_string(), "consensus_params: block.MaxBytes cannot be 0");
}

#[test]
fn without_stored_parameters_nothing_can_be_updated() {
    let mut world = empty_world();
    assert_eq!(world.run(&update()).expect_failure().1, 1);
    let answer: Result<QueryParamsResponse, _> =
        world.query("/cosmos.consensus.v1.Query/Params", &QueryParamsRequest {});
    assert!(answer.unwrap_err().message.starts_with("collections: not found"));
}
