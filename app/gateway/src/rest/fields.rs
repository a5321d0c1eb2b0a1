//! Fields of a request from text: variables of the path and parameters behind the question mark.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use plume_codec::MAX_DEPTH;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};
use serde_json::Value as Json;

use super::go;

/// Sets the field that `path` leads to. Names may be snake or camel case. A field that the message does not have is
/// passed over, a single field takes the first value, a repeated one takes all.
///
/// # Errors
/// What is wrong, in the words of grpc-gateway v1.16.
///
/// # Security
/// A path may lead through a message that contains itself; its length is bounded.
pub(super) fn set(message: &mut DynamicMessage, path: &[&str], values: &[&str]) -> Result<(), String> {
    if path.len() > MAX_DEPTH {
        return Err("recursion limit reached".to_owned());
    }
    set_at(message, path, 0, values)
}

fn set_at(message: &mut DynamicMessage, path: &[&str], at: usize, values: &[&str]) -> Result<(), String> {
    let whole = || path.join(".");
    let Some(name) = path.get(at) else { return Ok(()) };
    let Some(field) = find(&message.descriptor(), name) else { return Ok(()) };
    if let Some(oneof) = real_oneof(&field) {
        let mut set = oneof.fields().filter(|other| message.has_field(other));
        if set.any(|other| other != field || !matches!(field.kind(), Kind::Message(_))) {
            return Err(format!("field already set for {} oneof", oneof.name()));
        }
    }
    let next = path.get(at + 1);
    let nested = |next: &str| {
        let before = path.get(..=at).unwrap_or_default().join(".");
        Err(format!("unexpected nested field {next} in {before}"))
    };
    if field.is_map() {
        return match (next, values) {
            (Some(next), _) => nested(next),
            (None, [key, value]) => add_entry(message, &field, key, value),
            (None, _) => {
                let key = values.first().copied().unwrap_or_default();
                Err(format!("more than one value provided for key {key} in map {}", field.name()))
            }
        };
    }
    if field.is_list() {
        if next.is_some() {
            return Err(format!("unexpected repeated field in {}", whole()));
        }
        let items = values.iter().map(|text| item(&field, text)).collect::<Result<_, _>>()?;
        return put(message, &field, Value::List(items));
    }
    match (field.kind(), next) {
        (Kind::Message(_), Some(_)) => match message.get_field_mut(&field).as_message_mut() {
            Some(inner) => set_at(inner, path, at + 1, values),
            None => Err(unsupported(&field)),
        },
        (_, Some(next)) => nested(next),
        (_, None) => match values.first() {
            Some(text) => put(message, &field, single(&field, text)?),
            None => Err(format!("no value of field: {}", whole())),
        },
    }
}

/// A field by its name in the source or in JSON.
pub(super) fn find(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name))
}

/// The `oneof` of a field, those left out that only mark a field as optional.
fn real_oneof(field: &FieldDescriptor) -> Option<prost_reflect::OneofDescriptor> {
    field.containing_oneof().filter(|_| !field.field_descriptor_proto().proto3_optional())
}

fn put(message: &mut DynamicMessage, field: &FieldDescriptor, value: Value) -> Result<(), String> {
    message.try_set_field(field, value).map_err(|_| unsupported(field))
}

fn unsupported(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(message) => {
            format!("field type *{} is not supported in query parameters", message.full_name())
        }
        kind => format!("field type {kind:?} is not supported in query parameters"),
    }
}

fn add_entry(message: &mut DynamicMessage, field: &FieldDescriptor, key: &str, value: &str) -> Result<(), String> {
    let Kind::Message(entry) = field.kind() else { return Err(unsupported(field)) };
    let key = scalar(&entry.map_entry_key_field(), key)?.into_map_key();
    let value_field = entry.map_entry_value_field();
    if let Kind::Message(message) = value_field.kind() {
        return Err(format!("unsupported value type {} in map {}", message.full_name(), field.name()));
    }
    let value = scalar(&value_field, value)?;
    let entries = message.get_field_mut(field).as_map_mut();
    let (Some(key), Some(entries)) = (key, entries) else { return Err(unsupported(field)) };
    entries.insert(key, value);
    Ok(())
}

fn item(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    match field.kind() {
        Kind::Message(message) => Err(format!("unsupported field type {}", message.full_name())),
        _ => scalar(field, text),
    }
}

fn single(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    match field.kind() {
        Kind::Message(message) => well_known(&message, text).unwrap_or_else(|| Err(unsupported(field))),
        _ => scalar(field, text),
    }
}

fn scalar(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    let number = |error: go::NumError| error.to_string();
    Ok(match field.kind() {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(go::int(text).map_err(number)?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(go::int(text).map_err(number)?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(go::uint(text).map_err(number)?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(go::uint(text).map_err(number)?),
        Kind::Bool => Value::Bool(go::boolean(text).map_err(number)?),
        Kind::Float => Value::F32(go::float(text).map_err(number)?),
        Kind::Double => Value::F64(go::double(text).map_err(number)?),
        Kind::String if has_form(field) => from_json(field, text)?,
        Kind::String => Value::String(text.to_owned()),
        Kind::Bytes if has_form(field) => from_json(field, text)?,
        Kind::Bytes => Value::Bytes(bytes(text)?.into()),
        Kind::Enum(values) => {
            let named = values.get_value_by_name(text);
            let value = named.or_else(|| text.parse().ok().and_then(|number| values.get_value(number)));
            let value = value.ok_or_else(|| format!("{text} is not a valid {}", values.full_name()))?;
            Value::EnumNumber(value.number())
        }
        Kind::Message(_) => return Err(unsupported(field)),
    })
}

/// Whether the text of a field is not its value on the wire: decimals, which travel as integers.
fn has_form(field: &FieldDescriptor) -> bool {
    let pool = field.parent_pool();
    let has =
        |name| pool.get_extension_by_name(name).is_some_and(|extension| field.options().has_extension(&extension));
    has("gogoproto.customtype")
}

/// By the rules of JSON, which know the form.
fn from_json(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    let message = field.parent_message();
    let json = Json::String(text.to_owned());
    let json = Json::Object(
        [(field.name().to_owned(), if field.is_list() { Json::Array(vec![json]) } else { json })].into_iter().collect(),
    );
    let bytes = plume_codec::from_json(message.full_name(), &json).map_err(|error| error.to_string())?;
    let message = DynamicMessage::decode(message.clone(), &*bytes).map_err(|error| error.to_string())?;
    match message.get_field(field).into_owned() {
        Value::List(items) => items.into_iter().next().ok_or_else(|| unsupported(field)),
        value => Ok(value),
    }
}

/// Base64 of the standard alphabet, else of that for URLs; padded.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    // In a query `+` is a space.
    let standard = STANDARD.decode(text).or_else(|_| STANDARD.decode(text.replace(' ', "+")));
    standard.or_else(|_| URL_SAFE.decode(text)).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(length) => length,
            base64::DecodeError::InvalidPadding => text.len(),
        };
        format!("illegal base64 data at input byte {at}")
    })
}

/// Times and durations are text too. `None` for any other message.
fn well_known(message: &MessageDescriptor, text: &str) -> Option<Result<Value, String>> {
    let parts = match message.full_name() {
        "google.protobuf.Timestamp" | "google.protobuf.Duration" if text == "null" => Ok((0, 0)),
        "google.protobuf.Timestamp" => {
            let time: Result<plume_primitives::Timestamp, _> = text.parse();
            let time = time.map_err(|error| format!("bad Timestamp: {error}"));
            time.and_then(|time| Ok((time.seconds(), i32::try_from(time.nanos()).map_err(|e| e.to_string())?)))
        }
        "google.protobuf.Duration" => {
            let nanos = go::duration(text).ok_or_else(|| format!("bad Duration: time: invalid duration {text:?}"));
            // The remainder is below 10^9.
            nanos.map(|nanos| (nanos / 1_000_000_000, (nanos % 1_000_000_000) as i32))
        }
        _ => return None,
    };
    Some(parts.map(|(seconds, nanos)| {
        let mut value = DynamicMessage::new(message.clone());
        value.set_field_by_name("seconds", Value::I64(seconds));
        value.set_field_by_name("nanos", Value::I32(nanos));
        Value::Message(value)
    }))
}

/// Parameters of a query or of a form, in order of first occurrence.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    all: Vec<(String, Vec<String>)>,
    index: HashMap<String, usize>,
}

impl Parameters {
    /// Adds those of one more query or form.
    ///
    /// # Errors
    /// Go's text for an escape or a separator that is malformed.
    pub(super) fn read(&mut self, query: &str) -> Result<(), String> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if pair.contains(';') {
                return Err("invalid semicolon separator in query".to_owned());
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (unescape(name, true)?, unescape(value, true)?);
            let next = self.all.len();
            let at = *self.index.entry(name.clone()).or_insert(next);
            match self.all.get_mut(at) {
                Some((_, values)) => values.push(value),
                None => self.all.push((name, vec![value])),
            }
        }
        Ok(())
    }

    /// The first value of a parameter.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let (_, values) = self.all.get(*self.index.get(name)?)?;
        values.first().map(String::as_str)
    }

    /// Sets the fields that they name, apart from those that begin with one of `taken`.
    ///
    /// # Errors
    /// As [`set`].
    pub(super) fn apply(&self, message: &mut DynamicMessage, taken: &[Vec<String>]) -> Result<(), String> {
        for (name, values) in &self.all {
            let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
            let mut name = name.as_str();
            // `map[key]=value`.
            if let Some((before, key)) = name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
                name = before;
                values.insert(0, key);
            }
            let path: Vec<&str> = name.split('.').collect();
            let is_taken =
                |taken: &Vec<String>| path.len() >= taken.len() && path.iter().zip(taken).all(|(a, b)| a == b);
            if !taken.iter().any(is_taken) {
                set(message, &path, &values)?;
            }
        }
        Ok(())
    }
}

/// Percent-decodes; in a query `+` is a space.
///
/// # Errors
/// Go's text for a malformed escape, ours for what is not UTF-8, which no text of a request can be.
pub(super) fn unescape(text: &str, is_query: bool) -> Result<String, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'%' => {
                let hex = text.as_bytes().get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
                let value = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
                let value = value.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                let Some(value) = value else {
                    let end = text.len().min(at + 3);
                    let escape = String::from_utf8_lossy(text.as_bytes().get(at..end).unwrap_or_default());
                    return Err(format!("invalid URL escape {escape:?}"));
                };
                decoded.push(value);
                bytes.nth(1);
            }
            b'+' if is_query => decoded.push(b' '),
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_err(|_| "text that is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(unescape("a%2Fb%20c+d", false).as_deref(), Ok("a/b c+d"));
        assert_eq!(unescape("a+b%2B", true).as_deref(), Ok("a b+"));
        assert_eq!(unescape("%c3%a9", false).as_deref(), Ok("é"));
        for (text, escape) in [("%", "%"), ("%2", "%2"), ("a%zz", "%zz"), ("%+1", "%+1"), ("%2é", "%2\u{fffd}")] {
            assert_eq!(unescape(text, false), Err(format!("invalid URL escape {escape:?}")), "{text}");
        }
        assert!(unescape("%ff", false).is_err());
    }

    #[test]
    fn parameters_keep_their_order_and_all_values() {
        let mut parameters = Parameters::default();
        parameters.read("b=1&a=2&&b=3&c").expect("well formed");
        parameters.read("a=4").expect("well formed");
        let expected = [("b", vec!["1", "3"]), ("a", vec!["2", "4"]), ("c", vec![""])];
        let expected =
            expected.map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()));
        assert_eq!(parameters.all, expected);
        assert_eq!(parameters.first("b"), Some("1"));
        assert_eq!(Parameters::default().read("a=1;b=2"), Err("invalid semicolon separator in query".to_owned()));
    }
}
