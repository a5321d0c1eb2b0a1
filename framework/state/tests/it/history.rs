//! Readers at every version, against whole copies, while another thread commits.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plume_state::{Backend, Direction, KvRead, MemoryBackend, Snapshot, State, StateError, StateOptions, sha256};
use proptest::prelude::*;

use crate::world::{ACC, BANK, Contents, INDEX, commit, config, contents, new_state, open, write};

fn records(
    snapshot: &Snapshot,
    start: Bound<&[u8]>,
    end: Bound<&[u8]>,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    snapshot
        .range(BANK, start, end, direction)
        .unwrap()
        .map(|record| record.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap())
        .collect()
}

fn require_equal(snapshot: &Snapshot, model: &Contents, low: &[u8], high: &[u8]) {
    for (start, end) in [
        (Bound::Unbounded, Bound::Unbounded),
        (Bound::Included(low), Bound::Unbounded),
        (Bound::Unbounded, Bound::Included(high)),
        (Bound::Included(low), Bound::Excluded(high)),
    ] {
        let expected: Vec<_> = if matches!((start, end), (Bound::Included(l), Bound::Excluded(h)) if l > h) {
            Vec::new()
        } else {
            model.range::<[u8], _>((start, end)).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        assert_eq!(records(snapshot, start, end, Direction::Ascending), expected, "height {}", snapshot.height());
        let reversed: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(records(snapshot, start, end, Direction::Descending), reversed, "height {}", snapshot.height());
    }
}

fn apply(model: &mut Contents, block: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
    for (key, value) in block {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_version_stays_what_it_was(
        blocks in proptest::collection::vec(
            proptest::collection::btree_map(
                (0_u16..500).prop_map(|n| n.to_be_bytes().to_vec()),
                proptest::option::weighted(0.7, proptest::collection::vec(any::<u8>(), 1..9)),
                0..200,
            ),
            1..12,
        ),
        low in 0_u16..500,
        high in 0_u16..500,
        reopen in any::<bool>(),
    ) {
        let backend = MemoryBackend::new();
        let mut state = open(&backend);
        let mut models = vec![Contents::new()];
        for block in &blocks {
            let mut model = models.last().unwrap().clone();
            apply(&mut model, block);
            models.push(model);
            commit(&mut state, block.iter().map(|(key, value)| write(BANK, key, value.as_deref())));
        }
        if reopen {
            // Now all but the last version come from the backend's history.
            let app_hash = state.app_hash();
            state = open(&backend);
            prop_assert_eq!(state.app_hash(), app_hash);
            prop_assert_eq!(state.reader().oldest_provable(), blocks.len() as u64);
        }
        let reader = state.reader();
        for (height, model) in models.iter().enumerate().skip(1) {
            let snapshot = reader.at(height as u64).unwrap();
            require_equal(&snapshot, model, &low.to_be_bytes(), &high.to_be_bytes());
            for n in (0_u16..500).step_by(7) {
                let key = n.to_be_bytes();
                let expected = model.get(key.as_slice()).map(Vec::as_slice);
                let found = snapshot.get(BANK, &key).unwrap();
                prop_assert_eq!(found.as_deref(), expected);
                prop_assert_eq!(snapshot.has(BANK, &key).unwrap(), expected.is_some());
            }
        }
    }
}

#[test]
fn readers_see_one_version_while_blocks_are_committed() {
    // Each block rewrites every key with its own number and moves a window of keys along, so that a torn read would show.
    const KEYS: u32 = 3000;
    const BLOCKS: u32 = 60;
    let block = |n: u32| {
        let set = (n * 10..n * 10 + KEYS).map(move |key| (key, Some(n)));
        let removed = (n.saturating_sub(1) * 10..n * 10).map(|key| (key, None));
        set.chain(removed)
    };
    let require_version = |snapshot: &Snapshot| {
        let height = u32::try_from(snapshot.height()).unwrap();
        let direction = if height.is_multiple_of(2) { Direction::Ascending } else { Direction::Descending };
        let mut seen = records(snapshot, Bound::Unbounded, Bound::Unbounded, direction);
        if direction == Direction::Descending {
            seen.reverse();
        }
        let expected: Vec<_> = (height * 10..height * 10 + KEYS)
            .map(|key| (key.to_be_bytes().to_vec(), height.to_be_bytes().to_vec()))
            .collect();
        assert!(seen == expected, "height {height}");
        let key = (height * 10 + 17).to_be_bytes();
        assert_eq!(snapshot.get(BANK, &key).unwrap().as_deref(), Some(&height.to_be_bytes()[..]));
    };
    let mut state = new_state();
    let reader = state.reader();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut pinned: Vec<Snapshot> = Vec::new();
                    let mut checks = 0_u32;
                    while !done.load(Ordering::Acquire) || checks < 10 {
                        if reader.height() == 0 {
                            std::thread::yield_now();
                            continue;
                        }
                        let latest = reader.latest();
                        require_version(&latest);
                        let proof = reader.prove(BANK, &0_u32.to_be_bytes(), latest.height()).unwrap();
                        assert_eq!(proof.app_hash, latest.app_hash().unwrap());
                        if checks.is_multiple_of(4) {
                            pinned.push(latest);
                        }
                        if let Some(old) = pinned.get(checks as usize / 8) {
                            require_version(old);
                        }
                        checks += 1;
                    }
                    checks
                })
            })
            .collect();
        for n in 1..=BLOCKS {
            commit(
                &mut state,
                block(n).map(|(key, value)| {
                    write(BANK, &key.to_be_bytes(), value.map(u32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice))
                }),
            );
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() >= 10);
        }
    });
}

#[test]
fn a_version_that_left_the_window_is_answered_from_history_or_refused() {
    let backend = MemoryBackend::new();
    let mut config = config();
    config.options = StateOptions { window_bytes: 0, min_versions: 2, ..StateOptions::default() };
    let mut state = State::open(config, Arc::new(backend.clone())).unwrap();
    for n in 1_u8..=6 {
        commit(&mut state, [write(BANK, b"key", Some(&[n])), write(ACC, &[n], Some(b"x"))]);
    }
    let reader = state.reader();
    let pinned = reader.at(2).unwrap();
    assert_eq!(pinned.get(BANK, b"key").unwrap().as_deref(), Some(&[2][..]));
    assert_eq!(contents(&pinned, ACC).len(), 2);
    // Proofs need the tree.
    let refused = StateError::Unavailable { requested: 2, oldest: 1, latest: 6 };
    assert_eq!(reader.prove(BANK, b"key", 2).unwrap_err(), refused);
    assert!(reader.prove(BANK, b"key", 5).is_ok());
    // Derived stores have no history.
    assert_eq!(pinned.get(INDEX, b"x").unwrap_err(), refused);
    // The future and the pruned past.
    assert!(matches!(reader.at(7), Err(StateError::Unavailable { requested: 7, .. })));
    plume_state::Backend::prune(&backend, 4).unwrap();
    let refused = StateError::Unavailable { requested: 2, oldest: 4, latest: 6 };
    assert_eq!(pinned.get(BANK, b"key").unwrap_err(), refused);
    assert_eq!(
        pinned.range(BANK, Bound::Unbounded, Bound::Unbounded, Direction::Ascending).unwrap().next(),
        Some(Err(refused.clone()))
    );
    assert_eq!(pinned.app_hash().unwrap_err(), refused);
    assert!(reader.at(2).is_err() && reader.at(4).is_ok());
}

#[test]
fn a_state_for_one_run_keeps_nothing_of_its_blocks() {
    let keeping = MemoryBackend::new();
    let forgetting = MemoryBackend::for_one_run();
    let mut config = config();
    config.options = StateOptions { window_bytes: 0, min_versions: 2, ..StateOptions::default() };
    let [mut kept, mut run] =
        [&keeping, &forgetting].map(|backend| State::open(config.clone(), Arc::new(backend.clone())).unwrap());
    for n in 1_u8..=6 {
        for state in [&mut kept, &mut run] {
            commit(state, [write(BANK, b"key", Some(&[n])), write(BANK, &[n], Some(b"x")), write(ACC, &[n], None)]);
        }
    }
    assert_eq!(run.latest().app_hash().unwrap(), kept.latest().app_hash().unwrap());
    assert_eq!(contents(&run.latest(), BANK), contents(&kept.latest(), BANK));
    let reader = run.reader();
    assert_eq!(reader.at(5).unwrap().get(BANK, b"key").unwrap().as_deref(), Some(&[5][..]));
    assert!(matches!(reader.at(4), Err(StateError::Unavailable { requested: 4, .. })));
    assert_eq!(Backend::durable_height(&forgetting), 6);
    assert_eq!(Backend::durable(&forgetting).unwrap(), Backend::durable(&keeping).unwrap());
    let unbounded = (Bound::Unbounded, Bound::Unbounded);
    for (backend, records) in [(&keeping, 7), (&forgetting, 0)] {
        let mut found = 0;
        let mut count = |_: &[u8], _: &[u8]| {
            found += 1;
            Ok(())
        };
        Backend::scan(backend, BANK, unbounded.0, unbounded.1, &mut count).unwrap();
        assert_eq!(found, records);
        assert_eq!(Backend::changed_since(backend, BANK, 5, &mut |_, _| Ok(())).unwrap(), records > 0);
    }
}

#[test]
fn a_reader_waits_less_than_a_block_takes() {
    // Not a timed test: it shows that a reader gets in between the parts of one block.
    let mut state = new_state();
    commit(&mut state, (0_u32..50_000).map(|n| write(BANK, &sha256(&n.to_be_bytes()), Some(b"old"))));
    let reader = state.reader();
    let prepared = state
        .prepare(&plume_state::ChangeSet::from_writes(
            (0_u32..50_000).map(|n| write(BANK, &sha256(&n.to_be_bytes()), Some(b"new"))),
        ))
        .unwrap();
    let committing = AtomicBool::new(true);
    let during = std::thread::scope(|scope| {
        let reads = scope.spawn(|| {
            let mut during = 0_u32;
            while committing.load(Ordering::Acquire) {
                let snapshot = reader.latest();
                let expected: &[u8] = if snapshot.height() == 1 { b"old" } else { b"new" };
                let key = sha256(&(during % 50_000).to_be_bytes());
                assert_eq!(snapshot.get(BANK, &key).unwrap().as_deref(), Some(expected));
                during += 1;
            }
            during
        });
        // Let the reader get going before the block.
        while reader.height() == 0 {}
        state.commit(prepared, 2).unwrap();
        committing.store(false, Ordering::Release);
        reads.join().unwrap()
    });
    assert!(during > 10, "{during} reads during one commit");
}
