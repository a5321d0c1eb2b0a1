use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plume_client::{Backend, FixedPassword, KeyKind, Keyring, KeyringError, public_key_from_json, public_key_json};
use plume_crypto::{PrivateKey, PublicKey};
use plume_primitives::Bech32Prefix;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

fn open_with(home: &Path, backend: Backend, password: &str) -> Keyring {
    let prefix = Bech32Prefix::new("plume").expect("a prefix");
    Keyring::open(home, backend, prefix, Box::new(FixedPassword::new(password)))
}

fn open(home: &Path, backend: Backend) -> Keyring {
    open_with(home, backend, PASSWORD)
}

fn secret(seed: u8) -> PrivateKey {
    PrivateKey::secp256k1(&[seed; 32]).expect("in range")
}

const BOTH: [Backend; 2] = [Backend::Test, Backend::File];

#[test]
fn keys_are_found_by_name_and_address_after_reopening() {
    for backend in BOTH {
        let home = TempDir::new().expect("a directory");
        let ring = open(home.path(), backend);
        assert_eq!(ring.list().expect("an empty list"), []);
        let bob = ring.add_local("bob", &secret(2)).expect("added");
        let alice = ring.add_local("alice", &secret(1)).expect("added");
        let ring = open(home.path(), backend);
        assert_eq!(ring.list().expect("a list"), [alice.clone(), bob.clone()], "sorted by name");
        let address = ring.prefix().account(&alice.address());
        assert_eq!(ring.get(&address).expect("found by address"), alice);
        assert_eq!(ring.private_key("bob").expect("local").secret_bytes(), &[2; 32]);
        let output = serde_json::to_value(alice.output(ring.prefix())).expect("JSON");
        assert_eq!(output["name"], "alice");
        assert_eq!(output["type"], "local");
        assert_eq!(output["address"], address);
        let pubkey = output["pubkey"].as_str().expect("text");
        assert!(pubkey.starts_with(r#"{"@type":"/cosmos.crypto.secp256k1.PubKey","key":""#), "{pubkey}");
        assert!(output.get("mnemonic").is_none());
    }
}

#[test]
fn only_the_owner_can_read_the_files() {
    for backend in BOTH {
        let home = TempDir::new().expect("a directory");
        open(home.path(), backend).add_local("alice", &secret(1)).expect("added");
        let dir = home.path().join(if backend == Backend::Test { "keyring-test" } else { "keyring-file" });
        assert_eq!(fs::metadata(&dir).expect("exists").permissions().mode() & 0o777, 0o700);
        let mut files = 0;
        for entry in fs::read_dir(&dir).expect("readable") {
            let path = entry.expect("readable").path();
            assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600, "{path:?}");
            if backend == Backend::File {
                let content = fs::read(&path).expect("readable");
                let secret = hex::encode([1; 32]);
                assert!(!content.windows(64).any(|part| part == secret.as_bytes()), "the secret is sealed");
                assert!(!content.windows(5).any(|part| part == b"alice"), "names inside are sealed too");
            }
            files += 1;
        }
        assert_eq!(files, if backend == Backend::Test { 1 } else { 2 });
    }
}

#[test]
fn a_wrong_password_opens_nothing() {
    let home = TempDir::new().expect("a directory");
    open(home.path(), Backend::File).add_local("alice", &secret(1)).expect("added");
    let ring = open_with(home.path(), Backend::File, "correct hors");
    assert!(matches!(ring.list(), Err(KeyringError::WrongPassword(_))));
    assert!(matches!(ring.private_key("alice"), Err(KeyringError::WrongPassword(_))));
    assert!(matches!(ring.delete("alice"), Err(KeyringError::WrongPassword(_))));
    assert!(matches!(ring.add_local("bob", &secret(2)), Err(KeyringError::WrongPassword(_))));
    assert_eq!(open(home.path(), Backend::File).list().expect("unharmed").len(), 1);
}

#[test]
fn a_new_keyring_wants_a_long_password() {
    let home = TempDir::new().expect("a directory");
    let error = open_with(home.path(), Backend::File, "short").add_local("alice", &secret(1)).expect_err("too short");
    assert!(error.to_string().contains("at least 8 characters"), "{error}");
    assert_eq!(open(home.path(), Backend::File).list().expect("nothing was written"), []);
}

#[test]
fn changed_files_are_noticed() {
    let home = TempDir::new().expect("a directory");
    let ring = open(home.path(), Backend::File);
    ring.add_local("alice", &secret(1)).expect("added");
    ring.add_local("bob", &secret(2)).expect("added");
    let file = |name: &str| home.path().join("keyring-file").join(name);
    // Swapping two sealed keys would pay the wrong one.
    fs::copy(file("alice.key.sealed"), file("bob.key.sealed")).expect("copied");
    assert!(matches!(ring.get("bob"), Err(KeyringError::Corrupt { .. })));
    fs::remove_file(file("bob.key.sealed")).expect("removed");
    let mut sealed = fs::read(file("alice.key.sealed")).expect("readable");
    sealed[30] ^= 1;
    fs::write(file("alice.key.sealed"), sealed).expect("written");
    assert!(matches!(ring.get("alice"), Err(KeyringError::Corrupt { .. })));
    fs::remove_file(file("keyring.json")).expect("removed");
    assert!(matches!(open(home.path(), Backend::File).get("alice"), Err(KeyringError::Corrupt { .. })));

    let ring = open(home.path(), Backend::Test);
    ring.add_local("alice", &secret(1)).expect("added");
    let file = home.path().join("keyring-test/alice.key.json");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace(&hex::encode([1; 32]), &hex::encode([2; 32]))).expect("written");
    let error = ring.get("alice").expect_err("exchanged");
    assert!(error.to_string().contains("do not belong together"), "{error}");
}

#[test]
fn an_absurd_derivation_is_not_run() {
    let home = TempDir::new().expect("a directory");
    open(home.path(), Backend::File).add_local("alice", &secret(1)).expect("added");
    let file = home.path().join("keyring-file/keyring.json");
    let text = fs::read_to_string(&file).expect("readable");
    for (memory, passes) in [("4000000000", "3"), ("64", "3"), ("65536", "1000000")] {
        let changed = text.replace("65536", memory).replace("\"passes\": 3", &format!("\"passes\": {passes}"));
        fs::write(&file, changed).expect("written");
        assert!(matches!(open(home.path(), Backend::File).get("alice"), Err(KeyringError::Corrupt { .. })));
    }
}

#[test]
fn names_and_keys_are_unique() {
    let home = TempDir::new().expect("a directory");
    let ring = open(home.path(), Backend::Test);
    ring.add_local("alice", &secret(1)).expect("added");
    assert!(matches!(ring.add_local("alice", &secret(2)), Err(KeyringError::Exists(_))));
    let error = ring.add_offline("again", secret(1).public_key()).expect_err("the same key");
    assert_eq!(error.to_string(), "this key is already in the keyring under the name \"alice\"");
    for bad in ["", ".hidden", "a/b", "../alice", "a b", "ä", &"a".repeat(65)] {
        assert!(matches!(ring.add_local(bad, &secret(3)), Err(KeyringError::InvalidName(_))), "{bad}");
        assert!(matches!(ring.get(bad), Err(KeyringError::NotFound(_))), "{bad}");
        assert!(matches!(ring.delete(bad), Err(KeyringError::NotFound(_))), "{bad}");
    }
}

#[test]
fn rename_and_delete_work() {
    for backend in BOTH {
        let home = TempDir::new().expect("a directory");
        let ring = open(home.path(), backend);
        ring.add_local("alice", &secret(1)).expect("added");
        ring.add_local("bob", &secret(2)).expect("added");
        assert!(matches!(ring.rename("alice", "bob"), Err(KeyringError::Exists(_))));
        assert!(matches!(ring.rename("nobody", "carol"), Err(KeyringError::NotFound(_))));
        let carol = ring.rename("alice", "carol").expect("renamed");
        assert_eq!(ring.get("carol").expect("found"), carol);
        assert_eq!(ring.private_key("carol").expect("local").secret_bytes(), &[1; 32]);
        assert!(matches!(ring.get("alice"), Err(KeyringError::NotFound(_))));
        ring.delete("carol").expect("deleted");
        assert_eq!(ring.list().expect("a list").iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["bob"]);
        let error = ring.delete("carol").expect_err("gone");
        assert_eq!(error.to_string(), "\"carol\" is not a key's name or address: `keys list` shows what there is");
    }
}

#[test]
fn threshold_and_offline_keys_have_no_secret() {
    let home = TempDir::new().expect("a directory");
    let ring = open(home.path(), Backend::Test);
    for seed in 1..=3 {
        ring.add_local(&format!("key{seed}"), &secret(seed)).expect("added");
    }
    let sorted = ring.add_multisig("group", 2, &["key1", "key2", "key3"], false).expect("added");
    let PublicKey::Multisig(group) = &sorted.public_key else { panic!("a threshold key") };
    let addresses: Vec<_> = group.keys().iter().map(PublicKey::address).collect();
    assert!(addresses.is_sorted(), "sorted by address, as the SDK does");
    let reversed: Vec<String> = addresses.iter().rev().map(|address| ring.prefix().account(address)).collect();
    let reversed: Vec<&str> = reversed.iter().map(String::as_str).collect();
    let kept = ring.add_multisig("kept", 2, &reversed, true).expect("added");
    assert_ne!(kept.address(), sorted.address(), "the order is part of the key");
    assert_eq!(sorted.kind, KeyKind::Multi);
    let error = ring.private_key("group").expect_err("no secret");
    assert_eq!(error.to_string(), "key \"group\" is of type multi: its secret is not in this keyring");
    assert!(matches!(ring.add_multisig("bad", 4, &["key1", "key2", "key3"], false), Err(KeyringError::PublicKey(_))));
    assert!(matches!(ring.add_multisig("bad", 1, &["nobody"], false), Err(KeyringError::NotFound(_))));
    let offline = ring.add_offline("watch", secret(9).public_key()).expect("added");
    assert_eq!((offline.kind, ring.get("watch").expect("found")), (KeyKind::Offline, offline.clone()));
    assert!(matches!(ring.export_armored("watch", "password"), Err(KeyringError::NoSecret { .. })));
}

#[test]
fn keys_move_between_keyrings() {
    let (one, two) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
    let from = open(one.path(), Backend::Test);
    let to = open(two.path(), Backend::File);
    from.add_local("alice", &secret(1)).expect("added");
    let armored = from.export_armored("alice", "for the trip").expect("exported");
    assert!(matches!(to.import_armored("alice", &armored, "for the trap"), Err(KeyringError::Armor(_))));
    let alice = to.import_armored("alice", &armored, "for the trip").expect("imported");
    assert_eq!(alice, from.get("alice").expect("found"));
    let bob = to.import_hex("bob", &format!(" {}\n", hex::encode([2; 32]))).expect("imported");
    assert_eq!(bob.public_key, secret(2).public_key());
    for bad in ["", "12", "zz", &"00".repeat(32), &"ff".repeat(32)] {
        assert!(matches!(to.import_hex("bad", bad), Err(KeyringError::InvalidHex)), "{bad}");
    }
}

#[test]
fn public_keys_have_the_sdks_json() {
    let key = secret(1).public_key();
    let json = public_key_json(&key);
    assert_eq!(
        json.to_string(),
        r#"{"@type":"/cosmos.crypto.secp256k1.PubKey","key":"AxuExVZ7EmRAmV0+1aq6BWXXHhg0YEgZ/5wX9enV3QeP"}"#
    );
    assert_eq!(public_key_from_json(&json), Ok(key.clone()));
    let group = PublicKey::multisig(1, vec![key.clone(), key]).expect("1 of 2");
    let json = public_key_json(&group);
    assert_eq!(json["@type"], "/cosmos.crypto.multisig.LegacyAminoPubKey");
    assert_eq!(json["threshold"], 1);
    assert_eq!(public_key_from_json(&json), Ok(group));
    assert!(
        public_key_from_json(&serde_json::json!({"@type": "/cosmos.crypto.secp256k1.PubKey", "key": "AA=="})).is_err()
    );
    assert!(public_key_from_json(&serde_json::json!({"key": "AA=="})).is_err());
}
