//! `grpc-status` and `grpc-message`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use crate::{Code, Status};

/// The trailers that end an answer.
pub(super) fn trailers(code: Code, message: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code.number()));
    if !message.is_empty()
        && let Ok(message) = HeaderValue::from_str(&escape(message))
    {
        trailers.insert("grpc-message", message);
    }
    trailers
}

/// An answer without a message: its trailers stand in the head.
pub(super) fn refusal(status: &Status) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = trailers(status.code, &status.message);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Percent-encodes what may not stand in a header: everything but printable ASCII, and the percent sign.
fn escape(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_escaped_as_grpc_defines_it() {
        assert_eq!(escape("100 % of \u{e9}\n"), "100 %25 of %C3%A9%0A");
        let trailers = trailers(Code::NotFound, "no a\tb");
        assert_eq!(trailers["grpc-status"], "5");
        assert_eq!(trailers["grpc-message"], "no a%09b");
        assert!(!super::trailers(Code::Ok, "").contains_key("grpc-message"));
    }
}
