//! Machines that lose their power.

use std::time::Duration;

use plume_raft::Step;

use crate::cluster::{BOUND, Plan};

#[test]
fn a_leader_killed_under_load_costs_an_election() {
    for seed in 1..=3 {
        let mut net = Plan::new("leader killed", 4).seed(seed).start();
        net.grow(5);
        let leader = net.wait_leader();
        net.kill(leader);
        let took = net.grow(1);
        net.say("leader lost to next block", took);
        assert!(took < Duration::from_secs(4), "{took:?}");
        net.grow(5);
        net.start_again(leader);
        let took = net.catch_up(leader);
        net.say("restart to caught up", took);
        net.finish();
    }
}

#[test]
fn four_nodes_killed_at_once_under_load_lose_nothing() {
    for seed in 1..=3 {
        let mut net = Plan::new("all killed", 4).seed(seed).start();
        net.grow(4 + seed);
        for pause in 0..3 {
            net.run_for(Duration::from_millis(13 * pause));
            (0..4).for_each(|node| net.kill(node));
            (0..4).for_each(|node| net.start_again(node));
            let took = net.grow(1);
            net.say("all restarted to next block", took);
            net.grow(3);
        }
        net.finish();
    }
}

#[test]
fn a_leader_killed_at_any_step_recovers() {
    at_every_step("leader at each step", true);
}

#[test]
fn a_follower_killed_at_any_step_recovers() {
    at_every_step("follower at each step", false);
}

fn at_every_step(test: &'static str, leads: bool) {
    let mut net = Plan::new(test, 4).start();
    for step in Step::ALL {
        if step == Step::Propose && !leads {
            continue;
        }
        let victim = if leads { net.wait_leader() } else { net.follower() };
        net.die_at(victim, step);
        net.until(&format!("death at {}", step.name()), BOUND, |it| !it.life(victim).up);
        let others = net.grow(2);
        net.start_again(victim);
        let back = net.catch_up(victim);
        net.say(&format!("killed at {}: the others go on", step.name()), others);
        net.say(&format!("killed at {}: restart to caught up", step.name()), back);
        net.grow(1);
    }
    net.finish();
}

#[test]
fn one_node_killed_at_any_step_recovers() {
    let mut net = Plan::new("single node at each step", 1).start();
    for step in Step::ALL {
        net.die_at(0, step);
        net.until(&format!("death at {}", step.name()), BOUND, |it| !it.life(0).up);
        net.start_again(0);
        let took = net.grow(2);
        net.say(&format!("killed at {}", step.name()), took);
    }
    net.finish();
}

#[test]
fn all_killed_at_the_same_step_recover() {
    let mut net = Plan::new("all at the same step", 4).start();
    for step in [Step::Receive, Step::Sign, Step::Broadcast, Step::Finalize, Step::Save, Step::Commit, Step::Publish] {
        (0..4).for_each(|node| net.die_at(node, step));
        // Two deaths stop the chain: those that lag may never come to this step then. Whoever can still reach it does below.
        net.until("two deaths", BOUND, |it| it.up().len() <= 2);
        net.run_for(Duration::from_millis(500));
        for node in 0..4 {
            if net.life(node).up {
                net.kill(node);
            }
            net.start_again(node);
        }
        let took = net.grow(2);
        net.say(&format!("all killed at {}", step.name()), took);
    }
    net.finish();
}
