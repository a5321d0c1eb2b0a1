//! What runs around transactions: block hooks, the stage after messages, transfer hooks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use plume_bank::BankConfig;
use plume_chain::{ChainConfig, plume_bank, plume_modules, plume_modules_with};
use plume_engine::{Executor, Verdict};
use plume_interfaces::{Transfer, TransferHook, TransferVerdict};
use plume_kit::{Abort, Ctx, Event, Fatal, Module, ReadCtx, Response, TxError, ValidatorUpdates, sdk};
use plume_primitives::Height;
use plume_state::collections::{Item, Schema, SchemaError, U64Be};
use plume_state::{Direction, KvRead, Store};
use plume_testkit::NoMsgs;
use serde_json::Value;

use crate::support::*;

const WITNESS: Store = Store::committed("witness");
/// Transactions that executed their messages, failed or not.
const SEEN: Item<u64, U64Be> = Item::new(WITNESS, b"seen");

/// Shows itself in every hook, counts transactions after their messages, and misbehaves at one height if told to.
#[derive(Default)]
struct Witness {
    refuses_at: Option<u64>,
    panics_at: Option<u64>,
}

impl Witness {
    fn show(ctx: &mut Ctx<'_>, what: &str) {
        ctx.emit(Event::new("witness").with("hook", what));
    }
}

impl Module for Witness {
    const NAME: &'static str = "witness";
    const VERSION: u32 = 1;
    type Msg = NoMsgs;

    fn schema(&self) -> Result<Schema, SchemaError> {
        Schema::new(vec![SEEN.schema("seen")])
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

    fn pre_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        Self::show(ctx, "pre");
        Ok(())
    }

    fn begin_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        Self::show(ctx, "begin");
        Ok(())
    }

    fn post_execution(&self, ctx: &mut Ctx<'_>, succeeded: bool) -> Result<(), Abort> {
        let seen = SEEN.get(ctx)?.unwrap_or(0) + 1;
        SEEN.set(ctx, &seen)?;
        Self::show(ctx, if succeeded { "after success" } else { "after failure" });
        if self.refuses_at == Some(ctx.block().height.get()) {
            return Err(TxError::wrap(sdk::LOGIC, "the witness objects").into());
        }
        Ok(())
    }

    fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        Self::show(ctx, "end");
        assert_ne!(self.panics_at, Some(ctx.block().height.get()), "the witness panics");
        Ok(Vec::new())
    }
}

fn watched(witness: Witness) -> Net {
    let document = genesis(&app_state(&standard_accounts()));
    Net::with(ChainConfig::default(), plume_modules().with(witness), &document)
}

fn seen(net: &Net) -> u64 {
    SEEN.get(&net.reader.state_at(None).unwrap()).unwrap().unwrap_or(0)
}

#[test]
fn block_events_come_in_order_and_name_their_hook() {
    let mut net = watched(Witness::default());
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let outcome = net.block(vec![tx]);
    assert_eq!(
        lines(&outcome.events),
        ["witness hook=pre", "witness hook=begin,mode=BeginBlock", "witness hook=end,mode=EndBlock"]
    );
}

#[test]
fn stage_after_messages_stays_when_a_message_fails() {
    let mut net = watched(Witness::default());
    let pay = |amount| net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), amount));
    let (good, bad) = (pay(1), pay(FUNDS * 2).sequence(1));
    let unreadable = net.tx("carol").sequence(9).msg(&send(&addr("carol"), &addr("bob"), 1));
    let results = net.block(vec![good.sign(), bad.sign(), unreadable.sign()]).tx_results;

    assert_eq!(results.iter().map(|r| r.code).collect::<Vec<_>>(), [0, 5, 32]);
    assert_eq!(lines(&results[0].events).last().unwrap(), "witness hook=after success");
    assert_eq!(results[1].events.len(), 8, "the checks' events and its own");
    assert_eq!(lines(&results[1].events).last().unwrap(), "witness hook=after failure");
    assert!(results[2].events.is_empty(), "messages never ran");
    assert_eq!(seen(&net), 2);
    assert_eq!(net.balance(&addr("bob")), FUNDS + 1);
}

#[test]
fn failure_of_that_stage_fails_the_transaction() {
    let mut net = watched(Witness { refuses_at: Some(1), ..Witness::default() });
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let result = net.run(tx);
    assert_eq!((result.code, result.log.as_str()), (35, "the witness objects: internal logic error"));
    assert_eq!((result.events.len(), result.data.len()), (7, 0));
    assert_eq!(net.balance(&addr("bob")), FUNDS, "the message is undone");
    assert_eq!(net.balance(&addr("alice")), FUNDS - 2_000, "the fee is not");
    assert_eq!(seen(&net), 0);
}

#[test]
fn panic_in_a_block_hook_stops_the_node() {
    let mut net = watched(Witness { panics_at: Some(2), ..Witness::default() });
    net.block(Vec::new());
    let block = net.blocks.next(Vec::new());
    let stopped = catch_unwind(AssertUnwindSafe(|| net.chain.finalize(&block)));
    assert!(stopped.is_err());
    assert!(net.chain.commit().is_err(), "nothing was finalized");
}

/// Refuses every movement.
struct DenyAll;

impl TransferHook for DenyAll {
    fn judge(&self, _: &mut Ctx<'_>, _: &Transfer) -> Result<TransferVerdict, Abort> {
        Ok(TransferVerdict::Refuse(TxError::wrap(sdk::UNAUTHORIZED, "frozen")))
    }
}

/// Every record of the bank.
fn money(net: &Net) -> Vec<(Vec<u8>, Vec<u8>)> {
    let state = net.reader.state_at(None).unwrap();
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let records = state.range(Store::committed("bank"), all.0, all.1, Direction::Ascending).unwrap();
    records.map(|record| record.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
}

#[test]
fn with_a_deny_all_hook_no_balance_changes_in_any_way() {
    let bank = BankConfig { hooks: vec![Arc::new(DenyAll)], ..plume_bank() };
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::with(ChainConfig::default(), plume_modules_with(bank), &document);
    net.block(Vec::new());
    let before = money(&net);
    let (alice, bob) = (addr("alice"), addr("bob"));

    let with_fee = net.tx("alice").msg(&send(&alice, &bob, 1)).sign();
    let check = net.check(&with_fee);
    assert_eq!((check.code, check.log.as_str()), (5, "frozen: unauthorized: insufficient funds"));
    let proposal = net.blocks.clone().proposal(vec![with_fee.clone()]);
    assert!(matches!(net.chain.process(&proposal).unwrap(), Verdict::Reject(_)));
    assert_eq!(net.run(with_fee).code, 5);

    let sent = net.run(net.tx("alice").fee(0).msg(&send(&alice, &bob, 1)).sign());
    assert_eq!(
        (sent.code, sent.log.as_str()),
        (4, "failed to execute message; message index: 0: frozen: unauthorized")
    );
    let many = net.run(net.tx("alice").fee(0).msg(&multi_send(&alice, &[(&bob, 1), (&addr("x"), 2)])).sign());
    assert_eq!(many.code, 4);
    assert_eq!(money(&net), before);
    assert_eq!(net.account(&addr("x")), None, "nor does an account come into being");
    assert_eq!(net.reader.state_at(None).unwrap().height(), Height(4));
}
