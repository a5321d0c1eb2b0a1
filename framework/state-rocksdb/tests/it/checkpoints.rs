//! Checkpoints: returned whole or not at all.

use std::path::{Path, PathBuf};

use plume_state::{Backend, Checkpoint, ChunkIter, StateError};
use plume_state_rocksdb::RocksBackend;
use tempfile::tempdir;

use crate::support::{BANK, Node, open, replay, uninterrupted};

type Sections = Vec<(String, Vec<Vec<u8>>)>;

/// Sections with several chunks, one and none.
pub fn sections(height: u64) -> Sections {
    let chunk = |tag: u8, len: usize| vec![tag ^ height.to_be_bytes()[7]; len];
    vec![
        ("acc".to_owned(), vec![chunk(1, 1), chunk(2, 100_000), chunk(3, 7)]),
        ("empty".to_owned(), vec![]),
        ("bank".to_owned(), vec![chunk(4, 4096)]),
    ]
}

pub fn checkpoint(node: &Node) -> Checkpoint<'static> {
    let sections = sections(node.height)
        .into_iter()
        .map(|(name, chunks)| (name, Box::new(chunks.into_iter().map(Ok)) as ChunkIter<'static>));
    Checkpoint { height: node.height, app_hash: node.app_hash(), sections: sections.collect() }
}

/// Height, app hash and contents of the checkpoint that is offered.
pub fn offered(backend: &RocksBackend) -> Option<(u64, [u8; 32], Sections)> {
    let stored = backend.read_checkpoint().expect("readable")?;
    let sections = stored
        .sections
        .into_iter()
        .map(|(name, chunks)| (name, chunks.collect::<Result<Vec<_>, _>>().expect("chunks are whole")))
        .collect();
    Some((stored.height, stored.app_hash, sections))
}

fn tree_files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(path.join("tree")).expect("folder").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}

#[test]
fn a_checkpoint_is_read_back_and_replaced() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(31, 20);
    let backend = open(folder.path());
    replay(&backend, 31, 10);
    backend.write_checkpoint(checkpoint(&nodes[8])).expect("written");
    let expected = Some((8, nodes[8].app_hash(), sections(8)));
    assert_eq!(offered(&backend), expected);
    drop(backend);
    let backend = open(folder.path());
    assert_eq!(offered(&backend), expected);
    assert!(backend.changed_since(BANK, 8, &mut |_, _| Ok(())).expect("readable"));
    replay(&backend, 31, 20);
    backend.write_checkpoint(checkpoint(&nodes[20])).expect("written");
    assert_eq!(offered(&backend), Some((20, nodes[20].app_hash(), sections(20))));
    backend.flush().expect("durable");
    assert_eq!(tree_files(folder.path()), [folder.path().join("tree/00000000000000000020.tree")]);
    // Of the blocks before it nobody needs the journal; what history says is unaffected.
    assert!(!backend.changed_since(BANK, 8, &mut |_, _| Ok(())).expect("readable"));
    crate::support::assert_history(&backend, &nodes, 1, 20);
}

#[test]
fn a_checkpoint_above_the_durable_height_waits() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(32, 10);
    let backend = open(folder.path());
    replay(&backend, 32, 3);
    backend.write_checkpoint(checkpoint(&nodes[2])).expect("written");
    backend.write_checkpoint(checkpoint(&nodes[5])).expect("written");
    assert_eq!(offered(&backend).expect("the older one").0, 2);
    drop(backend);
    let backend = open(folder.path());
    assert_eq!(offered(&backend).expect("still the older one").0, 2);
    replay(&backend, 32, 6);
    assert_eq!(offered(&backend), Some((5, nodes[5].app_hash(), sections(5))));
    backend.flush().expect("durable");
    assert_eq!(tree_files(folder.path()).len(), 1);
}

#[test]
fn a_checkpoint_of_another_history_is_ignored() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(33, 10);
    let backend = open(folder.path());
    replay(&backend, 33, 10);
    let mut foreign = checkpoint(&nodes[6]);
    foreign.app_hash = [1; 32];
    backend.write_checkpoint(foreign).expect("written");
    assert_eq!(offered(&backend), None);
}

#[test]
fn any_damage_hides_a_checkpoint_and_only_it() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(34, 6);
    let backend = open(folder.path());
    replay(&backend, 34, 6);
    backend.write_checkpoint(checkpoint(&nodes[4])).expect("written");
    let expected = offered(&backend);
    drop(backend);
    let file = folder.path().join("tree/00000000000000000004.tree");
    let whole = std::fs::read(&file).expect("file");
    // The header, each part of a section, every byte of the end, and some of the chunks.
    let places = (0..120).chain((120..whole.len() - 40).step_by(9973)).chain(whole.len() - 40..whole.len());
    for at in places {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&file, &damaged).expect("written");
        assert_eq!(offered(&open(folder.path())), None, "byte {at} flipped");
    }
    for len in [0, 1, 56, 61, 70, 5_000, whole.len() - 16, whole.len() - 1] {
        std::fs::write(&file, &whole[..len]).expect("written");
        assert_eq!(offered(&open(folder.path())), None, "cut to {len} bytes");
    }
    std::fs::write(&file, [&whole[..], &[0]].concat()).expect("written");
    assert_eq!(offered(&open(folder.path())), None, "one byte appended");
    std::fs::write(&file, &whole).expect("written");
    let backend = open(folder.path());
    assert_eq!(offered(&backend), expected);
    assert_eq!(Node::load(&backend).contents, nodes[6].contents);
}

#[test]
fn a_failing_section_leaves_the_older_checkpoint() {
    let folder = tempdir().expect("folder");
    let nodes = uninterrupted(35, 6);
    let backend = open(folder.path());
    replay(&backend, 35, 6);
    backend.write_checkpoint(checkpoint(&nodes[4])).expect("written");
    let failing: ChunkIter<'_> = Box::new([Ok(vec![1]), Err(StateError::backend("no more"))].into_iter());
    let bad = Checkpoint { height: 6, app_hash: nodes[6].app_hash(), sections: vec![("acc".to_owned(), failing)] };
    assert_eq!(backend.write_checkpoint(bad), Err(StateError::backend("no more")));
    assert_eq!(offered(&backend), Some((4, nodes[4].app_hash(), sections(4))));
    assert_eq!(tree_files(folder.path()).len(), 1);
}
