use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{plumed, plumed_with};

/// Twelve words that CosmJS documents, and the account that it derives from them.
const WORDS: &str = "economy stock theory fatal elder harbor betray wasp final emotion task crumble siren bottom lizard educate guess current outdoor pair theory focus wife stone";
const ADDRESS: &str = "cosmos1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmmk8rs6";

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn init(dir: &Path) {
    plumed(dir, &["init", "tester", "--chain-id", "cli-1", "--prefix", "cosmos", "--default-denom", "ucosm"]).success();
}

fn recover(dir: &Path) {
    plumed_with(dir, &["keys", "add", "faucet", "--recover", "--keyring-backend", "test"], WORDS).success();
}

#[test]
fn init_writes_a_home_once() {
    let dir = home();
    init(dir.path());
    for file in ["app.toml", "client.toml", "config.toml", "genesis.json", "node_key.json", "priv_validator_key.json"] {
        assert!(dir.path().join("config").join(file).is_file(), "{file}");
    }
    let before = fs::read(dir.path().join("config/genesis.json")).unwrap();
    let refused = plumed(dir.path(), &["init", "again"]).failure();
    assert!(refused.contains("--overwrite"), "{refused}");
    assert_eq!(fs::read(dir.path().join("config/genesis.json")).unwrap(), before);
}

#[test]
fn genesis_needs_a_validator_and_then_validates() {
    let dir = home();
    init(dir.path());
    let empty = plumed(dir.path(), &["genesis", "validate"]).failure();
    assert!(empty.contains("has no validators: run `plumed genesis add-validator`"), "{empty}");
    plumed(dir.path(), &["genesis", "add-genesis-account", ADDRESS, "1000ucosm,5uusd"]).success();
    plumed(dir.path(), &["genesis", "add-validator"]).success();
    let valid = plumed(dir.path(), &["genesis", "validate"]).success();
    assert!(valid.contains("is a valid genesis document, app hash "), "{valid}");
    let genesis: Value = serde_json::from_slice(&fs::read(dir.path().join("config/genesis.json")).unwrap()).unwrap();
    assert_eq!(genesis["initial_height"], "1");
    assert_eq!(genesis["app_state"]["bank"]["supply"].as_array().unwrap().len(), 2);

    let twice = plumed(dir.path(), &["genesis", "add-genesis-account", ADDRESS, "1ucosm"]).failure();
    assert!(twice.contains("use --append"), "{twice}");
    let unknown =
        fs::read_to_string(dir.path().join("config/genesis.json")).unwrap().replace("\"bank\":", "\"banking\":");
    fs::write(dir.path().join("config/genesis.json"), unknown).unwrap();
    let refused = plumed(dir.path(), &["genesis", "validate"]).failure();
    assert!(refused.contains("app_state.banking belongs to no module"), "{refused}");
}

fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--keyring-backend", "test"]].concat()
}

#[test]
fn keys_are_recovered_listed_moved_and_deleted() {
    let dir = home();
    init(dir.path());
    recover(dir.path());
    let shown = plumed(dir.path(), &with(&["keys", "show", "faucet", "--output", "json"])).json();
    assert_eq!((shown["address"].as_str(), shown["type"].as_str()), (Some(ADDRESS), Some("local")));
    assert_eq!(plumed(dir.path(), &with(&["keys", "show", ADDRESS, "--address"])).success(), ADDRESS);

    let added = plumed(dir.path(), &with(&["keys", "add", "other", "--output", "json"])).json();
    assert_eq!(added["mnemonic"].as_str().unwrap().split(' ').count(), 24);
    assert_eq!(plumed(dir.path(), &with(&["keys", "list", "--output", "json"])).json().as_array().unwrap().len(), 2);

    let armor = plumed_with(dir.path(), &with(&["keys", "export", "faucet"]), "a long passphrase\na long passphrase\n")
        .success();
    assert!(armor.contains("BEGIN TENDERMINT PRIVATE KEY"), "{armor}");
    let file = dir.path().join("faucet.asc");
    fs::write(&file, armor).unwrap();
    plumed(dir.path(), &with(&["keys", "delete", "faucet", "--yes"])).success();
    let path = file.to_str().unwrap();
    let wrong = plumed_with(dir.path(), &with(&["keys", "import", "back", path]), "another passphrase\n").failure();
    assert!(!wrong.is_empty());
    plumed_with(dir.path(), &with(&["keys", "import", "back", path]), "a long passphrase\n").success();
    assert_eq!(plumed(dir.path(), &with(&["keys", "show", "back", "-a"])).success(), ADDRESS);

    let missing = plumed(dir.path(), &with(&["keys", "show", "nobody"])).failure();
    assert!(missing.contains("`keys list` shows what there is"), "{missing}");
}

#[test]
fn transaction_is_made_signed_and_coded_without_a_node() {
    let dir = home();
    init(dir.path());
    recover(dir.path());
    let offline = ["--keyring-backend", "test", "--offline", "--chain-id", "cli-1", "-a", "7", "-s", "3"];
    let send =
        ["tx", "bank", "send", "faucet", ADDRESS, "10ucosm", "--fees", "2ucosm", "--note", "hello", "--generate-only"];
    let unsigned = plumed(dir.path(), &[&send[..], &offline].concat()).success();
    let file = dir.path().join("unsigned.json");
    fs::write(&file, &unsigned).unwrap();
    for mode in ["direct", "amino-json"] {
        let sign = ["tx", "sign", file.to_str().unwrap(), "--from", "faucet", "--sign-mode", mode];
        let signed = plumed(dir.path(), &[&sign[..], &offline].concat()).success();
        let path = dir.path().join("signed.json");
        fs::write(&path, &signed).unwrap();
        let encoded = plumed(dir.path(), &["tx", "encode", path.to_str().unwrap()]).success();
        let decoded = plumed(dir.path(), &["tx", "decode", &encoded]).json();
        assert_eq!(decoded, serde_json::from_str::<Value>(&signed).unwrap());
        assert_eq!(decoded["body"]["memo"], "hello");
        assert_eq!(decoded["body"]["messages"][0]["@type"], "/cosmos.bank.v1beta1.MsgSend");
        assert_eq!(decoded["auth_info"]["signer_infos"][0]["sequence"], "3");
    }
    let sign = ["tx", "sign", file.to_str().unwrap(), "--from", "faucet", "--sign-mode", "textual"];
    let textual = plumed(dir.path(), &[&sign[..], &offline].concat()).failure();
    assert!(textual.contains("--offline, so nobody says how ucosm is written for people"), "{textual}");
}

#[test]
fn multisig_is_combined_and_a_foreign_signature_refused() {
    let dir = home();
    init(dir.path());
    let test = ["--keyring-backend", "test"];
    for name in ["a", "b", "c", "stranger"] {
        plumed(dir.path(), &[&["keys", "add", name][..], &test].concat()).success();
    }
    let group = ["keys", "add", "board", "--multisig", "a,b,c", "--multisig-threshold", "2", "--output", "json"];
    let board = plumed(dir.path(), &[&group[..], &test].concat()).json();
    assert_eq!(board["type"], "multi");
    let offline = ["--keyring-backend", "test", "--offline", "--chain-id", "cli-1", "-a", "7", "-s", "3"];
    let send = ["tx", "bank", "send", "board", ADDRESS, "10ucosm", "--generate-only"];
    let unsigned = dir.path().join("unsigned.json");
    fs::write(&unsigned, plumed(dir.path(), &[&send[..], &offline].concat()).success()).unwrap();
    let sign = |name: &str| {
        let sign = ["tx", "sign", unsigned.to_str().unwrap(), "--from", name, "--multisig", "board"];
        plumed(dir.path(), &[&sign[..], &offline].concat())
    };
    let mut files = Vec::new();
    for name in ["a", "c"] {
        let path = dir.path().join(format!("{name}.json"));
        fs::write(&path, sign(name).success()).unwrap();
        files.push(path);
    }
    let foreign = sign("stranger").failure();
    assert!(foreign.contains("is not part of the multisig"), "{foreign}");
    let combine = [
        "tx",
        "multisign",
        unsigned.to_str().unwrap(),
        "board",
        files[0].to_str().unwrap(),
        files[1].to_str().unwrap(),
    ];
    let signed = plumed(dir.path(), &[&combine[..], &offline].concat()).json();
    let bits = &signed["auth_info"]["signer_infos"][0]["mode_info"]["multi"];
    assert_eq!(bits["mode_infos"].as_array().unwrap().len(), 2);

    let one = ["tx", "multisign", unsigned.to_str().unwrap(), "board", files[0].to_str().unwrap()];
    let few = plumed(dir.path(), &[&one[..], &offline].concat()).failure();
    assert!(few.contains("signature"), "{few}");
}

#[test]
fn devnet_writes_homes_that_know_each_other() {
    let dir = home();
    let out = dir.path().join("net");
    let args = [
        "devnet",
        "--validators",
        "4",
        "--output",
        out.to_str().unwrap(),
        "--rpc-port",
        "40657",
        "--p2p-port",
        "40656",
        "--format",
        "json",
    ];
    let network = plumed(dir.path(), &args).json();
    let nodes = network["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 4);
    assert_eq!(nodes[3]["rpc"], "http://127.0.0.1:40687");
    let genesis: Value = serde_json::from_slice(&fs::read(out.join("node0/config/genesis.json")).unwrap()).unwrap();
    assert_eq!(genesis["validators"].as_array().unwrap().len(), 4);
    for i in 0..4 {
        let home = out.join(format!("node{i}"));
        let same: Value = serde_json::from_slice(&fs::read(home.join("config/genesis.json")).unwrap()).unwrap();
        assert_eq!(same, genesis);
        let config = fs::read_to_string(home.join("config/config.toml")).unwrap();
        for (j, node) in nodes.iter().enumerate() {
            let peer = format!("{}@127.0.0.1:{}", node["node_id"].as_str().unwrap(), 40656 + 10 * j);
            assert_eq!(config.contains(&peer), i != j, "node{i} and {peer}");
        }
    }
    assert_eq!(network["accounts"].as_array().unwrap().len(), 3);
    plumed(&out.join("node0"), &["genesis", "validate"]).success();
    let again = plumed(dir.path(), &args).failure();
    assert!(again.contains("is not empty"), "{again}");
}

#[test]
fn missing_engine_says_what_to_do() {
    let dir = home();
    init(dir.path());
    plumed(dir.path(), &["genesis", "add-validator"]).success();
    let missing = plumed(dir.path(), &["start", "--engine", "cometbft", "--cometbft", "no/such/cometbft"]).failure();
    assert!(missing.contains("scripts/setup") && missing.contains("--cometbft PATH"), "{missing}");
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let dir = home();
    assert_eq!(plumed(dir.path(), &["no-such-command"]).code, 2);
    let start = plumed(dir.path(), &["start"]);
    assert_eq!(start.code, 1);
    assert!(start.err.contains("plumed init"), "{}", start.err);
    assert_eq!(plumed(dir.path(), &["version"]).success(), env!("CARGO_PKG_VERSION"));
    let unreachable = plumed(dir.path(), &["status", "--node", "http://127.0.0.1:1"]).failure();
    assert!(unreachable.contains("start one with `plumed start`"), "{unreachable}");
    let unknown = plumed(dir.path(), &["query", "bank", "balnces"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("similar subcommands exist: 'balance', 'balances'"), "{}", unknown.err);
    for (words, nearest) in [
        (&["pre-upgrad"][..], "pre-upgrade"),
        (&["in-place-tesnet", "a-1", "plume1"], "in-place-testnet"),
        (&["tx", "aux-to-fe"], "aux-to-fee"),
        (&["in-place-testnet", "a-1", "plume1", "--acounts-to-fund", "x"], "--accounts-to-fund"),
    ] {
        let unknown = plumed(dir.path(), words);
        assert!(unknown.code == 2 && unknown.err.contains(nearest), "{words:?}: {}", unknown.err);
    }
}
