//! Taking a state over from a snapshot: into RocksDB, through death at every step, and given up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use plume_state::{
    Backend, Change, ChangeSet, CommittedBlock, Direction, KvRead, Manifest, MemoryBackend, Record, Restore,
    RestorePart, State, StateConfig, StateOptions, Store, StoreDelta,
};
use plume_state_rocksdb::{RocksBackend, failpoint};
use tempfile::tempdir;

use crate::crash;
use crate::support::{AUTH, BANK, LATE, LOCAL, STORES, open, writes_of};

const SEED: u64 = 77;
/// The height that is taken over.
const HEIGHT: u64 = 30;
/// Blocks executed after it.
const MORE: u64 = 3;
const NAME: &[u8] = b"snapshot of the test";

fn state_on(backend: Arc<dyn Backend>) -> State {
    let options = StateOptions { min_versions: 1, max_versions: 2, window_bytes: 0, ..StateOptions::default() };
    State::open(StateConfig { stores: STORES.to_vec(), derivations: vec![], options }, backend).expect("opens")
}

fn step(state: &mut State, height: u64) {
    let writes = writes_of(SEED, height);
    let writes = writes.into_iter().map(|((store, key), value)| (store, Bytes::from(key), value.map(Bytes::from)));
    let prepared = state.prepare(&ChangeSet::from_writes(writes)).expect("valid");
    state.commit(prepared, height).expect("commits");
}

/// What the other node has: its state, and a snapshot of it.
struct Source {
    state: State,
    manifest: Manifest,
    chunks: Vec<Bytes>,
}

impl Source {
    fn new() -> Self {
        let mut state = state_on(Arc::new(MemoryBackend::new()));
        // Two blocks for each height: enough records for several chunks.
        for height in 1..=HEIGHT {
            step(&mut state, height);
        }
        let export = state.reader().pin(HEIGHT).expect("the latest").export(600).expect("fits");
        let mut chunks = Vec::new();
        let mut keep = |_, chunk| {
            chunks.push(Bytes::from(chunk));
            Ok(())
        };
        export.write(&mut keep).expect("in memory");
        let manifest = export.manifest().clone();
        assert!(chunks.len() >= 6, "{} chunks", chunks.len());
        Self { state, manifest, chunks }
    }

    fn begin(&self, backend: &Arc<RocksBackend>, name: &[u8]) -> Restore {
        let (manifest, hash) = (self.manifest.clone(), self.state.app_hash());
        Restore::begin(backend.clone(), &STORES, manifest, hash, name).expect("the disk works").expect("accepted")
    }

    /// Goes on with what is missing, to the end.
    fn complete(&self, backend: &Arc<RocksBackend>) {
        let mut restore = self.begin(backend, NAME);
        for index in restore.missing().clone() {
            restore.apply(index, &self.chunks[index as usize]).expect("the disk works").expect("true");
        }
        restore.finish(&local()).expect("whole");
    }
}

fn local() -> ChangeSet {
    ChangeSet::from_writes([(LOCAL, Bytes::from_static(b"origin"), Some(Bytes::from_static(b"snapshot")))])
}

fn all(view: &dyn KvRead, store: Store) -> Vec<Record> {
    let (start, end) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    view.range(store, start, end, Direction::Ascending).expect("read").collect::<Result<_, _>>().expect("read")
}

/// Compares with the source, then executes more blocks on both sides and compares again, through a restart.
fn assert_same(source: Source, folder: &Path, backend: Arc<RocksBackend>, context: &str) {
    let mut state = state_on(backend.clone());
    let mut other = source.state;
    for height in HEIGHT..=HEIGHT + MORE {
        if height > HEIGHT {
            step(&mut other, height);
            if state.height() < height {
                step(&mut state, height);
            }
        }
    }
    assert_eq!((state.height(), state.app_hash()), (HEIGHT + MORE, other.app_hash()), "{context}");
    for store in [BANK, AUTH, LATE] {
        assert_eq!(all(&state.latest(), store), all(&other.latest(), store), "{context}");
        // From history: the window is two versions.
        let at = |state: &State| all(&state.reader().at(HEIGHT + 1).expect("readable"), store);
        assert_eq!(at(&state), at(&other), "{context}");
    }
    assert_eq!(state.latest().get(LOCAL, b"origin").expect("read").as_deref(), Some(&b"snapshot"[..]), "{context}");
    state.flush().expect("durable");
    assert_eq!(backend.history_start(), Some(HEIGHT), "{context}");
    assert!(state.reader().at(HEIGHT - 1).is_err(), "{context}");
    drop((state, backend));
    let backend = open(folder);
    assert_eq!((backend.restoring().expect("read"), backend.durable_height()), (None, HEIGHT + MORE), "{context}");
    backend.compact().expect("compacts");
    assert_eq!(state_on(Arc::new(backend)).app_hash(), other.app_hash(), "{context}");
}

#[test]
fn a_snapshot_becomes_the_database() {
    let source = Source::new();
    let folder = tempdir().expect("folder");
    let backend = Arc::new(open(folder.path()));
    let mut restore = source.begin(&backend, NAME);
    // Backwards, with a forged one in between, and a restart in the middle.
    let (first, second) = source.chunks.split_at(3);
    for (index, chunk) in (3_u32..).zip(second).collect::<Vec<_>>().into_iter().rev() {
        restore.apply(index, chunk).expect("the disk works").expect("true");
        assert!(restore.apply(0, chunk).expect("the disk works").is_err());
    }
    drop(restore);
    drop(backend);
    let backend = Arc::new(open(folder.path()));
    let begun = backend.restoring().expect("read").expect("begun");
    assert_eq!((&begun.description[..], begun.parts.len()), (NAME, second.len()));
    assert_eq!((backend.durable().expect("read"), backend.durable_height(), backend.history_start()), (None, 0, None));
    let mut restore =
        Restore::resume(backend.clone(), &STORES, source.manifest.clone(), source.state.app_hash(), &begun.parts)
            .expect("accepted");
    for (index, chunk) in (0..).zip(first) {
        restore.apply(index, chunk).expect("the disk works").expect("true");
    }
    restore.finish(&local()).expect("whole");
    assert_eq!(backend.durable_height(), HEIGHT);
    // Nothing more can be taken over, and saying so does not stop the writer.
    let part = RestorePart { index: 0, store: BANK, records: vec![] };
    assert!(backend.restore_part(part).is_err());
    assert!(backend.restore_begin(NAME, &STORES, 1).is_err());
    backend.restore_discard().expect("nothing to do");
    assert_same(source, folder.path(), backend, "uninterrupted");
}

#[test]
fn wrong_steps_are_refused_and_change_nothing() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    let part = |index, store| RestorePart {
        index,
        store,
        records: vec![(Bytes::from_static(b"k"), Bytes::from_static(b"v"))],
    };
    let end =
        || CommittedBlock { height: 5, previous_height: 0, app_hash: [1; 32], stores: [BANK].into(), deltas: vec![] };
    assert!(backend.restore_part(part(0, BANK)).is_err());
    assert!(backend.restore_finish(end()).is_err());
    backend.restore_begin(NAME, &[BANK], 2).expect("empty");
    assert!(backend.restore_part(part(2, BANK)).is_err());
    assert!(backend.restore_part(part(0, AUTH)).is_err(), "not announced");
    backend.restore_part(part(0, BANK)).expect("kept");
    assert!(backend.restore_finish(end()).is_err(), "one part is missing");
    assert_eq!(backend.restoring().expect("read").expect("begun").parts, [0].into());
    assert_eq!(backend.durable().expect("read"), None);
}

#[test]
fn what_was_begun_is_gone_when_it_is_given_up() {
    let source = Source::new();
    for how in ["discard", "another", "block"] {
        let folder = tempdir().expect("folder");
        let backend = Arc::new(open(folder.path()));
        let mut restore = source.begin(&backend, NAME);
        for (index, chunk) in (0..).zip(&source.chunks) {
            restore.apply(index, chunk).expect("the disk works").expect("true");
        }
        match how {
            "discard" => backend.restore_discard().expect("the disk works"),
            "another" => drop(source.begin(&backend, b"another")),
            _ => {}
        }
        let begun = backend.restoring().expect("read").map(|begun| begun.parts.len());
        let expected = BTreeMap::from([("discard", None), ("another", Some(0)), ("block", Some(source.chunks.len()))]);
        assert_eq!(begun, expected[how], "{how}");
        // Blocks from genesis: nothing of the snapshot is left.
        let change = Change { key: b"only", old: None, new: Some(b"this") };
        let delta = Arc::new(StoreDelta::from_changes(AUTH, [change]));
        let stores = [AUTH, BANK].into();
        let block = CommittedBlock { height: 1, previous_height: 0, app_hash: [9; 32], stores, deltas: vec![delta] };
        backend.persist(block).expect("accepted");
        backend.flush().expect("durable");
        drop(restore);
        drop(backend);
        let backend = open(folder.path());
        assert_eq!(backend.restoring().expect("read"), None, "{how}");
        let mut found = vec![];
        for store in STORES {
            let (start, end) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
            let mut visit = |key: &[u8], value: &[u8]| {
                found.push((store, key.to_vec(), value.to_vec()));
                Ok(())
            };
            backend.scan(store, start, end, &mut visit).expect("read");
        }
        assert_eq!(found, [(AUTH, b"only".to_vec(), b"this".to_vec())], "{how}");
    }
}

/// The process that dies. Does nothing when run as an ordinary test.
#[test]
fn child() {
    let Some((folder, name)) = crash::arm() else { return };
    let backend = Arc::new(open(&folder));
    crash::say(&backend);
    let source = Source::new();
    if name.starts_with("restore/discard") {
        backend.restore_discard().expect("the disk works");
    }
    if backend.durable_height() == 0 {
        source.complete(&backend);
        crash::say(&backend);
    }
    let mut state = state_on(backend.clone());
    for height in HEIGHT + 1..=HEIGHT + MORE {
        step(&mut state, height);
        state.flush().expect("durable");
        crash::say(&backend);
    }
}

#[test]
fn death_at_every_step_leaves_nothing_or_a_part_or_the_whole() {
    let steps = failpoint::ALL.into_iter().filter(|name| name.starts_with("restore/") || name.starts_with("writer/"));
    for name in steps {
        let visits: &[u64] = match name {
            failpoint::RESTORE_WRITTEN | failpoint::RESTORE_PART_KEPT => &[1, 2, 5],
            _ if name.starts_with("writer/") => &[1, 2],
            _ => &[1],
        };
        for visit in visits {
            // The writer's first visit to "received" is a block after the restore; all others end the restore.
            let context = format!("{name} visit {visit}");
            let folder = tempdir().expect("folder");
            if name.starts_with("restore/discard") {
                let backend = Arc::new(open(folder.path()));
                let source = Source::new();
                let mut restore = source.begin(&backend, NAME);
                restore.apply(2, &source.chunks[2]).expect("the disk works").expect("true");
            }
            let reported = crash::run(folder.path(), "restore::child", name, *visit, None).unwrap_or(0);
            let source = Source::new();
            let backend = Arc::new(open(folder.path()));
            let height = backend.durable_height();
            assert!(height >= reported, "{context}: {height} is durable, {reported} was reported");
            if height == 0 {
                assert_eq!(
                    (backend.durable().expect("read"), state_on(backend.clone()).height()),
                    (None, 0),
                    "{context}"
                );
                source.complete(&backend);
            } else {
                assert_eq!(backend.restoring().expect("read"), None, "{context}");
            }
            assert_same(source, folder.path(), backend, &context);
        }
    }
}
