//! Returning to an earlier height.

use plume_state::{Backend, StateError};
use tempfile::tempdir;

use crate::checkpoints::{checkpoint, offered};
use crate::support::{LATE, Node, assert_history, files, open, replay, uninterrupted};

#[test]
fn a_rolled_back_database_is_as_it_was() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(41, 30);
    let backend = open(folder.path());
    replay(&backend, 41, 30);
    for target in [29, 20, 11, 3] {
        assert_eq!(backend.rollback_to(target).expect("rolls back"), nodes[target as usize].durable());
        assert_eq!((backend.durable_height(), backend.lag()), (target, (0, 0)));
        assert_eq!(Node::load(&backend).contents, nodes[target as usize].contents);
        assert_history(&backend, &nodes, 1, target);
        let above = StateError::Unavailable { requested: target + 1, oldest: 1, latest: target };
        assert_eq!(backend.history_meta(target + 1), Err(above));
    }
    drop(backend);
    let backend = open(folder.path());
    assert_eq!(Node::load(&backend).contents, nodes[3].contents);
    replay(&backend, 41, 30);
    assert_history(&backend, &nodes, 1, 30);
}

#[test]
fn another_history_may_follow() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    replay(&backend, 42, 20);
    backend.rollback_to(10).expect("rolls back");
    let mut node = uninterrupted(42, 10).remove(10);
    let mut nodes = uninterrupted(42, 10);
    while node.height < 20 {
        backend.persist(node.next_block(43)).expect("accepted");
        nodes.push(node.clone());
    }
    backend.flush().expect("durable");
    assert_history(&backend, &nodes, 1, 20);
    assert_eq!(Node::load(&backend).contents, node.contents);
}

#[test]
fn checkpoints_of_forgotten_blocks_go() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(44, 20);
    let backend = open(folder.path());
    replay(&backend, 44, 20);
    backend.write_checkpoint(checkpoint(&nodes[15])).expect("written");
    backend.rollback_to(15).expect("rolls back");
    assert_eq!(offered(&backend).expect("still true").0, 15);
    backend.rollback_to(14).expect("rolls back");
    assert!(offered(&backend).is_none());
}

#[test]
fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(45, 20);
    let backend = open(folder.path());
    replay(&backend, 45, 20);
    backend.prune(8).expect("accepted");
    backend.flush().expect("durable");
    for target in [0, 7, 21] {
        let expected = StateError::Unavailable { requested: target, oldest: 8, latest: 20 };
        assert_eq!(backend.rollback_to(target), Err(expected));
    }
    assert_history(&backend, &nodes, 8, 20);
    let before = files(folder.path());
    assert_eq!(backend.rollback_to(20).expect("nothing to do").height, 20);
    assert!(!before.is_empty());
    assert_eq!(Node::load(&backend).contents, nodes[20].contents);
    backend.rollback_to(8).expect("rolls back");
    assert_eq!(Node::load(&backend).contents, nodes[8].contents);
}

#[test]
fn a_store_that_does_not_exist_yet_is_forgotten() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    replay(&backend, 46, 20);
    let has_late = |backend: &plume_state_rocksdb::RocksBackend| {
        backend.durable().expect("readable").expect("some").stores.contains(&(LATE.name().to_owned(), true))
    };
    assert!(has_late(&backend));
    backend.rollback_to(11).expect("rolls back");
    assert!(!has_late(&backend));
    drop(backend);
    // A program from before the upgrade can open it again.
    let settings = plume_state_rocksdb::Config {
        stores: crate::support::STORES.into_iter().filter(|store| *store != LATE).collect(),
        ..crate::support::config()
    };
    plume_state_rocksdb::RocksBackend::open(folder.path(), &settings).expect("opens");
}
