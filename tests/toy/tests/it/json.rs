use plume_codec::{AddDescriptorsError, UnknownFields, add_descriptors, from_json, from_json_with, to_json};
use plume_tests_toy::{EVERYTHING, register};
use serde_json::{Value as Json, json};

/// Through bytes and back.
fn round(json: &Json) -> Json {
    register();
    let bytes = from_json(EVERYTHING, json).unwrap_or_else(|error| panic!("{error}"));
    to_json(EVERYTHING, &bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn error(json: &Json) -> String {
    register();
    from_json(EVERYTHING, json).expect_err("malformed").to_string()
}

#[test]
fn a_message_of_defaults_shows_them_all() {
    let defaults = round(&json!({}));
    let expected = json!({
        "double_field": 0, "float_field": 0, "int32_field": 0, "int64_field": "0", "uint32_field": 0,
        "uint64_field": "0", "sint32_field": 0, "sint64_field": "0", "fixed32_field": 0, "fixed64_field": "0",
        "sfixed32_field": 0, "sfixed64_field": "0", "bool_field": false, "string_field": "", "bytes_field": null,
        "color": "COLOR_UNSPECIFIED", "any": null, "time": null, "duration": null, "rate": null, "amount": "0",
        "leaf": null, "always": { "name": "", "size_bytes": "0" }, "strings": [], "numbers": [], "colors": [],
        "blobs": [], "leaves": [], "labels": {}, "by_number": {}, "by_flag": {}, "inner": null,
        "optional_number": "0", "pagination": null, "rates": [],
    });
    // As text, so that the order counts.
    assert_eq!(defaults.to_string(), expected.to_string());
}

#[test]
fn every_type_survives() {
    let value = json!({
        "double_field": 1.5, "float_field": 0.1, "int32_field": i32::MIN, "int64_field": i64::MIN.to_string(),
        "uint32_field": u32::MAX, "uint64_field": u64::MAX.to_string(), "sint32_field": -1, "sint64_field": "-1",
        "fixed32_field": 1, "fixed64_field": "1", "sfixed32_field": -1, "sfixed64_field": "-1", "bool_field": true,
        "string_field": "é\"\\", "bytes_field": "AAE=", "color": "COLOR_BLUE",
        "any": { "@type": "/toy.v1.Leaf", "name": "x", "size_bytes": "1" }, "time": "2025-01-02T03:04:05.600Z",
        "duration": "-1.500s", "rate": "0.500000000000000000", "amount": "-12", "leaf": { "name": "a", "size_bytes": "0" },
        "always": { "name": "", "size_bytes": "2" }, "strings": ["", "b"], "numbers": ["1", "2"],
        "colors": ["COLOR_RED", 7], "blobs": ["", "AA=="], "leaves": [{ "name": "", "size_bytes": "0" }],
        "labels": { "": "", "a": "1", "b": "2" }, "by_number": { "-1": { "name": "", "size_bytes": "0" } },
        "by_flag": { "false": "", "true": "AA==" }, "number_choice": "0",
        "inner": round(&json!({})), "optional_number": "3",
        "pagination": { "key": null, "offset": "0", "limit": "5", "count_total": false, "reverse": true },
        "rates": ["-1.000000000000000000"],
    });
    assert_eq!(round(&value), value);
}

#[test]
fn maps_come_in_the_order_of_their_keys() {
    let map = round(&json!({ "by_number": { "10": {}, "-1": {}, "9": {} }, "labels": { "b": "", "a": "" } }));
    let keys = |name: &str| map[name].as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys("by_number"), ["-1", "9", "10"]);
    assert_eq!(keys("labels"), ["a", "b"]);
}

#[test]
fn numbers_with_a_point_take_every_form() {
    for (given, shown) in [
        (json!(3), json!(3)),
        (json!("1.25"), json!(1.25)),
        (json!(-2.0), json!(-2)),
        (json!(1e300), json!(1e300)),
        (json!("Infinity"), json!("Infinity")),
        (json!("-Infinity"), json!("-Infinity")),
        (json!("NaN"), json!("NaN")),
    ] {
        assert_eq!(round(&json!({ "double_field": given }))["double_field"], shown, "{given}");
    }
    // The shortest decimal of 32 bits.
    assert_eq!(round(&json!({ "float_field": 16_777_217 }))["float_field"], json!(16_777_216));
}

#[test]
fn what_does_not_fit_is_named() {
    for (json, text) in [
        (json!({ "double_field": "inf" }), "double_field: expected a number"),
        (json!({ "double_field": true }), "double_field: expected a number"),
        (json!({ "float_field": 1e39 }), "float_field: number out of range"),
        (json!({ "labels": [] }), "labels: expected an object"),
        (json!({ "labels": { "a": 1 } }), "labels.a: expected text"),
        (json!({ "by_number": { "x": {} } }), "by_number.x: expected an integer"),
        (json!({ "by_number": { "1": {}, "01": {} } }), "by_number.01: set twice"),
        (json!({ "by_flag": { "yes": "" } }), "by_flag.yes: expected true or false"),
        (json!({ "text_choice": "", "number_choice": "1" }), "number_choice: set twice"),
        (json!({ "nobody": 1 }), "nobody: unknown field of toy.v1.Everything"),
    ] {
        assert_eq!(error(&json), text);
    }
}

#[test]
fn unknown_fields_are_passed_over_where_that_is_asked_for() {
    register();
    let json =
        json!({ "nobody": 1, "leaf": { "name": "a", "nobody": {} }, "any": { "@type": "/toy.v1.Leaf", "nobody": 1 } });
    let bytes = from_json_with(EVERYTHING, &json, UnknownFields::Ignore).expect("the rest is known");
    let expected = json!({ "leaf": { "name": "a" }, "any": { "@type": "/toy.v1.Leaf" } });
    assert_eq!(Ok(bytes), from_json(EVERYTHING, &expected));
}

#[test]
fn descriptors_come_before_the_first_use_or_not_at_all() {
    register();
    assert!(plume_codec::pool().get_message_by_name(EVERYTHING).is_some());
    assert!(plume_codec::is_transaction_message("/toy.v1.MsgPaint"));
    assert_eq!(add_descriptors(&[]), Err(AddDescriptorsError::InUse));
}
