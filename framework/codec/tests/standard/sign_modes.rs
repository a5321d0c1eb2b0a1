//! Every sign mode against the SDK's own code.

use std::convert::Infallible;

use plume_codec::{
    CodecError, SignerData, TextualError, TextualSigner, sign_doc_amino, sign_doc_direct, sign_doc_direct_aux,
    sign_doc_textual,
};
use plume_proto::cosmos::bank::v1beta1::{DenomUnit, Metadata};
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, TxBody};
use plume_proto::{Any, Message};

use crate::descriptors::install;
use crate::{text, vectors};

/// What the state says about denominations; the program that made the vectors has the same.
fn known(denom: &str) -> Result<Option<Metadata>, Infallible> {
    let metadata = |display: &str, units: &[(&str, u32)]| Metadata {
        base: denom.to_owned(),
        display: display.to_owned(),
        denom_units: units
            .iter()
            .map(|(denom, exponent)| DenomUnit { denom: (*denom).to_owned(), exponent: *exponent, aliases: vec![] })
            .collect(),
        ..Metadata::default()
    };
    Ok(match denom {
        "uplume" => Some(metadata("plume", &[("uplume", 0), ("mplume", 3), ("plume", 6)])),
        "aether" => Some(metadata("ether", &[("aether", 0), ("ether", 20)])),
        "odd" => Some(metadata("even", &[])),
        "tiny" => Some(metadata("manytiny", &[("tiny", 0), ("manytiny", 36)])),
        "wee" => Some(metadata("manywee", &[("wee", 0), ("manywee", 37)])),
        _ => None,
    })
}

#[test]
fn sign_bytes_of_every_mode_are_the_sdks() {
    install();
    let all = vectors("sign-modes.json");
    let mut compared = [0; 4];
    let mut refused = 0;
    for case in all.as_array().expect("a list") {
        let name = text(case, "name");
        let bytes = |key: &str| hex::decode(text(case, key)).expect("hex");
        let (body_bytes, auth_info_bytes) = (bytes("body"), bytes("auth_info"));
        let body = TxBody::decode(&*body_bytes).expect("a body");
        let auth_info = AuthInfo::decode(&*auth_info_bytes).expect("auth info");
        let number = |key: &str| case[key].as_u64().expect("a number");
        let signer = SignerData {
            chain_id: text(case, "chain_id"),
            account_number: number("account_number"),
            sequence: number("sequence"),
        };
        let public_key = Any {
            type_url: case["public_key"][0].as_str().expect("a type").to_owned(),
            value: hex::decode(case["public_key"][1].as_str().expect("hex")).expect("hex"),
        };
        let screens = TextualSigner {
            address: text(case, "address"),
            chain_id: signer.chain_id,
            account_number: signer.account_number,
            sequence: signer.sequence,
            public_key: &public_key,
        };
        let made = [
            Ok(sign_doc_direct(&body_bytes, &auth_info_bytes, signer.chain_id, signer.account_number)),
            Ok(sign_doc_direct_aux(&body_bytes, &public_key, &signer)),
            sign_doc_amino(&body_bytes, &body, &auth_info.fee.unwrap_or_default(), &signer),
            sign_doc_textual(&body_bytes, &auth_info_bytes, &screens, &mut known).map_err(|error| match error {
                TextualError::Codec(error) => error,
                TextualError::Metadata(never) => match never {},
            }),
        ];
        for (index, (mode, made)) in ["direct", "direct-aux", "amino-json", "textual"].into_iter().zip(made).enumerate()
        {
            if name == "plume.toy.v1.MsgShow, packed values" && mode == "amino-json" {
                // Stricter than the SDK: what no interface admits is in no transaction.
                assert_eq!(made, Err(CodecError::UnknownType("/google.protobuf.Duration".to_owned())));
                continue;
            }
            if let Some(signed) = case["signed"][mode].as_str() {
                let made = made.unwrap_or_else(|error| panic!("{name}, {mode}: {error}"));
                let shown =
                    if mode == "amino-json" { String::from_utf8(made).expect("UTF-8") } else { hex::encode(made) };
                assert_eq!(shown, signed, "{name}, {mode}");
                compared[index] += 1;
            } else if mode != "direct-aux" && name != "plume.toy.v1.MsgPlay" {
                // Who may sign as an auxiliary is the chain's to judge; and what the SDK has no rendering for, other
                // kinds of integers, has one by its specification.
                let error = made.expect_err(name);
                assert!(
                    matches!(error, CodecError::AminoUnsupported { .. } | CodecError::TextualUnsupported { .. }),
                    "{name}, {mode}: {error}"
                );
                refused += 1;
            }
        }
    }
    assert_eq!((compared, refused), ([28, 3, 25, 26], 2));
}
