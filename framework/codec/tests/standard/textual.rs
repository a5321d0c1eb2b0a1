//! `SIGN_MODE_TEXTUAL` against the SDK's own test data.

use std::collections::BTreeMap;
use std::convert::Infallible;

use plume_codec::{
    CodecError, Screen, TextualError, TextualSigner, encode_screens, from_json, pool, sign_doc_textual, textual_denoms,
    textual_message, textual_screens,
};
use plume_proto::cosmos::bank::v1beta1::{DenomUnit, Metadata};
use plume_proto::{Any, Message};
use prost_reflect::DynamicMessage;
use serde_json::Value;

use crate::descriptors::install;
use crate::{list, text, vectors};

/// What the state knows about denominations, by base.
type Known = BTreeMap<String, Metadata>;

fn no_metadata(_: &str) -> Result<Option<Metadata>, Infallible> {
    Ok(None)
}

fn metadata(json: &Value) -> Metadata {
    let unit = |unit: &Value| DenomUnit {
        denom: text(unit, "denom").to_owned(),
        exponent: unit["exponent"].as_u64().expect("an exponent").try_into().expect("a small one"),
        aliases: Vec::new(),
    };
    Metadata {
        base: json["base"].as_str().unwrap_or_default().to_owned(),
        display: json["display"].as_str().unwrap_or_default().to_owned(),
        denom_units: json["denom_units"].as_array().into_iter().flatten().map(unit).collect(),
        ..Metadata::default()
    }
}

fn screens(case: &Value) -> Vec<Screen> {
    let screen = |screen: &Value| Screen {
        title: screen[0].as_str().expect("a title").to_owned(),
        content: screen[1].as_str().expect("a content").to_owned(),
        indent: screen[2].as_u64().expect("an indentation").try_into().expect("a small one"),
        expert: screen[3].as_bool().expect("a flag"),
    };
    list(case, "screens").iter().map(screen).collect()
}

fn wire(name: &str, json: &Value) -> Vec<u8> {
    from_json(name, json).unwrap_or_else(|error| panic!("{name} {json}: {error}"))
}

/// An `Any`, also of types whose JSON is not an object.
fn packed(json: &Value) -> Any {
    let mut content = json.as_object().expect("an object").clone();
    let type_url = content.remove("@type").and_then(|url| url.as_str().map(str::to_owned)).expect("a type");
    let name = type_url.strip_prefix('/').expect("a slash");
    let value = match name {
        "google.protobuf.Any" => packed(&content["value"]).encode_to_vec(),
        "google.protobuf.Timestamp" => wire(name, &content["value"]),
        _ => wire(name, &Value::Object(content)),
    };
    Any { type_url, value }
}

/// Message `A` with one field set.
fn one_field(field: &str, value: &Value) -> Vec<u8> {
    let seconds_and_nanos = |value: &Value| {
        let number = |key: &str| value[key].as_i64().unwrap_or_default();
        plume_proto::google::protobuf::Duration {
            seconds: number("seconds"),
            nanos: number("nanos").try_into().expect("32 bits"),
        }
        .encode_to_vec()
    };
    // As wire bytes: JSON has no durations and times that are out of range.
    match field {
        "DURATION" | "TIMESTAMP" => {
            let content = seconds_and_nanos(value);
            let mut out = vec![if field == "DURATION" { 11 << 3 | 2 } else { 10 << 3 | 2 }];
            out.push(content.len().try_into().expect("short"));
            out.extend(content);
            out
        }
        _ => wire("A", &Value::Object([(field.to_owned(), value.clone())].into_iter().collect())),
    }
}

#[test]
fn values_are_rendered_as_by_the_sdk() {
    install();
    let all = vectors("textual.json");
    let mut compared = 0;
    for case in list(&all, "values") {
        let known: Known = case["metadata"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(base, json)| (base.clone(), metadata(json)))
            .collect();
        let mut source = |denom: &str| Ok::<_, Infallible>(known.get(denom).cloned());
        let field = text(case, "field");
        let rendered = textual_message("A", &one_field(field, &case["value"]), &mut source);
        if case["error"] == true {
            assert!(matches!(rendered, Err(TextualError::Codec(CodecError::TextualUnsupported { .. }))), "{case}");
        } else {
            let title = format!("{}{}", &field[..1], field[1..].replace('_', " "));
            let expected = [
                Screen { content: "A object".to_owned(), ..Screen::default() },
                Screen { title, content: text(case, "text").to_owned(), indent: 1, expert: false },
            ];
            assert_eq!(rendered.as_deref(), Ok(expected.as_slice()), "{case}");
        }
        compared += 1;
    }
    assert_eq!(compared, 250);
}

#[test]
fn messages_are_rendered_as_by_the_sdk() {
    install();
    let all = vectors("textual.json");
    for case in list(&all, "messages") {
        let name = text(case, "type");
        let rendered = textual_message(name, &wire(name, &case["value"]), &mut no_metadata);
        assert_eq!(rendered, Ok(screens(case)), "{case}");
    }
    for case in list(&all, "anys") {
        let bytes = packed(&case["value"]).encode_to_vec();
        assert_eq!(textual_message("google.protobuf.Any", &bytes, &mut no_metadata), Ok(screens(case)), "{case}");
    }
    assert_eq!((list(&all, "messages").len(), list(&all, "anys").len()), (22, 6));
}

#[test]
fn screens_are_encoded_as_by_the_sdk() {
    let all = vectors("textual.json");
    for case in list(&all, "encodings") {
        assert_eq!(hex::encode(encode_screens(&screens(case))), text(case, "cbor"), "{case}");
    }
    assert_eq!(list(&all, "encodings").len(), 7);
}

#[test]
fn transactions_are_rendered_as_by_the_sdk() {
    install();
    let all = vectors("textual.json");
    let mut encoded = 0;
    for case in list(&all, "transactions") {
        let name = text(case, "name");
        let body = wire("cosmos.tx.v1beta1.TxBody", &case["body"]);
        let auth_info = wire("cosmos.tx.v1beta1.AuthInfo", &case["auth_info"]);
        let signer = &case["signer"];
        let public_key = packed(&signer["pub_key"]);
        let signer = TextualSigner {
            address: text(signer, "address"),
            chain_id: text(signer, "chain_id"),
            account_number: signer["account_number"].as_u64().unwrap_or_default(),
            sequence: signer["sequence"].as_u64().unwrap_or_default(),
            public_key: &public_key,
        };
        let known = metadata(&case["metadata"]);
        let mut source = |denom: &str| Ok::<_, Infallible>((denom == known.base).then(|| known.clone()));
        assert_eq!(textual_screens(&body, &auth_info, &signer, &mut source), Ok(screens(case)), "{name}");
        if let Some(cbor) = case["cbor"].as_str() {
            let bytes = sign_doc_textual(&body, &auth_info, &signer, &mut source).expect("rendered one line above");
            assert_eq!(hex::encode(bytes), cbor, "{name}");
            encoded += 1;
        }
        assert_eq!(textual_denoms(&body, &auth_info, &signer), Ok(vec![known.base.clone()]), "{name}");
    }
    assert_eq!(encoded, 4);
}

#[test]
fn other_integers_flags_and_lists_have_renderings_too() {
    install();
    let json = serde_json::json!({
        "SINT64": "-1234567", "FIXED32": 1000, "BOOL": true, "NUMBERS": ["0", "1000"], "ENUMS": ["Two", "One"],
    });
    let rendered = textual_message("A", &wire("A", &json), &mut no_metadata).expect("has screens");
    let lines: Vec<_> = rendered.iter().map(|s| format!("{}|{}|{}", s.indent, s.title, s.content)).collect();
    assert_eq!(
        lines,
        [
            "0||A object",
            "1|SINT64|-1'234'567",
            "1|FIXED32|1'000",
            "1|BOOL|True",
            "1|NUMBERS|2 Uint64",
            "2|NUMBERS (1/2)|0",
            "2|NUMBERS (2/2)|1'000",
            "1||End of NUMBERS",
            "1|ENUMS|2 ExternalEnum",
            "2|ENUMS (1/2)|Two",
            "2|ENUMS (2/2)|One",
            "1||End of ENUMS",
        ]
    );
}

#[test]
fn what_has_no_rendering_is_refused() {
    install();
    let refused = |bytes: &[u8]| match textual_message("A", bytes, &mut no_metadata) {
        Err(TextualError::Codec(CodecError::TextualUnsupported { field, reason })) => format!("{field}: {reason}"),
        other => panic!("{other:?}"),
    };
    // DOUBLE = 1.0; MAP with one entry; ENUM = 5.
    assert_eq!(refused(&[0xf1, 0x06, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]), "A.DOUBLE: type without rendering");
    assert_eq!(refused(&[0xfa, 0x06, 0]), "A.MAP: type without rendering");
    assert_eq!(refused(&[12 << 3, 5]), "A.ENUM: unknown value of an enumeration");
    assert_eq!(refused(&wire("A", &serde_json::json!({"SDKDEC": "1.2.3"}))), "A.SDKDEC: number with two points");

    let unknown = Any { type_url: "/x.Y".to_owned(), value: Vec::new() }.encode_to_vec();
    let rendered = textual_message("google.protobuf.Any", &unknown, &mut no_metadata);
    assert_eq!(rendered, Err(CodecError::UnknownType("/x.Y".to_owned()).into()));
}

#[test]
fn deep_nesting_is_refused() {
    install();
    let nested = |levels: usize| {
        (0..levels).fold(Any { type_url: "/Foo".to_owned(), value: Vec::new() }, |inner, _| {
            // Bar.payload = 3
            let inner = inner.encode_to_vec();
            let mut value = vec![3 << 3 | 2];
            let mut length = inner.len();
            while length >= 0x80 {
                value.push((length % 0x80) as u8 | 0x80);
                length /= 0x80;
            }
            value.push(length as u8);
            value.extend(inner);
            Any { type_url: "/Bar".to_owned(), value }
        })
    };
    let render = |levels| textual_message("google.protobuf.Any", &nested(levels).encode_to_vec(), &mut no_metadata);
    assert_eq!(render(20).map(|screens| screens.len()), Ok(21));
    assert_eq!(render(200), Err(CodecError::TooDeep.into()));
}

#[test]
fn a_source_that_fails_ends_the_rendering() {
    install();
    let coin = wire("A", &serde_json::json!({"COIN": {"denom": "uplume", "amount": "1"}}));
    let rendered = textual_message("A", &coin, &mut |denom| Err(format!("no {denom}")));
    assert_eq!(rendered, Err(TextualError::Metadata("no uplume".to_owned())));
}

/// Damaged bytes of every message that is known.
#[test]
fn damage_never_panics() {
    install();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut rendered = 0;
    for message in pool().all_messages() {
        for _ in 0..20 {
            let length = (random() % 40) as usize;
            let bytes: Vec<u8> = (0..length).map(|_| (random() >> 24) as u8 & 0x3f).collect();
            let readable = DynamicMessage::decode(message.clone(), &*bytes).is_ok();
            let result = textual_message(message.full_name(), &bytes, &mut no_metadata);
            assert!(readable || result.is_err(), "{}", message.full_name());
            rendered += usize::from(result.is_ok());
        }
    }
    assert!(rendered > 200, "{rendered}");
}
