//! What is durable, and how far it may be behind.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};

use plume_state::{Backend, StateError};
use plume_state_rocksdb::{Config, RocksBackend};
use tempfile::tempdir;

use crate::support::{BANK, CHAIN, Node, STORES, config, open, replay, uninterrupted};

#[test]
fn an_empty_database_says_so() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    assert_eq!(backend.durable().expect("readable"), None);
    assert_eq!((backend.durable_height(), backend.history_start(), backend.lag()), (0, None, (0, 0)));
    assert!(backend.read_checkpoint().expect("readable").is_none());
    assert_eq!(backend.history_get(BANK, b"a", 0), Err(StateError::Unavailable { requested: 0, oldest: 0, latest: 0 }));
    backend.flush().expect("nothing to do");
}

#[test]
fn blocks_become_durable_in_groups_and_on_drain() {
    let folder = tempdir().expect("folder");
    let backend = RocksBackend::open(folder.path(), &Config { flush_blocks: 1_000, ..config() }).expect("opens");
    let mut node = Node::default();
    for _ in 0..5 {
        backend.persist(node.next_block(1)).expect("accepted");
    }
    assert_eq!((backend.durable_height(), backend.lag().0), (0, 5));
    assert!(backend.lag().1 > 0);
    backend.drain().expect("durable");
    assert_eq!((backend.durable_height(), backend.lag()), (5, (0, 0)));
    assert_eq!(backend.durable().expect("readable"), Some(node.durable()));
    assert_eq!(Node::load(&backend).contents, node.contents);
}

#[test]
fn closing_makes_everything_durable() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(2, 20);
    for last in [1, 2, 3, 10, 20] {
        let backend = open(folder.path());
        let mut node = Node::load(&backend);
        while node.height < last {
            backend.persist(node.next_block(2)).expect("accepted");
        }
        drop(backend);
        let backend = open(folder.path());
        assert_eq!(backend.durable().expect("readable"), Some(nodes[last as usize].durable()));
        assert_eq!(Node::load(&backend).contents, nodes[last as usize].contents);
    }
}

#[test]
fn an_idle_writer_flushes() {
    let folder = tempdir().expect("folder");
    let settings = Config { flush_blocks: 1_000, idle_flush: std::time::Duration::from_millis(20), ..config() };
    let backend = RocksBackend::open(folder.path(), &settings).expect("opens");
    backend.persist(Node::default().next_block(1)).expect("accepted");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while backend.durable_height() == 0 {
        assert!(std::time::Instant::now() < deadline, "the block never became durable");
        std::thread::yield_now();
    }
    assert_eq!(backend.lag(), (0, 0));
}

#[test]
fn lag_never_exceeds_its_bounds() {
    let folder = tempdir().expect("folder");
    let by_blocks = Config { max_lag_blocks: 4, flush_blocks: 1_000, ..config() };
    let by_bytes = Config { max_lag_bytes: 3_000, flush_bytes: 1 << 30, flush_blocks: 1_000, ..config() };
    for (name, settings, blocks, bytes) in [("a", by_blocks, 4, u64::MAX), ("b", by_bytes, u64::MAX, 3_000 + 8_000)] {
        let backend = RocksBackend::open(folder.path().join(name), &settings).expect("opens");
        let done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let watcher = threads.spawn(|| {
                let mut worst = (0, 0);
                while !done.load(Ordering::Relaxed) {
                    let lag = backend.lag();
                    worst = (worst.0.max(lag.0), worst.1.max(lag.1));
                }
                worst
            });
            let mut node = Node::default();
            for _ in 0..100 {
                backend.persist(node.next_block(3)).expect("accepted");
                assert!(backend.lag().0 <= blocks);
                // The last block accepted may cross the bound by its own size.
                assert!(backend.lag().1 <= bytes);
            }
            done.store(true, Ordering::Relaxed);
            let worst = watcher.join().expect("watcher");
            assert!(worst.0 <= blocks && worst.1 <= bytes, "{worst:?}");
        });
        assert!(backend.durable_height() >= 90);
    }
}

#[test]
fn blocks_out_of_order_are_refused_and_change_nothing() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    let mut node = Node::default();
    backend.persist(node.next_block(1)).expect("accepted");
    let before = node.clone();
    let next = node.next_block(1);
    let mut skipping = next.clone();
    (skipping.height, skipping.previous_height) = (9, 8);
    let mut repeating = next.clone();
    (repeating.height, repeating.previous_height) = (1, 0);
    for bad in [skipping, repeating] {
        let error = backend.persist(bad).expect_err("refused").to_string();
        assert!(error.contains("cannot follow block 1"), "{error}");
    }
    backend.flush().expect("durable");
    assert_eq!(backend.durable().expect("readable"), Some(before.durable()));
    backend.persist(next).expect("the right one is still accepted");
}

#[test]
fn a_chain_may_start_high() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    let mut node = Node::default();
    let genesis = node.block(1_000, [((BANK, b"a".to_vec()), Some(b"1".to_vec()))].into());
    assert_eq!(genesis.previous_height, 0);
    backend.persist(genesis).expect("accepted");
    backend.persist(node.block(1_001, [((BANK, b"a".to_vec()), None)].into())).expect("accepted");
    backend.flush().expect("durable");
    assert_eq!(backend.history_start(), Some(1_000));
    assert_eq!(backend.history_get(BANK, b"a", 1_000).expect("readable").as_deref(), Some(&b"1"[..]));
    assert_eq!(backend.history_get(BANK, b"a", 1_001).expect("readable"), None);
    for outside in [0, 999, 1_002] {
        let expected = StateError::Unavailable { requested: outside, oldest: 1_000, latest: 1_001 };
        assert_eq!(backend.history_get(BANK, b"a", outside), Err(expected));
    }
}

#[test]
fn scans_obey_their_bounds_and_pass_errors_on() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    let node = replay(&backend, 4, 30);
    let bounds: [Bound<&[u8]>; 5] = [
        Bound::Unbounded,
        Bound::Included(b"\0"),
        Bound::Excluded(b"a"),
        Bound::Included(b"a\xff"),
        Bound::Excluded(b"\xff"),
    ];
    for store in STORES {
        for start in bounds {
            for end in bounds {
                let mut found = vec![];
                backend
                    .scan(store, start, end, &mut |key, value| {
                        found.push((bytes::Bytes::copy_from_slice(key), bytes::Bytes::copy_from_slice(value)));
                        Ok(())
                    })
                    .expect("readable");
                let expected = match (start, end) {
                    (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) if a > b => {
                        vec![]
                    }
                    _ => node.range(store, start, end, plume_state::Direction::Ascending),
                };
                assert_eq!(found, expected, "{store} {start:?} {end:?}");
            }
        }
    }
    let stop = StateError::backend("stop");
    assert_eq!(backend.scan(BANK, Bound::Unbounded, Bound::Unbounded, &mut |_, _| Err(stop.clone())), Err(stop));
}

#[test]
fn split_points_lie_inside_the_store() {
    let folder = tempdir().expect("folder");
    let backend = RocksBackend::open(folder.path(), &Config::new(CHAIN, STORES)).expect("opens");
    replay(&backend, 5, 30);
    backend.compact().expect("compacts");
    for parts in [0, 1, 2, 5] {
        let points = backend.split_points(BANK, parts);
        assert!(points.len() < parts.max(1), "{points:?}");
        assert!(points.is_sorted() && points.iter().all(|point| !point.is_empty()));
    }
}
