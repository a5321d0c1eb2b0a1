//! Nodes that were away for longer than the Raft log reaches back.

use plume_raft::{RaftSettings, Settings};

use crate::cluster::{BOUND, Cluster, Plan};

fn short_log(plan: Plan) -> Plan {
    let raft = RaftSettings { compact_every: 6, keep_entries: 2, ..RaftSettings::default() };
    let settings = Settings { raft, ..plan.settings.clone() };
    Plan { settings, ..plan }
}

fn back(net: &mut Cluster, node: usize) {
    net.start_again(node);
    let took = net.catch_up(node);
    net.say("restart to caught up", took);
    // It takes part again, not only follows.
    let (from, own) = (net.height(), net.nodes[node].address());
    net.until("its signature", BOUND, |it| {
        it.ledger.lock().signatures.keys().any(|(who, height, _)| *who == own && *height > from)
    });
}

#[test]
fn a_node_that_was_away_for_longer_than_the_log_fetches_blocks() {
    let mut net = short_log(Plan::new("long absence", 4)).start();
    for leads in [true, false] {
        net.grow(3);
        let node = if leads { net.wait_leader() } else { net.follower() };
        net.kill(node);
        net.grow(40);
        back(&mut net, node);
    }
    // And once more right after it began to catch up.
    let node = net.follower();
    net.kill(node);
    net.grow(40);
    for pause in [60, 120, 180, 240, 300] {
        net.start_again(node);
        net.run_for(std::time::Duration::from_millis(pause));
        net.kill(node);
    }
    back(&mut net, node);
    net.finish();
}

#[test]
fn a_short_log_survives_crashes_of_all() {
    let mut net = short_log(Plan::new("short log", 4).seed(3)).start();
    for _ in 0..4 {
        net.grow(8);
        (0..4).for_each(|node| net.kill(node));
        (0..4).for_each(|node| net.start_again(node));
    }
    net.finish();
}

#[test]
fn a_follower_that_comes_late_gets_the_whole_chain() {
    let mut net = short_log(Plan::new("late follower", 4).followers(1)).start();
    net.kill(4);
    let machinery = net.nodes[4].clone();
    std::fs::remove_dir_all(&machinery.data).expect("removed");
    net.life(4).disk = plume_wal::FaultyDisk::new(5);
    machinery.app.restore(crate::app::State::default());
    net.read_from(4, 0);
    net.grow(40);
    net.start_again(4);
    let took = net.catch_up(4);
    net.say("forty blocks from nothing", took);
    net.finish();
}
