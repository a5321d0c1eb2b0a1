//! The client against a listener that answers what the test says and shows what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use plume_client::{Order, QueryError, RpcClient, RpcError};
use plume_proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountResponse};
use plume_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::{Message, any};
use serde_json::{Value, json};

/// A node that gives the answers in turn, each on a connection of its own.
struct Node {
    client: RpcClient,
    requests: Receiver<Value>,
}

impl Node {
    fn answering(answers: Vec<Value>) -> Self {
        Self::saying(
            answers
                .iter()
                .map(|answer| {
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                        answer.to_string().len()
                    )
                })
                .collect(),
        )
    }

    fn saying(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().expect("a connection");
                let request = read_request(&stream);
                (&stream).write_all(answer.as_bytes()).expect("written");
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { client: RpcClient::new(&address.to_string(), Duration::from_secs(10)).expect("an address"), requests }
    }

    fn asked(&self) -> Value {
        self.requests.recv_timeout(Duration::from_secs(10)).expect("a request")
    }
}

fn read_request(stream: &TcpStream) -> Value {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

fn result(result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": result})
}

#[test]
fn status_is_read() {
    let node = Node::answering(vec![result(json!({
        "node_info": {"protocol_version": {"p2p": "8", "block": "11", "app": "0"}, "id": "c0ffee", "network": "plume-local-1",
            "version": "0.38.25", "moniker": "node0"},
        "sync_info": {"latest_block_hash": "AB", "latest_app_hash": "0102", "latest_block_height": "42",
            "latest_block_time": "2026-11-21T10:00:00.5Z", "catching_up": false},
        "validator_info": {"address": "AA", "voting_power": "10"},
    }))]);
    let status = node.client.status().expect("a status");
    assert_eq!(node.asked(), json!({"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}));
    assert_eq!(
        (status.chain_id.as_str(), status.moniker.as_str(), status.version.as_str(), status.latest_height),
        ("plume-local-1", "node0", "0.38.25", 42)
    );
    assert_eq!((status.latest_app_hash, status.catching_up, status.voting_power), (vec![1, 2], false, 10));
}

#[test]
fn queries_carry_protobuf_and_errors_of_the_chain() {
    let response = QueryBalanceResponse { balance: Some(Coin { denom: "uplume".to_owned(), amount: "7".to_owned() }) };
    use base64::Engine;
    let encode = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
    let not_found = "rpc error: code = NotFound desc = account plume1x not found: key not found";
    let account = QueryAccountResponse {
        account: Some(any(&BaseAccount {
            address: "plume1x".to_owned(),
            pub_key: None,
            account_number: 3,
            sequence: 4,
        })),
    };
    let node = Node::answering(vec![
        result(
            json!({"response": {"code": 0, "log": "", "key": null, "value": encode(&response.encode_to_vec()), "height": "9", "codespace": ""}}),
        ),
        result(json!({"response": {"code": 22, "log": not_found, "height": "9", "codespace": "sdk"}})),
        result(json!({"response": {"code": 0, "value": encode(&account.encode_to_vec()), "height": "9"}})),
        result(
            json!({"response": {"code": 26, "log": "height 1 is pruned: invalid height", "height": "9", "codespace": "sdk"}}),
        ),
    ]);
    let balance = node.client.balance("plume1x", "uplume").expect("a balance");
    assert_eq!(balance.to_string(), "7uplume");
    let request = QueryBalanceRequest { address: "plume1x".to_owned(), denom: "uplume".to_owned() };
    let expected = json!({"path": "/cosmos.bank.v1beta1.Query/Balance", "data": hex::encode(request.encode_to_vec()), "height": "0", "prove": false});
    assert_eq!(node.asked()["params"], expected);
    assert_eq!(node.client.account("plume1x").expect("an answer"), None, "unknown accounts are no error");
    node.asked();
    let account = node.client.account("plume1x").expect("an answer").expect("an account");
    assert_eq!((account.account_number, account.sequence, account.public_key), (3, 4, None));
    node.asked();
    let pruned = node.client.query::<_, QueryBalanceResponse>("/cosmos.bank.v1beta1.Query/Balance", &request, Some(1));
    assert_eq!(
        pruned.expect_err("pruned").to_string(),
        "query /cosmos.bank.v1beta1.Query/Balance failed: height 1 is pruned: invalid height (sdk code 26)"
    );
    assert_eq!(node.asked()["params"]["height"], "1");
}

#[test]
fn store_queries_bring_their_proof() {
    let node = Node::answering(vec![result(json!({"response": {
        "code": 0, "key": "AQ==", "value": "Ag==", "height": "5",
        "proofOps": {"ops": [{"type": "ics23:jmt", "key": "AQ==", "data": "Aw=="}, {"type": "ics23:simple", "key": "YmFuaw==", "data": "BA=="}]},
    }}))]);
    let answer = node.client.abci_query("/store/bank/key", &[1], Some(5), true).expect("an answer");
    assert_eq!(node.asked()["params"], json!({"path": "/store/bank/key", "data": "01", "height": "5", "prove": true}));
    assert_eq!((answer.key, answer.value, answer.height), (vec![1], vec![2], 5));
    let ops = answer.proof.expect("a proof").ops;
    assert_eq!(ops.iter().map(|op| op.r#type.as_str()).collect::<Vec<_>>(), ["ics23:jmt", "ics23:simple"]);
    assert_eq!((ops[1].key.as_slice(), ops[1].data.as_slice()), (&b"bank"[..], &[4][..]));
}

#[test]
fn broadcasts_report_code_and_hash() {
    let node = Node::answering(vec![
        result(json!({"code": 32, "data": "", "log": "account sequence mismatch", "codespace": "sdk", "hash": "AB"})),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "Internal error", "data": "tx already exists in cache"}}),
        result(json!({"check_tx": {"code": 0}, "tx_result": {"code": 5}, "hash": "CD", "height": "12"})),
    ]);
    let answer = node.client.broadcast_tx_sync(b"tx").expect("an answer");
    assert_eq!((answer.code, answer.codespace.as_str(), answer.hash.as_str()), (32, "sdk", "AB"));
    assert_eq!(node.asked()["params"], json!({"tx": "dHg="}));
    let error = node.client.broadcast_tx_async(b"tx").expect_err("refused");
    assert_eq!(error.to_string(), "the node refused broadcast_tx_async: Internal error: tx already exists in cache");
    let commit = node.client.broadcast_tx_commit(b"tx").expect("an answer");
    assert_eq!((commit.height, &commit.tx_result["code"]), (12, &json!(5)));
}

#[test]
fn transactions_and_searches_are_read() {
    let tx = json!({"hash": "ABCD", "height": "12", "index": 1, "tx": "dHg=",
        "tx_result": {"code": 0, "data": "AQ==", "log": "", "gas_wanted": "200000", "gas_used": "61000", "events": [{"type": "tx", "attributes": []}], "codespace": ""}});
    let node = Node::answering(vec![
        result(tx.clone()),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "Internal error", "data": "tx (ABCD) not found"}}),
        result(json!({"txs": [tx], "total_count": "31"})),
    ]);
    let found = node.client.tx("abcd").expect("an answer").expect("found");
    assert_eq!(node.asked()["params"]["hash"], "q80=");
    assert_eq!((found.height, found.index, found.gas_used, found.tx.as_slice()), (12, 1, 61_000, &b"tx"[..]));
    assert_eq!(found.events[0]["type"], "tx");
    assert_eq!(node.client.tx("ABCD").expect("an answer"), None);
    node.asked();
    let page = node.client.tx_search("tx.height=12", 2, 30, Order::Descending).expect("a page");
    assert_eq!((page.txs.len(), page.total), (1, 31));
    let expected = json!({"query": "tx.height=12", "prove": false, "page": "2", "per_page": "30", "order_by": "desc"});
    assert_eq!(node.asked()["params"], expected);
    assert!(node.client.tx("not hex").is_err());
}

#[test]
fn headers_and_validators_are_read() {
    let header = json!({"chain_id": "plume-local-1", "height": "12", "time": "2026-11-21T10:00:00Z", "app_hash": "0A0B",
        "validators_hash": "0C", "proposer_address": "0D"});
    let node = Node::answering(vec![
        result(json!({"block_id": {}, "block": {"header": header}})),
        result(json!({"signed_header": {"header": header, "commit": {}}, "canonical": true})),
        result(
            json!({"block_height": "13", "validators": [{"address": "0E", "pub_key": {"type": "tendermint/PubKeyEd25519", "value": "Dw=="}, "voting_power": "5"}], "count": "1", "total": "1"}),
        ),
    ]);
    let (block, raw) = node.client.block(Some(12)).expect("a block");
    assert_eq!(node.asked()["params"], json!({"height": "12"}));
    assert_eq!((block.height, block.app_hash.as_slice()), (12, &[10, 11][..]));
    assert!(raw["block"].is_object());
    assert_eq!(node.client.commit(None).expect("a commit").0, block);
    assert_eq!(node.asked()["params"], json!({}));
    let page = node.client.validators(None, 1, 100).expect("a page");
    assert_eq!((page.height, page.total, page.validators[0].voting_power), (13, 1, 5));
    assert_eq!(page.validators[0].public_key, [15]);
}

#[test]
fn errors_say_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let client = RpcClient::new(&format!("tcp://{free}"), Duration::from_secs(5)).expect("an address");
    let error = client.status().expect_err("nobody listens");
    assert!(matches!(error, RpcError::Unreachable { .. }));
    assert!(error.to_string().contains("start one with `plumed start`, or name another with --node"), "{error}");

    for bad in ["https://rpc.example", "ftp://x", "", "http://"] {
        assert!(matches!(RpcClient::new(bad, Duration::from_secs(1)), Err(RpcError::Address { .. })), "{bad}");
    }
    let node = Node::saying(vec![
        "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\nconnection: close\r\n\r\n<html".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"result\":{}}".to_owned(),
    ]);
    let error = node.client.status().expect_err("no JSON");
    assert!(matches!(&error, RpcError::NotRpc { reason, .. } if reason.contains("404")), "{error}");
    assert!(matches!(node.client.status(), Err(RpcError::NotRpc { .. })));
    let error = node.client.status().expect_err("no fields");
    assert!(matches!(&error, RpcError::Unexpected { reason, .. } if reason == "no field node_info"), "{error}");
}

#[test]
fn a_silent_node_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let client = RpcClient::new(&address.to_string(), Duration::from_millis(200)).expect("an address");
    assert!(matches!(client.status(), Err(RpcError::Timeout { .. })));
    assert!(matches!(client.balance("a", "uplume"), Err(QueryError::Rpc(RpcError::Timeout { .. }))));
}
