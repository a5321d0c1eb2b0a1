//! Headers, commits and blocks (`types/block.go`).

use plume_block::{FullBlock, raw};

use super::evidence;
use crate::json::Json;

pub(crate) fn part_set_header(json: &mut Json, parts: Option<&raw::PartSetHeader>) {
    json.object(|object| {
        object.number("total", parts.map_or(0, |parts| parts.total));
        object.hex("hash", parts.map_or(&[], |parts| &parts.hash));
    });
}

pub(crate) fn block_id(json: &mut Json, id: Option<&raw::BlockId>) {
    json.object(|object| {
        object.hex("hash", id.map_or(&[], |id| &id.hash));
        part_set_header(object.key("parts"), id.and_then(|id| id.part_set_header.as_ref()));
    });
}

pub(crate) fn header(json: &mut Json, header: &raw::Header) {
    json.object(|object| {
        object.object("version", |object| {
            let version = header.version.unwrap_or_default();
            object.quoted("block", version.block);
            // `omitempty` in the generated type.
            if version.app != 0 {
                object.quoted("app", version.app);
            }
        });
        object.string("chain_id", &header.chain_id);
        object.quoted("height", header.height);
        object.time("time", header.time.as_ref());
        block_id(object.key("last_block_id"), header.last_block_id.as_ref());
        object.hex("last_commit_hash", &header.last_commit_hash);
        object.hex("data_hash", &header.data_hash);
        object.hex("validators_hash", &header.validators_hash);
        object.hex("next_validators_hash", &header.next_validators_hash);
        object.hex("consensus_hash", &header.consensus_hash);
        object.hex("app_hash", &header.app_hash);
        object.hex("last_results_hash", &header.last_results_hash);
        object.hex("evidence_hash", &header.evidence_hash);
        object.hex("proposer_address", &header.proposer_address);
    });
}

pub(crate) fn commit(json: &mut Json, commit: &raw::Commit) {
    json.object(|object| {
        object.quoted("height", commit.height);
        object.number("round", commit.round);
        block_id(object.key("block_id"), commit.block_id.as_ref());
        object.key("signatures").list(&commit.signatures, |json, signature| {
            json.object(|object| {
                object.number("block_id_flag", signature.block_id_flag);
                object.hex("validator_address", &signature.validator_address);
                object.time("timestamp", signature.timestamp.as_ref());
                object.base64("signature", &signature.signature);
            });
        });
    });
}

pub(crate) fn block(json: &mut Json, block: &FullBlock) {
    json.object(|object| {
        header(object.key("header"), block.header());
        object.object("data", |object| {
            object.key("txs").list(block.txs(), |json, tx| transaction(json, tx));
        });
        object.object("evidence", |object| {
            object.key("evidence").list(&block.evidence().evidence, evidence::evidence);
        });
        commit(object.key("last_commit"), block.last_commit());
    });
}

/// A transaction of a list; an empty one is a nil slice after decoding only where it stands alone.
pub(crate) fn transaction(json: &mut Json, tx: &[u8]) {
    if tx.is_empty() { json.string("") } else { json.base64(tx) }
}
