use num_bigint::BigUint;
use plume_primitives::{Amount, AmountError, ArithmeticError, Denom, Gas, Height};
use proptest::prelude::*;

#[test]
fn text_is_read_as_the_sdk_reads_integers() {
    assert_eq!("12".parse(), Ok(Amount::new(12)));
    assert_eq!("+12".parse(), Ok(Amount::new(12)));
    assert_eq!("0012".parse(), Ok(Amount::new(12)));
    assert_eq!("-0".parse(), Ok(Amount::ZERO));
    assert_eq!("340282366920938463463374607431768211455".parse(), Ok(Amount::MAX));
    assert_eq!("".parse::<Amount>(), Err(AmountError::Empty));
    assert_eq!("-5".parse::<Amount>(), Err(AmountError::Negative("-5".to_owned())));
    for bad in ["-", "+", "1.5", " 1", "1_0", "0x1", "--1"] {
        assert_eq!(bad.parse::<Amount>(), Err(AmountError::NotAnInteger(bad.to_owned())));
    }
    let above = "340282366920938463463374607431768211456";
    assert_eq!(above.parse::<Amount>(), Err(AmountError::TooLarge(above.to_owned())));
    assert_eq!("0".repeat(1000).parse(), Ok(Amount::ZERO));
}

#[test]
fn ratios_say_which_way_they_round() {
    let seven = Amount::new(7);
    assert_eq!(seven.mul_ratio_floor(1, 2), Ok(Amount::new(3)));
    assert_eq!(seven.mul_ratio_ceil(1, 2), Ok(Amount::new(4)));
    assert_eq!(seven.mul_ratio_ceil(2, 2), Ok(seven));
    assert_eq!(seven.mul_ratio_floor(1, 0), Err(ArithmeticError::DivisionByZero));
    assert_eq!(Amount::MAX.mul_ratio_floor(u128::MAX, u128::MAX), Ok(Amount::MAX));
    assert_eq!(Amount::MAX.mul_ratio_floor(2, 1), Err(ArithmeticError::Overflow));
    // The quotient rounds up to 2^128.
    assert_eq!(Amount::MAX.mul_ratio_ceil(u128::MAX - 1, u128::MAX - 2), Err(ArithmeticError::Overflow));
}

#[test]
fn denominations_keep_the_sdks_expression() {
    for good in
        ["abc", "A1/:._-", "ibc/7F1D3FCF4AE79E1554D670D1AD949A9BA4E4A3C76C63093E17E446A46061A7A2", &"a".repeat(128)]
    {
        assert_eq!(Denom::new(good).expect("valid").as_str(), good);
    }
    for bad in ["", "ab", "1ab", "a b", "aé", "/ab", &"a".repeat(129), "abc\n", "abc+"] {
        assert_eq!(Denom::new(bad).expect_err("invalid").to_string(), format!("invalid denom: {bad}"));
    }
}

#[test]
fn heights_stay_within_cometbfts_range() {
    assert_eq!(Height(1).next(), Some(Height(2)));
    assert_eq!(Height(i64::MAX.cast_unsigned()).next(), None);
    assert_eq!(Height::ZERO.previous(), None);
    assert!(Height::try_from(-1i64).is_err());
    assert_eq!(Gas::MAX.to_i64(), i64::MAX);
    assert_eq!(Gas(3).saturating_sub(Gas(5)), Gas::ZERO);
    assert_eq!(Gas::MAX.checked_add(Gas(1)), None);
}

#[test]
fn json_carries_amounts_as_strings() {
    let json = serde_json::to_string(&Amount::MAX).expect("serializes");
    assert_eq!(json, "\"340282366920938463463374607431768211455\"");
    assert_eq!(serde_json::from_str::<Amount>(&json).expect("reads back"), Amount::MAX);
    assert!(serde_json::from_str::<Amount>("12").is_err(), "a JSON number would lose precision elsewhere");
}

proptest! {
    #[test]
    fn ratios_equal_a_big_integers(units: u128, numerator: u128, denominator in 1u128..) {
        let product = BigUint::from(units) * BigUint::from(numerator);
        let floor = &product / BigUint::from(denominator);
        let ceil = (&product + BigUint::from(denominator - 1)) / BigUint::from(denominator);
        let amount = Amount::new(units);
        let expect = |value: BigUint| u128::try_from(value).map(Amount::new).map_err(|_| ArithmeticError::Overflow);
        prop_assert_eq!(amount.mul_ratio_floor(numerator, denominator), expect(floor));
        prop_assert_eq!(amount.mul_ratio_ceil(numerator, denominator), expect(ceil));
    }

    #[test]
    fn text_reads_back(units: u128) {
        prop_assert_eq!(units.to_string().parse(), Ok(Amount::new(units)));
    }
}
