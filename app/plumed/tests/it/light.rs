//! `plumed light` against nodes that agree, disagree and do not answer. Real chains: `tests/devnet/tests/it/light.rs`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

use crate::run::{Done, plumed};

/// Two chains of four blocks with the same validators; they part after the second block.
const FORK: &str = include_str!("../../../../light-client/tests/data/fork.jsonl");

/// Blocks of 2023 are verified whenever this test runs.
const LONG: [&str; 2] = ["--trusting-period", "36500d"];

fn blocks(fork: bool) -> Vec<Value> {
    let all: Vec<Value> = FORK.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (chain, other) = all.split_at(4);
    if fork { other } else { chain }.to_vec()
}

/// The RPC of a node with these blocks; ends with the test's process.
fn serve(blocks: Vec<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that is gone needs no answer.
            let _ = answer(stream.unwrap(), &blocks);
        }
    });
    address
}

fn answer(mut stream: TcpStream, blocks: &[Value]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap(),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request: Value = serde_json::from_slice(&body)?;
    let height = request["params"]["height"].as_str().and_then(|height| height.parse::<usize>().ok());
    let block = height.and_then(|height| blocks.get(height.checked_sub(1)?));
    let method = request["method"].as_str().unwrap();
    let result = match (method, block) {
        ("status", _) => json!({ "sync_info": { "latest_block_height": blocks.len().to_string() } }),
        (method, Some(block)) => block[method].clone(),
        _ => Value::Null,
    };
    let envelope = match result {
        Value::Null => {
            let error = json!({ "code": -32603, "message": "Internal error", "data": "height is not available" });
            json!({ "jsonrpc": "2.0", "id": 1, "error": error })
        }
        result => json!({ "jsonrpc": "2.0", "id": 1, "result": result }),
    }
    .to_string();
    write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{envelope}", envelope.len())
}

fn hash(block: &Value) -> String {
    block["commit"]["signed_header"]["commit"]["block_id"]["hash"].as_str().unwrap().to_owned()
}

/// `plumed light verify` from the first block of the chain.
fn verify(rpc: &str, arguments: &[&str]) -> Done {
    let dir = tempfile::tempdir().unwrap();
    let first = hash(&blocks(false)[0]);
    let trust = ["light", "verify", "--rpc", rpc, "--trust-height", "1", "--trust-hash", &first, "--output", "json"];
    plumed(dir.path(), &[&trust[..], arguments].concat())
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_header_is_verified_and_confirmed() {
    let (node, witness, silent) = (serve(blocks(false)), serve(blocks(false)), nobody());
    let shown = verify(&node, &[&LONG[..], &["--witness", &witness, "--witness", &silent]].concat()).json();
    assert_eq!((&shown["chain_id"], &shown["height"]), (&json!("sim-1"), &json!("4")));
    assert_eq!(shown["hash"], hash(&blocks(false)[3]));
    assert_eq!(shown["validators"], json!({ "count": "4", "power": "40", "signed_power": "40" }));
    let way = &shown["verified"];
    assert_eq!((&way["way"], &way["headers_verified"]), (&json!("skipping"), &json!("1")));
    assert_eq!(way["witnesses"][0], json!({ "node": witness, "agrees": true, "says": "agrees" }));
    assert_eq!((&way["witnesses"][1]["node"], &way["witnesses"][1]["agrees"]), (&json!(silent), &json!(false)));

    let shown = verify(&node, &[&LONG[..], &["--sequential", "--height", "3"]].concat()).json();
    assert_eq!((&shown["height"], &shown["verified"]["way"]), (&json!("3"), &json!("sequential")));
    assert_eq!(shown["verified"]["headers_verified"], "2");
}

#[test]
fn an_earlier_header_is_verified_by_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let (node, last) = (serve(blocks(false)), hash(&blocks(false)[3]));
    let arguments = [
        "light",
        "verify",
        "--rpc",
        &node,
        "--trust-height",
        "4",
        "--trust-hash",
        &last,
        "--height",
        "2",
        "-o",
        "json",
    ];
    // Also when the trust has long ended.
    let shown = plumed(dir.path(), &arguments).json();
    assert_eq!((&shown["hash"], &shown["verified"]["way"]), (&json!(hash(&blocks(false)[1])), &json!("backwards")));
}

#[test]
fn a_fork_has_its_own_exit_code() {
    let (node, witness) = (serve(blocks(false)), serve(blocks(true)));
    let done = verify(&node, &[&LONG[..], &["--sequential", "--witness", &witness]].concat());
    assert_eq!((done.code, done.out.as_str()), (3, ""), "{}", done.err);
    for part in
        ["forked after block 2", &hash(&blocks(false)[2]), &hash(&blocks(true)[2]), "Signed both: ", "trust neither"]
    {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
}

#[test]
fn failures_say_what_to_do() {
    let node = serve(blocks(false));
    let refused = |arguments: &[&str]| verify(&node, arguments).failure();
    let expired = refused(&[]);
    assert!(
        expired.contains("the trust in the earlier header ended") && expired.contains("newer --trust-height"),
        "{expired}"
    );
    let silent = nobody();
    let alone = refused(&[&LONG[..], &["--witness", &silent]].concat());
    assert!(alone.contains("no witness confirms block 4") && alone.contains(&silent), "{alone}");
    let unknown = refused(&[&LONG[..], &["--height", "9"]].concat());
    assert!(unknown.contains("it has no block 9") && unknown.contains("pruned"), "{unknown}");
    let other = refused(&["--chain-id", "other-1"]);
    assert!(other.contains("it belongs to chain sim-1, not other-1"), "{other}");
    let unreachable = verify(&silent, &[]).failure();
    assert!(unreachable.contains("plumed start"), "{unreachable}");
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["light", "verify", "--trust-height", "1"][..], "--trust-hash"),
        (
            &["light", "verify", "--trust-height", "1", "--trust-hash", "aa", "--trust-level", "1/4"],
            "between 1/3 and 1",
        ),
        (&["light", "verify", "--trust-height", "1", "--trust-hash", "aa", "--trusting-period", "14"], "is not a time"),
        (&["light", "query", "--trust-height", "1", "--trust-hash", "aa", "--store", "bank"], "--key"),
    ] {
        let done = plumed(dir.path(), arguments);
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    let short = plumed(dir.path(), &["light", "verify", "--trust-height", "1", "--trust-hash", "aa"]).failure();
    assert!(short.contains("--trust-hash has 1 bytes"), "{short}");
}
