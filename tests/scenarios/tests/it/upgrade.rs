//! A binary with a further module takes over at an upgrade height.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Catalogue, Chain, ChainConfig, plume_modules};
use plume_engine::{Executor, Reader};
use plume_kit::{Abort, Ctx, Fatal, Module, ModuleVersions, ReadCtx, Response, ValidatorUpdates};
use plume_primitives::Height;
use plume_state::collections::{Schema, SchemaError};
use plume_state::{KvRead, KvWrite, MemoryBackend, Store};
use plume_testkit::NoMsgs;
use serde_json::Value;

use crate::support::*;

const STORE: Store = Store::committed("added");
const KEY: &[u8] = b"\x01";

/// Counts blocks in a store that the old binary does not have.
struct Added;

impl Module for Added {
    const NAME: &'static str = "added";
    const VERSION: u32 = 1;
    type Msg = NoMsgs;

    fn schema(&self) -> Result<Schema, SchemaError> {
        Ok(Schema::default())
    }

    fn execute(&self, _: &mut Ctx<'_>, msg: NoMsgs) -> Result<Response, Abort> {
        match msg {}
    }

    fn init_genesis(&self, ctx: &mut Ctx<'_>, _: Value) -> Result<ValidatorUpdates, Fatal> {
        ctx.set(STORE, KEY, Bytes::from_static(&[100])).map_err(|e| Fatal::new(e.to_string()))?;
        Ok(ValidatorUpdates::new())
    }

    fn export_genesis(&self, _: &ReadCtx) -> Result<Value, Fatal> {
        Ok(Value::Null)
    }

    fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        let broken = |e: plume_state::StateError| Fatal::new(e.to_string());
        if let Some(count) = ctx.get(STORE, KEY).map_err(broken)? {
            ctx.set(STORE, KEY, Bytes::from(vec![count[0] + 1])).map_err(broken)?;
        }
        Ok(ValidatorUpdates::new())
    }
}

fn new_binary() -> Catalogue {
    plume_modules().with(Added).with_upgrade(Height(4))
}

#[test]
fn store_and_state_of_a_new_module_begin_at_the_upgrade_height() {
    let backend = MemoryBackend::new();
    let document = genesis(&app_state(&standard_accounts()));
    let mut old = Net::on(ChainConfig::default(), plume_modules(), Arc::new(backend.clone()), &document);
    old.block(vec![]);
    let pay = old.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 5)).sign();
    old.block(vec![pay]);
    old.chain.drain().unwrap();
    let at_two = old.reader.info();
    let third = old.blocks.clone().next(vec![]);

    let mut chain = Chain::open_with(ChainConfig::default(), Arc::new(backend), new_binary()).unwrap();
    assert_eq!(chain.reader().info(), at_two, "a new binary stands where the old one stood");
    let mut blocks = old.blocks.clone();
    let mut run = |chain: &mut Chain| {
        let outcome = chain.finalize(&blocks.next(vec![])).unwrap();
        chain.commit().unwrap();
        outcome.app_hash
    };
    let before = run(&mut chain);
    assert_eq!(old.chain.finalize(&third).unwrap().app_hash, before, "nothing changes before the height");
    let key_path = "/store/added/key";
    assert!(chain.reader().query(key_path, KEY, None, true).is_err(), "the store does not exist yet");

    let after = run(&mut chain);
    assert_ne!(after, before);
    let answer = chain.reader().query(key_path, KEY, None, true).unwrap();
    assert_eq!((answer.value.as_ref(), answer.proof.len()), ([101].as_slice(), 2));
    let ctx = chain.reader().state_at(None).unwrap();
    assert_eq!(ModuleVersions::get(&ctx, "added").unwrap(), Some(1));
    assert_eq!(ModuleVersions::get(&ctx, "bank").unwrap(), Some(u64::from(<plume_bank::Bank as Module>::VERSION)));
    run(&mut chain);
    assert_eq!(chain.reader().query(key_path, KEY, None, false).unwrap().value.as_ref(), [102]);
}
