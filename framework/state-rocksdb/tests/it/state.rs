//! The state on RocksDB against the state in memory, and the state through crashes.

use std::{ops::Bound, path::Path, sync::Arc};

use bytes::Bytes;
use plume_state::{
    Backend, ChangeSet, Direction, KvRead, MemoryBackend, Record, Snapshot, State, StateConfig, StateOptions, Store,
};
use plume_state_rocksdb::{Config, RocksBackend};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::crash;
use crate::support::{AUTH, BANK, LATE, LATE_HEIGHT, LOCAL, STORES, config, open, writes_of};

/// Number of a store, key, value.
type Write = (usize, Vec<u8>, Option<Vec<u8>>);

/// A step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// A block with these writes.
    Block(Vec<Write>),
    /// Close, open again.
    Reopen,
    /// Make everything durable.
    Flush,
    /// Keep so many heights.
    Prune(u64),
    /// Rewrite the tables.
    Compact,
    /// Store a tree checkpoint.
    Checkpoint,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x61, 0xFE, 0xFF]), 1..5);
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 1..40));
    let write = (0..STORES.len(), key, value);
    let step = prop_oneof![
        10 => prop::collection::vec(write, 0..30).prop_map(Step::Block),
        1 => Just(Step::Reopen),
        1 => Just(Step::Flush),
        1 => (0..12u64).prop_map(Step::Prune),
        1 => Just(Step::Compact),
        1 => Just(Step::Checkpoint),
    ];
    prop::collection::vec(step, 1..50)
}

/// A window so small that history has to answer.
fn open_state(backend: Arc<dyn Backend>) -> State {
    let options = StateOptions { min_versions: 1, max_versions: 2, window_bytes: 0, ..StateOptions::default() };
    let config = StateConfig { stores: STORES.to_vec(), derivations: vec![], options };
    State::open(config, backend).expect("the state opens")
}

fn changes(height: u64, state: &State, writes: &[Write]) -> ChangeSet {
    let existing: Vec<Store> = state.stores().collect();
    let writes =
        writes.iter().map(|(at, key, value)| (STORES[*at], Bytes::from(key.clone()), value.clone().map(Bytes::from)));
    let mut changes = ChangeSet::from_writes(writes.filter(|(store, _, _)| existing.contains(store)));
    if height == 5 && !existing.contains(&LATE) {
        changes.activate(LATE);
    }
    changes
}

fn records(view: &Snapshot, store: Store, direction: Direction) -> Vec<Record> {
    let range = view.range(store, Bound::Unbounded, Bound::Unbounded, direction).expect("readable");
    range.collect::<Result<_, _>>().expect("readable")
}

/// Everything that can be read of both.
fn assert_equal(disk: &State, memory: &State) {
    assert_eq!((disk.height(), disk.app_hash()), (memory.height(), memory.app_hash()));
    let (disk_reader, memory_reader) = (disk.reader(), memory.reader());
    for height in 1..=disk.height() {
        let (Ok(left), Ok(right)) = (disk_reader.at(height), memory_reader.at(height)) else { continue };
        assert_eq!(left.app_hash().expect("known"), right.app_hash().expect("known"), "height {height}");
        for store in STORES {
            for direction in [Direction::Ascending, Direction::Descending] {
                let found = records(&left, store, direction);
                assert_eq!(found, records(&right, store, direction), "{store} {direction:?} at height {height}");
                for (key, value) in found {
                    assert_eq!(left.get(store, &key).expect("readable"), Some(value));
                }
            }
        }
    }
}

/// The settings of the histories below: a database is created with some stores and one comes later, as in an upgrade.
fn play(path: &Path, steps: &[Step]) {
    let settings = Config { flush_blocks: 4, ..config() };
    let memory = MemoryBackend::new();
    let mut in_memory = open_state(Arc::new(memory.clone()));
    let mut backend = Arc::new(RocksBackend::open(path, &settings).expect("opens"));
    let mut on_disk = open_state(backend.clone());
    for step in steps {
        match step {
            Step::Block(writes) => {
                let height = in_memory.height() + 1;
                for state in [&mut in_memory, &mut on_disk] {
                    let prepared = state.prepare(&changes(height, state, writes)).expect("valid");
                    state.commit(prepared, height).expect("committed");
                }
                assert_eq!(on_disk.app_hash(), in_memory.app_hash());
            }
            Step::Reopen => {
                drop(on_disk);
                drop(Arc::into_inner(backend).expect("the last handle"));
                backend = Arc::new(RocksBackend::open(path, &settings).expect("opens"));
                on_disk = open_state(backend.clone());
                assert_equal(&on_disk, &in_memory);
            }
            Step::Flush => {
                on_disk.flush().expect("durable");
                assert_eq!(backend.durable_height(), in_memory.height());
            }
            Step::Prune(keep) => {
                on_disk.flush().expect("durable");
                let keep_from = in_memory.height().saturating_sub(*keep);
                backend.prune(keep_from).expect("accepted");
                memory.prune(keep_from).expect("accepted");
                backend.flush().expect("durable");
                assert_eq!(backend.history_start(), memory.history_start());
            }
            Step::Compact => backend.compact().expect("compacts"),
            Step::Checkpoint if on_disk.height() == 0 => {}
            Step::Checkpoint => {
                assert_eq!(on_disk.reader().write_checkpoint().expect("written"), in_memory.height());
            }
        }
    }
    on_disk.flush().expect("durable");
    assert_equal(&on_disk, &in_memory);
    let heights = backend.history_start().unwrap_or(1)..=backend.durable_height();
    for height in heights {
        assert_eq!(backend.history_meta(height), memory.history_meta(height));
        let whole = (Bound::Unbounded, Bound::Unbounded);
        for store in STORES {
            let found = backend.history_range(store, whole.0, whole.1, Direction::Ascending, height, usize::MAX);
            assert_eq!(found, memory.history_range(store, whole.0, whole.1, Direction::Ascending, height, usize::MAX));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn disk_and_memory_hold_the_same(steps in steps()) {
        let folder = tempdir().expect("folder");
        play(folder.path(), &steps);
    }
}

#[test]
fn a_store_added_by_an_upgrade_survives_reopening() {
    let folder = tempdir().expect("folder");
    let first = Config::new(crate::support::CHAIN, [BANK, AUTH, LOCAL]);
    let write = |state: &mut State, changes: ChangeSet| {
        let prepared = state.prepare(&changes).expect("valid");
        let height = state.height() + 1;
        state.commit(prepared, height).expect("committed");
        state.flush().expect("durable");
        state.app_hash()
    };
    let record = |store, key: &'static [u8]| (store, Bytes::from_static(key), Some(Bytes::from_static(b"1")));
    let before = {
        let backend = Arc::new(RocksBackend::open(folder.path(), &first).expect("opens"));
        let config = StateConfig { stores: vec![BANK, AUTH, LOCAL], ..StateConfig::default() };
        let mut state = State::open(config, backend).expect("opens");
        write(&mut state, ChangeSet::from_writes([record(BANK, b"a"), record(LOCAL, b"l")]))
    };
    let open = || open_state(Arc::new(RocksBackend::open(folder.path(), &config()).expect("opens")));
    let after = {
        let mut state = open();
        assert_eq!(state.app_hash(), before);
        assert!(!state.stores().any(|store| store == LATE));
        let mut changes = ChangeSet::from_writes([record(LATE, b"new")]);
        changes.activate(LATE);
        write(&mut state, changes)
    };
    assert_ne!(before, after);
    let state = open();
    assert_eq!((state.height(), state.app_hash()), (2, after));
    assert_eq!(state.latest().get(LATE, b"new").expect("readable").as_deref(), Some(&b"1"[..]));
    assert_eq!(state.latest().get(LOCAL, b"l").expect("readable").as_deref(), Some(&b"1"[..]));
}

const SEED: u64 = 71;
const LAST: u64 = 30;

/// Executes the next block of the chain that follows from [`SEED`].
fn advance(state: &mut State) {
    let height = state.height() + 1;
    let writes = writes_of(SEED, height).into_iter();
    let writes = writes.map(|((store, key), value)| (store, Bytes::from(key), value.map(Bytes::from)));
    let mut changes = ChangeSet::from_writes(writes);
    if height == LATE_HEIGHT {
        changes.activate(LATE);
    }
    let prepared = state.prepare(&changes).expect("valid");
    state.commit(prepared, height).expect("committed");
}

/// The stores before the upgrade; the state creates all that it is given.
fn create(path: &Path) {
    let backend = Arc::new(open(path));
    let stores = STORES.into_iter().filter(|store| *store != LATE).collect();
    let mut state = State::open(StateConfig { stores, ..StateConfig::default() }, backend).expect("opens");
    advance(&mut state);
}

/// A node that dies; see [`crash`].
#[test]
fn child() {
    let Some((folder, _)) = crash::arm() else { return };
    let backend = Arc::new(open(&folder));
    let mut state = open_state(backend.clone());
    while state.height() < LAST {
        advance(&mut state);
        crash::say(&backend);
        if state.height().is_multiple_of(4) {
            state.reader().write_checkpoint().expect("written");
        }
        if state.height().is_multiple_of(10) {
            backend.prune(state.height() - 8).expect("accepted");
            backend.compact().expect("compacts");
        }
    }
}

#[test]
fn app_hashes_after_a_crash_are_those_of_an_uninterrupted_run() {
    let whole = tempdir().expect("folder");
    create(whole.path());
    let mut state = open_state(Arc::new(open(whole.path())));
    let mut hashes = vec![[0; 32], state.app_hash()];
    while state.height() < LAST {
        advance(&mut state);
        hashes.push(state.app_hash());
    }
    let points = plume_state_rocksdb::failpoint::ALL
        .into_iter()
        .filter(|name| ["persist/", "writer/", "checkpoint/", "prune/"].iter().any(|part| name.starts_with(part)));
    for (name, visit) in points.flat_map(|name| [(name, 1), (name, 2)]) {
        let folder = tempdir().expect("folder");
        create(folder.path());
        let reported = crash::run(folder.path(), "state::child", name, visit, None).unwrap_or(1);
        let mut state = open_state(Arc::new(open(folder.path())));
        assert!(state.height() >= reported, "{name}: height {} durable, {reported} reported", state.height());
        assert_eq!(state.app_hash(), hashes[state.height() as usize], "{name} at height {}", state.height());
        while state.height() < LAST {
            advance(&mut state);
            assert_eq!(state.app_hash(), hashes[state.height() as usize], "{name} at height {}", state.height());
        }
    }
}
