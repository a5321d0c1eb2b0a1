//! A node takes over the state of another one from a snapshot, and both go on alike.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, SnapshotConfig, stores};
use plume_engine::{ChunkVerdict, Executor, Genesis, Offer, Reader, SnapshotInfo, TrustedState};
use plume_primitives::{Height, Timestamp};
use plume_state::{Backend, MemoryBackend, sha256};
use plume_state_rocksdb::{Config, RocksBackend};
use plume_testkit::Blocks;

use crate::support::*;

fn config(folder: &Path, interval: u64) -> ChainConfig {
    let snapshots =
        SnapshotConfig { folder: Some(folder.join("snapshots")), interval, keep_recent: 2, chunk_bytes: 300 };
    ChainConfig { snapshots, ..ChainConfig::default() }
}

fn document() -> Genesis {
    Genesis { initial_height: Height(5), ..genesis(&app_state(&standard_accounts())) }
}

/// A chain that begins at height 5.
fn source(folder: &Path, interval: u64) -> Net {
    let (config, backend) = (config(folder, interval), Arc::new(MemoryBackend::new()));
    Net::on(config, plume_chain::plume_modules(), backend, &document())
}

/// A block with a transfer to a new account.
fn transfer(net: &mut Net, n: u64) {
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr(&format!("receiver {n}")), 1)).sign();
    let result = net.run(tx);
    assert_eq!((result.code, result.log.as_str()), (0, ""));
}

/// What the engine of the other node has verified of the last committed block of `net`.
fn trusted(net: &Net) -> TrustedState {
    let exported = net.reader.export(None).unwrap();
    TrustedState {
        app_hash: net.reader.info().app_hash,
        chain_id: CHAIN_ID.to_owned(),
        initial_height: Height(5),
        time: Some(exported.time),
        validators: Some(exported.validators),
    }
}

fn chunk(net: &Net, info: &SnapshotInfo, index: u32) -> Bytes {
    net.reader.snapshot_chunk(info.height, info.format, index).unwrap()
}

/// Takes a snapshot of `net` over.
fn take_over(chain: &mut Chain, net: &Net, info: &SnapshotInfo) {
    assert_eq!(chain.offer_snapshot(info, &trusted(net)).unwrap(), Offer::Accept);
    for index in 0..info.chunks {
        let verdict = chain.apply_chunk(index, chunk(net, info, index)).unwrap();
        assert_eq!(verdict == ChunkVerdict::Complete, index + 1 == info.chunks, "{verdict:?}");
    }
}

/// Waits for the thread that writes snapshots.
fn wait_for(net: &Net, height: u64) -> SnapshotInfo {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(info) = net.reader.snapshots().into_iter().find(|info| info.height == Height(height)) {
            return info;
        }
        assert!(Instant::now() < deadline, "no snapshot of height {height}");
        std::thread::yield_now();
    }
}

#[test]
fn a_node_takes_a_state_over_and_both_go_on_alike() {
    let folder = tempfile::tempdir().unwrap();
    let mut net = source(folder.path(), 0);
    (0..20).for_each(|n| transfer(&mut net, n));
    let info = net.reader.take_snapshot(None).unwrap();
    assert_eq!((info.height, info.format, info.hash.len()), (Height(24), 1, 32));
    assert!(info.chunks > 10, "{}", info.chunks);
    assert_eq!(net.reader.snapshots(), std::slice::from_ref(&info));
    assert_eq!(net.reader.snapshot_chunk(info.height, 1, info.chunks), None);
    assert_eq!(net.reader.snapshot_chunk(info.height, 2, 0), None);
    assert_eq!(net.reader.snapshot_chunk(Height(23), 1, 0), None);

    let mut chain = Chain::open(config(&folder.path().join("other"), 0), Arc::new(MemoryBackend::new())).unwrap();
    // A reader from before sees the new state, too.
    let reader = chain.reader();
    take_over(&mut chain, &net, &info);
    assert_eq!(chain.restore_progress(), None);
    assert_eq!(reader.info(), net.reader.info());
    assert_eq!(reader.chain_info(), net.reader.chain_info());
    assert_eq!(reader.export(None).unwrap(), net.reader.export(None).unwrap());
    reader.verify_state(None).unwrap();
    let mut other =
        Net { chain, reader, blocks: Blocks::from(Height(25), Timestamp::default()), init: net.init.clone() };

    // The same checks, the same blocks: derived indexes and account numbers are there.
    let tx = net.tx("bob").msg(&send(&addr("bob"), &addr("one more"), 1)).sign();
    assert_eq!(other.check(&tx), net.check(&tx));
    for n in 0..3 {
        let txs = vec![net.tx("alice").msg(&send(&addr("alice"), &addr(&format!("later {n}")), 2)).sign()];
        let block = net.blocks.next(txs);
        assert_eq!(other.commit(&block), net.commit(&block));
    }
    assert_eq!(other.balance(&addr("later 2")), 2);
    assert_eq!(other.balance_at(&addr("later 2"), Some(Height(25))), 0);
    let key = net.reader.query("/store/bank/key", b"\x00", Some(Height(26)), true).unwrap();
    assert_eq!(other.reader.query("/store/bank/key", b"\x00", Some(Height(26)), true).unwrap(), key);
    assert_eq!(other.reader.query("/store/bank/key", b"\x00", Some(Height(23)), false).unwrap_err().code, 26);
    // And a snapshot of a later height has the same bytes on both.
    let (ours, theirs) = (net.reader.take_snapshot(None).unwrap(), other.reader.take_snapshot(None).unwrap());
    assert_eq!(ours, theirs);
    assert!((0..ours.chunks).all(|index| chunk(&net, &ours, index) == chunk(&other, &theirs, index)));
}

#[test]
fn restarts_between_chunks_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut net = source(folder.path(), 0);
    (0..4).for_each(|n| transfer(&mut net, n));
    let info = net.reader.take_snapshot(None).unwrap();
    let facts = trusted(&net);
    let other = folder.path().join("other");
    let open = || {
        let backend = RocksBackend::open(other.join("state"), &Config::new(CHAIN_ID, stores().unwrap())).unwrap();
        Chain::open(config(&other, 0), Arc::new(backend)).unwrap()
    };
    let mut chain = open();
    assert_eq!(
        (chain.restore_progress(), chain.apply_chunk(0, Bytes::new()).unwrap()),
        (None, ChunkVerdict::RejectSnapshot("no snapshot was accepted".to_owned()),)
    );
    assert_eq!(chain.offer_snapshot(&info, &facts).unwrap(), Offer::Accept);
    // Every chunk in a process of its own, the last one first.
    for index in (0..info.chunks).rev() {
        drop(chain);
        chain = open();
        let progress = chain.restore_progress().unwrap();
        assert_eq!((progress.snapshot, progress.trusted), (info.clone(), facts_in_order(&facts)));
        assert_eq!(progress.missing, (0..=index).collect::<Vec<_>>());
        assert_eq!((chain.reader().info().height, chain.reader().snapshots()), (Height::ZERO, vec![]));
        // Offering it again goes on; so does not offering it.
        if index % 2 == 0 {
            assert_eq!(chain.offer_snapshot(&info, &facts).unwrap(), Offer::Accept);
        }
        let forged = chunk(&net, &info, (index + 1) % info.chunks);
        assert!(matches!(chain.apply_chunk(index, forged).unwrap(), ChunkVerdict::Refused(_)));
        let verdict = chain.apply_chunk(index, chunk(&net, &info, index)).unwrap();
        assert_eq!(verdict, if index == 0 { ChunkVerdict::Complete } else { ChunkVerdict::Applied });
    }
    assert_eq!(chain.reader().info(), net.reader.info());
    let abort = chain.offer_snapshot(&info, &facts).unwrap();
    assert_eq!(abort, Offer::Abort("there is a state of height 8 already".to_owned()));
    drop(chain);
    let mut chain = open();
    assert_eq!((chain.restore_progress(), chain.reader().info()), (None, net.reader.info()));
    let block = net.blocks.next(vec![]);
    let outcome = net.commit(&block);
    assert_eq!(chain.finalize(&block).unwrap(), outcome);
    chain.commit().unwrap();
    chain.drain().unwrap();
}

/// Validators as the records have them, by key.
fn facts_in_order(facts: &TrustedState) -> TrustedState {
    let mut facts = facts.clone();
    if let Some(validators) = &mut facts.validators {
        validators.sort_by(|left, right| left.key.cmp(&right.key));
    }
    facts
}

#[test]
fn offers_that_disagree_with_the_headers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut net = source(folder.path(), 0);
    transfer(&mut net, 0);
    let info = net.reader.take_snapshot(None).unwrap();
    let facts = trusted(&net);
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).unwrap();
    let mut reason = |info: &SnapshotInfo, facts: &TrustedState| match chain.offer_snapshot(info, facts).unwrap() {
        Offer::Reject(reason) => reason,
        other => panic!("{other:?}"),
    };
    let other_hash = TrustedState { app_hash: vec![9; 32].into(), ..facts.clone() };
    assert!(reason(&info, &other_hash).contains("lead to app hash"));
    let no_hash = TrustedState { app_hash: Bytes::new(), ..facts.clone() };
    assert!(reason(&info, &no_hash).contains("0 bytes"));
    let other_chain = TrustedState { chain_id: "other-1".to_owned(), ..facts.clone() };
    assert!(reason(&info, &other_chain).contains("other-1"));
    let other_origin = TrustedState { initial_height: Height(1), ..facts.clone() };
    assert!(reason(&info, &other_origin).contains("initial height"));
    let other_time = TrustedState { time: Some(Timestamp::default()), ..facts.clone() };
    assert!(reason(&info, &other_time).contains("time"));
    let other_validators = TrustedState { validators: Some(vec![]), ..facts.clone() };
    assert!(reason(&info, &other_validators).contains("validators"));
    let offers: [(&str, SnapshotInfo); 4] = [
        ("hash", SnapshotInfo { hash: vec![0; 32].into(), ..info.clone() }),
        ("hash", SnapshotInfo { metadata: Bytes::new(), ..info.clone() }),
        ("height", SnapshotInfo { height: Height(4), ..info.clone() }),
        ("chunks", SnapshotInfo { chunks: info.chunks + 1, ..info.clone() }),
    ];
    for (word, offer) in offers {
        assert!(reason(&offer, &facts).contains(word));
    }
    // A whole other metadata under its own hash.
    for metadata in [Bytes::new(), Bytes::from_static(b"\xff\xff\xff"), info.metadata.slice(..info.metadata.len() - 1)]
    {
        let hash = Bytes::copy_from_slice(&sha256(&metadata));
        assert!(!reason(&SnapshotInfo { hash, metadata, ..info.clone() }, &facts).is_empty());
    }
    let format = chain.offer_snapshot(&SnapshotInfo { format: 2, ..info.clone() }, &facts).unwrap();
    assert_eq!(format, Offer::RejectFormat("format 2 is not known, 1 is".to_owned()));
    assert_eq!(chain.restore_progress(), None);
    // Nothing of it has left a trace: the same node takes the true one.
    take_over(&mut chain, &net, &info);
    assert_eq!(chain.reader().info(), net.reader.info());
}

#[test]
fn a_restore_that_is_given_up_leaves_genesis_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut net = source(folder.path(), 0);
    transfer(&mut net, 0);
    let info = net.reader.take_snapshot(None).unwrap();
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let mut chain = Chain::open(ChainConfig::default(), backend.clone()).unwrap();
    // After genesis was given, too.
    let init = chain.init_chain(document()).unwrap();
    for how in ["discard", "genesis"] {
        assert_eq!(chain.offer_snapshot(&info, &trusted(&net)).unwrap(), Offer::Accept);
        assert_eq!(chain.apply_chunk(0, chunk(&net, &info, 0)).unwrap(), ChunkVerdict::Applied);
        assert!(chain.finalize(&net.blocks.next(vec![])).is_err(), "no block before the state is whole");
        if how == "discard" {
            chain.discard_restore().unwrap();
        } else {
            assert_eq!(chain.init_chain(document()).unwrap(), init);
        }
        assert_eq!((chain.restore_progress(), backend.restoring().unwrap()), (None, None));
    }
    let mut fresh = Net::with_genesis(&document());
    for _ in 0..2 {
        let block = fresh.blocks.next(vec![]);
        assert_eq!(chain.finalize(&block).unwrap(), fresh.commit(&block));
        chain.commit().unwrap();
    }
}

#[test]
fn snapshots_are_written_at_the_interval_and_old_ones_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots");
    let heights = |net: &Net| net.reader.snapshots().iter().map(|info| info.height.get()).collect::<Vec<_>>();
    {
        let mut net = source(folder.path(), 3);
        for n in 5..=12 {
            transfer(&mut net, n);
            if n % 3 == 0 {
                assert_eq!(wait_for(&net, n).height, Height(n));
            }
        }
        // The one before the last is removed after the last one is there.
        let deadline = Instant::now() + Duration::from_secs(60);
        while heights(&net) != [12, 9] {
            assert!(Instant::now() < deadline, "{:?}", heights(&net));
            std::thread::yield_now();
        }
        net.chain.drain().unwrap();
    }
    // What a crash leaves while writing and while removing, and what is no snapshot.
    std::fs::create_dir(path.join("15.tmp")).unwrap();
    std::fs::write(path.join("15.tmp/chunk-0"), b"half").unwrap();
    std::fs::create_dir(path.join("18")).unwrap();
    std::fs::write(path.join("18/metadata"), b"garbled").unwrap();
    std::fs::remove_file(path.join("9/chunk-1")).unwrap();
    let net = source(folder.path(), 3);
    assert_eq!(heights(&net), [12]);
    assert!(!path.join("15.tmp").exists());
    let info = net.reader.snapshots().remove(0);
    let mut chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).unwrap();
    let facts = TrustedState {
        app_hash: Bytes::copy_from_slice(&app_hash_of(&net, &info)),
        chain_id: CHAIN_ID.to_owned(),
        initial_height: Height(5),
        // As over ABCI: the snapshot's claims are taken.
        time: None,
        validators: None,
    };
    assert_eq!(chain.offer_snapshot(&info, &facts).unwrap(), Offer::Accept);
    for index in 0..info.chunks {
        chain.apply_chunk(index, chunk(&net, &info, index)).unwrap();
    }
    assert_eq!(chain.reader().info().height, Height(12));
    assert_eq!(chain.reader().export(None).unwrap().validators, document().validators);
}

/// The app hash after the blocks of the interval test, from a chain of its own.
fn app_hash_of(net: &Net, info: &SnapshotInfo) -> Bytes {
    assert_eq!(net.reader.info().height, Height::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let mut again = source(folder.path(), 0);
    for n in 5..=info.height.get() {
        transfer(&mut again, n);
    }
    assert_eq!(again.reader.take_snapshot(None).unwrap(), *info);
    again.reader.info().app_hash
}
