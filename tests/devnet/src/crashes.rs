//! Nodes of a Raft network that kill themselves at a named step of a height.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::{Engine, Load, Network, Node, Victim, until, within};

/// Every step, in order; see `plume_raft::Step`.
pub const STEPS: [&str; 8] = ["propose", "receive", "sign", "broadcast", "finalize", "save", "commit", "publish"];

/// A height that the node whose validator begins the chain still leads.
const EARLY: u64 = 4;

/// Heights between a start and the crash.
const SOON: u64 = 4;

/// What a crash cost.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// From the death of the leader to two further blocks.
    pub without_leader: Duration,
    /// From the leader's start until it has what the others have.
    pub leader_back: Duration,
    /// The same of a follower; nothing for a step that only leaders take.
    pub follower_back: Option<Duration>,
}

/// The leader of a new network dies at `step`, then, once it is back, a follower does. Nothing is lost.
///
/// # Panics
/// When something is.
pub fn leader_then_follower(step: &str) -> Recovery {
    let mut network = Network::create(Engine::Raft, 4, 2);
    let leader = network.first_leader();
    for (index, node) in network.nodes_mut().iter_mut().enumerate() {
        if index == leader { node.start_to_crash(step, EARLY) } else { node.start() }
    }
    let load = Load::start(&network, 2);
    assert_eq!(network.nodes_mut()[leader].wait_for_end().signal(), Some(9), "at {step}");
    let without_leader = network.wait_for_blocks(2);
    network.nodes_mut()[leader].start();
    let leader_back = network.wait_until_caught_up(leader);

    let follower_back = (step != STEPS[0]).then(|| {
        let proposer = network.proposer();
        let follower = (0..4).find(|index| ![leader, proposer].contains(index)).expect("four");
        assert_eq!(network.nodes_mut()[follower].stop(), Some(0));
        crash_once_it_takes_part(&mut network, follower, step);
        network.wait_for_blocks(2);
        network.nodes_mut()[follower].start();
        network.wait_until_caught_up(follower)
    });
    let sent = load.finish();
    network.require_agreement(&sent);
    Recovery { without_leader, leader_back, follower_back }
}

/// Starts a node so that it dies at `step`. Heights that it fetches as finished blocks have no such step: when the chain has
/// passed the height, it is started again for a later one.
fn crash_once_it_takes_part(network: &mut Network, index: usize, step: &str) {
    for ahead in [20, 40, 80, 160, 320] {
        let height = network.height() + ahead;
        let node = &mut network.nodes_mut()[index];
        node.start_to_crash(step, height);
        until("a height", || (!node.is_running() || node.height() > Some(height)).then_some(()));
        if !node.is_running() {
            assert_eq!(node.wait_for_end().signal(), Some(9), "at {step}");
            return;
        }
        assert_eq!(node.stop(), Some(0));
    }
    panic!("node {index} never came to {step}");
}

/// Every node of a running network dies when it reaches `step` of the same height; those that do not reach it, because
/// too few are left, are killed. From the next start to two further blocks; and how many died by themselves.
///
/// # Panics
/// When the chain does not go on.
pub fn all_at(network: &mut Network, step: &str) -> (Duration, usize) {
    network.stop();
    let height = network.nodes().iter().map(Node::stored_height).max().expect("four") + SOON;
    network.nodes_mut().iter_mut().for_each(|node| node.start_to_crash(step, height));
    until(&format!("a node that dies at {step} of {height}"), || {
        network.nodes_mut().iter_mut().any(|node| !node.is_running()).then_some(())
    });
    let all =
        |network: &mut Network| network.nodes_mut().iter_mut().map(Node::is_running).filter(|running| !running).count();
    let _ = within(Duration::from_secs(3), || (all(network) == 4).then_some(()));
    let died = all(network);
    for node in network.nodes_mut() {
        assert_eq!(node.kill(Victim::App).signal(), Some(9), "at {step}");
    }
    let start = Instant::now();
    network.nodes_mut().iter_mut().for_each(Node::start);
    network.wait_for_blocks(2);
    (start.elapsed(), died)
}
