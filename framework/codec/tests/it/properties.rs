//! Nothing panics, and JSON loses nothing.

use plume_codec::{
    CodecError, JsonProblem, MAX_DEPTH, NonCritical, amino_json, decode_json, encode_json, from_json, pool,
    reject_unknown, require_deterministic_tx_raw, signers, to_json,
};
use plume_proto::cosmos::auth::v1beta1::BaseAccount;
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::mode_info::{Multi, Sum};
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, ModeInfo, SignerInfo, Tx, TxBody};
use plume_proto::google::protobuf::Timestamp;
use plume_proto::{Any, Message};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::vectors::{bytes, list, load, text};

fn coin() -> impl Strategy<Value = Coin> {
    (".{0,20}", any::<u128>()).prop_map(|(denom, amount)| Coin { denom, amount: amount.to_string() })
}

fn send() -> impl Strategy<Value = MsgSend> {
    (".{0,50}", ".{0,50}", prop::collection::vec(coin(), 0..4)).prop_map(|(from_address, to_address, amount)| MsgSend {
        from_address,
        to_address,
        amount,
    })
}

prop_compose! {
    fn transaction()(
        messages in prop::collection::vec(send(), 0..3),
        memo in ".*",
        timeout_height in any::<u64>(),
        unordered in any::<bool>(),
        time in prop::option::of((-62_135_596_800i64..253_402_300_800, 0i32..1_000_000_000)),
        public_key in prop::option::of(any::<[u8; 33]>()),
        mode in -1i32..200,
        sequence in any::<u64>(),
        fee in prop::collection::vec(coin(), 0..3),
        signatures in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..3),
    ) -> Tx {
        use plume_proto::cosmos::crypto::secp256k1::PubKey;
        use plume_proto::cosmos::tx::v1beta1::mode_info::Single;

        let signer = SignerInfo {
            public_key: public_key.map(|key| plume_proto::any(&PubKey { key: key.to_vec() })),
            mode_info: Some(ModeInfo { sum: Some(Sum::Single(Single { mode })) }),
            sequence,
        };
        Tx {
            body: Some(TxBody {
                messages: messages.iter().map(plume_proto::any).collect(),
                memo,
                timeout_height,
                unordered,
                timeout_timestamp: time.map(|(seconds, nanos)| Timestamp { seconds, nanos }),
                ..Default::default()
            }),
            auth_info: Some(AuthInfo {
                signer_infos: vec![signer],
                fee: Some(Fee { amount: fee, gas_limit: sequence, ..Default::default() }),
                ..Default::default()
            }),
            signatures,
        }
    }
}

fn type_name() -> impl Strategy<Value = String> {
    let names: Vec<_> = pool().all_messages().map(|message| message.full_name().to_owned()).collect();
    prop::sample::select(names)
}

/// An encoded message of the vectors with some bytes changed: gets deeper into the code than noise.
fn damaged_message() -> impl Strategy<Value = (String, Vec<u8>)> {
    let vectors = load("messages.json");
    let messages: Vec<_> = list(&vectors, "messages")
        .iter()
        .map(|vector| (text(vector, "type").to_owned(), bytes(vector, "wire")))
        .filter(|(_, wire)| !wire.is_empty())
        .collect();
    (prop::sample::select(messages), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)).prop_map(
        |((name, mut wire), changes)| {
            for (place, byte) in changes {
                let place = place.index(wire.len());
                wire[place] = byte;
            }
            (name, wire)
        },
    )
}

/// Runs every reader over `wire`; if the bytes have JSON that can be read back, then reading it back loses nothing.
fn read_all(name: &str, wire: &[u8]) {
    let url = format!("/{name}");
    let _ = reject_unknown(name, wire, NonCritical::Allow);
    let _ = reject_unknown(name, wire, NonCritical::Reject);
    let _ = signers(&url, wire);
    let _ = amino_json(&url, wire);
    let _ = require_deterministic_tx_raw(wire);
    if let Ok(json) = to_json(name, wire)
        && let Ok(again) = from_json(name, &json)
    {
        assert_eq!(to_json(name, &again), Ok(json), "{name} {}", hex::encode(wire));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_panics(name in type_name(), wire in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&name, &wire);
    }

    #[test]
    fn damaged_messages_never_panic((name, wire) in damaged_message()) {
        read_all(&name, &wire);
    }

    #[test]
    fn transactions_survive_json(transaction in transaction()) {
        let json = encode_json(&transaction).expect("has JSON");
        prop_assert_eq!(decode_json::<Tx>(&json), Ok(transaction.clone()));
        // Through text too, as files and requests carry it.
        let text = json.to_string();
        let json: Value = serde_json::from_str(&text).expect("valid JSON");
        prop_assert_eq!(from_json("cosmos.tx.v1beta1.Tx", &json), Ok(transaction.encode_to_vec()));
        let wire = transaction.encode_to_vec();
        prop_assert_eq!(reject_unknown("cosmos.tx.v1beta1.Tx", &wire, NonCritical::Reject), Ok(false));
    }

    #[test]
    fn amino_json_is_json_with_sorted_keys(send in send()) {
        let amino = amino_json("/cosmos.bank.v1beta1.MsgSend", &send.encode_to_vec()).expect("has amino JSON");
        let json: Value = serde_json::from_slice(&amino).expect("valid JSON");
        prop_assert_eq!(&json["type"], "cosmos-sdk/MsgSend");
        prop_assert_eq!(json["value"]["from_address"].as_str().unwrap_or_default(), &send.from_address);
        prop_assert_eq!(json["value"]["amount"].as_array().map(Vec::len), Some(send.amount.len()));
        let keys: Vec<_> = json["value"].as_object().expect("an object").keys().collect();
        prop_assert!(keys.is_sorted());
    }
}

/// Far deeper than a thread's stack could follow.
const DEEP: usize = 2_000;

#[test]
fn deep_nesting_is_refused() {
    let mut mode_info = vec![];
    for _ in 0..DEEP {
        let mut multi = vec![0x12];
        prost_length(&mut multi, mode_info.len());
        multi.extend(mode_info);
        mode_info = vec![0x12];
        prost_length(&mut mode_info, multi.len());
        mode_info.extend(multi);
    }
    let name = "cosmos.tx.v1beta1.ModeInfo";
    assert_eq!(reject_unknown(name, &mode_info, NonCritical::Reject), Err(CodecError::TooDeep));
    assert!(matches!(to_json(name, &mode_info), Err(CodecError::Malformed { .. })));
    assert!(amino_json(&format!("/{name}"), &mode_info).is_err());

    let shallow = ModeInfo { sum: Some(Sum::Multi(Multi { bitarray: None, mode_infos: vec![ModeInfo::default()] })) };
    assert_eq!(reject_unknown(name, &shallow.encode_to_vec(), NonCritical::Reject), Ok(false));
}

#[test]
fn deep_nesting_inside_any_is_refused() {
    let nested = |levels: usize| {
        (0..levels).fold(BaseAccount::default(), |inner, _| BaseAccount {
            pub_key: Some(plume_proto::any(&inner)),
            ..BaseAccount::default()
        })
    };
    let deep = nested(DEEP / 10).encode_to_vec();
    let name = "cosmos.auth.v1beta1.BaseAccount";
    assert_eq!(reject_unknown(name, &deep, NonCritical::Reject), Err(CodecError::TooDeep));
    assert_eq!(amino_json(&format!("/{name}"), &deep), Err(CodecError::TooDeep));
    assert!(matches!(to_json(name, &deep), Err(CodecError::Json { problem: JsonProblem::TooDeep, .. })));

    let shallow = nested(MAX_DEPTH / 4).encode_to_vec();
    assert_eq!(reject_unknown(name, &shallow, NonCritical::Reject), Ok(false));
    let json = to_json(name, &shallow).expect("shallow enough");
    assert_eq!(from_json(name, &json), Ok(shallow));

    let mut json = json!({"@type": format!("/{name}")});
    for _ in 0..DEEP / 10 {
        json = json!({"@type": format!("/{name}"), "pub_key": json});
    }
    assert!(matches!(
        from_json("google.protobuf.Any", &json),
        Err(CodecError::Json { problem: JsonProblem::TooDeep, .. })
    ));
}

fn prost_length(out: &mut Vec<u8>, mut len: usize) {
    while len >= 0x80 {
        out.push((len % 0x80) as u8 | 0x80);
        len /= 0x80;
    }
    out.push(len as u8);
}

#[test]
fn json_that_does_not_fit_is_refused_with_its_place() {
    let genesis = "cosmos.bank.v1beta1.GenesisState";
    for (name, json, text) in [
        (genesis, json!({"params": {"wrong": 1}}), "params.wrong: unknown field of cosmos.bank.v1beta1.Params"),
        (
            genesis,
            json!({"balances": [{}, {"coins": [{"denom": "a", "amount": 5}]}]}),
            "balances[1].coins[0].amount: expected text",
        ),
        (genesis, json!({"supply": [{"amount": "5.0"}]}), "supply[0].amount: expected an integer as text"),
        (genesis, json!({"supply": {}}), "supply: expected an array"),
        (genesis, json!([]), "expected an object"),
        ("cosmos.bank.v1beta1.MsgSend", json!({"fromAddress": "a", "from_address": "a"}), "from_address: set twice"),
        ("cosmos.tx.v1beta1.Fee", json!({"gas_limit": "-1"}), "gas_limit: number out of range"),
        ("cosmos.tx.v1beta1.Fee", json!({"gas_limit": 1.5}), "gas_limit: expected an integer"),
        (
            "cosmos.bank.v1beta1.Params",
            json!({"default_send_enabled": 1}),
            "default_send_enabled: expected true or false",
        ),
        ("cosmos.tx.v1beta1.Tx", json!({"signatures": ["%"]}), "signatures[0]: expected base64"),
        (
            "cosmos.tx.v1beta1.BroadcastTxRequest",
            json!({"mode": "FAST"}),
            "mode: unknown value of cosmos.tx.v1beta1.BroadcastMode",
        ),
        ("cosmos.tx.v1beta1.ModeInfo", json!({"single": {}, "multi": {}}), "multi: set twice"),
        (
            "cosmos.tx.v1beta1.TxBody",
            json!({"messages": [{"@type": "/x.Y"}]}),
            "messages[0]: unable to resolve type URL /x.Y",
        ),
        ("cosmos.tx.v1beta1.TxBody", json!({"messages": [{}]}), "messages[0]: expected an object with @type"),
        ("cosmos.tx.v1beta1.TxBody", json!({"timeout_timestamp": "now"}), "timeout_timestamp: invalid time: now"),
        ("cosmos.base.v1beta1.DecCoin", json!({"amount": "x"}), "amount: invalid decimal: "),
        ("x.Y", json!({}), "unable to resolve type URL x.Y"),
    ] {
        let error = from_json(name, &json).expect_err("does not fit").to_string();
        assert!(error == text || (text.ends_with(' ') && error.starts_with(text)), "{json}: {error}");
    }
}

#[test]
fn json_is_read_in_every_form_that_clients_send() {
    let fee = |json| decode_json::<Fee>(&json);
    let expected = Fee { gas_limit: 7, payer: "p".into(), ..Default::default() };
    assert_eq!(fee(json!({"gas_limit": "7", "payer": "p"})), Ok(expected.clone()));
    assert_eq!(fee(json!({"gasLimit": 7, "payer": "p", "granter": null})), Ok(expected));

    let key = |text: &str| from_json("cosmos.crypto.ed25519.PubKey", &json!({"key": text}));
    let bytes = Ok(vec![0x0a, 2, 0xfb, 0xff]);
    assert_eq!((key("+/8="), key("+/8"), key("-_8=")), (bytes.clone(), bytes.clone(), bytes));

    let any = json!({"@type": "/google.protobuf.Timestamp", "value": "1970-01-01T00:00:01Z"});
    let expected = Any { type_url: "/google.protobuf.Timestamp".into(), value: vec![0x08, 1] };
    assert_eq!(decode_json::<Any>(&any), Ok(expected.clone()));
    assert_eq!(encode_json(&expected), Ok(any));
}
