//! A chain whose leaders die and whose validators leave and return, read by a light client from the RPC.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use plume_light_client::Provider;

use crate::{Engine, Load, Network, Program, Setup, Victim, light, within};

/// Heights between two departures; half of it is the absence.
const PERIOD: u64 = 20;

/// How long the others may need to go on without the leader. Longer when one of them is not a validator just then: three
/// with equal powers survive no crash.
const WITHOUT_LEADER: Duration = Duration::from_secs(6);

/// What a run showed.
#[derive(Debug)]
pub struct Report {
    /// Heights that were verified.
    pub blocks: u64,
    /// Leaders that were killed.
    pub kills: u64,
    /// Heights whose proposer is another than the one before.
    pub leader_changes: usize,
    /// Different validator sets.
    pub validator_sets: usize,
    /// Payments in the chain.
    pub payments: u64,
    /// Headers that skipping verified for each target.
    pub skips: Vec<(u64, u64)>,
    /// Time until the last height.
    pub chain_time: Duration,
    /// Time of the sequential verification, all witnesses included.
    pub verify_time: Duration,
}

/// Height, validator, power: each validator in turn leaves and comes back with another power.
fn schedule(blocks: u64) -> Vec<(u64, usize, i64)> {
    let turns = (0..).map(|turn: u64| (turn, 5 + turn * PERIOD)).take_while(|(_, height)| height + PERIOD < blocks);
    let changes = turns.flat_map(|(turn, height)| {
        let validator = usize::try_from(turn % 4).expect("below four");
        let power = 10 + i64::try_from(turn % 3).expect("below three");
        [(height, validator, 0), (height + PERIOD / 2, validator, power)]
    });
    changes.collect()
}

/// Runs a chain of four nodes for `blocks` heights, kills the leader `kills` times, and verifies every header in sequence and
/// many by skipping.
///
/// # Panics
/// When anything does not verify.
pub fn run(blocks: u64, kills: u64) -> Report {
    let start = Instant::now();
    let mut network = Network::new(Setup { program: Program::DevnetNode, ..Setup::new(Engine::Raft) });
    network.schedule(&schedule(blocks));
    network.start();
    let load = Load::start(&network, 3);
    for kill in 1..=kills {
        let at = blocks * kill / (kills + 1);
        within(Duration::from_secs(3600), || (network.height() >= at).then_some(())).expect("the chain goes on");
        let leader = network.proposer();
        network.nodes_mut()[leader].kill(Victim::App);
        let height = network.height();
        let _ = within(WITHOUT_LEADER, || (network.height() > height + 1).then_some(()));
        network.nodes_mut()[leader].start();
        network.wait_until_caught_up(leader);
    }
    within(Duration::from_secs(3600), || (network.height() > blocks).then_some(())).expect("the chain goes on");
    let sent = load.finish();
    network.wait_until_all_caught_up();
    let chain_time = start.elapsed();

    let nodes = light::providers(&network);
    let trusted = nodes[0].light_block(1).expect("the first block");
    let start = Instant::now();
    let sequence = light::verify_sequentially(&nodes, &trusted, blocks);
    let verify_time = start.elapsed();
    let found = |(height, hash): &(u64, _)| {
        let block = nodes[1].light_block(*height).expect("another node has it, too");
        assert_eq!(block.hash(), *hash, "height {height} on another node");
        let header = block.header();
        (header.proposer_address, header.validators_hash)
    };
    let headers: Vec<_> = sequence.trace.iter().map(found).collect();
    let leader_changes = headers.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
    let validator_sets = headers.iter().map(|(_, set)| set.to_string()).collect::<BTreeSet<_>>().len();

    let step = (blocks / 25).max(1);
    let targets = (2..=blocks).rev().step_by(usize::try_from(step).expect("small"));
    let skips = targets.map(|height| {
        let skipped = light::verify_by_skipping(&nodes, &trusted, height);
        let hash = sequence.trace.iter().find(|(at, _)| *at == height).map(|(_, hash)| *hash);
        assert_eq!(hash.unwrap_or_else(|| trusted.hash()), skipped.block.hash(), "height {height} by skipping");
        (height, skipped.steps)
    });
    let skips = skips.collect();
    network.require_agreement(&sent);
    Report {
        blocks,
        kills,
        leader_changes,
        validator_sets,
        payments: sent.iter().sum(),
        skips,
        chain_time,
        verify_time,
    }
}
