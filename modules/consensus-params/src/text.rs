//! Protobuf's compact text form, as Go prints consensus parameters into the event.

use core::fmt::Write;

use plume_proto::tendermint::types::ConsensusParams;

/// `block:<max_bytes:200000 max_gas:-1 > validator:<pub_key_types:"ed25519" > ..`: each field is followed by a space,
/// default values are left out.
pub(crate) fn compact(params: &ConsensusParams) -> String {
    let mut out = String::new();
    if let Some(block) = &params.block {
        message(&mut out, "block", |out| {
            number(out, "max_bytes", block.max_bytes);
            number(out, "max_gas", block.max_gas);
        });
    }
    if let Some(evidence) = &params.evidence {
        message(&mut out, "evidence", |out| {
            number(out, "max_age_num_blocks", evidence.max_age_num_blocks);
            let age = evidence.max_age_duration.unwrap_or_default();
            message(out, "max_age_duration", |out| {
                number(out, "seconds", age.seconds);
                number(out, "nanos", age.nanos.into());
            });
            number(out, "max_bytes", evidence.max_bytes);
        });
    }
    if let Some(validator) = &params.validator {
        message(&mut out, "validator", |out| {
            for kind in &validator.pub_key_types {
                append(out, format_args!("pub_key_types:{kind:?} "));
            }
        });
    }
    if let Some(version) = &params.version {
        message(&mut out, "version", |out| {
            if version.app != 0 {
                append(out, format_args!("app:{} ", version.app));
            }
        });
    }
    if let Some(abci) = &params.abci {
        message(&mut out, "abci", |out| {
            number(out, "vote_extensions_enable_height", abci.vote_extensions_enable_height)
        });
    }
    out
}

fn message(out: &mut String, name: &str, fields: impl FnOnce(&mut String)) {
    append(out, format_args!("{name}:<"));
    fields(out);
    out.push_str("> ");
}

fn number(out: &mut String, name: &str, value: i64) {
    if value != 0 {
        append(out, format_args!("{name}:{value} "));
    }
}

fn append(out: &mut String, text: core::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use plume_proto::google::protobuf::Duration;
    use plume_proto::tendermint::types::{AbciParams, BlockParams, EvidenceParams, ValidatorParams, VersionParams};

    use super::*;

    /// Lines printed by `String()` of CometBFT v0.38.25's `ConsensusParams`.
    #[test]
    fn text_is_that_of_go() {
        let mut params = ConsensusParams {
            block: Some(BlockParams { max_bytes: 200_000, max_gas: -1 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 302_400,
                max_age_duration: Some(Duration { seconds: 1_814_400, nanos: 0 }),
                max_bytes: 10_000,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".into(), "secp256k1".into()] }),
            version: Some(VersionParams::default()),
            abci: None,
        };
        assert_eq!(
            compact(&params),
            "block:<max_bytes:200000 max_gas:-1 > evidence:<max_age_num_blocks:302400 \
             max_age_duration:<seconds:1814400 > max_bytes:10000 > validator:<pub_key_types:\"ed25519\" \
             pub_key_types:\"secp256k1\" > version:<> "
        );
        params.abci = Some(AbciParams { vote_extensions_enable_height: 5 });
        params.evidence.as_mut().unwrap().max_age_duration = Some(Duration { seconds: 1, nanos: 500_000_000 });
        params.evidence.as_mut().unwrap().max_bytes = 0;
        params.validator.as_mut().unwrap().pub_key_types.clear();
        assert_eq!(
            compact(&params),
            "block:<max_bytes:200000 max_gas:-1 > evidence:<max_age_num_blocks:302400 \
             max_age_duration:<seconds:1 nanos:500000000 > > validator:<> version:<> \
             abci:<vote_extensions_enable_height:5 > "
        );
        params.abci = Some(AbciParams::default());
        assert!(compact(&params).ends_with("version:<> abci:<> "));
    }
}
