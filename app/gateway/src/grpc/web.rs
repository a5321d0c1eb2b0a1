//! gRPC-web: gRPC for browsers, over HTTP/1.1. Trailers stand in a last frame of the body, and in the text form
//! everything is base64.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{Grpc, frame, plain};
use crate::observe::Door;

/// The flag of the frame that holds the trailers.
const TRAILERS: u8 = 0x80;

/// Bytes that stand around a message: the frame's head.
const HEAD: usize = 5;

/// Answers a request of either form, in that form.
pub(super) async fn handle(door: &Arc<Grpc>, request: Request<Body>, client: SocketAddr) -> Response<Body> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_owned();
    let is_text = kind.starts_with("application/grpc-web-text");
    let (mut parts, body) = request.into_parts();
    let body = match (is_text, body) {
        (false, body) => body,
        (true, body) => {
            // Whole: the text may be padded where the client flushed, and calls of browsers have one message.
            let message = door.settings().max_recv_msg_size.saturating_add(HEAD);
            let most = message.div_ceil(3).saturating_mul(4).saturating_add(HEAD);
            let limit = door.settings().timeout;
            match tokio::time::timeout(limit, Limited::new(body, most).collect()).await {
                Ok(Ok(text)) => match decode(&text.to_bytes()) {
                    Some(bytes) => Body::from(bytes),
                    None => return plain(StatusCode::BAD_REQUEST),
                },
                Ok(Err(error)) if error.is::<LengthLimitError>() => return plain(StatusCode::PAYLOAD_TOO_LARGE),
                Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST),
                Err(_) => return plain(StatusCode::REQUEST_TIMEOUT),
            }
        }
    };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let response = door.answer(Request::from_parts(parts, body), client, Door::GrpcWeb).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // A stream stays a stream; its trailers become the last frame.
    let in_head = trailers_of_head(&head.headers);
    let frames =
        futures_util::stream::unfold((body, in_head, is_text), move |(mut body, in_head, is_text)| async move {
            loop {
                let bytes = match body.frame().await {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => data,
                        Err(frame) => frame.trailers_ref().map(trailer_frame)?,
                    },
                    Some(Err(_)) => return None,
                    None => match in_head {
                        Some(ref trailers) => {
                            let last = trailer_frame(trailers);
                            return Some((Ok(encode(last, is_text)), (Body::empty(), None, is_text)));
                        }
                        None => return None,
                    },
                };
                if !bytes.is_empty() {
                    let next = Ok::<_, std::convert::Infallible>(encode(bytes, is_text));
                    return Some((next, (body, in_head, is_text)));
                }
            }
        });
    let kind = HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/grpc-web"));
    head.headers.insert(header::CONTENT_TYPE, kind);
    Response::from_parts(head, Body::from_stream(frames))
}

/// The status of an answer without a message, which stands in the head; clients look for it in either place.
fn trailers_of_head(headers: &HeaderMap) -> Option<HeaderMap> {
    headers.contains_key("grpc-status").then(|| {
        let names = ["grpc-status", "grpc-message"];
        headers.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
    })
}

fn trailer_frame(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        lines.put_slice(name.as_str().as_bytes());
        lines.put_slice(b":");
        lines.put_slice(value.as_bytes());
        lines.put_slice(b"\r\n");
    }
    frame::with_flags(TRAILERS, &lines)
}

fn encode(bytes: Bytes, is_text: bool) -> Bytes {
    match is_text {
        true => Bytes::from(STANDARD.encode(&bytes)),
        false => bytes,
    }
}

/// Base64, possibly of several pieces one after the other, each with its own padding.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut rest = text;
    while !rest.is_empty() {
        let padded = rest.iter().position(|b| *b == b'=').map_or(rest.len(), |at| at.div_ceil(4).max(at / 4 + 1) * 4);
        let (piece, tail) = rest.split_at_checked(padded)?;
        bytes.extend(STANDARD.decode(piece).ok()?);
        rest = tail;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_several_pieces_is_read() {
        for pieces in [&[&b"abc"[..], b"d"][..], &[b"a", b"bc", b"defg"], &[b""], &[b"ab", b"cd"]] {
            let text: String = pieces.iter().map(|piece| STANDARD.encode(piece)).collect();
            assert_eq!(decode(text.as_bytes()), Some(pieces.concat()), "{text}");
        }
        for wrong in ["a", "abc", "ab=", "====", "ab%d"] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn trailers_are_a_frame_of_lines() {
        let trailers = super::super::status::trailers(crate::Code::NotFound, "no");
        assert_eq!(trailer_frame(&trailers), b"\x80\0\0\0\x20grpc-status:5\r\ngrpc-message:no\r\n"[..]);
    }
}
