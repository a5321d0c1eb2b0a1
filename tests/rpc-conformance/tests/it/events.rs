//! WebSockets: what subscribers are sent, and what else can be asked there.

use plume_tests_rpc_conformance::Socket;
use plume_tests_rpc_conformance::chain::address;
use serde_json::{Value, json};

use crate::pair::Pair;

/// A subscription on both nodes, and how many messages are compared.
pub struct Subscribed {
    query: String,
    sockets: [Socket; 2],
    expected: usize,
    /// Which messages count: CometBFT has steps and votes that this engine has not.
    keep: fn(&Value) -> bool,
}

/// A query, the messages to compare, and which ones count.
type Wanted = (String, usize, fn(&Value) -> bool);

fn all(_: &Value) -> bool {
    true
}

/// Subscribes to every kind of event, each on a connection of its own.
pub fn subscribe(pair: &Pair) -> Vec<Subscribed> {
    let carol = address("carol");
    let mut queries: Vec<Wanted> = vec![
        ("tm.event='NewBlock'".to_owned(), 6, all),
        ("tm.event='NewBlockHeader'".to_owned(), 6, all),
        ("tm.event = 'NewBlockEvents'".to_owned(), 6, all),
        ("tm.event='Tx'".to_owned(), 6, all),
        (format!("tm.event='Tx' AND transfer.recipient='{carol}'"), 2, all),
        ("tm.event='Tx' AND tx.height>3".to_owned(), 2, all),
        ("tm.event='ValidatorSetUpdates'".to_owned(), 1, all),
    ];
    if pair.publishes_steps() {
        let steps: [Wanted; 3] = [
            ("tm.event='Vote'".to_owned(), 6, |message| message["data"]["value"]["Vote"]["type"] == 2),
            ("tm.event='NewRoundStep'".to_owned(), 6, |message| message["data"]["value"]["step"] == "RoundStepPropose"),
            ("tm.event='CompleteProposal'".to_owned(), 6, all),
        ];
        queries.extend(steps);
    }
    let open = |(query, expected, keep): Wanted| {
        let sockets = pair.both().map(|node| {
            let mut socket = Socket::open(node);
            socket.request(&json!("subscription 1"), "subscribe", &json!({"query": query}));
            let answer = socket.message();
            assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "subscription 1", "result": {}}));
            socket
        });
        Subscribed { query, sockets, expected, keep }
    };
    queries.into_iter().map(open).collect()
}

/// Compares what came since.
pub fn compare(pair: &mut Pair, subscribed: Vec<Subscribed>) {
    for Subscribed { query, mut sockets, expected, keep } in subscribed {
        for number in 0..expected {
            let [real, ours] = sockets.each_mut().map(|socket| {
                loop {
                    let message = socket.message();
                    if keep(&message["result"]) {
                        return sorted(message);
                    }
                }
            });
            pair.same(&format!("event {query} {number}"), &real, &ours);
        }
    }
}

/// Go writes the map of events in no order.
fn sorted(mut message: Value) -> Value {
    if let Some(events) = message.pointer_mut("/result/events").and_then(Value::as_object_mut) {
        let mut members: Vec<_> = std::mem::take(events).into_iter().collect();
        members.sort_by(|a, b| a.0.cmp(&b.0));
        events.extend(members);
    }
    message
}

/// Requests over a WebSocket and their answers, in order.
pub fn requests(pair: &mut Pair) {
    let mut sockets = pair.both().map(Socket::open);
    let call = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()
    };
    let tx = "tm.event='Tx'";
    let messages = [
        call("health", json!({})),
        call("block", json!({"height": "2"})),
        call("block", json!({"height": 2})),
        call("block", json!({"height": "1000"})),
        call("tx_search", json!({"query": "tx.height=2"})),
        call("validators", json!(["1", "1", "1"])),
        call("validators", json!(["1"])),
        call("no_such", json!({})),
        "{\"id\":1,\"method\":\"block\"}".to_owned(),
        "{\"id\":\"x\",\"method\":\"health\"}".to_owned(),
        "nonsense".to_owned(),
        "".to_owned(),
        "{\"id\":1".to_owned(),
        "[]".to_owned(),
        "[{\"id\":1,\"method\":\"health\",\"params\":{}}]".to_owned(),
        "{\"id\":1,\"method\":\"health\",\"params\":{}} trailing".to_owned(),
        call("subscribe", json!({"query": tx})),
        call("subscribe", json!({"query": tx})),
        call("subscribe", json!({"query": "tm.event = 'Tx'"})),
        call("subscribe", json!({"query": "nonsense"})),
        call("subscribe", json!({"query": ""})),
        call("subscribe", json!({})),
        call("subscribe", json!({"query": "x".repeat(513)})),
        call("subscribe", json!(["tm.event='NewBlock'"])),
        call("subscribe", json!({"query": "tm.event='NewBlockHeader'"})),
        call("subscribe", json!({"query": "tm.event='Vote'"})),
        call("unsubscribe", json!({"query": "tm.event='Vote'"})),
        call("unsubscribe", json!({"query": "nonsense"})),
        call("unsubscribe", json!({"query": tx})),
        call("unsubscribe", json!({"query": tx})),
        call("unsubscribe_all", json!({})),
        call("unsubscribe_all", json!({})),
    ];
    for message in messages {
        let [real, ours] = sockets.each_mut().map(|socket| {
            socket.send(&message);
            socket.message()
        });
        let short: String = message.chars().take(100).collect();
        pair.same(&format!("WS {short}"), &real, &ours);
    }
    // A notification is not answered: the next answer is the next request's.
    let [real, ours] = sockets.each_mut().map(|socket| {
        socket.send("{\"method\":\"health\",\"params\":{}}");
        socket.send(&call("health", json!({})));
        socket.message()
    });
    pair.same("WS notification", &real, &ours);
    sockets.iter_mut().for_each(Socket::ping);
}
