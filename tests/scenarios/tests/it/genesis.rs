//! Genesis documents: what is refused, what they make, and export.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, plume_modules};
use plume_engine::{Executor, Genesis, Reader, ValidatorKey, ValidatorUpdate};
use plume_kit::{Abort, Ctx, Fatal, Module, ReadCtx, Response, ValidatorUpdates};
use plume_primitives::{Height, module_address};
use plume_proto::any;
use plume_proto::cosmos::consensus::v1::{MsgUpdateParams, QueryParamsRequest, QueryParamsResponse};
use plume_state::MemoryBackend;
use plume_state::collections::{Schema, SchemaError};
use plume_testkit::{NoMsgs, ScheduledValidators};
use serde_json::{Value, json};

use crate::support::*;

fn refusal(genesis: Genesis) -> String {
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).unwrap();
    let refusal = chain.init_chain(genesis).unwrap_err().to_string();
    assert_eq!(chain.reader().info().height, Height(0));
    refusal
}

fn with_state(edit: impl FnOnce(&mut Value)) -> Genesis {
    let mut state = app_state(&standard_accounts());
    edit(&mut state);
    genesis(&state)
}

#[test]
fn unknown_fields_are_refused_with_their_place() {
    let text = refusal(with_state(|state| state["staking"] = json!({})));
    assert_eq!(text, "app_state.staking belongs to no module of this chain; it has auth, bank, consensus, plume");
    let text = refusal(with_state(|state| state["bank"]["typo"] = json!(1)));
    assert!(text.starts_with("app_state.bank") && text.contains("typo"), "{text}");
    let text = refusal(with_state(|state| state["plume"]["params"]["policies"]["alow"] = json!(true)));
    assert!(text.starts_with("app_state.plume") && text.contains("alow"), "{text}");
}

#[test]
fn malformed_documents_are_refused() {
    assert!(refusal(Genesis { app_state: Bytes::from_static(b"[]"), ..genesis(&json!({})) }).contains("app_state"));
    assert!(refusal(Genesis { chain_id: "x".repeat(51), ..genesis(&json!({})) }).contains("51 bytes"));
    assert!(refusal(Genesis { initial_height: Height(0), ..genesis(&json!({})) }).contains("initial_height"));
    let mut bad_params = genesis(&json!({}));
    bad_params.consensus_params.block.as_mut().unwrap().max_bytes = 0;
    assert!(refusal(bad_params).contains("block.MaxBytes"));
    let supply = with_state(|state| state["bank"]["supply"] = json!([{"denom": DENOM, "amount": "1"}]));
    assert!(refusal(supply).starts_with("app_state.bank"));
}

#[test]
fn chain_stays_at_height_zero_until_a_block_is_committed() {
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).unwrap();
    assert_eq!(chain.reader().check_tx(&Bytes::from_static(b"x"), plume_engine::CheckKind::New).code, 1);
    assert!(chain.finalize(&plume_engine::Block { height: Height(1), ..Default::default() }).is_err());

    let document = Genesis { initial_height: Height(500), ..with_state(|_| ()) };
    let mut net = Net::with_genesis(&document);
    let info = net.reader.info();
    assert_eq!((info.height, info.app_hash.len(), net.init.app_hash.len()), (Height(0), 0, 32));
    let query = net.reader.query("/cosmos.bank.v1beta1.Query/Params", &[], None, false).unwrap_err();
    assert_eq!(
        (query.code, query.log.as_str()),
        (26, "plume is not ready; please wait for first block: invalid height")
    );
    let early = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(net.check(&early).code, 0, "transactions may wait for the first block");
    let outcome = net.block(vec![early]);
    assert_eq!(outcome.tx_results[0].code, 0, "{}", outcome.tx_results[0].log);
    assert_eq!(net.reader.info().height, Height(500));
    assert!(net.chain.init_chain(document).is_err(), "too late for another genesis");
}

#[test]
fn genesis_may_come_again_and_starts_from_empty() {
    let other = with_state(|state| {
        state["bank"]["balances"][0]["coins"][0]["amount"] = json!("5");
    });
    let expected = Net::with_genesis(&other).init;
    let mut net = Net::new();
    assert_ne!(net.init, expected);
    assert_eq!(net.chain.init_chain(other).unwrap(), expected);
    net.block(Vec::new());
    let supply: u128 = NAMES.iter().map(|name| net.balance(&addr(name))).sum();
    assert_eq!(supply % FUNDS, 5, "nothing of the first genesis is left");
}

#[test]
fn app_state_may_be_left_out() {
    let mut net = Net::with_genesis(&Genesis { app_state: Bytes::new(), ..genesis(&json!({})) });
    net.block(Vec::new());
    assert_eq!(net.reader.chain_info().unwrap().prefix.as_str(), "plume");
    net.reader.verify_state(None).unwrap();
}

#[test]
fn prefix_is_a_genesis_parameter() {
    let document = Genesis {
        app_state: Bytes::from(json!({"plume": {"params": {"bech32_prefix": "acme"}}}).to_string()),
        ..genesis(&json!({}))
    };
    let mut net = Net::with_genesis(&document);
    net.block(Vec::new());
    let info = net.reader.chain_info().unwrap();
    assert!(info.prefix.account(&key("alice").address()).starts_with("acme1"));
    let path = "/cosmos.auth.v1beta1.Query/Bech32Prefix";
    let answer: plume_proto::cosmos::auth::v1beta1::Bech32PrefixResponse =
        net.query(path, &plume_proto::cosmos::auth::v1beta1::Bech32PrefixRequest {}).unwrap();
    assert_eq!(answer.bech32_prefix, "acme");
}

#[test]
fn export_imports_to_the_same_app_hash() {
    let mut net = Net::new();
    let multi = multisig(2, &NAMES[..3]);
    let by = By::Multi(multi.clone(), vec![(0, key("alice")), (1, key("bob"))]);
    let from_multi = Draft::new(&[(by, 4, 0)]).msg(&send(&text(&multi.address()), &addr("bob"), 1)).sign();
    let txs = vec![
        net.tx("alice").msg(&send(&addr("alice"), &addr("newcomer"), 12)).sign(),
        net.tx("bob").msg(&multi_send(&addr("bob"), &[(&addr("x"), 1), (&addr("y"), 2)])).sign(),
        from_multi,
    ];
    let outcome = net.block(txs);
    assert!(outcome.tx_results.iter().all(|result| result.code == 0));
    let before = net.block(Vec::new());
    let later = net.tx("dave").msg(&send(&addr("dave"), &addr("alice"), 1)).sign();
    assert_ne!(net.block(vec![later]).app_hash, before.app_hash);

    for (height, app_hash) in [(Some(Height(2)), before.app_hash), (None, net.reader.info().app_hash)] {
        let export = net.reader.export(height).unwrap();
        let mut copy = Net::with_genesis(&export);
        assert_eq!(copy.init.app_hash, app_hash);
        copy.block(Vec::new());
        assert_eq!(copy.reader.info().height, export.initial_height);
        copy.reader.verify_state(None).unwrap();
        assert_eq!(copy.reader.export(None).unwrap().app_state, export.app_state);
        let tx = copy.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
        assert_eq!(copy.run(tx).code, 0, "keys, numbers and sequences have come along");
    }
}

#[test]
fn validators_join_and_leave_and_are_exported() {
    let schedule = ScheduledValidators::new().at(2, [8; 32], 5).at(3, [7; 32], 0);
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::with(ChainConfig::default(), plume_modules().with(schedule), &document);
    assert_eq!(net.init.validators, [], "those of the document stand");
    let updates: Vec<Vec<ValidatorUpdate>> = (0..3).map(|_| net.block(Vec::new()).validator_updates).collect();
    let update = |key, power| ValidatorUpdate { key: ValidatorKey::Ed25519([key; 32]), power };
    assert_eq!(updates, [vec![], vec![update(8, 5)], vec![update(7, 0)]]);
    assert_eq!(net.reader.export(None).unwrap().validators, [update(8, 5)]);
    assert_eq!(net.reader.export(Some(Height(2))).unwrap().validators, [update(7, 10), update(8, 5)]);
}

/// Changes the block parameters at the end of block 2, by the authority of gov.
struct Governor;

impl Module for Governor {
    const NAME: &'static str = "governor";
    const VERSION: u32 = 1;
    type Msg = NoMsgs;

    fn stores(&self) -> Vec<plume_state::Store> {
        Vec::new()
    }

    fn schema(&self) -> Result<Schema, SchemaError> {
        Ok(Schema::default())
    }

    fn execute(&self, _: &mut Ctx<'_>, msg: NoMsgs) -> Result<Response, Abort> {
        match msg {}
    }

    fn init_genesis(&self, _: &mut Ctx<'_>, _: Value) -> Result<ValidatorUpdates, Fatal> {
        Ok(Vec::new())
    }

    fn export_genesis(&self, _: &ReadCtx) -> Result<Value, Fatal> {
        Ok(Value::Null)
    }

    fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        if ctx.block().height == Height(2) {
            let gov = module_address("gov");
            let params = consensus_params(150_000);
            let update = any(&MsgUpdateParams {
                authority: ctx.chain().prefix.account(&gov),
                block: params.block,
                evidence: params.evidence,
                validator: params.validator,
                abci: None,
            });
            ctx.dispatch(&update.type_url, &update.value, &gov).map_err(|e| e.unexpected("governor"))?;
        }
        Ok(Vec::new())
    }
}

#[test]
fn changed_consensus_params_reach_the_engine_and_act_in_the_next_block() {
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::with(ChainConfig::default(), plume_modules().with(Governor), &document);
    assert_eq!(net.init.consensus_params, Some(consensus_params(-1)));
    let pay = |net: &Net| net.tx("alice").gas(150_001).msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    assert_eq!(net.block(Vec::new()).consensus_params, None);
    let waiting = pay(&net);
    assert_eq!(net.check(&waiting).code, 0);
    let outcome = net.block(Vec::new());
    assert_eq!(outcome.consensus_params.unwrap().block.unwrap().max_gas, 150_000);
    assert_eq!(net.recheck(&waiting).code, 41, "every transaction is checked again");
    assert_eq!(net.check(&pay(&net)).code, 41);
    assert_eq!(net.run(pay(&net)).code, 41);
    let answer: QueryParamsResponse = net.query("/cosmos.consensus.v1.Query/Params", &QueryParamsRequest {}).unwrap();
    assert_eq!(answer.params.unwrap().block.unwrap().max_gas, 150_000);
    let exported = net.reader.export(None).unwrap();
    assert_eq!(exported.consensus_params.block.unwrap().max_gas, 150_000);
}
