//! JSON-RPC 2.0 requests, with the leniency of CometBFT's server.

use std::borrow::Cow;

use crate::json::{self, Json, Kind};

/// The type that CometBFT decodes a request into, as its error messages spell it.
const REQUEST_TYPE: &str = "struct { JSONRPC string \"json:\\\"jsonrpc\\\"\"; ID interface {} \
                            \"json:\\\"id,omitempty\\\"\"; Method string \"json:\\\"method\\\"\"; Params json.RawMessage \
                            \"json:\\\"params\\\"\" }";

/// An id, echoed in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Id {
    /// A string.
    Text(String),
    /// A number; fractions are cut off.
    Number(i64),
}

impl Id {
    /// The id of answers to requests without one (query strings, failures of the server).
    pub(crate) const NONE: Self = Self::Number(-1);

    pub(crate) fn write(&self, json: &mut Json) {
        match self {
            Self::Text(text) => json.string(text),
            Self::Number(number) => json.number(*number),
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) id: Id,
    pub(crate) method: Cow<'a, str>,
    /// The text of `params`, if there is one.
    pub(crate) params: Option<&'a [u8]>,
}

/// The body of an HTTP request: one call, or a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body<'a> {
    /// `None` is a notification: no id, no answer, not even carried out.
    pub(crate) requests: Vec<Option<Request<'a>>>,
    /// Whether it was an array (or `null`, which Go reads as one).
    pub(crate) batch: bool,
}

/// Reads a body that is not empty.
///
/// # Errors
/// The text behind `error unmarshaling request: `.
pub(crate) fn parse_body(data: &[u8]) -> Result<Body<'_>, String> {
    json::validate(data).map_err(|error| error.to_string())?;
    match json::kind(data) {
        Kind::Null => Ok(Body { requests: Vec::new(), batch: true }),
        Kind::Array => {
            // CometBFT tries a batch first and then reports why the array is not a single request.
            let requests = json::array(data).into_iter().map(request).collect::<Result<_, _>>();
            requests.map(|requests| Body { requests, batch: true }).map_err(|_| wrong_type(Kind::Array))
        }
        _ => Ok(Body { requests: vec![request(data)?], batch: false }),
    }
}

/// Reads the first value of a WebSocket message as a request; batches are not known there.
///
/// # Errors
/// The text behind `error unmarshaling request: `.
pub(crate) fn first_request(data: &[u8]) -> Result<Option<Request<'_>>, String> {
    let value = json::first_value(data).map_err(|error| match error {
        json::SyntaxError::End => "unexpected EOF".to_owned(),
        other => other.to_string(),
    })?;
    request(value)
}

fn wrong_type(kind: Kind) -> String {
    format!("json: cannot unmarshal {} into Go value of type {REQUEST_TYPE}", kind.name())
}

fn request(value: &[u8]) -> Result<Option<Request<'_>>, String> {
    match json::kind(value) {
        Kind::Null => return Ok(None),
        Kind::Object => {}
        other => return Err(wrong_type(other)),
    }
    let mut id = None;
    let mut method = Cow::Borrowed("");
    let mut params = None;
    let mut error = None;
    for (key, member) in json::object(value) {
        let is = |name| key.eq_ignore_ascii_case(name);
        if is("id") {
            id = Some(member);
        } else if is("params") {
            params = Some(member);
        } else if is("method") || is("jsonrpc") {
            match json::kind(member) {
                Kind::String if is("method") => method = json::text(member),
                Kind::String | Kind::Null => {}
                other => {
                    let field = key.to_ascii_lowercase();
                    error.get_or_insert_with(|| {
                        format!("json: cannot unmarshal {} into Go struct field .{field} of type string", other.name())
                    });
                }
            }
        }
    }
    if let Some(error) = error {
        return Err(error);
    }
    let Some(id) = id.filter(|id| json::kind(id) != Kind::Null) else { return Ok(None) };
    Ok(Some(Request { id: parse_id(id)?, method, params }))
}

fn parse_id(value: &[u8]) -> Result<Id, String> {
    match json::kind(value) {
        Kind::String => Ok(Id::Text(json::text(value).into_owned())),
        Kind::Number => {
            let digits = String::from_utf8_lossy(json::trim(value));
            let number: f64 = digits.parse().unwrap_or(f64::INFINITY);
            if number.is_infinite() {
                return Err(format!("json: cannot unmarshal number {digits} into Go struct field .id of type float64"));
            }
            // Go on amd64 gives the least integer for a float that does not fit.
            let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
            Ok(Id::Number(if fits { number as i64 } else { i64::MIN })) // truncates as Go does
        }
        other => {
            let kind = match other {
                Kind::Bool => "bool",
                Kind::Array => "[]interface {}",
                _ => "map[string]interface {}",
            };
            Err(format!("json-rpc ID ({}) is of unknown type ({kind})", json::display(value)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Option<Request<'_>>, String> {
        parse_body(text.as_bytes()).map(|mut body| body.requests.pop().expect("one request"))
    }

    #[test]
    fn ids_are_strings_or_whole_numbers() {
        for (text, id) in [
            ("\"a\"", Id::Text("a".to_owned())),
            ("\"\"", Id::Text(String::new())),
            ("7", Id::Number(7)),
            ("-1", Id::Number(-1)),
            ("1.9", Id::Number(1)),
            ("1e30", Id::Number(i64::MIN)),
        ] {
            let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{text},\"method\":\"health\"}}");
            assert_eq!(one(&text).expect("a request").expect("with an id").id, id);
        }
        assert_eq!(one("{\"id\":null,\"method\":\"health\"}"), Ok(None));
        assert_eq!(one("{\"method\":\"health\"}"), Ok(None));
        assert_eq!(
            one("{\"id\":{\"a\":1},\"method\":\"health\"}"),
            Err("json-rpc ID (map[a:1]) is of unknown type (map[string]interface {})".to_owned())
        );
    }

    #[test]
    fn keys_match_without_regard_to_case_and_the_last_wins() {
        let request = one("{\"ID\":1,\"Method\":\"a\",\"method\":\"b\",\"PARAMS\":[1]}").expect("valid").expect("id");
        assert_eq!((request.method.as_ref(), request.params), ("b", Some(&b"[1]"[..])));
    }

    #[test]
    fn a_bad_element_spoils_the_batch() {
        let body = parse_body(b"[{\"id\":1,\"method\":\"a\"},null,{\"method\":\"b\"}]").expect("a batch");
        assert_eq!(body.requests.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
        let error = parse_body(b"[1]").expect_err("a number is no request");
        assert!(error.starts_with("json: cannot unmarshal array into Go value of type struct { JSONRPC string "));
    }

    #[test]
    fn wrong_types_are_reported_as_go_does() {
        assert_eq!(
            one("{\"id\":1,\"method\":5}"),
            Err("json: cannot unmarshal number into Go struct field .method of type string".to_owned())
        );
        assert_eq!(first_request(b""), Err("EOF".to_owned()));
        assert_eq!(first_request(b"{\"id\""), Err("unexpected EOF".to_owned()));
    }
}
