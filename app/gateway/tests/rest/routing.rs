use axum::body::Body;
use axum::http::Request;
use plume_gateway::Code;
use plume_gateway::rest::RouteTable;
use plume_primitives::Height;
use plume_tests_toy::ECHO;
use serde_json::json;

use crate::world::{World, everything};

fn not_implemented() -> (u16, u64, String) {
    (501, u64::from(Code::Unimplemented.number()), "Not Implemented".to_owned())
}

#[tokio::test]
async fn paths_lead_to_methods_and_their_variables_to_fields() {
    let world = World::new();
    for (verb, target, expected) in [
        ("GET", "/toy/v1/echo", json!({})),
        ("GET", "/toy/v1/number/-5", json!({ "int64_field": "-5" })),
        ("GET", "/toy/v1/color/COLOR_RED", json!({ "color": 1 })),
        ("GET", "/toy/v1/color/5", json!({ "color": 5 })),
        ("GET", "/toy/v1/bytes/AP8=", json!({ "bytes_field": "AP8=" })),
        ("GET", "/toy/v1/bytes/-_8=", json!({ "bytes_field": "+/8=" })),
        ("GET", "/toy/v1/rate/0.25", json!({ "rate": "0.25" })),
        ("GET", "/toy/v1/named/a%20b", json!({ "leaf": { "name": "a b" } })),
        ("GET", "/toy/v1/named/", json!({ "leaf": { "name": "" } })),
        ("GET", "/toy/v1/files/ibc/AB", json!({ "string_field": "ibc/AB" })),
        ("GET", "/toy/v1/files/ibc%2FAB", json!({ "string_field": "ibc/AB" })),
        ("GET", "/toy/v1/shelves/1/books/2", json!({ "string_field": "shelves/1/books/2" })),
        ("PROPFIND", "/toy/v1/custom?bool_field=1", json!({ "bool_field": true })),
    ] {
        let seen = world.ask(verb, target, Body::empty()).await;
        assert_eq!(seen.status, 200, "{target}: {}", seen.text);
        let asked = world.asked();
        assert_eq!((asked.path.as_str(), asked.height), (ECHO, None), "{target}");
        assert_eq!(asked.request, everything(&expected), "{target}");
    }
}

#[tokio::test]
async fn more_literal_routes_win_over_those_declared_before() {
    let world = World::new();
    for (target, expected) in [
        ("/toy/v1/files", json!({})),
        ("/toy/v1/files/latest", json!({})),
        ("/toy/v1/files/x", json!({ "string_field": "x" })),
        ("/toy/v1/files/x/raw", json!({ "string_field": "x" })),
        ("/toy/v1/files/x/y/raw", json!({ "string_field": "x/y/raw" })),
        ("/toy/v1/files/", json!({})),
    ] {
        assert_eq!(world.get(target).await.status, 200, "{target}");
        assert_eq!(world.asked().request, everything(&expected), "{target}");
    }
}

#[tokio::test]
async fn what_is_no_route_is_not_implemented() {
    let world = World::new();
    for (verb, target) in [
        ("GET", "/"),
        ("GET", "/toy/v1/nobody"),
        ("GET", "/toy/v1/echo/"),
        ("GET", "/toy/v1/ECHO"),
        ("GET", "/toy/v1/absent"),
        ("GET", "/toy/v1/watch"),
        ("DELETE", "/toy/v1/echo"),
        ("POST", "/toy/v1/number/1"),
        ("OPTIONS", "/toy/v1/echo"),
        ("GET", "/metrics"),
        ("GET", "/swagger/"),
    ] {
        assert_eq!(world.ask(verb, target, Body::empty()).await.error(), not_implemented(), "{verb} {target}");
    }
    assert!(world.echo.calls.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn paths_that_are_not_clean_are_redirected() {
    let world = World::new();
    for (target, location) in
        [("//toy/v1//echo?string_field=a", "/toy/v1/echo?string_field=a"), ("/toy/v1/./number/../echo", "/toy/v1/echo")]
    {
        let seen = world.get(target).await;
        assert_eq!((seen.status, seen.header("location")), (301, location));
    }
    let seen = world.get("/toy/v1/named/%zz").await;
    assert_eq!(seen.error(), crate::world::bad("invalid URL escape \"%zz\""));
}

#[tokio::test]
async fn heights_go_in_and_out() {
    let world = World::new();
    for name in ["x-cosmos-block-height", "Grpc-Metadata-X-Cosmos-Block-Height"] {
        let request = Request::get("/toy/v1/echo").header(name, "42").body(Body::empty()).expect("a request");
        let seen = world.send(request).await;
        assert_eq!((seen.status, seen.header("grpc-metadata-x-cosmos-block-height")), (200, "42"));
        assert_eq!(world.asked().height, Some(Height(42)));
    }
    assert_eq!(world.get("/toy/v1/echo").await.header("grpc-metadata-x-cosmos-block-height"), "7");
    let request = Request::get("/toy/v1/echo").header("x-cosmos-block-height", "-2").body(Body::empty());
    let seen = world.send(request.expect("a request")).await;
    let text = "cannot query with height < 0; please provide a valid height: invalid request";
    assert_eq!(seen.error(), (500, 2, text.to_owned()));
}

#[tokio::test]
async fn head_answers_as_get() {
    let world = World::new();
    let (head, get) = (world.ask("HEAD", "/toy/v1/echo", Body::empty()).await, world.get("/toy/v1/echo").await);
    assert_eq!((head.status, head.header("content-type")), (200, "application/json"));
    // The transport leaves the body out.
    assert_eq!(head.text, get.text);
    assert_eq!(world.ask("HEAD", "/toy/v1/nobody", Body::empty()).await.status, 501);
}

#[tokio::test]
async fn long_queries_may_come_as_a_form() {
    let world = World::new();
    let form = |target: &str, verb: Option<&str>| {
        let request = Request::post(target).header("content-type", "application/x-www-form-urlencoded");
        let request = verb.into_iter().fold(request, |request, verb| request.header("x-http-method-override", verb));
        request.body(Body::from("string_field=a+b&strings=1")).expect("a request")
    };
    let expected = everything(&json!({ "string_field": "a b", "strings": ["1", "2"], "int64_field": "3" }));
    for verb in [None, Some("get")] {
        let seen = world.send(form("/toy/v1/number/3?strings=2", verb)).await;
        assert_eq!((seen.status, world.asked().request), (200, expected.clone()));
    }
    assert_eq!(world.send(form("/toy/v1/number/3", Some("DELETE"))).await.error(), not_implemented());
}

#[tokio::test]
async fn verbs_behind_a_colon_are_part_of_the_path() {
    let world = World::new();
    let seen = world.ask("POST", "/toy/v1/echo:again", r#"{"string_field":"a"}"#).await;
    assert_eq!((seen.status, &seen.json()["string_field"]), (200, &json!("a")));
    assert_eq!(world.ask("POST", "/toy/v1/echo:never", "{}").await.status, 501);
}

/// No path of the chain's own interfaces may be unclear: these are known.
#[test]
fn routes_of_the_same_shape_are_known() {
    plume_tests_toy::register();
    let all = RouteTable::compile(plume_codec::pool(), |_| true).expect("the rules are well formed");
    let toy = |path: &str| path.starts_with("/toy.");
    let known = RouteTable::compile(plume_codec::pool(), |path| !toy(path)).expect("the rules are well formed");
    assert!(known.len() > 30 && all.len() > known.len() && !all.is_empty());
    let document = plume_gateway::rest::openapi_document(&known, "x");
    let operations: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .filter_map(|item| item.as_object())
        .map(|i| i.len())
        .sum();
    // `bech32/{address_bytes}` hides `bech32/{address_string}`, as in the SDK.
    assert_eq!(known.len() - operations, 1);
}
