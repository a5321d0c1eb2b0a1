//! Raft nodes that come back from long ago, or whose clocks are wrong.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plume_primitives::Timestamp;
use plume_tests_devnet::{Engine, Load, Network, Node, Program, Setup, Victim, until};
use serde_json::json;

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(done.success(), "cp -a {} {}", from.display(), to.display());
}

/// The peers know what it has signed since; it must not sign that again. The leader's log ends after its own.
#[test]
fn a_node_restored_from_an_old_copy_never_signs_twice() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(4);
    let leader = network.proposer();
    let restored = (leader + 1) % 4;
    let (data, backup) = (network.nodes()[restored].home().join("data"), network.folder().join("backup"));
    assert_eq!(network.nodes_mut()[restored].stop(), Some(0));
    copy(&data, &backup);
    let copied = network.nodes()[restored].stored_height();
    network.nodes_mut()[restored].start();
    network.wait_until_caught_up(restored);
    // It signs only once its peers have answered, which the chain does not wait for.
    until("a signature that the copy knows nothing of", || {
        (network.nodes()[restored].signed_height() > copied + 20).then_some(())
    });

    network.nodes_mut()[restored].kill(Victim::App);
    std::fs::remove_dir_all(&data).expect("a folder");
    copy(&backup, &data);
    let before = network.nodes()[restored].log().len();
    network.nodes_mut()[restored].start();
    let back = network.wait_until_caught_up(restored);
    println!("restored from {copied}, at {} now: back after {back:?}", network.height());
    until("the node's own warning", || {
        network.nodes()[restored].log()[before..].contains("is an old copy").then_some(())
    });

    // It is needed for a majority again: without the leader its vote counts.
    let leader = network.proposer();
    let away = if leader == restored { (leader + 1) % 4 } else { leader };
    network.nodes_mut()[away].kill(Victim::App);
    network.wait_for_blocks(2);
    network.nodes_mut()[away].start();
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// What a machine leaves behind that fails while it writes is repaired; damage before the end is not guessed away.
#[test]
fn a_torn_last_record_is_cut_off_and_rot_refused() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(6);
    // The leader, whose own word for its log counted.
    let torn = network.proposer();
    network.nodes_mut()[torn].kill(Victim::App);
    let entries = network.nodes()[torn].home().join("data/raft.wal/entries");
    let newest = || {
        let files = std::fs::read_dir(&entries).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.filter(|path| path.extension().is_some_and(|it| it == "wal")).max().expect("a segment")
    };
    let last = newest();
    let whole = std::fs::read(&last).expect("readable");
    std::fs::write(&last, &whole[..whole.len() - 5]).expect("writable");
    network.wait_for_blocks(2);
    let before = network.nodes()[torn].log().len();
    network.nodes_mut()[torn].start();
    let back = network.wait_until_caught_up(torn);
    println!("last record torn: back after {back:?}");
    assert!(network.nodes()[torn].log()[before..].contains("cut an unfinished write off the Raft log"));

    // Damage counts as an unfinished write unless whole records follow: a log that was dropped meanwhile goes on in
    // another segment, which must have some first.
    network.wait_for_blocks(8);
    network.wait_until_caught_up(torn);
    network.nodes_mut()[torn].kill(Victim::App);
    let last = newest();
    let whole = std::fs::read(&last).expect("readable");
    let mut rotten = whole.clone();
    rotten[whole.len() / 4] ^= 1;
    std::fs::write(&last, &rotten).expect("writable");
    let before = network.nodes()[torn].log().len();
    network.nodes_mut()[torn].start();
    assert_eq!(network.nodes_mut()[torn].wait_for_end().code(), Some(1));
    let log = network.nodes()[torn].log();
    assert!(log[before..].contains("Raft log"), "{}", &log[before..]);
    std::fs::write(&last, &whole).expect("writable");
    network.nodes_mut()[torn].start();
    network.wait_until_caught_up(torn);
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// The others have dropped the entries that it misses: blocks with commits come from peers.
#[test]
fn a_node_that_was_away_for_long_catches_up_by_blocks() {
    let mut network = Network::new(Setup { program: Program::DevnetNode, ..Setup::new(Engine::Raft) });
    for node in network.nodes() {
        std::fs::write(node.home().join("raft-log"), "40 10").expect("writable");
    }
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(2);
    let away = (network.proposer() + 1) % 4;
    assert_eq!(network.nodes_mut()[away].stop(), Some(0));
    let left = network.nodes()[away].stored_height();
    let before = network.nodes()[away].log().len();
    until("a chain that went on for long", || (network.height() > left + 100).then_some(()));
    network.nodes_mut()[away].start();
    let back = network.wait_until_caught_up(away);
    println!("away from {left} to {}: back after {back:?}", network.height());
    let log = network.nodes()[away].log();
    assert!(log[before..].contains("install complete snapshot"), "by the log alone: {}", &log[before..]);
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// Without another user's rights no test can set the system's clock: these nodes add an offset to it.
#[test]
fn wrong_clocks_neither_stop_the_chain_nor_turn_its_time_back() {
    let hour = 3_600_000_i64;
    let mut network = Network::new(Setup { program: Program::DevnetNode, ..Setup::new(Engine::Raft) });
    network.start();
    let load = Load::start(&network, 3);
    let jump = |node: &Node, offset: i64| {
        std::fs::write(node.home().join("clock-offset-ms"), offset.to_string()).expect("writable");
    };
    load.wait_for(3);
    let leader = network.proposer();
    let others: Vec<usize> = (0..4).filter(|index| *index != leader).collect();

    // One clock, the leader's even, does not move the median.
    jump(&network.nodes()[leader], hour);
    network.wait_for_blocks(4);
    let ahead = newest_time(&network.nodes()[leader]).since(system_time()).unwrap_or_default();
    assert!(ahead < Duration::from_secs(60), "the chain's time follows one clock: {ahead:?} ahead");
    jump(&network.nodes()[leader], -hour);
    network.wait_for_blocks(4);
    let behind = system_time().since(newest_time(&network.nodes()[leader])).unwrap_or_default();
    assert!(behind < Duration::from_secs(60), "the chain's time follows one clock: {behind:?} behind");

    // The time of most is the time.
    others.iter().for_each(|index| jump(&network.nodes()[*index], hour));
    network.wait_for_blocks(4);
    let ahead = newest_time(&network.nodes()[leader]).since(system_time()).unwrap_or_default();
    assert!(ahead > Duration::from_secs(3000), "{ahead:?}");
    // Back again: the next blocks come a millisecond apart until the clocks have caught up.
    (0..4).for_each(|index| jump(&network.nodes()[index], 0));
    network.wait_for_blocks(4);
    load.wait_for(3);

    let height = network.height();
    let times: Vec<Timestamp> = (1..=height).map(|height| time(&network.nodes()[0], Some(height))).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let sent = load.finish();
    network.require_agreement(&sent);
}

fn system_time() -> Timestamp {
    plume_tests_devnet::in_process::now()
}

fn newest_time(node: &Node) -> Timestamp {
    time(node, None)
}

fn time(node: &Node, height: Option<u64>) -> Timestamp {
    let params = height.map_or_else(|| json!({}), |height| json!({ "height": height.to_string() }));
    let block = until("a block", || node.rpc().call("block", &params).ok());
    block["block"]["header"]["time"].as_str().expect("a time").parse().expect("a time")
}
