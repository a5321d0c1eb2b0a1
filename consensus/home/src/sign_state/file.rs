//! `priv_validator_state.json`, byte for byte as CometBFT writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Position, Step};

/// Contents of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub position: Position,
    pub signed: Option<SignedBytes>,
}

/// A signature and what it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBytes {
    pub signature: [u8; 64],
    pub sign_bytes: Vec<u8>,
}

impl Record {
    pub fn nothing() -> Self {
        Self { position: Position { height: 0, round: 0, step: Step::None }, signed: None }
    }

    pub fn signed(position: Position, signature: [u8; 64], sign_bytes: Vec<u8>) -> Self {
        Self { position, signed: Some(SignedBytes { signature, sign_bytes }) }
    }

    pub fn to_json(&self) -> String {
        let Position { height, round, step } = self.position;
        let file = File {
            height: height.to_string(),
            round,
            step: step as i8,
            signature: self.signed.as_ref().map(|signed| STANDARD.encode(signed.signature)),
            signbytes: self.signed.as_ref().map(|signed| hex::encode_upper(&signed.sign_bytes)),
        };
        serde_json::to_string_pretty(&file).expect("strings and numbers only")
    }

    /// Unlike CometBFT refuses absent fields and impossible values: a record that is not understood protects nobody.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let height: i64 = file.height.parse().map_err(|_| format!("height {:?} is not a number", file.height))?;
        if height < 0 || file.round < 0 {
            return Err(format!("negative height {height} or round {}", file.round));
        }
        let step = match file.step {
            0 => Step::None,
            1 => Step::Propose,
            2 => Step::Prevote,
            3 => Step::Precommit,
            other => return Err(format!("step {other}, not 0 to 3")),
        };
        let signature = file.signature.filter(|text| !text.is_empty());
        let sign_bytes = file.signbytes.filter(|text| !text.is_empty());
        let signed = match (signature, sign_bytes) {
            (None, None) => None,
            (Some(signature), Some(sign_bytes)) => {
                let signature = STANDARD.decode(signature).map_err(|error| format!("signature: {error}"))?;
                let signature = signature.try_into().map_err(|_| "signature is not 64 bytes long".to_owned())?;
                let sign_bytes = hex::decode(sign_bytes).map_err(|error| format!("signbytes: {error}"))?;
                Some(SignedBytes { signature, sign_bytes })
            }
            _ => return Err("signature and signbytes go together, one is missing".to_owned()),
        };
        Ok(Self { position: Position { height, round: file.round, step }, signed })
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    height: String,
    round: i32,
    step: i8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signbytes: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_protect_nobody_are_refused() {
        for (text, part) in [
            ("", "EOF"),
            ("{}", "height"),
            (r#"{"height":5,"round":0,"step":3}"#, "string"),
            (r#"{"height":"5","step":3}"#, "round"),
            (r#"{"height":"5","round":0}"#, "step"),
            (r#"{"height":"-1","round":0,"step":3}"#, "negative"),
            (r#"{"height":"1","round":-1,"step":3}"#, "negative"),
            (r#"{"height":"1","round":0,"step":4}"#, "step 4"),
            (r#"{"height":"x","round":0,"step":3}"#, "not a number"),
            (r#"{"height":"9223372036854775808","round":0,"step":3}"#, "not a number"),
            (r#"{"height":"1","round":0,"step":3,"signature":"AA=="}"#, "go together"),
            (r#"{"height":"1","round":0,"step":3,"signbytes":"AA"}"#, "go together"),
            (r#"{"height":"1","round":0,"step":3,"signature":"AA==","signbytes":"AA"}"#, "64 bytes"),
        ] {
            let error = Record::from_json(text.as_bytes()).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_new_record_is_what_cometbft_init_writes() {
        let text = "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}";
        assert_eq!(Record::nothing().to_json(), text);
        assert_eq!(Record::from_json(text.as_bytes()), Ok(Record::nothing()));
    }
}
