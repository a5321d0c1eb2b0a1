//! Messages as screens.

use plume_proto::Message;
use plume_proto::cosmos::base::v1beta1::Coin;
use prost_reflect::{DynamicMessage, Kind, Value};
use sha2::{Digest, Sha256};

use super::coins::{format_coin, join};
use super::numbers::{Problem, format_dec_field, format_int};
use super::times::{format_duration, format_time};
use super::{MetadataSource, TextualError};
use crate::amino::seconds_and_nanos;
use crate::schema::{FieldKind, FieldPlan, MessagePlan, NumberText, WellKnown, schema};
use crate::{CodecError, MAX_DEPTH};

/// Longer byte strings show as their hash.
const LONGEST_BYTES: usize = 35;

const COIN: &str = "cosmos.base.v1beta1.Coin";

/// One piece of what a device shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Screen {
    /// What the content is; may be empty.
    pub title: String,
    /// The content; empty for an empty text in a list.
    pub content: String,
    /// How deep inside other objects.
    pub indent: u32,
    /// Shown only to those who ask for it.
    pub expert: bool,
}

/// Renders values one after the other.
pub(super) struct Renderer<'a, 'b, E> {
    metadata: &'a mut MetadataSource<'b, E>,
    screens: Vec<Screen>,
    expert: bool,
    /// Levels that may still follow.
    depth: usize,
}

impl<'a, 'b, E> Renderer<'a, 'b, E> {
    pub(super) fn new(metadata: &'a mut MetadataSource<'b, E>) -> Self {
        Self { metadata, screens: Vec::new(), expert: false, depth: MAX_DEPTH }
    }

    pub(super) fn finish(self) -> Vec<Screen> {
        self.screens
    }

    /// Whether the screens that follow are for experts.
    pub(super) fn set_expert(&mut self, expert: bool) {
        self.expert = expert;
    }

    pub(super) fn push(&mut self, title: &str, content: impl Into<String>, indent: u32) {
        let (title, content, expert) = (title.to_owned(), content.into(), self.expert);
        self.screens.push(Screen { title, content, indent, expert });
    }

    /// A message as an object: a screen that names it, then its fields.
    pub(super) fn message(
        &mut self,
        title: &str,
        plan: &MessagePlan,
        message: &DynamicMessage,
        indent: u32,
    ) -> Result<(), TextualError<E>> {
        match plan.well_known {
            WellKnown::Any => return self.dynamic_any(title, message, indent),
            WellKnown::Timestamp => {
                let (seconds, nanos) = seconds_and_nanos(message);
                let text = format_time(seconds, nanos).map_err(|problem| unsupported(&plan.name, problem))?;
                self.push(title, text, indent);
                return Ok(());
            }
            WellKnown::Duration => {
                let (seconds, nanos) = seconds_and_nanos(message);
                let text = format_duration(seconds, nanos).map_err(|problem| unsupported(&plan.name, problem))?;
                self.push(title, text, indent);
                return Ok(());
            }
            WellKnown::No => {}
        }
        if plan.name == COIN {
            return self.coins(title, &[coin(message)?], indent);
        }
        self.push(title, format!("{} object", plan.descriptor.name()), indent);
        self.fields(plan, message, indent.saturating_add(1))
    }

    /// Fields by their numbers; those with default values do not show.
    fn fields(&mut self, plan: &MessagePlan, message: &DynamicMessage, indent: u32) -> Result<(), TextualError<E>> {
        self.depth = self.depth.checked_sub(1).ok_or(CodecError::TooDeep)?;
        for field in &plan.fields {
            if !message.has_field_by_number(field.number) {
                continue;
            }
            let title = sentence_case(&field.name);
            let value = message.get_field_by_number(field.number);
            match value.as_deref() {
                Some(Value::List(items)) => self.list(plan, field, &title, items, indent)?,
                Some(value) => self.value(field, &title, value, indent)?,
                None => {}
            }
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    fn list(
        &mut self,
        plan: &MessagePlan,
        field: &FieldPlan,
        title: &str,
        items: &[Value],
        indent: u32,
    ) -> Result<(), TextualError<E>> {
        if matches!(field.kind, FieldKind::Message(index) if schema().plan(index).name == COIN) {
            let coins = items.iter().filter_map(Value::as_message).map(coin).collect::<Result<Vec<_>, _>>()?;
            return self.coins(title, &coins, indent);
        }
        self.list_start(title, items.len(), &sentence_case(&kind_name(plan, field)), indent);
        for (index, item) in items.iter().enumerate() {
            self.value(field, &numbered(title, index, items.len()), item, indent.saturating_add(1))?;
        }
        self.list_end(title, indent);
        Ok(())
    }

    pub(super) fn list_start(&mut self, title: &str, count: usize, kind: &str, indent: u32) {
        self.push(title, format!("{count} {kind}"), indent);
    }

    pub(super) fn list_end(&mut self, title: &str, indent: u32) {
        self.push("", format!("End of {title}"), indent);
    }

    fn value(&mut self, field: &FieldPlan, title: &str, value: &Value, indent: u32) -> Result<(), TextualError<E>> {
        let number = |text: &str| format_int(text).map_err(|problem| unsupported(&field.full_name, problem));
        let text = match (value, &field.kind) {
            (Value::Message(message), FieldKind::Message(index)) => {
                return self.message(title, schema().plan(*index), message, indent);
            }
            (Value::String(text), _) => match field.scalar {
                NumberText::Int => number(text)?,
                NumberText::Dec => format_dec_field(text).map_err(|problem| unsupported(&field.full_name, problem))?,
                NumberText::No => text.clone(),
            },
            (Value::Bytes(bytes), _) => format_bytes(bytes),
            (Value::Bool(flag), _) => (if *flag { "True" } else { "False" }).to_owned(),
            (Value::EnumNumber(number), FieldKind::Enum(values)) => values
                .get_value(*number)
                .map(|value| value.name().to_owned())
                .ok_or_else(|| unsupported(&field.full_name, "unknown value of an enumeration"))?,
            (Value::I32(value), _) => number(&value.to_string())?,
            (Value::I64(value), _) => number(&value.to_string())?,
            (Value::U32(value), _) => number(&value.to_string())?,
            (Value::U64(value), _) => number(&value.to_string())?,
            _ => return Err(unsupported(&field.full_name, "type without rendering").into()),
        };
        self.push(title, text, indent);
        Ok(())
    }

    fn coins(&mut self, title: &str, coins: &[Coin], indent: u32) -> Result<(), TextualError<E>> {
        let mut formatted = Vec::with_capacity(coins.len());
        // All questions are asked before the first coin is judged, as in the SDK: each costs gas.
        let mut known = Vec::with_capacity(coins.len());
        for coin in coins {
            known.push((self.metadata)(&coin.denom).map_err(TextualError::Metadata)?);
        }
        for (coin, metadata) in coins.iter().zip(&known) {
            let text = format_coin(&coin.denom, &coin.amount, metadata.as_ref());
            formatted.push(text.map_err(|problem| unsupported(COIN, problem))?);
        }
        self.push(title, join(formatted).map_err(|problem| unsupported(COIN, problem))?, indent);
        Ok(())
    }

    /// Coins that stand in the transaction itself.
    pub(super) fn fees(&mut self, title: &str, coins: &[Coin]) -> Result<(), TextualError<E>> {
        self.coins(title, coins, 0)
    }

    fn dynamic_any(&mut self, title: &str, message: &DynamicMessage, indent: u32) -> Result<(), TextualError<E>> {
        let field = |name: &str| message.get_field_by_name(name);
        let type_url = field("type_url").as_deref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let value = field("value").as_deref().and_then(Value::as_bytes).cloned().unwrap_or_default();
        self.any(title, &type_url, &value, indent)
    }

    /// A packed message: its type URL, then its fields one level deeper. Types with a rendering of their own keep it.
    pub(super) fn any(
        &mut self,
        title: &str,
        type_url: &str,
        value: &[u8],
        indent: u32,
    ) -> Result<(), TextualError<E>> {
        self.depth = self.depth.checked_sub(1).ok_or(CodecError::TooDeep)?;
        let plan = schema().named(type_url)?;
        let inner = plan.decode(value)?;
        self.push(title, type_url, indent);
        let indent = indent.saturating_add(1);
        if plan.well_known == WellKnown::No && plan.name != COIN {
            self.fields(plan, &inner, indent)?;
        } else {
            self.message("", plan, &inner, indent)?;
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }
}

/// `Message (1/2)`.
pub(super) fn numbered(title: &str, index: usize, count: usize) -> String {
    format!("{title} ({}/{count})", index.saturating_add(1))
}

fn coin(message: &DynamicMessage) -> Result<Coin, CodecError> {
    let malformed = |error: prost_reflect::prost::DecodeError| CodecError::Malformed {
        message: COIN.to_owned(),
        reason: error.to_string(),
    };
    message.transcode_to::<Coin>().map_err(malformed)
}

/// Upper-case hexadecimal, a space after every second byte.
fn format_bytes(bytes: &[u8]) -> String {
    if bytes.len() > LONGEST_BYTES {
        return format!("SHA-256={}", hex_groups(&Sha256::digest(bytes)));
    }
    hex_groups(bytes)
}

fn hex_groups(bytes: &[u8]) -> String {
    let groups = bytes.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02X}")).collect::<String>());
    groups.collect::<Vec<_>>().join(" ")
}

/// `full_name` becomes `Full name`.
pub(super) fn sentence_case(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|letter| if letter == '_' { ' ' } else { letter })).collect()
}

/// What a list says that it holds: the name of its message or enumeration, else protobuf's name of the type.
fn kind_name(plan: &MessagePlan, field: &FieldPlan) -> String {
    let kind = plan.descriptor.get_field(field.number).map(|field| field.kind());
    match kind {
        Some(Kind::Message(message)) => message.name().to_owned(),
        Some(Kind::Enum(values)) => values.name().to_owned(),
        Some(kind) => format!("{kind:?}").to_ascii_lowercase(),
        None => String::new(),
    }
}

pub(super) fn unsupported(field: &str, reason: Problem) -> CodecError {
    CodecError::TextualUnsupported { field: field.to_owned(), reason }
}

/// The encoding of a message that Rust has a type for, read as the schema describes it.
pub(super) fn dynamic<T: Message + plume_proto::Name>(
    message: &T,
) -> Result<(&'static MessagePlan, DynamicMessage), CodecError> {
    let plan = schema().named(&T::full_name())?;
    Ok((plan, plan.decode(&message.encode_to_vec())?))
}
