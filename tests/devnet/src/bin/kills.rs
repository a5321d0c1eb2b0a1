//! `devnet-kills`: validators (four unless told) under load, killed again and again at random times; at the end nothing is lost.
//!
//! ```text
//! cargo build -p plumed && cargo run -p plume-tests-devnet --bin devnet-kills -- [KILLS [SEED [LONGEST_LIFE_MS [VALIDATORS [ENGINE]]]]]
//! ```

use std::time::{Duration, Instant};

use plume_tests_devnet::{Engine, Load, Network, Storm, storm};

const USAGE: &str = "devnet-kills [KILLS [SEED [LONGEST_LIFE_MS [VALIDATORS [raft|cometbft]]]]]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| match arguments.get(at) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number: {USAGE}")),
        None => default,
    };
    let (kills, seed) = (number(0, 500), number(1, 1));
    let longest_life = Duration::from_millis(number(2, 4000));
    let validators = u16::try_from(number(3, 4)).expect("at most 65535 validators");
    let engine = arguments.get(4).map_or(Engine::Raft, |name| Engine::parse(name).unwrap_or_else(|| panic!("{USAGE}")));

    let started = Instant::now();
    let mut network = Network::create(engine, validators, 4);
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
        "{}: {kills} kills in {} s: {during} payments committed meanwhile, {total} in all, none lost; {validators} nodes agree on all {height} blocks",
        engine.name(),
        started.elapsed().as_secs()
    );
    network.stop();
}
