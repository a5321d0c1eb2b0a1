//! Opening, preparing, committing, upgrading.

use std::sync::Arc;

use bytes::Bytes;
use plume_state::{
    Backend, ChangeSet, KvRead, KvWrite, MemoryBackend, Overlay, State, StateConfig, StateError, StateFault,
    StateOptions, Store,
};

use crate::world::{ACC, BANK, INDEX, LOCAL, UPGRADE, commit, config, contents, new_state, open, write};

fn is_fatal<T>(result: Result<T, StateError>) -> bool {
    matches!(result, Err(StateError::Fatal(_)))
}

#[test]
fn preparing_shows_nothing_and_one_of_several_is_committed() {
    let mut state = new_state();
    let before = commit(&mut state, [write(BANK, b"a", Some(b"1"))]);
    let change =
        |value: &[u8]| ChangeSet::from_writes([write(BANK, b"a", Some(value)), write(BANK, b"b", Some(value))]);
    let first = state.prepare(&change(b"2")).unwrap();
    let second = state.prepare(&change(b"3")).unwrap();
    let third = state.prepare(&change(b"2")).unwrap();
    assert_ne!(first.app_hash(), second.app_hash());
    assert_eq!(first.app_hash(), third.app_hash());
    assert_eq!((state.app_hash(), state.height()), (before, 1));
    assert_eq!(contents(&state.latest(), BANK).len(), 1);
    drop(first);
    let expected = second.app_hash();
    state.commit(second, 2).unwrap();
    assert_eq!(state.app_hash(), expected);
    assert_eq!(state.latest().get(BANK, b"b").unwrap().as_deref(), Some(&b"3"[..]));
    // Prepared on a version that is no longer the latest.
    assert!(is_fatal(state.commit(third, 3)));
    assert_eq!((state.app_hash(), state.height()), (expected, 2));
}

#[test]
fn nothing_changed_leaves_the_app_hash_and_the_disk_untouched() {
    let backend = MemoryBackend::new();
    let mut state = open(&backend);
    let hash = commit(&mut state, [write(BANK, b"a", Some(b"1"))]);
    assert_eq!(commit(&mut state, []), hash);
    let no_ops = [write(BANK, b"a", Some(b"1")), write(BANK, b"absent", None), write(ACC, b"absent", None)];
    let prepared = state.prepare(&ChangeSet::from_writes(no_ops.clone())).unwrap();
    assert!(prepared.is_empty());
    assert_eq!((prepared.stats().changed_keys, prepared.stats().hashes), (0, 0));
    assert_eq!(commit(&mut state, no_ops), hash);
    // Local and derived stores are outside the hash.
    let prepared = state
        .prepare(&ChangeSet::from_writes([write(LOCAL, b"l", Some(b"1")), write(INDEX, b"i", Some(b"1"))]))
        .unwrap();
    assert!(!prepared.is_empty());
    assert_eq!(prepared.app_hash(), hash);
    // Deleting everything gives the hash of the empty state.
    let empty = new_state().app_hash();
    assert_ne!(hash, empty);
    assert_eq!(commit(&mut state, [write(BANK, b"a", None)]), empty);
}

#[test]
fn heights_follow_one_another_from_any_first_one() {
    let mut state = new_state();
    let empty = |state: &State| state.prepare(&ChangeSet::new()).unwrap();
    state.commit(empty(&state), 1000).unwrap();
    assert!(is_fatal(state.commit(empty(&state), 1000)));
    assert!(is_fatal(state.commit(empty(&state), 1002)));
    state.commit(empty(&state), 1001).unwrap();
    assert_eq!(state.height(), 1001);
    assert!(state.reader().at(1000).is_ok() && state.reader().at(0).is_err());
}

#[test]
fn rules_for_writes_are_kept() {
    let state = new_state();
    let refused = |writes: Vec<(Store, Bytes, Option<Bytes>)>| is_fatal(state.prepare(&ChangeSet::from_writes(writes)));
    assert!(refused(vec![write(BANK, b"k", Some(b""))]));
    assert!(refused(vec![write(BANK, b"", Some(b"v"))]));
    assert!(refused(vec![write(BANK, plume_state::SENTINEL_KEY, Some(b"v"))]));
    assert!(refused(vec![write(BANK, plume_state::SENTINEL_KEY, None)]));
    assert!(refused(vec![write(BANK, &[1; plume_state::MAX_KEY_LEN + 1], Some(b"v"))]));
    assert!(refused(vec![write(Store::committed("unknown"), b"k", Some(b"v"))]));
    assert!(!refused(vec![write(BANK, &[1; plume_state::MAX_KEY_LEN], Some(b"v"))]));
    assert!(is_fatal(state.latest().get(Store::committed("unknown"), b"k")));
    assert!(matches!(state.reader().prove(BANK, b"", 0), Err(StateError::InvalidQuery(_))));
    assert!(matches!(state.reader().prove(LOCAL, b"k", 0), Err(StateError::InvalidQuery(_))));
}

#[test]
fn an_overlay_over_a_snapshot_becomes_a_block() {
    let mut state = new_state();
    commit(&mut state, (0_u8..50).map(|n| write(BANK, &[n], Some(&[n, 1]))));
    let mut overlay = Overlay::new(Arc::new(state.latest()));
    overlay.set(BANK, &[3], Bytes::from_static(b"x")).unwrap();
    overlay.push();
    overlay.delete(BANK, &[4]).unwrap();
    overlay.set(ACC, b"new", Bytes::from_static(b"y")).unwrap();
    overlay.push();
    overlay.delete(BANK, &[5]).unwrap();
    overlay.revert();
    overlay.commit();
    let seen = contents(&overlay, BANK);
    let prepared = state.prepare(&overlay.into_changes()).unwrap();
    assert_eq!(prepared.stats().changed_keys, 3);
    state.commit(prepared, 2).unwrap();
    assert_eq!(contents(&state.latest(), BANK), seen);
    assert_eq!(seen.len(), 49);
    assert_eq!(seen[&vec![3]], b"x");
    assert_eq!(contents(&state.reader().at(1).unwrap(), BANK).len(), 50);
}

#[test]
fn a_state_opened_again_is_the_same() {
    let backend = MemoryBackend::new();
    let mut state = open(&backend);
    for n in 0_u16..20 {
        let writes = (0_u16..300).map(|key| {
            let value = (key.wrapping_mul(31) + n) % 7;
            write(BANK, &key.to_be_bytes(), (value != 0).then_some(&value.to_be_bytes()[..]))
        });
        let index = (0_u16..300).flat_map(|key| {
            (1_u16..7).map(move |value| {
                let entry = [&value.to_be_bytes()[..], b"|", &key.to_be_bytes()].concat();
                let held = (key.wrapping_mul(31) + n) % 7 == value;
                write(INDEX, &entry, held.then_some(&b"\x01"[..]))
            })
        });
        commit(&mut state, writes.chain(index).chain([write(LOCAL, b"height", Some(&n.to_be_bytes()))]));
    }
    let again = open(&backend);
    assert_eq!((again.height(), again.app_hash()), (20, state.app_hash()));
    for store in [BANK, ACC, UPGRADE, LOCAL, INDEX] {
        assert_eq!(contents(&again.latest(), store), contents(&state.latest(), store), "{store}");
    }
    assert!(contents(&again.latest(), INDEX).len() > 200);
    let proof = again.reader().prove(BANK, &5_u16.to_be_bytes(), 20).unwrap();
    assert_eq!(proof.store_proof, state.reader().prove(BANK, &5_u16.to_be_bytes(), 20).unwrap().store_proof);
    // Both go on alike.
    let mut again = again;
    let next = [write(BANK, b"next", Some(b"1")), write(BANK, &5_u16.to_be_bytes(), None)];
    assert_eq!(
        again.prepare(&ChangeSet::from_writes(next.clone())).unwrap().app_hash(),
        state.prepare(&ChangeSet::from_writes(next.clone())).unwrap().app_hash()
    );
    commit(&mut again, next);
    assert_eq!(backend.durable_height(), 21);
}

#[test]
fn an_old_height_opens_from_history() {
    let backend = MemoryBackend::new();
    let mut state = open(&backend);
    let mut hashes = Vec::new();
    for n in 0_u16..5 {
        let range = n * 700..(n + 3) * 700;
        hashes.push(commit(&mut state, range.map(|key| write(BANK, &key.to_be_bytes(), Some(&n.to_be_bytes())))));
    }
    let shared: Arc<dyn Backend> = Arc::new(backend.clone());
    for height in 1..=5 {
        let mut old = State::open_at(config(), &shared, height).unwrap();
        assert_eq!((old.height(), old.app_hash()), (height, hashes[height as usize - 1]));
        assert_eq!(contents(&old.latest(), BANK), contents(&state.reader().at(height).unwrap(), BANK));
        // Detached: it can go on without touching the database.
        commit(&mut old, [write(BANK, b"x", Some(b"y"))]);
    }
    assert_eq!(backend.durable_height(), 5);
    assert!(matches!(State::open_at(config(), &shared, 9), Err(StateError::Unavailable { requested: 9, .. })));
}

#[test]
fn a_store_can_be_added_at_a_height() {
    const NEW: Store = Store::committed("gov");
    let backend = MemoryBackend::new();
    let before = commit(&mut open(&backend), [write(BANK, b"a", Some(b"1"))]);
    let with_gov = || {
        let mut config = config();
        config.stores.push(NEW);
        State::open(config, Arc::new(backend.clone()))
    };
    let mut state = with_gov().unwrap();
    // A local store is outside the app hash and needs no height.
    const CACHE: Store = Store::local("cache");
    let mut with_cache = config();
    with_cache.stores.push(CACHE);
    let mut cached = State::open(with_cache.clone(), Arc::new(MemoryBackend::new())).unwrap();
    commit(&mut cached, [write(CACHE, b"k", Some(b"v"))]);
    let other = MemoryBackend::new();
    commit(&mut open(&other), [write(BANK, b"a", Some(b"1"))]);
    let mut cached = State::open(with_cache.clone(), Arc::new(other.clone())).unwrap();
    assert_eq!(commit(&mut cached, [write(CACHE, b"k", Some(b"v"))]), before);
    let cached = State::open(with_cache, Arc::new(other)).unwrap();
    assert_eq!(cached.latest().get(CACHE, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    // Dormant: the hash is that of the old binary, and nothing can be written or proved.
    assert_eq!(state.app_hash(), before);
    assert_eq!(commit(&mut state, []), before);
    assert!(is_fatal(state.prepare(&ChangeSet::from_writes([write(NEW, b"k", Some(b"v"))]))));
    assert!(matches!(state.reader().prove(NEW, b"k", 2), Err(StateError::InvalidQuery(_))));
    assert!(!state.stores().any(|store| store == NEW));
    // Added with block 3, empty: that alone changes the hash.
    let mut changes = ChangeSet::new();
    changes.activate(NEW);
    let prepared = state.prepare(&changes).unwrap();
    assert_ne!(prepared.app_hash(), before);
    state.commit(prepared, 3).unwrap();
    let added = state.app_hash();
    assert!(is_fatal(state.prepare(&changes)));
    assert!(state.reader().prove(NEW, b"k", 3).unwrap().value.is_none());
    assert!(matches!(state.reader().prove(NEW, b"k", 2), Err(StateError::InvalidQuery(_))));
    // It is there after a restart, and the old binary refuses the database.
    let mut state = with_gov().unwrap();
    assert_eq!(state.app_hash(), added);
    commit(&mut state, [write(NEW, b"k", Some(b"v"))]);
    assert!(matches!(
        State::open(config(), Arc::new(backend.clone())),
        Err(StateError::Fatal(StateFault::Inconsistent(reason))) if reason.contains("gov")
    ));
}

#[test]
fn a_state_is_made_of_distinct_stores_with_derivations() {
    let open = |stores: Vec<Store>| {
        State::open(
            StateConfig { stores, derivations: Vec::new(), options: StateOptions::default() },
            Arc::new(MemoryBackend::new()),
        )
    };
    assert!(open(vec![BANK, ACC]).is_ok());
    assert!(is_fatal(open(vec![BANK, BANK])));
    assert!(is_fatal(open(vec![BANK, Store::local("bank")])));
    assert!(is_fatal(open(vec![BANK, INDEX])));
    let mut config = config();
    config.stores.retain(|store| *store != BANK);
    assert!(is_fatal(State::open(config, Arc::new(MemoryBackend::new()))));
}

#[test]
fn a_damaged_database_is_noticed() {
    /// Lies about one value.
    struct Lying(MemoryBackend);
    // Written through a second history: the same heights, another value.
    let honest = MemoryBackend::new();
    commit(&mut open(&honest), [write(BANK, b"a", Some(b"1"))]);
    let liar = Lying(honest.clone());
    let block = plume_state::CommittedBlock {
        height: 2,
        previous_height: 1,
        app_hash: liar.0.durable().unwrap().unwrap().app_hash,
        stores: Arc::from([ACC, BANK, LOCAL, UPGRADE]),
        deltas: vec![Arc::new(plume_state::StoreDelta::from_changes(
            BANK,
            [plume_state::Change { key: b"a", old: Some(b"1"), new: Some(b"9") }],
        ))],
    };
    liar.0.persist(block).unwrap();
    assert!(matches!(
        State::open(config(), Arc::new(honest)),
        Err(StateError::Fatal(StateFault::AppHash { height: 2, .. }))
    ));
}

#[test]
fn a_checkpoint_leads_to_the_same_state_and_a_wrong_one_does_no_harm() {
    let key = |n: u32| plume_state::sha256(&n.to_be_bytes());
    let backend = MemoryBackend::new();
    let mut state = open(&backend);
    commit(&mut state, (0..40_000).map(|n| write(BANK, &key(n), Some(b"old"))).chain([write(ACC, b"a", Some(b"1"))]));
    assert_eq!(state.reader().write_checkpoint().unwrap(), 1);
    // Changed, removed and added since; also removed and added again, and changed back.
    commit(&mut state, (0..300).map(|n| write(BANK, &key(n * 7), Some(b"new"))));
    commit(&mut state, (0..300).map(|n| write(BANK, &key(n * 11), None)));
    commit(&mut state, (0..100).map(|n| write(BANK, &key(n * 11), Some(b"again"))));
    commit(&mut state, (40_000..40_200).map(|n| write(BANK, &key(n), Some(b"added"))));
    commit(&mut state, [write(BANK, &key(7), Some(b"old")), write(ACC, b"a", None), write(ACC, b"b", Some(b"2"))]);
    let check = |backend: &MemoryBackend| {
        let again = open(backend);
        assert_eq!(again.app_hash(), state.app_hash());
        assert_eq!(contents(&again.latest(), BANK), contents(&state.latest(), BANK));
        for n in (0..41_000).step_by(997) {
            let proof = again.reader().prove(BANK, &key(n), 6).unwrap();
            assert_eq!(proof.store_proof, state.reader().prove(BANK, &key(n), 6).unwrap().store_proof);
        }
    };
    check(&backend);
    // A checkpoint whose hashes are wrong, one that is too short, and one of a store that nobody knows.
    for (name, chunk) in [("bank", vec![7; 400]), ("bank", vec![7; 39]), ("bank", Vec::new()), ("other", vec![7; 40])] {
        let chunks: plume_state::ChunkIter<'_> = Box::new(std::iter::once(Ok(chunk)));
        backend
            .write_checkpoint(plume_state::Checkpoint {
                height: 1,
                app_hash: [0; 32],
                sections: vec![(name.to_owned(), chunks)],
            })
            .unwrap();
        check(&backend);
    }
}
