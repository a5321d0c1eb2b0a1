use serde_json::{Value as Json, json};

use crate::world::{World, bad, everything};

fn shown(bytes: &[u8]) -> Json {
    plume_codec::to_json(plume_tests_toy::EVERYTHING, bytes).expect("well formed")
}

#[tokio::test]
async fn parameters_set_fields_of_every_type() {
    let world = World::new();
    for (query, expected) in [
        ("double_field=1.5", json!({ "double_field": 1.5 })),
        ("float_field=0.1", json!({ "float_field": 0.1 })),
        ("int32_field=-7", json!({ "int32_field": -7 })),
        ("int64_field=0x10", json!({ "int64_field": "16" })),
        ("uint32_field=4294967295", json!({ "uint32_field": u32::MAX })),
        ("uint64_field=18446744073709551615", json!({ "uint64_field": u64::MAX.to_string() })),
        ("sint32_field=-1&sint64_field=-2", json!({ "sint32_field": -1, "sint64_field": "-2" })),
        ("fixed32_field=1&fixed64_field=2", json!({ "fixed32_field": 1, "fixed64_field": "2" })),
        ("sfixed32_field=-1&sfixed64_field=-2", json!({ "sfixed32_field": -1, "sfixed64_field": "-2" })),
        ("bool_field=true", json!({ "bool_field": true })),
        ("bool_field=T", json!({ "bool_field": true })),
        ("bool_field=0", json!({ "bool_field": false })),
        ("string_field=a%2Bb+c", json!({ "string_field": "a+b c" })),
        ("string_field=", json!({})),
        ("bytes_field=%2B%2F8%3D", json!({ "bytes_field": "+/8=" })),
        ("bytes_field=+/8=", json!({ "bytes_field": "+/8=" })),
        ("bytes_field=-_8=", json!({ "bytes_field": "+/8=" })),
        ("color=COLOR_BLUE", json!({ "color": "COLOR_BLUE" })),
        ("color=1", json!({ "color": "COLOR_RED" })),
        ("time=2025-01-02T03:04:05.6Z", json!({ "time": "2025-01-02T03:04:05.600Z" })),
        ("time=null", json!({ "time": "1970-01-01T00:00:00Z" })),
        ("duration=1h0.5s", json!({ "duration": "3600.500s" })),
        ("duration=-1.5s", json!({ "duration": "-1.500s" })),
        ("rate=0.5", json!({ "rate": "0.500000000000000000" })),
        ("rates=0.5&rates=-2", json!({ "rates": ["0.5", "-2"] })),
        ("amount=-12", json!({ "amount": "-12" })),
        ("strings=a&strings=b&strings=", json!({ "strings": ["a", "b", ""] })),
        ("numbers=1&numbers=2", json!({ "numbers": ["1", "2"] })),
        ("colors=COLOR_RED&colors=5", json!({ "colors": ["COLOR_RED", "COLOR_BLUE"] })),
        ("blobs=AA==&blobs=", json!({ "blobs": ["AA==", ""] })),
        ("labels[a]=1&labels[b]=2", json!({ "labels": { "a": "1", "b": "2" } })),
        ("by_flag[true]=AA==", json!({ "by_flag": { "true": "AA==" } })),
        ("leaf.name=x&leaf.size_bytes=2", json!({ "leaf": { "name": "x", "size_bytes": "2" } })),
        ("leaf.sizeBytes=2", json!({ "leaf": { "size_bytes": "2" } })),
        ("always.name=x", json!({ "always": { "name": "x" } })),
        ("inner.inner.int32_field=1", json!({ "inner": { "inner": { "int32_field": 1 } } })),
        ("number_choice=0", json!({ "number_choice": "0" })),
        ("leaf_choice.name=a&leaf_choice.size_bytes=1", json!({ "leaf_choice": { "name": "a", "size_bytes": "1" } })),
        ("optional_number=0", json!({ "optional_number": "0" })),
        ("time.seconds=5", json!({ "time": "1970-01-01T00:00:05Z" })),
    ] {
        let seen = world.get(&format!("/toy/v1/echo?{query}")).await;
        assert_eq!(seen.status, 200, "{query}: {}", seen.text);
        // As JSON, since a map has no order on the wire.
        assert_eq!(shown(&world.asked().request), shown(&everything(&expected)), "{query}");
    }
}

#[tokio::test]
async fn pages_are_asked_for_in_either_spelling() {
    let world = World::new();
    let expected = everything(&json!({ "pagination": { "key": "AQ==", "limit": "5", "count_total": true } }));
    for query in [
        "pagination.key=AQ%3D%3D&pagination.limit=5&pagination.count_total=true",
        "pagination.countTotal=true&pagination.limit=5&pagination.key=AQ==",
    ] {
        assert_eq!(world.get(&format!("/toy/v1/echo?{query}")).await.status, 200);
        assert_eq!(world.asked().request, expected, "{query}");
    }
    let camel = everything(&json!({ "int32_field": 3, "bool_field": true }));
    world.get("/toy/v1/echo?int32Field=3&boolField=1").await;
    assert_eq!(world.asked().request, camel);
}

#[tokio::test]
async fn the_first_value_wins_and_the_unknown_is_passed_over() {
    let world = World::new();
    for (query, expected) in [
        ("string_field=a&string_field=b", json!({ "string_field": "a" })),
        ("int32_field=1&int32_field=x", json!({ "int32_field": 1 })),
        ("nobody=1&leaf.nobody=2&nobody.at.all=3", json!({ "leaf": {} })),
        ("", json!({})),
        ("&&", json!({})),
    ] {
        let seen = world.get(&format!("/toy/v1/echo?{query}")).await;
        assert_eq!((seen.status, world.asked().request), (200, everything(&expected)), "{query}");
    }
}

#[tokio::test]
async fn what_the_path_says_no_parameter_changes() {
    let world = World::new();
    for (target, expected) in [
        ("/toy/v1/number/3?int64_field=4", json!({ "int64_field": "3" })),
        ("/toy/v1/number/3?int64_field.x=4", json!({ "int64_field": "3" })),
        ("/toy/v1/named/a?leaf.name=b&leaf.size_bytes=1", json!({ "leaf": { "name": "a", "size_bytes": "1" } })),
    ] {
        let seen = world.get(target).await;
        assert_eq!((seen.status, world.asked().request), (200, everything(&expected)), "{target}");
    }
}

#[tokio::test]
async fn bad_values_are_named_in_the_gateways_words() {
    let world = World::new();
    for (query, message) in [
        ("int32_field=x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("int32_field=2147483648", "strconv.ParseInt: parsing \"2147483648\": value out of range"),
        ("int64_field=1e3", "strconv.ParseInt: parsing \"1e3\": invalid syntax"),
        ("uint64_field=-1", "strconv.ParseUint: parsing \"-1\": invalid syntax"),
        ("pagination.limit=-1", "strconv.ParseUint: parsing \"-1\": invalid syntax"),
        (
            "pagination.limit=18446744073709551616",
            "strconv.ParseUint: parsing \"18446744073709551616\": value out of range",
        ),
        ("pagination.limit=", "strconv.ParseUint: parsing \"\": invalid syntax"),
        ("bool_field=yes", "strconv.ParseBool: parsing \"yes\": invalid syntax"),
        ("double_field=x", "strconv.ParseFloat: parsing \"x\": invalid syntax"),
        ("bytes_field=A", "illegal base64 data at input byte 1"),
        ("bytes_field=A*==", "illegal base64 data at input byte 1"),
        ("color=COLOR_GREEN", "COLOR_GREEN is not a valid toy.v1.Color"),
        ("color=2", "2 is not a valid toy.v1.Color"),
        ("time=yesterday", "bad Timestamp: invalid RFC 3339 time: yesterday"),
        ("duration=1", "bad Duration: time: invalid duration \"1\""),
        ("rate=1.2.3", "rate: invalid decimal: invalid decimal string"),
        ("amount=1.5", "amount: expected an integer as text"),
        ("numbers=1&numbers=x", "strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("numbers.x=1", "unexpected repeated field in numbers.x"),
        ("string_field.x=1", "unexpected nested field x in string_field"),
        ("leaf.name.x=1", "unexpected nested field x in leaf.name"),
        ("labels.x=1", "unexpected nested field x in labels"),
        ("labels=1", "more than one value provided for key 1 in map labels"),
        ("by_number[1]=x", "unsupported value type toy.v1.Leaf in map by_number"),
        ("leaf=x", "field type *toy.v1.Leaf is not supported in query parameters"),
        ("leaves=x", "unsupported field type toy.v1.Leaf"),
        ("any=x", "field type *google.protobuf.Any is not supported in query parameters"),
        ("text_choice=a&number_choice=1", "field already set for choice oneof"),
        ("string_field=%", "invalid URL escape \"%\""),
        ("string_field=%ff", "text that is not UTF-8"),
        ("a;b=1", "invalid semicolon separator in query"),
    ] {
        let calls = world.echo.calls.lock().expect("no panic").len();
        assert_eq!(world.get(&format!("/toy/v1/echo?{query}")).await.error(), bad(message), "{query}");
        assert_eq!(world.echo.calls.lock().expect("no panic").len(), calls, "{query}");
    }
}

#[tokio::test]
async fn bad_variables_are_named() {
    let world = World::new();
    for (target, message) in [
        (
            "/toy/v1/number/x",
            "type mismatch, parameter: int64_field, error: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "/toy/v1/color/COLOR_GREEN",
            "type mismatch, parameter: color, error: COLOR_GREEN is not a valid toy.v1.Color",
        ),
        ("/toy/v1/bytes/!", "type mismatch, parameter: bytes_field, error: illegal base64 data at input byte 0"),
    ] {
        assert_eq!(world.get(target).await.error(), bad(message), "{target}");
    }
}

#[tokio::test]
async fn nesting_has_an_end() {
    let world = World::new();
    let deep = |levels: usize| format!("/toy/v1/echo?{}int32_field=1", "inner.".repeat(levels));
    assert_eq!(world.get(&deep(50)).await.status, 200);
    assert_eq!(world.get(&deep(3000)).await.error(), bad("recursion limit reached"));
}
