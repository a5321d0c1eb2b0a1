//! Home directories that we write and CometBFT reads, and the other way round.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use plume_cometbft::{RunError, SupervisorOptions, run};
use plume_home::config::Config;
use plume_home::home::Home;
use plume_home::keys::{KeyPair, sdk_json};

use crate::chain::cometbft;
use crate::toy::Toy;

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("temp dir")
}

fn output(home: &Path, args: &[&str]) -> String {
    let mut bounded = Command::new("timeout");
    bounded.args(["--kill-after=5", "60"]).arg(cometbft()).args(args).arg("--home").arg(home);
    let output = bounded.output().expect("runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn cometbft_reads_our_keys_as_we_do() {
    let folder = temp();
    let home = Home::new(folder.path());
    home.init(&Config::default()).expect("writable");
    assert_eq!(output(folder.path(), &["show-node-id"]), home.node_id().expect("written above"));
    let key: serde_json::Value = serde_json::from_str(&output(folder.path(), &["show-validator"])).expect("JSON");
    let ours: serde_json::Value =
        serde_json::from_str(&sdk_json(&home.validator_key().expect("written above"))).expect("JSON");
    assert_eq!((&key["value"], &key["type"]), (&ours["key"], &serde_json::json!("tendermint/PubKeyEd25519")));
}

#[test]
fn we_read_cometbfts_home_and_write_every_setting_that_it_has() {
    let folder = temp();
    output(folder.path(), &["init"]);
    let home = Home::new(folder.path());
    assert_eq!(home.node_id().expect("CometBFT's file"), output(folder.path(), &["show-node-id"]));
    let genesis = home.read_genesis().expect("CometBFT's file");
    assert_eq!(genesis.validators[0].key, home.validator_key().expect("CometBFT's file"));
    assert_eq!(home.addresses().expect("CometBFT's file").rpc, "tcp://127.0.0.1:26657");

    let keys = |text: &str| {
        let table: toml::Table = text.parse().expect("TOML");
        let mut keys: BTreeSet<(String, &str)> = BTreeSet::new();
        for (name, value) in table {
            match value {
                toml::Value::Table(section) => {
                    keys.extend(section.into_iter().map(|(key, value)| (format!("{name}.{key}"), value.type_str())))
                }
                value => {
                    keys.insert((name, value.type_str()));
                }
            }
        }
        keys
    };
    let theirs = keys(&std::fs::read_to_string(home.config_file()).expect("CometBFT's file"));
    assert!(theirs.len() > 90, "{}", theirs.len());
    // Settings of the embedded engine's mempool, which CometBFT passes over.
    let ours = [("mempool.ttl-duration", "string"), ("mempool.ttl-num-blocks", "integer")];
    let expected = ours.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).chain(theirs).collect();
    assert_eq!(keys(&Config::default().to_toml()), expected);
}

#[test]
fn init_keeps_keys_and_reset_keeps_everything_but_data() {
    let folder = temp();
    let home = Home::new(folder.path().join("deep/home"));
    let (validator, node) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
    home.init_with_keys(&Config::default(), &validator, &node).expect("writable");
    let identity = || (home.validator_key().expect("there"), home.node_id().expect("there"));
    assert_eq!(identity(), (validator.public(), node.node_id()));
    for secret in [home.validator_key_file(), home.node_key_file(), home.validator_state_file()] {
        assert_eq!(std::fs::metadata(secret).expect("there").permissions().mode() & 0o777, 0o600);
    }

    let signed = "{\n  \"height\": \"9\",\n  \"round\": 0,\n  \"step\": 3\n}";
    std::fs::write(home.validator_state_file(), signed).expect("writable");
    home.init(&Config { moniker: "second".to_owned(), ..Config::default() }).expect("writable");
    assert_eq!(identity(), (validator.public(), node.node_id()));
    assert_eq!(
        std::fs::read_to_string(home.validator_state_file()).expect("there"),
        signed,
        "what was signed is not forgotten"
    );
    assert!(std::fs::read_to_string(home.config_file()).expect("there").contains("moniker = \"second\""));

    let book = home.root().join("config/addrbook.json");
    std::fs::write(&book, "{}").expect("writable");
    std::fs::create_dir(home.data_dir().join("state.db")).expect("writable");
    home.unsafe_reset_all(true).expect("writable");
    assert!(book.exists() && !home.data_dir().join("state.db").exists());
    assert_eq!(
        std::fs::read_to_string(home.validator_state_file()).expect("there"),
        "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}"
    );
    assert_eq!(identity(), (validator.public(), node.node_id()));
    home.unsafe_reset_all(false).expect("writable");
    assert!(!book.exists());
    home.unsafe_reset_all(false).expect("absent is fine");
}

#[test]
fn an_uninitialized_home_and_a_missing_binary_are_refused_before_anything_starts() {
    let folder = temp();
    let home = Home::new(folder.path());
    let start = |options| run(Toy::default(), &options).expect_err("not ready");
    let missing = |error: RunError| match error {
        RunError::NotInitialized { path } => path,
        other => panic!("{other}"),
    };
    assert_eq!(missing(start(SupervisorOptions::new(folder.path()))), home.config_file());
    home.init(&Config::default()).expect("writable");
    assert_eq!(missing(start(SupervisorOptions::new(folder.path()))), home.genesis_file());
    std::fs::write(home.genesis_file(), "{}").expect("writable");
    let binary = Some(folder.path().join("cometbft"));
    let error = start(SupervisorOptions { binary, ..SupervisorOptions::new(folder.path()) });
    assert!(matches!(error, RunError::BinaryMissing { .. }), "{error}");
}
