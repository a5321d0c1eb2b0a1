use std::fs;

use serde_json::{Value, json};

use crate::run::{plumed, plumed_with};

fn json_file(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

#[test]
fn conversions_are_printed_as_the_sdk_prints_them() {
    let dir = tempfile::tempdir().unwrap();
    let debug = |args: &[&str]| plumed(dir.path(), &[&["debug"], args].concat());
    let hex = "0D82B1E7C96DBFA42462FE612932E6BFF111D51B";
    let shown = debug(&["addr", hex]).success();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "Address: [13 130 177 231 201 109 191 164 36 98 254 97 41 50 230 191 241 17 213 27]");
    assert_eq!(lines[1], format!("Address (hex): {hex}"));
    let account = lines[2].strip_prefix("Bech32 Acc: ").unwrap();
    assert!(lines[3].starts_with("Bech32 Val: plumevaloper1") && lines[4].starts_with("Bech32 Con: plumevalcons1"));
    assert_eq!(debug(&["addr", account]).success(), shown);
    assert!(
        debug(&["addr", "cosmos1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmmk8rs6"]).failure().contains("expected prefix plume")
    );

    assert_eq!(debug(&["raw-bytes", "[72 101 108 108 111 255]"]).success(), "48656C6C6FFF");
    assert!(debug(&["raw-bytes", "[256]"]).failure().contains("\"256\" is not a byte"));
    let key = "AurroA7jvfPd1AadmmOvWM2rJSwipXfRf8yD6pLbA2DJ";
    let pubkey = debug(&["pubkey", &json!({"@type": "/cosmos.crypto.secp256k1.PubKey", "key": key}).to_string()]);
    let address = pubkey.success();
    assert!(
        address.ends_with("PubKey Hex: 02eaeba00ee3bdf3ddd4069d9a63af58cdab252c22a577d17fcc83ea92db0360c9"),
        "{address}"
    );
    let raw = debug(&["pubkey-raw", key, "-t", "secp256k1"]).success();
    assert!(raw.contains("Parsed key as secp256k1") && raw.contains("tendermint/PubKeySecp256k1"), "{raw}");
    assert!(raw.contains(address.lines().next().unwrap()), "{raw}");
    // The example of the SDK's own help: a consensus key in three forms.
    let ed = debug(&["pubkey-raw", "8FCA9D6D1F80947FD5E9A05309259746F5F72541121766D5F921339DD061174A"]).success();
    assert!(ed.contains("\"value\":\"j8qdbR+AlH/V6aBTCSWXRvX3JUESF2bV+SEzndBhF0o=\""), "{ed}");
    assert_eq!(debug(&["pubkey-raw", "j8qdbR+AlH/V6aBTCSWXRvX3JUESF2bV+SEzndBhF0o="]).success(), ed);
    let legacy = debug(&["pubkey-raw", "cosmospub1zcjduepq3l9f6mglsz28l40f5pfsjfvhgm6lwf2pzgtkd40eyyeem5rpza9q47axrz"]);
    assert_eq!(legacy.success(), ed);
    let prefixes = debug(&["prefixes", "-o", "json"]).json();
    assert_eq!(prefixes["bech32_val"], "plumevaloper");
    assert_eq!(debug(&["addr", hex, "--output", "json"]).json()["address_hex"], hex);
    assert!(debug(&["codec", "list-interfaces"]).success().lines().any(|line| line == "cosmos.auth.v1beta1.AccountI"));
    let messages = debug(&["codec", "list-implementations", "cosmos.base.v1beta1.Msg"]).success();
    assert!(messages.lines().any(|line| line == "/cosmos.bank.v1beta1.MsgSend"), "{messages}");
}

#[test]
fn genesis_takes_many_accounts_and_says_what_it_cannot() {
    let dir = tempfile::tempdir().unwrap();
    plumed(dir.path(), &["init", "tester", "--chain-id", "cli-1"]).success();
    let parsed =
        plumed(dir.path(), &["keys", "parse", "0D82B1E7C96DBFA42462FE612932E6BFF111D51B", "-o", "json"]).json();
    let address = parsed["formats"][0].as_str().unwrap().to_owned();
    let bulk = json!([
        {"address": address, "coins": [{"denom": "uplume", "amount": "5"}, {"denom": "uusd", "amount": "1"}]}
    ]);
    let genesis = |args: &[&str], input: &str| plumed_with(dir.path(), &[&["genesis"], args].concat(), input);
    genesis(&["bulk-add-genesis-account", "-"], &bulk.to_string()).success();
    let twice = genesis(&["bulk-add-genesis-account", "-"], &bulk.to_string()).failure();
    assert!(twice.contains("--append"), "{twice}");
    genesis(&["bulk-add-genesis-account", "-", "--append"], &bulk.to_string()).success();
    let doc = json_file(&dir.path().join("config/genesis.json"));
    assert_eq!(doc["app_state"]["bank"]["balances"][0]["coins"][0], json!({"denom": "uplume", "amount": "10"}));
    for args in [&["gentx", "alice", "1uplume", "--chain-id", "cli-1"][..], &["collect-gentxs"]] {
        let plain = genesis(args, "").failure();
        assert!(plain.contains("staking module, which this chain does not have yet"), "{plain}");
    }
    // The names that older tools call at the top.
    plumed(dir.path(), &["add-genesis-account", &address, "1uplume", "--append"]).success();
    plumed(dir.path(), &["genesis", "add-validator"]).success();
    plumed(dir.path(), &["validate-genesis"]).success();
}

#[test]
fn testnet_files_lie_where_the_sdk_puts_them() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("net");
    let args = [
        "testnet",
        "init-files",
        "--chain-id=net-1",
        "--output-dir",
        out.to_str().unwrap(),
        "--validator-count=3",
        "--keyring-backend=test",
        "--commit-timeout=900ms",
        "--minimum-gas-prices=0.1uplume",
        "--format",
        "json",
        "--starting-ip-address",
        "10.0.0.254",
    ];
    let net = plumed(dir.path(), &args).json();
    let nodes = net["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes[2]["rpc"], "http://10.0.1.0:26657");
    let first = out.join("node0/plumed");
    let genesis = json_file(&first.join("config/genesis.json"));
    assert_eq!(genesis["validators"].as_array().unwrap().len(), 3);
    assert_eq!(genesis["app_state"]["auth"]["accounts"].as_array().unwrap().len(), 3);
    for (i, node) in nodes.iter().enumerate() {
        let home = out.join(format!("node{i}/plumed"));
        assert_eq!(json_file(&home.join("config/genesis.json")), genesis);
        let words = json_file(&home.join("key_seed.json"))["secret"].as_str().unwrap().to_owned();
        let again = plumed_with(&home, &["keys", "add", "x", "--recover", "--dry-run", "-o", "json"], &words).json();
        assert_eq!(again["address"], node["address"]);
        let get = |args: &[&str]| plumed(&home, &[&["config", "get"], args].concat()).success();
        assert_eq!(get(&["config", "consensus.timeout_commit"]), "900ms");
        assert_eq!(get(&["app", "minimum-gas-prices"]), "0.1uplume");
        assert_eq!(get(&["config", "p2p.persistent_peers"]).split(',').count(), 2);
    }
    plumed(&first, &["genesis", "validate"]).success();
    let again = plumed(dir.path(), &args).failure();
    assert!(again.contains("is not empty"), "{again}");
}

#[test]
fn registry_files_agree_with_the_genesis_document() {
    let dir = tempfile::tempdir().unwrap();
    plumed(dir.path(), &["init", "tester", "--chain-id", "plume-test-7"]).success();
    let files = dir.path().join("registry");
    let website = ["--website", "https://plume.example", "--gas-price-steps", "0.01,0.02,0.03"];
    let write = [&["registry", "--dir", files.to_str().unwrap()], &website[..]].concat();
    plumed(dir.path(), &write).success();
    let chain = json_file(&files.join("chain.json"));
    assert_eq!((&chain["chain_name"], &chain["chain_id"]), (&json!("plumetest"), &json!("plume-test-7")));
    assert_eq!(chain["website"], "https://plume.example");
    assert_eq!(chain["fees"]["fee_tokens"][0]["average_gas_price"], 0.02);
    let assets = json_file(&files.join("assetlist.json"));
    assert_eq!(assets["assets"][0]["base"], "uplume");
    assert_eq!(assets["assets"][0]["denom_units"][1], json!({"denom": "plume", "exponent": 6}));
    let keplr = json_file(&files.join("keplr.json"));
    assert_eq!(keplr["stakeCurrency"], json!({"coinDenom": "PLUME", "coinMinimalDenom": "uplume", "coinDecimals": 6}));
    assert_eq!(keplr["bech32Config"]["bech32PrefixConsPub"], "plumevalconspub");
    assert_eq!(json_file(&files.join("ping.json"))["min_tx_fee"], "2000");
    let all = plumed(dir.path(), &[&["registry"], &website[..]].concat()).json();
    assert_eq!(all["keplr"], keplr);
    let falling = plumed(dir.path(), &["registry", "--gas-price-steps", "3,2,1"]).failure();
    assert!(falling.contains("must not fall"), "{falling}");
}

#[test]
fn completion_and_manual_know_derived_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = plumed(dir.path(), &["completion", shell]).success();
        for command in ["spendable-balances", "multisign-batch", "aux-to-fee", "in-place-testnet", "pre-upgrade"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let pages = dir.path().join("man");
    plumed(dir.path(), &["man", "--dir", pages.to_str().unwrap()]).success();
    let page = fs::read_to_string(pages.join("plumed-tx-bank-send.1")).unwrap();
    assert!(page.contains("Send coins to an account") && page.contains("gas\\-adjustment"), "{page}");
    for page in ["", "-query-wait-tx", "-tx-aux-to-fee", "-in-place-testnet", "-pre-upgrade"] {
        assert!(pages.join(format!("plumed{page}.1")).is_file(), "{page}");
    }
    let codes = fs::read_to_string(pages.join("plumed-pre-upgrade.1")).unwrap();
    assert!(codes.contains("31 another process has the state open"), "{codes}");
}

#[test]
fn messages_are_made_from_their_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    plumed(dir.path(), &["init", "tester", "--chain-id", "cli-1"]).success();
    let key = ["keys", "add", "gov", "--keyring-backend", "test", "-o", "json"];
    let gov = plumed(dir.path(), &key).json()["address"].as_str().unwrap().to_owned();
    let params = r#"{"max_memo_characters":"10","tx_sig_limit":"7","tx_size_cost_per_byte":"10","sig_verify_cost_ed25519":"590","sig_verify_cost_secp256k1":"1000"}"#;
    let flags = ["--from", "gov", "--generate-only", "--offline", "--keyring-backend", "test", "--note", "n"];
    let update = [&["tx", "auth", "update-params", "--params", params], &flags[..]].concat();
    let tx = plumed(dir.path(), &update).json();
    let expected = json!({"@type": "/cosmos.auth.v1beta1.MsgUpdateParams", "authority": gov, "params": serde_json::from_str::<Value>(params).unwrap()});
    assert_eq!(tx["body"]["messages"], json!([expected]));
    assert_eq!(tx["body"]["memo"], "n");

    let enabled = ["--send-enabled", r#"{"denom":"a","enabled":true}"#, "--use-default-for", "b,c"];
    let set = [&["tx", "bank", "set-send-enabled"], &enabled[..], &flags].concat();
    let message = plumed(dir.path(), &set).json()["body"]["messages"][0].clone();
    assert_eq!(message["send_enabled"], json!([{"denom": "a", "enabled": true}]));
    assert_eq!(message["use_default_for"], json!(["b", "c"]));

    let split = ["tx", "bank", "multi-send", "gov", "gov", &gov, "7uplume,3uusd", "--split"];
    let message = plumed(dir.path(), &[&split[..], &flags[2..]].concat()).json()["body"]["messages"][0].clone();
    let share = json!([{"denom": "uplume", "amount": "3"}, {"denom": "uusd", "amount": "1"}]);
    assert_eq!(message["outputs"], json!([{"address": gov, "coins": share}, {"address": gov, "coins": share}]));
    assert_eq!(message["inputs"][0]["coins"][0]["amount"], "6");

    let wrong = plumed(dir.path(), &["tx", "bank", "send", "gov", "nobody", "1uplume", "--offline"]);
    assert!(wrong.failure().contains("neither an address"));
    let coins = plumed(dir.path(), &["tx", "bank", "send", "gov", &gov, "lots", "--keyring-backend", "test"]).failure();
    assert!(coins.contains("argument amount") && coins.contains("10uplume"), "{coins}");
    let unnamed = plumed(dir.path(), &["tx", "auth", "update-params", "--params", params]).failure();
    assert!(unnamed.contains("--from"), "{unnamed}");
}

#[test]
fn engine_files_are_shown_and_reset() {
    let dir = tempfile::tempdir().unwrap();
    plumed(dir.path(), &["init", "tester", "--chain-id", "cli-1"]).success();
    let comet = |args: &[&str]| plumed(dir.path(), &[&["comet"], args].concat()).success();
    assert_eq!(comet(&["show-node-id"]).len(), 40);
    assert_eq!(plumed(dir.path(), &["tendermint", "show-node-id"]).success(), comet(&["show-node-id"]));
    let key: Value = serde_json::from_str(&comet(&["show-validator"])).unwrap();
    assert_eq!(key["@type"], "/cosmos.crypto.ed25519.PubKey");
    assert!(comet(&["show-address"]).starts_with("plumevalcons1"));
    let version: Value = serde_json::from_str(&comet(&["version", "-o", "json"])).unwrap();
    assert_eq!(version, json!({"cometbft": "0.38.25", "abci": "2.0.0", "blockprotocol": 11, "p2pprotocol": 8}));
    fs::write(dir.path().join("data/rest"), "x").unwrap();
    comet(&["unsafe-reset-all"]);
    assert!(!dir.path().join("data/rest").exists());
    let long = plumed(dir.path(), &["version", "--long", "--output", "json"]).json();
    assert_eq!((&long["name"], &long["server_name"]), (&json!("plume"), &json!("plumed")));
    assert_eq!(long["cosmos_sdk_version"], "v0.50.15");
}
