//! Bad input on every door: the table of faults, and what each door answers.
//!
//! A row is one fault, in the form of each door: as protobuf (gRPC, gRPC-web and ABCI Query answer alike) and as HTTP and
//! JSON (REST). The RPC of the engine has its own tests, mostly beside real CometBFT; the table names them, and fails if
//! one is gone. Ten thousand idle connections are tests of the gateway's servers.

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use serde_json::Value as Json;

use crate::doors::{Doors, Outcome};
use crate::support::*;

const BALANCE: &str = "/cosmos.bank.v1beta1.Query/Balance";
const ACCOUNTS: &str = "/cosmos.auth.v1beta1.Query/Accounts";
const BY_ID: &str = "/cosmos.auth.v1beta1.Query/AccountAddressByID";
const BLOCK: &str = "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight";
const ENCODE: &str = "/cosmos.tx.v1beta1.Service/TxEncode";
const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

/// What a door says.
#[derive(Debug, Clone, Copy)]
enum Says {
    /// Nothing is wrong with it here: there is an answer.
    Answer,
    /// A gRPC code, and a text that begins so. REST's HTTP status follows from the code, which is checked, too.
    Refusal(u32, &'static str),
    /// The door has no such input, and why.
    Nothing(&'static str),
}

use Says::{Answer, Nothing, Refusal};

/// Where the RPC's cell of the table is tested: file and function.
type Elsewhere = (&'static str, &'static str);

struct Row {
    fault: &'static str,
    method: &'static str,
    /// The request as protobuf.
    message: Vec<u8>,
    protobuf: Says,
    /// The request over REST: verb, target, body.
    rest: (&'static str, String, String),
    json: Says,
    rpc: Elsewhere,
}

const READS: &str = "tests/rpc-conformance/tests/it/reads.rs";

fn get(target: impl Into<String>) -> (&'static str, String, String) {
    ("GET", target.into(), String::new())
}

fn post(target: &str, body: impl Into<String>) -> (&'static str, String, String) {
    ("POST", target.to_owned(), body.into())
}

/// A length-delimited field with a number below 16.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    plume_proto::prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// `ModeInfo` in `ModeInfo`, as deep as `levels`, in a `TxEncodeRequest`.
fn nested(levels: usize) -> Vec<u8> {
    let mut mode = Vec::new();
    for _ in 0..levels {
        // multi = 2, mode_infos = 2
        mode = field(2, &field(2, &mode));
    }
    // tx = 1, auth_info = 2, signer_infos = 1, mode_info = 2
    field(1, &field(2, &field(1, &field(2, &mode))))
}

const MINUS_ONE: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

fn rows() -> Vec<Row> {
    let alice = addr("alice");
    let balances = format!("/cosmos/bank/v1beta1/balances/{alice}/by_denom?denom={DENOM}");
    let balance = [field(1, alice.as_bytes()), field(2, DENOM.as_bytes())].concat();
    let deep = format!("{}{}", "{\"tx\":{\"auth_info\":".to_owned() + &"{\"x\":".repeat(300), "}".repeat(302));
    vec![
        Row {
            fault: "wrong type: text for a number",
            method: BY_ID,
            message: field(2, b"x"),
            protobuf: Refusal(2, "failed to decode Protobuf message: "),
            rest: get("/cosmos/auth/v1beta1/address_by_id/0?account_id=x"),
            json: Refusal(3, "strconv.ParseUint: parsing \"x\": invalid syntax"),
            rpc: ("consensus/rpc/src/request/rpc.rs", "wrong_types_are_reported_as_go_does"),
        },
        Row {
            fault: "wrong type: a number for text",
            method: BALANCE,
            message: vec![0x08, 5],
            protobuf: Refusal(2, "failed to decode Protobuf message: "),
            rest: post("/cosmos/tx/v1beta1/simulate", r#"{"tx_bytes":5}"#),
            json: Refusal(3, "tx_bytes: "),
            rpc: ("consensus/rpc/src/request/value.rs", "errors_are_cometbfts"),
        },
        Row {
            fault: "a page of 2^64 - 1 entries",
            method: ACCOUNTS,
            message: field(1, &[&[0x18][..], &MINUS_ONE].concat()),
            protobuf: Answer,
            rest: get(format!("/cosmos/auth/v1beta1/accounts?pagination.limit={}", u64::MAX)),
            json: Answer,
            rpc: ("consensus/rpc/src/core/paging.rs", "pages_follow_cometbft"),
        },
        Row {
            fault: "a page that begins at 2^64 - 1",
            method: ACCOUNTS,
            message: field(1, &[&[0x10][..], &MINUS_ONE].concat()),
            protobuf: Answer,
            rest: get(format!("/cosmos/auth/v1beta1/accounts?pagination.offset={}", u64::MAX)),
            json: Answer,
            rpc: ("consensus/rpc/src/core/paging.rs", "pages_follow_cometbft"),
        },
        Row {
            fault: "a negative height",
            method: BLOCK,
            message: [&[0x08][..], &MINUS_ONE].concat(),
            protobuf: Refusal(2, "height must be greater than 0, but got -1"),
            rest: get("/cosmos/base/tendermint/v1beta1/blocks/-1"),
            json: Refusal(2, "height must be greater than 0, but got -1"),
            rpc: (READS, "blocks"),
        },
        Row {
            fault: "a negative page",
            method: ACCOUNTS,
            message: Vec::new(),
            protobuf: Nothing("the number has no sign"),
            rest: get("/cosmos/auth/v1beta1/accounts?pagination.limit=-1"),
            json: Refusal(3, "strconv.ParseUint: parsing \"-1\": invalid syntax"),
            rpc: ("consensus/rpc/src/core/paging.rs", "pages_follow_cometbft"),
        },
        Row {
            fault: "an address that is not bech32",
            method: BALANCE,
            message: [field(1, b"plume1qqqq"), field(2, DENOM.as_bytes())].concat(),
            protobuf: Refusal(3, "invalid address: decoding bech32 failed: invalid separator index 5"),
            rest: get(format!("/cosmos/bank/v1beta1/balances/plume1qqqq/by_denom?denom={DENOM}")),
            json: Refusal(3, "invalid address: decoding bech32 failed: invalid separator index 5"),
            rpc: (READS, "queries"),
        },
        Row {
            fault: "an address of another chain",
            method: BALANCE,
            message: [field(1, COSMOS.as_bytes()), field(2, DENOM.as_bytes())].concat(),
            protobuf: Refusal(3, "invalid address: hrp does not match bech32 prefix: expected 'plume' got 'cosmos'"),
            rest: get(format!("/cosmos/bank/v1beta1/balances/{COSMOS}/by_denom?denom={DENOM}")),
            json: Refusal(3, "invalid address: hrp does not match bech32 prefix: expected 'plume' got 'cosmos'"),
            rpc: (READS, "queries"),
        },
        Row {
            fault: "a field that does not exist",
            method: BALANCE,
            message: [balance.clone(), field(15, b"x")].concat(),
            protobuf: Answer,
            rest: get(format!("{balances}&nobody=1")),
            json: Answer,
            rpc: ("consensus/rpc/src/request/value.rs", "parameters_come_by_name_or_by_position"),
        },
        Row {
            fault: "a truncated message",
            method: BALANCE,
            message: balance[..balance.len() - 1].to_vec(),
            protobuf: Refusal(2, "failed to decode Protobuf message: "),
            rest: post("/cosmos/tx/v1beta1/simulate", r#"{"tx_bytes":"AA"#),
            json: Refusal(3, "EOF while parsing"),
            rpc: ("consensus/rpc/src/json/scan.rs", "errors_read_as_go_writes_them"),
        },
        Row {
            fault: "deep nesting",
            method: ENCODE,
            message: nested(200),
            protobuf: Refusal(2, "failed to decode Protobuf message: "),
            rest: post("/cosmos/tx/v1beta1/encode", deep),
            json: Refusal(3, "recursion limit"),
            rpc: ("consensus/rpc/src/json/scan.rs", "nesting_is_bounded"),
        },
        Row {
            fault: "no message at all",
            method: SIMULATE,
            message: Vec::new(),
            protobuf: Refusal(3, "empty txBytes is not allowed"),
            rest: post("/cosmos/tx/v1beta1/simulate", ""),
            json: Refusal(3, "empty txBytes is not allowed"),
            rpc: ("consensus/rpc/src/request/mod.rs", "broken_requests_are_refused_without_panic"),
        },
        Row {
            fault: "a method that does not exist",
            method: "/cosmos.bank.v1beta1.Query/Nothing",
            message: Vec::new(),
            protobuf: Refusal(12, "unknown method Nothing for service cosmos.bank.v1beta1.Query"),
            rest: get("/cosmos/bank/v1beta1/nothing"),
            json: Refusal(12, "Not Implemented"),
            rpc: ("consensus/rpc/src/request/mod.rs", "broken_requests_are_refused_without_panic"),
        },
    ]
}

/// An address that is right elsewhere.
const COSMOS: &str = "cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu";

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

fn call(method: &str, kind: &str, body: Body) -> Request<Body> {
    Request::post(method).header("content-type", kind).header("grpc-timeout", "5S").body(body).unwrap()
}

/// What is wrong with an outcome, if anything.
fn fault<T>(says: Says, outcome: &Outcome<T>) -> Option<String> {
    match (says, outcome) {
        (Answer, Ok(_)) => None,
        (Nothing(why), _) => why.is_empty().then(|| "a cell without a reason".to_owned()),
        (Refusal(code, text), Err((found, message))) if *found == code && message.starts_with(text) => None,
        (_, Ok(_)) => Some("an answer".to_owned()),
        (_, Err(refusal)) => Some(format!("{refusal:?}")),
    }
}

#[test]
fn every_door_answers_every_fault_as_the_table_says() {
    let doors = Doors::open();
    let mut wrong = Vec::new();
    for row in rows() {
        let Row { fault: name, method, message, protobuf, rest: (verb, target, body), json, rpc } = row;
        let mut check = |door: &str, problem: Option<String>| {
            wrong.extend(problem.map(|found| format!("{name}, {door}: {found}")));
        };
        let frame = framed(&message);
        let grpc = doors.grpc_request(call(method, "application/grpc", Body::from(frame.clone())));
        let web = doors.web_request(call(method, "application/grpc-web+proto", Body::from(frame)));
        check("gRPC", fault(protobuf, &grpc));
        check("gRPC-web", fault(protobuf, &web));
        if !method.ends_with("/Nothing") {
            check("ABCI Query", fault(protobuf, &doors.abci(method, &message, None)));
        }
        let request = Request::builder().method(verb).uri(target).body(Body::from(body)).unwrap();
        let outcome: Outcome<Json> = doors.rest_request(request);
        check("REST", fault(json, &outcome));
        let (file, test) = rpc;
        let source = std::fs::read_to_string(format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR")));
        let found = source.is_ok_and(|source| source.contains(&format!("fn {test}(")));
        check("RPC", (!found).then(|| format!("no test {test} in {file}")));
        // Whatever came, the next question is answered.
        assert!(doors.abci(ACCOUNTS, &[], None).is_ok(), "{name}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A body of which nothing ever comes.
fn endless() -> Body {
    Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::convert::Infallible>>())
}

#[test]
fn slow_bodies_end_with_their_deadline() {
    let doors = Doors::open();
    let call = |kind: &str| {
        let request = Request::post(BALANCE).header("content-type", kind).header("grpc-timeout", "50m");
        request.body(endless()).unwrap()
    };
    let late = Err((4, "context deadline exceeded".to_owned()));
    assert_eq!(doors.grpc_request(call("application/grpc")), late);
    assert_eq!(doors.web_request(call("application/grpc-web+proto")), late);
    let request = Request::post("/cosmos/tx/v1beta1/simulate").body(endless()).unwrap();
    let (status, text) = doors.rest_status(request);
    assert_eq!(status, 408, "{text}");
    assert!(text.contains("did not arrive in time"), "{text}");
    assert!(doors.abci(ACCOUNTS, &[], None).is_ok());
}

#[test]
fn large_bodies_are_refused_before_they_are_read() {
    let doors = Doors::open();
    // The frame says how much it holds; nothing of that ever comes.
    let announced = [&[0][..], &(100_u32 << 20).to_be_bytes()].concat();
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let request = call(BALANCE, kind, Body::from(announced.clone()));
        let outcome = if kind == "application/grpc" { doors.grpc_request(request) } else { doors.web_request(request) };
        let text = "grpc: received message larger than max (104857600 vs. 10485760)".to_owned();
        assert_eq!(outcome, Err((8, text)), "{kind}");
    }
    let body = Body::from(vec![b' '; 1_000_001]);
    let request = Request::post("/cosmos/tx/v1beta1/simulate").body(body).unwrap();
    assert_eq!(doors.rest_request(request), Err((3, "http: request body too large".to_owned())));
}
