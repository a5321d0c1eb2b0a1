//! Cosmos SDK 0.50 encodes as we do.

use plume_codec::{NonCritical, amino_json, from_json, reject_unknown, signers, to_json};
use plume_proto::Message;
use plume_proto::cosmos::bank::v1beta1::{Input, MsgMultiSend, MsgSend, MsgUpdateParams};

use crate::vectors::{bytes, list, load, text};

#[test]
fn json_of_messages_equals_the_gateways() {
    let vectors = load("messages.json");
    for vector in list(&vectors, "messages") {
        let (name, wire) = (text(vector, "type"), bytes(vector, "wire"));
        let json = to_json(name, &wire).unwrap_or_else(|error| panic!("{name}: {error}"));
        // As text, so that the order of fields counts too.
        assert_eq!(json.to_string(), vector["json"].to_string(), "{name}");
    }
}

#[test]
fn messages_read_from_json_have_the_bytes_of_the_sdk() {
    let vectors = load("messages.json");
    for vector in list(&vectors, "messages") {
        let name = text(vector, "type");
        let wire = from_json(name, &vector["json"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex::encode(wire), text(vector, "wire"), "{name}");
    }
}

#[test]
fn amino_json_equals_the_sdks() {
    let vectors = load("messages.json");
    let mut compared = 0;
    for vector in list(&vectors, "messages") {
        let (name, wire) = (text(vector, "type"), bytes(vector, "wire"));
        let ours = amino_json(name, &wire).map(|json| String::from_utf8(json).expect("text"));
        match vector.get("amino") {
            Some(amino) => {
                assert_eq!(ours.as_deref(), Ok(amino.as_str().expect("text")), "{name}");
                compared += 1;
            }
            None => assert!(ours.is_err(), "{name} has no amino JSON in the SDK, but {ours:?} here"),
        }
    }
    assert!(compared > 30);
}

#[test]
fn unknown_fields_are_refused_with_the_sdks_words() {
    let vectors = load("messages.json");
    for vector in list(&vectors, "refusals") {
        let allow = vector["allow_non_critical"].as_bool().expect("a flag");
        let non_critical = if allow { NonCritical::Allow } else { NonCritical::Reject };
        let outcome = reject_unknown(text(vector, "type"), &bytes(vector, "wire"), non_critical);
        let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, text(vector, "error"), "{}", vector["name"]);
    }
}

#[test]
fn unknown_non_critical_fields_are_reported() {
    let body = "cosmos.tx.v1beta1.TxBody";
    assert_eq!(reject_unknown(body, &[0x82, 0x40, 0], NonCritical::Allow), Ok(true));
    assert_eq!(reject_unknown(body, &[0x18, 7], NonCritical::Allow), Ok(false));
}

#[test]
fn fields_of_sdk_0_53_are_known_so_that_they_can_be_refused_by_name() {
    // unordered = true, timeout_timestamp = {seconds: 1}.
    let body = [0x20, 1, 0x2a, 2, 0x08, 1];
    assert_eq!(reject_unknown("cosmos.tx.v1beta1.TxBody", &body, NonCritical::Reject), Ok(false));
}

#[test]
fn signers_come_in_the_order_of_the_message_and_once() {
    let url = |name: &str| format!("/cosmos.bank.v1beta1.{name}");
    let input = |address: &str| Input { address: address.into(), coins: vec![] };

    let send = MsgSend { from_address: "alice".into(), to_address: "bob".into(), amount: vec![] };
    assert_eq!(signers(&url("MsgSend"), &send.encode_to_vec()), Ok(vec!["alice".into()]));

    let update = MsgUpdateParams { authority: "gov".into(), params: None };
    assert_eq!(signers(&url("MsgUpdateParams"), &update.encode_to_vec()), Ok(vec!["gov".into()]));

    let inputs = vec![input("bob"), input("alice"), input("bob"), input("")];
    let multi = MsgMultiSend { inputs, outputs: vec![] };
    let expected = vec!["bob".into(), "alice".into(), String::new()];
    assert_eq!(signers(&url("MsgMultiSend"), &multi.encode_to_vec()), Ok(expected));

    let many: Vec<_> = (0..40).map(|index| format!("a{}", index % 20)).collect();
    let multi = MsgMultiSend { inputs: many.iter().map(|address| input(address)).collect(), outputs: vec![] };
    assert_eq!(signers(&url("MsgMultiSend"), &multi.encode_to_vec()), Ok(many[..20].to_vec()));

    // No field at all: the empty address, which nobody can sign for. Of two texts the last one counts.
    assert_eq!(signers(&url("MsgSend"), &[]), Ok(vec![String::new()]));
    assert_eq!(signers(&url("MsgSend"), &[0x0a, 1, b'a', 0x0a, 1, b'b']), Ok(vec!["b".into()]));

    for (type_url, bytes, text) in [
        ("/x.Y", &[][..], "unable to resolve type URL /x.Y"),
        (
            "/cosmos.crypto.secp256k1.PubKey",
            &[],
            "no cosmos.msg.v1.signer option found for message cosmos.crypto.secp256k1.PubKey",
        ),
        ("/cosmos.bank.v1beta1.MsgSend", &[0x0a, 1, 0xff], "cosmos.bank.v1beta1.MsgSend: signer is not UTF-8"),
        ("/cosmos.bank.v1beta1.MsgSend", &[0x08, 1], "cosmos.bank.v1beta1.MsgSend: signer has the wrong wire type"),
        ("/cosmos.bank.v1beta1.MsgSend", &[0x0a, 9], "invalid length"),
    ] {
        assert_eq!(signers(type_url, bytes).expect_err("no signers").to_string(), text);
    }
}
