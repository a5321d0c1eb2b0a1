//! Raft nodes that cannot hear one another: every link goes through a proxy of the test.

use std::time::{Duration, Instant};

use plume_tests_devnet::{Engine, Flow, Links, Load, Network, within};

/// Longer than an election.
const SETTLED: Duration = Duration::from_secs(3);

fn begin() -> (Network, Links, Load) {
    let mut network = Network::create(Engine::Raft, 4, 3);
    let links = Links::between(&network);
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(3);
    (network, links, load)
}

fn end(mut network: Network, load: Load) {
    load.wait_for(3);
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// Waits until one of `nodes` has two heights that none of them has now.
fn progress(network: &Network, nodes: &[usize]) -> Duration {
    let height = || nodes.iter().filter_map(|index| network.nodes()[*index].height()).max().unwrap_or(0);
    let (start, target) = (Instant::now(), height() + 2);
    within(Duration::from_secs(120), || (height() >= target).then_some(())).expect("two blocks");
    start.elapsed()
}

/// Each node in turn, the leader included; packets are lost, then connections end.
#[test]
fn the_others_go_on_without_each_minority() {
    let (network, links, load) = begin();
    for lonely in 0..4 {
        let flow = if lonely % 2 == 0 { Flow::Hold } else { Flow::Cut };
        let led = network.proposer() == lonely;
        links.around(&[lonely], flow);
        let others: Vec<usize> = (0..4).filter(|index| *index != lonely).collect();
        let without = progress(&network, &others);
        let before = network.nodes()[lonely].height().expect("its RPC is not cut off");
        assert!(before < network.height(), "a node that hears nobody decides nothing");
        links.heal();
        let back = network.wait_until_caught_up(lonely);
        println!(
            "node {lonely} alone ({flow:?}, leader: {led}): the others' next blocks after {without:?}, back after {back:?}"
        );
    }
    end(network, load);
}

#[test]
fn two_halves_decide_nothing_until_they_meet() {
    let (network, links, load) = begin();
    for flow in [Flow::Hold, Flow::Cut] {
        let leader = network.proposer();
        links.around(&[leader, (leader + 1) % 4], flow);
        // What was under way may still be decided: votes that had left before.
        let mut last = (network.height(), Instant::now());
        let still = within(Duration::from_secs(60), || {
            let height = network.height();
            if height > last.0 {
                last = (height, Instant::now());
            }
            (last.1.elapsed() >= SETTLED).then_some(())
        });
        assert!(still.is_some(), "a half decides blocks");
        links.heal();
        println!("halves ({flow:?}): two blocks {:?} after they met", network.wait_for_blocks(2));
        network.wait_until_all_caught_up();
    }
    end(network, load);
}

#[test]
fn links_that_work_in_one_direction_do_not_stop_the_chain() {
    let (network, links, load) = begin();
    // One follower does not hear the leader, which hears it.
    let leader = network.proposer();
    links.set(leader, (leader + 1) % 4, Flow::Hold);
    let deaf = progress(&network, &[leader, (leader + 2) % 4, (leader + 3) % 4]);
    links.heal();
    network.wait_until_all_caught_up();

    // The leader is heard and hears nobody.
    let leader = network.proposer();
    let others: Vec<usize> = (0..4).filter(|index| *index != leader).collect();
    others.iter().for_each(|other| links.set(*other, leader, Flow::Hold));
    let leader_deaf = progress(&network, &others);
    links.heal();
    network.wait_until_all_caught_up();

    // The leader hears everybody and is not heard.
    let leader = network.proposer();
    let others: Vec<usize> = (0..4).filter(|index| *index != leader).collect();
    others.iter().for_each(|other| links.set(leader, *other, Flow::Hold));
    let leader_mute = progress(&network, &others);
    links.heal();
    network.wait_until_all_caught_up();
    println!(
        "two blocks: follower that does not hear the leader {deaf:?}, leader that hears nobody {leader_deaf:?}, leader that \
         nobody hears {leader_mute:?}"
    );
    end(network, load);
}
