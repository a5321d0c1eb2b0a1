//! From an HTTP request to a call of a method, and from its answer to JSON.

use axum::http::{HeaderMap, Method as Verb, header};
use bytes::Bytes;
use plume_codec::{UnknownFields, from_json_with, to_json};
use plume_primitives::Height;
use prost_reflect::DynamicMessage;
use prost_reflect::prost::Message;
use serde_json::{Map, Value as Json};

use super::fields::{self, Parameters};
use super::routes::{Found, RequestBody, Route, RouteTable};
use super::{answer, go};
use crate::{Code, Status};

/// Header and gRPC metadata with the height whose state is asked for (`grpctypes.GRPCBlockHeightHeader`).
const HEIGHT: &str = "x-cosmos-block-height";
/// The same as grpc-gateway passes any metadata on.
const HEIGHT_AS_METADATA: &str = "grpc-metadata-x-cosmos-block-height";

/// A request as far as the transport has read it.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub verb: &'a Verb,
    /// Decoded path.
    pub path: &'a str,
    /// What stands behind the question mark, not decoded.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a Bytes,
}

impl Request<'_> {
    fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// grpc-gateway's way around limits on the length of a path: a GET whose parameters are a form.
    fn is_form(&self) -> bool {
        *self.verb == Verb::POST && self.header(header::CONTENT_TYPE) == Some("application/x-www-form-urlencoded")
    }

    fn parameters(&self) -> Result<Parameters, Status> {
        let mut parameters = Parameters::default();
        let form = self.is_form().then(|| std::str::from_utf8(self.body)).transpose();
        let form = form.map_err(|error| invalid(error.to_string()))?.unwrap_or_default();
        parameters.read(form).and_then(|()| parameters.read(self.query)).map_err(invalid)?;
        Ok(parameters)
    }
}

fn invalid(message: impl Into<String>) -> Status {
    Status::new(Code::InvalidArgument, message)
}

/// The route of a request and the values in its path.
///
/// # Errors
/// `Unimplemented` where there is none, or none for this verb.
pub(super) fn route<'a>(table: &'a RouteTable, request: &Request<'_>) -> Result<(&'a Route, Vec<String>), Status> {
    let path = request.path.strip_prefix('/').ok_or_else(|| invalid("Bad Request"))?;
    let parts: Vec<&str> = path.split('/').collect();
    let overridden = request.header("x-http-method-override").filter(|_| request.is_form());
    let overridden = overridden.and_then(|verb| Verb::from_bytes(verb.to_ascii_uppercase().as_bytes()).ok());
    // Without a body, but with the same headers, as HTTP asks for.
    let verb = if *request.verb == Verb::HEAD { &Verb::GET } else { request.verb };
    match table.find(overridden.as_ref().unwrap_or(verb), &parts) {
        Found::Route(route, values) => Ok((route, values)),
        Found::OtherVerb(route, values) if request.is_form() && overridden.is_none() => Ok((route, values)),
        Found::OtherVerb(..) | Found::Nothing => Err(answer::not_implemented()),
    }
}

/// The encoded request message.
///
/// # Errors
/// `InvalidArgument` with what is wrong.
pub(super) fn message(route: &Route, values: &[String], request: &Request<'_>) -> Result<Bytes, Status> {
    let name = route.input.full_name();
    let from_body = match &route.body {
        RequestBody::None => Vec::new(),
        RequestBody::Whole => match body(request)? {
            Some(json) => from_json_with(name, &json, UnknownFields::Ignore).map_err(|e| invalid(e.to_string()))?,
            None => Vec::new(),
        },
        RequestBody::Field(field) => match body(request)? {
            Some(json) => {
                let whole: Map<_, _> = [(field.name().to_owned(), json)].into_iter().collect();
                let whole = from_json_with(name, &Json::Object(whole), UnknownFields::Ignore);
                whole.map_err(|error| invalid(error.to_string()))?
            }
            None => Vec::new(),
        },
    };
    let whole = route.body == RequestBody::Whole;
    if whole && values.is_empty() {
        return Ok(from_body.into());
    }
    let message = DynamicMessage::decode(route.input.clone(), &*from_body);
    let mut message = message.map_err(|error| invalid(error.to_string()))?;
    for (variable, value) in route.template.variables().iter().zip(values) {
        let path: Vec<&str> = variable.field.split('.').collect();
        let wrong = |error| invalid(format!("type mismatch, parameter: {}, error: {error}", variable.field));
        fields::set(&mut message, &path, &[value]).map_err(wrong)?;
    }
    if !whole {
        request.parameters()?.apply(&mut message, &route.taken).map_err(invalid)?;
    }
    Ok(message.encode_to_vec().into())
}

/// The JSON of a body; `None` if it is empty. What follows the first value is not read, as in Go.
fn body(request: &Request<'_>) -> Result<Option<Json>, Status> {
    let mut values = serde_json::Deserializer::from_slice(request.body).into_iter();
    values.next().transpose().map_err(|error| invalid(error.to_string()))
}

/// The JSON of a response.
///
/// # Errors
/// `Unknown`, as when Go cannot marshal it: an `Any` of a type that does not exist.
pub(super) fn json(route: &Route, response: &[u8]) -> Result<String, Status> {
    let json = to_json(route.output.full_name(), response);
    let mut json = json.map_err(|error| Status::new(Code::Unknown, error.to_string()))?;
    let part = route.response_body.as_ref().and_then(|field| json.get_mut(field.name()));
    Ok(match part {
        Some(part) => part.take().to_string(),
        None => json.to_string(),
    })
}

/// The height that a request asks for; `None` and 0 stand for the last one.
///
/// # Errors
/// The SDK's texts (`baseapp.RegisterGRPCServer`), with the code that its errors have.
pub(super) fn height(headers: &HeaderMap) -> Result<Option<Height>, Status> {
    let mut given = headers.get_all(HEIGHT).iter().chain(headers.get_all(HEIGHT_AS_METADATA));
    // The SDK follows a header that is given once.
    let (Some(value), None) = (given.next(), given.next()) else { return Ok(None) };
    let refusal = |text: String| Status::new(Code::Unknown, format!("{text}: invalid request"));
    let text = value.to_str().unwrap_or_default();
    // `strconv.ParseInt(.., 10, 64)`, which reads no prefixes.
    let height = text.parse::<i64>().map_err(|_| {
        let error = go::int::<i64>(text)
            .err()
            .map_or_else(|| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"), |error| error.to_string());
        refusal(format!("Baseapp.RegisterGRPCServer: invalid height header {HEIGHT:?}: {error}"))
    })?;
    match u64::try_from(height) {
        Ok(0) => Ok(None),
        Ok(height) => Ok(Some(Height(height))),
        Err(_) => Err(refusal("cannot query with height < 0; please provide a valid height".to_owned())),
    }
}

/// `Grpc-Timeout`: how long the client waits.
///
/// # Errors
/// grpc-gateway's text.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<core::time::Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let wrong = || invalid(format!("invalid grpc-timeout: {text}"));
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let nanos: u64 = match unit {
        "H" => 3_600_000_000_000,
        "M" => 60_000_000_000,
        "S" => 1_000_000_000,
        "m" => 1_000_000,
        "u" => 1_000,
        "n" => 1,
        _ => return Err(wrong()),
    };
    Ok(Some(core::time::Duration::from_nanos(number.saturating_mul(nanos))))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn heights_come_in_either_header() {
        for (name, value, expected) in
            [(HEIGHT, "7", Some(7)), (HEIGHT_AS_METADATA, "7", Some(7)), (HEIGHT, "0", None), ("accept", "7", None)]
        {
            assert_eq!(height(&headers(&[(name, value)])), Ok(expected.map(Height)));
        }
        assert_eq!(height(&headers(&[(HEIGHT, "7"), (HEIGHT_AS_METADATA, "8")])), Ok(None));
        let negative = height(&headers(&[(HEIGHT, "-1")])).expect_err("negative");
        assert_eq!(negative.code, Code::Unknown);
        assert_eq!(negative.message, "cannot query with height < 0; please provide a valid height: invalid request");
        let text = height(&headers(&[(HEIGHT, "x1")])).expect_err("no number").message;
        let expected = "Baseapp.RegisterGRPCServer: invalid height header \"x-cosmos-block-height\": \
                        strconv.ParseInt: parsing \"x1\": invalid syntax: invalid request";
        assert_eq!(text, expected);
        assert!(height(&headers(&[(HEIGHT, "0x10")])).is_err());
    }

    #[test]
    fn timeouts_have_units() {
        let millis = |text| timeout(&headers(&[("grpc-timeout", text)])).map(|t| t.map(|t| t.as_millis()));
        for (text, expected) in [("1H", 3_600_000), ("2M", 120_000), ("3S", 3_000), ("4m", 4), ("5000u", 5), ("1n", 0)]
        {
            assert_eq!(millis(text), Ok(Some(expected)), "{text}");
        }
        for text in ["", "1", "S", "1x", "-1S", "1.5S"] {
            assert_eq!(millis(text), Err(invalid(format!("invalid grpc-timeout: {text}"))));
        }
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
    }
}
