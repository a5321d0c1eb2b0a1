use serde_json::json;

use crate::world::{World, bad, everything};

#[tokio::test]
async fn a_whole_body_is_the_request_and_parameters_are_not_read() {
    let world = World::new();
    for (body, expected) in [
        (
            r#"{"string_field":"a","int64Field":"5","labels":{"x":"y"}}"#,
            json!({ "string_field": "a", "int64_field": "5", "labels": { "x": "y" } }),
        ),
        (r#"{"nobody":{"at":["all"]},"leaf":{"name":"a","nobody":1}}"#, json!({ "leaf": { "name": "a" } })),
        (r#"{"color":1,"uint64_field":7}"#, json!({ "color": "COLOR_RED", "uint64_field": "7" })),
        (r#"{"any":{"@type":"/toy.v1.Leaf","name":"a"}}"#, json!({ "any": { "@type": "/toy.v1.Leaf", "name": "a" } })),
        ("{} trailing", json!({})),
        ("", json!({})),
    ] {
        let seen = world.ask("POST", "/toy/v1/echo?string_field=ignored", body).await;
        assert_eq!(seen.status, 200, "{body}: {}", seen.text);
        assert_eq!(world.asked().request, everything(&expected), "{body}");
    }
}

#[tokio::test]
async fn a_body_may_be_one_field() {
    let world = World::new();
    let seen = world.ask("PUT", "/toy/v1/leaf/x?leaf.name=no&int32_field=3", r#"{"name":"yes"}"#).await;
    let expected = json!({ "string_field": "x", "int32_field": 3, "leaf": { "name": "yes" } });
    assert_eq!((seen.status, world.asked().request), (200, everything(&expected)));
    let seen = world.ask("PUT", "/toy/v1/leaf/x", r#"{"size_bytes":-1}"#).await;
    assert_eq!(seen.error(), bad("leaf.size_bytes: number out of range"));
}

#[tokio::test]
async fn an_answer_may_be_one_field() {
    let world = World::new();
    assert_eq!(world.get("/toy/v1/leaves").await.text, "[]");
}

#[tokio::test]
async fn the_answer_shows_every_field() {
    let world = World::new();
    let seen = world.ask("POST", "/toy/v1/echo", r#"{"rate":"0.5","bytes_field":"AA==","uint64_field":"5"}"#).await;
    let json = seen.json();
    let of = |name: &str| json[name].clone();
    assert_eq!(of("rate"), json!("0.500000000000000000"));
    assert_eq!((of("bytes_field"), of("uint64_field"), of("int32_field")), (json!("AA=="), json!("5"), json!(0)));
    assert_eq!((of("any"), of("leaf"), of("strings"), of("labels")), (json!(null), json!(null), json!([]), json!({})));
    assert_eq!((of("always"), of("color")), (json!({ "name": "", "size_bytes": "0" }), json!("COLOR_UNSPECIFIED")));
    assert_eq!(json.get("text_choice"), None);
}

#[tokio::test]
async fn bad_bodies_are_named() {
    let world = World::new();
    for (body, message) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("[]", "expected an object"),
        ("7", "expected an object"),
        (r#"{"int64_field":"x"}"#, "int64_field: expected an integer"),
        (r#"{"uint64_field":-1}"#, "uint64_field: number out of range"),
        (r#"{"uint32_field":4294967296}"#, "uint32_field: number out of range"),
        (r#"{"color":"COLOR_GREEN"}"#, "color: unknown value of toy.v1.Color"),
        (r#"{"bytes_field":"*"}"#, "bytes_field: expected base64"),
        (r#"{"any":{"@type":"/toy.v1.Nobody"}}"#, "any: unable to resolve type URL /toy.v1.Nobody"),
        (r#"{"int32_field":1,"int32Field":2}"#, "int32Field: set twice"),
    ] {
        assert_eq!(world.ask("POST", "/toy/v1/echo", body).await.error(), bad(message), "{body}");
    }
    let not_text = world.ask("POST", "/toy/v1/echo", vec![b'"', 0xff, b'"']).await;
    assert_eq!(not_text.status, 400);
}

/// # Security
/// Neither the reader of JSON nor that of messages may run out of stack.
#[tokio::test]
async fn deep_bodies_are_refused() {
    let world = World::new();
    let nested = |levels: usize| format!("{}{{}}{}", "{\"inner\":".repeat(levels), "}".repeat(levels));
    assert_eq!(world.ask("POST", "/toy/v1/echo", nested(50)).await.status, 200);
    for body in [nested(110), nested(90_000), "[".repeat(500_000)] {
        let (status, code, message) = world.ask("POST", "/toy/v1/echo", body).await.error();
        assert_eq!((status, code), (400, 3));
        assert!(message.contains("recursion limit"), "{message}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let world = World::new();
    let body = |size: usize| format!("{{\"string_field\":\"{}\"}}", "a".repeat(size));
    assert_eq!(world.ask("POST", "/toy/v1/echo", body(900_000)).await.status, 200);
    let seen = world.ask("POST", "/toy/v1/echo", body(1_000_000)).await;
    assert_eq!(seen.error(), bad("http: request body too large"));
    assert_eq!(seen.header("connection"), "close");
}
