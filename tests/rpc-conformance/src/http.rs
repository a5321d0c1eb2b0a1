//! HTTP/1.1 by hand, so that a test sees exactly what was sent and what came.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server's RPC.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint(pub SocketAddr);

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, joined if it came in chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; text that is none as a string.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into_owned()))
    }

    /// What two servers are compared by: status, the headers with a meaning, and the body.
    pub fn to_value(&self) -> Value {
        const HEADERS: [&str; 8] = [
            "content-type",
            "cache-control",
            "vary",
            "access-control-allow-origin",
            "access-control-allow-methods",
            "access-control-allow-headers",
            "x-content-type-options",
            "sec-websocket-version",
        ];
        let headers: serde_json::Map<_, _> = HEADERS
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), Value::String(self.header(name)?.to_owned()))))
            .collect();
        let time = self.header("x-server-time").is_some();
        json!({"status": self.status, "headers": headers, "has_server_time": time, "body": self.json()})
    }
}

impl Endpoint {
    /// `GET` of a path with its query, as it stands.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// `POST /` of a JSON-RPC body.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn post(&self, body: &[u8]) -> Answer {
        self.send("POST", "/", &[("Content-Type", "application/json")], body)
    }

    /// Any request.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.0).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: node:1\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(request.as_bytes()).expect("the server reads");
        // A server that refuses a large body may close before it has read all of it.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let mut part = [0; 16 * 1024];
        loop {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(read) => bytes.extend_from_slice(&part[..read]),
                // It reset the connection after its answer.
                Err(_) if !bytes.is_empty() => break,
                Err(error) => panic!("{method} {path}: {error}"),
            }
        }
        parse(&bytes)
    }

    /// Calls a method and returns its result.
    ///
    /// # Panics
    /// When there is none.
    pub fn call(&self, method: &str, params: &Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|answer| panic!("{method} {params}: {answer}"))
    }

    /// Calls a method and returns its result.
    ///
    /// # Errors
    /// The answer if it is a refusal.
    pub fn try_call(&self, method: &str, params: &Value) -> Result<Value, Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.post(body.to_string().as_bytes()).json();
        answer.get("result").cloned().ok_or(answer)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a header");
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status: status.expect("a status"), headers, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = joined(&answer.body);
    }
    answer
}

fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).expect("a chunk's size");
        if size == 0 {
            return body;
        }
        rest = &rest[end + 2..];
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
