//! `devnet-crashes`: SIGKILL at every step of a height over Raft: of the leader, of a follower, of all nodes at once.
//!
//! ```text
//! cargo build -p plumed && cargo run -p plume-tests-devnet --bin devnet-crashes
//! ```

use plume_tests_devnet::{Engine, Load, Network, crashes};

fn main() {
    for step in crashes::STEPS {
        let recovery = crashes::leader_then_follower(step);
        println!("{step:<10} {recovery:?}");
    }
    let mut network = Network::create(Engine::Raft, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    for step in crashes::STEPS {
        let (time, died) = crashes::all_at(&mut network, step);
        println!("{step:<10} all four: {died} reached it; two further blocks {time:?} after the start");
    }
    let sent = load.finish();
    let payments: u64 = sent.iter().sum();
    let height = network.require_agreement(&sent);
    println!("{payments} payments, none lost; four nodes agree on all {height} blocks");
}
