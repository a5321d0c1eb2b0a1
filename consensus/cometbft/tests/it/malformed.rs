//! Bytes that CometBFT never sends: answered with an exception, never with a panic.

use std::time::Duration;

use bytes::Bytes;
use plume_cometbft::client::Client;
use plume_cometbft::{ListenAddress, Server, ServerOptions};
use tendermint_proto::v0_38::abci::{self, response};

use crate::toy::{self, Toy};

fn small() -> Server<Toy> {
    toy::serve(
        &ListenAddress::Tcp(([127, 0, 0, 1], 0).into()),
        ServerOptions { max_frame: 1000, ..ServerOptions::default() },
    )
    .0
}

fn connect(server: &Server<Toy>) -> Client {
    let client = Client::connect(server.address()).expect("listening");
    client.set_read_timeout(Some(Duration::from_secs(60))).expect("settable option");
    client
}

/// The exception that must come next.
fn exception(client: &mut Client) -> String {
    match client.receive().expect("answered") {
        Some(response::Value::Exception(exception)) => exception.error,
        other => panic!("expected an exception, got {other:?}"),
    }
}

fn still_alive(client: &mut Client) {
    assert_eq!(client.echo(abci::RequestEcho { message: "alive".to_owned() }).expect("answered").message, "alive");
}

#[test]
fn a_frame_above_the_limit_ends_the_connection_and_nothing_else() {
    let server = small();
    let mut client = connect(&server);
    // 1001 bytes announced, none sent: judged by the length alone.
    client.queue_raw(&[0xe9, 0x07]);
    client.send().expect("open");
    assert_eq!(exception(&mut client), "frame of 1001 bytes is larger than the limit of 1000");
    assert_eq!(client.receive().expect("closed cleanly"), None);
    still_alive(&mut connect(&server));
}

#[test]
fn a_large_frame_arrives_whole() {
    let (server, _) = toy::serve_tcp();
    let mut client = connect(&server);
    let message = "m".repeat(8 * 1024 * 1024);
    assert_eq!(client.echo(abci::RequestEcho { message: message.clone() }).expect("answered").message, message);
}

#[test]
fn announced_bytes_are_not_allocated() {
    let (server, _) = toy::serve_tcp();
    // 200 connections announce 2 GiB each: 400 GiB, were it allocated on faith.
    let mut clients: Vec<_> = (0..200).map(|_| connect(&server)).collect();
    for client in &mut clients {
        client.queue_raw(&[0xff, 0xff, 0xff, 0xff, 0x07, 0x0a]);
        client.send().expect("open");
    }
    still_alive(&mut connect(&server));
    let mut client = clients.pop().expect("200 above");
    client.finish().expect("open");
    assert_eq!(exception(&mut client), "stream ended inside a frame, with 6 bytes of it read");
}

#[test]
fn an_over_long_length_ends_the_connection() {
    let server = small();
    for bytes in [&[0x80; 10][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
        let mut client = connect(&server);
        client.queue_raw(bytes);
        client.send().expect("open");
        assert_eq!(exception(&mut client), "frame length is not a varint of at most 64 bits");
        assert_eq!(client.receive().expect("closed cleanly"), None);
    }
}

#[test]
fn a_truncated_frame_is_named_when_the_stream_ends() {
    let server = small();
    let mut client = connect(&server);
    client.queue_raw(&[0x05, 0x0a, 0x03]);
    client.send().expect("open");
    client.finish().expect("open");
    assert_eq!(exception(&mut client), "stream ended inside a frame, with 3 bytes of it read");
    assert_eq!(client.receive().expect("closed cleanly"), None);
}

#[test]
fn an_unknown_or_broken_request_is_one_answer_and_the_connection_goes_on() {
    let server = small();
    let mut client = connect(&server);
    // A frame of no bytes; a request of a later ABCI (field 99); a wrong wire type; cut inside.
    for (bytes, text) in [
        (&[0x00][..], "unknown request"),
        (&[0x03, 0x9a, 0x06, 0x00], "unknown request"),
        (&[0x02, 0x08, 0x01], "malformed request: failed to decode"),
        (&[0x02, 0x0a, 0x05], "malformed request: failed to decode"),
        (&[0x01, 0xff], "malformed request: failed to decode"),
    ] {
        client.queue_raw(bytes);
        client.send().expect("open");
        let error = exception(&mut client);
        assert!(error.starts_with(text), "{error}");
        still_alive(&mut client);
    }
}

#[test]
fn impossible_values_inside_a_request_are_one_exception() {
    let (server, shared) = toy::serve_tcp();
    let mut client = connect(&server);
    let mut ask = |request| client.finalize_block(request).expect_err("impossible").to_string();
    let block = || abci::RequestFinalizeBlock { height: 1, ..Default::default() };
    assert_eq!(
        ask(abci::RequestFinalizeBlock { height: 0, ..block() }),
        "abci exception: malformed request: height 0 is out of range"
    );
    assert_eq!(
        ask(abci::RequestFinalizeBlock { height: i64::MIN, ..block() }),
        "abci exception: malformed request: height -9223372036854775808 is out of range"
    );
    let mut client = connect(&server);
    let votes = vec![abci::VoteInfo { validator: Some(abci::Validator::default()), block_id_flag: 9 }];
    let error = client
        .finalize_block(abci::RequestFinalizeBlock {
            decided_last_commit: Some(abci::CommitInfo { round: 0, votes }),
            ..block()
        })
        .expect_err("impossible");
    assert_eq!(error.to_string(), "abci exception: malformed request: vote flag 9 is unknown");
    assert_eq!(shared.calls(), ["discard", "discard"], "nothing ran, nothing is fatal");
    assert!(server.fatal().borrow().is_none());
}

/// A cheap stand-in for the fuzz target: every prefix and every single-byte change of a valid
/// stream ends in answers or a closed connection, and the server lives on.
#[test]
fn damaged_streams_never_stop_the_server() {
    let server = small();
    let mut stream = bytes::BytesMut::new();
    for value in [
        abci::request::Value::Echo(abci::RequestEcho { message: "abc".to_owned() }),
        abci::request::Value::CheckTx(abci::RequestCheckTx { tx: Bytes::from_static(b"a=1"), r#type: 0 }),
        abci::request::Value::Query(abci::RequestQuery {
            data: Bytes::from_static(b"a"),
            path: "/p".to_owned(),
            height: 0,
            prove: true,
        }),
        abci::request::Value::Flush(abci::RequestFlush {}),
    ] {
        plume_cometbft::frame::put_frame(&abci::Request { value: Some(value) }, &mut stream);
    }
    let mut damaged: Vec<Vec<u8>> = (0..stream.len()).map(|end| stream[..end].to_vec()).collect();
    for at in 0..stream.len() {
        let mut copy = stream.to_vec();
        copy[at] ^= 0x95;
        damaged.push(copy);
    }
    for bytes in damaged {
        let mut client = connect(&server);
        client.queue_raw(&bytes);
        client.send().expect("open");
        // The server may have closed already, on a broken length.
        let _ = client.finish();
        // A reset instead of an end is as good: unread input was thrown away with the socket.
        while let Ok(Some(_)) = client.receive() {}
    }
    still_alive(&mut connect(&server));
}
