use std::collections::BTreeMap;

use plume_primitives::{Amount, Coin, CoinError, Coins, DecCoins, Denom};
use proptest::prelude::*;

fn coin(text: &str) -> Coin {
    text.parse().expect("a coin")
}

fn coins(text: &str) -> Coins {
    text.parse().expect("coins")
}

#[test]
fn parsing_sorts_and_drops_zeros() {
    assert_eq!(coins("5uatom, 1aaa ,0zzz").to_string(), "1aaa,5uatom");
    assert_eq!(coins(""), Coins::new());
    assert_eq!(coins("  "), Coins::new());
    assert_eq!(coins("0aaa").to_string(), "");
    assert_eq!(coin("12 \t uatom"), Coin::from_parts("uatom", "12").expect("parts"));
}

#[test]
fn malformed_expressions_get_the_texts_of_the_sdk() {
    let message = |text: &str| text.parse::<Coins>().expect_err("malformed").to_string();
    assert_eq!(message("uatom"), "invalid decimal coin expression: uatom");
    assert_eq!(message("12"), "invalid decimal coin expression: 12");
    assert_eq!(message("12ab"), "invalid decimal coin expression: 12ab");
    assert_eq!(message("-12uatom"), "invalid decimal coin expression: -12uatom");
    assert_eq!(message("1.uatom"), "invalid decimal coin expression: 1.uatom");
    assert_eq!(message("1.2.3uatom"), "invalid decimal coin expression: 1.2.3uatom");
    assert_eq!(message("1uatom,"), "invalid decimal coin expression: ");
    assert_eq!(message("1uatom 2photon"), "invalid decimal coin expression: 1uatom 2photon");
    assert_eq!(message("1uatom,2uatom"), "duplicate denomination uatom");
    assert_eq!(message("1.5uatom"), "amount has a fraction of a base unit: 1.5uatom");
    assert!(message("340282366920938463463374607431768211456uatom").contains("is too large"));
}

#[test]
fn stated_coins_must_be_sorted_positive_and_distinct() {
    let message = |list: &[(&str, &str)]| {
        let list = list.iter().map(|(denom, amount)| Coin::from_parts(denom, amount).expect("a coin")).collect();
        Coins::from_sorted(list).expect_err("invalid").to_string()
    };
    assert_eq!(message(&[("aaa", "0")]), "coin 0aaa amount is not positive");
    assert_eq!(message(&[("aaa", "1"), ("bbb", "0")]), "coin bbb amount is not positive");
    assert_eq!(message(&[("bbb", "1"), ("aaa", "1")]), "denomination aaa is not sorted");
    assert_eq!(message(&[("aaa", "1"), ("aaa", "2")]), "duplicate denomination aaa");
    assert_eq!(message(&[("aaa", "1"), ("aaa", "0")]), "duplicate denomination aaa");
    assert_eq!(Coin::from_parts("a", "1").expect_err("short").to_string(), "invalid denom: a");
}

#[test]
fn upper_case_sorts_before_lower_case() {
    assert_eq!(coins("1aaa,1AAA,1Zzz").to_string(), "1AAA,1Zzz,1aaa");
}

#[test]
fn comparisons_are_the_sdks() {
    let held = coins("5aaa,3bbb");
    assert!(held.is_all_gte(&coins("")) && held.is_all_gte(&coins("5aaa")) && held.is_all_gte(&held));
    assert!(!held.is_all_gte(&coins("6aaa")) && !held.is_all_gte(&coins("1ccc")));
    assert!(held.is_any_gte(&coins("5aaa,9bbb")) && !held.is_any_gte(&coins("6aaa,4bbb")));
    assert!(!held.is_any_gte(&coins("")) && !held.is_any_gte(&coins("1ccc")));
    assert!(coins("1aaa").denoms_subset_of(&held) && !coins("1aaa,1ccc").denoms_subset_of(&held));
}

#[test]
fn gas_prices_have_decimals() {
    let prices: DecCoins = "0.025uplume,0.5 aaa,0.0zzz".parse().expect("prices");
    assert_eq!(prices.to_string(), "0.500000000000000000aaa,0.025000000000000000uplume");
    assert_eq!(prices.amount_of("uplume").to_string(), "0.025000000000000000");
    let message = |text: &str| text.parse::<DecCoins>().expect_err("malformed").to_string();
    assert_eq!(message("1aaa,2aaa"), "duplicate denomination aaa");
    assert_eq!(message(".5aaa"), "failed to parse decimal coin amount: .5: invalid decimal length");
}

#[test]
fn json_is_a_sorted_array() {
    let json = r#"[{"denom":"aaa","amount":"1"},{"denom":"bbb","amount":"2"}]"#;
    assert_eq!(serde_json::to_string(&coins("2bbb,1aaa")).expect("serializes"), json);
    assert_eq!(serde_json::from_str::<Coins>(json).expect("reads back"), coins("1aaa,2bbb"));
    let unsorted = r#"[{"denom":"bbb","amount":"2"},{"denom":"aaa","amount":"1"}]"#;
    assert!(serde_json::from_str::<Coins>(unsorted).is_err());
}

/// Coins as a plain map, the model.
type Model = BTreeMap<String, u128>;

fn any_model() -> impl Strategy<Value = Model> {
    let amount = prop_oneof![1..20u128, u128::MAX - 20..=u128::MAX];
    proptest::collection::btree_map("[abAB][xy][z]", amount, 0..8)
}

fn build(model: &Model) -> Coins {
    let list = model.iter().map(|(denom, units)| Coin::new(Denom::new(denom).expect("denom"), Amount::new(*units)));
    Coins::from_sorted(list.collect()).expect("a map is sorted and distinct")
}

proptest! {
    #[test]
    fn sums_and_differences_equal_the_models(a in any_model(), b in any_model()) {
        let sum = |combine: fn(u128, u128) -> Option<u128>| -> Option<Model> {
            let mut result = Model::new();
            for denom in a.keys().chain(b.keys()) {
                let value = combine(*a.get(denom).unwrap_or(&0), *b.get(denom).unwrap_or(&0))?;
                if value > 0 {
                    result.insert(denom.clone(), value);
                }
            }
            Some(result)
        };
        let (left, right) = (build(&a), build(&b));
        prop_assert_eq!(left.checked_add(&right), sum(u128::checked_add).map(|model| build(&model)));
        prop_assert_eq!(left.checked_sub(&right), sum(u128::checked_sub).map(|model| build(&model)));
        prop_assert_eq!(left.min(&right), build(&sum(|x, y| Some(x.min(y))).expect("never fails")));
        prop_assert_eq!(left.max(&right), build(&sum(|x, y| Some(x.max(y))).expect("never fails")));
        prop_assert_eq!(left.is_all_gte(&right), b.iter().all(|(denom, units)| a.get(denom).unwrap_or(&0) >= units));
        let total = Coins::sum(left.iter().chain(&right).cloned());
        match left.checked_add(&right) {
            Some(expected) => prop_assert_eq!(total, Ok(expected)),
            None => prop_assert!(matches!(total, Err(CoinError::Overflow(_)))),
        }
        for denom in ["axz", "Byz", "zzz"] {
            prop_assert_eq!(left.amount_of(denom).units(), *a.get(denom).unwrap_or(&0));
        }
    }

    #[test]
    fn text_reads_back_in_any_order(a in any_model(), seed: u64) {
        let expected = build(&a);
        let mut parts: Vec<String> = expected.iter().map(Coin::to_string).collect();
        let len = parts.len().max(1);
        parts.rotate_left(usize::try_from(seed % len as u64).expect("small") % len);
        prop_assert_eq!(parts.join(",").parse::<Coins>(), Ok(expected));
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<Coins>();
        let _ = text.parse::<DecCoins>();
    }
}
