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
    let plan = schema().named(name)?;
    decode::message(plan, json).map(|message| message.encode_to_vec())
}

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
