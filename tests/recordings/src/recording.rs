//! The recording as JSON, with access by name.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

/// Reads one file of the recording of simd v8.8.0.
///
/// # Panics
/// When the file is missing or no JSON: then nothing can be tested.
pub fn load(file: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/recordings/simd-v8.8.0");
    let path = folder.join(file);
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The text of a field.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {value}"))
}

/// The number of a field.
pub fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} is no number in {value}"))
}

/// The entries of a field.
pub fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} is no list"))
}

/// The bytes of a field in hexadecimal digits.
pub fn bytes(value: &Value, field: &str) -> Bytes {
    Bytes::from(hex::decode(text(value, field)).unwrap_or_else(|e| panic!("{field}: {e}")))
}

/// The bytes of a field in base64.
pub fn base64(value: &Value, field: &str) -> Bytes {
    Bytes::from(STANDARD.decode(text(value, field)).unwrap_or_else(|e| panic!("{field}: {e}")))
}
