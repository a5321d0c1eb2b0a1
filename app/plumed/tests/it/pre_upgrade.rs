//! What cosmovisor runs before a new binary starts.

use std::fs;
use std::path::Path;

use crate::run::plumed;

const FILES: [&str; 3] = ["app.toml", "client.toml", "config.toml"];

fn files(home: &Path) -> [String; 3] {
    FILES.map(|name| fs::read_to_string(home.join("config").join(name)).unwrap())
}

fn change(home: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let path = home.join("config").join(name);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn settings_are_brought_up_to_this_version_and_keep_their_values() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    plumed(home, &["init", "old", "--chain-id", "old-1"]).success();
    let fresh = files(home);
    plumed(home, &["config", "set", "app", "minimum-gas-prices", "0.5uplume"]).success();
    // One setting of an older version that is gone, one that it did not have yet.
    change(home, "app.toml", |text| {
        let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("checkpoint-minutes")).collect();
        format!("was-once = 7\n{}\n", without.join("\n"))
    });
    assert!(plumed(home, &["export"]).failure().contains("was-once"), "a node of this version refuses the file");

    fs::write(home.join("data/upgrade-info.json"), r#"{"name":"v2","height":9,"info":""}"#).unwrap();
    let done = plumed(home, &["pre-upgrade"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("v2") && done.err.contains("was-once is not known and is left out"), "{}", done.err);
    let [app, client, config] = files(home);
    assert_eq!(app, fresh[0].replace("minimum-gas-prices = \"\"", "minimum-gas-prices = \"0.5uplume\""));
    assert_eq!([&client, &config], [&fresh[1], &fresh[2]]);
    // Twice is as once.
    assert_eq!(plumed(home, &["pre-upgrade"]).code, 0);
    assert_eq!(files(home), [app, client, config]);
}

#[test]
fn what_a_person_must_repair_ends_the_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    assert_eq!(plumed(home, &["pre-upgrade"]).code, 30, "there is no home");
    plumed(home, &["init", "old", "--chain-id", "old-1"]).success();
    change(home, "client.toml", |text| format!("{text}\n["));
    let before = files(home);
    let malformed = plumed(home, &["pre-upgrade"]);
    assert!(malformed.code == 30 && malformed.err.contains("client.toml"), "{} {}", malformed.code, malformed.err);
    assert_eq!(files(home)[1], before[1]);
    change(home, "client.toml", |text| text.trim_end_matches('[').to_owned());
    fs::write(home.join("data/upgrade-info.json"), "{").unwrap();
    let plan = plumed(home, &["pre-upgrade"]);
    assert!(plan.code == 30 && plan.err.contains("upgrade-info.json is malformed"), "{} {}", plan.code, plan.err);
    fs::remove_file(home.join("data/upgrade-info.json")).unwrap();
    assert_eq!(plumed(home, &["pre-upgrade"]).code, 0);
}
