//! Plans of queries that surprise; what is found with them is tested with whole stores.

use plume_events::Query;

use super::plan::{HeightRule, Kind, Plan, Term, Test, plan};

fn terms(query: &str, kind: Kind) -> (HeightRule, Vec<Term>) {
    let query: Query = query.parse().expect(query);
    match plan(query.conditions(), kind) {
        Plan::Terms { heights, terms } => (heights, terms),
        Plan::Hash(_) => panic!("{query}"),
    }
}

fn equal(tag: &str, value: &str) -> Term {
    Term::Equal { tag: tag.to_owned(), value: value.to_owned() }
}

#[test]
fn a_hash_is_all_that_counts() {
    let query: Query = "a.b='c' AND tx.hash EXISTS AND tx.hash='AB'".parse().expect("a query");
    assert_eq!(plan(query.conditions(), Kind::Tx), Plan::Hash(String::new()));
    assert_eq!(terms("tx.hash='AB'", Kind::Block).1, [equal("tx.hash", "AB")]);
}

#[test]
fn heights_restrict_what_else_is_asked() {
    assert_eq!(terms("a.b=1 AND tx.height=5", Kind::Tx), (HeightRule::Exactly(5), vec![equal("a.b", "1")]));
    assert_eq!(terms("a.b=1 AND tx.height='5.9'", Kind::Tx).0, HeightRule::Exactly(5));
    // The first one counts; 0 is any.
    assert_eq!(terms("tx.height=5 AND tx.height=6 AND a.b=1", Kind::Tx).0, HeightRule::Exactly(5));
    assert_eq!(terms("tx.height=0 AND a.b=1", Kind::Tx), (HeightRule::Any, vec![equal("a.b", "1")]));
    // Any other operator makes `=` vanish, and what is no number was never there.
    assert_eq!(terms("tx.height='x' AND a.b=1", Kind::Tx), (HeightRule::Any, vec![equal("a.b", "1")]));
    let (heights, found) = terms("tx.height=5 AND tx.height>7 AND a.b=1", Kind::Tx);
    assert!(!heights.allows(5) && !heights.allows(7) && heights.allows(8));
    assert_eq!(found, [equal("a.b", "1")]);
    // In the search for blocks, the other height is a key like any other, and restricts too.
    let (heights, found) = terms("tx.height>7 AND a.b=1", Kind::Block);
    assert!(!heights.allows(7) && heights.allows(8));
    assert_eq!(found.len(), 2);
}

#[test]
fn heights_alone() {
    let all = || vec![Term::Heights { contains: None }];
    assert_eq!(terms("tx.height=5", Kind::Tx), (HeightRule::Exactly(5), all()));
    assert_eq!(terms("tx.height='05'", Kind::Tx).1, [Term::Nothing]);
    assert_eq!(terms("tx.height=5.5", Kind::Tx).1, [Term::Nothing]);
    assert_eq!(terms("block.height=5.5", Kind::Block), (HeightRule::Exactly(5), all()));
    assert_eq!(terms("block.height=0", Kind::Block).1, [Term::Nothing]);
    assert_eq!(terms("tx.height='x'", Kind::Tx).1, []);
    let (heights, found) = terms("tx.height>=5 AND tx.height<7", Kind::Tx);
    assert_eq!(found, all());
    let allowed: Vec<u64> = (0..10).filter(|height| heights.allows(*height)).collect();
    assert_eq!(allowed, [5, 6]);
    assert_eq!(heights.limits(), (5, 7));
    assert_eq!(terms("tx.height EXISTS", Kind::Tx), (HeightRule::Any, all()));
    assert_eq!(terms("tx.height CONTAINS '1'", Kind::Tx).1, [Term::Heights { contains: Some("1".to_owned()) }]);
    assert_eq!(terms("block.height EXISTS", Kind::Block).1, [Term::Nothing]);
}

#[test]
fn bounds_of_one_key_are_put_together() {
    let within = |query: &str, values: &[&str]| -> Vec<bool> {
        let (_, found) = terms(query, Kind::Tx);
        let [Term::Test { test: Test::Within(bounds), .. }] = found.as_slice() else { panic!("{query}: {found:?}") };
        values.iter().map(|value| bounds.allow(&plume_events::Number::whole(value).expect(value))).collect()
    };
    assert_eq!(within("a.b>1 AND a.b<=3", &["1", "1.1", "3", "3.1"]), [false, true, true, false]);
    // The later bound replaces the earlier one, and inclusion stays.
    assert_eq!(within("a.b>=1 AND a.b>2", &["1", "2", "3"]), [false, true, true]);
    // Times are never compared.
    assert_eq!(within("a.b>TIME 2013-05-03T14:45:00Z", &["1"]), [false]);
    assert_eq!(within("a.b>0 AND a.b<DATE 2013-05-03", &["1"]), [false]);
    assert_eq!(within("a.b>DATE 2013-05-03 AND a.b>0", &["1"]), [true]);
}
