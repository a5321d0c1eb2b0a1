//! Legacy amino transactions against the SDK's own codec.

use plume_codec::{legacy_tx_from_json, legacy_tx_to_json};

use crate::descriptors::install;
use crate::{text, vectors};

/// Where the SDK's reason is of its language, ours says the same in other words.
const OTHER_WORDS: [&str; 15] = [
    "not JSON",
    "bytes that are no base64",
    "an enumeration by name",
    "more than 18 places",
    "binary: truncated",
    "binary: message of an unknown type",
    "binary: message without a prefix",
    "binary: message with its disambiguation",
    "binary: fields out of order",
    "binary: a field twice",
    "binary: wrong wire type",
    "binary: amount that is no number",
    "binary: a number out of range",
    "binary: key of the wrong size",
    "binary: key with bytes behind",
];

#[test]
fn legacy_transactions_are_the_sdks() {
    install();
    let all = vectors("amino-tx.json");
    let (mut encoded, mut decoded, mut refused) = (0, 0, 0);
    for case in all.as_array().expect("a list") {
        let name = text(case, "name");
        let made = match case["json"].as_str() {
            Some(json) => legacy_tx_from_json(json).map_err(|error| error.to_string()),
            None => Ok(hex::decode(case["binary"].as_str().unwrap_or_default()).expect("hex")),
        };
        let made = match (made, case["refused"].as_str()) {
            (Ok(made), refused) if refused.is_none() || case["json"].is_null() => made,
            (Err(error), Some(reason)) => {
                if !OTHER_WORDS.contains(&name) {
                    assert_eq!(error, reason, "{name}");
                }
                refused += 1;
                continue;
            }
            (other, reason) => panic!("{name}: {other:?}, the SDK: {reason:?}"),
        };
        if !case["json"].is_null() {
            assert_eq!(hex::encode(&made), text(case, "binary"), "{name}");
            encoded += 1;
        }
        match (legacy_tx_to_json(&made), case["refused"].as_str()) {
            (Ok(json), None) => {
                assert_eq!(json, text(case, "decoded"), "{name}");
                decoded += 1;
            }
            (Err(error), Some(reason)) => {
                if !OTHER_WORDS.contains(&name) {
                    assert_eq!(error.to_string(), reason, "{name}");
                }
                refused += 1;
            }
            (other, reason) => panic!("{name}: {other:?}, the SDK: {reason:?}"),
        }
    }
    assert_eq!((encoded, decoded, refused), (39, 47, 35));
}
