//! Links that fail.

use std::time::Duration;

use crate::cluster::Plan;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_paused_leader_is_replaced_and_falls_in_line() {
    let mut net = Plan::new("leader paused", 4).start();
    for _ in 0..2 {
        net.grow(3);
        let leader = net.wait_leader();
        net.pause(leader, true);
        let took = net.grow(1);
        net.say("paused leader to next block", took);
        net.run_for(4 * SECOND);
        assert_ne!(net.leader(), Some(leader));
        net.pause(leader, false);
        let took = net.catch_up(leader);
        net.say("resumed to caught up", took);
    }
    net.finish();
}

#[test]
fn each_single_node_can_be_cut_off() {
    let mut net = Plan::new("one cut off", 4).start();
    for node in 0..4 {
        let others = net.others(node);
        net.part(&[node], &others);
        let took = net.grow(2);
        net.say("cut off: the others go on", took);
        net.run_for(2 * SECOND);
        net.heal();
        let took = net.catch_up(node);
        net.say("healed to caught up", took);
    }
    net.finish();
}

#[test]
fn two_against_two_stall_and_go_on_when_healed() {
    for (one, other) in [([0, 1], [2, 3]), ([0, 2], [1, 3]), ([0, 3], [1, 2])] {
        let mut net = Plan::new("two against two", 4).start();
        net.grow(3);
        net.part(&one, &other);
        net.run_for(SECOND);
        let before = net.height();
        net.run_for(5 * SECOND);
        assert_eq!(net.height(), before, "half of the power decides nothing");
        net.heal();
        let took = net.grow(1);
        net.say("healed to next block", took);
        net.finish();
    }
}

#[test]
fn links_that_work_in_one_direction_only() {
    let mut net = Plan::new("asymmetric", 4).start();
    // A leader that hears a follower but is not heard by it, and the other way round.
    for from_leader in [true, false] {
        let leader = net.wait_leader();
        let follower = net.follower();
        let (from, to) = if from_leader { (leader, follower) } else { (follower, leader) };
        net.mute(from, &[to]);
        let took = net.grow(3);
        net.say("one link, one direction: three blocks", took);
        net.run_for(3 * SECOND);
        net.grow(2);
        net.unmute(from, &[to]);
        let took = net.catch_up(follower);
        net.say("repaired to caught up", took);
    }
    // A leader that nobody hears, though it hears all; and one that hears nobody, though all hear it.
    for speaks in [false, true] {
        let leader = net.wait_leader();
        let others = net.others(leader);
        match speaks {
            false => net.mute(leader, &others),
            true => others.iter().for_each(|other| net.mute(*other, &[leader])),
        }
        let took = net.grow(2);
        net.say(if speaks { "a deaf leader" } else { "a mute leader" }, took);
        net.run_for(2 * SECOND);
        match speaks {
            false => net.unmute(leader, &others),
            true => others.iter().for_each(|other| net.unmute(*other, &[leader])),
        }
        let took = net.catch_up(leader);
        net.say("repaired to caught up", took);
    }
    net.finish();
}

#[test]
fn links_that_break_now_and_then_and_slow_ones() {
    for seed in 1..=2 {
        let mut net = Plan::new("loss", 4).seed(seed).start();
        net.sim.set_fail_rate(0.0005);
        net.run_for(10 * SECOND);
        net.sim.set_fail_rate(0.0);
        net.heal();
        let took = net.grow(2);
        net.say("after broken links", took);
        net.sim.set_max_message_latency(Duration::from_millis(80));
        let took = net.grow(10);
        net.say("ten blocks at up to 80 ms a message", took);
        net.finish();
    }
}
