//! CosmJS signs what we verify.

use plume_codec::{CodecError, SignerData, amino_json, sign_doc_amino, sign_doc_direct};
use plume_proto::Message;
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, TxBody};

use crate::vectors::{bytes, list, load, text};

#[test]
fn sign_docs_equal_those_of_cosmjs() {
    let vectors = load("sign-docs.json");
    for vector in list(&vectors, "sign_docs") {
        let (body_bytes, auth_info_bytes) = (bytes(vector, "body"), bytes(vector, "auth_info"));
        let body = TxBody::decode(&*body_bytes).expect("a body");
        let fee = AuthInfo::decode(&*auth_info_bytes).expect("auth info").fee.expect("a fee");
        let signer = SignerData {
            chain_id: text(vector, "chain_id"),
            account_number: vector["account_number"].as_u64().expect("a number"),
            sequence: vector["sequence"].as_u64().expect("a number"),
        };

        let direct = sign_doc_direct(&body_bytes, &auth_info_bytes, signer.chain_id, signer.account_number);
        let amino = sign_doc_amino(&body_bytes, &body, &fee, &signer).expect("has amino JSON");

        assert_eq!(hex::encode(direct), text(vector, "direct"), "{}", vector["name"]);
        let expected = text(vector, "amino");
        assert_eq!(String::from_utf8(amino).expect("text"), expected, "{}", vector["name"]);
    }
}

#[test]
fn public_keys_have_the_amino_json_of_cosmjs() {
    let vectors = load("sign-docs.json");
    for vector in list(&vectors, "public_keys") {
        let amino = amino_json(text(vector, "type_url"), &bytes(vector, "value")).expect("has amino JSON");
        assert_eq!(String::from_utf8(amino).expect("text"), text(vector, "amino"));
    }
}

const SIGNER: SignerData<'_> = SignerData { chain_id: "c", account_number: 0, sequence: 0 };

fn amino_text(body: &TxBody) -> Result<String, CodecError> {
    let document = sign_doc_amino(&body.encode_to_vec(), body, &Fee::default(), &SIGNER)?;
    Ok(String::from_utf8(document).expect("text"))
}

/// Go escapes the two line separators of JavaScript; CosmJS does not, so no vector covers them.
#[test]
fn line_separators_are_escaped_as_go_does() {
    let body = TxBody { memo: "a\u{2028}b\u{2029}".into(), ..Default::default() };
    assert_eq!(
        amino_text(&body).expect("has amino JSON"),
        r#"{"account_number":"0","chain_id":"c","fee":{"amount":[],"gas":"0"},"memo":"a\u2028b\u2029","msgs":[],"sequence":"0"}"#
    );
}

#[test]
fn amino_mode_refuses_what_its_json_does_not_show() {
    let any = plume_proto::any(&MsgSend::default());
    for body in [
        TxBody { extension_options: vec![any.clone()], ..Default::default() },
        TxBody { non_critical_extension_options: vec![any], ..Default::default() },
    ] {
        assert_eq!(
            amino_text(&body).expect_err("options are not in the JSON").to_string(),
            "SIGN_MODE_LEGACY_AMINO_JSON does not support protobuf extension options: invalid request"
        );
    }
    for body in [
        TxBody { unordered: true, ..Default::default() },
        TxBody { timeout_timestamp: Some(Default::default()), ..Default::default() },
    ] {
        assert!(matches!(amino_text(&body), Err(CodecError::AminoUnsupported { .. })));
    }
    // Field 1024, empty: non-critical, but unknown.
    let error = sign_doc_amino(&[0x82, 0x40, 0], &TxBody::default(), &Fee::default(), &SIGNER);
    assert!(matches!(error, Err(CodecError::UnknownField { number: 1024, .. })));
}
