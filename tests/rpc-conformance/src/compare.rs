//! Two JSON values side by side, member by member.

use serde_json::Value;

/// One place where two answers are not the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: keys and indexes joined by points; `body` is the answer's JSON.
    pub path: String,
    /// What CometBFT has there; `None` if it has nothing.
    pub expected: Option<Value>,
    /// What ours has there.
    pub got: Option<Value>,
}

/// Every place where `got` is not `expected`. The order of keys counts: where the same keys come in another order, that is a
/// difference at `path.(order)`.
pub fn compare(path: &str, expected: &Value, got: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(path, expected, got, &mut found);
    found
}

fn walk(path: &str, expected: &Value, got: &Value, found: &mut Vec<Difference>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                match got.get(key) {
                    Some(got) => walk(&path, value, got, found),
                    None => found.push(Difference { path, expected: Some(value.clone()), got: None }),
                }
            }
            for (key, value) in got.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                found.push(Difference { path: format!("{path}.{key}"), expected: None, got: Some(value.clone()) });
            }
            let same_keys = expected.len() == got.len() && expected.keys().all(|key| got.contains_key(key));
            if same_keys && !expected.keys().eq(got.keys()) {
                let keys = |object: &serde_json::Map<String, Value>| {
                    Some(Value::Array(object.keys().cloned().map(Value::String).collect()))
                };
                found.push(Difference { path: format!("{path}.(order)"), expected: keys(expected), got: keys(got) });
            }
        }
        (Value::Array(expected), Value::Array(got)) => {
            for index in 0..expected.len().max(got.len()) {
                let path = format!("{path}.{index}");
                match (expected.get(index), got.get(index)) {
                    (Some(expected), Some(got)) => walk(&path, expected, got, found),
                    (expected, got) => {
                        found.push(Difference { path, expected: expected.cloned(), got: got.cloned() });
                    }
                }
            }
        }
        _ if expected == got => {}
        _ => found.push(Difference { path: path.to_owned(), expected: Some(expected.clone()), got: Some(got.clone()) }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_difference_is_found_once() {
        let expected = json!({"a": 1, "b": [1, {"c": null}], "gone": "x", "same": true});
        let got = json!({"a": "1", "b": [1, {"c": []}, 3], "same": true, "new": 0});
        let paths: Vec<_> = compare("body", &expected, &got).into_iter().map(|difference| difference.path).collect();
        assert_eq!(paths, ["body.a", "body.b.1.c", "body.b.2", "body.gone", "body.new"]);
    }

    #[test]
    fn the_order_of_keys_counts() {
        let found = compare("body", &json!({"x": {"a": 1, "b": 2}}), &json!({"x": {"b": 2, "a": 1}}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "body.x.(order)");
    }
}
