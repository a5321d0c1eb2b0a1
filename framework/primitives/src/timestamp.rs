use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::text_serde::text_serde;

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A moment in UTC with nanoseconds, from 0001-01-01 to the end of 9999 as protobuf allows. Comes from block headers
/// and genesis; nothing here reads a clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

/// Why a value is not a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimestampError {
    /// Before year 1 or after year 9999.
    #[error("timestamp out of range: {0} seconds since 1970")]
    Seconds(i64),
    /// Nanoseconds outside 0 to 999,999,999.
    #[error("timestamp nanoseconds out of range: {0}")]
    Nanos(i64),
    /// Not `2006-01-02T15:04:05.999999999Z` or the like with an offset.
    #[error("invalid RFC 3339 time: {0}")]
    Format(String),
}

/// The Unix epoch, protobuf's default.
impl Default for Timestamp {
    fn default() -> Self {
        Self::UNIX_EPOCH
    }
}

impl Timestamp {
    /// 0001-01-01T00:00:00Z, Go's zero time, which CometBFT writes for an absent signature.
    pub const GO_ZERO: Self = Self { seconds: -62_135_596_800, nanos: 0 };
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { seconds: 0, nanos: 0 };
    /// The last moment of year 9999.
    pub const MAX: Self = Self { seconds: 253_402_300_799, nanos: 999_999_999 };

    /// The moment `seconds` and `nanos` after 1970 (for moments before, `nanos` still counts forward).
    ///
    /// # Errors
    /// [`TimestampError::Seconds`], [`TimestampError::Nanos`].
    pub fn new(seconds: i64, nanos: u32) -> Result<Self, TimestampError> {
        if nanos >= NANOS_PER_SECOND {
            return Err(TimestampError::Nanos(nanos.into()));
        }
        if !(Self::GO_ZERO.seconds..=Self::MAX.seconds).contains(&seconds) {
            return Err(TimestampError::Seconds(seconds));
        }
        Ok(Self { seconds, nanos })
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// Nanoseconds since 1970.
    pub fn unix_nanos(self) -> i128 {
        // At most 2^38 * 10^9 + 10^9.
        i128::from(self.seconds).saturating_mul(i128::from(NANOS_PER_SECOND)).saturating_add(i128::from(self.nanos))
    }

    /// The moment `nanos` nanoseconds after 1970.
    ///
    /// # Errors
    /// [`TimestampError::Seconds`].
    pub fn from_unix_nanos(nanos: i128) -> Result<Self, TimestampError> {
        let per_second = i128::from(NANOS_PER_SECOND);
        let seconds = i64::try_from(nanos.div_euclid(per_second)).map_err(|_| TimestampError::Seconds(i64::MAX))?;
        let rest = u32::try_from(nanos.rem_euclid(per_second)).expect("a remainder by 10^9 fits 32 bits");
        Self::new(seconds, rest)
    }

    /// The moment `duration` later; `None` after year 9999.
    #[expect(clippy::disallowed_methods, reason = "converts numbers and text; no storage error can be hidden")]
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = self.unix_nanos().checked_add(i128::try_from(duration.as_nanos()).ok()?)?;
        Self::from_unix_nanos(nanos).ok()
    }

    /// The moment `duration` earlier; `None` before year 1.
    #[expect(clippy::disallowed_methods, reason = "converts numbers and text; no storage error can be hidden")]
    #[must_use]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        let nanos = self.unix_nanos().checked_sub(i128::try_from(duration.as_nanos()).ok()?)?;
        Self::from_unix_nanos(nanos).ok()
    }

    /// Time passed since `earlier`; `None` if that is later than this.
    #[expect(clippy::disallowed_methods, reason = "converts numbers and text; no storage error can be hidden")]
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let nanos = self.unix_nanos().checked_sub(earlier.unix_nanos())?;
        let nanos = u128::try_from(nanos).ok()?;
        let seconds = u64::try_from(nanos.checked_div(NANOS_PER_SECOND.into())?).ok()?;
        let rest = u32::try_from(nanos.checked_rem(NANOS_PER_SECOND.into())?).ok()?;
        Some(Duration::new(seconds, rest))
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(time: Timestamp) -> Self {
        let nanos = i32::try_from(time.nanos).expect("nanoseconds are below 10^9");
        Self { seconds: time.seconds, nanos }
    }
}

impl TryFrom<prost_types::Timestamp> for Timestamp {
    type Error = TimestampError;

    fn try_from(time: prost_types::Timestamp) -> Result<Self, TimestampError> {
        let nanos = u32::try_from(time.nanos).map_err(|_| TimestampError::Nanos(time.nanos.into()))?;
        Self::new(time.seconds, nanos)
    }
}

/// RFC 3339 in UTC as Go prints it: fraction without trailing zeros, none if zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second_of_day = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) =
            (second_of_day.div_euclid(3600), second_of_day.div_euclid(60).rem_euclid(60), second_of_day.rem_euclid(60));
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos > 0 {
            let fraction = format!("{:09}", self.nanos);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        parse(text).ok_or_else(|| TimestampError::Format(text.to_owned()))?
    }
}

/// `None` for what is not RFC 3339 (then the format is wrong), an inner error for what is, but out of range.
#[expect(clippy::disallowed_methods, reason = "converts numbers and text; no storage error can be hidden")]
fn parse(text: &str) -> Option<Result<Timestamp, TimestampError>> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let [year, month, day] = fields::<3>(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields::<3>(clock, ':', [2, 2, 2])?;
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, zone) = rest.split_at(end);
            if !(1..=9).contains(&digits.len()) {
                return None;
            }
            (format!("{digits:0<9}").parse().ok()?, zone)
        }
    };
    let offset_minutes = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, zone) = match zone.split_at_checked(1)? {
                ("+", zone) => (1i64, zone),
                ("-", zone) => (-1, zone),
                _ => return None,
            };
            let [hours, minutes] = fields::<2>(zone, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(sign)?
        }
    };
    let seconds = days_from_civil(year, month, day)
        .checked_mul(SECONDS_PER_DAY)?
        .checked_add(hour.checked_mul(3600)?)?
        .checked_add(minute.checked_sub(offset_minutes)?.checked_mul(60)?)?
        .checked_add(second)?;
    Some(Timestamp::new(seconds, nanos))
}

/// Splits into exactly `N` numbers with the given counts of digits.
#[expect(clippy::disallowed_methods, reason = "converts numbers and text; no storage error can be hidden")]
fn fields<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
#[expect(clippy::arithmetic_side_effects, reason = "years are 0 to 9999: every term is below 2^23")]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so the leap day is the last day of one.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date `days` after 1970-01-01: year, month, day.
#[expect(clippy::arithmetic_side_effects, reason = "days are those of years 1 to 9999: every term is below 2^23")]
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

text_serde!(Timestamp);
