//! Answers and errors as the SDK's gateway writes them.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use plume_primitives::Height;
use serde_json::json;

use crate::{Code, Status};

/// Header of an answer with the height that it was read at.
pub(super) const HEIGHT_OUT: &str = "grpc-metadata-x-cosmos-block-height";

/// The HTTP status of a gRPC code (grpc-gateway v1.16, `HTTPStatusFromCode`).
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Canceled => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// `{"code":5,"message":"..","details":[]}` with the status of the code.
pub(super) fn error(status: &Status) -> Response<Body> {
    let body = json!({ "code": status.code.number(), "message": status.message, "details": [] });
    with_type(http_status(status.code), "application/json", body.to_string())
}

/// The error for a path that nobody knows, and for a verb that a path does not have.
pub(super) fn not_implemented() -> Status {
    Status::new(Code::Unimplemented, "Not Implemented")
}

pub(super) fn success(body: String, height: Height) -> Response<Body> {
    let mut response = with_type(StatusCode::OK, "application/json", body);
    response.headers_mut().insert(HEIGHT_OUT, HeaderValue::from(height.get()));
    response
}

pub(super) fn with_type(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// `301 Moved Permanently`.
pub(super) fn moved(location: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_http_status() {
        let expected = [200, 408, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        for (number, status) in (0..).zip(expected) {
            assert_eq!(http_status(Code::from_number(number)).as_u16(), status, "code {number}");
        }
    }
}
