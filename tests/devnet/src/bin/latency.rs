//! `devnet-latency`: time from the broadcast of a payment to its commit, one payment at a time.
//!
//! ```text
//! cargo build --release -p plumed && cargo run --release -p plume-tests-devnet --bin devnet-latency -- [VALIDATORS [PAYMENTS]]
//! ```

use std::time::{Duration, Instant};

use plume_tests_devnet::Network;

/// How finely a commit is timed.
const POLL: Duration = Duration::from_millis(1);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| {
        text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number: devnet-latency [VALIDATORS [PAYMENTS]]"))
    });
    let (validators, payments) = (arguments.next().unwrap_or(4), arguments.next().unwrap_or(200));
    let mut network = Network::create(validators, 1);
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
        "{validators} validators, {payments} payments one by one, broadcast to commit: p50 {:?}, p90 {:?}, p99 {:?}, longest {:?}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
}
