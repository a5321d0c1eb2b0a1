use plume_client::{
    HdPath, Mnemonic, SignMode, Signer, TxDraft, TxError, combine_multisig, decode_tx, descriptors_from_json,
    descriptors_to_json, encode_tx, require_valid, require_valid_asking, required_signers, sign,
    sign_as_multisig_member, sign_asking, sign_bytes, simulate_request, tx_from_json, tx_hash, tx_to_json,
};
use plume_crypto::{PrivateKey, PublicKey, SignatureData};
use plume_primitives::{Bech32Prefix, Gas};
use plume_proto::cosmos::bank::v1beta1::{DenomUnit, Input, Metadata, MsgMultiSend, MsgSend, Output};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::Tx;

use crate::mnemonic::FAUCET;

fn cosmos() -> Bech32Prefix {
    Bech32Prefix::new("cosmos").expect("a prefix")
}

fn faucet() -> PrivateKey {
    Mnemonic::parse(FAUCET).expect("valid words").derive("", &HdPath::default()).expect("a key")
}

fn secret(seed: u8) -> PrivateKey {
    PrivateKey::secp256k1(&[seed; 32]).expect("in range")
}

fn address(key: &PublicKey) -> String {
    cosmos().account(&key.address())
}

fn send_from(from: &PublicKey) -> TxDraft {
    let message = MsgSend {
        from_address: address(from),
        to_address: "cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu".to_owned(),
        amount: vec![Coin { denom: "ucosm".to_owned(), amount: "1234567".to_owned() }],
    };
    TxDraft::new(&message).fee("2000ucosm".parse().expect("coins"))
}

const CHAIN: Signer<'_> = Signer { chain_id: "simd-testing", account_number: 1, sequence: 0 };

/// A node that no mode but the textual one may ask.
fn unasked(denom: &str) -> Result<Option<Metadata>, String> {
    panic!("asked for {denom}")
}

/// Checks every signature of a complete transaction as the chain does.
fn require_all_valid(tx: &Tx, signers: &[Signer<'_>]) -> Result<(), TxError> {
    let auth_info = tx.auth_info.as_ref().expect("auth info");
    assert_eq!(auth_info.signer_infos.len(), tx.signatures.len());
    assert_eq!(signers.len(), tx.signatures.len());
    for ((info, signature), signer) in auth_info.signer_infos.iter().zip(&tx.signatures).zip(signers) {
        let key = PublicKey::from_any(info.public_key.as_ref().expect("a key")).expect("valid");
        let data = SignatureData::from_proto(info.mode_info.as_ref(), &signature.clone().into()).expect("well formed");
        assert_eq!(info.sequence, signer.sequence);
        require_valid(tx, &key, &data, signer, &cosmos())?;
    }
    Ok(())
}

#[test]
fn direct_signatures_are_those_of_cosmjs() {
    // cosmjs packages/proto-signing testVectors; newer versions leave out empty fields as protobuf does.
    for (sequence, signature) in [
        (
            0u64,
            "c9dd20e07464d3a688ff4b710b1fbc027e495e797cfa0b4804da2ed117959227772de059808f765aa29b8f92edf30f4c2c5a438e30d3fe6897daa7141e3ce6f9",
        ),
        (
            1,
            "525adc7e61565a509c60497b798c549fbf217bb5cd31b24cc9b419d098cc95330c99ecc4bc72448f85c365a4e3f91299a3d40412fb3751bab82f1940a83a0a4c",
        ),
        (
            2,
            "f3f2ca73806f2abbf6e0fe85f9b8af66f0e9f7f79051fdb8abe5bb8633b17da132e82d577b9d5f7a6dae57a144efc9ccc6eef15167b44b3b22a57240109762af",
        ),
    ] {
        let mut tx = send_from(&faucet().public_key()).build();
        let signer = Signer { sequence, ..CHAIN };
        sign(&mut tx, &faucet(), SignMode::Direct, &signer, &cosmos()).expect("signed");
        assert_eq!(hex::encode(&tx.signatures[0]), signature);
        assert_eq!(require_all_valid(&tx, &[signer]), Ok(()));
    }
}

#[test]
fn amino_sign_bytes_are_the_sorted_json() {
    let mut tx = send_from(&faucet().public_key()).memo("hi & <bye>").timeout_height(9).build();
    let signer = Signer { sequence: 3, ..CHAIN };
    let bytes = sign_bytes(&tx, SignMode::AminoJson, &faucet().public_key(), &signer, &cosmos(), &mut unasked);
    let text = String::from_utf8(bytes.expect("sign bytes")).expect("text");
    assert_eq!(
        text,
        r#"{"account_number":"1","chain_id":"simd-testing","fee":{"amount":[{"amount":"2000","denom":"ucosm"}],"gas":"200000"},"memo":"hi \u0026 \u003cbye\u003e","msgs":[{"type":"cosmos-sdk/MsgSend","value":{"amount":[{"amount":"1234567","denom":"ucosm"}],"from_address":"cosmos1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmmk8rs6","to_address":"cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu"}}],"sequence":"3","timeout_height":"9"}"#
    );
    sign(&mut tx, &faucet(), SignMode::AminoJson, &signer, &cosmos()).expect("signed");
    assert_eq!(require_all_valid(&tx, &[signer]), Ok(()));
    let elsewhere = Signer { chain_id: "other-1", ..signer };
    assert!(matches!(require_all_valid(&tx, &[elsewhere]), Err(TxError::Signature { .. })));
}

#[test]
fn transactions_survive_bytes_base64_and_json() {
    let mut tx = send_from(&faucet().public_key()).gas(Gas(77_000)).build();
    assert_eq!(tx_from_json(&tx_to_json(&tx).expect("JSON").to_string()), Ok(tx.clone()), "unsigned");
    sign(&mut tx, &faucet(), SignMode::Direct, &CHAIN, &cosmos()).expect("signed");
    let bytes = encode_tx(&tx).expect("bytes");
    assert_eq!(decode_tx(&bytes), Ok(tx.clone()));
    let json = tx_to_json(&tx).expect("JSON");
    assert_eq!(json["body"]["messages"][0]["@type"], "/cosmos.bank.v1beta1.MsgSend");
    assert_eq!(json["auth_info"]["fee"]["gas_limit"], "77000");
    assert_eq!(tx_from_json(&json.to_string()), Ok(tx.clone()));
    use base64::Engine;
    assert_eq!(tx_from_json(&format!("{}\n", base64::prelude::BASE64_STANDARD.encode(&bytes))), Ok(tx));
    assert!(matches!(tx_from_json("?"), Err(TxError::NotATx(_))));
    assert!(matches!(tx_from_json("{\"body\": 1}"), Err(TxError::Codec(_))));
    assert_eq!(tx_hash(b"abc"), "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
}

#[test]
fn only_those_asked_may_sign() {
    let mut tx = send_from(&faucet().public_key()).build();
    let before = tx.clone();
    let error = sign(&mut tx, &secret(1), SignMode::Direct, &CHAIN, &cosmos()).expect_err("not asked");
    assert!(error.to_string().ends_with("needs cosmos1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmmk8rs6"), "{error}");
    assert_eq!(tx, before);
    let other_prefix = Bech32Prefix::new("plume").expect("a prefix");
    assert!(matches!(
        sign(&mut tx, &faucet(), SignMode::Direct, &CHAIN, &other_prefix),
        Err(TxError::SignerAddress { .. })
    ));
}

#[test]
fn several_signers_sign_in_any_order() {
    let coins = vec![Coin { denom: "ucosm".to_owned(), amount: "5".to_owned() }];
    let message = MsgMultiSend {
        inputs: vec![Input { address: address(&secret(2).public_key()), coins: coins.clone() }],
        outputs: vec![Output { address: address(&secret(1).public_key()), coins }],
    };
    let send = MsgSend {
        from_address: address(&secret(1).public_key()),
        to_address: address(&secret(2).public_key()),
        amount: vec![],
    };
    let draft = TxDraft::new(&message).and(&send).fee_payer(&address(&secret(3).public_key()));
    let mut tx = draft.build();
    let expected: Vec<_> = [2, 1, 3].map(|seed| secret(seed).public_key().address()).to_vec();
    assert_eq!(required_signers(&tx, &cosmos()), Ok(expected));
    assert_eq!(sign(&mut tx, &secret(1), SignMode::Direct, &CHAIN, &cosmos()), Err(TxError::NotTheLast(2)));
    let account = |seed: u8| Signer { account_number: seed.into(), sequence: u64::from(seed) * 10, ..CHAIN };
    for seed in [3, 2, 1, 3] {
        sign(&mut tx, &secret(seed), SignMode::AminoJson, &account(seed), &cosmos()).expect("signed");
    }
    assert_eq!(require_all_valid(&tx, &[account(2), account(1), account(3)]), Ok(()), "in the required order");
}

#[test]
fn who_pays_signs_last_and_directly_over_auxiliary_signatures() {
    let (alice, payer) = (secret(1), secret(3));
    let draft = send_from(&alice.public_key()).fee_payer(&address(&payer.public_key()));
    let mut tx = draft.build();
    let account = |number| Signer { account_number: number, ..CHAIN };
    let refused = sign(&mut tx, &payer, SignMode::DirectAux, &account(3), &cosmos());
    assert_eq!(refused, Err(TxError::AuxByPayer(address(&payer.public_key()))));
    assert_eq!(sign(&mut tx, &payer, SignMode::Direct, &account(3), &cosmos()), Err(TxError::NotTheLast(1)));
    sign(&mut tx, &alice, SignMode::DirectAux, &account(1), &cosmos()).expect("signed");
    // The fee is decided afterwards.
    tx.auth_info.as_mut().and_then(|auth| auth.fee.as_mut()).expect("a fee").gas_limit = 123;
    sign(&mut tx, &payer, SignMode::Direct, &account(3), &cosmos()).expect("signed");
    assert_eq!(require_all_valid(&tx, &[account(1), account(3)]), Ok(()));
    // The first signer pays where nobody is named.
    let mut own = send_from(&alice.public_key()).build();
    let refused = sign(&mut own, &alice, SignMode::DirectAux, &account(1), &cosmos());
    assert_eq!(refused, Err(TxError::AuxByPayer(address(&alice.public_key()))));
}

#[test]
fn screens_are_signed_with_what_the_node_says_about_denominations() {
    let mut tx = send_from(&faucet().public_key()).build();
    let unit = |denom: &str, exponent| DenomUnit { denom: denom.to_owned(), exponent, aliases: Vec::new() };
    let atom = |exponent| Metadata {
        base: "ucosm".to_owned(),
        display: "cosm".to_owned(),
        denom_units: vec![unit("ucosm", 0), unit("cosm", exponent)],
        ..Metadata::default()
    };
    let before = tx.clone();
    let alone = sign(&mut tx, &faucet(), SignMode::Textual, &CHAIN, &cosmos());
    assert_eq!(alone, Err(TxError::Denom("how ucosm is written for people must be asked of a node".to_owned())));
    assert_eq!(tx, before);
    let mut asked = Vec::new();
    let mut node = |denom: &str| {
        asked.push(denom.to_owned());
        Ok(Some(atom(6)))
    };
    sign_asking(&mut tx, &faucet(), SignMode::Textual, &CHAIN, &cosmos(), &mut node).expect("signed");
    assert_eq!(asked, ["ucosm", "ucosm"], "the message's coin, the fee's");
    let data = SignatureData::Single { mode: 2, signature: tx.signatures[0].clone().into() };
    let key = faucet().public_key();
    let judge = |exponent| {
        require_valid_asking(&tx, &key, &data, &CHAIN, &cosmos(), &mut |_: &str| Ok(Some(atom(exponent)))).is_ok()
    };
    assert_eq!((judge(6), judge(5)), (true, false));
}

fn group() -> PublicKey {
    PublicKey::multisig(2, [1, 2, 3].map(|seed| secret(seed).public_key()).to_vec()).expect("2 of 3")
}

#[test]
fn members_sign_apart_and_are_combined() {
    let mut tx = send_from(&group()).build();
    let signer = Signer { account_number: 8, sequence: 4, ..CHAIN };
    let by = |seed: u8| {
        let descriptor = sign_as_multisig_member(&tx, &secret(seed), &group(), &signer, &cosmos()).expect("signed");
        let json = descriptors_to_json(vec![descriptor.clone()]).expect("JSON");
        assert_eq!(json["signatures"][0]["data"]["single"]["mode"], "SIGN_MODE_LEGACY_AMINO_JSON");
        assert_eq!(json["signatures"][0]["sequence"], "4");
        assert_eq!(descriptors_from_json(&json.to_string()), Ok(vec![descriptor.clone()]));
        descriptor
    };
    let (one, three) = (by(1), by(3));
    let before = tx.clone();
    let alone = combine_multisig(&mut tx, &group(), std::slice::from_ref(&one), &signer, &cosmos());
    assert!(alone.expect_err("one of two").to_string().contains("signature size is incorrect 1"));
    let twice = combine_multisig(&mut tx, &group(), &[one.clone(), one.clone()], &signer, &cosmos());
    assert_eq!(twice, Err(TxError::TwiceSigned(0)));
    let moved = combine_multisig(
        &mut tx,
        &group(),
        &[one.clone(), three.clone()],
        &Signer { sequence: 5, ..signer },
        &cosmos(),
    );
    assert!(matches!(moved, Err(TxError::Signature { .. })));
    assert_eq!(tx, before, "a failure changes nothing");
    combine_multisig(&mut tx, &group(), &[three, one], &signer, &cosmos()).expect("combined");
    assert_eq!(require_all_valid(&tx, &[signer]), Ok(()));
}

#[test]
fn outsiders_cannot_sign_for_a_group() {
    let mut tx = send_from(&group()).build();
    let outsider = sign_as_multisig_member(&tx, &secret(9), &group(), &CHAIN, &cosmos());
    assert!(matches!(outsider, Err(TxError::NotAMember(_))));
    let single = sign_as_multisig_member(&tx, &secret(1), &secret(1).public_key(), &CHAIN, &cosmos());
    assert!(matches!(single, Err(TxError::NotAMultisig(_))));
    let larger = PublicKey::multisig(1, vec![secret(9).public_key()]).expect("1 of 1");
    let foreign = sign_as_multisig_member(&tx, &secret(9), &larger, &CHAIN, &cosmos()).expect("of another group");
    let result = combine_multisig(&mut tx, &group(), &[foreign], &CHAIN, &cosmos());
    assert!(matches!(result, Err(TxError::NotAMember(_))));
}

#[test]
fn simulation_carries_keys_and_empty_signatures() {
    let tx = send_from(&group()).build();
    let request = simulate_request(&tx, &[(group(), 4)]).expect("a request");
    let simulated = decode_tx(&request.tx_bytes).expect("a transaction");
    assert_eq!(simulated.body, tx.body);
    let info = &simulated.auth_info.expect("auth info").signer_infos[0];
    assert_eq!(info.sequence, 4);
    let data = SignatureData::from_proto(info.mode_info.as_ref(), &simulated.signatures[0].clone().into());
    let Ok(SignatureData::Multi { bits, signatures }) = data else { panic!("a threshold signature") };
    assert_eq!((bits.len(), bits.count_ones(), signatures.len()), (3, 2, 2), "gas depends on their number");
    let request = simulate_request(&tx, &[(secret(1).public_key(), 0)]).expect("a request");
    assert_eq!(decode_tx(&request.tx_bytes).expect("a transaction").signatures, [Vec::<u8>::new()]);
}
