//! Old values.

use std::ops::Bound;

use plume_state::{Backend, Direction, StateError, Store};
use tempfile::tempdir;

use crate::support::{BANK, Node, STORES, assert_history, open, replay, uninterrupted};

#[test]
fn every_height_reads_as_it_was() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(7, 40);
    let backend = open(folder.path());
    replay(&backend, 7, 40);
    assert_eq!(backend.history_start(), Some(1));
    assert_history(&backend, &nodes, 1, 40);
    backend.compact().expect("compacts");
    assert_history(&backend, &nodes, 1, 40);
    drop(backend);
    let backend = open(folder.path());
    assert_history(&backend, &nodes, 1, 40);
}

#[test]
fn ranges_obey_bounds_direction_and_limit() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(8, 60);
    let backend = open(folder.path());
    replay(&backend, 8, 60);
    let bounds: [Bound<&[u8]>; 7] = [
        Bound::Unbounded,
        Bound::Included(b"\0"),
        Bound::Excluded(b"\0"),
        Bound::Included(b"\0\0"),
        Bound::Excluded(b"a\xff"),
        Bound::Included(b"a\0"),
        Bound::Excluded(b"\xff\xff\xff\xff\xff"),
    ];
    for store in [STORES[0], STORES[2]] {
        for height in [1, 17, 59, 60] {
            for start in bounds {
                for end in bounds {
                    for direction in [Direction::Ascending, Direction::Descending] {
                        let empty = matches!((start, end), (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) if a > b);
                        let mut expected =
                            if empty { vec![] } else { nodes[height].range(store, start, end, direction) };
                        for limit in [usize::MAX, 3, 0] {
                            expected.truncate(limit);
                            let found = backend
                                .history_range(store, start, end, direction, height as u64, limit)
                                .expect("readable");
                            assert_eq!(found, expected, "{store} {height} {start:?} {end:?} {direction:?} {limit}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_key_with_many_versions_is_skipped_by_seeking() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    let mut node = Node::default();
    let mut nodes = vec![node.clone()];
    for height in 1..=60u64 {
        let mut writes = std::collections::BTreeMap::new();
        writes.insert((BANK, b"hot".to_vec()), (height % 7 != 0).then(|| height.to_be_bytes().to_vec()));
        writes.insert((BANK, b"hot\0".to_vec()), Some(height.to_be_bytes().to_vec()));
        if height == 1 {
            writes.insert((BANK, b"a".to_vec()), Some(b"1".to_vec()));
            writes.insert((BANK, b"z".to_vec()), Some(b"1".to_vec()));
        }
        backend.persist(node.block(height, writes)).expect("accepted");
        nodes.push(node.clone());
    }
    backend.flush().expect("durable");
    assert_history(&backend, &nodes, 1, 60);
}

#[test]
fn changed_keys_are_visited_once_with_live_values() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(9, 30);
    let backend = open(folder.path());
    let last = replay(&backend, 9, 30);
    for height in [0, 1, 13, 29, 30] {
        for store in STORES {
            let mut found = vec![];
            let reaches = backend
                .changed_since(store, height, &mut |key, value| {
                    found.push((key.to_vec(), value.map(<[u8]>::to_vec)));
                    Ok(())
                })
                .expect("readable");
            assert!(reaches);
            // Every key written behind the height, also one that has its value of then again.
            let mut written: Vec<Vec<u8>> = vec![];
            for pair in nodes[height as usize..].windows(2) {
                let [before, after] = pair else { unreachable!() };
                let keys = before.contents.keys().chain(after.contents.keys()).filter(|(of, _)| *of == store);
                let changed = keys.filter(|key| before.contents.get(*key) != after.contents.get(*key));
                written.extend(changed.map(|(_, key)| key.clone()));
            }
            written.sort();
            written.dedup();
            let expected: Vec<_> = written
                .into_iter()
                .map(|key| {
                    let value = last.contents.get(&(store, key.clone())).cloned();
                    (key, value)
                })
                .collect();
            assert_eq!(found, expected, "{store} behind {height}");
        }
    }
    assert!(!backend.changed_since(BANK, 31, &mut |_, _| panic!("nothing to visit")).expect("readable"));
}

#[test]
fn unknown_and_derived_stores() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    replay(&backend, 9, 5);
    assert_eq!(backend.history_get(Store::committed("nobody"), b"a", 3), Ok(None));
    let error = backend.history_get(Store::derived("index"), b"a", 3).expect_err("refused");
    assert!(matches!(error, StateError::Fatal(_)), "{error}");
}
