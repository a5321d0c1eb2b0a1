//! `devnet-light-chain`: a Raft chain whose leaders are killed and whose validators leave and return; every header and
//! commit, taken from the RPC, verifies under the light client, one after the other and by skipping.
//!
//! ```text
//! cargo build -p plumed -p plume-tests-devnet && cargo run -p plume-tests-devnet --bin devnet-light-chain -- [BLOCKS [KILLS]]
//! ```

use plume_tests_devnet::light_chain;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| {
        text.parse::<u64>().unwrap_or_else(|_| panic!("{text:?} is not a number: devnet-light-chain [BLOCKS [KILLS]]"))
    });
    let (blocks, kills) = (arguments.next().unwrap_or(1000), arguments.next().unwrap_or(20));
    let report = light_chain::run(blocks, kills);
    println!(
        "{} blocks in {:?}: {} leaders killed, {} changes of proposer, {} validator sets, {} payments. All headers verify in \
         sequence ({:?}, three witnesses agree); {} of them also by skipping from the first (height, headers verified): {:?}",
        report.blocks,
        report.chain_time,
        report.kills,
        report.leader_changes,
        report.validator_sets,
        report.payments,
        report.verify_time,
        report.skips.len(),
        report.skips,
    );
}
