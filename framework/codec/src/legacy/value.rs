//! A Go value, between JSON and bytes.

use plume_primitives::Timestamp;

/// A value of a field. It is never a list without elements: go-amino reads those as nil.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A pointer, a list or an interface that holds nothing.
    Nil,
    Bool(bool),
    /// A number, an enumeration, or the nanoseconds of a duration.
    Int(i128),
    Text(String),
    Bytes(Vec<u8>),
    /// `Int` or `Dec` as they travel; nothing where Go has a number without digits, which counts as 0.
    Number(Option<String>),
    Time(Timestamp),
    List(Vec<Value>),
    /// One for each field of the shape.
    Struct(Vec<Value>),
    /// What an interface holds.
    Typed(Concrete, Box<Value>),
}

/// A registered type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concrete {
    /// A message, by its index in the schema.
    Message(usize),
    /// A member of a `oneof`, by the message's index and the member's number.
    Member(usize, u32),
}
