use std::time::Duration;

use plume_primitives::{Timestamp, TimestampError};
use proptest::prelude::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn text_is_gos() {
    for (text, seconds, nanos) in [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
        ("2000-02-29T23:59:59.5Z", 951_868_799, 500_000_000),
        ("2026-11-21T10:00:00.000000001Z", 1_795_255_200, 1),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
    ] {
        let time = Timestamp::new(seconds, nanos).expect("in range");
        assert_eq!(time.to_string(), text);
        assert_eq!(at(text), time);
    }
    assert_eq!(at("2026-11-21T12:30:00+02:30"), at("2026-11-21T10:00:00Z"));
    assert_eq!(at("2026-11-20T23:00:00-11:00"), at("2026-11-21T10:00:00Z"));
    assert_eq!(at("2026-11-21t10:00:00.50z"), at("2026-11-21T10:00:00.5Z"));
    assert_eq!("0001-01-01T00:00:00Z".parse(), Ok(Timestamp::GO_ZERO));
}

#[test]
fn what_is_no_time_is_refused() {
    for bad in [
        "",
        "2026-11-21",
        "2026-11-21T10:00:00",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T10:60:00Z",
        "2026-11-21T10:00:60Z",
        "2026-11-21 10:00:00Z",
        "2026-11-21T10:00:00.Z",
        "2026-11-21T10:00:00.1234567890Z",
        "2026-11-21T10:00:00+2:00",
        "2026-11-21T10:00:00+24:00",
        "+026-11-21T10:00:00Z",
        "2026-11-21T10:00:00Zx",
        "２026-11-21T10:00:00Z",
    ] {
        assert_eq!(bad.parse::<Timestamp>(), Err(TimestampError::Format(bad.to_owned())), "{bad}");
    }
    assert!(matches!("0001-01-01T00:00:00+00:01".parse::<Timestamp>(), Err(TimestampError::Seconds(_))));
    assert!(matches!("0000-12-31T00:00:00Z".parse::<Timestamp>(), Err(TimestampError::Seconds(_))));
}

#[test]
fn arithmetic_carries_nanoseconds() {
    let time = at("2026-11-21T10:00:00.9Z");
    assert_eq!(time.checked_add(Duration::from_millis(200)), Some(at("2026-11-21T10:00:01.1Z")));
    assert_eq!(time.checked_sub(Duration::from_secs(1)), Some(at("2026-11-21T09:59:59.9Z")));
    assert_eq!(at("2026-11-21T10:00:01.1Z").since(time), Some(Duration::from_millis(200)));
    assert_eq!(time.since(at("2026-11-21T10:00:01Z")), None);
    assert_eq!(Timestamp::MAX.checked_add(Duration::from_nanos(1)), None);
    assert_eq!(Timestamp::GO_ZERO.checked_sub(Duration::from_nanos(1)), None);
    let before_1970 = Timestamp::from_unix_nanos(-1).expect("in range");
    assert_eq!((before_1970.seconds(), before_1970.nanos()), (-1, 999_999_999));
}

#[test]
fn protobuf_out_of_range_is_refused() {
    let proto = |seconds, nanos| Timestamp::try_from(prost_types::Timestamp { seconds, nanos });
    assert_eq!(proto(0, -1), Err(TimestampError::Nanos(-1)));
    assert_eq!(proto(0, 1_000_000_000), Err(TimestampError::Nanos(1_000_000_000)));
    assert_eq!(proto(253_402_300_800, 0), Err(TimestampError::Seconds(253_402_300_800)));
    let time = at("2026-11-21T10:00:00.9Z");
    assert_eq!(Timestamp::try_from(prost_types::Timestamp::from(time)), Ok(time));
}

proptest! {
    #[test]
    fn text_equals_the_time_crates(seconds in -62_135_596_800i64..=253_402_300_799, nanos in 0u32..1_000_000_000) {
        let time = Timestamp::new(seconds, nanos).expect("in range");
        let reference = OffsetDateTime::from_unix_timestamp_nanos(time.unix_nanos()).expect("in range");
        prop_assert_eq!(time.to_string(), reference.format(&Rfc3339).expect("formats"));
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(Timestamp::from_unix_nanos(time.unix_nanos()), Ok(time));
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<Timestamp>();
    }
}
