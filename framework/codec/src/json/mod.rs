//! Protobuf JSON as the SDK's gateway and genesis files have it.

mod decode;
mod encode;
mod time;

use plume_proto::{Message, Name};
use serde_json::Value as Json;

use crate::CodecError;
use crate::schema::schema;

/// Returns the JSON of the message `name` (full name or type URL) in `bytes`.
///
/// # Errors
/// [`CodecError::UnknownType`], [`CodecError::Malformed`]; [`CodecError::Json`] with the place of what has no JSON.
pub fn to_json(name: &str, bytes: &[u8]) -> Result<Json, CodecError> {
    let plan = schema().named(name)?;
    encode::message(plan, &plan.decode(bytes)?)
}

/// Returns the canonical bytes (fields ascending, defaults left out) of the message `name` (full name or type URL)
/// that `json` describes.
///
/// # Errors
/// [`CodecError::UnknownType`]; [`CodecError::Json`] with the place and the problem, unknown fields included.
pub fn from_json(name: &str, json: &Json) -> Result<Vec<u8>, CodecError> {
    from_json_with(name, json, UnknownFields::Refuse)
}

/// [`from_json`] with a choice of what becomes of fields that a message does not have.
///
/// # Errors
/// As [`from_json`].
pub fn from_json_with(name: &str, json: &Json, unknown: UnknownFields) -> Result<Vec<u8>, CodecError> {
    let plan = schema().named(name)?;
    decode::message(plan, json, unknown).map(|message| message.encode_to_vec())
}

/// What becomes of a JSON field that a message does not have, at any depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// It is an error: in genesis files and on the command line a misspelt name must not go unnoticed.
    Refuse,
    /// It is passed over, as the SDK's gateway does: clients of later versions send more.
    Ignore,
}

/// Numbers of the fields of a map's entry.
const MAP_KEY: u32 = 1;
const MAP_VALUE: u32 = 2;

/// [`to_json`] of a typed message.
///
/// # Errors
/// As [`to_json`].
pub fn encode_json<T: Message + Name>(message: &T) -> Result<Json, CodecError> {
    to_json(&T::full_name(), &message.encode_to_vec())
}

/// [`from_json`] into a typed message.
///
/// # Errors
/// As [`from_json`].
pub fn decode_json<T: Message + Name + Default>(json: &Json) -> Result<T, CodecError> {
    let bytes = from_json(&T::full_name(), json)?;
    T::decode(&*bytes).map_err(|error| CodecError::Malformed { message: T::full_name(), reason: error.to_string() })
}
