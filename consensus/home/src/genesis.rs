//! CometBFT's genesis document, with the SDK's newer form accepted on input.

use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_engine::{ConsensusParams, Genesis, ValidatorKey, ValidatorUpdate};
use plume_primitives::{Height, Timestamp};
use serde_json::{Map, Value, json};
use tendermint_proto::google::protobuf::Duration;
use tendermint_proto::v0_38::types::{AbciParams, BlockParams, EvidenceParams, ValidatorParams, VersionParams};

use crate::keys::{TypedKey, consensus_address};

/// Longest chain id in bytes (`MaxChainIDLen`).
pub const MAX_CHAIN_ID: usize = 50;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Contents of `genesis.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct GenesisDoc {
    /// Time of the first block.
    pub time: Timestamp,
    /// Chain id, 1 to 50 bytes.
    pub chain_id: String,
    /// Height of the first block, at least 1.
    pub initial_height: Height,
    /// Consensus parameters.
    pub consensus_params: ConsensusParams,
    /// Validators of the first block.
    pub validators: Vec<GenesisValidator>,
    /// State hash before the first block; normally empty.
    pub app_hash: Bytes,
    /// State of the modules, in their order.
    pub app_state: Value,
}

/// A validator of a genesis document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisValidator {
    /// Consensus key.
    pub key: ValidatorKey,
    /// Voting power, above 0.
    pub power: i64,
    /// For people; no meaning.
    pub name: String,
}

/// A text that is not a genesis document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("genesis document: {0}")]
pub struct GenesisError(String);

impl GenesisError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl GenesisDoc {
    /// Reads either form: CometBFT's (`consensus_params`, `validators`, `initial_height` a
    /// string) or the SDK's since 0.50 (`consensus {params, validators}`, a number).
    ///
    /// # Errors
    /// What CometBFT would refuse, and unknown fields.
    pub fn from_json(text: &[u8]) -> Result<Self, GenesisError> {
        let value: Value = serde_json::from_slice(text).map_err(|error| GenesisError::new(error.to_string()))?;
        let mut doc = Fields::of(value, "the document")?;
        // Written by the SDK for people; they have no meaning for the chain.
        doc.take("app_name");
        doc.take("app_version");
        let (params, validators) = match doc.take("consensus") {
            Some(consensus) => {
                let mut consensus = Fields::of(consensus, "consensus")?;
                let parts = (consensus.take("params"), consensus.take("validators"));
                consensus.end()?;
                parts
            }
            None => (doc.take("consensus_params"), doc.take("validators")),
        };
        let time = doc.text("genesis_time")?.ok_or_else(|| GenesisError::new("genesis_time is missing"))?;
        let read = Self {
            time: time.parse().map_err(|error| GenesisError::new(format!("genesis_time: {error}")))?,
            chain_id: doc.text("chain_id")?.unwrap_or_default(),
            initial_height: Height::try_from(doc.integer("initial_height")?.unwrap_or(0).max(1)).expect("at least 1"),
            consensus_params: params.map_or_else(|| Ok(cometbft_params()), params_from_json)?,
            validators: validators.map_or_else(|| Ok(Vec::new()), validators_from_json)?,
            app_hash: doc.hex("app_hash")?,
            app_state: doc.take("app_state").unwrap_or_else(|| Value::Object(Map::new())),
        };
        doc.end()?;
        read.validate()?;
        Ok(read)
    }

    /// CometBFT's form, indented by two spaces.
    pub fn to_json(&self) -> String {
        let validators: Vec<_> = self.validators.iter().map(GenesisValidator::to_json).collect();
        let mut doc = json!({
            "genesis_time": self.time.to_string(),
            "chain_id": self.chain_id,
            "initial_height": self.initial_height.to_string(),
            "consensus_params": params_to_json(&self.consensus_params),
        });
        let fields = doc.as_object_mut().expect("an object three lines above");
        if !validators.is_empty() {
            fields.insert("validators".to_owned(), Value::Array(validators));
        }
        fields.insert("app_hash".to_owned(), Value::String(hex::encode_upper(&self.app_hash)));
        fields.insert("app_state".to_owned(), self.app_state.clone());
        serde_json::to_string_pretty(&doc).expect("a JSON value")
    }

    /// What CometBFT checks when it loads the document.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn validate(&self) -> Result<(), GenesisError> {
        if self.chain_id.is_empty() {
            return Err(GenesisError::new("chain_id is empty"));
        }
        if self.chain_id.len() > MAX_CHAIN_ID {
            return Err(GenesisError::new(format!(
                "chain_id has {} bytes, at most {MAX_CHAIN_ID} are allowed",
                self.chain_id.len()
            )));
        }
        for (index, validator) in self.validators.iter().enumerate() {
            if validator.power <= 0 {
                return Err(GenesisError::new(format!(
                    "validator {index} has power {}, it must be above 0",
                    validator.power
                )));
            }
            if self.validators[..index].iter().any(|other| other.key == validator.key) {
                return Err(GenesisError::new(format!("validator {index} is listed twice")));
            }
        }
        Ok(())
    }

    /// What CometBFT passes to `InitChain` for this document: the validators in the order of their set, greatest power
    /// first, then by address (`Handshaker.ReplayBlocks`). The bytes of `app_state` may be another JSON form than the
    /// document's.
    pub fn to_engine(&self) -> Genesis {
        let updates = self.validators.iter();
        let update =
            |validator: &GenesisValidator| ValidatorUpdate { key: validator.key.clone(), power: validator.power };
        let mut validators: Vec<_> = updates.map(update).collect();
        validators.sort_by_cached_key(|update| (Reverse(update.power), consensus_address(&update.key)));
        Genesis {
            chain_id: self.chain_id.clone(),
            time: self.time,
            initial_height: self.initial_height,
            consensus_params: self.consensus_params.clone(),
            validators,
            app_state: Bytes::from(self.app_state.to_string()),
        }
    }
}

impl GenesisValidator {
    fn to_json(&self) -> Value {
        json!({
            "address": hex::encode_upper(consensus_address(&self.key)),
            "pub_key": TypedKey::from(&self.key),
            "power": self.power.to_string(),
            "name": self.name,
        })
    }

    fn from_json(value: Value) -> Result<Self, GenesisError> {
        let mut fields = Fields::of(value, "a validator")?;
        let key = fields.take("pub_key").ok_or_else(|| GenesisError::new("a validator has no pub_key"))?;
        let key: TypedKey =
            serde_json::from_value(key).map_err(|error| GenesisError::new(format!("pub_key: {error}")))?;
        let key = ValidatorKey::try_from(&key).map_err(|error| GenesisError::new(format!("pub_key: {error}")))?;
        let address = fields.hex("address")?;
        if !address.is_empty() && address[..] != consensus_address(&key) {
            return Err(GenesisError::new(format!(
                "address {} is not that of its pub_key, {}",
                hex::encode_upper(address),
                hex::encode_upper(consensus_address(&key))
            )));
        }
        let validator =
            Self { key, power: fields.integer("power")?.unwrap_or(0), name: fields.text("name")?.unwrap_or_default() };
        fields.end()?;
        Ok(validator)
    }
}

fn validators_from_json(value: Value) -> Result<Vec<GenesisValidator>, GenesisError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.into_iter().map(GenesisValidator::from_json).collect(),
        _ => Err(GenesisError::new("validators is not a list")),
    }
}

/// CometBFT's default consensus parameters (`DefaultConsensusParams`).
pub fn cometbft_params() -> ConsensusParams {
    ConsensusParams {
        block: Some(BlockParams { max_bytes: 22_020_096, max_gas: -1 }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: 100_000,
            max_age_duration: Some(Duration { seconds: 48 * 3600, nanos: 0 }),
            max_bytes: 1_048_576,
        }),
        validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
        version: Some(VersionParams { app: 0 }),
        abci: Some(AbciParams { vote_extensions_enable_height: 0 }),
    }
}

/// CometBFT's JSON of consensus parameters: integers and durations (nanoseconds) are strings.
pub fn params_to_json(params: &ConsensusParams) -> Value {
    let block = params.block.unwrap_or_default();
    let evidence = params.evidence.unwrap_or_default();
    let age = evidence
        .max_age_duration
        .map_or(0, |age| age.seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(age.nanos.into()));
    let abci = params.abci.unwrap_or_default();
    json!({
        "block": { "max_bytes": block.max_bytes.to_string(), "max_gas": block.max_gas.to_string() },
        "evidence": {
            "max_age_num_blocks": evidence.max_age_num_blocks.to_string(),
            "max_age_duration": age.to_string(),
            "max_bytes": evidence.max_bytes.to_string(),
        },
        "validator": { "pub_key_types": params.validator.as_ref().map_or(&[][..], |validator| &validator.pub_key_types) },
        "version": { "app": params.version.unwrap_or_default().app.to_string() },
        "abci": { "vote_extensions_enable_height": abci.vote_extensions_enable_height.to_string() },
    })
}

/// Reads [`params_to_json`]'s form; numbers may be numbers. Absent parts get CometBFT's defaults.
///
/// # Errors
/// Unknown fields and values of another type.
pub fn params_from_json(value: Value) -> Result<ConsensusParams, GenesisError> {
    let mut params = cometbft_params();
    if value.is_null() {
        return Ok(params);
    }
    let mut fields = Fields::of(value, "consensus params")?;
    if let Some(mut block) = fields.object("block")? {
        params.block = Some(BlockParams {
            max_bytes: block.integer("max_bytes")?.unwrap_or(0),
            max_gas: block.integer("max_gas")?.unwrap_or(0),
        });
        // Of Tendermint 0.34; without meaning since.
        block.take("time_iota_ms");
        block.end()?;
    }
    if let Some(mut evidence) = fields.object("evidence")? {
        let nanos = evidence.integer("max_age_duration")?.unwrap_or(0);
        params.evidence = Some(EvidenceParams {
            max_age_num_blocks: evidence.integer("max_age_num_blocks")?.unwrap_or(0),
            // The remainder is below 10^9 and has the sign of the whole, as protobuf wants it.
            max_age_duration: Some(Duration {
                seconds: nanos / NANOS_PER_SECOND,
                nanos: i32::try_from(nanos % NANOS_PER_SECOND).expect("below 10^9"),
            }),
            max_bytes: evidence.integer("max_bytes")?.unwrap_or(0),
        });
        evidence.end()?;
    }
    if let Some(mut validator) = fields.object("validator")? {
        let types = validator.take("pub_key_types").unwrap_or(Value::Null);
        let pub_key_types =
            serde_json::from_value(types).map_err(|error| GenesisError::new(format!("pub_key_types: {error}")))?;
        params.validator = Some(ValidatorParams { pub_key_types });
        validator.end()?;
    }
    if let Some(mut version) = fields.object("version")? {
        let app = version.integer("app")?.unwrap_or(0);
        params.version =
            Some(VersionParams { app: u64::try_from(app).map_err(|_| GenesisError::new("version.app is below 0"))? });
        version.end()?;
    }
    if let Some(mut abci) = fields.object("abci")? {
        params.abci = Some(AbciParams {
            vote_extensions_enable_height: abci.integer("vote_extensions_enable_height")?.unwrap_or(0),
        });
        abci.end()?;
    }
    fields.end()?;
    Ok(params)
}

/// A JSON object whose fields are taken one by one, so that what is left is unknown.
struct Fields {
    fields: Map<String, Value>,
    what: &'static str,
}

impl Fields {
    fn of(value: Value, what: &'static str) -> Result<Self, GenesisError> {
        match value {
            Value::Object(fields) => Ok(Self { fields, what }),
            _ => Err(GenesisError::new(format!("{what} is not an object"))),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.shift_remove(name)
    }

    fn object(&mut self, name: &'static str) -> Result<Option<Self>, GenesisError> {
        self.take(name).filter(|value| !value.is_null()).map(|value| Self::of(value, name)).transpose()
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, GenesisError> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(GenesisError::new(format!("{name} is not a string"))),
        }
    }

    fn integer(&mut self, name: &str) -> Result<Option<i64>, GenesisError> {
        let number = match self.take(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
        };
        number.map(Some).ok_or_else(|| GenesisError::new(format!("{name} is not an integer of 64 bits")))
    }

    /// Hex as CometBFT writes it. The SDK writes base64; only the empty hash occurs there.
    fn hex(&mut self, name: &str) -> Result<Bytes, GenesisError> {
        let text = self.text(name)?.unwrap_or_default();
        let bytes = hex::decode(&text).ok().or_else(|| STANDARD.decode(&text).ok());
        bytes.map(Bytes::from).ok_or_else(|| GenesisError::new(format!("{name} is not hex")))
    }

    fn end(self) -> Result<(), GenesisError> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => Err(GenesisError::new(format!("unknown field {name:?} in {}", self.what))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by CometBFT v0.38.25 (`cometbft init`), with an application state added.
    const COMETBFT: &str = r#"{
  "genesis_time": "2026-11-21T10:18:22.377091384Z",
  "chain_id": "test-chain-zsXEwt",
  "initial_height": "7",
  "consensus_params": {
    "block": {
      "max_bytes": "22020096",
      "max_gas": "-1"
    },
    "evidence": {
      "max_age_num_blocks": "100000",
      "max_age_duration": "172800000000000",
      "max_bytes": "1048576"
    },
    "validator": {
      "pub_key_types": [
        "ed25519"
      ]
    },
    "version": {
      "app": "0"
    },
    "abci": {
      "vote_extensions_enable_height": "0"
    }
  },
  "validators": [
    {
      "address": "46D27F8EC328C3AB5C171534A98CE110B283ABD7",
      "pub_key": {
        "type": "tendermint/PubKeyEd25519",
        "value": "F3yt1unysL5OHGO1TFnNqehywUaIbpS0F/5TER1P49o="
      },
      "power": "10",
      "name": ""
    }
  ],
  "app_hash": "",
  "app_state": {
    "z": {},
    "a": 1
  }
}"#;

    fn change(from: &str, to: &str) -> Result<GenesisDoc, String> {
        assert!(COMETBFT.contains(from), "{from}");
        GenesisDoc::from_json(COMETBFT.replace(from, to).as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn validators_come_in_the_order_of_their_set() {
        let validator =
            |byte: u8, power| GenesisValidator { key: ValidatorKey::Ed25519([byte; 32]), power, name: String::new() };
        let doc = GenesisDoc {
            time: Timestamp::UNIX_EPOCH,
            chain_id: "a".to_owned(),
            initial_height: Height(1),
            consensus_params: cometbft_params(),
            validators: vec![validator(1, 5), validator(2, 9), validator(3, 5), validator(4, 7), validator(5, 5)],
            app_hash: Bytes::new(),
            app_state: json!({}),
        };
        let validators = doc.to_engine().validators;
        assert_eq!(validators.iter().map(|update| update.power).collect::<Vec<_>>(), [9, 7, 5, 5, 5]);
        let addresses: Vec<_> = validators[2..].iter().map(|update| consensus_address(&update.key)).collect();
        assert!(addresses.is_sorted(), "{addresses:?}");
        let keys: Vec<_> = [2, 4].map(|byte| ValidatorKey::Ed25519([byte; 32])).into();
        assert_eq!(validators[..2].iter().map(|update| update.key.clone()).collect::<Vec<_>>(), keys);
    }

    #[test]
    fn cometbfts_document_is_written_back_byte_for_byte() {
        let doc = GenesisDoc::from_json(COMETBFT.as_bytes()).expect("CometBFT's own");
        assert_eq!(doc.initial_height, Height(7));
        assert_eq!(doc.consensus_params, cometbft_params());
        assert_eq!(doc.validators[0].power, 10);
        assert_eq!(doc.to_json(), COMETBFT);
        let engine = doc.to_engine();
        assert_eq!(engine.app_state, Bytes::from_static(br#"{"z":{},"a":1}"#), "the order of modules is kept");
        assert_eq!((engine.initial_height, engine.validators.len(), engine.time), (Height(7), 1, doc.time));
    }

    #[test]
    fn the_sdks_form_means_the_same() {
        let mut value: Value = serde_json::from_str(COMETBFT).expect("JSON");
        let fields = value.as_object_mut().expect("an object");
        let consensus =
            json!({ "params": fields.remove("consensus_params"), "validators": fields.remove("validators") });
        fields.insert("consensus".to_owned(), consensus);
        fields.insert("app_name".to_owned(), json!("simd"));
        fields.insert("app_version".to_owned(), json!("0.50"));
        fields.insert("initial_height".to_owned(), json!(7));
        fields.insert("app_hash".to_owned(), Value::Null);
        let doc = GenesisDoc::from_json(value.to_string().as_bytes()).expect("the SDK's form");
        let expected = GenesisDoc::from_json(COMETBFT.as_bytes()).expect("CometBFT's own");
        assert_eq!(GenesisDoc { app_state: Value::Null, ..doc }, GenesisDoc { app_state: Value::Null, ..expected });
    }

    #[test]
    fn absent_parts_get_cometbfts_defaults() {
        let doc = GenesisDoc::from_json(br#"{"genesis_time":"2026-01-01T00:00:00Z","chain_id":"c"}"#).expect("enough");
        assert_eq!(
            (doc.initial_height, &doc.consensus_params, doc.validators.len(), doc.app_hash.len()),
            (Height(1), &cometbft_params(), 0, 0)
        );
        assert_eq!(doc.app_state, json!({}));
        assert_eq!(change("\"7\"", "\"0\"").map(|doc| doc.initial_height), Ok(Height(1)));
    }

    #[test]
    fn broken_documents_are_refused_with_the_reason() {
        let refused = |from: &str, to: &str| change(from, to).map(|_| ()).expect_err(to);
        assert_eq!(refused("test-chain-zsXEwt", ""), "genesis document: chain_id is empty");
        assert_eq!(
            refused("test-chain-zsXEwt", &"c".repeat(51)),
            "genesis document: chain_id has 51 bytes, at most 50 are allowed"
        );
        assert!(change("test-chain-zsXEwt", &"c".repeat(50)).is_ok());
        assert_eq!(
            refused("\"power\": \"10\"", "\"power\": \"0\""),
            "genesis document: validator 0 has power 0, it must be above 0"
        );
        assert_eq!(
            refused("46D2", "46D3"),
            "genesis document: address 46D37F8EC328C3AB5C171534A98CE110B283ABD7 is not that of its pub_key, 46D27F8EC328C3AB5C171534A98CE110B283ABD7"
        );
        assert_eq!(
            refused("\"app_hash\"", "\"app_hush\""),
            "genesis document: unknown field \"app_hush\" in the document"
        );
        assert_eq!(refused("\"max_gas\"", "\"max_gash\""), "genesis document: unknown field \"max_gash\" in block");
        assert_eq!(refused("\"-1\"", "\"many\""), "genesis document: max_gas is not an integer of 64 bits");
        assert_eq!(
            refused("2026-11-21T", "2026-13-21T"),
            "genesis document: genesis_time: invalid RFC 3339 time: 2026-13-21T10:18:22.377091384Z"
        );
        assert_eq!(
            refused("\"genesis_time\": \"2026-11-21T10:18:22.377091384Z\",", ""),
            "genesis document: genesis_time is missing"
        );
        assert_eq!(
            refused("PubKeyEd25519", "PubKeyBls"),
            "genesis document: pub_key: unsupported key type \"tendermint/PubKeyBls\""
        );
        assert!(GenesisDoc::from_json(b"[]").is_err() && GenesisDoc::from_json(b"{").is_err());
    }

    #[test]
    fn a_validator_listed_twice_is_refused() {
        let mut doc = GenesisDoc::from_json(COMETBFT.as_bytes()).expect("CometBFT's own");
        doc.validators.push(doc.validators[0].clone());
        assert_eq!(
            doc.validate().map_err(|error| error.to_string()),
            Err("genesis document: validator 1 is listed twice".to_owned())
        );
    }
}
