//! Random changes of validator sets, done by CometBFT's own code (`tests/vectors/vectors.go sets`).

use plume_block::{Validator, ValidatorSet, ValidatorSetError};
use plume_engine::{ValidatorKey, ValidatorUpdate};
use serde_json::Value;

/// Key number `n` of the vectors: the byte `n` 32 times, from 100 on 33 times.
pub fn key(n: i64) -> ValidatorKey {
    let byte = u8::try_from(n).expect("a byte");
    if n < 100 { ValidatorKey::Ed25519([byte; 32]) } else { ValidatorKey::Secp256k1([byte; 33]) }
}

fn kind(error: &ValidatorSetError) -> &'static str {
    match error {
        ValidatorSetError::Duplicate(_) => "duplicate",
        ValidatorSetError::NegativePower(_) => "negative",
        ValidatorSetError::PowerTooHigh(_) => "can't be higher",
        ValidatorSetError::Empty => "empty set",
        ValidatorSetError::NotFound(_) => "to remove",
        ValidatorSetError::TotalTooHigh => "exceeds max",
        other => panic!("{other}"),
    }
}

fn numbers(value: &Value) -> Vec<i64> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_i64).collect()).unwrap_or_default()
}

fn list(value: &Value) -> Vec<Vec<i64>> {
    value.as_array().map(|list| list.iter().map(numbers).collect()).unwrap_or_default()
}

#[test]
fn priorities_order_hash_and_errors_are_those_of_cometbft() {
    let chains: Vec<Vec<Value>> = serde_json::from_str(include_str!("../data/sets.json")).expect("JSON");
    let (mut applied, mut refused) = (0, 0);
    for (number, steps) in chains.iter().enumerate() {
        let mut set = ValidatorSet::default();
        for (index, step) in steps.iter().enumerate() {
            let at = format!("chain {number}, step {index}");
            let updates: Vec<_> =
                list(&step["c"]).iter().map(|c| ValidatorUpdate { key: key(c[0]), power: c[1] }).collect();
            let before = set.clone();
            if let Some(expected) = step["e"].as_str() {
                assert_eq!(set.update(&updates).map_err(|error| kind(&error)), Err(expected), "{at}");
                assert_eq!(set, before, "{at}: a refused change changes nothing");
                refused += 1;
                continue;
            }
            assert_eq!(set.update(&updates), Ok(()), "{at}");
            let expected = list(&step["s"]);
            if expected.is_empty() {
                continue;
            }
            set.increment_proposer_priority(u32::try_from(step["n"].as_i64().expect("a number")).expect("few"));
            let got: Vec<_> = set.validators().to_vec();
            let expected: Vec<_> = expected
                .iter()
                .map(|v| {
                    let mut validator = Validator::new(key(v[0]), v[1]);
                    validator.priority = v[2];
                    validator
                })
                .collect();
            assert_eq!(got, expected, "{at}");
            assert_eq!(set.proposer().map(|v| &v.key), step["p"].as_i64().map(key).as_ref(), "{at}");
            assert_eq!(hex::encode(set.hash()), step["h"].as_str().expect("hex"), "{at}");
            assert_eq!(ValidatorSet::from_raw(&set.to_raw()), Ok(set.clone()), "{at}");
            applied += 1;
        }
    }
    assert!(applied > 200 && refused > 100, "{applied} applied, {refused} refused");
}
