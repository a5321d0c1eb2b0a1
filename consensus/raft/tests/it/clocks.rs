//! Clocks that jump.

use plume_primitives::Timestamp;

use crate::cluster::Plan;
use crate::node::EPOCH;

#[test]
fn one_clock_that_jumps_an_hour_moves_nothing() {
    let mut net = Plan::new("clock jump", 4).start();
    for hours in [1, -1] {
        for leads in [true, false] {
            let node = if leads { net.wait_leader() } else { net.follower() };
            net.set_clock(node, hours * 3600);
            let took = net.grow(5);
            net.say(&format!("clock {hours:+} h, leads {leads}: five blocks"), took);
            let now = Timestamp::new(EPOCH, 0).expect("a time").checked_add(net.sim.elapsed()).expect("a time");
            let last = net.ledger.lock().blocks.last_key_value().map(|(_, block)| block.time).expect("blocks");
            let off = now.unix_nanos() - last.unix_nanos();
            assert!(off.abs() < 3_000_000_000, "the chain's time is {off} ns behind");
            net.set_clock(node, 0);
            net.grow(1);
        }
    }
    net.finish();
}
