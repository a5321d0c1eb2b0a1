//! SIGKILL at every step of a height, over Raft; `devnet-crashes` has all combinations.

use plume_tests_devnet::{Engine, Load, Network, crashes};

fn leader_then_follower(steps: &[&str]) {
    for step in steps {
        println!("killed at {step}: {:?}", crashes::leader_then_follower(step));
    }
}

#[test]
fn a_leader_and_a_follower_die_before_and_at_their_signature() {
    leader_then_follower(&crashes::STEPS[..4]);
}

#[test]
fn a_leader_and_a_follower_die_while_they_apply_a_block() {
    leader_then_follower(&crashes::STEPS[4..]);
}

#[test]
fn all_nodes_die_at_the_same_step() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    network.start();
    let load = Load::start(&network, 3);
    for step in ["broadcast", "save", "commit"] {
        let (time, died) = crashes::all_at(&mut network, step);
        assert!(died >= 1);
        println!("all killed at {step}: {died} reached it; two further blocks {time:?} after the start");
    }
    let sent = load.finish();
    network.require_agreement(&sent);
}
