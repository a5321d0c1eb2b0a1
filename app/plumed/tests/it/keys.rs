use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{Done, plumed_with};

/// Words and account that CosmJS documents.
const WORDS: &str = "economy stock theory fatal elder harbor betray wasp final emotion task crumble siren bottom lizard educate guess current outdoor pair theory focus wife stone";
const BYTES: &str = "0D82B1E7C96DBFA42462FE612932E6BFF111D51B";
const KEY: &str = "A08EGB7ro1ORuFhjOnZcSgwYlpe0DSFjVNUIkNNQxwKQ";

struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(&self, args: &[&str], input: &str) -> Done {
        plumed_with(self.0.path(), &[&["keys"], args, &["--keyring-backend", "test"]].concat(), input)
    }

    fn run(&self, args: &[&str]) -> Done {
        self.with(args, "")
    }

    fn recover(&self, name: &str) -> Value {
        self.with(&["add", name, "--recover", "-o", "json"], WORDS).json()
    }
}

#[test]
fn a_key_is_recovered_from_every_source() {
    let keys = Keys::new();
    let first = keys.recover("one");
    assert_eq!(first["pubkey"], json!({"@type": "/cosmos.crypto.secp256k1.PubKey", "key": KEY}).to_string());
    assert!(first.get("mnemonic").is_none());
    let file = keys.0.path().join("words.txt");
    fs::write(&file, format!("{WORDS}\n")).unwrap();
    let path = ["--recover", "--source", file.to_str().unwrap(), "--hd-path", "m/44'/118'/0'/0/1", "--dry-run"];
    let other = keys.run(&[&["add", "two", "-o", "json"], &path[..]].concat()).json();
    let by_index = keys.with(&["add", "two", "--recover", "--index", "1", "--dry-run", "-o", "json"], WORDS).json();
    assert_eq!(other, by_index);
    assert_ne!(other["address"], first["address"]);
    let with_passphrase = format!("{WORDS}\nsecret\n");
    let third = keys.with(&["add", "three", "--recover", "-i", "--dry-run", "-o", "json"], &with_passphrase).json();
    assert_ne!(third["address"], first["address"]);

    let hex = keys.run(&["export", "one", "--unarmored-hex", "--unsafe"]).success();
    keys.run(&["delete", "one", "-y"]).success();
    keys.with(&["import-hex", "again"], &hex).success();
    assert_eq!(keys.run(&["show", "again", "-o", "json"]).json()["address"], first["address"]);
    let listed: Vec<String> = keys.run(&["list", "-n"]).success().lines().map(str::to_owned).collect();
    assert_eq!(listed, ["again"], "a dry run keeps nothing");
}

#[test]
fn keys_are_renamed_deleted_and_watched() {
    let keys = Keys::new();
    let one = keys.recover("one");
    keys.run(&["add", "two", "--no-backup"]).success();
    let hidden = keys.run(&["add", "three", "--no-backup", "-o", "json"]).json();
    assert!(hidden.get("mnemonic").is_none());
    let unconfirmed = keys.run(&["rename", "one", "uno"]).failure();
    assert!(unconfirmed.contains("not confirmed"), "{unconfirmed}");
    keys.run(&["rename", "one", "uno", "--yes"]).success();
    assert_eq!(keys.run(&["show", "uno", "-a"]).success(), one["address"].as_str().unwrap());
    keys.run(&["delete", "uno", "two", "three", "-y"]).success();
    assert_eq!(keys.run(&["list", "-o", "json"]).json(), json!([]));

    let watched = keys.run(&["add", "watched", "--pubkey-base64", KEY, "-o", "json"]).json();
    assert_eq!((&watched["address"], &watched["type"]), (&one["address"], &json!("offline")));
    let refused = keys.run(&["export", "watched"]).failure();
    assert!(refused.contains("its secret is not in this keyring"), "{refused}");
}

#[test]
fn a_multisig_key_is_shown_kept_or_only_computed() {
    let keys = Keys::new();
    for name in ["a", "b", "c"] {
        keys.run(&["add", name]).success();
    }
    let dry = ["add", "board", "--multisig", "c,a,b", "--multisig-threshold", "2", "-o", "json"];
    let computed = keys.run(&[&dry[..], &["--dry-run"]].concat()).json();
    let kept = keys.run(&dry).json();
    assert_eq!(computed["address"], kept["address"]);
    assert_eq!(kept["type"], "multi");
    let members: Vec<String> = serde_json::from_str::<Value>(kept["pubkey"].as_str().unwrap()).unwrap()["public_keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(members.len(), 3);
    let in_order = keys
        .run(&["add", "raw", "--multisig", "c,a,b", "--multisig-threshold", "2", "--nosort", "--dry-run", "-o", "json"])
        .json();
    let shown = keys.run(&["show", "c", "a", "b", "--multisig-threshold", "2", "-o", "json"]).json();
    assert_eq!(shown["address"], in_order["address"], "shown in the order given");
    let few = keys.run(&["show", "a", "b", "--multisig-threshold", "3"]).failure();
    assert!(!few.is_empty());
}

#[test]
fn addresses_and_prefixes_are_converted() {
    let keys = Keys::new();
    let one = keys.recover("one");
    let address = one["address"].as_str().unwrap();
    let parsed = keys_parse(&keys, address);
    assert_eq!(parsed, json!({"human": "plume", "bytes": BYTES}));
    let formats = keys_parse(&keys, BYTES)["formats"].as_array().unwrap().clone();
    assert_eq!(formats.len(), 6);
    assert_eq!(formats[0], address);
    assert_eq!(keys.run(&["show", "one", "--bech", "val", "-a"]).success(), formats[2].as_str().unwrap());
    assert_eq!(keys.run(&["show", "one", "--bech", "cons", "-a"]).success(), formats[4].as_str().unwrap());
    let neither = plumed_with(keys.0.path(), &["keys", "parse", "what"], "").failure();
    assert!(neither.contains("couldn't find valid bech32 nor hex data"), "{neither}");
    let both = keys.run(&["show", "one", "-a", "-p"]);
    assert_eq!(both.code, 2);
}

fn keys_parse(keys: &Keys, text: &str) -> Value {
    plumed_with(keys.0.path(), &["keys", "parse", text, "-o", "json"], "").json()
}

#[test]
fn a_mnemonic_has_24_words_and_own_entropy_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let new = plumed_with(dir.path(), &["keys", "mnemonic"], "").success();
    assert_eq!(new.split(' ').count(), 24);
    let dice = "1234561234561234561234561234561234561234561234561234561234561\n";
    let own = ["keys", "mnemonic", "--unsafe-entropy"];
    let words = plumed_with(dir.path(), &own, dice).success();
    assert_eq!(words, plumed_with(dir.path(), &own, dice).success());
    let short = plumed_with(dir.path(), &own, "123\n").failure();
    assert!(short.contains("You entered 3"), "{short}");
    assert_eq!(plumed_with(dir.path(), &["keys", "list-key-types"], "").success(), "secp256k1");
    let type_refused = plumed_with(dir.path(), &["keys", "add", "x", "--key-type", "ed25519"], "").failure();
    assert!(type_refused.contains("use secp256k1"), "{type_refused}");
}
