//! Evidence in a request: JSON to protobuf, and the checks that need no state (`types/evidence.go`, `types/vote.go`).

use plume_block::raw;
use plume_primitives::Timestamp;
use prost::Message;
use raw::evidence::Sum;
use sha2::{Digest, Sha256};
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;

use super::value::{Type, Value};
use crate::json::{self, Kind};

/// `MaxSignatureSize`.
const MAX_SIGNATURE: usize = 64;

/// Reads `{"type":"tendermint/DuplicateVoteEvidence","value":{..}}`.
///
/// # Errors
/// CometBFT's text where it has one.
pub(super) fn read(text: &[u8]) -> Result<raw::Evidence, String> {
    json::validate(text).map_err(|error| error.to_string())?;
    match json::kind(text) {
        Kind::Object => {}
        other => {
            return Err(format!("json: cannot unmarshal {} into Go value of type json.interfaceWrapper", other.name()));
        }
    }
    let name = json::object_member(text, "type").map(json::text).unwrap_or_default();
    if name.is_empty() {
        return Err("interface type cannot be empty".to_owned());
    }
    let value = json::object_member(text, "value").ok_or("interface value cannot be empty")?;
    match name.as_ref() {
        "tendermint/DuplicateVoteEvidence" => {
            duplicate_vote(value).map(|evidence| raw::Evidence { sum: Some(Sum::DuplicateVoteEvidence(evidence)) })
        }
        // Light clients report attacks over the peer protocol of CometBFT; this engine's blocks cannot hold them.
        "tendermint/LightClientAttackEvidence" => Err(format!("invalid type {name:?} for this value")),
        _ => Err(format!("unknown type {name:?}")),
    }
}

/// The hash under which evidence is known.
pub(crate) fn hash(evidence: &raw::Evidence) -> Vec<u8> {
    match &evidence.sum {
        Some(Sum::DuplicateVoteEvidence(evidence)) => Sha256::digest(evidence.encode_to_vec()).to_vec(),
        _ => Vec::new(),
    }
}

/// `ValidateBasic`.
///
/// # Errors
/// The text behind `evidence.ValidateBasic failed: `.
pub(crate) fn validate(evidence: &raw::Evidence) -> Result<(), String> {
    let Some(Sum::DuplicateVoteEvidence(evidence)) = &evidence.sum else { return Ok(()) };
    let (Some(a), Some(b)) = (&evidence.vote_a, &evidence.vote_b) else {
        let shown = |vote: &Option<raw::Vote>| if vote.is_some() { "Vote" } else { "nil-Vote" };
        return Err(format!(
            "one or both of the votes are empty {}, {}",
            shown(&evidence.vote_a),
            shown(&evidence.vote_b)
        ));
    };
    validate_vote(a).map_err(|error| format!("invalid VoteA: {error}"))?;
    validate_vote(b).map_err(|error| format!("invalid VoteB: {error}"))?;
    if key(a) >= key(b) {
        return Err("duplicate votes in invalid order".to_owned());
    }
    Ok(())
}

/// `BlockID.Key`: the hash and the encoded part-set header.
fn key(vote: &raw::Vote) -> Vec<u8> {
    let id = vote.block_id.clone().unwrap_or_default();
    [id.hash, id.part_set_header.unwrap_or_default().encode_to_vec()].concat()
}

fn validate_vote(vote: &raw::Vote) -> Result<(), String> {
    let fail = |text: &str| Err(text.to_owned());
    if !matches!(vote.r#type, 1 | 2) {
        return fail("invalid Type");
    }
    if vote.height <= 0 {
        return fail("negative or zero Height");
    }
    if vote.round < 0 {
        return fail("negative Round");
    }
    let id = vote.block_id.clone().unwrap_or_default();
    let parts = id.part_set_header.clone().unwrap_or_default();
    if !matches!(id.hash.len(), 0 | 32) {
        return fail("wrong BlockID: wrong Hash");
    }
    if !matches!(parts.hash.len(), 0 | 32) {
        return Err(format!(
            "wrong BlockID: wrong PartSetHeader: wrong Hash: expected size to be 32 bytes, got {} bytes",
            parts.hash.len()
        ));
    }
    let zero = id.hash.is_empty() && parts.total == 0 && parts.hash.is_empty();
    let complete = !id.hash.is_empty() && parts.total > 0 && !parts.hash.is_empty();
    if !zero && !complete {
        let fingerprint: String = hex::encode_upper(&parts.hash).chars().take(12).collect(); // padded to six bytes
        let id = format!("{}:{}:{fingerprint:0<12}", hex::encode_upper(&id.hash), parts.total);
        return Err(format!("blockID must be either empty or complete, got: {id}"));
    }
    if vote.validator_address.len() != 20 {
        return Err(format!(
            "expected ValidatorAddress size to be 20 bytes, got {} bytes",
            vote.validator_address.len()
        ));
    }
    if vote.validator_index < 0 {
        return fail("negative ValidatorIndex");
    }
    if vote.signature.is_empty() {
        return fail("signature is missing");
    }
    if vote.signature.len() > MAX_SIGNATURE {
        return Err(format!("signature is too big (max: {MAX_SIGNATURE})"));
    }
    if (vote.r#type != 2 || zero) && !vote.extension.is_empty() {
        return Err(format!("unexpected vote extension; vote type {}, isNil {zero}", vote.r#type));
    }
    if (vote.r#type != 2 || zero) && !vote.extension_signature.is_empty() {
        return fail("unexpected vote extension signature");
    }
    Ok(())
}

fn duplicate_vote(value: &[u8]) -> Result<raw::DuplicateVoteEvidence, String> {
    let fields = Fields::of(value)?;
    Ok(raw::DuplicateVoteEvidence {
        vote_a: fields.get("vote_a").map(vote).transpose()?,
        vote_b: fields.get("vote_b").map(vote).transpose()?,
        total_voting_power: fields.int64("TotalVotingPower")?,
        validator_power: fields.int64("ValidatorPower")?,
        timestamp: fields.time("Timestamp")?,
    })
}

fn vote(value: &[u8]) -> Result<raw::Vote, String> {
    let fields = Fields::of(value)?;
    let block_id = fields.get("block_id").map(block_id).transpose()?.unwrap_or_default();
    Ok(raw::Vote {
        r#type: fields.int32("type", "types.SignedMsgType")?,
        height: fields.int64("height")?,
        round: fields.int32("round", "int32")?,
        block_id: Some(block_id),
        timestamp: fields.time("timestamp")?,
        validator_address: fields.bytes("validator_address", Type::Hex)?,
        validator_index: fields.int32("validator_index", "int32")?,
        signature: fields.bytes("signature", Type::Bytes)?,
        extension: fields.bytes("extension", Type::Bytes)?,
        extension_signature: fields.bytes("extension_signature", Type::Bytes)?,
    })
}

fn block_id(value: &[u8]) -> Result<raw::BlockId, String> {
    let fields = Fields::of(value)?;
    let parts = match fields.get("parts") {
        None => raw::PartSetHeader::default(),
        Some(parts) => {
            let fields = Fields::of(parts)?;
            let total = fields.get("total").map_or(Ok(0), |total| number(total, "uint32"))?;
            raw::PartSetHeader { total, hash: fields.bytes("hash", Type::Hex)? }
        }
    };
    Ok(raw::BlockId { hash: fields.bytes("hash", Type::Hex)?, part_set_header: Some(parts) })
}

/// The members of an object that is decoded into a struct: exact names, the last of several.
struct Fields<'a>(Vec<(std::borrow::Cow<'a, str>, &'a [u8])>);

impl<'a> Fields<'a> {
    fn of(value: &'a [u8]) -> Result<Self, String> {
        match json::kind(value) {
            Kind::Object => Ok(Self(json::object(value))),
            other => {
                Err(format!("json: cannot unmarshal {} into Go value of type map[string]json.RawMessage", other.name()))
            }
        }
    }

    /// Nothing for `null`, which leaves a field at its zero value.
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        let value = self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)?;
        (value != b"null").then_some(value)
    }

    fn int64(&self, name: &str) -> Result<i64, String> {
        match self.get(name).map(|value| Type::Int64.read(value)).transpose()? {
            Some(Value::Int(Some(number))) => Ok(number),
            _ => Ok(0),
        }
    }

    fn int32(&self, name: &str, type_name: &str) -> Result<i32, String> {
        self.get(name).map_or(Ok(0), |value| number(value, type_name))
    }

    fn bytes(&self, name: &str, kind: Type) -> Result<Vec<u8>, String> {
        match self.get(name).map(|value| kind.read(value)).transpose()? {
            Some(Value::Bytes(bytes)) => Ok(bytes.to_vec()),
            _ => Ok(Vec::new()),
        }
    }

    /// Always present, as in Go: absent is the zero time.
    fn time(&self, name: &str) -> Result<Option<RawTimestamp>, String> {
        let time = match self.get(name) {
            None => Timestamp::GO_ZERO,
            Some(value) => {
                let shown = || super::go::quote(value);
                if json::kind(value) != Kind::String {
                    return Err(format!("JSON time must be an RFC3339 string, but got {}", shown()));
                }
                let text = json::text(value);
                if !text.ends_with('Z') {
                    return Err(format!("JSON time must be UTC and end with 'Z', but got {}", shown()));
                }
                text.parse().map_err(|_| format!("parsing time {}", shown()))?
            }
        };
        let nanos = i32::try_from(time.nanos()).unwrap_or(0);
        Ok(Some(RawTimestamp { seconds: time.seconds(), nanos }))
    }
}

/// A number of at most 32 bits, bare.
fn number<N: std::str::FromStr>(value: &[u8], type_name: &str) -> Result<N, String> {
    let error = |what: &str| format!("json: cannot unmarshal {what} into Go value of type {type_name}");
    match json::kind(value) {
        Kind::Number => {
            let digits = String::from_utf8_lossy(json::trim(value));
            digits.parse().map_err(|_| error(&format!("number {digits}")))
        }
        other => Err(error(other.name())),
    }
}
