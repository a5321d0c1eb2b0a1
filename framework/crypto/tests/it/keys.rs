use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plume_crypto::{PrivateKey, PublicKey, PublicKeyError, type_urls};
use plume_primitives::{Bech32Prefix, bech32};
use plume_proto::cosmos::crypto::{multisig, secp256k1};
use plume_proto::{Any, Message};
use proptest::prelude::*;

fn from_bech32(text: &str) -> PublicKey {
    PublicKey::from_amino(&bech32::decode(text).expect("Bech32").1).expect("a key")
}

/// The three keys of wasmd that CosmJS's multisig vectors are made of.
pub fn test_keys() -> [PublicKey; 3] {
    [
        from_bech32("wasmpub1addwnpepqwxttx8w2sfs6d8cuzqcuau84grp8xsw95qzdjkmvc44tnckskdxw3zw2km"),
        from_bech32("wasmpub1addwnpepq2gx7x7e29kge5a4ycunytyqr0u8ynql5h583s8r9wdads9m3v8ks6y0nhc"),
        from_bech32("wasmpub1addwnpepq0xfx5vavxmgdkn0p6x0l9p3udttghu3qcldd7ql08wa3xy93qq0xuzvtxc"),
    ]
}

#[test]
fn addresses_are_those_of_cosmjs() {
    let cosmos = Bech32Prefix::new("cosmos").expect("a prefix");
    let secp = BASE64_STANDARD.decode("AtQaCqFnshaZQp6rIkvAPyzThvCvXSDO+9AzbxVErqJP").expect("base64");
    let secp = PublicKey::Secp256k1(secp.try_into().expect("33 bytes"));
    assert_eq!(cosmos.account(&secp.address()), "cosmos1h806c7khnvmjlywdrkdgk2vrayy2mmvf9rxk2r");
    let ed = hex::decode("12ee6f581fe55673a1e9e1382a0829e32075a0aa4763c968bc526e1852e78c95").expect("hex");
    let ed = PublicKey::Ed25519(ed.try_into().expect("32 bytes"));
    assert_eq!(cosmos.account(&ed.address()), "cosmos1pfq05em6sfkls66ut4m2257p7qwlk448h8mysz");
    for (key, address) in test_keys().iter().zip([
        "9028577891aee00d15157444c069b4bc60bc764d",
        "aeb3454b420dcce3ef5ec08e7d3fada725c39558",
        "eeb861aa9b71c0838851fabac83650666f5220b0",
    ]) {
        assert_eq!(hex::encode(key.address().as_bytes()), address);
    }
}

#[test]
fn multisig_bytes_and_address_are_those_of_cosmjs_and_wasmd() {
    let [one, two, three] = test_keys();
    let group = PublicKey::multisig(2, vec![one.clone(), two.clone(), three.clone()]).expect("2 of 3");
    let wasm = Bech32Prefix::new("wasm").expect("a prefix");
    assert_eq!(wasm.account(&group.address()), "wasm1pzf2wlat97n7rykrk7e8g8nxste6hde0r8jqsy");
    for (threshold, keys, text) in [
        (
            2,
            vec![one.clone(), two.clone(), three.clone()],
            "wasmpub1ytql0csgqgfzd666axrjzquvkkvwu4qnp5603cyp3emc02sxzwdqutgqym9dke3t2h83dpv6vufzd666axrjzq5sdudaj5tv3nfm2f3exgkgqxlcwfxplf0g0rqwx2um6mqthzc0dqfzd666axrjzq7vjdge6cdksmdx7r5vl72rrc6kk30ezp376mup77wamzvgtzqq7v7aysdd",
        ),
        (
            1,
            vec![one.clone(), two, three.clone()],
            "wasmpub1ytql0csgqyfzd666axrjzquvkkvwu4qnp5603cyp3emc02sxzwdqutgqym9dke3t2h83dpv6vufzd666axrjzq5sdudaj5tv3nfm2f3exgkgqxlcwfxplf0g0rqwx2um6mqthzc0dqfzd666axrjzq7vjdge6cdksmdx7r5vl72rrc6kk30ezp376mup77wamzvgtzqq7vc4ejke",
        ),
        (
            2,
            vec![one.clone(), three.clone()],
            "wasmpub1ytql0csgqgfzd666axrjzquvkkvwu4qnp5603cyp3emc02sxzwdqutgqym9dke3t2h83dpv6vufzd666axrjzq7vjdge6cdksmdx7r5vl72rrc6kk30ezp376mup77wamzvgtzqq7vzjhugu",
        ),
        (
            2,
            vec![three, one],
            "wasmpub1ytql0csgqgfzd666axrjzq7vjdge6cdksmdx7r5vl72rrc6kk30ezp376mup77wamzvgtzqq7vfzd666axrjzquvkkvwu4qnp5603cyp3emc02sxzwdqutgqym9dke3t2h83dpv6vujvg56k",
        ),
    ] {
        let key = PublicKey::multisig(threshold, keys).expect("a threshold key");
        assert_eq!(bech32::encode("wasmpub", &key.to_amino()), text);
        assert_eq!(from_bech32(text), key);
    }
}

#[test]
fn ed25519_amino_bytes_are_those_of_tendermint() {
    let text = "coralvalconspub1zcjduepqvxg72ccnl9r65fv0wn3amlk4sfzqfe2k36l073kjx2qyaf6sk23qw7j8wq";
    let key = from_bech32(text);
    assert_eq!(BASE64_STANDARD.encode(key.single_bytes()), "YZHlYxP5R6olj3Tj3f7VgkQE5VaOvv9G0jKATqdQsqI=");
    assert_eq!(bech32::encode("coralvalconspub", &key.to_amino()), text);
}

#[test]
fn any_values_are_canonical_and_read_back() {
    let key = PrivateKey::secp256k1(&[1; 32]).expect("in range").public_key();
    let any = key.to_any();
    assert_eq!(any.type_url, "/cosmos.crypto.secp256k1.PubKey");
    assert_eq!(any.value, [&[0x0a, 33], key.single_bytes()].concat());
    let ed = PrivateKey::ed25519(&[1; 32]).expect("32 bytes").public_key();
    assert_eq!(ed.to_any().type_url, "/cosmos.crypto.ed25519.PubKey");
    let inner = PublicKey::multisig(1, vec![ed.clone(), key.clone()]).expect("1 of 2");
    let outer = PublicKey::multisig(2, vec![inner, key.clone(), key.clone()]).expect("2 of 3");
    assert_eq!(outer.to_any().type_url, "/cosmos.crypto.multisig.LegacyAminoPubKey");
    assert_eq!(outer.count_single_keys(), 4);
    for key in [key, ed, outer] {
        assert_eq!(PublicKey::from_any(&key.to_any()), Ok(key.clone()));
        assert_eq!(PublicKey::from_amino(&key.to_amino()), Ok(key));
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    let any = |type_url: &str, value: Vec<u8>| Any { type_url: type_url.to_owned(), value };
    let error = PublicKey::from_any(&any("/cosmos.evm.ethsecp256k1.PubKey", vec![])).expect_err("unknown");
    assert_eq!(error.to_string(), "unable to resolve type URL /cosmos.evm.ethsecp256k1.PubKey");
    for len in [0, 32, 34, 65] {
        let value = secp256k1::PubKey { key: vec![2; len] }.encode_to_vec();
        assert_eq!(
            PublicKey::from_any(&any(type_urls::SECP256K1, value)),
            Err(PublicKeyError::Length { scheme: "secp256k1", expected: 33, got: len })
        );
    }
    assert!(matches!(PublicKey::from_any(&any(type_urls::ED25519, vec![0xff])), Err(PublicKeyError::Malformed { .. })));
    let key = PrivateKey::secp256k1(&[1; 32]).expect("in range").public_key();
    for (threshold, count) in [(0, 0), (0, 2), (3, 2), (u32::MAX, 2)] {
        let public_keys = vec![key.to_any(); count];
        let value = multisig::LegacyAminoPubKey { threshold, public_keys }.encode_to_vec();
        assert_eq!(
            PublicKey::from_any(&any(type_urls::MULTISIG, value)),
            Err(PublicKeyError::Threshold { threshold, keys: count })
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let mut key = PrivateKey::secp256k1(&[1; 32]).expect("in range").public_key();
    let mut any = key.to_any();
    for level in 2..=12 {
        let next = PublicKey::multisig(1, vec![key.clone()]);
        let value = multisig::LegacyAminoPubKey { threshold: 1, public_keys: vec![any] }.encode_to_vec();
        any = Any { type_url: type_urls::MULTISIG.to_owned(), value };
        if level <= 10 {
            key = next.expect("10 levels are allowed");
            assert_eq!(PublicKey::from_any(&any), Ok(key.clone()));
        } else {
            assert_eq!(next, Err(PublicKeyError::TooComplex));
            assert_eq!(PublicKey::from_any(&any), Err(PublicKeyError::TooComplex));
        }
    }
    let single = PrivateKey::secp256k1(&[1; 32]).expect("in range").public_key();
    assert!(PublicKey::multisig(1, vec![single.clone(); 99]).is_ok());
    assert_eq!(PublicKey::multisig(1, vec![single; 100]), Err(PublicKeyError::TooComplex));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), kind in 0usize..3) {
        let type_url = [type_urls::SECP256K1, type_urls::ED25519, type_urls::MULTISIG][kind].to_owned();
        let _ = PublicKey::from_any(&Any { type_url, value: bytes.clone() });
        let _ = PublicKey::from_amino(&bytes);
        let _ = PublicKey::from_amino(&[&[0x22, 0xc1, 0xf7, 0xe2, 0x08][..], &bytes].concat());
    }
}
