//! The Go types that go-amino sees, derived from descriptors; and those of the transaction itself, which has none.

use plume_primitives::Timestamp;
use prost_reflect::Kind as ProtoKind;

use super::names::{self, disfix};
use super::value::{Concrete, Value};
use crate::schema::{AminoEncoding, AminoMessage, CustomType, FieldKind, FieldPlan, MessagePlan, WellKnown, schema};
use crate::{CodecError, MAX_DEPTH};

/// Values in one transaction at most. One of 1 MiB, which is what a mempool takes, has fewer unless it is made to have
/// many; without a bound two bytes could take hundreds in memory.
const MAX_VALUES: u32 = 1 << 18;

/// What reading one transaction may still do.
pub(super) struct Work {
    values: u32,
}

impl Default for Work {
    fn default() -> Self {
        Self { values: MAX_VALUES }
    }
}

impl Work {
    /// One more value.
    pub(super) fn spend(&mut self) -> Result<(), CodecError> {
        let too_many = || CodecError::Legacy(format!("transaction has too many values, at most {MAX_VALUES}"));
        self.values = self.values.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }
}

/// A Go struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `legacytx.StdTx`.
    StdTx,
    /// `legacytx.StdFee`.
    StdFee,
    /// `legacytx.StdSignature`.
    StdSignature,
    /// That of a message, by its index.
    Message(usize),
    /// That around a member of a `oneof`.
    Member(usize, u32),
}

/// A field of a Go struct. Its number is its place in the struct, from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Its name in JSON.
    pub(super) name: &'static str,
    /// JSON leaves it out while it is empty.
    pub(super) omit_empty: bool,
    /// A pointer, or a list of pointers.
    pub(super) is_pointer: bool,
    pub(super) list: List,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    No,
    Yes,
    /// Go's `Coins`: JSON shows none as `[]`.
    Coins,
}

/// The type of a value, or of a list's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int(IntKind),
    Text,
    Bytes,
    /// `math.Int`.
    Integer,
    /// `math.LegacyDec`.
    Decimal,
    Time,
    Struct(Shape),
    Interface(Interface),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntKind {
    I32,
    I64,
    U32,
    U64,
}

/// What may stand in an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interface {
    /// A message of a transaction.
    Message,
    /// A public key.
    PublicKey,
    /// Whatever is registered: what `google.protobuf.Any` holds.
    Any,
    /// A member of the `oneof` that this field of the message belongs to.
    Oneof(usize, u32),
}

impl Kind {
    /// Whether a list of such elements writes each of them behind a tag; numbers stand packed behind one.
    pub(super) fn is_length_delimited(self) -> bool {
        !matches!(self, Self::Bool | Self::Int(_))
    }

    /// Go's zero value.
    pub(super) fn zero(self, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
        work.spend()?;
        Ok(match self {
            Self::Bool => Value::Bool(false),
            Self::Int(_) => Value::Int(0),
            Self::Text => Value::Text(String::new()),
            Self::Bytes => Value::Bytes(Vec::new()),
            Self::Integer | Self::Decimal => Value::Number(None),
            Self::Time => Value::Time(Timestamp::GO_ZERO),
            Self::Struct(shape) => {
                let depth = depth.checked_sub(1).ok_or(CodecError::TooDeep)?;
                let fields = shape.fields()?;
                Value::Struct(fields.iter().map(|field| field.zero(work, depth)).collect::<Result<_, _>>()?)
            }
            Self::Interface(_) => Value::Nil,
        })
    }
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, omit_empty: false, is_pointer: false, list: List::No, kind }
    }

    const fn listed(self, list: List) -> Self {
        Self { list, ..self }
    }

    const fn omitted(self) -> Self {
        Self { omit_empty: true, ..self }
    }

    /// Go's zero value.
    pub(super) fn zero(&self, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
        if self.is_pointer || self.list != List::No {
            return Ok(Value::Nil);
        }
        self.kind.zero(work, depth)
    }

    /// What the binary form means by leaving the field out, or by an element without bytes: the zero value, but a time,
    /// even behind a pointer, is 1970.
    pub(super) fn absent(&self, list: List, work: &mut Work, depth: usize) -> Result<Value, CodecError> {
        match (list, self.kind) {
            (List::No, Kind::Time) => Ok(Value::Time(Timestamp::UNIX_EPOCH)),
            (List::No, _) => Self { list, ..*self }.zero(work, depth),
            _ => Ok(Value::Nil),
        }
    }
}

impl Shape {
    /// Its fields in Go's order.
    ///
    /// # Errors
    /// [`CodecError::LegacyUnsupported`].
    pub(super) fn fields(self) -> Result<Vec<Field>, CodecError> {
        let u64 = Kind::Int(IntKind::U64);
        Ok(match self {
            Self::StdTx => vec![
                Field::new("msg", Kind::Interface(Interface::Message)).listed(List::Yes),
                Field::new("fee", Kind::Struct(Self::StdFee)),
                Field::new("signatures", Kind::Struct(Self::StdSignature)).listed(List::Yes),
                Field::new("memo", Kind::Text),
                Field::new("timeout_height", u64),
            ],
            Self::StdFee => {
                let coin = schema().index_of("cosmos.base.v1beta1.Coin")?;
                vec![
                    Field::new("amount", Kind::Struct(Self::Message(coin))).listed(List::Coins),
                    Field::new("gas", u64),
                    Field::new("payer", Kind::Text).omitted(),
                    Field::new("granter", Kind::Text).omitted(),
                ]
            }
            Self::StdSignature => {
                vec![Field::new("pub_key", Kind::Interface(Interface::PublicKey)), Field::new("signature", Kind::Bytes)]
            }
            Self::Message(index) => message_fields(index)?,
            Self::Member(index, number) => {
                let plan = schema().plan(index);
                let member = plan.field(number).ok_or(CodecError::InvalidLength)?;
                vec![field(index, plan, member)?]
            }
        })
    }
}

fn message_fields(index: usize) -> Result<Vec<Field>, CodecError> {
    let plan = schema().plan(index);
    let mut fields: Vec<Field> = Vec::with_capacity(plan.declared.len());
    let mut oneofs: Vec<&str> = Vec::new();
    for declared in plan.declared.iter().filter_map(|index| plan.fields.get(*index)) {
        match &declared.amino.oneof {
            None => fields.push(field(index, plan, declared)?),
            // Go has one field for all members.
            Some((name, _)) if !oneofs.contains(&name.as_str()) => {
                oneofs.push(name);
                fields.push(Field::new(name, Kind::Interface(Interface::Oneof(index, declared.number))));
            }
            Some(_) => {}
        }
    }
    Ok(fields)
}

fn field(index: usize, message: &MessagePlan, plan: &'static FieldPlan) -> Result<Field, CodecError> {
    let unsupported = |reason| CodecError::LegacyUnsupported { field: plan.full_name.clone(), reason };
    if plan.is_map {
        return Err(unsupported("go-amino has no maps"));
    }
    if plan.amino.encoding == AminoEncoding::InlineJson {
        return Err(unsupported("JSON inside bytes keeps its exact text only in Go"));
    }
    let descriptor = message.descriptor.get_field(plan.number).ok_or_else(|| unsupported("not in the message"))?;
    let kind = match (&plan.kind, plan.custom_type) {
        (_, CustomType::Other) => return Err(unsupported("a custom Go type")),
        (FieldKind::String | FieldKind::Bytes, CustomType::Int) => Kind::Integer,
        (FieldKind::String | FieldKind::Bytes, CustomType::Dec) => Kind::Decimal,
        (_, CustomType::Int | CustomType::Dec) => return Err(unsupported("a number that is neither text nor bytes")),
        (FieldKind::String, _) => Kind::Text,
        (FieldKind::Bytes, _) => Kind::Bytes,
        (FieldKind::Enum(_), _) => Kind::Int(IntKind::I32),
        (FieldKind::Float(_), _) => return Err(unsupported("go-amino has no floating point numbers")),
        (FieldKind::Number(_), _) => match descriptor.kind() {
            ProtoKind::Bool => Kind::Bool,
            ProtoKind::Int32 | ProtoKind::Sint32 | ProtoKind::Sfixed32 => Kind::Int(IntKind::I32),
            ProtoKind::Int64 | ProtoKind::Sint64 | ProtoKind::Sfixed64 => Kind::Int(IntKind::I64),
            ProtoKind::Uint32 | ProtoKind::Fixed32 => Kind::Int(IntKind::U32),
            _ => Kind::Int(IntKind::U64),
        },
        (FieldKind::Message(inner), _) => match schema().plan(*inner).well_known {
            WellKnown::Any => Kind::Interface(Interface::Any),
            WellKnown::Timestamp => Kind::Time,
            // Go's duration is a number.
            WellKnown::Duration => Kind::Int(IntKind::I64),
            WellKnown::No => Kind::Struct(Shape::Message(*inner)),
        },
    };
    let is_message = matches!(plan.kind, FieldKind::Message(_));
    let has_type_of_its_own = is_message || plan.custom_type != CustomType::No;
    let is_list_of_texts = plan.is_list && !has_type_of_its_own;
    Ok(Field {
        name: &plan.amino.name,
        // What the generator writes into the tag of the field, and `dont_omitempty` where a tag was set by hand.
        omit_empty: (plan.nullable || is_list_of_texts) && !plan.amino.dont_omitempty,
        is_pointer: (has_type_of_its_own && plan.nullable || descriptor.field_descriptor_proto().proto3_optional())
            && !matches!(kind, Kind::Interface(_)),
        list: match (plan.is_list, plan.is_coins || plan.amino.encoding == AminoEncoding::LegacyCoins) {
            (false, _) => List::No,
            (true, false) => List::Yes,
            (true, true) => List::Coins,
        },
        kind,
    })
    .map(|made| if is_recursive(index, &made) { Field { is_pointer: true, ..made } } else { made })
}

/// Go has no struct that contains itself, other than behind a pointer or in a list.
fn is_recursive(index: usize, field: &Field) -> bool {
    field.kind == Kind::Struct(Shape::Message(index)) && field.list == List::No
}

impl Interface {
    /// The type of that name, if the interface can hold it.
    pub(super) fn named(self, name: &str) -> Option<Concrete> {
        match self {
            Self::Oneof(index, number) => members(index, number)
                .find(|(_, known)| *known == name)
                .map(|(number, _)| Concrete::Member(index, number)),
            _ => names::by_name(name).filter(|index| self.admits(*index)).map(Concrete::Message),
        }
    }

    /// The type of that prefix, if the interface can hold it.
    pub(super) fn prefixed(self, prefix: [u8; 4], disambiguation: Option<[u8; 3]>) -> Option<Concrete> {
        match self {
            Self::Oneof(index, number) => {
                let mut members = members(index, number).filter(|(_, name)| {
                    let known = disfix(name);
                    known.prefix == prefix && disambiguation.is_none_or(|wanted| wanted == known.disambiguation)
                });
                members.next().map(|(number, _)| Concrete::Member(index, number))
            }
            _ => names::by_prefix(prefix, disambiguation).filter(|index| self.admits(*index)).map(Concrete::Message),
        }
    }

    fn admits(self, index: usize) -> bool {
        let plan = schema().plan(index);
        match self {
            Self::Message => plan.is_transaction_message,
            Self::PublicKey => names::is_public_key(plan),
            Self::Any => true,
            Self::Oneof(..) => false,
        }
    }
}

/// The members of the `oneof` that field `number` belongs to, with their amino names.
fn members(index: usize, number: u32) -> impl Iterator<Item = (u32, &'static str)> {
    let plan = schema().plan(index);
    let oneof = plan.field(number).and_then(|field| field.oneof.as_deref());
    plan.fields.iter().filter(move |field| oneof.is_some() && field.oneof.as_deref() == oneof).filter_map(|field| {
        let (_, name) = field.amino.oneof.as_ref()?;
        Some((field.number, name.as_deref()?))
    })
}

impl Concrete {
    /// The name that it is registered by.
    pub(super) fn name(self) -> Result<&'static str, CodecError> {
        let unnamed = || CodecError::Legacy("a type without a name".to_owned());
        match self {
            Self::Message(index) => schema().plan(index).amino_name.as_deref().ok_or_else(unnamed),
            Self::Member(index, number) => {
                let found = members(index, number).find(|(known, _)| *known == number);
                found.map(|(_, name)| name).ok_or_else(unnamed)
            }
        }
    }

    /// Whether it is a public key, which amino takes for its bytes, and how many.
    pub(super) fn key_length(self) -> Option<usize> {
        match self {
            Self::Message(index) if schema().plan(index).amino_encoding == AminoMessage::KeyField => {
                Some(if schema().plan(index).name == "cosmos.crypto.secp256k1.PubKey" { 33 } else { 32 })
            }
            _ => None,
        }
    }

    /// Whether it is a threshold key, whose JSON is another struct's.
    pub(super) fn is_threshold_key(self) -> bool {
        matches!(self, Self::Message(index) if schema().plan(index).amino_encoding == AminoMessage::ThresholdString)
    }

    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Message(index) => Shape::Message(index),
            Self::Member(index, number) => Shape::Member(index, number),
        }
    }
}

/// One level further in.
pub(super) fn deeper(depth: usize) -> Result<usize, CodecError> {
    debug_assert!(depth <= MAX_DEPTH);
    depth.checked_sub(1).ok_or(CodecError::TooDeep)
}
