//! Typed parameters and their JSON form.

use bytes::Bytes;
use tendermint_proto::v0_38::types as raw;

use super::{evidence, go};
use crate::json::{self, Kind};
use crate::methods::Spec;

/// Type of a parameter, named as in CometBFT's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// `*int64`.
    OptInt64,
    /// `*int`.
    OptInt,
    /// `int64`.
    Int64,
    /// `uint`.
    Uint,
    /// `bool`.
    Bool,
    /// `string`.
    String,
    /// `bytes.HexBytes`: hex in JSON.
    Hex,
    /// `[]byte`: base64 in JSON.
    Bytes,
    /// `types.Tx`: as [`Type::Bytes`].
    Tx,
    /// `types.Evidence`.
    Evidence,
    /// `[]string`.
    Strings,
}

/// A parameter's value; the zero value where it was not given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Uint(u64),
    Bool(bool),
    String(String),
    Bytes(Bytes),
    Evidence(Option<Box<raw::Evidence>>),
    Strings(Vec<String>),
}

impl Type {
    /// What a parameter is that was not given.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::OptInt64 | Self::OptInt | Self::Int64 => Value::Int(None),
            Self::Uint => Value::Uint(0),
            Self::Bool => Value::Bool(false),
            Self::String => Value::String(String::new()),
            Self::Hex | Self::Bytes | Self::Tx => Value::Bytes(Bytes::new()),
            Self::Evidence => Value::Evidence(None),
            Self::Strings => Value::Strings(Vec::new()),
        }
    }

    /// The Go type in error messages.
    fn go_name(self) -> &'static str {
        match self {
            Self::OptInt64 | Self::Int64 => "int64",
            Self::OptInt => "int",
            Self::Uint => "uint",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Hex => "bytes.HexBytes",
            Self::Bytes => "[]uint8",
            Self::Tx => "types.Tx",
            Self::Evidence => "types.Evidence",
            Self::Strings => "[]string",
        }
    }

    /// Reads one JSON value; the text need not be valid.
    ///
    /// # Errors
    /// CometBFT's text.
    pub(crate) fn read(self, text: &[u8]) -> Result<Value, String> {
        if text == b"null" {
            return Ok(self.zero());
        }
        match self {
            Self::OptInt64 | Self::OptInt | Self::Int64 => {
                self.integer(text).map(|number| Value::Int(Some(number.unwrap_or(0))))
            }
            Self::Uint => self.integer(text).map(|number| Value::Uint(number.unwrap_or(0))),
            Self::Hex => {
                let inner = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
                let inner = inner.ok_or_else(|| format!("invalid hex string: {}", String::from_utf8_lossy(text)))?;
                go::hex(inner).map(|bytes| Value::Bytes(bytes.into()))
            }
            Self::Evidence => evidence::read(text).map(|evidence| Value::Evidence(Some(Box::new(evidence)))),
            Self::Bool | Self::String | Self::Bytes | Self::Tx | Self::Strings => {
                json::validate(text).map_err(|error| error.to_string())?;
                self.valid(text)
            }
        }
    }

    /// A value whose text is valid JSON, of a type that Go's own decoder reads.
    fn valid(self, text: &[u8]) -> Result<Value, String> {
        let kind = json::kind(text);
        match (self, kind) {
            (_, Kind::Null) => Ok(self.zero()),
            (Self::Bool, Kind::Bool) => Ok(Value::Bool(json::as_bool(text))),
            (Self::String, Kind::String) => Ok(Value::String(json::text(text).into_owned())),
            (Self::Bytes | Self::Tx, Kind::String) => {
                go::base64(json::text(text).as_bytes()).map(|bytes| Value::Bytes(bytes.into()))
            }
            (Self::Bytes | Self::Tx, Kind::Array) => {
                json::array(text).into_iter().map(byte).collect::<Result<Vec<_>, _>>().map(|b| Value::Bytes(b.into()))
            }
            (Self::Strings, Kind::Array) => json::array(text)
                .into_iter()
                .map(|element| match json::kind(element) {
                    Kind::String => Ok(json::text(element).into_owned()),
                    Kind::Null => Ok(String::new()),
                    other => Err(mismatch(other, Self::String)),
                })
                .collect::<Result<_, _>>()
                .map(Value::Strings),
            (Self::Strings, other) => {
                Err(format!("json: cannot unmarshal {} into Go value of type []json.RawMessage", other.name()))
            }
            (_, other) => Err(mismatch(other, self)),
        }
    }

    /// An integer of 64 bits, which is a string in this dialect; `null` inside the quotes is no number.
    fn integer<N: std::str::FromStr>(self, text: &[u8]) -> Result<Option<N>, String> {
        let inner = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let inner =
            inner.ok_or_else(|| format!("invalid 64-bit integer encoding {}, expected string", go::quote(text)))?;
        json::validate(inner).map_err(|error| error.to_string())?;
        match json::kind(inner) {
            Kind::Null => Ok(None),
            Kind::Number => {
                let digits = String::from_utf8_lossy(json::trim(inner));
                digits.parse().map(Some).map_err(|_| {
                    format!("json: cannot unmarshal number {digits} into Go value of type {}", self.go_name())
                })
            }
            other => Err(mismatch(other, self)),
        }
    }
}

fn mismatch(kind: Kind, expected: Type) -> String {
    format!("json: cannot unmarshal {} into Go value of type {}", kind.name(), expected.go_name())
}

/// One element of bytes written as an array of numbers.
fn byte(element: &[u8]) -> Result<u8, String> {
    match json::kind(element) {
        Kind::Null => Ok(0),
        Kind::Number => {
            let digits = String::from_utf8_lossy(json::trim(element));
            digits.parse().map_err(|_| format!("json: cannot unmarshal number {digits} into Go value of type uint8"))
        }
        other => Err(format!("json: cannot unmarshal {} into Go value of type uint8", other.name())),
    }
}

/// The parameters of one call, in the order of the method's table row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Args(Vec<Value>);

impl Args {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    pub(crate) fn is_set(&self, index: usize) -> bool {
        !matches!(self.0.get(index), None | Some(Value::Int(None)))
    }

    pub(crate) fn int(&self, index: usize) -> Option<i64> {
        if let Some(Value::Int(number)) = self.0.get(index) { *number } else { None }
    }

    pub(crate) fn uint(&self, index: usize) -> u64 {
        if let Some(Value::Uint(number)) = self.0.get(index) { *number } else { 0 }
    }

    pub(crate) fn bool(&self, index: usize) -> bool {
        matches!(self.0.get(index), Some(Value::Bool(true)))
    }

    pub(crate) fn string(&self, index: usize) -> &str {
        if let Some(Value::String(text)) = self.0.get(index) { text } else { "" }
    }

    pub(crate) fn bytes(&self, index: usize) -> Bytes {
        if let Some(Value::Bytes(bytes)) = self.0.get(index) { bytes.clone() } else { Bytes::new() }
    }

    pub(crate) fn evidence(&self, index: usize) -> Option<&raw::Evidence> {
        if let Some(Value::Evidence(Some(evidence))) = self.0.get(index) { Some(evidence) } else { None }
    }

    pub(crate) fn strings(&self, index: usize) -> &[String] {
        if let Some(Value::Strings(strings)) = self.0.get(index) { strings } else { &[] }
    }
}

/// Reads `params`, an object or an array, for a method.
///
/// # Errors
/// The text behind `error converting json params to arguments: `.
pub(crate) fn from_json(spec: &Spec, params: &[u8]) -> Result<Args, String> {
    match json::kind(params) {
        Kind::Null => Ok(Args(spec.params.iter().map(|(_, kind)| kind.zero()).collect())),
        Kind::Object => {
            let members = json::object(params);
            let named = |name: &str| members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
            let value = |&(name, kind): &(&str, Type)| named(name).map_or_else(|| Ok(kind.zero()), |v| kind.read(v));
            spec.params.iter().map(value).collect::<Result<_, _>>().map(Args)
        }
        Kind::Array => {
            let values = json::array(params);
            if values.len() != spec.params.len() {
                return Err(wrong_count(spec, &values));
            }
            let pairs = spec.params.iter().zip(values);
            pairs.map(|((_, kind), value)| kind.read(value)).collect::<Result<_, _>>().map(Args)
        }
        other => Err(format!(
            "unknown type for JSON params: json: cannot unmarshal {} into Go value of type []json.RawMessage. Expected \
             map or array",
            other.name()
        )),
    }
}

fn wrong_count(spec: &Spec, values: &[&[u8]]) -> String {
    let names: Vec<_> = spec.params.iter().map(|(name, _)| *name).collect();
    // Go prints raw JSON as lists of byte values.
    let shown: Vec<String> = values
        .iter()
        .map(|value| format!("[{}]", value.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")))
        .collect();
    format!("expected {} parameters ([{}]), got {} ([{}])", names.len(), names.join(" "), values.len(), shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::find;

    fn read(method: &str, params: &str) -> Result<Args, String> {
        from_json(find(method, true).expect("a method"), params.as_bytes())
    }

    #[test]
    fn parameters_come_by_name_or_by_position() {
        let named = read("abci_query", r#"{"path":"/p","data":"0aFF","height":"5","prove":true,"other":1}"#);
        assert_eq!(named, read("abci_query", r#"["/p","0AFF","5",true]"#));
        let args = named.expect("valid");
        assert_eq!(
            (args.string(0), args.bytes(1).as_ref(), args.int(2), args.bool(3)),
            ("/p", &b"\x0a\xff"[..], Some(5), true)
        );
        let defaults = read("abci_query", "{}").expect("valid");
        assert_eq!((defaults.string(0), defaults.int(2), defaults.bool(3)), ("", None, false));
        assert_eq!(read("block", "null"), read("block", r#"{"height":null}"#));
        assert_eq!(read("tx", r#"{"hash":"YWI="}"#).expect("valid").bytes(0).as_ref(), b"ab");
        assert_eq!(read("tx", r#"{"hash":[1,255]}"#).expect("valid").bytes(0).as_ref(), [1, 255]);
    }

    #[test]
    fn errors_are_cometbfts() {
        for (method, params, error) in [
            ("block", r#"{"height":5}"#, "invalid 64-bit integer encoding \"5\", expected string"),
            ("block", r#"{"height":"x"}"#, "invalid character 'x' looking for beginning of value"),
            ("block", r#"{"height":"1.5"}"#, "json: cannot unmarshal number 1.5 into Go value of type int64"),
            (
                "validators",
                r#"["1","99999999999999999999","1"]"#,
                "json: cannot unmarshal number 99999999999999999999 into Go value of type int",
            ),
            ("genesis_chunked", r#"{"chunk":"-1"}"#, "json: cannot unmarshal number -1 into Go value of type uint"),
            ("abci_query", r#"{"data":"0g"}"#, "encoding/hex: invalid byte: U+0067 'g'"),
            ("abci_query", r#"{"data":5}"#, "invalid hex string: 5"),
            ("abci_query", r#"{"prove":"true"}"#, "json: cannot unmarshal string into Go value of type bool"),
            ("tx", r#"{"hash":5}"#, "json: cannot unmarshal number into Go value of type []uint8"),
            ("check_tx", r#"{"tx":{}}"#, "json: cannot unmarshal object into Go value of type types.Tx"),
            ("block", r#"["1","2"]"#, "expected 1 parameters ([height]), got 2 ([[34 49 34] [34 50 34]])"),
            (
                "block",
                "\"x\"",
                "unknown type for JSON params: json: cannot unmarshal string into Go value of type []json.RawMessage. Expected map or array",
            ),
        ] {
            assert_eq!(read(method, params), Err(error.to_owned()), "{method} {params}");
        }
    }
}
