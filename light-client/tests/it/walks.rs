//! Ways from a trusted header to another.

use plume_light_client::{Client, Error, MemoryStore, Mode, Sources, Store, VerifyError, verify_step};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

use crate::simulated::{Chain, Members, at, chain_id, four};

/// Each height's set, from 1: the old ones below `height`, then the new ones.
fn change_at(height: usize, blocks: usize, before: &Members, after: &Members) -> Vec<Members> {
    (1..=blocks + 1).map(|h| if h < height { before.clone() } else { after.clone() }).collect()
}

fn others() -> Members {
    vec![(11, 10), (12, 10), (13, 10), (14, 10)]
}

#[test]
fn an_unchanged_set_is_skipped_in_one_step() {
    let chain = Chain::of(60);
    let node = chain.node("node");
    let mut client = chain.client(1);
    let verified = client.verify_to_height(&node, 60, at(61)).unwrap();
    assert_eq!((verified.steps, verified.fetched), (1, 1));
    assert_eq!(&verified.block, chain.block(60));
    assert_eq!(verified.trace, [(1, chain.block(1).hash()), (60, chain.block(60).hash())]);
    assert_eq!(node.asked(), [60]);
    assert_eq!(client.store().heights().collect::<Vec<_>>(), [1, 60]);
    assert_eq!(client.latest().unwrap().height(), 60);

    // Known by now: nobody is asked.
    let again = client.verify_to_height(&node, 60, at(61)).unwrap();
    assert_eq!((again.steps, again.fetched, node.asked().len()), (0, 0, 1));
}

#[test]
fn every_header_is_verified_in_sequence() {
    let chain = Chain::new(change_at(20, 60, &four(), &others()));
    let node = chain.node("node");
    let mut client = chain.client(1);
    let verified = client.verify_sequential(&node, 60, at(61)).unwrap();
    assert_eq!((verified.steps, verified.fetched), (59, 59));
    assert_eq!(node.asked(), (2..=60).collect::<Vec<_>>());
    assert_eq!(verified.trace, chain.blocks.iter().map(|block| (block.height(), block.hash())).collect::<Vec<_>>());
}

#[test]
fn a_new_set_is_reached_through_the_header_that_announces_it() {
    let chain = Chain::new(change_at(40, 60, &four(), &others()));
    let node = chain.node("node");
    let mut client = chain.client(1);
    let verified = client.verify_to_height(&node, 60, at(61)).unwrap();
    assert_eq!(&verified.block, chain.block(60));
    // The last header of the old set and the first of the new one are both on the way.
    let heights: Vec<_> = verified.trace.iter().map(|(height, _)| *height).collect();
    assert!(heights.windows(2).any(|pair| pair == [39, 40]), "{heights:?}");
    assert_eq!(verified.fetched, node.asked().len() as u64);
    assert!(verified.fetched <= 8, "{:?}", node.asked());
    // What was learnt on the way is kept.
    assert_eq!(client.store().heights().collect::<Vec<_>>(), heights);
}

#[test]
fn bisection_begins_where_too_little_of_the_old_set_signs() {
    // Trust level 1/3 of 40: more than 13.3 must have signed.
    let one_stays = vec![(1, 10), (12, 10), (13, 10), (14, 10)];
    let two_stay = vec![(1, 10), (2, 10), (13, 10), (14, 10)];
    for (after, steps) in [(two_stay, 1), (one_stays, 3)] {
        let chain = Chain::new(change_at(3, 4, &four(), &after));
        let mut client = chain.client(1);
        let verified = client.verify_to_height(&chain.node("node"), 4, at(5)).unwrap();
        assert_eq!(verified.steps, steps, "{:?}", verified.trace);
    }
}

#[test]
fn older_headers_are_verified_by_their_hashes() {
    let chain = Chain::new(change_at(20, 30, &four(), &others()));
    let node = chain.node("node");
    let mut client = chain.client(25);
    // No signature is needed, so no period bounds it.
    let verified = client.verify_to_height(&node, 10, at(1_000_000)).unwrap();
    assert_eq!(&verified.block, chain.block(10));
    assert_eq!((verified.steps, node.asked()), (15, (10..25).rev().collect()));
    assert_eq!(client.store().heights().collect::<Vec<_>>(), [10, 25]);

    // Between two trusted blocks the way goes forwards from the lower one while it has not expired.
    let node = chain.node("node");
    let verified = client.verify_to_height(&node, 12, at(31)).unwrap();
    assert_eq!((verified.steps, node.asked()), (1, vec![12]));
    let node = chain.node("node");
    let verified = client.verify_to_height(&node, 24, at(1_000_000)).unwrap();
    assert_eq!((verified.steps, node.asked()), (1, vec![24]));
}

#[test]
fn a_client_goes_on_from_its_store() {
    let chain = Chain::of(30);
    let mut client = chain.client(3);
    client.verify_to_height(&chain.node("node"), 20, at(31)).unwrap();
    let mut store = client.store().clone();
    store.remove_below(10).unwrap();
    let mut resumed = Client::resume(chain_id(), chain.options(3), store).unwrap();
    let verified = resumed.verify_sequential(&chain.node("node"), 22, at(31)).unwrap();
    assert_eq!(verified.trace.iter().map(|(height, _)| *height).collect::<Vec<_>>(), [20, 21, 22]);
    let empty = Client::resume(chain_id(), chain.options(3), MemoryStore::default());
    assert!(matches!(empty, Err(Error::NothingTrusted)), "{empty:?}");
}

/// Up to 40 heights; at each the set stays or members join, leave and change their power.
fn schedules() -> impl Strategy<Value = Vec<Members>> {
    let change = prop_oneof![
        3 => Just(None),
        2 => proptest::collection::btree_map(1_u8..12, 1_u32..30, 1..6).prop_map(Some),
    ];
    proptest::collection::vec(change, 3..40).prop_map(|changes| {
        let mut members = four();
        let mut schedule = vec![members.clone()];
        for change in changes {
            if let Some(set) = change {
                members = set.into_iter().collect();
            }
            schedule.push(members.clone());
        }
        schedule
    })
}

proptest! {
    #![proptest_config(Config { cases: 40, failure_persistence: Some(Box::new(FileFailurePersistence::SourceParallel("regressions"))), ..Config::default() })]

    /// Whatever the sets do, skipping ends at the block that the sequence ends at, by steps each of which holds.
    #[test]
    fn skipping_and_sequence_agree(schedule in schedules(), from in 0_usize..40, to in 0_usize..40) {
        let chain = Chain::new(schedule);
        let (from, to) = (1 + from as u64 % chain.height(), 1 + to as u64 % chain.height());
        let now = at(chain.height() + 1);
        let node = chain.node("node");
        let skipped = chain.client(from).verify_to_height(&node, to, now).unwrap();
        prop_assert_eq!(&skipped.block, chain.block(to));
        let sequence = chain.client(from).verify_sequential(&chain.node("node"), to, now).unwrap();
        prop_assert_eq!(&sequence.block, chain.block(to));
        if from < to {
            prop_assert!(skipped.steps <= to - from);
            prop_assert_eq!(sequence.steps, to - from);
            for pair in skipped.trace.windows(2) {
                let (trusted, next) = (chain.block(pair[0].0), chain.block(pair[1].0));
                prop_assert_eq!(verify_step(trusted, next, &chain.options(from), now), Ok(()));
            }
            // Nothing is fetched twice.
            let mut asked = node.asked();
            asked.sort_unstable();
            asked.dedup();
            prop_assert_eq!(asked.len() as u64, skipped.fetched);
        }
    }

    /// A block that none of the honest validators signed is refused on either way, wherever it is put in.
    #[test]
    fn a_block_of_strangers_is_never_trusted(schedule in schedules(), place in 0_usize..40) {
        let honest = Chain::new(schedule);
        let place = 2 + place as u64 % (honest.height() - 1);
        let strangers = vec![vec![(100, 10), (101, 10)]; usize::try_from(honest.height() - place).unwrap() + 2];
        let forged = honest.fork(place - 1, strangers, 9);
        let node = forged.node("liar");
        for mode in [Mode::Skipping, Mode::Sequential] {
            let mut client = honest.client(1);
            let sources = Sources { primary: &node, witnesses: &[] };
            let refused = client.verify(sources, forged.height(), mode, at(honest.height() + 1));
            let is_refused = matches!(&refused, Err(Error::Refused { to, source, .. })
                if *to == place && matches!(**source, VerifyError::NextValidators { .. }));
            prop_assert!(is_refused, "{refused:?}");
            prop_assert_eq!(client.store().heights().collect::<Vec<_>>(), [1]);
        }
    }
}
