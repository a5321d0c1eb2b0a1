use axum::body::Body;
use axum::http::Request;
use plume_gateway::observe::{Door, Telemetry};
use plume_gateway::rest::RestSettings;
use serde_json::json;

use crate::world::World;

fn telemetry(retention: u64) -> Telemetry {
    Telemetry { enabled: true, prometheus_retention_time: retention, ..Telemetry::default() }
}

#[tokio::test]
async fn metrics_stand_where_the_sdk_has_them() {
    let world = World::with(RestSettings::default(), telemetry(60), None);
    world.get("/toy/v1/echo").await;
    world.get("/toy/v1/number/x").await;
    world.get("/nobody/knows/this").await;
    world.rest.metrics().add_source(|| "node_metric 5\n".to_owned());
    let seen = world.get("/metrics?format=prometheus").await;
    assert_eq!((seen.status, seen.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "query_count 3",
        "gateway_requests_total{door=\"rest\",method=\"/toy.v1.Query/Echo\",code=\"OK\"} 1",
        "gateway_requests_total{door=\"rest\",method=\"/toy.v1.Query/Echo\",code=\"InvalidArgument\"} 1",
        // A name that a client made up adds no series.
        "gateway_requests_total{door=\"rest\",method=\"\",code=\"Unimplemented\"} 1",
        "gateway_request_seconds_count{door=\"rest\",method=\"/toy.v1.Query/Echo\"} 2",
        "gateway_requests_in_flight{door=\"rest\"} 1",
        "node_metric 5",
    ] {
        assert!(seen.text.lines().any(|found| found == line), "{line}\nis not in\n{}", seen.text);
    }
    let memory = world.get("/metrics").await;
    assert_eq!((memory.status, memory.header("content-type")), (200, "application/json"));
    assert_eq!(memory.json()["Counters"][0], json!({ "Name": "query_count", "Count": 3, "Labels": {} }));
    let seen = world.get("/metrics?format=xml").await;
    let text = r#"{"error":"failed to gather metrics: unsupported metrics format: xml"}"#;
    assert_eq!((seen.status, seen.text.as_str()), (400, text));
}

#[tokio::test]
async fn prometheus_is_on_with_a_retention_time_only() {
    let world = World::with(RestSettings::default(), telemetry(0), None);
    let seen = world.get("/metrics?format=prometheus").await;
    let text = r#"{"error":"failed to gather metrics: prometheus metrics are not enabled"}"#;
    assert_eq!((seen.status, seen.text.as_str()), (400, text));
    assert_eq!(world.get("/metrics?format=text").await.status, 200);
    drop(world.rest.metrics().begin(Door::Rest));
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let world = World::with(RestSettings { swagger: true, ..RestSettings::default() }, Telemetry::default(), None);
    assert_eq!(world.get("/swagger").await.header("location"), "/swagger/");
    for target in ["/swagger/", "/swagger/index.html"] {
        let page = world.get(target).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text.contains("openapi.json"));
        assert!(!page.text.contains("http://") && !page.text.contains("https://") && !page.text.contains("src="));
    }
    let document = world.get("/swagger/openapi.json").await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    assert_eq!(world.get("/swagger/swagger.yaml").await.text, document.text);
    assert_eq!(document.json()["openapi"], "3.0.3");
    assert_eq!(world.get("/swagger/nobody").await.status, 501);
}

#[tokio::test]
async fn other_origins_may_read_only_when_that_is_configured() {
    let with_origin = |verb: &str, headers: &[(&str, &str)]| {
        let request = Request::builder().method(verb).uri("/toy/v1/echo").header("origin", "https://wallet.example");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Body::empty()).expect("a request")
    };
    let closed = World::new();
    let seen = closed.send(with_origin("GET", &[])).await;
    assert_eq!((seen.status, seen.header("access-control-allow-origin")), (200, ""));

    let open = World::with(RestSettings { unsafe_cors: true, ..RestSettings::default() }, Telemetry::default(), None);
    let seen = open.send(with_origin("GET", &[])).await;
    assert_eq!((seen.status, seen.header("access-control-allow-origin")), (200, "*"));
    assert!(seen.header("access-control-expose-headers").contains("Grpc-Metadata-X-Cosmos-Block-Height"));
    assert_eq!(open.get("/toy/v1/echo").await.header("access-control-allow-origin"), "");
    let asked = open.echo.calls.lock().expect("no panic").len();
    let wanted = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-cosmos-block-height"),
    ];
    let seen = open.send(with_origin("OPTIONS", &wanted)).await;
    assert_eq!((seen.status, seen.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(seen.header("access-control-allow-headers"), "content-type,x-cosmos-block-height");
    let seen = open.send(with_origin("OPTIONS", &[("access-control-request-method", "DELETE")])).await;
    assert_eq!(seen.status, 405);
    assert_eq!(open.echo.calls.lock().expect("no panic").len(), asked, "no method was called");
    // Errors are read by pages too.
    let request = Request::get("/nobody").header("origin", "https://wallet.example").body(Body::empty());
    let seen = open.send(request.expect("a request")).await;
    assert_eq!((seen.status, seen.header("access-control-allow-origin")), (501, "*"));
}
