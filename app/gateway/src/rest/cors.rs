//! Cross-origin requests when `enabled-unsafe-cors` is set: every origin may read, with every header. The SDK allows no
//! header but `Content-Type`; a wallet in a page could not ask for a height.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method as Verb, Response, StatusCode, header};

const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// What gRPC-web and REST answer in headers.
const EXPOSED: &str = "Grpc-Metadata-X-Cosmos-Block-Height, x-cosmos-block-height, grpc-status, grpc-message";

/// Whether a browser only asks what it may do.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Verb::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(super) fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let wanted = request.get(header::ACCESS_CONTROL_REQUEST_METHOD).and_then(|method| method.to_str().ok());
    if !wanted.is_some_and(|wanted| METHODS.contains(&wanted)) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
    for names in request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Headers of every answer to a page.
pub(super) fn open(request: &HeaderMap, answer: &mut HeaderMap) {
    if request.contains_key(header::ORIGIN) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
