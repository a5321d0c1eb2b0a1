//! go-amino's JSON: fields in Go's order, 64-bit integers as text, and an envelope around what an interface holds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plume_primitives::{Decimal, Timestamp};
use serde_json::Value as Json;

use super::binary::require_key_length;
use super::shape::{Field, IntKind, Interface, Kind, List, Shape, Work, deeper};
use super::value::{Concrete, Value};
use crate::CodecError;
use crate::amino::Writer;

/// 2^256 - 1, the largest magnitude of `math.Int`.
const MAX_INTEGER: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

/// So much of what a client sent stands in an error.
const SHOWN: usize = 100;

fn failed(text: impl Into<String>) -> CodecError {
    CodecError::Legacy(text.into())
}

pub(super) fn no_wrapper(reason: &dyn core::fmt::Display) -> CodecError {
    failed(format!("cannot parse disfix JSON wrapper: {reason}"))
}

fn mismatch(found: &Json, wanted: &str) -> CodecError {
    failed(mismatch_text(found, wanted))
}

fn mismatch_text(found: &Json, wanted: &str) -> String {
    let found = match found {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}

/// Name and content of `{"type":..,"value":..}`.
pub(super) fn unwrap(wrapper: &Json) -> Result<(&str, &Json), CodecError> {
    let Json::Object(wrapper) = wrapper else {
        return Err(no_wrapper(&mismatch_text(wrapper, "amino.disfixWrapper")));
    };
    let name = match wrapper.get("type") {
        None | Some(Json::Null) => "",
        Some(Json::String(name)) => name.as_str(),
        Some(other) => return Err(no_wrapper(&mismatch_text(other, "string"))),
    };
    if name.is_empty() {
        return Err(failed("JSON encoding of interfaces require non-empty type field."));
    }
    let missing = || failed("interface JSON wrapper should have non-empty value field");
    Ok((name, wrapper.get("value").ok_or_else(missing)?))
}

/// Reads the fields of a struct; those that it does not have are passed over, as in Go.
pub(super) fn read_struct(shape: Shape, json: &Json, work: &mut Work, depth: usize) -> Result<Vec<Value>, CodecError> {
    let depth = deeper(depth)?;
    let fields = shape.fields()?;
    let object = match json {
        Json::Object(object) => Some(object),
        Json::Null => None,
        other => return Err(mismatch(other, "map[string]json.RawMessage")),
    };
    let mut values = Vec::with_capacity(fields.len());
    for field in &fields {
        values.push(match object.and_then(|object| object.get(field.name)) {
            None | Some(Json::Null) => field.zero(work, depth)?,
            Some(json) if field.list == List::No => read_value(field, json, work, depth)?,
            Some(json) => read_list(field, json, work, depth)?,
        });
    }
    Ok(values)
}

fn read_list(field: &Field, json: &Json, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
    let Json::Array(items) = json else { return Err(mismatch(json, "[]json.RawMessage")) };
    let element = Field { list: List::No, ..*field };
    let mut values = Vec::new();
    for item in items {
        values.push(match item {
            Json::Null => {
                work.spend()?;
                element.zero(work, depth)?
            }
            _ => read_value(&element, item, work, depth)?,
        });
    }
    Ok(if values.is_empty() { Value::Nil } else { Value::List(values) })
}

fn read_value(field: &Field, json: &Json, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
    work.spend()?;
    let text = || json.as_str().ok_or_else(|| mismatch(json, "string"));
    Ok(match field.kind {
        Kind::Bool => Value::Bool(json.as_bool().ok_or_else(|| mismatch(json, "bool"))?),
        Kind::Int(kind) => Value::Int(read_int(kind, json)?),
        Kind::Text => Value::Text(text()?.to_owned()),
        Kind::Bytes => Value::Bytes(read_bytes(json)?),
        Kind::Integer => Value::Number(Some(integer_text(text()?)?)),
        Kind::Decimal => {
            let decimal: Decimal = text()?.parse().map_err(|error| failed(format!("invalid decimal: {error}")))?;
            Value::Number(Some(decimal.to_wire()))
        }
        Kind::Time => Value::Time(read_time(json)?),
        Kind::Struct(shape) => Value::Struct(read_struct(shape, json, work, depth)?),
        Kind::Interface(interface) => read_interface(interface, json, work, depth)?,
    })
}

fn read_bytes(json: &Json) -> Result<Vec<u8>, CodecError> {
    let text = json.as_str().ok_or_else(|| mismatch(json, "[]uint8"))?;
    STANDARD.decode(text).map_err(|error| failed(format!("illegal base64 data: {error}")))
}

fn read_time(json: &Json) -> Result<Timestamp, CodecError> {
    let shown: String = json.to_string().chars().take(SHOWN).collect();
    let Some(text) = json.as_str() else {
        return Err(failed(format!("Amino:JSON time must be an RFC3339Nano string, but got {shown}.")));
    };
    if !text.ends_with('Z') {
        return Err(failed(format!("Amino:JSON time must be UTC and end with 'Z' but got {shown}.")));
    }
    text.parse().map_err(|error| failed(format!("invalid time: {error}")))
}

fn read_int(kind: IntKind, json: &Json) -> Result<i128, CodecError> {
    let (name, range) = match kind {
        IntKind::I32 => ("int32", i128::from(i32::MIN)..=i128::from(i32::MAX)),
        IntKind::I64 => ("int64", i128::from(i64::MIN)..=i128::from(i64::MAX)),
        IntKind::U32 => ("uint32", 0..=i128::from(u32::MAX)),
        IntKind::U64 => ("uint64", 0..=i128::from(u64::MAX)),
    };
    let is_text = matches!(kind, IntKind::I64 | IntKind::U64);
    let digits = match json {
        Json::String(text) if is_text => text.clone(),
        other if is_text => {
            let shown: String = other.to_string().chars().take(SHOWN).collect();
            return Err(failed(format!(
                "invalid character -- Amino:JSON int/int64/uint/uint64 expects quoted values for javascript numeric support, got: {shown}."
            )));
        }
        Json::Number(number) => number.to_string(),
        other => return Err(mismatch(other, name)),
    };
    match digits.parse::<i128>() {
        Ok(number) if is_decimal(&digits) && range.contains(&number) => Ok(number),
        _ => {
            let shown: String = digits.chars().take(SHOWN).collect();
            Err(failed(format!("json: cannot unmarshal number {shown} into Go value of type {name}")))
        }
    }
}

/// Digits without leading zeros, perhaps behind a minus: the only form that amino writes. Go reads others, too (`0x1f`,
/// `+1`, `1_0`, an octal `010`); nobody means them.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// A `math.Int`, or the integer that stands for a `LegacyDec`.
pub(super) fn integer_text(text: &str) -> Result<String, CodecError> {
    if !is_decimal(text) {
        let shown: String = text.chars().take(SHOWN).collect();
        return Err(failed(format!("math/big: cannot unmarshal {shown:?} into a *big.Int")));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Without leading zeros, the longer number is the larger one.
    if (digits.len(), digits) > (MAX_INTEGER.len(), MAX_INTEGER) {
        let shown: String = text.chars().take(SHOWN).collect();
        return Err(failed(format!("integer out of range: {shown}")));
    }
    Ok(text.to_owned())
}

fn read_interface(interface: Interface, json: &Json, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
    let (name, content) = unwrap(json)?;
    let unknown =
        || failed(format!("unrecognized concrete type name {}", name.chars().take(SHOWN).collect::<String>()));
    let concrete = interface.named(name).ok_or_else(unknown)?;
    let inner = match concrete.key_length() {
        Some(length) => {
            let key = read_bytes(content)?;
            require_key_length(key.len(), length)?;
            Value::Bytes(key)
        }
        None if concrete.is_threshold_key() => threshold_key(content, work, deeper(depth)?)?,
        None => Value::Struct(read_struct(concrete.shape(), content, work, deeper(depth)?)?),
    };
    Ok(Value::Typed(concrete, Box::new(inner)))
}

/// `{"threshold":"2","pubkeys":[..]}`, as a threshold key was before it was a message.
fn threshold_key(json: &Json, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
    let Json::Object(object) = json else { return Err(mismatch(json, "map[string]json.RawMessage")) };
    let threshold = match object.get("threshold") {
        None | Some(Json::Null) => 0,
        Some(json) => read_int(IntKind::U64, json)?,
    };
    let threshold = u32::try_from(threshold).map_err(|_| failed("threshold out of range"))?;
    let keys = match object.get("pubkeys") {
        None | Some(Json::Null) => Value::Nil,
        Some(json) => read_list(&KEYS, json, work, depth)?,
    };
    Ok(Value::Struct(vec![Value::Int(threshold.into()), keys]))
}

/// The keys of a threshold key.
const KEYS: Field = Field {
    name: "pubkeys",
    omit_empty: false,
    is_pointer: false,
    list: List::Yes,
    kind: Kind::Interface(Interface::PublicKey),
};

/// Writes `{..}`.
pub(super) fn write_struct(fields: &[Field], values: &[Value], out: &mut Writer) -> Result<(), CodecError> {
    out.raw("{");
    let mut written = false;
    for (field, value) in fields.iter().zip(values) {
        if field.omit_empty && is_empty(field, value) {
            continue;
        }
        out.comma(written);
        out.quoted(field.name);
        out.raw(":");
        match value {
            Value::Nil if field.list == List::Coins => out.raw("[]"),
            Value::List(items) => {
                out.raw("[");
                for (index, item) in items.iter().enumerate() {
                    out.comma(index > 0);
                    write_value(field, item, out)?;
                }
                out.raw("]");
            }
            single => write_value(field, single, out)?,
        }
        written = true;
    }
    out.raw("}");
    Ok(())
}

/// A pointer is empty if it points nowhere, though a text behind it counts.
fn is_empty(field: &Field, value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Bool(flag) => !flag && !field.is_pointer,
        Value::Int(number) => *number == 0 && !field.is_pointer,
        _ => false,
    }
}

fn write_value(field: &Field, value: &Value, out: &mut Writer) -> Result<(), CodecError> {
    match (value, field.kind) {
        (Value::Nil, _) => out.raw("null"),
        (Value::Bool(flag), _) => out.raw(if *flag { "true" } else { "false" }),
        (Value::Int(number), Kind::Int(IntKind::I32 | IntKind::U32)) => out.raw(&number.to_string()),
        (Value::Int(number), _) => out.quoted(&number.to_string()),
        (Value::Text(text), _) => out.quoted(text),
        (Value::Bytes(bytes), _) => write_bytes(bytes, out),
        (Value::Number(None), Kind::Decimal) => out.raw("null"),
        (Value::Number(Some(text)), Kind::Decimal) => {
            let decimal = Decimal::from_wire(text).map_err(|error| failed(format!("invalid decimal: {error}")))?;
            out.quoted(&decimal.to_string());
        }
        (Value::Number(text), _) => out.quoted(text.as_deref().unwrap_or("0")),
        (Value::Time(time), _) => out.quoted(&time.to_string()),
        (Value::Struct(values), Kind::Struct(shape)) => write_struct(&shape.fields()?, values, out)?,
        (Value::Typed(concrete, inner), _) => write_typed(*concrete, inner, out)?,
        (Value::Struct(_) | Value::List(_), _) => return Err(failed("a value of another type than its field's")),
    }
    Ok(())
}

fn write_bytes(bytes: &[u8], out: &mut Writer) {
    if bytes.is_empty() { out.raw("null") } else { out.quoted(&STANDARD.encode(bytes)) }
}

fn write_typed(concrete: Concrete, inner: &Value, out: &mut Writer) -> Result<(), CodecError> {
    out.raw("{\"type\":");
    out.quoted(concrete.name()?);
    out.raw(",\"value\":");
    match inner {
        Value::Bytes(key) => write_bytes(key, out),
        Value::Struct(values) if concrete.is_threshold_key() => {
            let [Value::Int(threshold), keys] = values.as_slice() else { return Err(failed("not a threshold key")) };
            out.raw("{\"threshold\":");
            out.quoted(&threshold.to_string());
            out.raw(",\"pubkeys\":[");
            let keys = if let Value::List(keys) = keys { keys.as_slice() } else { &[] };
            for (index, key) in keys.iter().enumerate() {
                out.comma(index > 0);
                write_value(&KEYS, key, out)?;
            }
            out.raw("]}");
        }
        Value::Struct(values) => write_struct(&concrete.shape().fields()?, values, out)?,
        _ => return Err(failed("an interface holds structs and keys")),
    }
    out.raw("}");
    Ok(())
}
