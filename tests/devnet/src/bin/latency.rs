//! `devnet-latency`: time from the broadcast of a payment to its commit, one payment at a time, on Raft and on tuned CometBFT.
//!
//! ```text
//! cargo build --release -p plumed && cargo run --release -p plume-tests-devnet --bin devnet-latency -- [VALIDATORS [PAYMENTS [ENGINE]]]
//! ```

use std::time::{Duration, Instant};

use plume_tests_devnet::{Engine, Network, Setup, Times};

const USAGE: &str = "devnet-latency [VALIDATORS [PAYMENTS [raft|cometbft]]]";

/// How finely a commit is timed.
const POLL: Duration = Duration::from_millis(1);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u16| match arguments.get(at) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number: {USAGE}")),
        None => default,
    };
    let (validators, payments) = (number(0, 4), number(1, 200));
    let engines = match arguments.get(2) {
        Some(name) => vec![Engine::parse(name).unwrap_or_else(|| panic!("{name:?} is no engine: {USAGE}"))],
        None => Engine::ALL.to_vec(),
    };
    for engine in engines {
        measure(engine, validators, payments);
    }
}

fn measure(engine: Engine, validators: u16, payments: u16) {
    let mut network = Network::new(Setup { validators, accounts: 1, times: Times::DEFAULT, ..Setup::new(engine) });
    network.start();
    let (account, rpc) = (&network.accounts()[0], network.nodes()[0].rpc());
    let mut times: Vec<Duration> = (0..u64::from(payments))
        .map(|sequence| {
            let tx = account.pay(network.chain_id(), network.denom(), sequence);
            let start = Instant::now();
            assert_eq!(rpc.broadcast_tx_sync(&tx).expect("reachable").code, 0);
            while account.sequence(rpc) != Some(sequence + 1) {
                std::thread::sleep(POLL);
            }
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!(
        "{}, {validators} validators, {payments} payments one by one, broadcast to commit: p50 {:?}, p90 {:?}, p99 {:?}, longest {:?}",
        engine.name(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
}
