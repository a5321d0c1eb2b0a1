use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plume_primitives::Decimal;
use prost_reflect::{DynamicMessage, MapKey, Value};
use serde_json::{Map, Number, Value as Json};

use super::MAP_VALUE;
use super::time::{duration_text, timestamp_text};
use crate::amino::seconds_and_nanos;
use crate::schema::{FieldKind, FieldPlan, MessagePlan, NumberText, WellKnown, schema};
use crate::{CodecError, JsonProblem, MAX_DEPTH};

pub(super) fn message(plan: &MessagePlan, message: &DynamicMessage) -> Result<Json, CodecError> {
    within(plan, message, MAX_DEPTH)
}

fn within(plan: &MessagePlan, message: &DynamicMessage, depth: usize) -> Result<Json, CodecError> {
    let depth = depth.checked_sub(1).ok_or(CodecError::json(JsonProblem::TooDeep))?;
    let (seconds, nanos) = seconds_and_nanos(message);
    match plan.well_known {
        WellKnown::Any => any(message, depth),
        WellKnown::Timestamp => timestamp_text(seconds, nanos).map(Json::String).map_err(CodecError::json),
        WellKnown::Duration => duration_text(seconds, nanos).map(Json::String).map_err(CodecError::json),
        WellKnown::No => fields(plan, message, depth).map(Json::Object),
    }
}

fn fields(plan: &MessagePlan, message: &DynamicMessage, depth: usize) -> Result<Map<String, Json>, CodecError> {
    let mut object = Map::new();
    for field in plan.declared.iter().filter_map(|index| plan.fields.get(*index)) {
        // Clients of SDK 0.50 refuse fields that they do not know.
        let only_when_set = field.oneof.is_some() || field.is_newer;
        if only_when_set && !message.has_field_by_number(field.number) {
            continue;
        }
        let json = field_value(field, message, depth).map_err(|error| error.inside(&field.name))?;
        object.insert(field.name.clone(), json);
    }
    Ok(object)
}

fn field_value(field: &FieldPlan, message: &DynamicMessage, depth: usize) -> Result<Json, CodecError> {
    let is_unset_message = matches!(field.kind, FieldKind::Message(_))
        && !field.is_list
        && !field.is_map
        && !message.has_field_by_number(field.number);
    if is_unset_message && field.nullable {
        return Ok(Json::Null);
    }
    let Some(value) = message.get_field_by_number(field.number) else {
        return Ok(Json::Null);
    };
    match value.as_ref() {
        value @ Value::Map(_) => map(field, value, depth),
        Value::List(items) => {
            let items = items
                .iter()
                .enumerate()
                .map(|(index, item)| single(field, item, depth).map_err(|error| error.inside(&format!("[{index}]"))));
            items.collect::<Result<_, _>>().map(Json::Array)
        }
        value => single(field, value, depth),
    }
}

/// An object in the order of the keys.
fn map(field: &FieldPlan, map: &Value, depth: usize) -> Result<Json, CodecError> {
    let value_field = match &field.kind {
        FieldKind::Message(entry) => schema().plan(*entry).field(MAP_VALUE),
        _ => None,
    };
    let value_field = value_field.ok_or(CodecError::json(JsonProblem::Unsupported))?;
    let entries: BTreeMap<&MapKey, &Value> = map.as_map().into_iter().flatten().collect();
    let mut object = Map::new();
    for (key, value) in entries {
        let key = match key {
            MapKey::Bool(key) => key.to_string(),
            MapKey::I32(key) => key.to_string(),
            MapKey::I64(key) => key.to_string(),
            MapKey::U32(key) => key.to_string(),
            MapKey::U64(key) => key.to_string(),
            MapKey::String(key) => key.clone(),
        };
        let json = match value {
            // Present, so not nil in Go.
            Value::Bytes(bytes) if bytes.is_empty() => Json::String(String::new()),
            value => single(value_field, value, depth).map_err(|error| error.inside(&key))?,
        };
        object.insert(key, json);
    }
    Ok(Json::Object(object))
}

fn single(field: &FieldPlan, value: &Value, depth: usize) -> Result<Json, CodecError> {
    Ok(match (value, &field.kind) {
        (Value::String(text), _) if field.number_text != NumberText::No => number_text(field, text)?,
        (Value::Bytes(text), _) if field.number_text != NumberText::No => {
            let text = std::str::from_utf8(text);
            number_text(field, text.map_err(|_| CodecError::json(JsonProblem::Expected("a number")))?)?
        }
        (Value::Message(message), FieldKind::Message(index)) => within(schema().plan(*index), message, depth)?,
        (Value::String(text), _) => Json::String(text.clone()),
        // Go reads an absent field as nil, but an empty element of a list as empty.
        (Value::Bytes(bytes), _) if bytes.is_empty() && !field.is_list => Json::Null,
        (Value::Bytes(bytes), _) => Json::String(STANDARD.encode(bytes)),
        (Value::Bool(flag), _) => Json::Bool(*flag),
        (Value::EnumNumber(number), FieldKind::Enum(values)) => match values.get_value(*number) {
            Some(value) => Json::String(value.name().to_owned()),
            None => Json::Number((*number).into()),
        },
        (Value::I32(number), _) => Json::Number((*number).into()),
        (Value::U32(number), _) => Json::Number((*number).into()),
        (Value::I64(number), _) => Json::String(number.to_string()),
        (Value::U64(number), _) => Json::String(number.to_string()),
        // Through text: the shortest decimal of the narrow type is not that of the wide one.
        (Value::F32(number), _) => float(&number.to_string()),
        (Value::F64(number), _) => float(&number.to_string()),
        _ => return Err(CodecError::json(JsonProblem::Unsupported)),
    })
}

/// A number as Go writes it: whole ones without a fraction, what JSON cannot write as text.
fn float(text: &str) -> Json {
    match text {
        "NaN" => Json::String("NaN".to_owned()),
        "inf" => Json::String("Infinity".to_owned()),
        "-inf" => Json::String("-Infinity".to_owned()),
        _ => match (text.parse::<i64>(), text.parse()) {
            (Ok(whole), _) => Json::Number(whole.into()),
            (Err(_), Ok(number)) => Number::from_f64(number).map_or(Json::Null, Json::Number),
            (Err(_), Err(_)) => Json::Null,
        },
    }
}

/// An integer stays as it is; a decimal travels as an integer and shows with 18 places.
fn number_text(field: &FieldPlan, text: &str) -> Result<Json, CodecError> {
    let decimal = |text| Decimal::from_wire(text).map_err(|error| JsonProblem::Decimal(error.to_string()));
    match (field.number_text, text) {
        // Go's zero values.
        (NumberText::Dec, "") => Ok(Json::Null),
        (_, "") => Ok(Json::String("0".to_owned())),
        (NumberText::Dec, _) => Ok(Json::String(decimal(text).map_err(CodecError::json)?.to_string())),
        _ => Ok(Json::String(text.to_owned())),
    }
}

fn any(message: &DynamicMessage, depth: usize) -> Result<Json, CodecError> {
    let type_url = message.get_field_by_name("type_url");
    let type_url = type_url.as_deref().and_then(Value::as_str).unwrap_or_default();
    let bytes = message.get_field_by_name("value");
    let bytes = bytes.as_deref().and_then(Value::as_bytes).map(|bytes| &**bytes).unwrap_or_default();

    let plan = schema().named(type_url).map_err(|_| CodecError::json(JsonProblem::UnknownType(type_url.to_owned())))?;
    let inner = plan.decode(bytes).map_err(|error| CodecError::json(JsonProblem::Malformed(error.to_string())))?;
    let mut object = Map::new();
    object.insert("@type".to_owned(), Json::String(type_url.to_owned()));
    if plan.well_known == WellKnown::No {
        object.extend(fields(plan, &inner, depth)?);
    } else {
        object.insert("value".to_owned(), within(plan, &inner, depth)?);
    }
    Ok(Json::Object(object))
}
