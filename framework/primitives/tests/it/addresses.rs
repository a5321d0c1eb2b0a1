use plume_primitives::bech32::{self, Bech32Error};
use plume_primitives::{Address, AddressError, Bech32Prefix, derived_address, module_address, module_derived_address};
use proptest::prelude::*;

fn cosmos() -> Bech32Prefix {
    Bech32Prefix::new("cosmos").expect("a valid prefix")
}

fn bytes(hex: &str) -> Address {
    Address::new(&hex::decode(hex).expect("hex")).expect("an address")
}

#[test]
fn text_forms_are_those_of_cosmjs() {
    let wasm = Bech32Prefix::new("wasm").expect("a valid prefix");
    for (text, hex) in [
        ("wasm1jq59w7y34msq69g4w3zvq6d5h3stcajd8g62xm", "9028577891aee00d15157444c069b4bc60bc764d"),
        ("wasm146e52j6zphxw8m67cz8860ad5uju892cqmawsg", "aeb3454b420dcce3ef5ec08e7d3fada725c39558"),
        ("wasm1a6uxr25mw8qg8zz3l2avsdjsveh4yg9sw7h5np", "eeb861aa9b71c0838851fabac83650666f5220b0"),
    ] {
        assert_eq!(wasm.account(&bytes(hex)), text);
        assert_eq!(wasm.parse_account(text), Ok(bytes(hex)));
        assert_eq!(wasm.parse_account(&text.to_uppercase()), Ok(bytes(hex)), "upper case is allowed");
    }
}

#[test]
fn module_accounts_have_their_known_addresses() {
    assert_eq!(cosmos().account(&module_address("fee_collector")), "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta");
    assert_eq!(cosmos().account(&module_address("gov")), "cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn");
}

#[test]
fn derived_addresses_follow_adr_028() {
    // Computed by hand from the ADR: SHA-256(SHA-256(type) || key).
    use sha2::{Digest, Sha256};
    let hash = |kind: &[u8], key: &[u8]| {
        Address::new(&Sha256::digest([Sha256::digest(kind).as_slice(), key].concat())).expect("32 bytes")
    };
    assert_eq!(module_derived_address("dao", &[]), module_address("dao"));
    let first = hash(b"module", b"dao\0one");
    assert_eq!(module_derived_address("dao", &[b"one"]), first);
    let second = hash(first.as_bytes(), b"two");
    assert_eq!(module_derived_address("dao", &[b"one", b"two"]), second);
    assert_eq!(derived_address(&first, b"two"), second);
    assert_ne!(module_derived_address("daoo", &[b"ne"]), first, "name and key do not run into one another");
}

#[test]
fn operators_and_consensus_keys_have_their_own_prefixes() {
    let address = bytes("9028577891aee00d15157444c069b4bc60bc764d");
    let operator = cosmos().validator_operator(&address);
    let consensus = cosmos().consensus(&address);
    assert!(operator.starts_with("cosmosvaloper1") && consensus.starts_with("cosmosvalcons1"));
    assert_eq!(cosmos().parse_validator_operator(&operator), Ok(address.clone()));
    assert_eq!(cosmos().parse_consensus(&consensus), Ok(address));
    let error = cosmos().parse_account(&operator).expect_err("another kind");
    assert_eq!(
        error.to_string(),
        "hrp does not match bech32 prefix: expected 'cosmos' got 'cosmosvaloper': internal logic error"
    );
}

#[test]
fn malformed_addresses_get_the_texts_of_the_sdk() {
    let message = |text: &str| cosmos().parse_account(text).expect_err("malformed").to_string();
    assert_eq!(message(""), "empty address string is not allowed");
    assert_eq!(message(" \t"), "empty address string is not allowed");
    assert_eq!(message("cosmos"), "decoding bech32 failed: invalid bech32 string length 6");
    assert_eq!(message(&"q".repeat(1024)), "decoding bech32 failed: invalid bech32 string length 1024");
    assert_eq!(message("cosmosss"), "decoding bech32 failed: invalid separator index -1");
    assert_eq!(message("1qqqqqqq"), "decoding bech32 failed: invalid separator index 0");
    assert_eq!(message("cosmos1qqqqq"), "decoding bech32 failed: invalid separator index 6");
    assert_eq!(message("cosmos1bqqqqqqq"), "decoding bech32 failed: invalid character not part of charset: 98");
    assert_eq!(message("cosmos1Qqqqqqq"), "decoding bech32 failed: string not all lowercase or all uppercase");
    assert_eq!(message("cosmos1 qqqqqqq"), "decoding bech32 failed: invalid character in string: ' '");
    assert_eq!(
        message("cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqtb"),
        "decoding bech32 failed: invalid character not part of charset: 98"
    );
    assert_eq!(
        message("cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqtq"),
        "decoding bech32 failed: invalid checksum (expected serqta got serqtq)"
    );
    assert_eq!(message(&bech32::encode("cosmos", &[])), "addresses cannot be empty: unknown address");
    assert_eq!(message(&bech32::encode("cosmos", &[7; 256])), "address max length is 255, got 256: unknown address");
}

#[test]
fn data_that_is_no_whole_number_of_bytes_is_refused() {
    // One group of five bits; five bits are more than may be left over.
    let text = ::bech32::primitives::iter::Fe32IterExt::with_checksum::<::bech32::Bech32>(
        [::bech32::Fe32::Q].into_iter(),
        &::bech32::Hrp::parse("cosmos").expect("a prefix"),
    )
    .chars()
    .collect::<String>();
    assert_eq!(bech32::decode(&text), Err(Bech32Error::IncompleteGroup));
}

#[test]
fn prefixes_are_validated() {
    for bad in ["", "1abc", "Plume", "plu-me", "plu me", &"a".repeat(65)] {
        assert_eq!(Bech32Prefix::new(bad), Err(AddressError::InvalidPrefix(bad.to_owned())));
    }
}

proptest! {
    #[test]
    fn encoding_equals_the_bech32_crates_and_decodes(data in proptest::collection::vec(any::<u8>(), 1..=255)) {
        let address = Address::new(&data).expect("1 to 255 bytes");
        let text = cosmos().account(&address);
        let hrp = ::bech32::Hrp::parse("cosmos").expect("a prefix");
        let reference: String =
            ::bech32::primitives::iter::Fe32IterExt::with_checksum::<::bech32::Bech32>(
                ::bech32::primitives::iter::ByteIterExt::bytes_to_fes(data.iter().copied()), &hrp).chars().collect();
        prop_assert_eq!(&text, &reference);
        prop_assert_eq!(cosmos().parse_account(&text), Ok(address));
    }

    #[test]
    fn one_changed_character_is_noticed(at in 7usize..45, to in "[02-9ac-hj-np-z]") {
        let mut text = "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta".to_owned();
        prop_assume!(text[at..=at] != to);
        text.replace_range(at..=at, &to);
        let refused = matches!(cosmos().parse_account(&text), Err(AddressError::Bech32(Bech32Error::Checksum { .. })));
        prop_assert!(refused, "{}", text);
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = cosmos().parse_account(&text);
    }
}
