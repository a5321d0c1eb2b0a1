//! State sync: what CometBFT asks of a node that serves snapshots, and of one that takes one over.

use std::collections::BTreeMap;

use bytes::Bytes;
use plume_cometbft::client::Client;
use plume_cometbft::{ListenAddress, Origin, Server, ServerOptions};
use plume_engine::SnapshotInfo;
use plume_primitives::Height;
use tendermint_proto::v0_38::abci;

use crate::toy::{self, State, Toy};

/// A server of the chain `toy-1`, and its client.
fn joining() -> (Server<Toy>, std::sync::Arc<toy::Shared>, Client) {
    let origin = Origin { chain_id: "toy-1".to_owned(), initial_height: Height(3) };
    let options = ServerOptions { origin: Some(origin), ..ServerOptions::default() };
    let (server, shared) = toy::serve(&ListenAddress::Tcp(([127, 0, 0, 1], 0).into()), options);
    let client = Client::connect(server.address()).expect("listening");
    (server, shared, client)
}

/// A state of three pairs after height 7.
fn state() -> State {
    let pairs = [("a", "1"), ("b", "2"), ("c", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    State { height: 7, pairs: BTreeMap::from(pairs) }
}

fn raw(info: &SnapshotInfo) -> abci::Snapshot {
    abci::Snapshot {
        height: info.height.get(),
        format: info.format,
        chunks: info.chunks,
        hash: info.hash.clone(),
        metadata: info.metadata.clone(),
    }
}

fn offer(client: &mut Client, snapshot: abci::Snapshot, app_hash: Bytes) -> &'static str {
    let request = abci::RequestOfferSnapshot { snapshot: Some(snapshot), app_hash };
    client.offer_snapshot(request).expect("answered").result().as_str_name()
}

fn apply(client: &mut Client, index: u32, chunk: &Bytes, sender: &str) -> abci::ResponseApplySnapshotChunk {
    let request = abci::RequestApplySnapshotChunk { index, chunk: chunk.clone(), sender: sender.to_owned() };
    client.apply_snapshot_chunk(request).expect("answered")
}

#[test]
fn a_snapshot_is_listed_and_its_chunks_are_given() {
    let (_server, shared, mut client) = joining();
    let (info, chunks) = toy::snapshot(&state());
    let huge = SnapshotInfo { height: Height(8), metadata: vec![0; 4_000_000].into(), ..info.clone() };
    let long = Bytes::from(vec![1; 16_000_000]);
    *shared.snapshots.lock() = vec![(huge, Vec::new()), (info.clone(), [&chunks[..], &[long]].concat())];

    // CometBFT could not carry the first one's metadata.
    assert_eq!(client.list_snapshots(abci::RequestListSnapshots {}).expect("answered").snapshots, [raw(&info)]);
    let mut load = |height: u64, format: u32, chunk: u32| {
        client.load_snapshot_chunk(abci::RequestLoadSnapshotChunk { height, format, chunk }).expect("answered").chunk
    };
    for (index, chunk) in (0..).zip(&chunks) {
        assert_eq!(load(7, 1, index), chunk);
    }
    // Other heights and formats, a chunk too long for CometBFT, none at all, and a panic: missing, not an exception.
    for (height, format, index) in [(6, 1, 0), (7, 2, 0), (7, 1, 3), (7, 1, 4), (7, 99, 0), (u64::MAX, 1, u32::MAX)] {
        assert!(load(height, format, index).is_empty(), "{height} {format} {index}");
    }
}

#[test]
fn chunks_are_verified_on_arrival_and_the_sender_of_a_wrong_one_is_named() {
    let (server, shared, mut client) = joining();
    let (info, chunks) = toy::snapshot(&state());
    assert_eq!(offer(&mut client, raw(&info), state().hash()), "ACCEPT");

    let wrong = apply(&mut client, 1, &chunks[0], "liar");
    assert_eq!(
        (wrong.result().as_str_name(), wrong.refetch_chunks, wrong.reject_senders),
        ("RETRY", vec![1], vec!["liar".to_owned()])
    );
    // CometBFT's own spool file may be damaged: then there is nobody to name.
    let unnamed = apply(&mut client, 1, &chunks[0], "");
    assert_eq!(
        (unnamed.result().as_str_name(), unnamed.refetch_chunks, unnamed.reject_senders),
        ("RETRY", vec![1], vec![])
    );
    for index in [1, 0, 2] {
        let taken = apply(&mut client, index, &chunks[index as usize], "friend");
        assert_eq!(taken, abci::ResponseApplySnapshotChunk { result: 1, ..Default::default() });
    }
    let there = client.info(abci::RequestInfo::default()).expect("answered");
    assert_eq!((there.last_block_height, there.last_block_app_hash), (7, state().hash()));
    // Chunks that were not needed any more are no failure.
    assert_eq!(apply(&mut client, 2, &chunks[2], "friend").result().as_str_name(), "ACCEPT");
    let calls = ["offer 7 of toy-1 from 3, app hash 32 B", "apply 1", "apply 1", "apply 1", "apply 0", "apply 2"];
    assert_eq!(shared.calls(), calls);

    // Blocks go on from there, on the consensus connection.
    let mut consensus = Client::connect(server.address()).expect("listening");
    let block = abci::RequestFinalizeBlock {
        height: 8,
        hash: vec![8; 32].into(),
        time: Some(tendermint_proto::google::protobuf::Timestamp { seconds: 8, nanos: 0 }),
        ..Default::default()
    };
    let done = consensus.finalize_block(block).expect("answered");
    assert_eq!(done.app_hash, state().hash());
    consensus.commit(abci::RequestCommit {}).expect("answered");
}

#[test]
fn offers_are_refused_for_what_they_are() {
    let (server, shared, mut client) = joining();
    let (info, chunks) = toy::snapshot(&state());
    let good = raw(&info);
    let hash = state().hash();
    let nothing = client.offer_snapshot(abci::RequestOfferSnapshot::default()).expect("answered");
    assert_eq!(nothing.result().as_str_name(), "REJECT");
    assert!(shared.calls().is_empty());
    assert_eq!(offer(&mut client, abci::Snapshot { format: 2, ..good.clone() }, hash.clone()), "REJECT_FORMAT");
    assert_eq!(offer(&mut client, good.clone(), Bytes::new()), "REJECT");
    assert_eq!(offer(&mut client, abci::Snapshot { height: 0, ..good.clone() }, hash.clone()), "REJECT");
    assert_eq!(
        offer(&mut client, abci::Snapshot { metadata: Bytes::from_static(b"{"), ..good.clone() }, hash.clone()),
        "ABORT"
    );
    assert_eq!(apply(&mut client, 0, &chunks[0], "x").result().as_str_name(), "REJECT_SNAPSHOT");

    // A snapshot of another state than the app hash's, in spite of the chunks' own hashes.
    assert_eq!(offer(&mut client, good.clone(), vec![1; 32].into()), "ACCEPT");
    let answers: Vec<_> =
        (0..).zip(&chunks).map(|(index, chunk)| apply(&mut client, index, chunk, "x").result().as_str_name()).collect();
    assert_eq!(answers, ["ACCEPT", "ACCEPT", "REJECT_SNAPSHOT"]);
    assert_eq!(apply(&mut client, 0, &chunks[0], "x").result().as_str_name(), "REJECT_SNAPSHOT");

    // An older snapshot connection has nothing more to say.
    let mut newer = Client::connect(server.address()).expect("listening");
    assert_eq!(offer(&mut newer, good.clone(), hash.clone()), "ACCEPT");
    let error = client.offer_snapshot(abci::RequestOfferSnapshot { snapshot: Some(good), app_hash: hash });
    assert!(error.expect_err("superseded").to_string().contains("a newer connection"));
}

#[test]
fn a_state_that_is_there_already_takes_only_its_own_snapshot() {
    let (_server, shared, mut client) = joining();
    *shared.committed.lock() = state();
    let (info, chunks) = toy::snapshot(&state());
    // As after a crash between the last chunk and CometBFT's own record of it.
    assert_eq!(offer(&mut client, abci::Snapshot { height: 9, ..raw(&info) }, state().hash()), "REJECT");
    assert_eq!(offer(&mut client, raw(&info), vec![1; 32].into()), "REJECT");
    assert_eq!(offer(&mut client, raw(&info), state().hash()), "ACCEPT");
    assert_eq!(apply(&mut client, 0, &chunks[0], "x").result().as_str_name(), "ACCEPT");
    assert!(shared.calls().is_empty(), "the state machine was not disturbed");
}

#[test]
fn without_a_genesis_document_no_snapshot_is_taken() {
    let (server, shared) = toy::serve_tcp();
    let mut client = Client::connect(server.address()).expect("listening");
    let (info, _) = toy::snapshot(&state());
    assert_eq!(offer(&mut client, raw(&info), state().hash()), "ABORT");
    assert!(shared.calls().is_empty());
}

#[test]
fn a_disk_that_fails_in_the_middle_stops_the_node() {
    let (server, _shared, mut client) = joining();
    let (info, _) = toy::snapshot(&state());
    assert_eq!(offer(&mut client, raw(&info), state().hash()), "ACCEPT");
    let request =
        abci::RequestApplySnapshotChunk { index: 0, chunk: Bytes::from_static(b"fatal"), ..Default::default() };
    let error = client.apply_snapshot_chunk(request).expect_err("an exception").to_string();
    assert!(error.contains("disk is gone") && error.contains("ApplySnapshotChunk"), "{error}");
    assert!(server.fatal().borrow().is_some());
}
