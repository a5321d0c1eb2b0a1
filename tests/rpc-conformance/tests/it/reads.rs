//! Everything that can be read of a chain at rest.

use plume_tests_rpc_conformance::chain::{DENOM, address};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::broadcast::payments;
use crate::pair::Pair;

pub fn compare(pair: &mut Pair) {
    let last = pair.height();
    node(pair);
    for method in ["block", "header", "commit", "block_results", "validators", "consensus_params"] {
        pair.get(&format!("/{method}"));
        pair.call(method, &json!({}));
        for height in 1..=last {
            pair.get(&format!("/{method}?height={height}"));
            pair.call(method, &json!({"height": height.to_string()}));
        }
        for height in ["0", "-1", "1000", "\"2\"", "\"1000\"", "abc", "0x1", "1.5", "", "99999999999999999999"] {
            pair.get(&format!("/{method}?height={height}"));
        }
        let (next, after) = (last + 1, last + 2);
        pair.get(&format!("/{method}?height={next}"));
        pair.get(&format!("/{method}?height={after}"));
        pair.call(method, &json!({"height": 3}));
        pair.call(method, &json!({"height": null}));
        pair.call(method, &json!(["2"]));
        pair.call(method, &json!([]));
    }
    blocks(pair, last);
    validators(pair);
    queries(pair, last);
    transactions(pair);
    searches(pair);
}

fn node(pair: &mut Pair) {
    for method in [
        "health",
        "status",
        "net_info",
        "genesis",
        "abci_info",
        "consensus_state",
        "dump_consensus_state",
        "num_unconfirmed_txs",
        "unconfirmed_txs",
    ] {
        pair.get(&format!("/{method}"));
        pair.call(method, &json!({}));
        pair.post(&format!("{{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"{method}\"}}"));
    }
    pair.call("health", &json!([]));
    pair.call("health", &json!([1]));
    for chunk in ["0", "1", "\"0\"", "-1", "x"] {
        pair.get(&format!("/genesis_chunked?chunk={chunk}"));
    }
    pair.get("/genesis_chunked");
    pair.call("genesis_chunked", &json!({"chunk": "0"}));
    pair.call("genesis_chunked", &json!({"chunk": "7"}));
}

fn blocks(pair: &mut Pair, last: u64) {
    for (min, max) in [("0", "0"), ("1", "3"), ("2", "2"), ("3", "2"), ("-1", "5"), ("1", "1000"), ("1000", "1000")] {
        pair.get(&format!("/blockchain?minHeight={min}&maxHeight={max}"));
        pair.call("blockchain", &json!({"minHeight": min, "maxHeight": max}));
    }
    pair.get("/blockchain");
    pair.call("blockchain", &json!([last.to_string(), "0"]));
    for method in ["block_by_hash", "header_by_hash"] {
        pair.get(&format!("/{method}?hash=0x{{hash:2}}"));
        pair.get(&format!("/{method}?hash=0x{}", "00".repeat(32)));
        pair.get(&format!("/{method}?hash=0x0102"));
        pair.get(&format!("/{method}?hash=0x"));
        pair.get(&format!("/{method}"));
        pair.get(&format!("/{method}?hash=zz"));
    }
    pair.call("block_by_hash", &json!({"hash": "{hash64:3}"}));
    pair.call("header_by_hash", &json!({"hash": "{hash:3}"}));
    pair.call("header_by_hash", &json!({"hash": "+/++"}));
}

fn validators(pair: &mut Pair) {
    for query in ["page=1&per_page=1", "page=2", "page=0", "per_page=0", "per_page=101", "page=\"1\"", "page=x"] {
        pair.get(&format!("/validators?{query}"));
    }
    pair.call("validators", &json!({"height": "7", "page": "1", "per_page": "100"}));
    pair.call("validators", &json!(["7", "2", null]));
}

fn queries(pair: &mut Pair, last: u64) {
    // Key of alice's balance: 0x02, length, address, denomination.
    let key = {
        let prefix = plume_primitives::Bech32Prefix::new("plume").expect("a prefix");
        let account = prefix.parse_account(&address("alice")).expect("an account");
        hex::encode([&[2, 20][..], account.as_bytes(), DENOM.as_bytes()].concat())
    };
    pair.get(&format!("/abci_query?path=\"/store/bank/key\"&data=0x{key}"));
    pair.get(&format!("/abci_query?path=\"/store/bank/key\"&data=0x{key}&prove=true"));
    pair.get(&format!("/abci_query?path=\"/store/bank/key\"&data=0x{key}&height=2&prove=true"));
    pair.get("/abci_query?path=\"/store/bank/key\"&data=0x02ff&prove=true");
    pair.call("abci_query", &json!({"path": "/store/bank/key", "data": key, "height": "3", "prove": true}));
    for height in ["1", "1000", "-1"] {
        pair.call("abci_query", &json!({"path": "/store/bank/key", "data": key, "height": height, "prove": false}));
    }
    pair.call("abci_query", &json!({"path": "/store/bank/key", "data": key, "height": last.to_string()}));
    pair.call("abci_query", &json!({"path": "/no/such/path", "data": ""}));
    pair.call("abci_query", &json!({"path": "/cosmos.bank.v1beta1.Query/Balance", "data": "ff"}));
    pair.call("abci_query", &json!({"path": "/cosmos.bank.v1beta1.Query/Params", "data": ""}));
    pair.call("abci_query", &json!({"path": "/app/version", "data": ""}));
    for query in ["path=store", "path=\"x\"&data=zz", "path=\"x\"&data=\"zz\"", "prove=yes", "prove=1", "path=0x2f78"] {
        pair.get(&format!("/abci_query?{query}"));
    }
    pair.get("/abci_query");
}

fn transactions(pair: &mut Pair) {
    for tx in payments() {
        let hash = hex::encode_upper(Sha256::digest(&tx));
        pair.get(&format!("/tx?hash=0x{hash}"));
        pair.get(&format!("/tx?hash=0x{hash}&prove=true"));
        let base64 = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&tx))
        };
        pair.call("tx", &json!({"hash": base64, "prove": true}));
        pair.get(&format!("/tx_search?query=\"tx.hash='{hash}'\""));
        pair.get(&format!("/tx_search?query=\"tx.hash='{}'\"&prove=true", hash.to_lowercase()));
    }
    for query in ["", "hash=0x00", "hash=0x", "hash=\"text\"", "hash=zz", "hash=0x0", "hash=5", "prove=true"] {
        pair.get(&format!("/tx?{query}"));
    }
    pair.get(&format!("/tx?hash=0x{}", "00".repeat(32)));
    pair.call("tx", &json!({"hash": "zz"}));
    pair.call("tx", &json!({"hash": null}));
}

fn searches(pair: &mut Pair) {
    let (alice, carol) = (address("alice"), address("carol"));
    let queries = [
        "tx.height=2".to_owned(),
        "tx.height>2".to_owned(),
        "tx.height>=3 AND tx.height<5".to_owned(),
        "tx.height<=3".to_owned(),
        "tx.height=1000".to_owned(),
        format!("transfer.recipient='{carol}'"),
        format!("transfer.sender='{alice}' AND tx.height>2"),
        format!("transfer.recipient='{carol}' AND transfer.sender='{alice}'"),
        "transfer.recipient EXISTS".to_owned(),
        "nothing.here EXISTS".to_owned(),
        "transfer EXISTS".to_owned(),
        "transfer.amount CONTAINS '00u'".to_owned(),
        "message.action='/cosmos.bank.v1beta1.MsgSend'".to_owned(),
        "message.action CONTAINS 'MsgSend' AND tx.height>3".to_owned(),
        "tx.fee='7uplume'".to_owned(),
        "tx.acc_seq CONTAINS '/1'".to_owned(),
        "tx.fee=7".to_owned(),
        "transfer.amount=100".to_owned(),
        "transfer.amount>100".to_owned(),
        "tm.event='Tx'".to_owned(),
        "tx.hash='zz'".to_owned(),
        "tx.hash=''".to_owned(),
        format!("tx.hash='{}'", "00".repeat(32)),
        "tx.height>TIME 2013-05-03T14:45:00Z".to_owned(),
        "tx.height>DATE 2013-05-03".to_owned(),
        String::new(),
        "nonsense".to_owned(),
        "a.b=".to_owned(),
        "a.b='x' OR c.d='y'".to_owned(),
        "a.b CONTAINS 5".to_owned(),
        "x".repeat(513),
    ];
    for query in &queries {
        let escaped = query.replace('%', "%25").replace(' ', "%20").replace('&', "%26").replace('+', "%2B");
        pair.get(&format!("/tx_search?query=\"{escaped}\""));
        pair.call("tx_search", &json!({"query": query, "order_by": "desc"}));
        pair.call("block_search", &json!({"query": query}));
    }
    let block_queries = [
        "block.height=3",
        "block.height>2",
        "block.height>=2 AND block.height<=4",
        "block.height EXISTS",
        "block.height>1000",
        "coinbase.amount EXISTS",
    ];
    for query in block_queries {
        let escaped = query.replace(' ', "%20");
        pair.get(&format!("/block_search?query=\"{escaped}\""));
        pair.call("block_search", &json!({"query": query, "order_by": "asc"}));
        pair.call("tx_search", &json!({"query": query}));
    }
    for (page, per_page, order) in [
        ("1", "2", "asc"),
        ("2", "2", "asc"),
        ("3", "2", "desc"),
        ("4", "2", "asc"),
        ("0", "2", "asc"),
        ("-1", "2", ""),
        ("1", "0", ""),
        ("1", "101", "desc"),
        ("1", "-5", "asc"),
        ("1", "2", "up"),
        ("x", "2", ""),
    ] {
        let params = json!({"query": "tx.height>0", "page": page, "per_page": per_page, "order_by": order});
        pair.call("tx_search", &params);
        let params = json!({"query": "block.height>0", "page": page, "per_page": per_page, "order_by": order});
        pair.call("block_search", &params);
        pair.get(&format!(
            "/tx_search?query=\"tx.height>0\"&prove=true&page={page}&per_page={per_page}&order_by=\"{order}\""
        ));
    }
    pair.get("/tx_search");
    pair.get("/block_search");
    pair.get("/tx_search?query=tx.height=1");
    pair.call("tx_search", &json!({"query": "tx.height=2", "prove": "yes"}));
    pair.call("tx_search", &json!(["tx.height=2", true, "1", "30", "asc"]));
    pair.call("tx_search", &json!(["tx.height=2"]));
}
