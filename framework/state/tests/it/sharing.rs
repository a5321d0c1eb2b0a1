//! What a version costs: hashes and memory.

use plume_state::{ChangeSet, StateOptions, sha256};

use crate::world::{BANK, commit, new_state, write};

/// A deterministic stream of numbers.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (0_u64..).map(move |n| {
        let hash = sha256(&[seed.to_be_bytes(), n.to_be_bytes()].concat());
        u64::from_be_bytes(hash[..8].try_into().unwrap())
    })
}

fn account(n: u64) -> Vec<u8> {
    [b"\x02\x14".as_slice(), &sha256(&n.to_be_bytes())[..20], b"uplume"].concat()
}

#[test]
fn an_update_costs_at_most_three_times_log2_of_n_hashes() {
    const KEYS: u64 = 1_000_000;
    let limit = 3.0 * (KEYS as f64).log2();
    let mut state = new_state();
    commit(&mut state, (0..KEYS).map(|n| write(BANK, &account(n), Some(b"1000000"))));
    // Alone, and in a block whose updates share the upper part of their paths.
    for updates in [1_usize, 10_000] {
        let chosen: Vec<u64> = numbers(7).map(|n| n % KEYS).take(updates).collect();
        let writes = chosen.iter().map(|n| write(BANK, &account(*n), Some(b"1000001")));
        let stats = state.prepare(&ChangeSet::from_writes(writes)).unwrap().stats();
        let per_update = stats.hashes as f64 / stats.changed_keys as f64;
        assert!(per_update <= limit, "{per_update} hashes per update, limit {limit}");
        // The counter counts: a path is longer than this.
        assert!(per_update > 8.0, "{per_update}");
    }
    let inserts = (KEYS..KEYS + 1000).map(|n| write(BANK, &account(n), Some(b"1")));
    let stats = state.prepare(&ChangeSet::from_writes(inserts)).unwrap().stats();
    assert!(stats.hashes as f64 / 1000.0 <= limit, "insertions: {}", stats.hashes);
    let report = state.reader().ram_report();
    let per_key = report.total_bytes() as u64 / KEYS;
    assert!(per_key <= 300, "{per_key} bytes of RAM per key");
}

#[test]
fn versions_share_what_did_not_change() {
    let keys = 20_000;
    let mut state = new_state();
    commit(&mut state, (0..keys).map(|n| write(BANK, &account(n), Some(b"1"))));
    let nodes = |state: &plume_state::State| {
        let report = state.reader().ram_report();
        let bank = report.stores.iter().find(|store| store.store == BANK).unwrap().clone();
        (bank.inner_nodes, bank.leaves, report.window_bytes, report.versions)
    };
    let (inners, leaves, window, versions) = nodes(&state);
    assert_eq!((leaves as u64, window, versions), (keys + 1, 0, 1));
    for round in 0_u64..50 {
        commit(&mut state, [write(BANK, &account(round), Some(b"2"))]);
    }
    let (inners_after, leaves_after, window, versions) = nodes(&state);
    assert_eq!((leaves_after, versions), (leaves + 50, 51));
    // A path is about log2(20,000) + 1.3 nodes long, not 29,000.
    assert!((50 * 10..50 * 30).contains(&(inners_after - inners)), "{}", inners_after - inners);
    assert!(window < 50 * 2000, "{window}");
    // An empty block costs nothing.
    for _ in 0..10 {
        commit(&mut state, []);
    }
    assert_eq!((nodes(&state).0, nodes(&state).3), (inners_after, 61));
}

#[test]
fn versions_beyond_the_budget_are_freed() {
    let mut config = crate::world::config();
    config.options = StateOptions { window_bytes: 0, min_versions: 3, ..StateOptions::default() };
    let backend = std::sync::Arc::new(plume_state::MemoryBackend::new());
    let mut state = plume_state::State::open(config, backend).unwrap();
    commit(&mut state, (0..500).map(|n| write(BANK, &account(n), Some(b"1"))));
    let mut largest = 0;
    for round in 0_u64..300 {
        let value = round.to_be_bytes();
        let removed = write(BANK, &account(round), None);
        let added = write(BANK, &account(1000 + round), Some(&value));
        let changed = write(BANK, &account(499 - round % 100), Some(&value));
        commit(&mut state, [removed, added, changed]);
        let bank = state.reader().ram_report().stores.into_iter().find(|store| store.store == BANK).unwrap();
        assert_eq!(bank.keys + usize::from(round > 399), 500, "round {round}");
        largest = largest.max(bank.leaves);
    }
    let report = state.reader().ram_report();
    assert_eq!((report.versions, state.reader().oldest_provable()), (3, 299));
    // 501 live leaves and those of two older versions.
    assert!(largest <= 501 + 2 * 3, "{largest} leaves");
}
