//! Every method, order, flushing, and what a new connection means.

use std::time::Duration;

use bytes::Bytes;
use plume_cometbft::client::{Client, ClientError};
use plume_cometbft::{ListenAddress, Server, ServerError, ServerOptions};
use plume_engine::Executor;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::{self, request, response};
use tendermint_proto::v0_38::crypto::{PublicKey, public_key};

use crate::toy::{self, Toy};

/// Long enough for a loaded machine, short enough that a hung test ends.
const PATIENCE: Duration = Duration::from_secs(60);

fn connect(server: &Server<Toy>) -> Client {
    let client = Client::connect(server.address()).expect("listening");
    client.set_read_timeout(Some(PATIENCE)).expect("settable option");
    client
}

fn init() -> abci::RequestInitChain {
    abci::RequestInitChain {
        time: Some(Timestamp { seconds: 1, nanos: 0 }),
        chain_id: "toy-1".to_owned(),
        app_state_bytes: Bytes::from_static(b"{\"a\":\"0\"}"),
        initial_height: 1,
        ..Default::default()
    }
}

fn finalize(height: i64, txs: &[&'static [u8]]) -> abci::RequestFinalizeBlock {
    let hash = Bytes::from(vec![u8::try_from(height).expect("small heights"); 32]);
    abci::RequestFinalizeBlock {
        txs: txs.iter().map(|tx| Bytes::from_static(tx)).collect(),
        hash,
        height,
        time: Some(Timestamp { seconds: height, nanos: 0 }),
        ..Default::default()
    }
}

fn process(height: i64, txs: &[&'static [u8]]) -> abci::RequestProcessProposal {
    let f = finalize(height, txs);
    abci::RequestProcessProposal { txs: f.txs, hash: f.hash, height, time: f.time, ..Default::default() }
}

fn query(key: &'static str, height: i64) -> abci::RequestQuery {
    abci::RequestQuery { data: Bytes::from_static(key.as_bytes()), path: "/pair".to_owned(), height, prove: true }
}

/// `tendermint-abci`'s client is other people's code: it sends no Flush and reads one answer per
/// request. It has no PrepareProposal and no ProcessProposal.
#[test]
fn an_independent_client_gets_every_answer_that_it_knows() {
    let (server, shared) = toy::serve_tcp();
    let ListenAddress::Tcp(address) = server.address() else { panic!("served over tcp") };
    let mut peer = tendermint_abci::ClientBuilder::default().connect(address).expect("listening");

    assert_eq!(peer.echo(abci::RequestEcho { message: "hello".to_owned() }).expect("answered").message, "hello");
    let info = peer.info(abci::RequestInfo::default()).expect("answered");
    assert_eq!((info.data.as_str(), info.last_block_height, info.last_block_app_hash.len()), ("toy", 0, 0));
    let genesis = peer.init_chain(init()).expect("answered");
    assert_eq!(genesis.app_hash.len(), 32);
    assert_eq!(
        peer.info(abci::RequestInfo::default()).expect("answered").last_block_height,
        0,
        "nothing is committed yet"
    );

    let check = peer.check_tx(abci::RequestCheckTx { tx: Bytes::from_static(b"b=1"), r#type: 1 }).expect("answered");
    assert_eq!((check.code, check.gas_wanted, check.log.as_str()), (0, 10, "Recheck"));
    let check = peer.check_tx(abci::RequestCheckTx { tx: Bytes::from_static(b"junk"), r#type: 0 }).expect("answered");
    assert_eq!((check.code, check.codespace.as_str(), check.log.as_str()), (1, "toy", "no pair: junk"));

    let key = hex::encode([9; 32]);
    let mut block = finalize(1, &[b"b=1", b"junk"]);
    block.txs.push(Bytes::from(format!("val:{key}:7")));
    let done = peer.finalize_block(block).expect("answered");
    assert_eq!(
        done.tx_results.iter().map(|r| (r.code, r.gas_used, r.data.as_ref(), r.events.len())).collect::<Vec<_>>(),
        [(0, 5, &b"1"[..], 1), (1, 5, b"", 0), (0, 5, b"", 0)]
    );
    assert_eq!(
        done.validator_updates,
        [abci::ValidatorUpdate {
            pub_key: Some(PublicKey { sum: Some(public_key::Sum::Ed25519(vec![9; 32])) }),
            power: 7
        }]
    );
    assert_eq!((done.events.len(), done.app_hash != genesis.app_hash), (1, true));
    assert_eq!(
        peer.info(abci::RequestInfo::default()).expect("answered").last_block_height,
        0,
        "finalized is not committed"
    );
    assert_eq!(peer.commit().expect("answered").retain_height, 0);
    let info = peer.info(abci::RequestInfo::default()).expect("answered");
    assert_eq!((info.last_block_height, info.last_block_app_hash), (1, done.app_hash));

    let found = peer.query(query("b", 0)).expect("answered");
    assert_eq!((found.code, found.height, found.key.as_ref(), found.value.as_ref()), (0, 1, &b"b"[..], &b"1"[..]));
    assert_eq!(found.proof_ops.map(|ops| ops.ops.len()), Some(1));
    let late = peer.query(query("b", 2)).expect("answered");
    assert_eq!((late.code, late.codespace.as_str(), late.log.as_str(), late.height), (26, "sdk", "invalid height", 1));
    let negative = peer.query(query("b", -1)).expect("answered");
    assert_eq!(
        (negative.code, negative.log.as_str()),
        (18, "cannot query with height < 0; please provide a valid height: invalid request")
    );

    // Vote extensions are off; there are no snapshots, and none was offered.
    assert!(
        peer.extend_vote(abci::RequestExtendVote { height: 2, ..Default::default() })
            .expect("answered")
            .vote_extension
            .is_empty()
    );
    let verify = |peer: &mut tendermint_abci::Client, extension: &'static [u8]| {
        peer.verify_vote_extension(abci::RequestVerifyVoteExtension {
            vote_extension: Bytes::from_static(extension),
            ..Default::default()
        })
        .expect("answered")
        .status()
        .as_str_name()
    };
    assert_eq!((verify(&mut peer, b""), verify(&mut peer, b"x")), ("ACCEPT", "REJECT"));
    assert!(peer.list_snapshots().expect("answered").snapshots.is_empty());
    assert_eq!(
        peer.offer_snapshot(abci::RequestOfferSnapshot::default()).expect("answered").result().as_str_name(),
        "REJECT"
    );
    assert!(peer.load_snapshot_chunk(abci::RequestLoadSnapshotChunk::default()).expect("answered").chunk.is_empty());
    assert_eq!(
        peer.apply_snapshot_chunk(abci::RequestApplySnapshotChunk::default()).expect("answered").result().as_str_name(),
        "REJECT_SNAPSHOT"
    );
    peer.flush().expect("answered");

    assert_eq!(shared.calls(), ["discard", "init_chain 1", "finalize 1", "commit 1"]);
    server.stop().expect("healthy");
    assert_eq!(shared.calls().last().map(String::as_str), Some("drain"));
}

#[test]
fn retain_height_and_repeated_genesis_pass_through() {
    let (server, shared) = toy::serve_tcp();
    let mut client = connect(&server);
    client.init_chain(init()).expect("answered");
    client
        .init_chain(abci::RequestInitChain { initial_height: 40, ..init() })
        .expect("accepted again while nothing is committed");
    client.finalize_block(finalize(40, &[b"b=1"])).expect("answered");
    assert_eq!(client.commit(abci::RequestCommit {}).expect("answered").retain_height, 20);
    assert_eq!(shared.calls(), ["discard", "init_chain 1", "init_chain 40", "finalize 40", "commit 40"]);
}

#[test]
fn proposals_are_prepared_judged_and_executed_ahead() {
    let (server, shared) = toy::serve_tcp();
    let mut client = connect(&server);
    client.init_chain(init()).expect("answered");

    let txs = ["k=0123456789", "junk", "l=0123456789", "m=0"].map(Bytes::from).to_vec();
    let prepare =
        |max_tx_bytes, txs| abci::RequestPrepareProposal { max_tx_bytes, txs, height: 1, ..Default::default() };
    // 14 bytes each for the pairs k and l, 5 for m.
    let prepared = client.prepare_proposal(prepare(33, txs.clone())).expect("answered").txs;
    assert_eq!(prepared, ["k=0123456789", "l=0123456789", "m=0"].map(Bytes::from));
    let prepared = client.prepare_proposal(prepare(32, txs)).expect("answered").txs;
    assert_eq!(prepared, ["k=0123456789", "l=0123456789"].map(Bytes::from));
    // An executor that forgets the room must not bring CometBFT down: 10 + 14 bytes.
    let greedy = ["greedy=0", "l=0123456789"].map(Bytes::from).to_vec();
    assert_eq!(client.prepare_proposal(prepare(24, greedy.clone())).expect("answered").txs.len(), 2);
    assert_eq!(client.prepare_proposal(prepare(23, greedy)).expect("answered").txs, [Bytes::from_static(b"greedy=0")]);

    assert_eq!(client.process_proposal(process(1, &[b"junk"])).expect("answered").status().as_str_name(), "REJECT");
    assert_eq!(client.process_proposal(process(1, &[b"b=1"])).expect("answered").status().as_str_name(), "ACCEPT");
    let done = client.finalize_block(finalize(1, &[b"b=1"])).expect("answered");
    assert_eq!(done.tx_results.len(), 1);
    client.commit(abci::RequestCommit {}).expect("answered");
    let calls = shared.calls();
    assert_eq!(
        calls[calls.len() - 5..],
        ["process 1", "process 1", "anticipate 1", "finalize 1 ahead", "commit 1"],
        "a rejected block is not executed"
    );
}

#[test]
fn the_verdict_does_not_wait_for_the_execution_ahead() {
    let (server, shared) = toy::serve_tcp();
    let mut client = connect(&server);
    client.init_chain(init()).expect("answered");
    shared.gate.close();
    assert_eq!(
        client
            .process_proposal(process(1, &[b"b=1"]))
            .expect("answered while the executor is held")
            .status()
            .as_str_name(),
        "ACCEPT"
    );
    assert_eq!(shared.calls().last().map(String::as_str), Some("process 1"));
    shared.gate.open();
    client.finalize_block(finalize(1, &[b"b=1"])).expect("answered");
    assert_eq!(shared.calls()[2..], ["process 1", "anticipate 1", "finalize 1 ahead"]);
}

#[test]
fn pipelined_requests_are_answered_one_by_one_in_order() {
    let (server, _) = toy::serve_tcp();
    let mut client = connect(&server);
    for i in 0..2000 {
        client.queue(request::Value::CheckTx(abci::RequestCheckTx { tx: Bytes::from(format!("junk{i}")), r#type: 0 }));
        if i % 500 == 499 {
            client.queue(request::Value::Flush(abci::RequestFlush {}));
        }
    }
    client.send().expect("open");
    for i in 0..2000 {
        let Some(response::Value::CheckTx(check)) = client.receive().expect("answered") else {
            panic!("answer {i} is not CheckTx")
        };
        assert_eq!(check.log, format!("no pair: junk{i}"));
        if i % 500 == 499 {
            assert!(matches!(client.receive().expect("answered"), Some(response::Value::Flush(_))));
        }
    }
    // No Flush at the end: the idle input flushes.
    client.queue(request::Value::Echo(abci::RequestEcho { message: "last".to_owned() }));
    client.send().expect("open");
    assert_eq!(
        client.receive().expect("answered"),
        Some(response::Value::Echo(abci::ResponseEcho { message: "last".to_owned() }))
    );
}

#[test]
fn an_answer_does_not_wait_for_the_rest_of_the_next_frame() {
    let (server, _) = toy::serve_tcp();
    let mut client = connect(&server);
    client.queue(request::Value::Echo(abci::RequestEcho { message: "one".to_owned() }));
    client.queue_raw(&[4, 0x0a]);
    client.send().expect("open");
    assert_eq!(
        client.receive().expect("answered"),
        Some(response::Value::Echo(abci::ResponseEcho { message: "one".to_owned() }))
    );
    // Together 4, 0a 02 0a 00: an Echo without text.
    client.queue_raw(&[0x02, 0x0a, 0x00]);
    client.send().expect("open");
    assert_eq!(
        client.receive().expect("answered"),
        Some(response::Value::Echo(abci::ResponseEcho { message: String::new() }))
    );
}

#[test]
fn four_connections_work_while_a_block_executes() {
    let (server, shared) = toy::serve_tcp();
    let mut clients: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    let mut consensus = clients.pop().expect("four above");
    consensus.init_chain(init()).expect("answered");
    consensus.finalize_block(finalize(1, &[b"b=1"])).expect("answered");
    consensus.commit(abci::RequestCommit {}).expect("answered");
    for client in &mut clients {
        client.info(abci::RequestInfo::default()).expect("answered");
    }
    shared.gate.close();
    consensus.queue(request::Value::FinalizeBlock(finalize(2, &[b"wait"])));
    consensus.send().expect("open");
    for client in &mut clients {
        assert_eq!(client.query(query("b", 0)).expect("answered").value.as_ref(), b"1");
        assert_eq!(
            client.check_tx(abci::RequestCheckTx { tx: Bytes::from_static(b"c=1"), r#type: 0 }).expect("answered").code,
            0
        );
        assert_eq!(client.info(abci::RequestInfo::default()).expect("answered").last_block_height, 1);
        client.list_snapshots(abci::RequestListSnapshots {}).expect("answered");
    }
    shared.gate.open();
    assert!(matches!(consensus.receive().expect("answered"), Some(response::Value::FinalizeBlock(_))));
}

#[test]
fn a_new_consensus_connection_drops_what_was_not_committed() {
    let (server, shared) = toy::serve_tcp();
    let mut old = connect(&server);
    old.init_chain(init()).expect("answered");
    old.finalize_block(finalize(1, &[b"b=1"])).expect("answered");
    old.commit(abci::RequestCommit {}).expect("answered");
    let lost = old.finalize_block(finalize(2, &[b"b=2"])).expect("answered");

    let mut new = connect(&server);
    assert_eq!(new.info(abci::RequestInfo::default()).expect("answered").last_block_height, 1);
    let again = new.finalize_block(finalize(2, &[b"b=2"])).expect("replayed");
    assert_eq!(again.app_hash, lost.app_hash);
    // What the old process still had in flight does not touch the new session.
    let refused = old.commit(abci::RequestCommit {}).expect_err("superseded");
    assert!(
        matches!(&refused, ClientError::Exception(text) if text == "a newer connection has taken over consensus"),
        "{refused}"
    );
    new.commit(abci::RequestCommit {}).expect("answered");
    assert_eq!(
        shared.calls(),
        ["discard", "init_chain 1", "finalize 1", "commit 1", "finalize 2", "discard", "finalize 2", "commit 2"]
    );
}

#[test]
fn asking_info_on_a_further_connection_disturbs_nothing() {
    let (server, shared) = toy::serve_tcp();
    let mut consensus = connect(&server);
    consensus.init_chain(init()).expect("answered");
    consensus.finalize_block(finalize(1, &[b"b=1"])).expect("answered");
    connect(&server).info(abci::RequestInfo::default()).expect("answered");
    consensus.commit(abci::RequestCommit {}).expect("still finalized");
    assert_eq!(shared.calls(), ["discard", "init_chain 1", "finalize 1", "commit 1"]);
}

#[test]
fn a_fatal_condition_ends_consensus_and_is_reported() {
    for (tx, text) in [(&b"fatal"[..], "FinalizeBlock: disk is gone"), (b"panic", "FinalizeBlock: panic: tripped")] {
        let (server, shared) = toy::serve_tcp();
        let fatal = server.fatal();
        let mut client = connect(&server);
        client.init_chain(init()).expect("answered");
        let error = client.finalize_block(finalize(1, &[tx])).expect_err("fatal");
        assert!(matches!(&error, ClientError::Exception(got) if *got == format!("fatal: {text}")), "{error}");
        assert_eq!(fatal.borrow().as_ref().map(ToString::to_string), Some(text.to_owned()));
        // Nothing runs after it, on any connection.
        let error = connect(&server).commit(abci::RequestCommit {}).expect_err("fatal");
        assert!(matches!(&error, ClientError::Exception(got) if *got == format!("fatal: {text}")), "{error}");
        assert_eq!(shared.calls(), ["discard", "init_chain 1", "finalize 1"]);
        assert_eq!(server.stop().err().map(|fatal| fatal.to_string()), Some(text.to_owned()));
    }
}

#[test]
fn a_refused_genesis_is_fatal() {
    let (server, _) = toy::serve_tcp();
    let error = connect(&server)
        .init_chain(abci::RequestInitChain { app_state_bytes: Bytes::from_static(b"["), ..init() })
        .expect_err("not an object");
    assert!(matches!(&error, ClientError::Exception(text) if text.starts_with("fatal: InitChain: ")), "{error}");
}

#[test]
fn a_panic_in_a_check_or_query_is_a_code_not_an_exception() {
    let (server, _) = toy::serve_tcp();
    let mut client = connect(&server);
    let check =
        client.check_tx(abci::RequestCheckTx { tx: Bytes::from_static(b"panic"), r#type: 0 }).expect("answered");
    assert_eq!(
        (check.code, check.codespace.as_str(), check.log.contains("tripped in check")),
        (111_222, "undefined", true)
    );
    let found = client.query(abci::RequestQuery { path: "panic".to_owned(), ..Default::default() }).expect("answered");
    assert_eq!(
        (found.code, found.codespace.as_str(), found.log.contains("tripped in query")),
        (111_222, "undefined", true)
    );
}

#[test]
fn unix_sockets_are_private_replace_dead_ones_and_respect_live_ones() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("temp dir");
    let path = folder.path().join("abci.sock");
    let address = ListenAddress::Unix(path.clone());
    // What a killed process leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("free path"));
    assert!(path.exists());

    let (server, shared) = toy::serve(&address, ServerOptions::default());
    assert_eq!(std::fs::metadata(&path).expect("bound").permissions().mode() & 0o777, 0o600);
    assert_eq!(connect(&server).echo(abci::RequestEcho { message: "x".to_owned() }).expect("answered").message, "x");
    let second = Server::start(Toy::default(), &address, ServerOptions::default()).map(|_| ()).expect_err("taken");
    assert!(matches!(second, ServerError::InUse(_)), "{second}");
    let mut toy = server.stop().expect("healthy");
    assert!(!path.exists());
    toy.drain().expect("given back alive");
    assert_eq!(shared.calls(), ["drain", "drain"]);

    let long = ListenAddress::Unix(folder.path().join("x".repeat(108)));
    let error = Server::start(Toy::default(), &long, ServerOptions::default()).map(|_| ()).expect_err("too long");
    assert!(matches!(error, ServerError::PathTooLong { length, .. } if length > 107), "{error}");
    // A file that is not a socket is somebody's file.
    std::fs::write(&path, b"mine").expect("writable");
    let error =
        Server::start(Toy::default(), &address, ServerOptions::default()).map(|_| ()).expect_err("not a socket");
    assert!(matches!(error, ServerError::Listen { .. }), "{error}");
    assert_eq!(std::fs::read(&path).expect("kept"), b"mine");
}
