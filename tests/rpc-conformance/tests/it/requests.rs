//! The protocol itself: bodies, ids, batches, paths, headers, limits.

use serde_json::json;

use crate::pair::Pair;

pub fn compare(pair: &mut Pair) {
    bodies(pair);
    batches(pair);
    paths(pair);
    evidence(pair);
    headers(pair);
}

fn bodies(pair: &mut Pair) {
    for id in ["1", "-1", "0", "1.9", "1e3", "1e30", "1e999", "\"\"", "\"x\"", "null", "true", "[1]", "{\"a\":1}"] {
        pair.post(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"health\",\"params\":{{}}}}"));
        pair.post(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"no_such\",\"params\":{{}}}}"));
    }
    for body in [
        "",
        " ",
        "null",
        "5",
        "\"text\"",
        "true",
        "{}",
        "[]",
        "[1]",
        "[null]",
        "[{}]",
        "{",
        "[",
        "{\"id\":1",
        "hello",
        "{'id':1}",
        "{\"id\":1,}",
        "{\"id\":1} trailing",
        "{\"id\":01}",
        "{\"id\":1,\"method\":5}",
        "{\"id\":1,\"method\":null}",
        "{\"id\":1,\"jsonrpc\":5,\"method\":\"health\"}",
        "{\"id\":1,\"method\":\"health\"}",
        "{\"ID\":1,\"Method\":\"health\",\"PARAMS\":{}}",
        "{\"id\":1,\"method\":\"block\"}",
        "{\"id\":1,\"method\":\"block\",\"params\":null}",
        "{\"id\":1,\"method\":\"block\",\"params\":5}",
        "{\"id\":1,\"method\":\"block\",\"params\":\"x\"}",
        "{\"id\":1,\"method\":\"block\",\"params\":[\"1\",\"2\"]}",
        "{\"id\":1,\"method\":\"block\",\"params\":{\"height\":\"2\",\"height\":\"1\",\"other\":5}}",
        "{\"id\":1,\"method\":\"block\",\"params\":{\"Height\":\"2\"}}",
        "{\"id\":1,\"method\":\"subscribe\",\"params\":{\"query\":\"tm.event='Tx'\"}}",
        "{\"id\":1,\"method\":\"dial_seeds\",\"params\":{}}",
        "{\"id\":1,\"method\":\"health\",\"params\":{},\"id\":2}",
        "{\"id\":\"\\u00e4<\\ud83d\\ude00>\",\"method\":\"health\",\"params\":{}}",
        "{\"id\":\"\\ud800\",\"method\":\"health\",\"params\":{}}",
        "{\"method\":\"health\",\"params\":{}}",
    ] {
        pair.post(body);
    }
    let deep = format!("{}{}", "[".repeat(6000), "]".repeat(6000));
    pair.post(&deep);
    pair.post(&format!("{}{}", "[".repeat(10_001), "]".repeat(9_000)));
}

fn batches(pair: &mut Pair) {
    let call = |id: u32, method: &str| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}});
    let notification = json!({"jsonrpc": "2.0", "method": "health", "params": {}});
    pair.post(&json!([call(1, "health")]).to_string());
    pair.post(&json!([call(1, "health"), call(2, "abci_info")]).to_string());
    pair.post(&json!([call(1, "health"), notification, call(2, "nothing"), call(3, "block")]).to_string());
    pair.post(&json!([notification, notification]).to_string());
    pair.post(&json!([notification, call(1, "health")]).to_string());
    pair.post(&json!([call(1, "health"), 5]).to_string());
    pair.post(&json!([call(1, "a"), call(2, "b"), call(3, "c"), call(4, "d")]).to_string());
    pair.post(&json!([call(1, "a"), call(2, "b"), call(3, "c"), call(4, "d"), call(5, "e")]).to_string());
    pair.post(&json!([call(1, "health"), {"id": 2, "method": "block"}]).to_string());
    pair.post(&json!([call(1, "genesis"), call(2, "genesis")]).to_string());
}

fn paths(pair: &mut Pair) {
    for path in [
        "/",
        "/no_such_method",
        "/status/",
        "/status/x",
        "/block/1",
        "/subscribe?query=\"x\"",
        "/unsubscribe_all",
        "/websocket",
        "/dial_seeds?seeds=[]",
        "/unsafe_flush_mempool",
        "/health?x=1",
        "/?x=1",
        "/HEALTH",
        "/block?height=%zz",
        "/block?height=2;x=1",
        "/block?height=2&height=3",
        "/block?Height=2",
        "/block?height=%32",
    ] {
        pair.get(path);
    }
    pair.send("POST", "/health", &[], b"");
    pair.send("POST", "/block?height=2", &[], b"{}");
    pair.send("POST", "/no_such_method", &[], b"{}");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    pair.send("POST", "/block", &form, b"height=2");
    pair.send("POST", "/block?height=3", &form, b"height=2");
    pair.send("PUT", "/block", &form, b"height=2");
    pair.send("DELETE", "/health", &[], b"");
    pair.send("HEAD", "/health", &[], b"");
    pair.send("OPTIONS", "/health", &[], b"");
    pair.send("POST", "/websocket", &[], b"");
    pair.send("GET", "/", &[], b"{\"id\":1,\"method\":\"health\",\"params\":{}}");
    pair.send("POST", "/", &[], &[b' '; 20_000]);
    pair.send("POST", "/", &[], &[b' '; 20_001]);
    pair.send("POST", "/health", &[], &[b' '; 30_000]);
    pair.send("POST", "/", &[("Content-Type", "text/plain")], b"{\"id\":1,\"method\":\"health\",\"params\":{}}");
}

fn evidence(pair: &mut Pair) {
    let vote = |hash: &str, address: &str, kind: u32, height: &str| {
        json!({
            "type": kind, "height": height, "round": 0,
            "block_id": {"hash": hash.repeat(32), "parts": {"total": 1, "hash": hash.repeat(32)}},
            "timestamp": "2024-01-01T00:00:00Z", "validator_address": address.repeat(20), "validator_index": 0,
            "signature": "AAAA", "extension": null, "extension_signature": null,
        })
    };
    let duplicate = |a: &serde_json::Value, b: &serde_json::Value| {
        json!({"type": "tendermint/DuplicateVoteEvidence", "value": {
            "vote_a": a, "vote_b": b, "TotalVotingPower": "10", "ValidatorPower": "10", "Timestamp": "2024-01-01T00:00:00Z",
        }})
    };
    let (a, b) = (vote("AA", "01", 2, "1"), vote("BB", "01", 2, "1"));
    for evidence in [
        json!(null),
        json!(5),
        json!({}),
        json!({"type": "x"}),
        json!({"type": "x", "value": {}}),
        json!({"type": "tendermint/DuplicateVoteEvidence", "value": {}}),
        json!({"type": "tendermint/DuplicateVoteEvidence", "value": 5}),
        duplicate(&b, &a),
        duplicate(&a, &vote("BB", "01", 7, "1")),
        duplicate(&a, &vote("BB", "01", 2, "0")),
        duplicate(&a, &vote("BB", "", 2, "1")),
        duplicate(&vote("", "01", 2, "1"), &a),
        duplicate(&a, &b),
    ] {
        pair.call("broadcast_evidence", &json!({"evidence": evidence}));
    }
    pair.get("/broadcast_evidence");
    pair.get("/broadcast_evidence?evidence=x");
}

fn headers(pair: &mut Pair) {
    let preflight = |origin, method, headers| {
        [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)]
    };
    for origin in ["https://wallet.example.com", "https://example.com", "http://wallet.example.com", "null", ""] {
        pair.send("GET", "/health", &[("Origin", origin)], b"");
        pair.send("OPTIONS", "/", &preflight(origin, "POST", "content-type"), b"");
    }
    let origin = "https://wallet.example.com";
    pair.send("OPTIONS", "/", &preflight(origin, "DELETE", "content-type"), b"");
    pair.send("OPTIONS", "/status", &preflight(origin, "GET", "authorization"), b"");
    pair.send("OPTIONS", "/", &preflight(origin, "POST", ""), b"");
    pair.send("OPTIONS", "/", &preflight(origin, "POST", "content-type,x-requested-with"), b"");
    pair.send("POST", "/", &[("Origin", origin)], b"{\"id\":1,\"method\":\"health\",\"params\":{}}");
    pair.send("DELETE", "/health", &[("Origin", origin)], b"");
    pair.send("GET", "/no_such_method", &[("Origin", origin)], b"");
    pair.send("POST", "/", &[("Origin", origin)], &[b' '; 20_001]);
}
