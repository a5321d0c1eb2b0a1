//! go-amino's binary form: like protobuf's, with fields in order, numbers never zigzag nor fixed, and a prefix of four
//! bytes in front of what an interface holds.

use plume_primitives::Timestamp;

use super::json::integer_text;
use super::names::disfix;
use super::shape::{Field, IntKind, Interface, Kind, List, Shape, Work, deeper};
use super::value::Value;
use crate::CodecError;
use crate::wire::{Reader, WireType};

fn failed(text: impl Into<String>) -> CodecError {
    CodecError::Legacy(text.into())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn put_varint(out: &mut Vec<u8>, value: u64) {
    prost_reflect::prost::encoding::encode_varint(value, out);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, u64::try_from(bytes.len()).expect("usize is at most 64 bits"));
    out.extend_from_slice(bytes);
}

/// The tag of a length-delimited field.
pub(super) fn put_tag(out: &mut Vec<u8>, number: u32) {
    put_key(out, number, WireType::Bytes);
}

fn put_key(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type.number()));
}

/// The fields of a struct without its length.
pub(super) fn write_struct(fields: &[Field], values: &[Value], out: &mut Vec<u8>) -> Result<(), CodecError> {
    for ((field, value), number) in fields.iter().zip(values).zip(1..) {
        if is_default(value) {
            continue;
        }
        match value {
            Value::List(items) if field.kind.is_length_delimited() => {
                for item in items {
                    put_tag(out, number);
                    if is_default(item) {
                        out.push(0);
                    } else {
                        write_value(field, item, out)?;
                    }
                }
            }
            Value::List(items) => {
                let mut packed = Vec::new();
                for item in items {
                    write_value(field, item, &mut packed)?;
                }
                put_tag(out, number);
                put_bytes(out, &packed);
            }
            _ => {
                let mut written = Vec::new();
                write_value(field, value, &mut written)?;
                if written == [0] && !field.is_pointer {
                    continue;
                }
                put_key(out, number, wire_type(field.kind));
                out.append(&mut written);
            }
        }
    }
    Ok(())
}

/// What is left out. A struct and a boolean are looked at once they are written.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Nil | Value::Int(0) => true,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

fn wire_type(kind: Kind) -> WireType {
    if kind.is_length_delimited() { WireType::Bytes } else { WireType::Varint }
}

fn write_value(field: &Field, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match value {
        Value::Nil => out.push(0),
        Value::Bool(flag) => out.push(u8::from(*flag)),
        Value::Int(number) => {
            let signed = i64::try_from(*number).map(i64::cast_unsigned);
            let number = signed.or_else(|_| u64::try_from(*number)).map_err(|_| failed("number out of range"))?;
            put_varint(out, number);
        }
        Value::Text(text) => put_bytes(out, text.as_bytes()),
        Value::Bytes(bytes) => put_bytes(out, bytes),
        Value::Number(text) => put_bytes(out, text.as_deref().unwrap_or("0").as_bytes()),
        Value::Time(time) => {
            let mut content = Vec::new();
            if time.seconds() != 0 {
                put_key(&mut content, 1, WireType::Varint);
                put_varint(&mut content, time.seconds().cast_unsigned());
            }
            if time.nanos() != 0 {
                put_key(&mut content, 2, WireType::Varint);
                put_varint(&mut content, u64::from(time.nanos()));
            }
            put_bytes(out, &content);
        }
        Value::Struct(values) => {
            let Kind::Struct(shape) = field.kind else { return Err(failed("a struct in place of another value")) };
            let mut content = Vec::new();
            write_struct(&shape.fields()?, values, &mut content)?;
            put_bytes(out, &content);
        }
        Value::Typed(concrete, inner) => {
            let mut content = disfix(concrete.name()?).prefix.to_vec();
            match inner.as_ref() {
                // A key.
                Value::Bytes(bytes) => put_bytes(&mut content, bytes),
                Value::Struct(values) => write_struct(&concrete.shape().fields()?, values, &mut content)?,
                _ => return Err(failed("an interface holds structs and keys")),
            }
            put_bytes(out, &content);
        }
        Value::List(_) => return Err(failed("a list inside a list")),
    }
    Ok(())
}

/// Reads the fields of a struct from all of `bytes`.
pub(super) fn read_struct(shape: Shape, bytes: &[u8], work: &mut Work, depth: usize) -> Result<Vec<Value>, CodecError> {
    let depth = deeper(depth)?;
    let fields = shape.fields()?;
    let mut reader = Reader::new(bytes);
    let mut last = 0;
    let mut values = Vec::with_capacity(fields.len());
    for (field, number) in fields.iter().zip(1u32..) {
        let peeked = match reader.is_empty() {
            true => None,
            false => Some(reader.clone().tag()?),
        };
        let next = peeked.map_or(u32::MAX, |tag| tag.number);
        if field.list != List::No && field.kind.is_length_delimited() {
            values.push(read_list(field, number, &mut reader, work, depth)?);
            continue;
        }
        if number < next {
            values.push(field.absent(field.list, work, depth)?);
            continue;
        }
        if next <= last {
            return Err(failed(format!("encountered fieldnNum: {next}, but we have already seen fnum: {last}")));
        }
        last = next;
        if number != next {
            return Err(failed(format!("expected field # {number}, got {next}")));
        }
        let wanted = if field.list == List::No { wire_type(field.kind) } else { WireType::Bytes };
        let tag = reader.tag()?;
        if tag.wire_type != wanted {
            let found = tag.wire_type;
            return Err(failed(format!("expected field type {wanted} for # {number}, got {found}")));
        }
        values.push(match field.list {
            List::No => read_value(field, &mut reader, work, depth)?,
            _ => {
                let mut packed = Reader::new(reader.bytes()?);
                let mut items = Vec::new();
                while !packed.is_empty() {
                    items.push(read_value(field, &mut packed, work, depth)?);
                }
                if items.is_empty() { Value::Nil } else { Value::List(items) }
            }
        });
    }
    // Go passes over fields that it does not know, as long as they ascend.
    while !reader.is_empty() {
        let tag = reader.tag()?;
        if tag.number <= last {
            let found = tag.number;
            return Err(failed(format!("encountered fieldnNum: {found}, but we have already seen fnum: {last}")));
        }
        last = tag.number;
        if matches!(tag.wire_type, WireType::StartGroup | WireType::EndGroup) {
            return Err(failed(format!("invalid typ3 bytes {}", tag.wire_type)));
        }
        reader.value(tag)?;
    }
    Ok(values)
}

fn read_list(
    field: &Field,
    number: u32,
    reader: &mut Reader<'_>,
    work: &mut Work,
    depth: usize,
) -> Result<Value, CodecError> {
    let mut items = Vec::new();
    while !reader.is_empty() {
        let tag = reader.clone().tag()?;
        if tag.number < number {
            let found = tag.number;
            return Err(failed(format!("expected repeated field number {number} or greater, got {found}")));
        }
        if tag.number > number {
            break;
        }
        if tag.wire_type != WireType::Bytes {
            let found = tag.wire_type;
            return Err(failed(format!("expected repeated field type {}, got {found}", WireType::Bytes)));
        }
        reader.tag()?;
        let mut ahead = *reader;
        items.push(match ahead.bytes()?.is_empty() {
            true => {
                *reader = ahead;
                work.spend()?;
                field.absent(List::No, work, depth)?
            }
            false => read_value(field, reader, work, depth)?,
        });
    }
    Ok(if items.is_empty() { Value::Nil } else { Value::List(items) })
}

fn read_value(field: &Field, reader: &mut Reader<'_>, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
    work.spend()?;
    Ok(match field.kind {
        Kind::Bool => match reader.varint()?.value {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err(failed("invalid bool")),
        },
        Kind::Int(kind) => Value::Int(read_int(kind, reader.varint()?.value)?),
        Kind::Text => Value::Text(text(reader.bytes()?)?.to_owned()),
        Kind::Bytes => Value::Bytes(reader.bytes()?.to_vec()),
        Kind::Integer | Kind::Decimal => match text(reader.bytes()?)? {
            "" => Value::Number(None),
            digits => Value::Number(Some(integer_text(digits)?)),
        },
        Kind::Time => Value::Time(read_time(reader.bytes()?)?),
        Kind::Struct(shape) => Value::Struct(read_struct(shape, reader.bytes()?, work, depth)?),
        Kind::Interface(interface) => read_interface(interface, reader.bytes()?, work, depth)?,
    })
}

fn text(bytes: &[u8]) -> Result<&str, CodecError> {
    str::from_utf8(bytes).map_err(|_| failed("text is not UTF-8"))
}

fn read_int(kind: IntKind, value: u64) -> Result<i128, CodecError> {
    Ok(match kind {
        IntKind::U64 => value.into(),
        IntKind::I64 => value.cast_signed().into(),
        // Go cuts off what does not fit; that is no number that anyone meant.
        IntKind::U32 => u32::try_from(value).map_err(|_| failed("encoded integer value overflows uint(32)"))?.into(),
        IntKind::I32 => {
            let number = i32::try_from(value.cast_signed());
            number.map_err(|_| failed("encoded integer value overflows int(32)"))?.into()
        }
    })
}

fn read_time(bytes: &[u8]) -> Result<Timestamp, CodecError> {
    let mut reader = Reader::new(bytes);
    let (mut seconds, mut nanos, mut last) = (0, 0, 0);
    while !reader.is_empty() {
        let tag = reader.tag()?;
        match (tag.number, tag.wire_type) {
            (number @ (1 | 2), WireType::Varint) if number > last => {
                last = number;
                let value = reader.varint()?.value;
                if number == 1 { seconds = value.cast_signed() } else { nanos = value }
            }
            _ => return Err(failed("invalid time: expected seconds and nanoseconds")),
        }
    }
    let nanos = u32::try_from(nanos).map_err(|_| failed("invalid time: nanoseconds out of range"))?;
    Timestamp::new(seconds, nanos).map_err(|error| failed(format!("invalid time: {error}")))
}

fn read_interface(interface: Interface, bytes: &[u8], work: &mut Work, depth: usize) -> Result<Value, CodecError> {
    let take = |bytes: &[u8]| bytes.first_chunk::<4>().copied();
    let short = |what| failed(format!("EOF while reading {what} bytes."));
    let (concrete, content) = match bytes {
        [0, a, b, c, rest @ ..] => {
            let prefix = take(rest).ok_or_else(|| short("disamb"))?;
            let unknown =
                || failed(format!("unrecognized disambiguation+prefix bytes {}{}", hex(&[*a, *b, *c]), hex(&prefix)));
            let concrete = interface.prefixed(prefix, Some([*a, *b, *c])).ok_or_else(unknown)?;
            (concrete, rest.get(4..).unwrap_or_default())
        }
        _ => {
            let prefix = take(bytes).ok_or_else(|| short("prefix"))?;
            let unknown = || failed(format!("unrecognized prefix bytes {}", hex(&prefix)));
            (interface.prefixed(prefix, None).ok_or_else(unknown)?, bytes.get(4..).unwrap_or_default())
        }
    };
    let inner = match concrete.key_length() {
        Some(length) => {
            let mut reader = Reader::new(content);
            let key = reader.bytes()?;
            require_key_length(key.len(), length)?;
            if !reader.is_empty() {
                return Err(failed("bytes left over after reading interface contents"));
            }
            Value::Bytes(key.to_vec())
        }
        None => Value::Struct(read_struct(concrete.shape(), content, work, deeper(depth)?)?),
    };
    Ok(Value::Typed(concrete, Box::new(inner)))
}

/// Keys of another size are none.
pub(super) fn require_key_length(found: usize, wanted: usize) -> Result<(), CodecError> {
    if found == wanted { Ok(()) } else { Err(failed("invalid pubkey size: invalid pubkey")) }
}
