//! Consensus parameters: whole (`types/params.go`), and as a block's update (`proto/tendermint/types`).

use plume_block::raw;

use crate::json::Json;

/// The parameters in force. What is absent counts as zero, as in Go.
pub(crate) fn params(json: &mut Json, params: &raw::ConsensusParams) {
    let block = params.block.unwrap_or_default();
    let evidence = params.evidence.unwrap_or_default();
    json.object(|object| {
        object.object("block", |object| {
            object.quoted("max_bytes", block.max_bytes);
            object.quoted("max_gas", block.max_gas);
        });
        object.object("evidence", |object| {
            object.quoted("max_age_num_blocks", evidence.max_age_num_blocks);
            object.quoted("max_age_duration", nanos(&evidence));
            object.quoted("max_bytes", evidence.max_bytes);
        });
        object.object("validator", |object| {
            let types = params.validator.as_ref().map_or(&[][..], |validator| &validator.pub_key_types);
            object.key("pub_key_types").list_or_null(types.iter(), |json, name| json.string(name));
        });
        object.object("version", |object| object.quoted("app", params.version.unwrap_or_default().app));
        object.object("abci", |object| {
            let height = params.abci.unwrap_or_default().vote_extensions_enable_height;
            object.quoted("vote_extensions_enable_height", height);
        });
    });
}

/// What a block changed: absent sections and zeros are left out.
pub(crate) fn params_update(json: &mut Json, params: &raw::ConsensusParams) {
    json.object(|object| {
        if let Some(block) = &params.block {
            object.object("block", |object| {
                nonzero(object, "max_bytes", block.max_bytes);
                nonzero(object, "max_gas", block.max_gas);
            });
        }
        if let Some(evidence) = &params.evidence {
            object.object("evidence", |object| {
                nonzero(object, "max_age_num_blocks", evidence.max_age_num_blocks);
                object.quoted("max_age_duration", nanos(evidence));
                nonzero(object, "max_bytes", evidence.max_bytes);
            });
        }
        if let Some(validator) = &params.validator {
            object.object("validator", |object| {
                if !validator.pub_key_types.is_empty() {
                    object.key("pub_key_types").list(&validator.pub_key_types, |json, name| json.string(name));
                }
            });
        }
        if let Some(version) = &params.version {
            object.object("version", |object| {
                if version.app != 0 {
                    object.quoted("app", version.app);
                }
            });
        }
        if let Some(abci) = &params.abci {
            object.object("abci", |object| {
                nonzero(object, "vote_extensions_enable_height", abci.vote_extensions_enable_height);
            });
        }
    });
}

fn nonzero(object: &mut crate::json::Object<'_>, name: &str, value: i64) {
    if value != 0 {
        object.quoted(name, value);
    }
}

/// Go's `time.Duration`: nanoseconds.
fn nanos(evidence: &raw::EvidenceParams) -> i128 {
    evidence
        .max_age_duration
        .map_or(0, |duration| i128::from(duration.seconds) * 1_000_000_000 + i128::from(duration.nanos))
}
