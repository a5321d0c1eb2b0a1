use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plume_crypto::{Item, PrivateKey, PublicKey, Secp256k1, SignatureScheme};
use proptest::prelude::*;

/// n, the order of the curve's group.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

fn key() -> PrivateKey {
    PrivateKey::secp256k1(&[0x42; 32]).expect("in range")
}

fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let item = Item { key, message, signature };
    let verdict = Secp256k1.verify(item);
    assert_eq!(Secp256k1.verify_batch(&[item, item]), [verdict, verdict]);
    verdict
}

/// n - s, big endian.
fn negate(s: &[u8]) -> Vec<u8> {
    let order = hex::decode(ORDER).expect("hex");
    let (mut out, mut borrow) = (vec![0; 32], 0i16);
    for at in (0..32).rev() {
        let mut digit = i16::from(order[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(digit < 0);
        digit += 256 * borrow;
        out[at] = u8::try_from(digit).expect("a byte");
    }
    out
}

#[test]
fn signing_is_deterministic_and_verifies() {
    let public = key().public_key();
    let signature = key().sign(b"message");
    assert!(verify(public.single_bytes(), b"message", &signature));
    assert!(!verify(public.single_bytes(), b"messagf", &signature));
    assert_eq!(key().sign(b"message"), signature, "deterministic");
}

#[test]
fn high_s_is_refused() {
    let public = key().public_key();
    let signature = key().sign(b"message");
    let twin = [&signature[..32], &negate(&signature[32..])].concat();
    assert!(verify(public.single_bytes(), b"message", &signature));
    assert!(!verify(public.single_bytes(), b"message", &twin), "the twin would make a second transaction hash");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let public = key().public_key();
    let signature = key().sign(b"message");
    let (zero, order) = (vec![0; 32], hex::decode(ORDER).expect("hex"));
    for (r, s) in [
        (&zero[..], &signature[32..]),
        (&signature[..32], &zero[..]),
        (&order[..], &signature[32..]),
        (&signature[..32], &order[..]),
    ] {
        assert!(!verify(public.single_bytes(), b"message", &[r, s].concat()));
    }
}

#[test]
fn only_33_byte_keys_and_64_byte_signatures_count() {
    let public = key().public_key();
    let signature = key().sign(b"message");
    let full = secp256k1::PublicKey::from_slice(public.single_bytes()).expect("a point").serialize_uncompressed();
    assert!(!verify(&full, b"message", &signature), "an uncompressed key is no key");
    let mut no_point = [0xff; 33];
    no_point[0] = 2;
    assert!(!verify(&no_point, b"message", &signature));
    assert!(!verify(&[], b"message", &signature));
    assert!(!verify(public.single_bytes(), b"message", &signature[..63]));
    assert!(!verify(public.single_bytes(), b"message", &[&signature[..], &[0]].concat()));
    let der = secp256k1::ecdsa::Signature::from_compact(&signature).expect("64 bytes").serialize_der().to_vec();
    assert!(!verify(public.single_bytes(), b"message", &der));
}

#[test]
fn a_signature_made_by_cosmjs_is_valid() {
    // cosmjs packages/proto-signing/src/testutils: first vector of "faucet" in SIGN_MODE_DIRECT.
    let sign_bytes = hex::decode(
        "0a93010a90010a1c2f636f736d6f732e62616e6b2e763162657461312e4d736753656e6412700a2d636f736d6f7331706b707472653766646b6c366766727a6c65736a6a766878686c63337234676d6d6b38727336122d636f736d6f7331717970717870713971637273737a673270767871367273307a716733797963356c7a763778751a100a0575636f736d120731323334353637\
         12650a4e0a460a1f2f636f736d6f732e63727970746f2e736563703235366b312e5075624b657912230a21034f04181eeba35391b858633a765c4a0c189697b40d216354d50890d350c7029012040a02080112130a0d0a0575636f736d12043230303010c09a0c1a0c73696d642d74657374696e672001",
    );
    let Ok(sign_bytes) = sign_bytes else { panic!("hex") };
    let public = BASE64_STANDARD.decode("A08EGB7ro1ORuFhjOnZcSgwYlpe0DSFjVNUIkNNQxwKQ").expect("base64");
    let signature = hex::decode(
        "c9dd20e07464d3a688ff4b710b1fbc027e495e797cfa0b4804da2ed117959227772de059808f765aa29b8f92edf30f4c2c5a438e30d3fe6897daa7141e3ce6f9",
    ).expect("hex");
    assert!(verify(&public, &sign_bytes, &signature));
}

#[test]
fn secrets_out_of_range_are_refused() {
    assert!(PrivateKey::secp256k1(&[0; 32]).is_err());
    assert!(PrivateKey::secp256k1(&hex::decode(ORDER).expect("hex")).is_err());
    assert!(PrivateKey::secp256k1(&[1; 31]).is_err());
    assert!(matches!(key().public_key(), PublicKey::Secp256k1(_)));
    assert!(!format!("{:?}", key()).contains("4242"), "secrets are not printed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_changed_bit_invalidates(secret in any::<[u8; 32]>(), message in any::<Vec<u8>>(), bit in 0usize..512) {
        let Ok(key) = PrivateKey::secp256k1(&secret) else { return Ok(()) };
        let public = key.public_key();
        let mut signature = key.sign(&message);
        prop_assert!(verify(public.single_bytes(), &message, &signature));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verify(public.single_bytes(), &message, &signature));
    }

    #[test]
    fn arbitrary_bytes_never_panic(key in any::<Vec<u8>>(), message in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        prop_assert!(!verify(&key, &message, &signature));
    }
}
