use plume_client::{HdPath, Mnemonic, MnemonicError, WordCount};
use plume_primitives::Bech32Prefix;

/// The faucet of CosmJS's tests.
pub const FAUCET: &str = "economy stock theory fatal elder harbor betray wasp final emotion task crumble siren bottom lizard educate guess current outdoor pair theory focus wife stone";

fn address(words: &str, path: &HdPath) -> String {
    let key = Mnemonic::parse(words).expect("valid words").derive("", path).expect("a key");
    Bech32Prefix::new("cosmos").expect("a prefix").account(&key.public_key().address())
}

#[test]
fn addresses_are_those_of_cosmjs() {
    // cosmjs: faucet and alice of its simapp, and the mnemonic of its Secp256k1HdWallet tests.
    for (words, index, expected) in [
        (FAUCET, 0, "cosmos1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmmk8rs6"),
        (FAUCET, 1, "cosmos10dyr9899g6t0pelew4nvf4j5c3jcgv0r73qga5"),
        (
            "special sign fit simple patrol salute grocery chicken wheat radar tonight ceiling",
            0,
            "cosmos1jhg0e7s6gn44tfc5k37kr04sznyhedtc9rzys5",
        ),
        (
            "oyster design unusual machine spread century engine gravity focus cave carry slot",
            0,
            "cosmos1cjsxept9rkggzxztslae9ndgpdyt2408lk850u",
        ),
    ] {
        assert_eq!(address(words, &HdPath::cosmos(0, index).expect("a path")), expected);
    }
}

#[test]
fn words_are_read_generously_and_checked_strictly() {
    let spaced = format!("  {}\n", FAUCET.to_uppercase().replace(' ', "  "));
    assert_eq!(address(&spaced, &HdPath::default()), address(FAUCET, &HdPath::default()));
    let error = |words: &str| Mnemonic::parse(words).expect_err("invalid");
    assert_eq!(error("economy stock"), MnemonicError::WordCount(2));
    assert_eq!(error(&FAUCET.replace("fatal", "fatall")), MnemonicError::UnknownWord(4));
    assert_eq!(error(&FAUCET.replace("economy stock", "stock economy")), MnemonicError::Checksum);
    assert!(!error(&FAUCET.replace("fatal", "secretword")).to_string().contains("secretword"));
}

#[test]
fn new_words_are_valid_and_differ() {
    for (count, words) in [(WordCount::default(), 24), (WordCount::Twelve, 12)] {
        let (one, two) = (Mnemonic::generate(count).words(), Mnemonic::generate(count).words());
        assert_eq!(one.split(' ').count(), words);
        assert_ne!(one, two);
        assert!(Mnemonic::parse(&one).is_ok());
        assert!(!format!("{:?}", Mnemonic::generate(count)).contains(one.split(' ').next().expect("a word")));
    }
}

#[test]
fn passphrase_and_path_change_the_key() {
    let mnemonic = Mnemonic::parse(FAUCET).expect("valid words");
    let public = |passphrase: &str, path: &str| {
        mnemonic.derive(passphrase, &path.parse().expect("a path")).expect("a key").public_key()
    };
    assert_eq!(public("", "m/44'/118'/0'/0/0"), public("", "44'/118'/0'/0/0"));
    assert_ne!(public("", "m/44'/118'/0'/0/0"), public("x", "m/44'/118'/0'/0/0"));
    assert_ne!(public("", "m/44'/118'/0'/0/0"), public("", "m/44'/118'/1'/0/0"));
    assert_eq!(HdPath::default().to_string(), "m/44'/118'/0'/0/0");
    assert!("m/44'/x".parse::<HdPath>().is_err());
    assert!(HdPath::cosmos(1 << 31, 0).is_err());
}
