use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{Done, plumed, plumed_in};

fn home() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    plumed(dir.path(), &["init", "tester", "--chain-id", "cli-1"]).success();
    dir
}

fn config(home: &Path, args: &[&str]) -> Done {
    plumed(home, &[&["config"], args].concat())
}

#[test]
fn settings_are_read_and_changed_in_place() {
    let dir = home();
    let path = dir.path().join("config/app.toml");
    let before = fs::read_to_string(&path).unwrap();
    assert_eq!(config(dir.path(), &["get", "app", "pruning"]).success(), "default");
    config(dir.path(), &["set", "app", "minimum-gas-prices", "0.01uplume"]).success();
    config(dir.path(), &["set", "app", "state-sync.snapshot-interval", "100"]).success();
    let after = fs::read_to_string(&path).unwrap();
    let changed: Vec<(&str, &str)> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(
        changed,
        [
            ("minimum-gas-prices = \"\"", "minimum-gas-prices = \"0.01uplume\""),
            ("snapshot-interval = 0", "snapshot-interval = 100")
        ],
        "comments and everything else stay"
    );
    config(dir.path(), &["set", "config", "rpc.laddr", "tcp://127.0.0.1:1234"]).success();
    assert_eq!(config(dir.path(), &["get", "config", "rpc.laddr", "-o", "json"]).json(), "tcp://127.0.0.1:1234");
    let shown = config(dir.path(), &["set", "client", "output", "json", "--stdout"]).success();
    assert!(shown.contains("output = \"json\""), "{shown}");
    assert_eq!(config(dir.path(), &["get", "client", "output"]).success(), "text", "printed, not written");
    assert_eq!(config(dir.path(), &["home"]).success(), dir.path().to_str().unwrap());
}

#[test]
fn what_no_valid_file_has_is_refused() {
    let dir = home();
    let before = fs::read(dir.path().join("config/app.toml")).unwrap();
    for (args, said) in [
        (["set", "app", "minimum-gas-price", "1a"], "did you mean minimum-gas-prices?"),
        (["set", "app", "min-retain-blocks", "many"], "a whole number is wanted"),
        (["set", "config", "mempool.size", "-1"], "mempool.size"),
        (["set", "app", "state-sync", "1"], "is a section"),
    ] {
        let refused = config(dir.path(), &args).failure();
        assert!(refused.contains(said), "{args:?}: {refused}");
    }
    assert_eq!(fs::read(dir.path().join("config/app.toml")).unwrap(), before);
    config(dir.path(), &["set", "app", "own.key", "x", "--skip-validate"]).success();
    let unknown = plumed(dir.path(), &["registry", "chain"]).failure();
    assert!(unknown.contains("app.toml is malformed") && unknown.contains("own"), "{unknown}");
    let no_home = config(&dir.path().join("nowhere"), &["get", "app"]).failure();
    assert!(no_home.contains("plumed init"), "{no_home}");
}

#[test]
fn differences_are_shown_and_files_migrated() {
    let dir = home();
    let none = config(dir.path(), &["diff", "app", "-o", "json"]).json();
    assert_eq!(none, json!({"app.toml": []}));
    let old = "# Mine.\npruning = \"nothing\"\nold-key = 1\n";
    fs::write(dir.path().join("config/app.toml"), old).unwrap();
    let rows = config(dir.path(), &["diff", "app", "-o", "json"]).json()["app.toml"].as_array().unwrap().clone();
    assert!(rows.contains(&json!({"key": "pruning", "value": "nothing", "default": "default"})), "{rows:?}");
    assert!(rows.contains(&json!({"key": "old-key", "value": 1, "default": null})), "{rows:?}");
    assert!(rows.contains(&json!({"key": "min-retain-blocks", "value": null, "default": 0})), "{rows:?}");
    let done = config(dir.path(), &["migrate", "app"]);
    assert!(done.err.contains("old-key is not known and is left out"), "{}", done.err);
    let rows = config(dir.path(), &["diff", "app", "-o", "json"]).json();
    assert_eq!(rows, json!({"app.toml": [{"key": "pruning", "value": "nothing", "default": "default"}]}));
    let view: Value = config(dir.path(), &["view", "app", "--output-format", "json"]).json();
    assert_eq!(view["pruning"], "nothing");
    assert!(config(dir.path(), &["view", "app"]).success().contains("# How much history"));
}

#[test]
fn the_environment_stands_above_files_and_below_flags() {
    let dir = home();
    let chain = |variables: &[(&str, &str)]| plumed_in(dir.path(), &["registry", "chain"], "", variables);
    let low = |chain: Value| chain["fees"]["fee_tokens"][0]["low_gas_price"].clone();
    assert_eq!(low(chain(&[]).json()), 0.0);
    assert_eq!(low(chain(&[("PLUMED_MINIMUM_GAS_PRICES", "0.5uplume")]).json()), 0.5);
    let wrong = chain(&[("PLUMED_MIN_RETAIN_BLOCKS", "x")]).failure();
    assert!(wrong.contains("PLUMED_MIN_RETAIN_BLOCKS=x") && wrong.contains("a whole number"), "{wrong}");
    let added = ["keys", "list"];
    let json = plumed_in(dir.path(), &["debug", "prefixes"], "", &[("PLUMED_BECH32_PREFIX", "other")]).success();
    assert!(json.contains("Bech32 Val: othervaloper"), "{json}");
    let backend = plumed_in(dir.path(), &added, "", &[("PLUMED_KEYRING_BACKEND", "nowhere")]).failure();
    assert!(backend.contains("unknown keyring backend"), "{backend}");
    plumed_in(dir.path(), &["keys", "list", "--keyring-backend", "test"], "", &[("PLUMED_KEYRING_BACKEND", "nowhere")])
        .success();
}
