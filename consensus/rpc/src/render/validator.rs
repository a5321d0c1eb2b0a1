//! Validators and their keys (`types/validator.go`, `crypto`).

use plume_block::{Validator, ValidatorSet, key_from_raw, raw};
use plume_engine::ValidatorKey;

use super::evidence::typed;
use crate::json::Json;

pub(crate) fn public_key(json: &mut Json, key: &ValidatorKey) {
    match key {
        ValidatorKey::Ed25519(bytes) => typed(json, "tendermint/PubKeyEd25519", |json| json.base64(bytes)),
        ValidatorKey::Secp256k1(bytes) => typed(json, "tendermint/PubKeySecp256k1", |json| json.base64(bytes)),
    }
}

pub(crate) fn validator(json: &mut Json, validator: &Validator) {
    json.object(|object| {
        object.hex("address", validator.address());
        public_key(object.key("pub_key"), &validator.key);
        object.quoted("voting_power", validator.power);
        object.quoted("proposer_priority", validator.priority);
    });
}

pub(crate) fn raw_validator(json: &mut Json, validator: &raw::Validator) {
    json.object(|object| {
        object.hex("address", &validator.address);
        match key_from_raw(validator.pub_key.as_ref()) {
            Ok(key) => public_key(object.key("pub_key"), &key),
            Err(_) => object.null("pub_key"),
        }
        object.quoted("voting_power", validator.voting_power);
        object.quoted("proposer_priority", validator.proposer_priority);
    });
}

pub(crate) fn validator_set(json: &mut Json, set: &ValidatorSet) {
    json.object(|object| {
        object.key("validators").list(set.validators(), validator);
        match set.proposer() {
            Some(proposer) => validator(object.key("proposer"), proposer),
            None => object.null("proposer"),
        }
    });
}
