//! Raft nodes on disks that are slow, lose a write, or are full.

use std::time::{Duration, Instant};

use plume_tests_devnet::{Engine, Fault, Load, Network, Program, Setup, SmallDisk, until};

/// What each sync takes on a slow disk. A block costs a validator three: one of the Raft log, two of its signature.
const SLOW: Duration = Duration::from_millis(300);

fn network_with_planned_disks() -> Network {
    let mut network = Network::new(Setup { program: Program::DevnetNode, ..Setup::new(Engine::Raft) });
    network.start();
    network
}

/// The leader, or a node beside it.
fn choose(network: &Network, leads: bool) -> usize {
    let leader = network.proposer();
    if leads { leader } else { (leader + 1) % network.nodes().len() }
}

/// What a node said since its log had this length.
fn said_since(network: &Network, node: usize, length: usize) -> String {
    network.nodes()[node].log()[length..].to_owned()
}

/// Waits for the node's own end, with this in its last words. The others go on, and have no signature of it that its
/// own record does not know. How long they took for two blocks.
fn ends_alone(network: &mut Network, node: usize, reason: &str, length: usize) -> Duration {
    assert_eq!(network.nodes_mut()[node].wait_for_end().code(), Some(1));
    let said = said_since(network, node, length);
    let last = said.lines().rev().find(|line| line.contains("the node stops")).expect("a last word");
    assert!(last.contains(reason), "{last}");
    let begin = Instant::now();
    network.wait_for_blocks(2);
    let took = begin.elapsed();

    let (signed, address) = (network.nodes()[node].signed_height(), network.nodes()[node].address());
    let other = (node + 1) % network.nodes().len();
    let until_now = until("a height", || network.nodes()[other].height());
    for height in signed + 1..until_now {
        let signers = network.nodes()[other].signers(height);
        assert!(!signers.contains(&address), "height {height} is signed, and the record ends at {signed}");
    }
    took
}

/// Starts a node again and waits until it has what the others have and its signature is in a block.
fn comes_back(network: &mut Network, node: usize) -> Duration {
    network.nodes_mut()[node].start();
    let took = network.wait_until_caught_up(node);
    let (address, from) = (network.nodes()[node].address(), network.height());
    let other = (node + 1) % network.nodes().len();
    until("a block that it has signed", || {
        let newest = network.nodes()[other].height()?;
        (from..newest).find(|height| network.nodes()[other].signers(*height).contains(&address))
    });
    took
}

#[test]
fn a_slow_disk_stops_nobody() {
    let mut network = network_with_planned_disks();
    let load = Load::start(&network, 3);
    load.wait_for(6);
    let blocks = 4;
    let whole = network.wait_for_blocks(blocks);

    let node = choose(&network, false);
    Fault::Slow(SLOW).plan(network.nodes()[node].home());
    let slow = network.wait_for_blocks(blocks);
    let waiting = 3 * SLOW * u32::try_from(blocks).expect("few");
    assert!(slow < waiting, "{blocks} blocks in {slow:?}: the others wait for one node's disk");
    Fault::none(network.nodes()[node].home());
    let back = network.wait_until_caught_up(node);

    // Its own word counts for the log, or another one leads.
    let leader = choose(&network, true);
    Fault::Slow(SLOW).plan(network.nodes()[leader].home());
    let led = network.wait_for_blocks(blocks);
    load.wait_for(3);
    Fault::none(network.nodes()[leader].home());
    let led_back = network.wait_until_caught_up(leader);
    println!(
        "{blocks} blocks in {whole:?}; with {SLOW:?} more for each sync of one node {slow:?}, itself back after {back:?}; \
         of the leader {led:?}, itself back after {led_back:?}"
    );
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// A sync that failed says nothing about what is on the disk: no second try, no further signature.
#[test]
fn a_failed_sync_or_a_full_disk_ends_the_node() {
    let (log, record) = ("raft.wal/entries", "priv_validator_state.json");
    let lost = |part: &str| Fault::FailSync(part.to_owned());
    let mut network = network_with_planned_disks();
    let load = Load::start(&network, 3);
    for (leads, fault, reason) in [
        (true, lost(log), "Input/output error"),
        (false, lost(record), "Input/output error"),
        (true, lost(record), "Input/output error"),
        (false, Fault::Full, "no storage space"),
    ] {
        load.wait_for(4);
        let node = choose(&network, leads);
        let length = network.nodes()[node].log().len();
        fault.plan(network.nodes()[node].home());
        let without = ends_alone(&mut network, node, reason, length);
        Fault::none(network.nodes()[node].home());
        let back = comes_back(&mut network, node);
        println!("{fault:?} (leader: {leads}): two blocks without it after {without:?}, itself back after {back:?}");
    }
    let sent = load.finish();
    network.require_agreement(&sent);
}

/// Under everything that a node writes, its databases included.
#[test]
fn a_full_file_system_ends_the_node_until_there_is_room() {
    let mut network = Network::create(Engine::Raft, 4, 3);
    let node = network.first_leader();
    let Some(disk) = SmallDisk::under(network.nodes()[node].home(), 64 << 20) else { return };
    network.start();
    let load = Load::start(&network, 3);
    load.wait_for(6);
    let led = network.proposer() == node;
    let length = network.nodes()[node].log().len();
    disk.fill();
    let without = ends_alone(&mut network, node, "No space left on device", length);

    let length = network.nodes()[node].log().len();
    network.nodes_mut()[node].start();
    assert_eq!(network.nodes_mut()[node].wait_for_end().code(), Some(1), "there is still no room");
    let said = said_since(&network, node, length);
    assert!(said.contains("is full: 0 bytes are free"), "{said}");

    disk.free();
    let back = comes_back(&mut network, node);
    println!("full (leader: {led}): two blocks without it after {without:?}, itself back after {back:?}");
    let sent = load.finish();
    network.require_agreement(&sent);
}
