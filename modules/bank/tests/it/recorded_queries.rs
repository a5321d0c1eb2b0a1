use serde_json::Value;

use crate::recording::{bytes, load, records, world};

/// `DenomsMetadata` from a key backwards: the SDK asks an exhausted iterator for its key and panics. We answer.
fn panicked(query: &Value) -> bool {
    query["code"] == 111_222
}

#[test]
fn every_recorded_query_gets_the_recorded_answer() {
    let recording = load("queries.json");
    let (world, _, _) = world(&records(&recording["stores"]));
    let (mut compared, mut different) = (0, Vec::new());
    for query in recording["queries"].as_array().unwrap() {
        let path = query["path"].as_str().unwrap();
        if panicked(query) || !world.modules().queries().has(path) && path.ends_with("/Nothing") {
            continue;
        }
        compared += 1;
        let answer = world.modules().queries().answer(&world.read(), path, &bytes(&query["request"]));
        let (code, log, response) = match answer {
            Ok(response) => (0, String::new(), hex::encode(response)),
            Err(failure) => {
                let error = failure.into_error();
                (error.code, error.log, String::new())
            }
        };
        let expected = (
            u32::try_from(query["code"].as_u64().unwrap()).unwrap(),
            query["log"].as_str().unwrap().to_owned(),
            query["response"].as_str().unwrap_or_default().to_owned(),
        );
        if (code, &log, &response) != (expected.0, &expected.1, &expected.2) {
            different.push(format!(
                "{path} {}\n  recorded {expected:?}\n  answered {:?}",
                query["request_json"],
                (code, log, response)
            ));
        }
    }
    assert!(different.is_empty(), "{} of {compared} differ:\n{}", different.len(), different.join("\n"));
    assert!(compared >= 250, "{compared} queries are recorded");
}

#[test]
fn recorded_state_keeps_the_invariants_of_its_accounts() {
    let recording = load("queries.json");
    let (world, _, _) = world(&records(&recording["stores"]));
    world.assert_invariants();
}
