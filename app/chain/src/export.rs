use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use plume_engine::{ConsensusParams, Fatal, Genesis, ValidatorKey};
use plume_kit::ReadCtx;
use plume_primitives::Address;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::machine::Machine;
use crate::{consensus, records};

/// A chain's state as a genesis document: a new chain that begins with it has the same app hash.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The document, as an engine passes it on.
    pub genesis: Genesis,
}

/// Exports the state that `ctx` reads.
pub(crate) fn export(machine: &Machine, ctx: &ReadCtx) -> Result<Export, Fatal> {
    let app_state = machine.modules.export_genesis(ctx)?;
    let text = serde_json::to_vec(&app_state).map_err(|e| Fatal::new(format!("app_state: {e}")))?;
    let next = ctx.height().next().ok_or_else(|| Fatal::new("the chain is at its last height"))?;
    Ok(Export {
        genesis: Genesis {
            chain_id: ctx.chain().chain_id.clone(),
            time: ctx.time(),
            initial_height: next,
            consensus_params: consensus::params(ctx)?,
            validators: records::validators(ctx)?,
            app_state: Bytes::from(text),
        },
    })
}

impl Export {
    /// The JSON of CometBFT's `GenesisDoc`.
    ///
    /// # Errors
    /// `app_state` that is no JSON.
    pub fn document(&self) -> Result<Value, Fatal> {
        let genesis = &self.genesis;
        let app_state: Value =
            serde_json::from_slice(&genesis.app_state).map_err(|e| Fatal::new(format!("app_state: {e}")))?;
        let validators: Vec<Value> = genesis
            .validators
            .iter()
            .map(|validator| {
                let (address, kind, key) = match &validator.key {
                    ValidatorKey::Ed25519(key) => {
                        let digest = Sha256::digest(key);
                        let address = Address::new(digest.get(..20).unwrap_or_default());
                        (address, "tendermint/PubKeyEd25519", key.as_slice())
                    }
                    ValidatorKey::Secp256k1(key) => {
                        let address = plume_crypto::PublicKey::Secp256k1(*key).address();
                        (Ok(address), "tendermint/PubKeySecp256k1", key.as_slice())
                    }
                };
                let address = address.map_err(|e| Fatal::new(e.to_string()))?;
                Ok(json!({
                    "address": hex::encode_upper(address.as_bytes()),
                    "pub_key": {"type": kind, "value": BASE64.encode(key)},
                    "power": validator.power.to_string(),
                    "name": "",
                }))
            })
            .collect::<Result<_, Fatal>>()?;
        Ok(json!({
            "genesis_time": genesis.time.to_string(),
            "chain_id": genesis.chain_id,
            "initial_height": genesis.initial_height.to_string(),
            "consensus_params": params_json(&genesis.consensus_params),
            "validators": validators,
            "app_hash": "",
            "app_state": app_state,
        }))
    }
}

/// Consensus parameters in CometBFT's own JSON: 64-bit numbers as strings, durations in nanoseconds.
fn params_json(params: &ConsensusParams) -> Value {
    let mut json = serde_json::Map::new();
    if let Some(block) = &params.block {
        let value = json!({"max_bytes": block.max_bytes.to_string(), "max_gas": block.max_gas.to_string()});
        json.insert("block".into(), value);
    }
    if let Some(evidence) = &params.evidence {
        let age = evidence.max_age_duration.unwrap_or_default();
        let nanos = i128::from(age.seconds).saturating_mul(1_000_000_000).saturating_add(i128::from(age.nanos));
        let value = json!({
            "max_age_num_blocks": evidence.max_age_num_blocks.to_string(),
            "max_age_duration": nanos.to_string(),
            "max_bytes": evidence.max_bytes.to_string(),
        });
        json.insert("evidence".into(), value);
    }
    if let Some(validator) = &params.validator {
        json.insert("validator".into(), json!({"pub_key_types": validator.pub_key_types}));
    }
    let version = params.version.as_ref().map_or(0, |version| version.app);
    json.insert("version".into(), json!({"app": version.to_string()}));
    let height = params.abci.as_ref().map_or(0, |abci| abci.vote_extensions_enable_height);
    json.insert("abci".into(), json!({"vote_extensions_enable_height": height.to_string()}));
    Value::Object(json)
}
