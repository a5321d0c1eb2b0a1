//! Requests that nobody would send: every one is answered, and with its own fault.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::world::World;

/// The same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// `text` with a few of its bytes replaced, doubled or left out.
    fn damage(&mut self, text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len() + 1).min(bytes.len().saturating_sub(1));
            match (self.below(3), bytes.is_empty()) {
                (_, true) => bytes.push(b'x'),
                (0, _) => bytes[at] = u8::try_from(self.below(256)).expect("below 256"),
                (1, _) => bytes.insert(at, bytes[at]),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    }
}

const PATHS: [&str; 10] = [
    "/toy/v1/echo",
    "/toy/v1/number/5",
    "/toy/v1/color/COLOR_RED",
    "/toy/v1/bytes/AA==",
    "/toy/v1/rate/0.5",
    "/toy/v1/files/a/b",
    "/toy/v1/shelves/1/books/2",
    "/toy/v1/leaf/x",
    "/swagger/",
    "/metrics",
];

const QUERIES: [&str; 10] = [
    "",
    "?int64_field=5&bool_field=true",
    "?pagination.limit=18446744073709551615&pagination.offset=-1",
    "?time=2025-01-02T03:04:05Z&duration=1h",
    "?labels[a]=b&by_flag[true]=AA==",
    "?inner.inner.inner.leaf.name=x",
    "?any.type_url=/toy.v1.Leaf&any.value=CgF4",
    "?double_field=1e308&float_field=1e38&rate=999999999999999999999999999999",
    "?numbers=1&numbers=2&colors=COLOR_RED&blobs=AA==",
    "?text_choice=a&number_choice=2&leaf_choice.name=x",
];

#[tokio::test]
async fn damaged_requests_are_answered_and_break_nothing() {
    let world = World::new();
    let body = json!({
        "int64_field": "5", "any": { "@type": "/toy.v1.Leaf", "name": "x" }, "labels": { "a": "b" },
        "inner": { "inner": { "leaves": [{ "size_bytes": "1" }] } }, "time": "2025-01-02T03:04:05Z", "rate": "0.5",
        "double_field": 1e300, "by_number": { "1": {} }, "bytes_field": "AAE=", "color": "COLOR_BLUE",
    });
    let body = body.to_string();
    let mut numbers = Numbers(7);
    let mut statuses = [0_usize; 600];
    for _ in 0..4_000 {
        let target = format!("{}{}", numbers.pick(&PATHS), numbers.pick(&QUERIES));
        let target = numbers.damage(target.as_bytes());
        let verb = numbers.pick(&["GET", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"]);
        let request = Request::builder().method(verb).uri(target.as_slice());
        let headers = [
            ("x-cosmos-block-height", "3"),
            ("grpc-timeout", "9S"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-http-method-override", "GET"),
        ];
        let (name, value) = headers[numbers.below(headers.len())];
        let request = request.header(name, numbers.damage(value.as_bytes()));
        let sent = numbers.damage(body.as_bytes());
        // What is no HTTP ends before it gets here.
        let Ok(request) = request.body(Body::from(sent)) else { continue };
        let seen = world.send(request).await;
        statuses[usize::from(seen.status)] += 1;
        match seen.status {
            200 => assert_eq!(seen.header("content-type"), "application/json"),
            301 => assert!(seen.header("location").starts_with('/')),
            // 2 is what a height that is no number, and an answer without JSON, have in the SDK.
            500 => assert_eq!(seen.error().1, 2, "{}", seen.text),
            400 | 501 => assert!([3, 12].contains(&seen.error().1)),
            other => panic!("{other}: {}", seen.text),
        }
    }
    for status in [200, 301, 400, 500, 501] {
        assert!(statuses[status] > 0, "no request was answered with {status}");
    }
    assert_eq!(world.get("/toy/v1/number/5").await.status, 200);
}
