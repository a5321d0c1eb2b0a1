//! Seven validators survive two crashes and wait out a third.

use std::time::{Duration, Instant};

use plume_tests_devnet::{Engine, Load, Network, Victim};

/// Longer than an election, and than what was under way when the third one died.
const SETTLED: Duration = Duration::from_secs(3);

#[test]
fn seven_validators_go_on_without_two_and_wait_for_a_third() {
    let mut network = Network::create(Engine::Raft, 7, 2);
    network.start();
    let load = Load::start(&network, 2);
    load.wait_for(4);
    let leader = network.proposer();
    let victims = [leader, (leader + 1) % 7, (leader + 2) % 7];
    for victim in &victims[..2] {
        network.nodes_mut()[*victim].kill(Victim::App);
    }
    let without = network.wait_for_blocks(2);
    load.wait_for(2);

    // Of seven equal powers four are not more than two thirds.
    network.nodes_mut()[victims[2]].kill(Victim::App);
    let begin = Instant::now();
    let mut last = (network.height(), begin);
    while last.1.elapsed() < SETTLED {
        assert!(begin.elapsed() < Duration::from_secs(60), "four of seven decide blocks");
        let height = network.height();
        if height > last.0 {
            last = (height, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let committed = load.committed();

    network.nodes_mut()[victims[2]].start();
    let on = network.wait_for_blocks(2);
    load.wait_for(2);
    let mut back = Vec::new();
    for victim in &victims[..2] {
        network.nodes_mut()[*victim].start();
        back.push(network.wait_until_caught_up(*victim));
    }
    println!(
        "two of seven killed, the leader one of them: two blocks after {without:?}; a third: nothing decided, {committed} \
         payments kept, two blocks {on:?} after its start; the other two back after {back:?}"
    );
    let sent = load.finish();
    assert!(sent.iter().sum::<u64>() >= committed);
    network.require_agreement(&sent);
}
