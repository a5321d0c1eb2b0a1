use crate::schema::{FieldKind, FieldPlan, MessagePlan, WellKnown, schema};
use crate::wire::{Reader, Tag, WireType};
use crate::{CodecError, MAX_DEPTH};

/// What to do with unknown fields that their sender marked as safe to ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonCritical {
    /// Refuse them like any other unknown field.
    Reject,
    /// Pass over them. Only for `TxBody`.
    Allow,
}

/// A field number with this bit set is non-critical: bit 11, counted from 1 (ADR-020).
const NON_CRITICAL_BIT: u32 = 1 << 10;

/// Refuses fields that the message `name` (with or without a leading slash) does not have, at any depth, inside `Any`
/// too (ADR-020); also known fields with a wire type that is not theirs.
///
/// Returns whether non-critical unknown fields were found, which can be only with [`NonCritical::Allow`]. Values are
/// not decoded; what passes may still not be a valid message.
///
/// # Errors
/// [`CodecError::UnknownField`], [`CodecError::WireTypeMismatch`], [`CodecError::UnknownType`] for an `Any` of a type
/// that is unknown or may not stand in a transaction, [`CodecError::TooDeep`], [`CodecError::InvalidLength`].
pub fn reject_unknown(name: &str, bytes: &[u8], non_critical: NonCritical) -> Result<bool, CodecError> {
    let plan = schema().named(name)?;
    let mut check = Check { non_critical, found_non_critical: false };
    check.message(plan, bytes, MAX_DEPTH)?;
    Ok(check.found_non_critical)
}

struct Check {
    non_critical: NonCritical,
    found_non_critical: bool,
}

impl Check {
    fn message(&mut self, plan: &MessagePlan, bytes: &[u8], depth: usize) -> Result<(), CodecError> {
        let Some(depth) = depth.checked_sub(1) else { return Err(CodecError::TooDeep) };
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let tag = reader.tag()?;
            let Some(field) = plan.field(tag.number) else {
                self.unknown(plan, tag)?;
                value_of(&mut reader, tag)?;
                continue;
            };
            require_wire_type(plan, field, tag)?;
            let value = value_of(&mut reader, tag)?;
            if let FieldKind::Message(index) = field.kind {
                let inner = schema().plan(index);
                self.message(inner, value, depth)?;
                if inner.well_known == WellKnown::Any {
                    let (type_url, value) = any_parts(value)?;
                    self.message(schema().resolve(type_url)?, value, depth)?;
                }
            }
        }
        Ok(())
    }

    fn unknown(&mut self, plan: &MessagePlan, tag: Tag) -> Result<(), CodecError> {
        let may_be_ignored = tag.number & NON_CRITICAL_BIT != 0;
        if !may_be_ignored || self.non_critical == NonCritical::Reject {
            let message = plan.go_name.clone();
            return Err(CodecError::UnknownField { message, number: tag.number, wire_type: tag.wire_type });
        }
        self.found_non_critical = true;
        Ok(())
    }
}

fn value_of<'a>(reader: &mut Reader<'a>, tag: Tag) -> Result<&'a [u8], CodecError> {
    reader.value(tag).map_err(|error| match error {
        CodecError::InvalidLength => CodecError::InvalidValue { number: tag.number, wire_type: tag.wire_type },
        other => other,
    })
}

fn require_wire_type(plan: &MessagePlan, field: &FieldPlan, tag: Tag) -> Result<(), CodecError> {
    let want = field.wire_type();
    // Numbers may be packed. Like the SDK, let that pass here for a single one too: decoding refuses it.
    let packed = tag.wire_type == WireType::Bytes && !matches!(want, WireType::Bytes);
    if tag.wire_type == want || packed {
        return Ok(());
    }
    let message = plan.go_name.clone();
    Err(CodecError::WireTypeMismatch { message, number: tag.number, got: tag.wire_type, want })
}

/// Type URL and value of an encoded `Any`; of repeated fields the last one counts, as in every decoder.
fn any_parts(bytes: &[u8]) -> Result<(&str, &[u8]), CodecError> {
    let (mut type_url, mut value) = (&[][..], &[][..]);
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let tag = reader.tag()?;
        let content = reader.value(tag)?;
        match tag.number {
            1 => type_url = content,
            2 => value = content,
            _ => {}
        }
    }
    let malformed =
        |_| CodecError::Malformed { message: "google.protobuf.Any".into(), reason: "type URL is not UTF-8".into() };
    Ok((std::str::from_utf8(type_url).map_err(malformed)?, value))
}
