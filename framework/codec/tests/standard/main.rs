//! Sign bytes of messages that this chain does not have yet: the standard ones, with the SDK's own descriptors, and those
//! of the SDK's test data. A process of its own, since descriptors are installed once.

mod amino;
mod descriptors;
mod legacy;
mod sign_modes;
mod textual;

use serde_json::Value;

/// A file of `tests/interop/vectors`.
fn vectors(name: &str) -> Value {
    let path = format!("{}/../../tests/interop/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is a list"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a text: {value}"))
}
