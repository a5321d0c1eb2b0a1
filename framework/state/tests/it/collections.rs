//! Collections: the bytes they store, and what they do.

use std::ops::Bound;
use std::sync::Arc;

use plume_primitives::{Address, Amount, Decimal, Denom, Height, Timestamp};
use plume_state::collections::{
    AsKey, BoolByte, BytesRaw, DecimalText, IndexedMap, IntText, Item, KeyBuf, KeyCodec, LengthPrefixed, Map,
    MultiIndex, Proto, Queue, Schema, SchemaError, Sequence, Set, StringRaw, U64Be, UniqueIndex, ValueCodec,
};
use plume_state::{Direction, KvRead, MemoryBackend, Overlay, State, StateConfig, StateError, StateOptions, Store};

const STORE: Store = Store::committed("demo");
const OWNERS: Store = Store::derived("demo.owners");

type Balances = Map<(Address, Denom), Amount, IntText>;
const BALANCES: Balances = Map::new(STORE, b"\x02");
const PARAMS: Item<String, StringRaw> = Item::new(STORE, b"\x05");
const NEXT: Sequence = Sequence::new(STORE, b"\x06");
const SEEN: Set<u64> = Set::new(STORE, b"\x07");
const UNBONDING: Queue<Timestamp, Address, u64, U64Be> = Queue::new(STORE, b"\x08");

fn address(byte: u8) -> Address {
    Address::new(&[byte; 20]).unwrap()
}

fn denom(text: &str) -> Denom {
    Denom::new(text).unwrap()
}

fn overlay() -> Overlay {
    Overlay::new(Arc::new(state().latest()))
}

fn state() -> State {
    let config = StateConfig {
        stores: vec![STORE, OWNERS],
        derivations: HOLDINGS.derivations(),
        options: StateOptions::default(),
    };
    State::open(config, Arc::new(MemoryBackend::new())).unwrap()
}

/// The keys' bytes as `cosmossdk.io/collections` v0.4.0 and `types/collections.go` of SDK 0.50 lay them down. Pinned: they are
/// consensus state.
#[test]
fn key_bytes() {
    fn last<K: KeyCodec + PartialEq + std::fmt::Debug>(key: K, expected: &str) {
        let mut bytes = KeyBuf::new();
        key.encode_last(&mut bytes).unwrap();
        assert_eq!(hex::encode(&bytes), expected, "{key:?} last");
        assert_eq!(K::decode_last(&bytes).unwrap(), key);
    }
    fn part<K: KeyCodec + PartialEq + std::fmt::Debug>(key: K, expected: &str) {
        let mut bytes = KeyBuf::new();
        key.encode_part(&mut bytes).unwrap();
        assert_eq!(hex::encode(&bytes), expected, "{key:?} part");
        bytes.extend_from_slice(b"rest");
        assert_eq!(K::decode_part(&bytes).unwrap(), (key, &b"rest"[..]));
    }
    last(0x0102_u16, "0102");
    last(0x0102_0304_u32, "01020304");
    last(258_u64, "0000000000000102");
    part(258_u64, "0000000000000102");
    last(Height(5), "0000000000000005");
    last(-1_i32, "7fffffff");
    last(1_i32, "80000001");
    last(-1_i64, "7fffffffffffffff");
    last(1_i64, "8000000000000001");
    last(true, "01");
    last("stake".to_owned(), "7374616b65");
    part("stake".to_owned(), "7374616b6500");
    last(denom("uplume"), "75706c756d65");
    part(denom("uplume"), "75706c756d6500");
    last(vec![1_u8, 2], "0102");
    part(vec![1_u8, 2], "020102");
    last(address(0xaa), &"aa".repeat(20));
    part(address(0xaa), &format!("14{}", "aa".repeat(20)));
    last(LengthPrefixed(address(0xaa)), &format!("14{}", "aa".repeat(20)));
    last([9_u8, 8], "0908");
    // "2006-01-02T15:04:05.000000000" in UTC.
    let time = Timestamp::new(1_136_214_245, 7_000).unwrap();
    last(time, &hex::encode("2006-01-02T15:04:05.000007000"));
    part(Timestamp::GO_ZERO, &hex::encode("0001-01-01T00:00:00.000000000"));
    last((address(0xaa), denom("uplume")), &format!("14{}75706c756d65", "aa".repeat(20)));
    part((1_u16, denom("abc")), "000161626300");
    last((1_u16, denom("abc"), 2_u16), "0001616263000002");
    part((1_u16, denom("abc"), vec![5_u8]), "0001616263000105");
}

/// Bank's balance of SDK 0.50: 0x02 | len | address | denomination, value as text.
#[test]
fn a_bank_balance_is_stored_as_the_sdk_stores_it() {
    let mut ctx = overlay();
    let key = (address(0x11), denom("uplume"));
    BALANCES.set(&mut ctx, &key, &Amount::from(1_000_000_u64)).unwrap();
    let raw = hex::decode(format!("0214{}75706c756d65", "11".repeat(20))).unwrap();
    assert_eq!(ctx.get(STORE, &raw).unwrap().as_deref(), Some(&b"1000000"[..]));
    assert_eq!(BALANCES.raw_key(&key).unwrap().as_slice(), raw);
    // A tuple of references is a key, too.
    assert_eq!(BALANCES.get(&ctx, &(&key.0, &key.1)).unwrap(), Some(Amount::from(1_000_000_u64)));
    assert_eq!(BALANCES.decode_key(&raw).unwrap(), key);
}

#[test]
fn value_bytes() {
    fn check<V: PartialEq + std::fmt::Debug, C: ValueCodec<V>>(_: C, value: V, expected: &[u8]) {
        let bytes = C::encode(&value);
        assert_eq!(bytes.as_ref(), expected);
        assert_eq!(C::decode(&bytes).unwrap(), value);
        assert!(C::decode(b"\xff\xff\xff").is_err() || std::any::type_name::<C>().ends_with("BytesRaw"));
    }
    check(IntText, Amount::from(0_u64), b"0");
    check(IntText, Amount::from(u128::MAX), b"340282366920938463463374607431768211455");
    check(DecimalText, "1.5".parse::<Decimal>().unwrap(), b"1500000000000000000");
    check(U64Be, 258_u64, b"\0\0\0\0\0\0\x01\x02");
    check(U64Be, Height(1), b"\0\0\0\0\0\0\0\x01");
    check(BoolByte, false, b"\0");
    check(BoolByte, true, b"\x01");
    check(StringRaw, "text".to_owned(), b"text");
    check(BytesRaw, vec![1_u8, 2], b"\x01\x02");
    check(plume_state::collections::Unit, (), b"\x01");
    // A message with default fields only encodes to nothing, which may not be stored.
    check(Proto, 0_u64, b"\0");
    check(Proto, 300_u64, b"\x08\xac\x02");
    check(Proto, "hi".to_owned(), b"\x0a\x02hi");
}

#[test]
fn items_sequences_and_sets() {
    let mut ctx = overlay();
    assert_eq!(PARAMS.get(&ctx).unwrap(), None);
    PARAMS.set(&mut ctx, &"on".to_owned()).unwrap();
    assert_eq!((PARAMS.get(&ctx).unwrap().as_deref(), PARAMS.exists(&ctx).unwrap()), (Some("on"), true));
    PARAMS.remove(&mut ctx).unwrap();
    assert!(!PARAMS.exists(&ctx).unwrap());
    // The empty text has no encoding that could be proved.
    assert!(matches!(PARAMS.set(&mut ctx, &String::new()), Err(StateError::Fatal(_))));

    assert_eq!((NEXT.peek(&ctx).unwrap(), NEXT.next(&mut ctx).unwrap(), NEXT.next(&mut ctx).unwrap()), (0, 0, 1));
    assert_eq!(ctx.get(STORE, b"\x06").unwrap().as_deref(), Some(&2_u64.to_be_bytes()[..]));
    NEXT.set(&mut ctx, u64::MAX).unwrap();
    assert!(matches!(NEXT.next(&mut ctx), Err(StateError::Fatal(_))));
    assert_eq!(NEXT.peek(&ctx).unwrap(), u64::MAX);

    for member in [3_u64, 1, 2] {
        SEEN.insert(&mut ctx, &member).unwrap();
    }
    SEEN.remove(&mut ctx, &2).unwrap();
    assert!(SEEN.contains(&ctx, &1).unwrap() && !SEEN.contains(&ctx, &2).unwrap());
    assert_eq!(SEEN.iter(&ctx, Direction::Descending).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), [3, 1]);
    assert_eq!(ctx.get(STORE, b"\x07\0\0\0\0\0\0\0\x01").unwrap().as_deref(), Some(&[1][..]));
}

#[test]
fn maps_iterate_whole_by_part_and_between_keys() {
    let mut ctx = overlay();
    let amount = |n: u64| Amount::from(n);
    for (who, what, n) in [(1, "atom", 5), (1, "plume", 6), (2, "atom", 7), (2, "plume", 8), (3, "atom", 9)] {
        BALANCES.set(&mut ctx, &(address(who), denom(what)), &amount(n)).unwrap();
    }
    // A neighbour collection must not leak in.
    PARAMS.set(&mut ctx, &"x".to_owned()).unwrap();
    let amounts = |iter: Result<_, StateError>| -> Vec<Amount> {
        let iter: plume_state::collections::MapIter<'_, (Address, Denom), Amount, IntText> = iter.unwrap();
        iter.map(|record| record.unwrap().1).collect()
    };
    let five = [5, 6, 7, 8, 9].map(amount);
    assert_eq!(amounts(BALANCES.iter(&ctx, Direction::Ascending)), five);
    assert_eq!(amounts(BALANCES.iter(&ctx, Direction::Descending)), [9, 8, 7, 6, 5].map(amount));
    assert_eq!(amounts(BALANCES.iter_prefix(&ctx, &address(2), Direction::Ascending)), [7, 8].map(amount));
    assert_eq!(amounts(BALANCES.iter_prefix(&ctx, &address(4), Direction::Ascending)), []);
    let (from, to) = ((address(1), denom("plume")), (address(2), denom("plume")));
    let range = |start, end, direction| amounts(BALANCES.range(&ctx, start, end, direction));
    assert_eq!(range(Bound::Included(&from), Bound::Excluded(&to), Direction::Ascending), [6, 7].map(amount));
    assert_eq!(range(Bound::Excluded(&from), Bound::Included(&to), Direction::Descending), [8, 7].map(amount));
    assert_eq!(range(Bound::Unbounded, Bound::Included(&from), Direction::Ascending), [5, 6].map(amount));
    assert_eq!(range(Bound::Included(&to), Bound::Unbounded, Direction::Ascending), [8, 9].map(amount));
    assert_eq!(BALANCES.clear(&mut ctx).unwrap(), 5);
    assert!(BALANCES.iter(&ctx, Direction::Ascending).unwrap().next().is_none());
    assert!(PARAMS.exists(&ctx).unwrap());
}

#[test]
fn corrupt_records_are_fatal() {
    let mut ctx = overlay();
    plume_state::KvWrite::set(&mut ctx, STORE, b"\x06", bytes::Bytes::from_static(b"short")).unwrap();
    assert!(matches!(NEXT.peek(&ctx), Err(StateError::Fatal(plume_state::StateFault::Corrupt { .. }))));
    plume_state::KvWrite::set(&mut ctx, STORE, b"\x02\x14", bytes::Bytes::from_static(b"1")).unwrap();
    let mut records = BALANCES.iter(&ctx, Direction::Ascending).unwrap();
    assert!(matches!(records.next(), Some(Err(StateError::Fatal(_)))));
}

#[test]
fn keys_without_an_encoding_are_refused() {
    let names: Map<(String, u64), u64, U64Be> = Map::new(STORE, b"\x09");
    let mut ctx = overlay();
    assert!(matches!(names.set(&mut ctx, &("a\0b".to_owned(), 1), &1), Err(StateError::Fatal(_))));
    let long: Map<(Vec<u8>, u64), u64, U64Be> = Map::new(STORE, b"\x0a");
    assert!(long.set(&mut ctx, &(vec![1; 255], 1), &1).is_ok());
    assert!(matches!(long.set(&mut ctx, &(vec![1; 256], 1), &1), Err(StateError::Fatal(_))));
    let mut raw = KeyBuf::new();
    assert!(AsKey::<String>::encode_key(&"a\0b".to_owned(), &mut raw).is_ok());
}

#[test]
fn a_queue_yields_what_is_due_in_order() {
    let mut ctx = overlay();
    let at = |seconds| Timestamp::new(seconds, 0).unwrap();
    for (due, who, value) in [(30, 1, 1), (10, 2, 2), (20, 3, 3), (10, 1, 4), (21, 1, 5)] {
        UNBONDING.insert(&mut ctx, &at(due), &address(who), &value).unwrap();
    }
    UNBONDING.remove(&mut ctx, &at(21), &address(1)).unwrap();
    let values = |entries: Vec<((Timestamp, Address), u64)>| entries.into_iter().map(|(_, v)| v).collect::<Vec<_>>();
    assert_eq!(values(UNBONDING.due(&ctx, &at(9), 9).unwrap()), []);
    assert_eq!(values(UNBONDING.due(&ctx, &at(20), 9).unwrap()), [4, 2, 3]);
    assert_eq!(values(UNBONDING.pop_due(&mut ctx, &at(20), 2).unwrap()), [4, 2]);
    assert_eq!(values(UNBONDING.pop_due(&mut ctx, &at(29), 9).unwrap()), [3]);
    assert_eq!(values(UNBONDING.pop_due(&mut ctx, &at(30), 9).unwrap()), [1]);
    assert!(UNBONDING.as_map().iter(&ctx, Direction::Ascending).unwrap().next().is_none());
}

type ByDenom = MultiIndex<Denom, (Address, Denom), Amount>;
type ByAmount = UniqueIndex<u64, (Address, Denom), Amount>;
const HOLDINGS: IndexedMap<(Address, Denom), Amount, IntText, (ByDenom, ByAmount)> = IndexedMap::new(
    Map::new(STORE, b"\x22"),
    (
        MultiIndex::new(OWNERS, b"\x03", |(_, denom), _| Some(denom.clone())),
        UniqueIndex::new(OWNERS, b"\x04", |_, amount: &Amount| u64::try_from(amount.units()).ok().filter(|n| *n > 100)),
    ),
);

#[test]
fn indexes_follow_their_map_and_are_rebuilt_at_load() {
    let backend = MemoryBackend::new();
    let config = || StateConfig {
        stores: vec![STORE, OWNERS],
        derivations: HOLDINGS.derivations(),
        options: StateOptions::default(),
    };
    let mut state = State::open(config(), Arc::new(backend.clone())).unwrap();
    let mut ctx = Overlay::new(Arc::new(state.latest()));
    let key = |who, what: &str| (address(who), denom(what));
    for (who, what, n) in [(1, "atom", 5_u64), (2, "atom", 500), (3, "plume", 900), (1, "plume", 1)] {
        HOLDINGS.set(&mut ctx, &key(who, what), &Amount::from(n)).unwrap();
    }
    HOLDINGS.set(&mut ctx, &key(3, "plume"), &Amount::from(901_u64)).unwrap();
    HOLDINGS.remove(&mut ctx, &key(1, "atom")).unwrap();
    HOLDINGS.remove(&mut ctx, &key(9, "atom")).unwrap();
    let check = |ctx: &dyn KvRead| {
        let (by_denom, by_amount) = HOLDINGS.indexes();
        let owners = |what: &str| -> Vec<(Address, Denom)> {
            by_denom.keys(ctx, &denom(what), Direction::Ascending).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(owners("atom"), [key(2, "atom")]);
        assert_eq!(owners("plume"), [key(1, "plume"), key(3, "plume")]);
        assert_eq!(owners("none"), []);
        assert_eq!(by_amount.key(ctx, &500).unwrap(), Some(key(2, "atom")));
        assert_eq!(by_amount.key(ctx, &901).unwrap(), Some(key(3, "plume")));
        assert_eq!(by_amount.key(ctx, &900).unwrap(), None);
        assert_eq!(HOLDINGS.iter(ctx, Direction::Ascending).unwrap().count(), 3);
    };
    check(&ctx);
    // The index entry of the SDK's reverse pair: prefix | denomination NUL | address | denomination... here the whole key last.
    let entry = hex::decode(format!("0361746f6d0014{}61746f6d", "02".repeat(20))).unwrap();
    assert_eq!(ctx.get(OWNERS, &entry).unwrap().as_deref(), Some(&[1][..]));
    let prepared = state.prepare(&ctx.into_changes()).unwrap();
    state.commit(prepared, 1).unwrap();
    check(&state.latest());
    let again = State::open(config(), Arc::new(backend)).unwrap();
    check(&again.latest());
    assert_eq!(crate::world::all(&again.latest(), OWNERS), crate::world::all(&state.latest(), OWNERS));
}

#[test]
fn schemas_refuse_collisions_and_explain_records() {
    let lines = || {
        vec![
            BALANCES.schema("balances"),
            PARAMS.schema("params"),
            NEXT.schema("next"),
            SEEN.schema("seen"),
            UNBONDING.schema("unbonding"),
        ]
    };
    let schema = Schema::new(lines()).unwrap();
    let raw = BALANCES.raw_key(&(address(0x11), denom("uplume"))).unwrap();
    let (collection, suffix) = schema.find(STORE, &raw).unwrap();
    assert_eq!((collection.name, collection.value_type.as_str()), ("balances", "math.Int(Amount)"));
    assert_eq!((collection.key_to_json)(suffix).unwrap(), format!("[\"{}\",\"uplume\"]", "11".repeat(20)));
    assert_eq!((collection.value_to_json)(b"17").unwrap(), "\"17\"");
    assert!(schema.find(STORE, b"\x05x").is_none() && schema.find(STORE, b"\x05").is_some());
    assert!(schema.find(OWNERS, &raw).is_none());

    let with = |line| Schema::new(lines().into_iter().chain([line]).collect()).unwrap_err();
    let inside: Balances = Map::new(STORE, b"\x02\x14");
    assert_eq!(
        with(inside.schema("inside")),
        SchemaError::Overlap { store: STORE, first: "balances", second: "inside" }
    );
    let same: Item<u64, U64Be> = Item::new(STORE, b"\x05");
    assert!(matches!(with(same.schema("same")), SchemaError::Overlap { .. }));
    let reserved: Item<u64, U64Be> = Item::new(STORE, b"\xff");
    assert_eq!(with(reserved.schema("reserved")), SchemaError::ReservedPrefix("reserved"));
    let empty: Item<u64, U64Be> = Item::new(STORE, b"");
    assert_eq!(with(empty.schema("empty")), SchemaError::ReservedPrefix("empty"));
    let named: Item<u64, U64Be> = Item::new(STORE, b"\x44");
    assert_eq!(with(named.schema("next")), SchemaError::DuplicateName("next"));
    // Another store is another world.
    let elsewhere: Balances = Map::new(OWNERS, b"\x02");
    assert!(Schema::new(lines().into_iter().chain([elsewhere.schema("elsewhere")]).collect()).is_ok());
}
