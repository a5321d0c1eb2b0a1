use std::collections::BTreeMap;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use plume_primitives::Decimal;
use plume_proto::Message as _;
use prost_reflect::{DynamicMessage, Kind, Value};
use serde_json::{Map, Value as Json};

use super::time::{duration_from_text, timestamp_from_text};
use super::{MAP_KEY, MAP_VALUE, UnknownFields};
use crate::schema::{FieldKind, FieldPlan, MessagePlan, NumberText, WellKnown, schema};
use crate::{CodecError, JsonProblem, MAX_DEPTH};

pub(super) fn message(plan: &MessagePlan, json: &Json, unknown: UnknownFields) -> Result<DynamicMessage, CodecError> {
    within(plan, json, Limits { unknown, depth: MAX_DEPTH })
}

/// What holds for a message and all inside it.
#[derive(Clone, Copy)]
struct Limits {
    unknown: UnknownFields,
    /// Levels that are left.
    depth: usize,
}

impl Limits {
    fn inside(self) -> Result<Self, CodecError> {
        let depth = self.depth.checked_sub(1).ok_or(CodecError::json(JsonProblem::TooDeep))?;
        Ok(Self { depth, ..self })
    }
}

fn expected(what: &'static str) -> CodecError {
    CodecError::json(JsonProblem::Expected(what))
}

fn within(plan: &MessagePlan, json: &Json, limits: Limits) -> Result<DynamicMessage, CodecError> {
    let limits = limits.inside()?;
    match plan.well_known {
        WellKnown::Any => any(plan, json, limits),
        WellKnown::Timestamp => time(plan, json, timestamp_from_text),
        WellKnown::Duration => time(plan, json, duration_from_text),
        WellKnown::No => fields(plan, json.as_object().ok_or(expected("an object"))?, limits),
    }
}

fn time(
    plan: &MessagePlan,
    json: &Json,
    parse: fn(&str) -> Result<(i64, i32), JsonProblem>,
) -> Result<DynamicMessage, CodecError> {
    let text = json.as_str().ok_or(expected("a time as text"))?;
    let (seconds, nanos) = parse(text).map_err(CodecError::json)?;
    let mut message = DynamicMessage::new(plan.descriptor.clone());
    message.set_field_by_name("seconds", Value::I64(seconds));
    message.set_field_by_name("nanos", Value::I32(nanos));
    Ok(message)
}

fn fields(plan: &MessagePlan, object: &Map<String, Json>, limits: Limits) -> Result<DynamicMessage, CodecError> {
    let mut message = DynamicMessage::new(plan.descriptor.clone());
    let mut seen = Vec::with_capacity(object.len());
    for (name, json) in object {
        // Clients in JavaScript send camelCase.
        let by_name = |field: &&FieldPlan| field.name == *name || field.json_name == *name;
        let field = plan.fields.iter().find(by_name);
        let unknown = || CodecError::json(JsonProblem::UnknownField(plan.name.clone())).inside(name);
        let field = match (field, limits.unknown) {
            (Some(field), _) => field,
            (None, UnknownFields::Ignore) => continue,
            (None, UnknownFields::Refuse) => return Err(unknown()),
        };
        let set = seen.contains(&field.number)
            || field.oneof.is_some()
                && plan.fields.iter().any(|other| other.oneof == field.oneof && seen.contains(&other.number));
        if set {
            return Err(CodecError::json(JsonProblem::Repeated).inside(name));
        }
        if json.is_null() {
            continue;
        }
        seen.push(field.number);
        let value = field_value(plan, field, json, limits).map_err(|error| error.inside(name))?;
        // Fails only for a value of another type than the field's, and `single` makes values by that type.
        let wrong = |_| CodecError::json(JsonProblem::Unsupported).inside(name);
        message.try_set_field_by_number(field.number, value).map_err(wrong)?;
    }
    Ok(message)
}

fn field_value(plan: &MessagePlan, field: &FieldPlan, json: &Json, limits: Limits) -> Result<Value, CodecError> {
    if field.is_map {
        return map(field, json, limits);
    }
    if !field.is_list {
        return single(plan, field, json, limits);
    }
    let items = json.as_array().ok_or(expected("an array"))?.iter().enumerate();
    let items = items
        .map(|(index, item)| single(plan, field, item, limits).map_err(|error| error.inside(&format!("[{index}]"))));
    items.collect::<Result<_, _>>().map(Value::List)
}

fn map(field: &FieldPlan, json: &Json, limits: Limits) -> Result<Value, CodecError> {
    let unsupported = || CodecError::json(JsonProblem::Unsupported);
    let FieldKind::Message(entry) = &field.kind else { return Err(unsupported()) };
    let entry = schema().plan(*entry);
    let (key_field, value_field) = (entry.field(MAP_KEY), entry.field(MAP_VALUE));
    let (Some(key_field), Some(value_field)) = (key_field, value_field) else { return Err(unsupported()) };
    let mut map = BTreeMap::new();
    for (name, json) in json.as_object().ok_or(expected("an object"))? {
        let key = match (name.as_str(), entry.descriptor.get_field(MAP_KEY).map(|key| key.kind())) {
            ("true", Some(Kind::Bool)) => Ok(Value::Bool(true)),
            ("false", Some(Kind::Bool)) => Ok(Value::Bool(false)),
            _ => single(entry, key_field, &Json::String(name.clone()), limits),
        };
        let key = key.map_err(|error| error.inside(name))?;
        let value = single(entry, value_field, json, limits).map_err(|error| error.inside(name))?;
        if map.insert(key.into_map_key().ok_or_else(unsupported)?, value).is_some() {
            return Err(CodecError::json(JsonProblem::Repeated).inside(name));
        }
    }
    Ok(Value::Map(map.into_iter().collect()))
}

fn single(plan: &MessagePlan, field: &FieldPlan, json: &Json, limits: Limits) -> Result<Value, CodecError> {
    match &field.kind {
        FieldKind::Message(index) => within(schema().plan(*index), json, limits).map(Value::Message),
        FieldKind::String => text(field, json).map(Value::String),
        FieldKind::Bytes if field.number_text != NumberText::No => {
            text(field, json).map(|text| Value::Bytes(text.into_bytes().into()))
        }
        FieldKind::Bytes => bytes(json).map(|bytes| Value::Bytes(bytes.into())),
        FieldKind::Enum(values) => match json {
            Json::String(name) => match values.get_value_by_name(name) {
                Some(value) => Ok(Value::EnumNumber(value.number())),
                None => Err(CodecError::json(JsonProblem::UnknownEnumValue(values.full_name().to_owned()))),
            },
            _ => integer::<i32>(json).map(Value::EnumNumber),
        },
        FieldKind::Number(_) | FieldKind::Float(_) => {
            let kind = plan.descriptor.get_field(field.number).map(|field| field.kind());
            match kind {
                Some(Kind::Bool) => json.as_bool().map(Value::Bool).ok_or(expected("true or false")),
                Some(Kind::Int32 | Kind::Sint32 | Kind::Sfixed32) => integer(json).map(Value::I32),
                Some(Kind::Int64 | Kind::Sint64 | Kind::Sfixed64) => integer(json).map(Value::I64),
                Some(Kind::Uint32 | Kind::Fixed32) => integer(json).map(Value::U32),
                Some(Kind::Uint64 | Kind::Fixed64) => integer(json).map(Value::U64),
                Some(Kind::Double) => float(json).map(Value::F64),
                Some(Kind::Float) => float(json).map(Value::F32),
                _ => Err(CodecError::json(JsonProblem::Unsupported)),
            }
        }
    }
}

/// Numbers as such or as text; what has no JSON number by its name. Each type reads the text for itself, since a wide
/// number made narrow is rounded twice.
fn float<T: FromStr + ToString>(json: &Json) -> Result<T, CodecError> {
    let not_a_number = || expected("a number");
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return Err(not_a_number()),
    };
    let is_named = matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity");
    if !is_named && !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(not_a_number());
    }
    let number: T = text.parse().map_err(|_| not_a_number())?;
    // Digits that no finite number holds.
    let is_infinite = number.to_string().ends_with("inf");
    if is_infinite && !is_named { Err(CodecError::json(JsonProblem::OutOfRange)) } else { Ok(number) }
}

/// Integers come as numbers or as text, whatever their size.
fn integer<T: TryFrom<i128>>(json: &Json) -> Result<T, CodecError> {
    let not_an_integer = || expected("an integer");
    let number = match json {
        Json::Number(number) => {
            let number = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            number.ok_or_else(not_an_integer)?
        }
        Json::String(text) => text.parse().map_err(|_| not_an_integer())?,
        _ => return Err(not_an_integer()),
    };
    T::try_from(number).map_err(|_| CodecError::json(JsonProblem::OutOfRange))
}

fn text(field: &FieldPlan, json: &Json) -> Result<String, CodecError> {
    let text = json.as_str().ok_or(expected("text"))?;
    match field.number_text {
        NumberText::No => Ok(text.to_owned()),
        NumberText::Int => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_integer.then(|| text.to_owned()).ok_or(expected("an integer as text"))
        }
        NumberText::Dec => {
            let decimal: Result<Decimal, _> = text.parse();
            let problem = |error: &dyn std::fmt::Display| CodecError::json(JsonProblem::Decimal(error.to_string()));
            decimal.map(Decimal::to_wire).map_err(|error| problem(&error))
        }
    }
}

/// Base64 of either alphabet, padded or not.
fn bytes(json: &Json) -> Result<Vec<u8>, CodecError> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = json.as_str().ok_or(expected("base64"))?;
    let decoded = GeneralPurpose::new(&STANDARD, CONFIG)
        .decode(text)
        .or_else(|_| GeneralPurpose::new(&URL_SAFE, CONFIG).decode(text));
    decoded.map_err(|_| expected("base64"))
}

fn any(plan: &MessagePlan, json: &Json, limits: Limits) -> Result<DynamicMessage, CodecError> {
    let object = json.as_object().ok_or(expected("an object"))?;
    let type_url = object.get("@type").and_then(Json::as_str).ok_or(expected("an object with @type"))?;
    let unknown = |_| CodecError::json(JsonProblem::UnknownType(type_url.to_owned()));
    let inner_plan = schema().named(type_url).map_err(unknown)?;
    let inner = if inner_plan.well_known == WellKnown::No {
        let others = object.iter().filter(|(name, _)| *name != "@type");
        let others: Map<_, _> = others.map(|(name, json)| (name.clone(), json.clone())).collect();
        fields(inner_plan, &others, limits)?
    } else {
        within(inner_plan, object.get("value").unwrap_or(&Json::Null), limits)?
    };
    let mut message = DynamicMessage::new(plan.descriptor.clone());
    message.set_field_by_name("type_url", Value::String(type_url.to_owned()));
    message.set_field_by_name("value", Value::Bytes(inner.encode_to_vec().into()));
    Ok(message)
}
