//! `devnet-failover`: time from the SIGKILL of a Raft leader to the first block of another one, under load.
//!
//! ```text
//! cargo build --release -p plumed && cargo run --release -p plume-tests-devnet --bin devnet-failover -- [RUNS [VALIDATORS]]
//! ```

use std::time::{Duration, Instant};

use plume_tests_devnet::{Engine, Load, Network, Setup, Times, Victim};
use serde_json::json;

/// How finely a block is timed.
const POLL: Duration = Duration::from_millis(5);

/// Longest wait for a new leader.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| {
        text.parse::<u16>().unwrap_or_else(|_| panic!("{text:?} is not a number: devnet-failover [RUNS [VALIDATORS]]"))
    });
    let (runs, validators) = (arguments.next().unwrap_or(20), arguments.next().unwrap_or(4));
    let mut network =
        Network::new(Setup { validators, accounts: 2, times: Times::DEFAULT, ..Setup::new(Engine::Raft) });
    network.start();
    let load = Load::start(&network, 2);
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            load.wait_for(10);
            let leader = network.proposer();
            let address = network.nodes()[leader].address();
            let start = Instant::now();
            network.nodes_mut()[leader].kill(Victim::App);
            while newest_proposer(&network).is_none_or(|proposer| proposer == address) {
                assert!(start.elapsed() < PATIENCE, "no new leader");
                std::thread::sleep(POLL);
            }
            let time = start.elapsed();
            network.nodes_mut()[leader].start();
            network.wait_until_caught_up(leader);
            time
        })
        .collect();
    let sent = load.finish();
    let height = network.require_agreement(&sent);
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!(
        "{validators} validators, {runs} leaders killed: SIGKILL to the first block of another leader p50 {:?}, longest {:?}; {} payments, \
         none lost, {height} blocks",
        at(50),
        at(100),
        sent.iter().sum::<u64>(),
    );
}

/// The proposer of the newest block of those that are up.
fn newest_proposer(network: &Network) -> Option<String> {
    let newest = network.nodes().iter().filter(|node| node.is_up()).filter_map(|node| {
        let block = node.rpc().call("block", &json!({})).ok()?;
        let header = &block["block"]["header"];
        let height: u64 = header["height"].as_str()?.parse().ok()?;
        Some((height, header["proposer_address"].as_str()?.to_owned()))
    });
    newest.max().map(|(_, proposer)| proposer)
}
