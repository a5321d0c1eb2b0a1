//! Legacy amino: the form that transactions had before protobuf, `StdTx`, as JSON and as bytes.
//!
//! go-amino encodes Go types, so this follows what the generator of the SDK (gogoproto) makes of a message: fields are
//! numbered by their order in the source, not by their numbers there; a custom type, a nullable message and a list each
//! have rules of their own. All of it is in the descriptor. `README.md` is the specification.

mod binary;
mod json;
mod names;
mod shape;
mod value;

use names::disfix;
use serde_json::Value as Json;
use shape::{Shape, Work};

use crate::{CodecError, MAX_DEPTH};

/// The amino name of a transaction.
const STD_TX: &str = "cosmos-sdk/StdTx";

/// The bytes of a legacy amino transaction from its JSON.
///
/// # Errors
/// [`CodecError::Legacy`], [`CodecError::LegacyUnsupported`], [`CodecError::TooDeep`].
pub fn legacy_tx_from_json(text: &str) -> Result<Vec<u8>, CodecError> {
    if text.is_empty() {
        return Err(CodecError::Legacy("UnmarshalJSON cannot decode empty bytes".to_owned()));
    }
    let document: Json = serde_json::from_str(text).map_err(|error| json::no_wrapper(&error))?;
    let (name, content) = json::unwrap(&document)?;
    if name != STD_TX {
        return Err(CodecError::Legacy(format!("UnmarshalJSON wants to decode a {STD_TX} but found a {name}")));
    }
    let tx = json::read_struct(Shape::StdTx, content, &mut Work::default(), MAX_DEPTH)?;
    let mut out = disfix(STD_TX).prefix.to_vec();
    binary::write_struct(&Shape::StdTx.fields()?, &tx, &mut out)?;
    Ok(out)
}

/// The JSON of a legacy amino transaction from its bytes.
///
/// # Errors
/// As [`legacy_tx_from_json`].
pub fn legacy_tx_to_json(bytes: &[u8]) -> Result<String, CodecError> {
    let prefix = disfix(STD_TX).prefix;
    let Some(content) = bytes.strip_prefix(&prefix) else {
        let wanted = binary::hex(&prefix);
        let found = bytes.get(..4).map_or_else(|| binary::hex(bytes), |found| format!("{}...", binary::hex(found)));
        return Err(CodecError::Legacy(format!(
            "UnmarshalBinaryBare expected to read prefix bytes {wanted} (since it is registered concrete) but got {found}"
        )));
    };
    let tx = binary::read_struct(Shape::StdTx, content, &mut Work::default(), MAX_DEPTH)
        .map_err(|error| CodecError::Legacy(format!("unmarshal to legacytx.StdTx failed ({error})")))?;
    let mut out = crate::amino::Writer::default();
    out.raw("{\"type\":");
    out.quoted(STD_TX);
    out.raw(",\"value\":");
    json::write_struct(&Shape::StdTx.fields()?, &tx, &mut out)?;
    out.raw("}");
    Ok(out.into_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: [u8; 4] = [0x28, 0x28, 0x16, 0xa9];

    fn decode(content: &[u8]) -> Result<String, CodecError> {
        legacy_tx_to_json(&[&PREFIX, content].concat())
    }

    #[test]
    fn a_message_may_come_with_its_disambiguation() {
        let known = disfix("cosmos-sdk/MsgSend");
        let message = [&[0], known.disambiguation.as_slice(), known.prefix.as_slice()].concat();
        let with = decode(&[&[0x0a, 8], message.as_slice()].concat()).expect("both name MsgSend");
        let without = decode(&[&[0x0a, 4], known.prefix.as_slice()].concat()).expect("the prefix names it");
        assert_eq!(with, without);
        assert!(with.contains("{\"type\":\"cosmos-sdk/MsgSend\",\"value\":{\"amount\":[]}}"), "{with}");
    }

    #[test]
    fn only_messages_are_messages_and_only_keys_are_keys() {
        let key = disfix("tendermint/PubKeySecp256k1").prefix;
        let account = disfix("cosmos-sdk/BaseAccount").prefix;
        for prefix in [key, account] {
            let error = decode(&[&[0x0a, 4], prefix.as_slice()].concat()).expect_err("no message");
            let text = format!("unrecognized prefix bytes {}", binary::hex(&prefix));
            assert!(error.to_string().contains(&text), "{error}");
        }
        let message = disfix("cosmos-sdk/MsgSend").prefix;
        assert!(decode(&[&[0x1a, 6, 0x0a, 4], message.as_slice()].concat()).is_err());
    }

    #[test]
    fn depth_and_work_are_bounded() {
        // Threshold keys inside one another.
        let multisig = disfix("tendermint/PubKeyMultisigThreshold").prefix;
        let nested = |levels: usize| {
            let mut key: Vec<u8> = disfix("tendermint/PubKeySecp256k1").prefix.to_vec();
            key.extend([33]);
            key.extend([2; 33]);
            for _ in 0..levels {
                let mut outer = multisig.to_vec();
                binary::put_tag(&mut outer, 2);
                binary::put_bytes(&mut outer, &key);
                key = outer;
            }
            let mut signature = vec![0x0a];
            binary::put_bytes(&mut signature, &key);
            let mut content = vec![0x1a];
            binary::put_bytes(&mut content, &signature);
            decode(&content)
        };
        assert!(nested(20).is_ok());
        let error = nested(1000).expect_err("too deep");
        assert!(error.to_string().contains("recursion limit reached"), "{error}");

        // Two bytes make a coin, which takes a hundred in memory.
        let coins = [0x0a, 0].repeat(1_000_000);
        let mut content = vec![0x12];
        binary::put_bytes(&mut content, &coins);
        let error = decode(&content).expect_err("too much");
        assert!(error.to_string().contains("transaction has too many values"), "{error}");
        let coins = vec!["{}"; 1_000_000].join(",");
        let text = format!("{{\"type\":\"{STD_TX}\",\"value\":{{\"fee\":{{\"amount\":[{coins}]}}}}}}");
        assert_eq!(
            legacy_tx_from_json(&text),
            Err(CodecError::Legacy("transaction has too many values, at most 262144".to_owned()))
        );
    }

    #[test]
    fn damaged_transactions_are_refused_or_read() {
        let text = format!(
            r#"{{"type":"{STD_TX}","value":{{"msg":[{{"type":"cosmos-sdk/MsgSend","value":{{"from_address":"a","amount":[{{"denom":"x","amount":"5"}}]}}}}],"memo":"m"}}}}"#
        );
        let whole = legacy_tx_from_json(&text).expect("a transaction");
        for end in 0..whole.len() {
            // No panic; what is read can be written.
            if let Ok(json) = legacy_tx_to_json(&whole[..end]) {
                assert!(legacy_tx_from_json(&json).is_ok(), "{json}");
            }
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[end] ^= 1 << bit;
                if let Ok(json) = legacy_tx_to_json(&damaged) {
                    assert!(legacy_tx_from_json(&json).is_ok(), "{json}");
                }
            }
        }
    }
}
