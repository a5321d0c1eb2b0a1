//! Amino JSON: what Ledger devices show and `SIGN_MODE_LEGACY_AMINO_JSON` signs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plume_primitives::{Decimal, Timestamp};
use prost_reflect::{DynamicMessage, Value};
use serde_json::Value as Json;

use crate::schema::{AminoEncoding, AminoMessage, FieldKind, FieldPlan, MessagePlan, NumberText, WellKnown, schema};
use crate::{CodecError, MAX_DEPTH};

/// Returns the amino JSON of the message behind `type_url` in its envelope: `{"type":NAME,"value":{..}}`, the name
/// being the option `amino.name`, or the type URL where there is none.
///
/// # Errors
/// [`CodecError::UnknownType`], [`CodecError::Malformed`], [`CodecError::AminoUnsupported`], [`CodecError::TooDeep`].
pub fn amino_json(type_url: &str, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut out = Writer::default();
    out.any(type_url, bytes)?;
    Ok(out.finish())
}

/// JSON text as Go's encoder writes it: no spaces, and `& < >` escaped so that it may stand in HTML.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn comma(&mut self, wanted: bool) {
        if wanted {
            self.text.push(',');
        }
    }

    pub(crate) fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.raw("\\\""),
                '\\' => self.raw("\\\\"),
                '\n' => self.raw("\\n"),
                '\r' => self.raw("\\r"),
                '\t' => self.raw("\\t"),
                '\u{8}' => self.raw("\\b"),
                '\u{c}' => self.raw("\\f"),
                '\0'..='\u{1f}' | '&' | '<' | '>' | '\u{2028}' | '\u{2029}' => {
                    self.raw(&format!("\\u{:04x}", u32::from(letter)));
                }
                _ => self.text.push(letter),
            }
        }
        self.text.push('"');
    }

    pub(crate) fn any(&mut self, type_url: &str, bytes: &[u8]) -> Result<(), CodecError> {
        self.any_within(type_url, bytes, MAX_DEPTH)
    }

    pub(crate) fn message(&mut self, name: &str, bytes: &[u8]) -> Result<(), CodecError> {
        let plan = schema().named(name)?;
        self.content(plan, &plan.decode(bytes)?, MAX_DEPTH)
    }

    fn any_within(&mut self, type_url: &str, bytes: &[u8], depth: usize) -> Result<(), CodecError> {
        let plan = schema().named(type_url)?;
        self.raw("{\"type\":");
        self.quoted(plan.amino_name.as_deref().unwrap_or(type_url));
        self.raw(",\"value\":");
        self.content(plan, &plan.decode(bytes)?, depth)?;
        self.raw("}");
        Ok(())
    }

    fn content(&mut self, plan: &MessagePlan, message: &DynamicMessage, depth: usize) -> Result<(), CodecError> {
        let depth = depth.checked_sub(1).ok_or(CodecError::TooDeep)?;
        match plan.well_known {
            WellKnown::Any => return self.nested_any(message, depth),
            WellKnown::Timestamp => return self.timestamp(plan, message),
            WellKnown::Duration => return self.duration(plan, message),
            WellKnown::No => {}
        }
        match plan.amino_encoding {
            AminoMessage::KeyField => self.key_field(plan, message),
            AminoMessage::ThresholdString => self.threshold_string(plan, message, depth),
            AminoMessage::ModuleAccount => self.module_account(message),
            AminoMessage::Default => self.fields(plan, message, depth),
        }
    }

    fn fields(&mut self, plan: &MessagePlan, message: &DynamicMessage, depth: usize) -> Result<(), CodecError> {
        let mut last_empty_oneof = None;
        let mut written = false;
        self.raw("{");
        for field in plan.by_amino_name.iter().filter_map(|index| plan.fields.get(*index)) {
            let is_set = message.has_field_by_number(field.number);
            if let Some((oneof, type_name)) = &field.amino.oneof {
                let type_name = type_name.as_deref().ok_or_else(|| unsupported(field, "oneof without a name"))?;
                if is_set {
                    self.comma(written);
                    self.quoted(oneof);
                    self.raw(":{\"type\":");
                    self.quoted(type_name);
                    self.raw(",\"value\":{");
                    self.field(field, message, depth)?;
                    self.raw("}}");
                    written = true;
                } else if last_empty_oneof != Some(oneof) && oneof_is_empty(plan, message, oneof) {
                    // An unset oneof shows once, at its first field.
                    last_empty_oneof = Some(oneof);
                    self.comma(written);
                    self.quoted(oneof);
                    self.raw(":null");
                    written = true;
                }
                continue;
            }
            if !is_set {
                if !field.amino.dont_omitempty {
                    continue;
                }
                if matches!(field.kind, FieldKind::Message(_)) && !field.is_list {
                    return Err(unsupported(field, "must not be omitted, but is not set"));
                }
            }
            self.comma(written);
            self.field(field, message, depth)?;
            written = true;
        }
        self.raw("}");
        Ok(())
    }

    /// `"name":value`.
    fn field(&mut self, field: &FieldPlan, message: &DynamicMessage, depth: usize) -> Result<(), CodecError> {
        let Some(value) = message.get_field_by_number(field.number) else {
            return Err(unsupported(field, "not in the message"));
        };
        self.quoted(&field.amino.name);
        self.raw(":");
        match (field.amino.encoding, value.as_ref()) {
            (AminoEncoding::LegacyCoins, Value::List(items)) => self.list(field, items, depth),
            (AminoEncoding::InlineJson, Value::Bytes(json)) => self.inline_json(field, json, depth),
            (AminoEncoding::Default, Value::List(items)) if items.is_empty() => {
                self.raw("null");
                Ok(())
            }
            (AminoEncoding::Default, Value::List(items)) => self.list(field, items, depth),
            (AminoEncoding::Default, single) => self.value(field, single, depth),
            _ => Err(unsupported(field, "encoding does not fit the type")),
        }
    }

    fn list(&mut self, field: &FieldPlan, items: &[Value], depth: usize) -> Result<(), CodecError> {
        self.raw("[");
        for (index, item) in items.iter().enumerate() {
            self.comma(index > 0);
            self.value(field, item, depth)?;
        }
        self.raw("]");
        Ok(())
    }

    fn value(&mut self, field: &FieldPlan, value: &Value, depth: usize) -> Result<(), CodecError> {
        match (value, &field.kind) {
            (Value::String(text), _) if field.number_text != NumberText::No => self.number_text(field, text)?,
            (Value::Bytes(text), _) if field.number_text != NumberText::No => {
                let text = std::str::from_utf8(text).map_err(|_| unsupported(field, "not a number"))?;
                self.number_text(field, text)?;
            }
            (Value::Message(message), FieldKind::Message(index)) => {
                self.content(schema().plan(*index), message, depth)?;
            }
            (Value::String(text), _) => self.quoted(text),
            (Value::Bytes(bytes), _) if bytes.is_empty() => self.raw("null"),
            (Value::Bytes(bytes), _) => self.quoted(&STANDARD.encode(bytes)),
            (Value::Bool(flag), _) => self.raw(if *flag { "true" } else { "false" }),
            (Value::I32(number) | Value::EnumNumber(number), _) => self.raw(&number.to_string()),
            (Value::U32(number), _) => self.raw(&number.to_string()),
            (Value::I64(number), _) => self.quoted(&number.to_string()),
            (Value::U64(number), _) => self.quoted(&number.to_string()),
            _ => return Err(unsupported(field, "type without amino JSON")),
        }
        Ok(())
    }

    fn number_text(&mut self, field: &FieldPlan, text: &str) -> Result<(), CodecError> {
        match field.number_text {
            _ if text.is_empty() => self.quoted("0"),
            NumberText::Dec => {
                let decimal = Decimal::from_wire(text).map_err(|_| unsupported(field, "not a decimal number"))?;
                self.quoted(&decimal.to_string());
            }
            NumberText::Int | NumberText::No => self.quoted(text),
        }
        Ok(())
    }

    fn nested_any(&mut self, message: &DynamicMessage, depth: usize) -> Result<(), CodecError> {
        let type_url = text_field(message, "type_url");
        let value = bytes_field(message, "value");
        self.any_within(&type_url, &value, depth)
    }

    fn timestamp(&mut self, plan: &MessagePlan, message: &DynamicMessage) -> Result<(), CodecError> {
        let invalid = || CodecError::AminoUnsupported { field: plan.name.clone(), reason: "time out of range" };
        let (seconds, nanos) = seconds_and_nanos(message);
        let nanos = u32::try_from(nanos).map_err(|_| invalid())?;
        let time = Timestamp::new(seconds, nanos).map_err(|_| invalid())?;
        self.quoted(&time.to_string());
        Ok(())
    }

    /// As the number of nanoseconds, which is what Go's type holds.
    fn duration(&mut self, plan: &MessagePlan, message: &DynamicMessage) -> Result<(), CodecError> {
        let (seconds, nanos) = seconds_and_nanos(message);
        let total = seconds.checked_mul(1_000_000_000).and_then(|total| total.checked_add(nanos.into()));
        let too_long = || CodecError::AminoUnsupported { field: plan.name.clone(), reason: "duration out of range" };
        self.quoted(&total.ok_or_else(too_long)?.to_string());
        Ok(())
    }

    /// A public key is its bytes.
    fn key_field(&mut self, plan: &MessagePlan, message: &DynamicMessage) -> Result<(), CodecError> {
        let no_key = || CodecError::AminoUnsupported { field: plan.name.clone(), reason: "no field named key" };
        match message.get_field_by_name("key").as_deref() {
            Some(Value::Bytes(key)) if key.is_empty() => self.raw("null"),
            Some(Value::Bytes(key)) => self.quoted(&STANDARD.encode(key)),
            _ => return Err(no_key()),
        }
        Ok(())
    }

    /// `LegacyAminoPubKey`: other names and order, the threshold as text.
    fn threshold_string(
        &mut self,
        plan: &MessagePlan,
        message: &DynamicMessage,
        depth: usize,
    ) -> Result<(), CodecError> {
        let wrong = || CodecError::AminoUnsupported { field: plan.name.clone(), reason: "not a threshold key" };
        let keys_plan = plan.fields.iter().find(|field| field.name == "public_keys").ok_or_else(wrong)?;
        let keys = message.get_field_by_name("public_keys").ok_or_else(wrong)?;
        let threshold = message.get_field_by_name("threshold").and_then(|value| value.as_u32()).ok_or_else(wrong)?;
        self.raw("{\"pubkeys\":");
        self.list(keys_plan, keys.as_list().ok_or_else(wrong)?, depth)?;
        self.raw(",\"threshold\":");
        self.quoted(&threshold.to_string());
        self.raw("}");
        Ok(())
    }

    /// `ModuleAccount`: the base account's fields stand beside the others, its numbers as numbers.
    fn module_account(&mut self, message: &DynamicMessage) -> Result<(), CodecError> {
        let base = message.get_field_by_name("base_account");
        let base = base.as_deref().and_then(Value::as_message);
        let number = |name: &str| {
            let value = base.and_then(|base| base.get_field_by_name(name)?.as_u64());
            value.unwrap_or_default().to_string()
        };
        let permissions = message.get_field_by_name("permissions");
        let permissions = permissions.as_deref().and_then(Value::as_list).unwrap_or_default();
        self.raw("{\"account_number\":");
        self.raw(&number("account_number"));
        self.raw(",\"address\":");
        self.quoted(&base.map(|base| text_field(base, "address")).unwrap_or_default());
        self.raw(",\"name\":");
        self.quoted(&text_field(message, "name"));
        self.raw(",\"permissions\":");
        if permissions.is_empty() {
            self.raw("null");
        } else {
            self.raw("[");
            for (index, permission) in permissions.iter().filter_map(Value::as_str).enumerate() {
                self.comma(index > 0);
                self.quoted(permission);
            }
            self.raw("]");
        }
        self.raw(",\"public_key\":\"\",\"sequence\":");
        self.raw(&number("sequence"));
        self.raw("}");
        Ok(())
    }

    /// JSON inside bytes, with sorted keys.
    fn inline_json(&mut self, field: &FieldPlan, bytes: &[u8], depth: usize) -> Result<(), CodecError> {
        let json = serde_json::from_slice(bytes).map_err(|_| unsupported(field, "not JSON"))?;
        self.json(field, &json, depth)
    }

    fn json(&mut self, field: &FieldPlan, json: &Json, depth: usize) -> Result<(), CodecError> {
        // Go reads every number as a float; beyond this the digits would change.
        const EXACT: u64 = 1 << 53;

        let depth = depth.checked_sub(1).ok_or(CodecError::TooDeep)?;
        match json {
            Json::Null => self.raw("null"),
            Json::Bool(flag) => self.raw(if *flag { "true" } else { "false" }),
            Json::String(text) => self.quoted(text),
            Json::Number(number) => {
                let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
                if magnitude.is_none_or(|magnitude| magnitude > EXACT) {
                    return Err(unsupported(field, "number in JSON is not an integer below 2^53"));
                }
                self.raw(&number.to_string());
            }
            Json::Array(items) => {
                self.raw("[");
                for (index, item) in items.iter().enumerate() {
                    self.comma(index > 0);
                    self.json(field, item, depth)?;
                }
                self.raw("]");
            }
            Json::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                self.raw("{");
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    self.comma(index > 0);
                    self.quoted(key);
                    self.raw(":");
                    self.json(field, value, depth)?;
                }
                self.raw("}");
            }
        }
        Ok(())
    }
}

fn unsupported(field: &FieldPlan, reason: &'static str) -> CodecError {
    CodecError::AminoUnsupported { field: field.full_name.clone(), reason }
}

fn oneof_is_empty(plan: &MessagePlan, message: &DynamicMessage, oneof: &str) -> bool {
    let mut members =
        plan.fields.iter().filter(|field| field.amino.oneof.as_ref().is_some_and(|(name, _)| name == oneof));
    members.all(|field| !message.has_field_by_number(field.number))
}

fn text_field(message: &DynamicMessage, name: &str) -> String {
    let value = message.get_field_by_name(name);
    value.as_deref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn bytes_field(message: &DynamicMessage, name: &str) -> Vec<u8> {
    let value = message.get_field_by_name(name);
    value.as_deref().and_then(Value::as_bytes).map(|bytes| bytes.to_vec()).unwrap_or_default()
}

/// The two fields of a timestamp or duration.
pub(crate) fn seconds_and_nanos(message: &DynamicMessage) -> (i64, i32) {
    let seconds = message.get_field_by_name("seconds").and_then(|value| value.as_i64());
    let nanos = message.get_field_by_name("nanos").and_then(|value| value.as_i32());
    (seconds.unwrap_or_default(), nanos.unwrap_or_default())
}
