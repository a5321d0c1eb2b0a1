use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use plume_gateway::observe::{Metrics, Telemetry};
use plume_gateway::rest::{Rest, RestSettings};
use plume_gateway::{Answer, Backend, Call, Code, Status};
use plume_primitives::Height;
use plume_tests_toy::ECHO;
use serde_json::Value as Json;

/// Answers the toy query with its own request, at the height that is asked for or at 7.
#[derive(Default)]
pub struct Echo {
    pub calls: Mutex<Vec<Call>>,
    /// What to answer instead.
    pub refusal: Option<Status>,
}

#[async_trait]
impl Backend for Echo {
    async fn call(&self, call: Call) -> Result<Answer, Status> {
        let answer = Answer { response: call.request.clone(), height: call.height.unwrap_or(Height(7)) };
        let request = call.request.clone();
        self.calls.lock().expect("no panic").push(call);
        match (&self.refusal, &*request) {
            // `string_field` says what to do; its tag is 14.
            (_, [0x72, 5, b'p', b'a', b'n', b'i', b'c']) => panic!("asked for"),
            (_, [0x72, 5, b'n', b'e', b'v', b'e', b'r']) => core::future::pending().await,
            (Some(refusal), _) => Err(refusal.clone()),
            (None, _) => Ok(answer),
        }
    }

    fn has(&self, path: &str) -> bool {
        path == ECHO || path == "/toy.v1.Query/Watch"
    }
}

/// A REST door over [`Echo`].
pub struct World {
    pub rest: Arc<Rest>,
    pub echo: Arc<Echo>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Seen {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Code and message of an error, whose form is checked.
    pub fn error(&self) -> (u16, u64, String) {
        let json = self.json();
        assert_eq!(json["details"], Json::Array(vec![]));
        assert_eq!(json.as_object().map(|object| object.len()), Some(3), "{json}");
        assert_eq!(self.header("content-type"), "application/json");
        let message = json["message"].as_str().expect("text").to_owned();
        (self.status, json["code"].as_u64().expect("a number"), message)
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(RestSettings::default(), Telemetry::default(), None)
    }

    pub fn with(settings: RestSettings, telemetry: Telemetry, refusal: Option<Status>) -> Self {
        plume_tests_toy::register();
        let echo = Arc::new(Echo { refusal, ..Echo::default() });
        let rest = Rest::new(echo.clone(), plume_codec::pool(), settings, Metrics::new(telemetry));
        Self { rest: Arc::new(rest.expect("the rules are well formed")), echo }
    }

    pub async fn send(&self, request: Request<Body>) -> Seen {
        let client = SocketAddr::from(([127, 0, 0, 1], 9));
        let (parts, body) = self.rest.handle(request, client).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("in memory");
        let text = String::from_utf8(body.to_vec()).expect("text");
        Seen { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn ask(&self, verb: &str, target: &str, body: impl Into<Body>) -> Seen {
        let request = Request::builder().method(verb).uri(target).body(body.into()).expect("a request");
        self.send(request).await
    }

    pub async fn get(&self, target: &str) -> Seen {
        self.ask("GET", target, Body::empty()).await
    }

    /// What the last call asked.
    pub fn asked(&self) -> Call {
        self.echo.calls.lock().expect("no panic").last().cloned().expect("a call")
    }
}

/// The encoded message that `json` describes.
pub fn everything(json: &Json) -> Bytes {
    plume_tests_toy::register();
    plume_codec::from_json(plume_tests_toy::EVERYTHING, json).unwrap_or_else(|error| panic!("{error}")).into()
}

/// `InvalidArgument`.
pub fn bad(message: &str) -> (u16, u64, String) {
    (400, u64::from(Code::InvalidArgument.number()), message.to_owned())
}
