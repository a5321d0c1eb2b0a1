use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use core::ops::Bound;
use plume_kit::{
    Abort, Ctx, Event, GasMeter, GrpcCode, MAX_DISPATCH_DEPTH, ModuleVersions, Modules, ModulesBuilder, Observation,
    Observer, Response, TxError, sdk,
};
use plume_primitives::{Gas, Height};
use plume_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};
use plume_state::{Direction, KvRead, KvWrite};
use plume_testkit::World;
use serde_json::json;

use crate::toy::{KEY, STORE, Toy, address, message};

fn modules() -> Modules {
    ModulesBuilder::new().with(Arc::new(Toy)).build().unwrap()
}

fn world() -> World {
    World::new(modules(), &json!({}))
}

/// The texts of addresses 1 and 2.
fn texts(world: &World) -> (String, String) {
    (world.chain().prefix.account(&address(1)), world.chain().prefix.account(&address(2)))
}

#[test]
fn store_access_costs_what_the_sdk_charges() {
    let mut world = world();
    let (one, two) = texts(&world);
    // 2000 + 30 * (2 + 5) for the write of a 2-byte key and a 5-byte value.
    assert_eq!(world.run(&message("write", &one, &two)).gas_used, Gas(2210));
    // 1000 + 3 * (2 + 5).
    assert_eq!(world.run(&message("read", &one, &two)).gas_used, Gas(1021));
}

#[test]
fn iterator_costs_each_entry_and_its_end() {
    let mut world = world();
    let outcome = world.execute(GasMeter::unlimited(), None, |ctx| {
        ctx.set(STORE, b"\x01a", Bytes::from_static(b"12"))?;
        ctx.set(STORE, b"\x01b", Bytes::from_static(b"1234"))?;
        let before = ctx.gas().used();
        let all: Result<Vec<_>, _> =
            ctx.range(STORE, Bound::Unbounded, Bound::Unbounded, Direction::Ascending)?.collect();
        assert_eq!(all?.len(), 2);
        // Two entries: 30 + 3 * (2 + 2) and 30 + 3 * (2 + 4); the exhausted end: 30.
        assert_eq!(ctx.gas().used().checked_sub(before), Some(Gas(42 + 48 + 30)));
        let before = ctx.gas().used();
        assert!(ctx.has(STORE, b"\x01a")?);
        ctx.delete(STORE, b"\x01a")?;
        assert_eq!(ctx.gas().used().checked_sub(before), Some(Gas(2000)));
        Ok(Response::default())
    });
    outcome.expect_success();
}

#[test]
fn read_sees_every_write_before_it_and_costs_the_same_each_time() {
    let mut world = world();
    let key = b"\x01a";
    let stored = |value: &'static [u8]| Some(Bytes::from_static(value));
    let read = |ctx: &Ctx<'_>| {
        let before = ctx.gas().used();
        let value = ctx.get(STORE, key)?;
        assert_eq!(ctx.has(STORE, key)?, value.is_some());
        Ok::<_, Abort>((value, ctx.gas().used().checked_sub(before).unwrap().get()))
    };
    let outcome = world.execute(GasMeter::unlimited(), None, |ctx| {
        // 1000 + 3 * (2 + length of the value) to read, 1000 to ask.
        assert_eq!([read(ctx)?, read(ctx)?], [(None, 2006), (None, 2006)]);
        ctx.set(STORE, key, Bytes::from_static(b"1"))?;
        assert_eq!([read(ctx)?, read(ctx)?], [(stored(b"1"), 2009), (stored(b"1"), 2009)]);
        let dropped: Result<(), Abort> = ctx.branch(|ctx| {
            assert_eq!(read(ctx)?.0, stored(b"1"));
            ctx.set(STORE, key, Bytes::from_static(b"22"))?;
            assert_eq!(read(ctx)?, (stored(b"22"), 2012));
            Err(TxError::plain(sdk::LOGIC).into())
        });
        assert!(dropped.is_err());
        assert_eq!(read(ctx)?, (stored(b"1"), 2009));
        ctx.branch(|ctx| {
            ctx.delete(STORE, key)?;
            assert_eq!(read(ctx)?, (None, 2006));
            Ok(())
        })?;
        assert_eq!(read(ctx)?, (None, 2006));
        Ok(Response::default())
    });
    outcome.expect_success();
}

#[test]
fn out_of_gas_is_code_11_and_changes_nothing() {
    let mut world = world();
    let (one, two) = texts(&world);
    let before = world.records();
    let outcome = world.run_within(&message("write", &one, &two), GasMeter::limited(Gas(2100)), None);
    assert_eq!(
        outcome.expect_failure(),
        ("sdk", 11, "out of gas in location: WritePerByte; gasWanted: 2100, gasUsed: 2210: out of gas")
    );
    assert_eq!(world.records(), before);
}

#[test]
fn failed_message_leaves_neither_writes_nor_events() {
    let mut world = world();
    let (one, two) = texts(&world);
    let before = world.records();
    let outcome = world.run(&message("fail", &one, &two));
    assert_eq!(outcome.expect_failure(), ("sdk", 4, "unauthorized"));
    assert!(outcome.events.is_empty());
    assert_eq!(world.records(), before);
}

#[test]
fn dropped_branch_leaves_neither_writes_nor_events() {
    let mut world = world();
    let (one, two) = texts(&world);
    let outcome = world.run(&message("branch", &one, &two));
    outcome.expect_success();
    assert_eq!(outcome.events.iter().map(|e| e.kind.as_ref()).collect::<Vec<_>>(), ["outer"]);
    assert_eq!(world.read().get(STORE, b"\x01inner").unwrap(), None);
    assert_eq!(world.read().get(STORE, b"\x01outer").unwrap().as_deref(), Some(b"x".as_slice()));
}

#[test]
fn dispatch_needs_the_authority_of_the_one_signer() {
    let mut world = world();
    let (one, two) = texts(&world);
    // The inner message keeps from = one; its authority is what `to` names.
    world.run(&message("dispatch", &one, &one)).expect_success();
    assert_eq!(world.read().get(STORE, KEY).unwrap().as_deref(), Some(b"12345".as_slice()));
    let before = world.records();
    let refused = world.run(&message("dispatch", &one, &two));
    let text = format!("expected signer {two}, got {one}: unauthorized");
    assert_eq!(refused.expect_failure(), ("sdk", 4, text.as_str()));
    assert_eq!(world.records(), before);
}

#[test]
fn dispatch_depth_is_bounded() {
    let mut world = world();
    let (one, _) = texts(&world);
    let outcome = world.run(&message("recurse", &one, &one));
    let text = format!("messages are nested deeper than {MAX_DISPATCH_DEPTH}: internal logic error");
    assert_eq!(outcome.expect_failure(), ("sdk", 35, text.as_str()));
}

#[test]
fn two_owners_of_one_name_fail_at_start_up() {
    let twice = ModulesBuilder::new().with(Arc::new(Toy)).with(Arc::new(Toy)).build();
    assert_eq!(twice.err().unwrap().to_string(), "two modules are called toy");
    let store = ModulesBuilder::new().with(Arc::new(Toy)).with_store(STORE).build();
    assert_eq!(store.err().unwrap().to_string(), "two modules own the store toy");
}

#[test]
fn unknown_field_of_app_state_is_refused() {
    let refused = World::try_new(modules(), &json!({"toys": {}})).err().unwrap();
    assert_eq!(refused.to_string(), "app_state.toys belongs to no module of this chain; it has toy");
}

#[test]
fn export_is_the_inverse_of_genesis() {
    let state = json!({"toy": "hello"});
    let world = World::new(modules(), &state);
    assert_eq!(world.export().unwrap(), state);
    assert_eq!(World::new(modules(), &world.export().unwrap()).records(), world.records());
}

#[test]
fn migration_runs_each_step_once_and_records_the_version() {
    let mut world = world();
    assert_eq!(ModuleVersions::get(&world.read(), "toy").unwrap(), Some(3));
    world
        .hook(|_, ctx| {
            ModuleVersions::set(ctx, "toy", 1).unwrap();
            Ok(())
        })
        .unwrap();
    world.hook(Modules::migrate).unwrap();
    let steps = (0..4u32).filter(|from| {
        let key = [b"\x02".as_slice(), &from.to_be_bytes()].concat();
        world.read().has(STORE, &key).unwrap()
    });
    assert_eq!(steps.collect::<Vec<_>>(), [1, 2]);
    assert_eq!(ModuleVersions::get(&world.read(), "toy").unwrap(), Some(3));

    world
        .hook(|_, ctx| {
            ModuleVersions::set(ctx, "toy", 4).unwrap();
            Ok(())
        })
        .unwrap();
    let newer = world.hook(Modules::migrate).unwrap_err().to_string();
    assert_eq!(newer, "state of module toy has version 4, this binary knows 3: use a newer binary");
}

#[test]
fn observer_sees_every_step_in_order() {
    #[derive(Default)]
    struct Log(RefCell<Vec<String>>);
    impl Observer for Log {
        fn observe(&self, observation: Observation<'_>) {
            self.0.borrow_mut().push(match observation {
                Observation::MessageStarted { depth, .. } => format!("start {depth}"),
                Observation::MessageEnded { depth, error, .. } => format!("end {depth} {}", error.is_some()),
                Observation::Write { key, value, .. } => format!("write {key:?} {}", value.is_some()),
                Observation::Read { key, .. } => format!("read {key:?}"),
                Observation::Gas { amount, location } => format!("gas {amount} {location}"),
                Observation::Emitted(event) => format!("event {}", event.kind),
                Observation::BranchOpened => "open".into(),
                Observation::BranchClosed { kept } => format!("close {kept}"),
            });
        }
    }
    let mut world = world();
    let (one, two) = texts(&world);
    let log = Log::default();
    world.run_within(&message("fail", &one, &two), GasMeter::unlimited(), Some(&log));
    assert_eq!(
        log.0.into_inner(),
        [
            "open",
            "start 0",
            "gas 2000 WriteFlat",
            "gas 60 WritePerByte",
            "gas 120 WritePerByte",
            "write [1, 107] true",
            "event lost",
            "end 0 true",
            "close false"
        ]
    );
}

#[test]
fn queries_answer_by_path() {
    let world = world();
    let ask = |path: &str, denom: &str| {
        let request = QueryBalanceRequest { address: String::new(), denom: denom.into() };
        world.query::<_, QueryBalanceResponse>(path, &request)
    };
    assert_eq!(ask("/cosmos.bank.v1beta1.Query/Balance", "x").unwrap().balance.unwrap().amount, "7");
    assert_eq!(ask("/cosmos.bank.v1beta1.Query/Balance", "").unwrap_err().code, Some(GrpcCode::InvalidArgument));
    let unknown = ask("/cosmos.bank.v1beta1.Query/Nothing", "x").unwrap_err();
    assert_eq!(unknown.code, Some(GrpcCode::Unimplemented));
    assert_eq!(unknown.message, "unknown query path /cosmos.bank.v1beta1.Query/Nothing");
}

/// Writes `1` below the key, and what it read there before into an event.
fn work(ctx: &mut Ctx<'_>) -> Result<(), Abort> {
    let before = ctx.get(STORE, b"\x01a")?;
    ctx.set(STORE, b"\x01b", Bytes::from_static(b"1"))?;
    // Its own write is no input.
    assert!(ctx.has(STORE, b"\x01b")?);
    ctx.delete(STORE, b"\x01c")?;
    ctx.charge(5, "work")?;
    ctx.emit(Event::new("work").with("before", format!("{before:?}")));
    Ok(())
}

#[test]
fn recorded_work_is_repeated_where_it_would_read_the_same_and_nowhere_else() {
    let set = |ctx: &mut Ctx<'_>, value: &'static [u8]| ctx.set(STORE, b"\x01a", Bytes::from_static(value));
    let mut first = world();
    let mut recorded = None;
    let done = first.execute(GasMeter::limited(Gas(50_000)), None, |ctx| {
        set(ctx, b"seen")?;
        ctx.set(STORE, b"\x01c", Bytes::from_static(b"old"))?;
        recorded = ctx.record(work)?;
        Ok(Response::default())
    });
    done.expect_success();
    let recorded = recorded.expect("nothing was lost");

    let again = |value: &'static [u8], limit: u64, observer: Option<&dyn Observer>| {
        let mut world = world();
        let mut repeated = None;
        let outcome = world.execute(GasMeter::limited(Gas(limit)), observer, |ctx| {
            set(ctx, value)?;
            ctx.set(STORE, b"\x01c", Bytes::from_static(b"old"))?;
            repeated = Some(ctx.repeat(&recorded, true)?);
            Ok(Response::default())
        });
        (repeated.unwrap(), outcome, world.records())
    };
    // Everything comes to the same, the gas to the last unit.
    let limit = done.gas_used.get();
    let (repeated, outcome, records) = again(b"seen", limit, None);
    assert!(repeated);
    assert_eq!((outcome.gas_used, &outcome.events, records), (done.gas_used, &done.events, first.records()));
    // Else nothing happens: another value, gas that does not suffice, an observer who wants to see it done.
    struct Blind;
    impl Observer for Blind {
        fn observe(&self, _: Observation<'_>) {}
    }
    for (value, limit, observer) in
        [(&b"other"[..], limit, None), (b"seen", limit - 1, None), (b"seen", limit, Some(&Blind as &dyn Observer))]
    {
        let (repeated, outcome, records) = again(value, limit, observer);
        assert!(!repeated && outcome.events.is_empty() && outcome.gas_used < done.gas_used);
        assert!(!records.contains_key(&(STORE.name().to_owned(), b"\x01b".to_vec())));
    }
}

fn read_keys(ctx: &mut Ctx<'_>, count: u8) -> Result<(), Abort> {
    for key in 0..count {
        ctx.get(STORE, &[1, key])?;
    }
    Ok(())
}

fn require(so: bool) -> Result<(), Abort> {
    if so { Ok(()) } else { Err(TxError::plain(sdk::UNAUTHORIZED).into()) }
}

#[test]
fn work_that_looks_at_more_than_single_records_leaves_no_record() {
    type Work = fn(&mut Ctx<'_>) -> Result<(), Abort>;
    let works: [(&str, Work, bool); 8] = [
        ("reads", |ctx| read_keys(ctx, 1), true),
        (
            "searches",
            |ctx| Ok(ctx.range(STORE, Bound::Unbounded, Bound::Unbounded, Direction::Ascending).map(|_| ())?),
            false,
        ),
        ("asks the height", |ctx| require(ctx.block().height >= Height(0)), false),
        ("asks the gas", |ctx| require(ctx.gas().used() == Gas::ZERO), false),
        ("asks for events", |ctx| require(ctx.events().is_empty()), false),
        ("drops a branch", |ctx| require(ctx.branch(|_| require(false)).is_err()), false),
        ("reads eight", |ctx| read_keys(ctx, 8), true),
        ("reads nine", |ctx| read_keys(ctx, 9), false),
    ];
    for (what, work, is_recorded) in works {
        world().execute(GasMeter::unlimited(), None, |ctx| {
            assert_eq!(ctx.record(work)?.is_some(), is_recorded, "{what}");
            Ok(Response::default())
        });
    }
    let mut world = world();
    let failed =
        world.execute(GasMeter::unlimited(), None, |ctx| ctx.record(|_| require(false)).map(|_| Response::default()));
    assert_eq!(failed.expect_failure().1, 4);
}
