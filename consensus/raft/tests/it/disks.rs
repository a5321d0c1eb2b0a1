//! Disks that fail.

use std::time::Duration;

use crate::cluster::{BOUND, Cluster, Plan};

/// The node must end with this text in its reason while the others go on; then it starts again.
fn ends_and_recovers(net: &mut Cluster, node: usize, text: &str) {
    let seen = net.until(&format!("end of node {node}"), BOUND, |it| !it.life(node).up);
    let reason = net.ended(node).expect("a reason");
    assert!(reason.contains(text), "{reason}");
    let took = net.grow(2);
    net.say(&format!("ended after {:.2} s ({reason}); the others go on", seen.as_secs_f64()), took);
    net.start_again(node);
    let took = net.catch_up(node);
    net.say("restart to caught up", took);
    net.grow(1);
}

#[test]
fn a_sync_that_fails_ends_the_node() {
    let mut net = Plan::new("failed sync", 4).start();
    // Four syncs in a row are at least one of the Raft log and one of the record of signatures.
    for nth in 1..=4 {
        for leads in [true, false] {
            let node = if leads { net.wait_leader() } else { net.follower() };
            net.life(node).may_end = true;
            net.life(node).disk.fail_sync(nth);
            ends_and_recovers(&mut net, node, "planned failure of a sync");
        }
    }
    net.finish();
}

#[test]
fn a_full_disk_ends_the_node_until_there_is_room() {
    let mut net = Plan::new("full disk", 4).start();
    for (leads, room) in [(true, 0), (false, 100), (true, 700), (false, 2000)] {
        let node = if leads { net.wait_leader() } else { net.follower() };
        {
            let mut life = net.life(node);
            life.may_end = true;
            life.disk.set_capacity(Some(life.disk.used() + room));
        }
        ends_and_recovers(&mut net, node, "no storage space");
    }
    net.finish();
}

#[test]
fn a_write_torn_by_a_crash_is_cut_off() {
    let mut net = Plan::new("torn writes", 4).start();
    for changes in 0..14 {
        let node = net.follower();
        net.life(node).may_end = true;
        net.life(node).disk.crash_after(changes);
        net.until("end", BOUND, |it| !it.life(node).up);
        net.start_again(node);
        let took = net.catch_up(node);
        if changes % 5 == 0 {
            net.say(&format!("power lost after {changes} more changes of the disk: restart to caught up"), took);
        }
        net.grow(1);
    }
    net.finish();
}

/// A simulated disk cannot take simulated time, so the node is slow as others see it: whatever it says is late.
#[test]
fn a_slow_node_slows_nobody_unless_it_leads() {
    let mut net = Plan::new("slow node", 4).start();
    let node = net.follower();
    let pace = net.grow(10);
    for other in net.others(node) {
        net.sim.set_link_latency(
            crate::node::name(node).as_str(),
            crate::node::name(other).as_str(),
            Duration::from_millis(400),
        );
    }
    let slow = net.grow(10);
    net.say("ten blocks before", pace);
    net.say("ten blocks with one slow node", slow);
    assert!(slow < 3 * pace + Duration::from_secs(1), "{pace:?} became {slow:?}");
    for other in net.others(node) {
        net.sim.set_link_latency(
            crate::node::name(node).as_str(),
            crate::node::name(other).as_str(),
            Duration::from_millis(3),
        );
    }
    net.finish();
}
