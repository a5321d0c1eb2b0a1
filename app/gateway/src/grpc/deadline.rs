//! `grpc-timeout`.

use std::time::Duration;

use axum::http::HeaderMap;

use crate::{Code, Status};

/// How long a call may take: what its client says, at most `most`.
pub(super) fn of(headers: &HeaderMap, most: Duration) -> Result<Duration, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(most) };
    let text = value.to_str().unwrap_or_default();
    parse(text)
        .map(|asked| asked.min(most))
        .ok_or_else(|| Status::new(Code::Internal, format!("malformed grpc-timeout: {text:?}")))
}

/// One to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    // Eight digits of hours fit into 64 bits of seconds.
    Some(match unit {
        'H' => Duration::from_secs(amount * 3600),
        'M' => Duration::from_secs(amount * 60),
        'S' => Duration::from_secs(amount),
        'm' => Duration::from_millis(amount),
        'u' => Duration::from_micros(amount),
        'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_defines_them() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000u128),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("4m", 4_000_000),
            ("5u", 5_000),
            ("99999999n", 99_999_999),
        ] {
            assert_eq!(parse(text).map(|time| time.as_nanos()), Some(nanos), "{text}");
        }
        for text in ["", "1", "S", "123456789S", "-1S", "1s", "1.5S", " 1S", "1é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_call_takes_longer_than_the_server_allows() {
        let of = |value: &'static str| {
            let headers = [("grpc-timeout".parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            of(&headers, Duration::from_secs(5))
        };
        assert_eq!(of("1H"), Ok(Duration::from_secs(5)));
        assert_eq!(of("1S"), Ok(Duration::from_secs(1)));
        assert_eq!(of("soon").unwrap_err().code, Code::Internal);
        assert_eq!(super::of(&HeaderMap::new(), Duration::from_secs(5)), Ok(Duration::from_secs(5)));
    }
}
