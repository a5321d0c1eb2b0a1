//! The chain against the recordings of simd v8.8.0.

mod rest;

use std::collections::BTreeSet;

use plume_tests_recordings::accepted;
use plume_tests_recordings::recording::{list, load};
use plume_tests_recordings::replay::Replay;

#[test]
fn transactions_end_as_on_the_sdk() {
    let recorded = load("transactions.json");
    let transactions = list(&recorded, "transactions");
    assert!(transactions.len() >= 100, "{} transactions", transactions.len());
    let mut replay = Replay::new(&load("genesis.json"), "app_state");

    // Where the SDK itself is wrong, the chain's own tests say what is right.
    for transaction in transactions.iter().filter(|transaction| transaction["diverges"] != true) {
        replay.transaction(transaction);
    }

    let (least, most) = replay.gas_permille.expect("gas was compared");
    println!("gas between {least} and {most} permille of the SDK's");
    assert!(report(&replay.unexpected(accepted::TRANSACTIONS)), "unexpected differences, see above");
}

/// The chain begins with what the SDK's chain exported at its end, so that both have the same accounts.
#[test]
fn queries_answer_as_on_the_sdk() {
    let recorded = load("queries.json");
    let queries = list(&recorded, "queries");
    assert!(queries.len() >= 250, "{} queries", queries.len());
    let mut replay = Replay::new(&load("genesis.json"), "exported_app_state");

    for query in queries {
        replay.query(query);
    }

    assert!(report(&replay.unexpected(accepted::QUERIES)), "unexpected differences, see above");
}

/// Prints what is left; whether it is nothing.
fn report(left: &[String]) -> bool {
    let cases: BTreeSet<_> = left.iter().filter_map(|line| line.split(':').next()).collect();
    println!("{} unexpected differences in {} cases", left.len(), cases.len());
    for line in left {
        println!("  {line}");
    }
    left.is_empty()
}
