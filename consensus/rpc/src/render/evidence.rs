//! Evidence and votes (`types/evidence.go`, `types/vote.go`).

use plume_block::raw;
use raw::evidence::Sum;

use super::{block, validator};
use crate::json::Json;

pub(crate) fn evidence(json: &mut Json, evidence: &raw::Evidence) {
    match &evidence.sum {
        None => json.null(),
        Some(Sum::DuplicateVoteEvidence(evidence)) => {
            typed(json, "tendermint/DuplicateVoteEvidence", |json| duplicate_vote(json, evidence));
        }
        Some(Sum::LightClientAttackEvidence(evidence)) => {
            typed(json, "tendermint/LightClientAttackEvidence", |json| light_client_attack(json, evidence));
        }
    }
}

/// A value behind an interface: wrapped with its type's name.
pub(crate) fn typed(json: &mut Json, name: &str, value: impl FnOnce(&mut Json)) {
    json.object(|object| {
        object.string("type", name);
        value(object.key("value"));
    });
}

fn duplicate_vote(json: &mut Json, evidence: &raw::DuplicateVoteEvidence) {
    json.object(|object| {
        optional(object.key("vote_a"), evidence.vote_a.as_ref(), vote);
        optional(object.key("vote_b"), evidence.vote_b.as_ref(), vote);
        object.quoted("TotalVotingPower", evidence.total_voting_power);
        object.quoted("ValidatorPower", evidence.validator_power);
        object.time("Timestamp", evidence.timestamp.as_ref());
    });
}

fn light_client_attack(json: &mut Json, evidence: &raw::LightClientAttackEvidence) {
    json.object(|object| {
        optional(object.key("ConflictingBlock"), evidence.conflicting_block.as_ref(), |json, light_block| {
            json.object(|object| {
                optional(object.key("signed_header"), light_block.signed_header.as_ref(), |json, signed| {
                    json.object(|object| {
                        optional(object.key("header"), signed.header.as_ref(), block::header);
                        optional(object.key("commit"), signed.commit.as_ref(), block::commit);
                    });
                });
                optional(object.key("validator_set"), light_block.validator_set.as_ref(), |json, set| {
                    json.object(|object| {
                        object.key("validators").list(&set.validators, validator::raw_validator);
                        optional(object.key("proposer"), set.proposer.as_ref(), validator::raw_validator);
                    });
                });
            });
        });
        object.quoted("CommonHeight", evidence.common_height);
        object.key("ByzantineValidators").list(&evidence.byzantine_validators, validator::raw_validator);
        object.quoted("TotalVotingPower", evidence.total_voting_power);
        object.time("Timestamp", evidence.timestamp.as_ref());
    });
}

pub(crate) fn vote(json: &mut Json, vote: &raw::Vote) {
    json.object(|object| {
        object.number("type", vote.r#type);
        object.quoted("height", vote.height);
        object.number("round", vote.round);
        block::block_id(object.key("block_id"), vote.block_id.as_ref());
        object.time("timestamp", vote.timestamp.as_ref());
        object.hex("validator_address", &vote.validator_address);
        object.number("validator_index", vote.validator_index);
        object.base64("signature", &vote.signature);
        object.base64("extension", &vote.extension);
        object.base64("extension_signature", &vote.extension_signature);
    });
}

fn optional<T>(json: &mut Json, value: Option<&T>, write: impl FnOnce(&mut Json, &T)) {
    match value {
        Some(value) => write(json, value),
        None => json.null(),
    }
}
