//! Texts that anyone may send to the RPC: requests, query strings, event queries.

use plume_events::{EventMap, Query};

use crate::{Features, mutate::Dictionary};

/// Every method, with parameters that it takes where it takes some.
const CALLS: [(&str, &str); 34] = [
    ("abci_info", "{}"),
    ("abci_query", r#"{"path":"/cosmos.bank.v1beta1.Query/Balance","data":"0AFF","height":"5","prove":true}"#),
    ("block", r#"{"height":"7"}"#),
    ("block_by_hash", r#"{"hash":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#),
    ("block_results", r#"["12"]"#),
    ("block_search", r#"{"query":"block.height > 3","page":"1","per_page":"30","order_by":"desc"}"#),
    ("blockchain", r#"{"minHeight":"1","maxHeight":"20"}"#),
    (
        "broadcast_evidence",
        r#"{"evidence":{"type":"tendermint/DuplicateVoteEvidence","value":{"vote_a":{"type":2,"height":"1","round":0,"block_id":{"hash":"","parts":{"total":0,"hash":""}},"timestamp":"2024-01-01T00:00:00Z","validator_address":"00","validator_index":0,"signature":"AAAA"},"vote_b":null,"TotalVotingPower":"10","ValidatorPower":"1","Timestamp":"2024-01-01T00:00:00Z"}}}"#,
    ),
    ("broadcast_tx_async", r#"{"tx":"CgIKAA=="}"#),
    ("broadcast_tx_commit", r#"["CgIKAA=="]"#),
    ("broadcast_tx_sync", r#"{"tx":""}"#),
    ("check_tx", r#"{"tx":"AA=="}"#),
    ("commit", "[null]"),
    ("consensus_params", r#"{"height":null}"#),
    ("consensus_state", "[]"),
    ("dial_peers", r#"{"peers":["a@127.0.0.1:1","b"],"persistent":false,"unconditional":true,"private":false}"#),
    ("dial_seeds", r#"{"seeds":[]}"#),
    ("dump_consensus_state", "null"),
    ("genesis", "{}"),
    ("genesis_chunked", r#"{"chunk":"0"}"#),
    ("header", r#"[3]"#),
    ("header_by_hash", r#"{"hash":"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}"#),
    ("health", "{}"),
    ("net_info", "{}"),
    ("num_unconfirmed_txs", "{}"),
    ("status", "{}"),
    ("subscribe", r#"{"query":"tm.event='NewBlock'"}"#),
    ("tx", r#"{"hash":"4lv/IHk=","prove":true}"#),
    ("tx_search", r#"["transfer.recipient='plume1'",false,"1","100","asc"]"#),
    ("unconfirmed_txs", r#"{"limit":"30"}"#),
    ("unsafe_flush_mempool", "{}"),
    ("unsubscribe", r#"{"query":"tm.event='Tx'"}"#),
    ("unsubscribe_all", "{}"),
    ("validators", r#"{"height":"1","page":"1","per_page":"100"}"#),
];

/// Parameters of all methods.
const NAMES: [&str; 17] = [
    "height",
    "path",
    "data",
    "prove",
    "hash",
    "tx",
    "page",
    "per_page",
    "query",
    "order_by",
    "limit",
    "chunk",
    "evidence",
    "seeds",
    "peers",
    "minHeight",
    "maxHeight",
];

/// Bodies: each call alone with another kind of id, all of them as a batch, notifications, and what is no call.
pub fn request_seeds() -> Vec<Vec<u8>> {
    let ids = ["1", "\"a\"", "-1.5e3", "\"\\u00e4\\ud83d\\ude00\"", "null"];
    let call = |((method, params), id): (&(&str, &str), &str)| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
    };
    let mut bodies: Vec<String> = CALLS.iter().zip(ids.into_iter().cycle()).map(call).collect();
    bodies.push(format!("[{}]", bodies.join(",")));
    bodies.extend(
        ["[]", r#"{"method":"status"}"#, r#"{"id":{"a":[1,null]},"method":"no_such_method"}"#, " {\"ID\":1} trailing"]
            .map(str::to_owned),
    );
    // Deeper than Go's encoding/json goes.
    bodies.extend(["[".repeat(11_000), format!(r#"{{"id":1,"method":"tx","params":{}"#, "{\"a\":".repeat(11_000))]);
    bodies.into_iter().map(String::into_bytes).collect()
}

/// Query strings for each type of parameter.
pub fn uri_seeds() -> Vec<Vec<u8>> {
    [
        "",
        r#"path="/a%20b"&data=0x0aff&height=5&prove=true"#,
        r#"height="7"&page=1&per_page="30""#,
        "hash=0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f&prove=false",
        r#"hash="text"&tx=0x"#,
        r#"tx="CgIKAA%3D%3D"&limit=-1"#,
        r#"query="a.b%3D%27c%27"&order_by="desc""#,
        "minHeight=1&maxHeight=20&chunk=1",
        r#"evidence={"type":"tendermint/DuplicateVoteEvidence","value":{}}"#,
        r#"seeds=["a"]&peers=["a","b"]&persistent=1&private=T&unconditional=f"#,
        "x;y=%zz&a=%e4+%F0%9F%98%80&&=&height=5&height=6",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Queries with every operator and every kind of argument.
pub fn query_seeds() -> Vec<Vec<u8>> {
    [
        "tm.event='Tx' AND transfer.amount>=5.5 AND tx.height  <=  TIME 2013-05-03T14:45:00Z",
        "block.time = DATE 2013-05-03 AND z EXISTS AND transfer.memo CONTAINS 'a b' AND v < 10 AND u > 1.",
        "a=1AND b=2",
        "TIME\tEXISTS",
        "größe='ß'",
        "block.time>TIME 2013-05-03T14:45:00.123456789+02:00",
        "transfer.amount < 340282366920938463463374607431768211456",
        "a=''",
        "",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Words of the three.
pub fn dictionary() -> Dictionary {
    let mut words: Vec<String> = [
        "",
        "{",
        "}",
        "[",
        "]",
        "null",
        "true",
        "1e999",
        "-0",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "0.1",
        "\"jsonrpc\":\"2.0\",",
        "\"id\":",
        "\"params\":",
        "\"PARAMS\":",
        "\\ud800",
        "\\u0000",
        "\"\"",
        "0x",
        "0X0a",
        "%22",
        "%",
        "&",
        ";",
        "=",
        "+",
        " AND ",
        "AND",
        " EXISTS",
        " CONTAINS ",
        "TIME ",
        "DATE ",
        "<=",
        ">=",
        "'",
        "2013-05-03T14:45:00Z",
        "2013-02-29",
        "9999-12-31T23:59:59.999999999-23:59",
        "5.",
        ".5",
        "transfer.amount",
        "tm.event",
        "\u{a0}",
        "\u{fffd}",
        "\u{feff}",
    ]
    .map(str::to_owned)
    .to_vec();
    words.extend(CALLS.map(|(method, _)| method.to_owned()));
    words.extend(["[".repeat(300), "{\"a\":".repeat(200), "9".repeat(400), " AND a=1".repeat(40)]);
    let mut words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
    words.extend([vec![0xFF], vec![0xC3, 0x28], vec![0xED, 0xA0, 0x80], vec![0]]);
    Dictionary(words)
}

/// The body of a JSON-RPC request: read as the server does, all methods' parameters included.
pub fn rpc_requests(input: &[u8]) -> Features {
    let mut features = Features::default();
    let calls = plume_rpc::parse_request(input);
    assert_eq!(plume_rpc::parse_request(input), calls, "a second reading differs");
    // A call takes a name and parameters, a comma between two of them.
    assert!(calls * 10 <= input.len() + 10, "{calls} calls in {} bytes", input.len());
    let text = String::from_utf8_lossy(input);
    for (method, _) in CALLS.iter().filter(|(method, _)| text.contains(method)) {
        features.note(format!("{method} {}", calls.min(3)));
    }
    features.note(format!("{} {}", calls.min(40), serde_json::from_slice::<serde_json::Value>(input).is_ok()));
    features
}

/// A query string, read as the parameters of every method.
pub fn rpc_uri(input: &[u8]) -> Features {
    let mut features = Features::default();
    let text = String::from_utf8_lossy(input);
    let methods = plume_rpc::parse_uri_params(&text);
    assert_eq!(plume_rpc::parse_uri_params(&text), methods, "a second reading differs");
    assert!(methods <= CALLS.len(), "more methods than there are");
    let names: Vec<&str> = text.split('&').filter_map(|pair| pair.split('=').next()).collect();
    features.note(format!("{methods} {}", names.len().min(8)));
    for name in NAMES.into_iter().filter(|name| names.contains(name)) {
        features.note(format!("{name} {methods}"));
    }
    features
}

/// A query on events: its text form is read back as the same query, which matches the same events.
pub fn event_query(input: &[u8]) -> Features {
    let mut features = Features::default();
    let text = String::from_utf8_lossy(input);
    let query = match text.parse::<Query>() {
        Ok(query) => query,
        Err(error) => {
            features.outcome("refused", 0, "", &error.to_string());
            return features;
        }
    };
    assert!(text.len() <= Query::MAX_LENGTH && query.conditions().len() <= Query::MAX_CONDITIONS, "over a limit");
    let events = events();
    let matches = query.matches(&events);
    let each = query.conditions().iter().map(|condition| {
        let mut values = events.values(condition.tag()).iter();
        let met = values.any(|value| condition.accepts(value));
        let kind = condition.argument().map(plume_events::Argument::kind);
        features.note(format!("{:?} {kind:?} {met}", condition.operator()));
        // A key that is the type of an event stands for an empty value.
        let is_type =
            EVENTS.iter().any(|(key, _)| key.split_once('.').is_some_and(|(kind, _)| kind == condition.tag()));
        met || (is_type && condition.accepts(""))
    });
    assert!(each.fold(true, |all, met| all & met) || !matches, "matches without a value that is accepted");
    assert!(!query.matches(&EventMap::new()), "matches where there is nothing");
    features.note(format!("matches {matches}"));
    let written = query.to_string();
    // Spaces that were left out may make the written form longer than what is read. And CometBFT takes a key `TIME` when
    // a tab follows, but reads it as the beginning of a time when its own text form puts a space there.
    let is_label = |condition: &plume_events::Condition| ["TIME", "DATE"].contains(&condition.tag());
    if written.len() <= Query::MAX_LENGTH && !query.conditions().iter().any(is_label) {
        let back: Query = written.parse().unwrap_or_else(|error| panic!("unreadable {written:?}: {error}"));
        assert_eq!(back, query, "another query comes back");
        assert_eq!(back.to_string(), written, "a second text form");
        assert_eq!(back.matches(&events), matches, "matches otherwise");
    }
    features
}

const EVENTS: [(&str, &str); 13] = [
    ("tm.event", "Tx"),
    ("transfer.amount", "5.5"),
    ("transfer.amount", "100uplume"),
    ("transfer.amount", "340282366920938463463374607431768211456"),
    ("transfer.memo", "x a b y"),
    ("transfer.memo", ""),
    ("tx.height", "8"),
    ("block.time", "2013-05-03T14:45:00Z"),
    ("block.time", "2013-05-03"),
    ("größe", "ß"),
    ("a", "1"),
    ("b", "2"),
    ("v", "-9"),
];

fn events() -> EventMap {
    EVENTS.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
