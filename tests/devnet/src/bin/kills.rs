//! `devnet-kills`: validators (four unless told) under load, killed again and again at random times; at the end nothing is lost.
//!
//! ```text
//! cargo build -p plumed && cargo run -p plume-tests-devnet --bin devnet-kills -- [KILLS [SEED [LONGEST_LIFE_MS [VALIDATORS]]]]
//! ```

use std::time::{Duration, Instant};

use plume_tests_devnet::{Load, Network, Storm, storm};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| {
        text.parse::<u64>().unwrap_or_else(|_| {
            panic!("{text:?} is not a number: devnet-kills [KILLS [SEED [LONGEST_LIFE_MS [VALIDATORS]]]]")
        })
    });
    let kills = arguments.next().unwrap_or(500);
    let seed = arguments.next().unwrap_or(1);
    let longest_life = Duration::from_millis(arguments.next().unwrap_or(4000));

    let validators = arguments.next().map_or(4, |number| u16::try_from(number).expect("at most 65535 validators"));

    let started = Instant::now();
    let mut network = Network::create(validators, 4);
    network.start();
    let load = Load::start(&network, 4);
    load.wait_for(4);
    println!(
        "{kills} kills, seed {seed}, a node lives {longest_life:?} at most; network in {}",
        network.folder().display()
    );
    storm(network.nodes_mut(), Storm { kills, seed, longest_life }, |number| {
        if number % 50 == 0 {
            println!("{:>6} s  {number} kills, {} payments", started.elapsed().as_secs(), load.committed());
        }
    });
    let during = load.committed();
    let sent = load.finish();
    let height = network.require_agreement(&sent);
    let total: u64 = sent.iter().sum();
    println!(
        "{kills} kills in {} s: {during} payments committed meanwhile, {total} in all, none lost; {validators} nodes agree on all {height} blocks",
        started.elapsed().as_secs()
    );
    for node in network.nodes_mut() {
        assert_eq!(node.stop(), Some(0), "a clean stop");
    }
}
