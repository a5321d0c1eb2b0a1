//! Without faults, and how many crashes a group survives.

use std::time::Duration;

use crate::cluster::{BOUND, Plan};

#[test]
fn one_node_makes_blocks_and_goes_on_after_a_crash() {
    let mut net = Plan::new("one node", 1).start();
    net.grow(10);
    for _ in 0..3 {
        net.kill(0);
        net.start_again(0);
        let took = net.grow(1);
        net.say("crash to next block", took);
        net.grow(4);
    }
    net.finish();
}

#[test]
fn four_nodes_decide_a_follower_follows_and_an_idle_chain_rests() {
    let mut net = Plan::new("four and a follower", 4).followers(1).start();
    net.grow(20);
    net.until("fifth node", BOUND, |it| it.height_of(4) + 2 >= it.height());
    let follower = net.nodes[4].address();
    assert!(!net.ledger.lock().signatures.keys().any(|(who, ..)| *who == follower), "a full node signs nothing");
    let seen = net.seen(4).expect("it runs");
    assert_eq!((seen.voters, seen.learners), (4, 1));

    net.load(false);
    net.run_for(Duration::from_secs(3));
    let before = net.height();
    net.run_for(Duration::from_secs(5));
    let made = net.height() - before;
    assert!((4..=5).contains(&made), "an idle chain makes one empty block a second: {made} in 5 s");
    net.load(true);
    net.finish();
}

#[test]
fn seven_nodes_survive_two_and_stall_without_three() {
    let mut net = Plan::new("seven", 7).start();
    net.grow(3);
    for number in 0..2 {
        let leader = net.wait_leader();
        net.kill(leader);
        let took = net.grow(2);
        net.say(if number == 0 { "first leader lost" } else { "second leader lost" }, took);
    }
    let third = net.wait_leader();
    net.kill(third);
    net.run_for(Duration::from_secs(1));
    let stalled = net.height();
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.height(), stalled, "four of seven have no two thirds");
    net.start_again(third);
    let took = net.grow(1);
    net.say("third back to next block", took);
    net.finish();
}
