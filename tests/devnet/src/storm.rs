use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::node::{Node, Victim};

/// How nodes are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// Kills in all.
    pub kills: u64,
    /// Decides which, when and how.
    pub seed: u64,
    /// Longest time from a start to the next kill; uniform from zero, so that starts and replays are hit too.
    pub longest_life: Duration,
}

/// Kills and restarts every node again and again, each at its own times, and leaves all of them running.
///
/// `killed` is called after each kill with their number so far.
pub fn storm(nodes: &mut [Node], storm: Storm, killed: impl Fn(u64) + Sync) {
    let count = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for (index, node) in nodes.iter_mut().enumerate() {
            let (count, killed) = (&count, &killed);
            let mut random = StdRng::seed_from_u64(storm.seed ^ ((index as u64) << 32));
            scope.spawn(move || {
                loop {
                    std::thread::sleep(storm.longest_life.mul_f64(random.r#gen()));
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    if number >= storm.kills {
                        return;
                    }
                    let victim = [Victim::App, Victim::Engine, Victim::Both][random.gen_range(0..3)];
                    node.kill(victim);
                    node.start();
                    killed(number + 1);
                }
            });
        }
    });
}
