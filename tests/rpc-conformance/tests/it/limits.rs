//! What our server refuses, and how it ends. No CometBFT is needed here: its texts are in the comparison.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use plume_rpc::RpcSettings;
use plume_tests_rpc_conformance::chain::send;
use plume_tests_rpc_conformance::{Ours, Socket};
use serde_json::{Value, json};

fn start(change: impl FnOnce(&mut RpcSettings)) -> Ours {
    let mut settings = RpcSettings { laddr: "tcp://127.0.0.1:0".to_owned(), ..RpcSettings::default() };
    change(&mut settings);
    Ours::start(settings)
}

fn error_text(answer: &Value) -> &str {
    answer["error"]["data"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

fn base64(tx: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(tx)
}

#[test]
fn clients_beyond_the_limit_are_refused_until_one_leaves() {
    let ours = start(|settings| settings.max_subscription_clients = 2);
    let subscribe = |socket: &mut Socket| {
        socket.request(&json!(1), "subscribe", &json!({"query": "tm.event='NewBlock'"}));
        socket.message()
    };
    let mut sockets: Vec<Socket> = (0..3).map(|_| Socket::open(ours.endpoint())).collect();
    assert_eq!(subscribe(&mut sockets[0])["result"], json!({}));
    assert_eq!(subscribe(&mut sockets[1])["result"], json!({}));
    assert_eq!(error_text(&subscribe(&mut sockets[2])), "max_subscription_clients 2 reached");
    let tx = json!({"tx": base64(&send("alice", 0, "bob", 1, ""))});
    let refused = ours.endpoint().try_call("broadcast_tx_commit", &tx).expect_err("no place");
    assert_eq!(error_text(&refused), "max_subscription_clients 2 reached");
    drop(sockets.remove(0));
    let deadline = Instant::now() + Duration::from_secs(20);
    while subscribe(&mut sockets[1]).get("result").is_none() {
        assert!(Instant::now() < deadline, "the place of a client that left is not freed");
    }
}

#[test]
fn a_subscriber_that_reads_nothing_is_cut_off_and_others_are_served() {
    let mut ours = start(|settings| {
        settings.subscription_buffer_size = 2;
        settings.websocket_write_buffer_size = 2;
    });
    let mut slow = Socket::open(ours.endpoint());
    slow.request(&json!("slow"), "subscribe", &json!({"query": "tm.event='NewBlock'"}));
    assert_eq!(slow.message()["result"], json!({}));
    // More than the buffers of both ends hold.
    let memo = "x".repeat(250);
    let mut sequence = 0;
    let mut height = 0;
    for _ in 0..40 {
        let mut txs = Vec::new();
        for _ in 0..20 {
            let tx = send("alice", sequence, "bob", 1, &memo);
            sequence += 1;
            ours.endpoint().call("broadcast_tx_sync", &json!({"tx": base64(&tx)}));
            txs.push(tx);
        }
        ours.make_block(txs);
        height += 1;
    }
    let mut seen = 0;
    loop {
        let message = slow.message();
        if message.get("error").is_some() {
            assert_eq!(message["error"]["code"], -32000);
            let text = "subscription was canceled (reason: internal subscription event buffer is out of capacity)";
            assert_eq!(error_text(&message), text);
            break;
        }
        seen += 1;
        assert_eq!(message["result"]["data"]["value"]["block"]["header"]["height"], seen.to_string());
        if seen == height {
            // The system's buffers took everything: nothing was lost, so nothing is reported.
            break;
        }
    }
    slow.request(&json!(2), "health", &json!({}));
    assert_eq!(slow.message(), json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
}

#[test]
fn broadcast_tx_commit_gives_up_and_the_transaction_stays() {
    let mut ours = start(|settings| settings.timeout_broadcast_tx_commit = Duration::from_millis(200));
    let tx = send("alice", 0, "bob", 1, "");
    let refused = ours.endpoint().try_call("broadcast_tx_commit", &json!({"tx": base64(&tx)})).expect_err("no block");
    assert_eq!(error_text(&refused), "timed out waiting for tx to be included in a block");
    assert_eq!(ours.waiting(), 1);
    ours.make_block(vec![tx]);
    assert_eq!(ours.waiting(), 0);
}

#[test]
fn connections_beyond_the_limit_wait() {
    let ours = start(|settings| settings.max_open_connections = 1);
    let address = ours.endpoint().0;
    let mut first = TcpStream::connect(address).expect("a connection");
    first.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut byte = [0; 1];
    first.read_exact(&mut byte).expect("an answer");
    let mut second = TcpStream::connect(address).expect("the system's queue");
    second.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    second.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket");
    second.read_exact(&mut byte).expect_err("there is no place");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    second.read_exact(&mut byte).expect("the place is free");
    assert_eq!(&byte, b"H");
}

#[test]
fn heads_and_messages_beyond_the_limit_are_refused() {
    let ours = start(|settings| {
        settings.max_header_bytes = 8 * 1024;
        settings.max_body_bytes = 1000;
    });
    let long = format!("/health?x={}", "y".repeat(9000));
    assert_eq!(ours.endpoint().get(&long).status, 431);
    let mut socket = Socket::open(ours.endpoint());
    socket.send(&"x".repeat(1001));
    assert!(socket.is_closed(), "a message above the limit ends the connection");
    let mut socket = Socket::open(ours.endpoint());
    socket.send(&"x".repeat(1000));
    assert_eq!(socket.message()["error"]["code"], -32700);
}

#[test]
fn a_connection_carries_many_requests() {
    let ours = start(|_| ());
    let mut stream = TcpStream::connect(ours.endpoint().0).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    // All at once, quotes and all.
    let get = "GET /abci_query?path=\"/app/version\" HTTP/1.1\r\nHost: x\r\n\r\n";
    let body = "{\"id\":1,\"method\":\"health\",\"params\":{}}";
    let post = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let last = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{get}{post}{get}{post}{last}").as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answers");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 5, "{text}");
    assert_eq!(text.matches("\"result\":{}").count(), 3, "{text}");
    assert_eq!(text.matches("\"codespace\":\"\"").count(), 2, "{text}");
}

#[test]
fn the_server_ends_with_open_connections() {
    let ours = start(|_| ());
    let address = ours.endpoint().0;
    let mut socket = Socket::open(ours.endpoint());
    socket.request(&json!(1), "subscribe", &json!({"query": "tm.event='Tx'"}));
    socket.message();
    let _idle = TcpStream::connect(address).expect("a connection");
    let begun = Instant::now();
    drop(ours);
    assert!(begun.elapsed() < Duration::from_secs(10), "shutdown took {:?}", begun.elapsed());
    assert!(socket.is_closed());
    TcpStream::connect(address).expect_err("nobody listens");
}

#[test]
fn a_batch_is_answered_in_its_order_and_each_call_sees_those_before_it() {
    let ours = start(|_| ());
    let sync = |id: u64, sequence| {
        let tx = base64(&send("alice", sequence, "bob", 1, ""));
        json!({"jsonrpc": "2.0", "id": id, "method": "broadcast_tx_sync", "params": {"tx": tx}})
    };
    let waiting = |id: u64| json!({"jsonrpc": "2.0", "id": id, "method": "num_unconfirmed_txs", "params": {}});
    let unknown = json!({"jsonrpc": "2.0", "id": 5, "method": "no_method", "params": {}});
    // One signer: the second would be refused before the first, and the one with sequence 7 always is.
    let batch = json!([sync(1, 0), sync(2, 1), sync(3, 7), waiting(4), unknown, sync(6, 1), sync(7, 2), waiting(8)]);
    let answers = ours.endpoint().post(batch.to_string().as_bytes()).json();
    let answers = answers.as_array().expect("a batch has a list of answers");
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8]);
    let codes = [0, 1, 2, 6].map(|at: usize| answers[at]["result"]["code"].clone());
    assert_eq!(codes, [0, 0, 32, 0], "{answers:#?}");
    assert_eq!(answers[3]["result"]["n_txs"], "2", "those before it are checked, those after it not begun");
    assert_eq!(answers[4]["error"]["code"], -32601);
    assert_eq!(error_text(&answers[5]), "tx already exists in cache");
    assert_eq!(answers[7]["result"]["n_txs"], "3");
    assert_eq!(ours.waiting(), 3);
}
