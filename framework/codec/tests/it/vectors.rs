//! The vectors of `tests/interop/vectors`.

use std::path::Path;

use serde_json::Value;

pub fn load(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("vectors are JSON")
}

pub fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("no text {field} in {vector}"))
}

pub fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(vector, field)).expect("bytes are hex")
}

pub fn list<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    let list = vectors[name].as_array().expect("a list");
    assert!(!list.is_empty(), "{name} is empty");
    list
}
