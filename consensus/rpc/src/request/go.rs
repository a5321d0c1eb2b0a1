//! Go's text forms in error messages, and its decoders of hex and base64 with their errors.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Go's `StdEncoding`: padding required, unused bits of the last character ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// `strconv.Quote` (`%q`).
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{b}' => out.push_str("\\v"),
                '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(character))),
                '\u{80}'..='\u{a0}' | '\u{ad}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
                _ => out.push(character),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// `hex.DecodeString`.
pub(crate) fn hex(text: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8); // below 16
    let invalid = |byte: u8| {
        let shown = match byte {
            0x20..=0x7e | 0xa1..=0xac | 0xae.. => format!(" '{}'", char::from(byte)),
            _ => String::new(), // Go prints no character that cannot be seen
        };
        format!("encoding/hex: invalid byte: U+{byte:04X}{shown}")
    };
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks(2) {
        let high = digit(pair[0]).ok_or_else(|| invalid(pair[0]))?;
        let Some(&second) = pair.get(1) else { return Err("encoding/hex: odd length hex string".to_owned()) };
        out.push(high << 4 | digit(second).ok_or_else(|| invalid(second))?);
    }
    Ok(out)
}

/// Base64 as `encoding/json` decodes a string into bytes: line breaks are skipped.
pub(crate) fn base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let decoded = if text.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        let joined: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        BASE64.decode(joined)
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|_| format!("illegal base64 data at input byte {}", corrupt_at(text)))
}

/// Where Go sees the fault in text that is not base64.
fn corrupt_at(text: &[u8]) -> usize {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let next = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    let mut in_quantum = 0;
    loop {
        let Some(&byte) = text.get(at) else { return at - in_quantum };
        at += 1;
        match byte {
            b'\r' | b'\n' => {}
            _ if is_digit(byte) => in_quantum = (in_quantum + 1) % 4,
            b'=' if in_quantum >= 2 => {
                if in_quantum == 2 {
                    let second = next(at);
                    match text.get(second) {
                        None => return text.len(),
                        Some(b'=') => at = second + 1,
                        Some(_) => return second - 1,
                    }
                }
                return next(at); // whatever follows the padding
            }
            _ => return at - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_go() {
        assert_eq!(hex(b"0g").expect_err("g"), "encoding/hex: invalid byte: U+0067 'g'");
        assert_eq!(hex(b"abc").expect_err("odd"), "encoding/hex: odd length hex string");
        assert_eq!(hex(b"AbcD"), Ok(vec![0xab, 0xcd]));
        for (text, at) in [("YW", 0), ("YWJjZ", 4), ("Y!JjZA==", 1), ("YW=jZA==", 2), ("YWI=YQ==", 4), ("YQ=", 3)] {
            assert_eq!(base64(text.as_bytes()), Err(format!("illegal base64 data at input byte {at}")), "{text}");
        }
        assert_eq!(base64(b"YW\nI="), Ok(b"ab".to_vec()));
        assert_eq!(base64(b"YR=="), Ok(b"a".to_vec()));
        assert_eq!(quote(b"a\"\n\xff\xc3\xa4"), "\"a\\\"\\n\\xff\u{e4}\"");
    }
}
