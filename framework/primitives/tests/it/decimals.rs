use num_bigint::{BigInt, Sign};
use plume_primitives::{Amount, ArithmeticError, Decimal, DecimalError, Rounding};
use proptest::prelude::*;

fn dec(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// Results of the SDK's own type, written by `tests/data/legacy_dec/main.go`.
const VECTORS: &str = include_str!("../data/legacy_dec/vectors.txt");

#[test]
fn arithmetic_equals_the_sdks() {
    let mut ceilings_corrected = 0;
    for line in VECTORS.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [a, b, add, sub, mul, mul_truncate, mul_up, quo, quo_truncate, quo_up, round, truncate] = fields[..] else {
            panic!("malformed line {line}");
        };
        let (a, b) = (dec(a), dec(b));
        assert_eq!(a.checked_add(b), Some(dec(add)), "{line}");
        assert_eq!(a.checked_sub(b), Some(dec(sub)), "{line}");
        assert_eq!(a.mul(b), Ok(dec(mul)), "{line}");
        assert_eq!(a.mul_truncate(b), Ok(dec(mul_truncate)), "{line}");
        assert_eq!(a.mul_ceil(b), Ok(dec(mul_up)), "{line}");
        if quo == "-" {
            assert_eq!(a.quo(b), Err(ArithmeticError::DivisionByZero), "{line}");
        } else {
            assert_eq!(a.quo(b), Ok(dec(quo)), "{line}");
            assert_eq!(a.quo_truncate(b), Ok(dec(quo_truncate)), "{line}");
            // The SDK's ceiling of a negative quotient lies one unit above the truth, unless the quotient is exact
            // or truncates to zero.
            let ceil = a.quo_ceil(b).expect("in range");
            if ceil.is_negative() && Ok(ceil) != a.quo_floor(b) {
                ceilings_corrected += 1;
                assert_eq!(ceil.checked_add(Decimal::SMALLEST), Some(dec(quo_up)), "{line}");
            } else {
                assert_eq!(ceil, dec(quo_up), "{line}");
            }
        }
        let whole = |text: &str| {
            if text.starts_with('-') { Err(ArithmeticError::Negative) } else { Ok(text.parse().expect("digits")) }
        };
        assert_eq!(a.to_amount(Rounding::HalfEven), whole(round), "{line}");
        assert_eq!(a.to_amount(Rounding::TowardZero), whole(truncate), "{line}");
    }
    assert!(ceilings_corrected > 10, "the vectors reach negative quotients");
}

#[test]
fn text_has_18_places() {
    assert_eq!(dec("1").to_string(), "1.000000000000000000");
    assert_eq!(dec("-0.5").to_string(), "-0.500000000000000000");
    assert_eq!(dec("-0").to_string(), "0.000000000000000000");
    assert_eq!(dec("0.1").to_wire(), "100000000000000000");
    assert_eq!(Decimal::from_wire("-25"), Ok(dec("-0.000000000000000025")));
    assert_eq!(Decimal::with_places(25, 3), Some(dec("0.025")));
    assert_eq!(Decimal::with_places(25, 19), None);
}

#[test]
fn malformed_text_gets_the_texts_of_the_sdk() {
    let message = |text: &str| text.parse::<Decimal>().expect_err("malformed").to_string();
    assert_eq!(message(""), "decimal string cannot be empty");
    assert_eq!(message("-"), "decimal string cannot be empty");
    assert_eq!(message("1."), "invalid decimal length");
    assert_eq!(message(".1"), "invalid decimal length");
    assert_eq!(message("1.2.3"), "invalid decimal string");
    assert_eq!(message("foobar"), "failed to set decimal string with base 10: foobar000000000000000000");
    assert_eq!(
        message("0.1234567890123456789"),
        "value '0.1234567890123456789' exceeds max precision by -1 decimal places: max precision 18"
    );
    assert_eq!(message(&"9".repeat(80)), "out of range: invalid decimal string");
    assert_eq!(Decimal::from_wire("1.5"), Err(DecimalError::Digits("1.5".to_owned())));
}

#[test]
fn halves_go_to_the_even_neighbour() {
    for (text, whole) in [("0.5", 0), ("1.5", 2), ("2.5", 2), ("7.5", 8), ("0.545", 1), ("1.499999999999999999", 1)] {
        assert_eq!(dec(text).to_amount(Rounding::HalfEven), Ok(Amount::new(whole)), "{text}");
    }
    assert_eq!(dec("-0.5").to_amount(Rounding::HalfEven), Ok(Amount::ZERO));
    assert_eq!(dec("-0.5").to_amount(Rounding::Floor), Err(ArithmeticError::Negative));
    assert_eq!(dec("0.000000000000000001").to_amount(Rounding::Ceil), Ok(Amount::ONE));
}

#[test]
fn the_range_ends_are_errors() {
    let largest = Decimal::from_wire("115792089237316195423570985008687907853269984665640564039457584007913129639935")
        .expect("2^256 - 1 units");
    assert_eq!(largest.checked_add(Decimal::SMALLEST), None);
    assert_eq!(largest.negate().checked_sub(Decimal::SMALLEST), None);
    assert_eq!(largest.mul(dec("1.000000000000000001")), Err(ArithmeticError::Overflow));
    assert_eq!(largest.quo(dec("0.5")), Err(ArithmeticError::Overflow));
    assert_eq!(largest.mul_int(2), Err(ArithmeticError::Overflow));
    assert_eq!(largest.mul(largest), Err(ArithmeticError::Overflow));
    assert_eq!(largest.quo(largest), Ok(Decimal::ONE));
    assert_eq!(largest.to_amount(Rounding::Floor), Err(ArithmeticError::Overflow));
    assert_eq!(dec("2").power(u64::MAX), Err(ArithmeticError::Overflow));
    assert_eq!(dec("1.05").power(0), Ok(Decimal::ONE));
    assert_eq!(dec("1.5").power(5), Ok(dec("7.59375")));
}

#[test]
fn order_is_by_value() {
    let mut list = [dec("1"), dec("-2"), dec("0"), dec("-1"), dec("0.5")];
    list.sort();
    assert_eq!(list, [dec("-2"), dec("-1"), dec("0"), dec("0.5"), dec("1")]);
}

fn big(value: Decimal) -> BigInt {
    value.to_wire().parse().expect("an integer")
}

/// The model: an exact fraction `n / d` of units, rounded.
fn round(n: &BigInt, d: &BigInt, rounding: Rounding) -> Result<Decimal, ArithmeticError> {
    let zero = BigInt::from(0);
    let (n, d) = if d.sign() == Sign::Minus { (-n, -d) } else { (n.clone(), d.clone()) };
    let truncated = &n / &d;
    let floor = if n < zero && &truncated * &d != n { &truncated - 1 } else { truncated.clone() };
    let exact = &floor * &d == n;
    let value = match rounding {
        Rounding::TowardZero => truncated,
        Rounding::Floor => floor,
        Rounding::Ceil => {
            if exact {
                floor
            } else {
                floor + 1
            }
        }
        Rounding::HalfEven => {
            let twice = (&n - &floor * &d) * 2;
            if twice < d || (twice == d && !floor.bit(0)) { floor } else { floor + 1 }
        }
    };
    if value.bits() > 256 {
        return Err(ArithmeticError::Overflow);
    }
    Ok(Decimal::from_wire(&value.to_string()).expect("256 bits"))
}

fn any_decimal() -> impl Strategy<Value = Decimal> {
    (any::<[u64; 4]>(), 0..257u32, any::<bool>()).prop_map(|(limbs, bits, negative)| {
        let mut value = BigInt::from(0);
        for limb in limbs {
            value = (value << 64u32) + limb;
        }
        value >>= 256 - bits;
        if negative {
            value = -value;
        }
        Decimal::from_wire(&value.to_string()).expect("256 bits")
    })
}

proptest! {
    #[test]
    fn arithmetic_equals_exact_fractions(a in any_decimal(), b in any_decimal()) {
        let scale = BigInt::from(10u64.pow(18));
        for rounding in [Rounding::TowardZero, Rounding::Floor, Rounding::Ceil, Rounding::HalfEven] {
            let product = big(a) * big(b);
            prop_assert_eq!(a.mul_with(b, rounding), round(&product, &scale, rounding));
            if b.is_zero() {
                prop_assert_eq!(a.quo_with(b, rounding), Err(ArithmeticError::DivisionByZero));
            } else if rounding == Rounding::HalfEven {
                // The SDK truncates to 36 places before it rounds.
                let first = big(a) * &scale * &scale / big(b);
                prop_assert_eq!(a.quo(b), round(&first, &scale, rounding));
            } else {
                prop_assert_eq!(a.quo_with(b, rounding), round(&(big(a) * &scale), &big(b), rounding));
            }
        }
        let sum = big(a) + big(b);
        let expected = if sum.bits() > 256 { None } else { Some(Decimal::from_wire(&sum.to_string()).expect("256 bits")) };
        prop_assert_eq!(a.checked_add(b), expected);
        prop_assert_eq!(a.cmp(&b), big(a).cmp(&big(b)));
    }

    #[test]
    fn text_and_json_read_back(a in any_decimal()) {
        prop_assert_eq!(a.to_string().parse::<Decimal>(), Ok(a));
        prop_assert_eq!(Decimal::from_wire(&a.to_wire()), Ok(a));
        prop_assert_eq!(serde_json::from_str::<Decimal>(&serde_json::to_string(&a).expect("serializes")).expect("reads"), a);
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<Decimal>();
        let _ = Decimal::from_wire(&text);
    }
}
