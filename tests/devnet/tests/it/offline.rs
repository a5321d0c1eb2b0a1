//! What an operator does with a node that does not run: snapshots, rollback, replay, pruning.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use plume_tests_devnet::{Engine, Network, Node, cometbft, plumed, until, within};
use serde_json::{Value, json};

use crate::settings::{app, block, call, config, number, pay};
use crate::state_sync::require_same_state;

fn run(node: &Node, arguments: &[&str]) -> Output {
    let mut command = Command::new(plumed());
    command.arg("--home").arg(node.home()).args(["--log-level", "warn"]).args(arguments);
    command.env("PLUMED_COMETBFT", cometbft()).output().expect("plumed runs")
}

/// Runs a command that must succeed; its JSON.
fn json_of(node: &Node, arguments: &[&str]) -> Value {
    let done = run(node, &[arguments, &["--output", "json"]].concat());
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// Runs a command that must succeed; its text.
fn text_of(node: &Node, arguments: &[&str]) -> String {
    let done = run(node, arguments);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// Runs a command that must fail; its message.
fn refusal(node: &Node, arguments: &[&str]) -> String {
    let done = run(node, arguments);
    assert_eq!(done.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&done.stdout));
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// Makes payments and stops the first node; its height.
fn pay_and_stop(network: &mut Network, payments: u64) -> u64 {
    pay(network, payments);
    assert_eq!(network.nodes_mut()[0].stop(), Some(0));
    network.nodes()[0].stored_height()
}

fn sign_record(node: &Node) -> Vec<u8> {
    std::fs::read(node.home().join("data/priv_validator_state.json")).expect("written by the node")
}

#[test]
fn snapshots_rollback_replay_and_pruning_over_raft() {
    let mut network = Network::create(Engine::Raft, 1, 1);
    network.let_evidence_end_early();
    app(&network.nodes()[0], "", "pruning", "\"nothing\"");
    network.start();
    refused_while_it_runs(&network.nodes()[0]);
    let height = pay_and_stop(&mut network, 8);
    let folder = network.folder().to_owned();

    let archive = snapshots_in_and_out(&network.nodes()[0], height, &folder);
    let replayed = json_of(&network.nodes()[0], &["replay"]);
    assert_eq!((number(&replayed["from"]), number(&replayed["to"])), (1, height));
    assert!(number(&replayed["txs"]) >= 8, "{replayed}");
    assert_eq!(json_of(&network.nodes()[0], &["replay", "--trust-signatures"]), replayed);
    let beyond = (height + 1).to_string();
    let refused = refusal(&network.nodes()[0], &["replay", "--to", &beyond]);
    assert!(refused.contains(&format!("the blocks that can be executed are 1 to {height}")), "{refused}");

    let height = the_last_blocks_come_again(&mut network, height);
    an_older_state_is_restored_under_the_blocks(&mut network, number(&archive["height"]), height);
    pruned(&mut network);
}

fn refused_while_it_runs(node: &Node) {
    assert!(refusal(node, &["snapshots", "export"]).contains("in use by another process"));
    assert!(refusal(node, &["rollback"]).contains("in use by another process"));
    assert!(refusal(node, &["prune"]).contains("in use by another process"));
    assert!(refusal(node, &["replay"]).contains("in use by another process"));
    assert_eq!(text_of(node, &["snapshots", "list"]), "");
}

/// Exports the state of an old height from history, and executes the blocks behind it on what was exported: each chunk is
/// compared with the app hash in the next header, and each result with the recorded one.
fn a_past_state_is_exported(node: &Node, height: u64) {
    let past = height / 2;
    let exported = json_of(node, &["snapshots", "export", "--height", &past.to_string()]);
    assert_eq!(number(&exported["height"]), past);
    let replayed = json_of(node, &["replay", "--snapshot", &past.to_string()]);
    assert_eq!((number(&replayed["from"]), number(&replayed["to"])), (past + 1, height));
    assert_eq!(json_of(node, &["snapshots", "delete", &past.to_string(), "1"]), exported);
}

/// Exports, dumps, deletes and loads the snapshot of the last height; what was shown of it.
fn snapshots_in_and_out(node: &Node, height: u64, folder: &Path) -> Value {
    let at = height.to_string();
    let beyond = refusal(node, &["snapshots", "export", "--height", &(height + 1).to_string()]);
    assert!(beyond.contains(&format!("heights 1 to {at} can be exported")), "{beyond}");
    a_past_state_is_exported(node, height);
    assert!(refusal(node, &["snapshots", "dump", &at, "1"]).contains("`plumed snapshots export` or `load` makes one"));
    let exported = json_of(node, &["snapshots", "export"]);
    assert_eq!((number(&exported["height"]), &exported["format"]), (height, &json!(1)));
    assert_eq!(json_of(node, &["snapshots", "list"]), json!({ "snapshots": [exported] }));
    let line = text_of(node, &["snapshots", "list"]);
    assert!(line.starts_with(&format!("height: {at} format: 1 chunks: {}", exported["chunks"])), "{line}");
    assert!(refusal(node, &["snapshots", "dump", &at, "2"]).contains(&format!("those there: {at} 1")));

    let archive = folder.join("state.tar.gz");
    let name = archive.to_str().expect("a path of text");
    assert_eq!(text_of(node, &["snapshots", "dump", &at, "1", "--output", name]).trim(), name);
    // Any tar reads it, and finds the names that the SDK gives.
    let listed = Command::new("tar").arg("-tzf").arg(&archive).output().expect("tar runs");
    let files = String::from_utf8(listed.stdout).expect("text");
    let expected: Vec<String> =
        (0..exported["chunks"].as_u64().expect("a number")).map(|index| index.to_string()).collect();
    assert_eq!(files.lines().collect::<Vec<_>>(), [&["_snapshot".to_owned()][..], &expected].concat());

    assert_eq!(json_of(node, &["snapshots", "delete", &at, "1"]), exported);
    assert_eq!(json_of(node, &["snapshots", "list"]), json!({ "snapshots": [] }));
    assert!(refusal(node, &["snapshots", "delete", &at, "1"]).contains("there is none"));
    let bytes = std::fs::read(&archive).expect("written");
    let cut = folder.join("cut.tar.gz");
    std::fs::write(&cut, &bytes[..bytes.len() - 300]).expect("writable");
    assert!(refusal(node, &["snapshots", "load", cut.to_str().expect("text")]).contains("cut.tar.gz: the archive"));
    assert_eq!(json_of(node, &["snapshots", "list"]), json!({ "snapshots": [] }));
    assert_eq!(json_of(node, &["snapshots", "load", name]), exported);
    assert_eq!(json_of(node, &["snapshots", "list"]), json!({ "snapshots": [exported] }));

    // A chunk that rots on the disk is named before anything is written anywhere.
    let chunk = node.home().join(format!("data/snapshots/{at}/chunk-1"));
    let whole = std::fs::read(&chunk).expect("a chunk");
    let mut rotten = whole.clone();
    rotten[whole.len() / 2] ^= 1;
    std::fs::write(&chunk, rotten).expect("writable");
    assert!(refusal(node, &["snapshots", "dump", &at, "1", "--output", name]).contains("chunk 1 is damaged"));
    assert_eq!(std::fs::read(&archive).expect("still there"), bytes);
    std::fs::write(&chunk, whole).expect("writable");
    exported
}

/// Takes blocks back, starts, and finds the same blocks; the height then.
fn the_last_blocks_come_again(network: &mut Network, height: u64) -> u64 {
    network.nodes_mut()[0].start();
    let marked = until("more blocks", || network.nodes()[0].height().filter(|found| *found > height + 1));
    let before = block(&network.nodes()[0], marked);
    let height = pay_and_stop(network, 2);
    let node = &network.nodes()[0];
    let record = sign_record(node);
    assert!(refusal(node, &["rollback", "--hard"]).contains("has no other copy"));
    for target in (marked - 1..height).rev() {
        let done = json_of(node, &["rollback"]);
        assert_eq!((number(&done["height"]), node.stored_height()), (target, target));
        // The state itself went back, and not only what is said of it.
        let exported = json_of(node, &["snapshots", "export"]);
        assert_eq!((&exported["height"], &exported["app_hash"]), (&done["height"], &done["app_hash"]));
        text_of(node, &["snapshots", "delete", &target.to_string(), "1"]);
    }
    assert_eq!(sign_record(node), record, "what was signed stays signed");

    network.nodes_mut()[0].start();
    until("the blocks that were taken back", || network.nodes()[0].height().filter(|found| *found > height));
    assert_eq!(block(&network.nodes()[0], marked), before, "what Raft has committed is final");
    assert!(network.nodes()[0].log().contains("executed a block anew that had been taken back"));
    pay_and_stop(network, 2)
}

/// The state of a height long ago, and the blocks since: they are executed again.
fn an_older_state_is_restored_under_the_blocks(network: &mut Network, snapshot: u64, height: u64) {
    let node = &network.nodes()[0];
    let at = snapshot.to_string();
    assert!(
        refusal(node, &["snapshots", "restore", &at, "1"]).contains(&format!("a state of height {height} already"))
    );
    std::fs::remove_dir_all(node.home().join("data/application.db")).expect("removed");
    let wrong = "5A".repeat(32);
    let refused = refusal(node, &["snapshots", "restore", &at, "1", "--app-hash", &wrong]);
    assert!(refused.contains("is refused") && refused.contains(&wrong.to_lowercase()), "{refused}");
    assert!(refusal(node, &["snapshots", "restore", &at, "1", "--app-hash", "5A"]).contains("64 hexadecimal digits"));
    let restored = json_of(node, &["snapshots", "restore", &at, "1"]);
    assert_eq!(restored["verified_by"], "block", "its own header says which app hash");
    network.nodes_mut()[0].start();
    until("a block after the restore", || network.nodes()[0].height().filter(|found| *found > height));
    assert!(network.nodes()[0].log().contains("executing blocks again"));
    let height = pay_and_stop(network, 2);
    let replayed = json_of(&network.nodes()[0], &["replay", "--snapshot", &at]);
    assert_eq!((number(&replayed["from"]), number(&replayed["to"])), (snapshot + 1, height));
}

fn pruned(network: &mut Network) {
    let node = &network.nodes()[0];
    let height = node.stored_height();
    assert!(refusal(node, &["prune", "custom", "--pruning-keep-recent", "1"]).contains("at least 2 are needed"));
    let nothing = json_of(node, &["prune"]);
    assert_eq!((&nothing["removed_blocks"], number(&nothing["retain_height"])), (&json!("0"), 0));
    app(node, "", "min-retain-blocks", "3");
    let done = json_of(node, &["prune", "custom", "--pruning-keep-recent", "2"]);
    assert_eq!(number(&done["history_start"]), height - 2, "{done}");
    assert_eq!((number(&done["retain_height"]), number(&done["earliest_block"])), (height - 3, height - 3));
    assert_eq!(number(&done["removed_blocks"]), height - 4);
    assert!(refusal(node, &["replay"]).contains("begin with a snapshot"));
    json_of(node, &["snapshots", "export"]);
    let at = height.to_string();
    assert!(refusal(node, &["replay", "--snapshot", &at]).contains("the blocks that can be executed are"));
    text_of(node, &["rollback"]);
    let zero = text_of(node, &["export", "--for-zero-height", "--modules-to-export", "auth"]);
    let zero: Value = serde_json::from_str(&zero).expect("JSON");
    assert_eq!(
        (&zero["initial_height"], zero["app_state"].as_object().map(serde_json::Map::len)),
        (&json!("1"), Some(1))
    );
    assert!(refusal(node, &["export", "--modules-to-export", "nobody"]).contains("the modules with a state are"));
    network.nodes_mut()[0].start();
    until("a block after pruning", || network.nodes()[0].height().filter(|found| *found > height));
    let status = call(network.nodes()[0].rpc(), "status", &json!({}));
    assert_eq!(number(&status["sync_info"]["earliest_block_height"]), height - 3);
}

/// A node without blocks joins with a state that the operator carried to it.
#[test]
fn a_carried_snapshot_lets_a_node_join_over_raft() {
    let mut network = Network::create(Engine::Raft, 1, 1);
    let joining = network.add_full_node();
    network.nodes_mut()[0].start();
    let snapshot = pay_and_stop(&mut network, 4);
    let archive = network.folder().join("state.tar.gz");
    let name = archive.to_str().expect("text");
    let at = snapshot.to_string();
    let validator = &network.nodes()[0];
    let exported = json_of(validator, &["snapshots", "export"]);
    text_of(validator, &["snapshots", "dump", &at, "1", "-o", name]);

    let node = &network.nodes()[joining];
    json_of(node, &["snapshots", "load", name]);
    let hash = exported["app_hash"].as_str().expect("text");
    let restored = json_of(node, &["snapshots", "restore", &at, "1", "--app-hash", hash]);
    assert_eq!(restored["verified_by"], "flag");
    network.nodes_mut()[0].start();
    until("headers after the snapshot", || network.nodes()[0].height().filter(|height| *height >= snapshot + 2));
    let trust = block(&network.nodes()[0], 1).0;
    let node = &network.nodes()[joining];
    for (key, value) in [("enable", "true"), ("trust_height", "1"), ("trust_hash", &format!("\"{trust}\""))] {
        config(node, "statesync", key, value);
    }
    network.nodes_mut()[joining].start();
    pay(&network, 2);
    network.wait_until_caught_up(joining);
    let node = &network.nodes()[joining];
    assert!(node.log().contains("joined with the state that was there"));
    require_same_state(&network, node);
    let status = call(node.rpc(), "status", &json!({}));
    assert_eq!(number(&status["sync_info"]["earliest_block_height"]), snapshot + 1);

    // A block that is removed there comes again from the validator.
    network.stop();
    let node = &network.nodes()[joining];
    let height = node.stored_height();
    assert_eq!(number(&json_of(node, &["rollback", "--hard"])["height"]), height - 1);
    network.nodes_mut().iter_mut().for_each(Node::start);
    pay(&network, 1);
    network.wait_until_caught_up(joining);
    require_same_state(&network, &network.nodes()[joining]);
}

/// The validator returns to the state before its last block and executes it again; a full node without the block, too,
/// gets it from the validator. (An only validator without the block would stand still: its record of signatures forbids
/// another one at that height.)
#[test]
fn the_last_block_is_taken_back_over_cometbft() {
    let mut network = Network::create(Engine::Cometbft, 1, 1);
    let full = network.add_full_node();
    network.start();
    pay(&network, 2);
    network.wait_until_caught_up(full);
    network.stop();
    for (index, flags) in [(0, &[][..]), (full, &["--hard"])] {
        let node = &network.nodes()[index];
        let record = sign_record(node);
        let done = json_of(node, &[&["rollback"][..], flags].concat());
        assert_eq!(sign_record(node), record, "what was signed stays signed");
        let exported = json_of(node, &["snapshots", "export"]);
        assert_eq!((&exported["height"], &exported["app_hash"]), (&done["height"], &done["app_hash"]));
    }
    for node in network.nodes_mut() {
        node.start();
    }
    pay(&network, 2);
    network.require_same_chain(&[4]);
}

#[test]
fn cometbft_forgets_the_blocks_that_nobody_needs() {
    let mut network = Network::create(Engine::Cometbft, 1, 1);
    network.let_evidence_end_early();
    app(&network.nodes()[0], "", "min-retain-blocks", "3");
    // Blocks whose state is not on the disk stay, too, and that is written when the chain rests.
    config(&network.nodes()[0], "consensus", "create_empty_blocks_interval", "\"0s\"");
    network.nodes_mut()[0].start();
    let (latest, earliest) = until("blocks that are gone", || {
        pay(&network, 2);
        within(Duration::from_secs(3), || {
            let status = call(network.nodes()[0].rpc(), "status", &json!({}));
            let height = |name: &str| number(&status["sync_info"][name]);
            Some((height("latest_block_height"), height("earliest_block_height"))).filter(|(_, earliest)| *earliest > 1)
        })
    });
    assert!(earliest + 3 <= latest, "{earliest} of {latest}: the three newest stay");
    let gone = network.nodes()[0].rpc().call("block", &json!({ "height": "1" })).expect_err("gone").to_string();
    assert!(gone.contains("lowest height is"), "{gone}");
    network.stop();
    network.nodes_mut()[0].start();
    pay(&network, 1);
    assert!(network.nodes()[0].height() > Some(latest));
}
