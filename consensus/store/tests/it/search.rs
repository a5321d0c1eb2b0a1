use bytes::Bytes;
use plume_engine::{Attribute, BlockOutcome, Event, TxResult};
use plume_events::Query;
use plume_primitives::Height;
use plume_store::{BlockStore, Order, StoreError, StoreOptions};

use crate::model::{self, Key};
use crate::support::{Chain, Home, filled, options};

/// The same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const VALUES: [&str; 14] =
    ["1", "2", "2.50", "10", "-3", "007", "x", "xy", " 2 ", "5stake", "", "1e1", "2013-05-03", "\0"];

fn events(dice: &mut Dice) -> Vec<Event> {
    (0..dice.roll(4))
        .map(|_| Event {
            kind: dice.pick(&["a", "b", "", "tx"]).to_owned().into(),
            attributes: (0..dice.roll(4))
                .map(|_| Attribute {
                    key: dice.pick(&["x", "y", "", "height"]).to_owned().into(),
                    value: dice.pick(&VALUES).to_owned(),
                    index: dice.roll(4) > 0,
                })
                .collect(),
        })
        .collect()
}

/// Keys that CometBFT writes for these events, but for those of its own names, at which it gives up the whole block.
fn keys(height: u64, index: u32, events: &[Event], height_tag: &str, keys: &mut Vec<Key>) {
    let own = Key { tag: height_tag.to_owned(), value: height.to_string(), height, index, event: 0 };
    keys.push(own.clone());
    for (event, number) in events.iter().zip(1..) {
        for attribute in &event.attributes {
            let tag = format!("{}.{}", event.kind, attribute.key);
            if attribute.index && !event.kind.is_empty() && !attribute.key.is_empty() && tag != height_tag {
                keys.push(Key { tag, value: attribute.value.clone(), event: number, ..own.clone() });
            }
        }
    }
}

fn query(dice: &mut Dice) -> String {
    let conditions: Vec<_> = (0..1 + dice.roll(3))
        .map(|_| {
            let tag = dice.pick(&["a.x", "a.x", "a.y", "b.x", "b.y", "tx.x", "tx.height", "block.height", "c.z"]);
            let number = dice.pick(&["0", "1", "2", "3", "2.5", "10", "7."]);
            match dice.roll(10) {
                0..=2 => format!("{tag}='{}'", dice.pick(&VALUES)),
                3 => format!("{tag}={number}"),
                4 => format!("{tag} EXISTS"),
                5 => format!("{tag} CONTAINS '{}'", dice.pick(&["", "x", "1", "2", " ", "\0"])),
                6 => format!("{tag} > DATE 2013-05-03"),
                _ => format!("{tag} {} {number}", dice.pick(&["<", "<=", ">", ">="])),
            }
        })
        .collect();
    conditions.join(" AND ")
}

#[test]
fn searches_find_what_cometbft_finds() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let home = Home::new();
        let store = home.open();
        let mut chain = Chain::new(1);
        store.save_genesis(&chain.state).expect("saved");
        let (mut tx_keys, mut block_keys) = (Vec::new(), Vec::new());
        for height in 1..=12 {
            let results: Vec<_> =
                (0..dice.roll(5)).map(|_| TxResult { events: events(&mut dice), ..TxResult::default() }).collect();
            let own = events(&mut dice);
            for (index, result) in (0..).zip(&results) {
                keys(height, index, &result.events, "tx.height", &mut tx_keys);
            }
            keys(height, 0, &own, "block.height", &mut block_keys);
            let txs = (0..results.len()).map(|at| Bytes::from(format!("{height}/{at}"))).collect();
            let outcome = BlockOutcome { tx_results: results, events: own, ..BlockOutcome::default() };
            store.save(chain.step(txs, outcome).decided()).expect("saved");
        }
        let floor = if seed == 3 { 5 } else { 1 };
        store.prune(Height(floor)).expect("pruned");
        for keys in [&mut tx_keys, &mut block_keys] {
            keys.retain(|key| key.height >= floor);
        }
        let mut hits = 0;
        for _ in 0..400 {
            let text = query(&mut dice);
            let query: Query = text.parse().expect(&text);
            let txs: Vec<_> = model::search(&query, "tx.height", &tx_keys).into_iter().collect();
            let blocks: Vec<_> =
                model::search(&query, "block.height", &block_keys).into_iter().map(|at| at.0).collect();
            hits += usize::from(!txs.is_empty()) + usize::from(!blocks.is_empty());
            let order = if dice.roll(2) == 0 { Order::Ascending } else { Order::Descending };
            let per_page = 1 + dice.roll(5);
            check(&text, order, per_page, &txs, |page| {
                let found = store.search_txs(&query, order, page, per_page)?;
                for tx in &found.items {
                    assert_eq!(tx.tx, format!("{}/{}", tx.height, tx.index));
                }
                Ok((found.items.iter().map(|tx| (tx.height.get(), tx.index)).collect(), found.total))
            });
            check(&text, order, per_page, &blocks, |page| {
                let found = store.search_blocks(&query, order, page, per_page)?;
                Ok((found.items.iter().map(|height| height.get()).collect(), found.total))
            });
        }
        assert!(hits > 50, "{hits} queries found something");
    }
}

/// All pages together are the expected list in order, and there is no page more.
fn check<T: Clone + PartialEq + std::fmt::Debug>(
    query: &str,
    order: Order,
    per_page: usize,
    expected: &[T],
    search: impl Fn(usize) -> Result<(Vec<T>, usize), StoreError>,
) {
    let mut expected = expected.to_vec();
    if order == Order::Descending {
        expected.reverse();
    }
    let pages = expected.len().div_ceil(per_page).max(1);
    let mut all = Vec::new();
    for page in 1..=pages {
        let (items, total) = search(page).expect("found");
        assert_eq!(total, expected.len(), "{query}");
        assert!(items.len() <= per_page);
        all.extend(items);
    }
    assert_eq!(all, expected, "{query} {order:?}");
    for page in [0, pages + 1] {
        let error = search(page).expect_err("no such page").to_string();
        assert_eq!(error, format!("page should be within [1, {pages}] range, given {page}"));
    }
}

#[test]
fn conditions_are_met_by_one_event() {
    let home = Home::new();
    let (store, ..) = filled(&home, 3);
    let count =
        |query: &str| store.search_txs(&query.parse().expect(query), Order::Ascending, 1, 100).expect(query).total;
    assert_eq!(count("transfer.to='account-0' AND transfer.amount='10'"), 1);
    assert_eq!(count("transfer.to='account-0' AND transfer.amount>10"), 2);
    // Both are true of each transaction, of different events though.
    assert_eq!(count("transfer.to='account-0' AND message.action='send'"), 0);
    assert_eq!(count("message.sender='everyone' AND message.action='send'"), 6);
    assert_eq!(count("message.action='send' AND tx.height=2"), 2);
    assert_eq!(count("tx.height>=2 AND tx.height<3"), 2);
    // The subscription's meaning of numbers is not the index's.
    assert_eq!(count("transfer.amount=10"), 2);
    assert_eq!(count("transfer.amount=10.0"), 0);
    assert_eq!(count("transfer EXISTS"), 0);
}

#[test]
fn a_hash_finds_its_transaction_whatever_else_is_asked() {
    let home = Home::new();
    let (store, _, steps) = filled(&home, 3);
    let hash = hex::encode_upper(steps[1].block.tx_hashes()[1]);
    let search = |query: &str| store.search_txs(&query.parse().expect(query), Order::Ascending, 1, 100);
    for text in [format!("tx.hash='{hash}'"), format!("tx.height=1 AND tx.hash='{}'", hash.to_lowercase())] {
        let found = search(&text).expect("found");
        assert_eq!((found.total, found.items[0].height, found.items[0].index), (1, Height(2), 1), "{text}");
    }
    assert_eq!(search("tx.hash='ABCD'").expect("nothing").total, 0);
    let error = search("tx.hash='xyz'").expect_err("no hash").to_string();
    assert!(error.starts_with("error during searching for a hash in the query: "), "{error}");
    assert!(matches!(search("tx.hash EXISTS"), Err(StoreError::Hash(_))));
}

#[test]
fn long_values_are_found() {
    let home = Home::new();
    let store = home.open();
    let mut chain = Chain::new(1);
    store.save_genesis(&chain.state).expect("saved");
    let long = |end: &str| format!("{}{end}", "v".repeat(3_000));
    let results = ["a", "b"]
        .map(|end| TxResult { events: vec![Event::new("t").with("x", long(end))], ..TxResult::default() })
        .to_vec();
    let outcome = BlockOutcome { tx_results: results, ..BlockOutcome::default() };
    store.save(chain.step(vec![Bytes::from_static(b"1"), Bytes::from_static(b"2")], outcome).decided()).expect("saved");
    let found = |query: String| {
        let found = store.search_txs(&query.parse().expect("a query"), Order::Ascending, 1, 100).expect("found");
        found.items.iter().map(|tx| tx.index).collect::<Vec<_>>()
    };
    assert_eq!(found(format!("t.x='{}'", long("b"))), [1]);
    assert_eq!(found("t.x CONTAINS 'va'".to_owned()), [0]);
    assert_eq!(found("t.x EXISTS".to_owned()), [0, 1]);
    store.save(chain.transfers(0).decided()).expect("saved");
    store.prune(Height(2)).expect("pruned");
    assert_eq!(found("t.x EXISTS".to_owned()), Vec::<u32>::new());
}

#[test]
fn a_search_that_takes_too_long_ends() {
    let home = Home::new();
    let (store, mut chain, _) = filled(&home, 0);
    for _ in 0..600 {
        store.save(chain.transfers(4).decided()).expect("saved");
    }
    drop(store);
    let hurried = StoreOptions { search_time: std::time::Duration::ZERO, ..options() };
    let store = BlockStore::open(home.path(), hurried).expect("opens");
    store.wait_indexed(Height(600), std::time::Duration::from_secs(20)).expect("indexed");
    for query in ["transfer.amount EXISTS", "tx.height>0", "transfer.amount>0"] {
        let error = store.search_txs(&query.parse().expect(query), Order::Ascending, 1, 10);
        assert!(matches!(error, Err(StoreError::TooSlow { seconds: 0 })), "{query}: {error:?}");
    }
    let few = "transfer.amount='10'".parse().expect("a query");
    assert_eq!(store.search_txs(&few, Order::Ascending, 1, 10).expect("found").total, 4);
}
