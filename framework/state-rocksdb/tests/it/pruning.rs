//! Forgetting old heights.

use plume_state::{Backend, StateError};
use plume_state_rocksdb::{Config, RocksBackend};
use tempfile::tempdir;

use crate::support::{BANK, Node, assert_history, config, open, replay, size_of_dir, uninterrupted};

fn assert_forgotten(backend: &RocksBackend, height: u64, oldest: u64, latest: u64) {
    let expected = StateError::Unavailable { requested: height, oldest, latest };
    assert_eq!(backend.history_get(BANK, b"a", height), Err(expected.clone()));
    assert_eq!(backend.history_meta(height), Err(expected.clone()));
    let range = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let found = backend.history_range(BANK, range.0, range.1, plume_state::Direction::Ascending, height, 1);
    assert_eq!(found, Err(expected));
}

#[test]
fn pruned_heights_are_refused_and_the_others_unchanged() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(21, 50);
    let backend = open(folder.path());
    replay(&backend, 21, 50);
    backend.prune(30).expect("accepted");
    backend.compact().expect("compacts");
    let dropped = backend.pruned_values();
    assert!(dropped > 100, "{dropped}");
    assert_eq!(backend.history_start(), Some(30));
    for height in [0, 1, 29] {
        assert_forgotten(&backend, height, 30, 50);
    }
    assert_history(&backend, &nodes, 30, 50);
    drop(backend);
    let backend = open(folder.path());
    assert_eq!(backend.history_start(), Some(30));
    assert_forgotten(&backend, 29, 30, 50);
    assert_history(&backend, &nodes, 30, 50);
    assert_eq!(Node::load(&backend).contents, nodes[50].contents);
    // Pruning again, less far, brings nothing back; further than is durable, it keeps the durable height.
    backend.prune(10).expect("accepted");
    backend.flush().expect("durable");
    assert_eq!(backend.history_start(), Some(30));
    backend.prune(1_000).expect("accepted");
    backend.compact().expect("compacts");
    assert_eq!(backend.history_start(), Some(50));
    assert_history(&backend, &nodes, 50, 50);
}

#[test]
fn kept_multiples_stay_readable() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(22, 64);
    let settings = Config { keep_every: 10, ..config() };
    let backend = RocksBackend::open(folder.path(), &settings).expect("opens");
    for last in [20, 40, 64] {
        replay(&backend, 22, last);
        backend.prune(last - 5).expect("accepted");
        backend.compact().expect("compacts");
    }
    assert_eq!(backend.history_start(), Some(59));
    assert!(backend.pruned_values() > 100);
    for height in [10, 20, 30, 40, 50] {
        assert_history(&backend, &nodes, height, height);
    }
    assert_history(&backend, &nodes, 59, 64);
    for height in [1, 9, 11, 49, 58] {
        assert_forgotten(&backend, height, 59, 64);
    }
}

/// One block that rewrites 200 keys with values that do not compress.
fn busy_block(node: &mut Node) -> plume_state::CommittedBlock {
    use sha2::Digest;
    let height = node.height + 1;
    let writes = (0..200u32).map(|number| {
        let value = sha2::Sha256::digest([&height.to_be_bytes()[..], &number.to_be_bytes()].concat());
        ((BANK, number.to_be_bytes().to_vec()), Some(value.to_vec()))
    });
    node.block(height, writes.collect())
}

#[test]
fn the_disk_shrinks() {
    let folder = tempdir().expect("folder");
    let settings = Config { flush_blocks: 50, compact_dead_bytes: 1 << 30, ..config() };
    let backend = RocksBackend::open(folder.path(), &settings).expect("opens");
    let mut node = Node::default();
    for _ in 0..300 {
        backend.persist(busy_block(&mut node)).expect("accepted");
    }
    backend.compact().expect("compacts");
    let before = size_of_dir(folder.path());
    // 300 blocks x 200 values of 32 bytes that do not compress.
    assert!(before > 300 * 200 * 32, "{before}");
    backend.prune(290).expect("accepted");
    backend.compact().expect("compacts");
    let after = size_of_dir(folder.path());
    assert!(after < before / 8, "{before} bytes before, {after} after");
    drop(backend);
    let backend = RocksBackend::open(folder.path(), &settings).expect("opens");
    assert_eq!(Node::load(&backend).contents, node.contents);
}

#[test]
fn at_a_fixed_retention_the_disk_stays_flat() {
    let folder = tempdir().expect("folder");
    let settings = Config { flush_blocks: 10, keep_recent: Some(20), compact_dead_bytes: 64 << 10, ..config() };
    let backend = RocksBackend::open(folder.path(), &settings).expect("opens");
    let mut node = Node::default();
    let mut sizes = vec![];
    for round in 1..=10u64 {
        for _ in 0..100 {
            backend.persist(busy_block(&mut node)).expect("accepted");
        }
        backend.flush().expect("durable");
        assert_eq!(backend.history_start(), Some(round * 100 - 20));
        sizes.push(size_of_dir(folder.path()));
    }
    // Kept: 20 blocks of 200 values, about 300 kB; written in all: 15 MB. Compactions happen when as much is dead as lives.
    assert!(sizes.iter().all(|size| *size < 4 << 20), "{sizes:?}");
    assert_eq!(backend.history_meta(1_000).expect("readable"), node.durable());
}
