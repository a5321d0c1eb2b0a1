//! Many faults at once, chosen by a seed.

use std::time::Duration;

use plume_raft::{RaftSettings, Settings, Step};

use crate::cluster::Plan;

/// Numbers by splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).expect("63 bits") % bound
    }
}

fn run(seed: u64) {
    let mut plan = Plan::new("random faults", 4).followers(1).seed(seed);
    let raft = RaftSettings { compact_every: 9, keep_entries: 3, ..RaftSettings::default() };
    plan.settings = Settings { raft, ..plan.settings };
    let mut net = plan.start();
    let mut random = Random(seed);
    let mut paused = None;
    for _ in 0..20 {
        let node = random.below(5);
        let up = net.up().contains(&node);
        match random.below(8) {
            0 if up => net.kill(node),
            1 if paused.is_none() => {
                let others = net.others(node);
                net.part(&[node], &others);
            }
            2 if up => net.die_at(node, Step::ALL[random.below(Step::ALL.len())]),
            3 if up => {
                let mut life = net.life(node);
                life.may_end = true;
                life.disk.crash_after(random.below(12) as u64);
            }
            4 if paused.is_none() => {
                net.heal();
                net.pause(node, true);
                paused = Some(node);
            }
            5 => net.set_clock(node, random.below(7200) as i64 - 3600),
            _ => {
                if let Some(node) = paused.take() {
                    net.pause(node, false);
                }
                net.heal();
                for node in 0..5 {
                    if !net.up().contains(&node) {
                        net.start_again(node);
                    }
                }
            }
        }
        net.run_for(Duration::from_millis(50 + random.below(700) as u64));
    }
    if let Some(node) = paused {
        net.pause(node, false);
    }
    for node in 0..5 {
        let mut life = net.life(node);
        life.die_at = None;
        life.disk.crash_after(u64::from(u32::MAX));
    }
    net.finish();
}

#[test]
fn random_faults_lose_and_fork_nothing() {
    let chosen = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    match chosen {
        Some(seed) => run(seed),
        None => (1..=4).for_each(run),
    }
}
