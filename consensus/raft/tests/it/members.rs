//! Validators that come and go, and leaders that should not propose.

use std::time::Duration;

use crate::app::power_body;
use crate::cluster::{BOUND, Plan};

#[test]
fn a_leader_that_is_no_validator_any_more_hands_over() {
    let mut net = Plan::new("leader removed", 4).start();
    net.grow(3);
    let leader = net.wait_leader();
    let address = net.nodes[leader].address();
    let key = net.nodes[leader].key.public();
    net.submit(power_body(&key, 0));
    let removed = net.height();
    let took = net.grow(4);
    net.say("removed to four more blocks", took);
    let mine = {
        let ledger = net.ledger.lock();
        ledger.blocks.iter().filter(|(height, block)| **height >= removed + 2 && block.proposer == address).count()
    };
    assert_eq!(mine, 0, "it proposed after it had left");
    let took = net.until("another leader", BOUND, |it| it.leader().is_some_and(|now| now != leader));
    net.say("another leads", took);
    net.until("three voters", BOUND, |it| it.seen(leader).is_some_and(|seen| seen.voters == 3));
    net.grow(3);
    net.submit(power_body(&key, 10));
    net.until("four voters", BOUND, |it| it.seen(leader).is_some_and(|seen| seen.voters == 4));
    let from = net.height();
    net.until("its signature", BOUND, |it| {
        it.ledger.lock().signatures.keys().any(|(who, height, _)| *who == address && *height > from)
    });
    net.finish();
}

#[test]
fn a_follower_becomes_a_validator_and_leaves_again() {
    let mut net = Plan::new("join and leave", 4).followers(1).start();
    net.catch_up(4);
    let (key, address) = (net.nodes[4].key.public(), net.nodes[4].address());
    for round in 0..2 {
        let from = net.height();
        net.submit(power_body(&key, 10));
        let took = net.until("fifth voter", BOUND, |it| {
            it.up().iter().all(|node| it.seen(*node).is_some_and(|seen| seen.voters == 5))
        });
        net.say("transaction to five voters", took);
        net.until("its signature", BOUND, |it| {
            it.ledger.lock().signatures.keys().any(|(who, height, _)| *who == address && *height > from)
        });
        // With five, one may be away, whoever it is.
        let away = if round == 0 { 4 } else { net.wait_leader() };
        net.kill(away);
        net.grow(2);
        net.start_again(away);
        net.catch_up(away);
        net.submit(power_body(&key, 0));
        let took = net.until("four voters", BOUND, |it| {
            it.up().iter().all(|node| it.seen(*node).is_some_and(|seen| (seen.voters, seen.learners) == (4, 1)))
        });
        net.say("transaction to four voters", took);
        let gone = net.height() + 2;
        net.grow(5);
        assert!(
            !net.ledger.lock().signatures.keys().any(|(who, height, _)| *who == address && *height > gone),
            "it signs after it has left"
        );
    }
    net.finish();
}

#[test]
fn an_invalid_block_is_rejected_by_all_and_the_next_round_decides() {
    let mut net = Plan::new("invalid block", 4).start();
    net.grow(2);
    let leader = net.wait_leader();
    let rejected = |net: &crate::cluster::Cluster| -> Vec<u64> {
        (0..4).map(|node| net.seen(node).map_or(0, |seen| seen.rejected)).collect()
    };
    assert_eq!(rejected(&net), [0; 4]);
    net.nodes[leader].app.propose_bad(3);
    let took = net.until("valid proposals", BOUND, |it| it.nodes[leader].app.bad_left() == 0);
    net.say("three invalid proposals", took);
    let took = net.grow(2);
    net.say("then two blocks", took);
    let rounds: i32 = net.ledger.lock().blocks.values().map(|block| block.round).sum();
    assert_eq!(rounds, 3, "each rejected entry costs one round");
    assert_eq!(rejected(&net), [3; 4], "every node rejected each of them");

    // A leader that only makes such blocks stands in the way until it is gone: the spec says so.
    net.nodes[leader].app.propose_bad(u32::MAX);
    net.run_for(Duration::from_secs(2));
    let before = net.height();
    net.run_for(Duration::from_secs(2));
    if net.leader() == Some(leader) {
        assert_eq!(net.height(), before);
    }
    net.kill(leader);
    net.nodes[leader].app.propose_bad(0);
    let took = net.grow(1);
    net.say("bad leader gone to next block", took);
    net.finish();
}
