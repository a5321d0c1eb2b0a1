//! State snapshots: written, carried over, forged, interrupted.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use plume_state::{
    Backend, ChangeSet, InvalidChunk, InvalidManifest, Manifest, MemoryBackend, Restore, RestoreRefused, SENTINEL_KEY,
    State, StateError, Store, verify_chunk,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::world::{ACC, BANK, INDEX, LOCAL, UPGRADE, all, commit, config, contents, new_state, open, write};

type Writes = Vec<(Store, Bytes, Option<Bytes>)>;

/// A snapshot as a node serves it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Served {
    manifest: Vec<u8>,
    chunks: Vec<Bytes>,
}

fn serve(state: &State, height: u64, chunk_bytes: u32) -> Served {
    let export = state.reader().pin(height).unwrap().export(chunk_bytes).unwrap();
    let mut chunks = Vec::new();
    export
        .write(&mut |index, chunk| {
            assert_eq!(index as usize, chunks.len());
            chunks.push(Bytes::from(chunk));
            Ok(())
        })
        .unwrap();
    assert_eq!(export.manifest().chunks() as usize, chunks.len());
    Served { manifest: export.manifest().encode(), chunks }
}

fn begin(backend: &MemoryBackend, served: &Served, app_hash: [u8; 32]) -> Restore {
    let manifest = Manifest::decode(&served.manifest).unwrap();
    Restore::begin(Arc::new(backend.clone()), &config().stores, manifest, app_hash, b"from a test").unwrap().unwrap()
}

fn local_records() -> ChangeSet {
    ChangeSet::from_writes([write(LOCAL, b"restored", Some(b"yes"))])
}

/// Takes a snapshot over, its chunks in the order given.
fn restore(served: &Served, app_hash: [u8; 32], order: &[u32]) -> (MemoryBackend, State) {
    let backend = MemoryBackend::new();
    let mut restore = begin(&backend, served, app_hash);
    for index in order {
        restore.apply(*index, &served.chunks[*index as usize]).unwrap().unwrap();
    }
    restore.finish(&local_records()).unwrap();
    let state = open(&backend);
    (backend, state)
}

fn in_order(served: &Served) -> Vec<u32> {
    (0..served.chunks.len() as u32).collect()
}

/// A state of a few hundred records of all sizes, with a history of removals and empty blocks.
fn random_state(seed: u64, records: usize) -> State {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut state = new_state();
    let random = |rng: &mut StdRng| -> Writes {
        (0..records / 4 + 1)
            .map(|_| {
                let store = [BANK, BANK, ACC, LOCAL][rng.gen_range(0..4)];
                let key = rng.gen_range(0_u32..records as u32 * 2 + 1).to_be_bytes();
                let value = vec![rng.r#gen(); if rng.gen_ratio(1, 30) { 700 } else { rng.gen_range(1..40) }];
                write(store, &key, rng.gen_ratio(4, 5).then_some(&value))
            })
            .collect()
    };
    for _ in 0..6 {
        let writes = random(&mut rng);
        commit(&mut state, writes);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_restored_state_is_the_one_that_was_served(seed: u64, records in 0_usize..400, chunk_bytes in 1_u32..4000) {
        let mut state = random_state(seed, records);
        let served = serve(&state, state.height(), chunk_bytes);
        let mut order = in_order(&served);
        let mut rng = StdRng::seed_from_u64(seed);
        for index in (1..order.len()).rev() {
            order.swap(index, rng.gen_range(0..=index));
        }
        let (backend, mut restored) = restore(&served, state.app_hash(), &order);
        prop_assert_eq!((restored.height(), restored.app_hash()), (state.height(), state.app_hash()));
        for store in [BANK, ACC, UPGRADE] {
            prop_assert_eq!(all(&restored.latest(), store), all(&state.latest(), store));
        }
        prop_assert_eq!(all(&restored.latest(), INDEX).len(), all(&state.latest(), BANK).len());
        prop_assert_eq!(contents(&restored.latest(), LOCAL), [(b"restored".to_vec(), b"yes".to_vec())].into());
        prop_assert_eq!(backend.history_start(), Some(state.height()));
        // Every chunk but a single record keeps to the bound, and no two neighbours would fit into one subtree.
        let manifest = Manifest::decode(&served.manifest).unwrap();
        for (index, raw) in (0..).zip(&served.chunks) {
            let records = verify_chunk(&manifest, index, raw).unwrap().records;
            let bytes: usize = records.iter().map(|(key, value)| 6 + key.len() + value.len()).sum();
            prop_assert!(records.len() < 2 || bytes <= chunk_bytes as usize);
        }
        // Both go on alike, proofs and history of new heights included, and serve the same from then on.
        let base = state.height();
        for step in 0_u8..3 {
            let writes = || [write(BANK, &[step, 1], Some(b"new")), write(ACC, &[step], Some(b"x")), write(BANK, &[0, 0, 0, step], None)];
            prop_assert_eq!(commit(&mut state, writes()), commit(&mut restored, writes()));
        }
        let proof = restored.reader().prove(BANK, &[1, 1], base + 2).unwrap();
        let other = state.reader().prove(BANK, &[1, 1], base + 2).unwrap();
        prop_assert_eq!((proof.value, proof.ops, proof.app_hash), (other.value, other.ops, other.app_hash));
        prop_assert_eq!(all(&restored.reader().at(base + 1).unwrap(), BANK), all(&state.reader().at(base + 1).unwrap(), BANK));
        prop_assert_eq!(serve(&restored, base + 3, chunk_bytes), serve(&state, base + 3, chunk_bytes));
        // And a restart loads what was taken over.
        let hash = restored.app_hash();
        drop(restored);
        prop_assert_eq!(open(&backend).app_hash(), hash);
    }
}

#[test]
fn histories_leave_no_trace_in_a_snapshot() {
    let mut first = new_state();
    let mut second = new_state();
    let record = |n: u32| write(BANK, &n.to_be_bytes(), Some(&n.to_le_bytes()));
    commit(&mut first, (0..500).map(record));
    commit(&mut first, []);
    commit(&mut second, (0..1000).rev().map(record));
    commit(&mut second, (500..1000).map(|n| write(BANK, &u32::to_be_bytes(n), None)));
    assert_eq!(first.app_hash(), second.app_hash());
    let served = serve(&first, 2, 1000);
    assert_eq!(served, serve(&second, 2, 1000));
    // One chunk for each of the two empty stores, and a bank of 500 times 14 bytes in subtrees of at most 1000.
    assert_eq!(
        Manifest::decode(&served.manifest).unwrap().stores().iter().map(|s| s.chunks).sum::<u32>(),
        served.chunks.len() as u32
    );
    assert!((10..=20).contains(&served.chunks.len()), "{}", served.chunks.len());
}

#[test]
fn the_format_is_pinned() {
    let mut state = new_state();
    commit(&mut state, [write(BANK, b"k", Some(b"v")), write(BANK, b"m", Some(b"w"))]);
    let served = serve(&state, 1, 8);
    let manifest = Manifest::decode(&served.manifest).unwrap();
    let [acc, bank, upgrade] = manifest.stores() else { panic!("three stores") };
    // The bits of the key hashes: sentinel 0011.., m 0110.., k 1000..
    let expected = [
        &b"PLSM"[..],
        &1_u64.to_be_bytes(),
        &8_u32.to_be_bytes(),
        &[0, 3],
        b"\x03acc",
        &acc.root,
        &[0, 0, 0, 1, 0],
        b"\x04bank",
        &bank.root,
        &[0, 0, 0, 2, 0b1000_0000],
        b"\x07upgrade",
        &upgrade.root,
        &[0, 0, 0, 1, 0],
    ]
    .concat();
    assert_eq!(served.manifest, expected);
    assert_eq!(served.chunks[0], &b"\x03acc\0\0\0\0\0\0"[..]);
    let leaf = |key: &[u8], value: &[u8]| {
        plume_state::sha256(&[&b"JMT::LeafNode"[..], &plume_state::sha256(key), &plume_state::sha256(value)].concat())
    };
    let inner =
        |left: [u8; 32], right: [u8; 32]| plume_state::sha256(&[&b"JMT::IntrnalNode"[..], &left, &right].concat());
    let left = inner(leaf(SENTINEL_KEY, b"\x01"), leaf(b"m", b"w"));
    let right = leaf(b"k", b"v");
    assert_eq!(bank.root, inner(left, right));
    assert_eq!(served.chunks[1], [&b"\x04bank\0\x01\0"[..], &right, b"\0\0\0\x01\0\x01\0\0\0\x01mw"].concat());
    assert_eq!(served.chunks[2], [&b"\x04bank\0\x01\x80"[..], &left, b"\0\0\0\x01\0\x01\0\0\0\x01kv"].concat());
}

/// A chunk taken apart, for forging.
#[derive(Clone)]
struct Parts {
    head: Vec<u8>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

fn take_apart(manifest: &Manifest, index: u32, raw: &Bytes) -> Parts {
    let records = verify_chunk(manifest, index, raw).unwrap().records;
    let bytes: usize = records.iter().map(|(key, value)| 6 + key.len() + value.len()).sum();
    let head = raw[..raw.len() - bytes - 4].to_vec();
    Parts { head, records: records.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect() }
}

fn put_together(parts: &Parts) -> Bytes {
    let mut raw = parts.head.clone();
    raw.extend_from_slice(&(parts.records.len() as u32).to_be_bytes());
    for (key, value) in &parts.records {
        raw.extend_from_slice(&(key.len() as u16).to_be_bytes());
        raw.extend_from_slice(&(value.len() as u32).to_be_bytes());
        raw.extend_from_slice(key);
        raw.extend_from_slice(value);
    }
    raw.into()
}

fn small_state() -> State {
    let mut state = new_state();
    let records = (0..40_u32).map(|n| write(BANK, &[&n.to_be_bytes()[..], b"key"].concat(), Some(&[n as u8; 20])));
    commit(&mut state, records.chain([write(ACC, b"one", Some(b"1")), write(ACC, b"two", Some(b"2"))]));
    state
}

/// A backend on which a restore has begun, and what it held then.
fn begun(served: &Served, app_hash: [u8; 32]) -> (MemoryBackend, Restore) {
    let backend = MemoryBackend::new();
    let restore = begin(&backend, served, app_hash);
    (backend, restore)
}

#[test]
fn every_changed_byte_is_refused_and_nothing_is_kept() {
    let state = small_state();
    let served = serve(&state, 1, 400);
    let (backend, mut restore) = begun(&served, state.app_hash());
    assert!(served.chunks.len() >= 5);
    let mut forged = 0;
    for (index, chunk) in (0..).zip(&served.chunks) {
        for at in 0..chunk.len() {
            for flip in [1, 0x80, 0xFF] {
                let mut bytes = chunk.to_vec();
                bytes[at] ^= flip;
                let verdict = restore.apply(index, &bytes.into()).unwrap();
                assert!(!verdict.expect_err("changed").to_string().is_empty(), "chunk {index}, byte {at}");
                forged += 1;
            }
        }
        for len in 0..chunk.len() {
            assert!(restore.apply(index, &chunk.slice(..len)).unwrap().is_err(), "chunk {index} cut to {len}");
        }
        let longer = Bytes::from([&chunk[..], &[0]].concat());
        assert_eq!(restore.apply(index, &longer).unwrap(), Err(InvalidChunk::Trailing(1)));
    }
    assert!(forged > 3000, "{forged}");
    assert_eq!(restore.missing().len(), served.chunks.len());
    assert_eq!(backend.restoring().unwrap().unwrap().parts, BTreeSet::new());
}

#[test]
fn records_cannot_be_dropped_added_doubled_moved_or_exchanged() {
    let state = small_state();
    let served = serve(&state, 1, 400);
    let manifest = Manifest::decode(&served.manifest).unwrap();
    let refused = |index: u32, parts: &Parts| verify_chunk(&manifest, index, &put_together(parts)).expect_err("forged");
    let root = |error: &InvalidChunk| matches!(error, InvalidChunk::Root { .. });
    for (index, raw) in (0..).zip(&served.chunks) {
        let parts = take_apart(&manifest, index, raw);
        assert_eq!(put_together(&parts), raw);
        for at in 0..parts.records.len() {
            let forge = |change: &dyn Fn(&mut Parts)| {
                let mut forged = parts.clone();
                change(&mut forged);
                refused(index, &forged)
            };
            assert!(root(&forge(&|p| drop(p.records.remove(at)))));
            assert!(root(&forge(&|p| p.records[at].1 = b"richer".to_vec())));
            let doubled = forge(&|p| p.records.insert(at, p.records[at].clone()));
            assert!(
                doubled == InvalidChunk::OutOfOrder { at: at + 1 } || matches!(doubled, InvalidChunk::TooLong { .. })
            );
            assert_eq!(
                forge(&|p| p.records[at].0 = SENTINEL_KEY.to_vec()),
                InvalidChunk::InvalidRecord { at, reason: "the reserved key" }
            );
            assert!(matches!(forge(&|p| p.records[at].0.clear()), InvalidChunk::InvalidRecord { .. }));
            assert!(matches!(forge(&|p| p.records[at].1.clear()), InvalidChunk::InvalidRecord { .. }));
            assert!(matches!(forge(&|p| p.records[at].0 = vec![7; 4097]), InvalidChunk::InvalidRecord { .. }));
            if at + 1 < parts.records.len() {
                assert_eq!(forge(&|p| p.records.swap(at, at + 1)), InvalidChunk::OutOfOrder { at: at + 1 });
            }
        }
        // A record that is not in the state, at its right place.
        let mut forged = parts.clone();
        for n in 0_u32..2000 {
            forged.records = parts.records.clone();
            forged.records.push((n.to_le_bytes().to_vec(), b"new".to_vec()));
            forged.records.sort_by_key(|(key, _)| plume_state::sha256(key));
            let error = refused(index, &forged);
            if root(&error) {
                break;
            }
            assert!(matches!(error, InvalidChunk::OutOfRange { .. } | InvalidChunk::TooLong { .. }), "{error}");
        }
        // Every other chunk under this number: of other ranges and of other stores.
        for other in served.chunks.iter().filter(|other| *other != raw) {
            let error = verify_chunk(&manifest, index, other).expect_err("another chunk");
            assert!(matches!(error, InvalidChunk::OtherStore { .. } | InvalidChunk::OtherRange), "{error}");
        }
        // Other records under this head.
        let other = take_apart(
            &manifest,
            (index + 1) % manifest.chunks(),
            &served.chunks[(index as usize + 1) % served.chunks.len()],
        );
        if other.records != parts.records {
            refused(index, &Parts { head: parts.head.clone(), records: other.records });
        }
    }
    let chunks = manifest.chunks();
    for index in [chunks, u32::MAX] {
        assert_eq!(verify_chunk(&manifest, index, &served.chunks[0]), Err(InvalidChunk::NoSuchChunk { index, chunks }));
    }
}

#[test]
fn announced_lengths_reserve_nothing() {
    let state = small_state();
    let served = serve(&state, 1, 400);
    let manifest = Manifest::decode(&served.manifest).unwrap();
    let parts = take_apart(&manifest, 0, &served.chunks[0]);
    // Four billion records, or one of four gigabytes, in a few bytes.
    let many = [&parts.head[..], &u32::MAX.to_be_bytes()].concat();
    assert_eq!(verify_chunk(&manifest, 0, &many.into()), Err(InvalidChunk::Truncated("a record")));
    let long = [&parts.head[..], b"\0\0\0\x01\0\x01\xff\xff\xff\xffk"].concat();
    assert!(matches!(verify_chunk(&manifest, 0, &long.into()), Err(InvalidChunk::InvalidRecord { at: 0, .. })));
    let large = vec![0; plume_state::MAX_SNAPSHOT_CHUNK_BYTES + 1];
    assert!(matches!(verify_chunk(&manifest, 0, &large.into()), Err(InvalidChunk::TooLong { .. })));
}

#[test]
fn a_subtree_larger_than_the_manifest_allows_is_refused() {
    let state = small_state();
    let whole = serve(&state, 1, 1 << 20);
    // The same cuts under a smaller bound: the bank's only chunk breaks it.
    let mut manifest = whole.manifest.clone();
    manifest[12..16].copy_from_slice(&400_u32.to_be_bytes());
    let manifest = Manifest::decode(&manifest).unwrap();
    assert!(verify_chunk(&manifest, 0, &whole.chunks[0]).is_ok());
    assert!(matches!(verify_chunk(&manifest, 1, &whole.chunks[1]), Err(InvalidChunk::TooLong { most: 400, .. })));
}

#[test]
fn manifests_of_other_states_and_shapes_are_refused() {
    let state = small_state();
    let served = serve(&state, 1, 400);
    let manifest = Manifest::decode(&served.manifest).unwrap();
    assert_eq!(manifest.require_app_hash(state.app_hash()), Ok(()));
    assert_eq!(manifest.encode(), served.manifest);
    let mut accepted = 0;
    for at in 0..served.manifest.len() {
        for flip in [1_u8, 0x10, 0x80] {
            let mut bytes = served.manifest.clone();
            bytes[at] ^= flip;
            let Ok(forged) = Manifest::decode(&bytes) else { continue };
            assert_eq!(forged.encode(), bytes, "one encoding only");
            if forged.require_app_hash(state.app_hash()).is_ok() {
                // Another height or size of chunks, or other cuts of the same stores: no chunk of the real ones passes
                // where it does not belong.
                accepted += 1;
                let same = |real: &plume_state::StoreManifest, other: &plume_state::StoreManifest| {
                    (&real.name, real.root) == (&other.name, other.root)
                };
                assert!(manifest.stores().iter().zip(forged.stores()).all(|(real, other)| same(real, other)));
            }
        }
        assert!(Manifest::decode(&served.manifest[..at]).is_err());
    }
    assert!(accepted > 0);
    assert!(Manifest::decode(&[&served.manifest[..], &[0]].concat()).is_err());
    let too_long = vec![0; plume_state::MAX_MANIFEST_BYTES + 1];
    assert_eq!(Manifest::decode(&too_long), Err(InvalidManifest::TooLong(too_long.len())));
    // Stores that announce more chunks than any snapshot has.
    let mut many = served.manifest.clone();
    many[18 + 4 + 32..18 + 4 + 36].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(Manifest::decode(&many), Err(InvalidManifest::Malformed("number of chunks")));
    // A root changed, a store left out, a store added.
    let backend = || -> Arc<dyn Backend> { Arc::new(MemoryBackend::new()) };
    let begin =
        |hash: [u8; 32], stores: &[Store]| Restore::begin(backend(), stores, manifest.clone(), hash, b"").unwrap();
    assert!(matches!(
        begin([7; 32], &config().stores).err(),
        Some(RestoreRefused::Manifest(InvalidManifest::AppHash { .. }))
    ));
    assert_eq!(
        begin(state.app_hash(), &[ACC, UPGRADE, LOCAL]).err(),
        Some(RestoreRefused::UnknownStore("bank".to_owned()))
    );
}

#[test]
fn chunks_of_another_height_are_refused() {
    let mut state = small_state();
    let old = serve(&state, 1, 400);
    commit(
        &mut state,
        (0..40_u32).map(|n| write(BANK, &[&n.to_be_bytes()[..], b"key"].concat(), Some(&[n as u8 + 1; 20]))),
    );
    let new = serve(&state, 2, 400);
    let manifest = Manifest::decode(&new.manifest).unwrap();
    let mut refused = 0;
    for (index, chunk) in (0..).zip(&old.chunks) {
        let verdict = verify_chunk(&manifest, index, chunk);
        // The stores that did not change have the same chunks at both heights.
        assert_eq!(verdict.is_err(), *chunk != new.chunks[index as usize]);
        refused += usize::from(matches!(verdict, Err(InvalidChunk::Root { .. })));
    }
    assert!(refused >= 4);
    assert!(Manifest::decode(&old.manifest).unwrap().require_app_hash(state.app_hash()).is_err());
}

#[test]
fn an_interrupted_restore_goes_on_and_never_looks_whole() {
    let state = small_state();
    let served = serve(&state, 1, 400);
    let manifest = || Manifest::decode(&served.manifest).unwrap();
    let backend = MemoryBackend::new();
    drop(begin(&backend, &served, state.app_hash()));
    for stop in 0..served.chunks.len() as u32 {
        // Each time another process.
        let begun = backend.restoring().unwrap().expect("in progress");
        assert_eq!((&begun.description[..], begun.parts.len()), (&b"from a test"[..], stop as usize));
        let empty = open(&backend);
        assert_eq!((empty.height(), empty.app_hash()), (0, new_state().app_hash()));
        assert!(all(&empty.latest(), BANK).is_empty());
        let arc: Arc<dyn Backend> = Arc::new(backend.clone());
        let mut restore = Restore::resume(arc, &config().stores, manifest(), state.app_hash(), &begun.parts).unwrap();
        assert_eq!(
            restore.missing().iter().copied().collect::<Vec<_>>(),
            (stop..served.chunks.len() as u32).collect::<Vec<_>>()
        );
        restore.apply(stop, &served.chunks[stop as usize]).unwrap().unwrap();
        // Again, and a forged one in its place.
        restore.apply(stop, &served.chunks[stop as usize]).unwrap().unwrap();
        assert!(restore.apply(stop, &Bytes::from_static(b"forged")).unwrap().is_err());
        if stop + 1 < served.chunks.len() as u32 {
            assert!(restore.finish(&ChangeSet::new()).is_err(), "chunks are missing");
        }
    }
    // The same description goes on with everything; then it is made durable once.
    let restore = begin(&backend, &served, state.app_hash());
    assert!(restore.missing().is_empty());
    restore.finish(&local_records()).unwrap();
    assert_eq!(backend.restoring().unwrap(), None);
    let restored = open(&backend);
    assert_eq!((restored.height(), restored.app_hash()), (1, state.app_hash()));
    let again = Restore::begin(Arc::new(backend), &config().stores, manifest(), state.app_hash(), b"from a test");
    assert_eq!(again.unwrap().err(), Some(RestoreRefused::NotEmpty(1)));
}

#[test]
fn another_snapshot_and_the_first_block_begin_from_nothing() {
    let state = small_state();
    let served = serve(&state, 1, 400);
    let backend = MemoryBackend::new();
    let mut first = begin(&backend, &served, state.app_hash());
    first.apply(1, &served.chunks[1]).unwrap().unwrap();
    // Another description is another restore.
    let manifest = Manifest::decode(&served.manifest).unwrap();
    let arc = || -> Arc<dyn Backend> { Arc::new(backend.clone()) };
    let other = Restore::begin(arc(), &config().stores, manifest, state.app_hash(), b"another").unwrap().unwrap();
    assert_eq!(other.missing().len(), served.chunks.len());
    let mut first = begin(&backend, &served, state.app_hash());
    first.apply(1, &served.chunks[1]).unwrap().unwrap();
    // Blocks from genesis instead.
    let mut from_genesis = open(&backend);
    commit(&mut from_genesis, [write(ACC, b"one", Some(b"1"))]);
    drop(from_genesis);
    let reopened = open(&backend);
    assert!(all(&reopened.latest(), BANK).is_empty());
    assert_eq!(backend.restoring().unwrap(), None);
}

#[test]
fn only_local_stores_are_filled_from_elsewhere() {
    let state = small_state();
    let served = serve(&state, 1, 1 << 20);
    for forged in [write(BANK, b"k", Some(b"v")), write(INDEX, b"k", Some(b"v")), write(LOCAL, b"", Some(b"v"))] {
        let (backend, mut restore) = begun(&served, state.app_hash());
        for (index, chunk) in (0..).zip(&served.chunks) {
            restore.apply(index, chunk).unwrap().unwrap();
        }
        assert!(matches!(restore.finish(&ChangeSet::from_writes([forged])), Err(StateError::Fatal(_))));
        assert_eq!(backend.durable().unwrap(), None);
    }
}

#[test]
fn a_pinned_version_is_written_while_blocks_go_on() {
    let mut settings = config();
    settings.options.min_versions = 1;
    settings.options.max_versions = 1;
    let mut state = State::open(settings, Arc::new(MemoryBackend::new())).unwrap();
    let change = |round: u32| (0..50_u32).map(move |n| write(BANK, &n.to_be_bytes(), Some(&(n + round).to_be_bytes())));
    commit(&mut state, change(1));
    let hash = state.app_hash();
    let expected = serve(&state, 1, 200);
    let pinned = state.reader().pin(1).unwrap();
    assert_eq!((pinned.height(), pinned.snapshot().app_hash().unwrap()), (1, hash));
    for round in 2..4 {
        commit(&mut state, change(round));
    }
    let export = pinned.export(200).unwrap();
    let mut chunks = Vec::new();
    export
        .write(&mut |_, chunk| {
            chunks.push(Bytes::from(chunk));
            Ok(())
        })
        .unwrap();
    assert_eq!(Served { manifest: export.manifest().encode(), chunks }, expected);
    assert!(state.reader().ram_report().versions >= 3);
    // Unpinned it goes with the next block.
    drop(export);
    commit(&mut state, change(4));
    assert!(state.reader().pin(1).is_err());
    assert!(state.reader().pin(0).is_err() && state.reader().pin(99).is_err());
    // A pin holds only so much: the window never grows beyond four times its bounds.
    let pinned = state.reader().pin(state.height()).unwrap();
    let height = pinned.height();
    for round in 5..20 {
        commit(&mut state, change(round));
    }
    assert!(matches!(pinned.export(200).err(), Some(StateError::Unavailable { requested, .. }) if requested == height));
    assert!(state.reader().ram_report().versions <= 5);
}
