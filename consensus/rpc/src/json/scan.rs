//! The syntax check that comes before any reading, with the error texts of Go's `encoding/json`.

use std::fmt;

/// Deepest nesting that is accepted (`maxNestingDepth`).
const MAX_DEPTH: usize = 10_000;

/// Why bytes are not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyntaxError {
    /// They stop in the middle of a value.
    End,
    /// There is no value at all (only for [`first_value`]).
    Empty,
    /// A byte that cannot stand where it stands.
    Byte(u8, &'static str),
}

/// Go's words: a decoder that reads from a stream says `unexpected EOF` instead.
impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("unexpected end of JSON input"),
            Self::Empty => f.write_str("EOF"),
            Self::Byte(byte, context) => write!(f, "invalid character {} {context}", quoted(*byte)),
        }
    }
}

/// The byte in single quotes as Go's `strconv.Quote` writes the character of that number.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        0x07 => "'\\a'".to_owned(),
        0x08 => "'\\b'".to_owned(),
        0x0c => "'\\f'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        0x0b => "'\\v'".to_owned(),
        0x00..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        // Latin-1 characters that Go does not print: controls, the no-break space, the soft hyphen.
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    FirstElement,
    FirstKey,
    Key,
    Colon,
    AfterValue,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// Checks that `data` is exactly one JSON value.
///
/// # Errors
/// The first [`SyntaxError`] from the left.
pub(crate) fn validate(data: &[u8]) -> Result<(), SyntaxError> {
    let end = scan(data)?;
    let rest = skip_space(data, end);
    data.get(rest).map_or(Ok(()), |&byte| Err(SyntaxError::Byte(byte, "after top-level value")))
}

/// The first JSON value of `data`; what follows it is ignored, as a stream decoder does.
///
/// # Errors
/// [`SyntaxError::Empty`] if there is only white space, else the first error of the value.
pub(crate) fn first_value(data: &[u8]) -> Result<&[u8], SyntaxError> {
    let start = skip_space(data, 0);
    let rest = &data[start..];
    if rest.is_empty() {
        return Err(SyntaxError::Empty);
    }
    let end = scan(rest)?;
    Ok(&rest[..end])
}

/// Index of the first byte at or after `at` that is not white space.
pub(super) fn skip_space(data: &[u8], mut at: usize) -> usize {
    while matches!(data.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// End of the first value. The stack of open containers is the only memory, one byte a level.
pub(super) fn scan(data: &[u8]) -> Result<usize, SyntaxError> {
    let mut open = Vec::new();
    let mut expect = Expect::Value;
    let mut at = 0;
    loop {
        at = skip_space(data, at);
        let byte = *data.get(at).ok_or(SyntaxError::End)?;
        let unexpected = |context| Err(SyntaxError::Byte(byte, context));
        match expect {
            Expect::Value | Expect::FirstElement => match byte {
                b']' if expect == Expect::FirstElement => {
                    open.pop();
                    at += 1;
                    expect = Expect::AfterValue;
                }
                b'{' | b'[' => {
                    if open.len() == MAX_DEPTH {
                        return unexpected("exceeded max depth");
                    }
                    let object = byte == b'{';
                    open.push(if object { Container::Object } else { Container::Array });
                    expect = if object { Expect::FirstKey } else { Expect::FirstElement };
                    at += 1;
                }
                _ => {
                    at = scalar(data, at, byte)?;
                    expect = Expect::AfterValue;
                }
            },
            Expect::FirstKey | Expect::Key => match byte {
                b'}' if expect == Expect::FirstKey => {
                    open.pop();
                    at += 1;
                    expect = Expect::AfterValue;
                }
                b'"' => {
                    at = string(data, at)?;
                    expect = Expect::Colon;
                }
                _ => return unexpected("looking for beginning of object key string"),
            },
            Expect::Colon => match byte {
                b':' => {
                    at += 1;
                    expect = Expect::Value;
                }
                _ => return unexpected("after object key"),
            },
            Expect::AfterValue => match (open.last(), byte) {
                (Some(Container::Array), b',') => {
                    at += 1;
                    expect = Expect::Value;
                }
                (Some(Container::Object), b',') => {
                    at += 1;
                    expect = Expect::Key;
                }
                (Some(Container::Array), b']') | (Some(Container::Object), b'}') => {
                    open.pop();
                    at += 1;
                }
                (Some(Container::Array), _) => return unexpected("after array element"),
                (Some(Container::Object), _) => return unexpected("after object key:value pair"),
                (None, _) => return Ok(at),
            },
        }
        if expect == Expect::AfterValue && open.is_empty() {
            return Ok(at);
        }
    }
}

fn scalar(data: &[u8], at: usize, byte: u8) -> Result<usize, SyntaxError> {
    match byte {
        b'"' => string(data, at),
        b'-' | b'0'..=b'9' => number(data, at),
        b't' => literal(
            data,
            at,
            &[
                (b'r', "in literal true (expecting 'r')"),
                (b'u', "in literal true (expecting 'u')"),
                (b'e', "in literal true (expecting 'e')"),
            ],
        ),
        b'f' => literal(
            data,
            at,
            &[
                (b'a', "in literal false (expecting 'a')"),
                (b'l', "in literal false (expecting 'l')"),
                (b's', "in literal false (expecting 's')"),
                (b'e', "in literal false (expecting 'e')"),
            ],
        ),
        b'n' => literal(
            data,
            at,
            &[
                (b'u', "in literal null (expecting 'u')"),
                (b'l', "in literal null (expecting 'l')"),
                (b'l', "in literal null (expecting 'l')"),
            ],
        ),
        _ => Err(SyntaxError::Byte(byte, "looking for beginning of value")),
    }
}

fn literal(data: &[u8], at: usize, rest: &[(u8, &'static str)]) -> Result<usize, SyntaxError> {
    let mut at = at + 1;
    for &(expected, context) in rest {
        let byte = *data.get(at).ok_or(SyntaxError::End)?;
        if byte != expected {
            return Err(SyntaxError::Byte(byte, context));
        }
        at += 1;
    }
    Ok(at)
}

/// `data[at]` is the opening quote.
fn string(data: &[u8], at: usize) -> Result<usize, SyntaxError> {
    let mut at = at + 1;
    loop {
        let byte = *data.get(at).ok_or(SyntaxError::End)?;
        at += 1;
        match byte {
            b'"' => return Ok(at),
            b'\\' => at = escape(data, at)?,
            0x00..=0x1f => return Err(SyntaxError::Byte(byte, "in string literal")),
            _ => {}
        }
    }
}

/// `at` is behind the backslash.
fn escape(data: &[u8], at: usize) -> Result<usize, SyntaxError> {
    match *data.get(at).ok_or(SyntaxError::End)? {
        b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(at + 1),
        b'u' => {
            for digit in at + 1..at + 5 {
                let byte = *data.get(digit).ok_or(SyntaxError::End)?;
                if !byte.is_ascii_hexdigit() {
                    return Err(SyntaxError::Byte(byte, "in \\u hexadecimal character escape"));
                }
            }
            Ok(at + 5)
        }
        byte => Err(SyntaxError::Byte(byte, "in string escape code")),
    }
}

fn number(data: &[u8], mut at: usize) -> Result<usize, SyntaxError> {
    let digits = |mut at: usize| {
        while data.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let require_digit = |at: usize, context| match data.get(at) {
        None => Err(SyntaxError::End),
        Some(byte) if byte.is_ascii_digit() => Ok(()),
        Some(&byte) => Err(SyntaxError::Byte(byte, context)),
    };
    if data[at] == b'-' {
        at += 1;
        require_digit(at, "in numeric literal")?;
    }
    at = if data[at] == b'0' { at + 1 } else { digits(at) };
    if data.get(at) == Some(&b'.') {
        require_digit(at + 1, "after decimal point in numeric literal")?;
        at = digits(at + 1);
    }
    if matches!(data.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(data.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        require_digit(at, "in exponent of numeric literal")?;
        at = digits(at);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_go_writes_them() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "unexpected end of JSON input"),
            (b"{", "unexpected end of JSON input"),
            (b"hello", "invalid character 'h' looking for beginning of value"),
            (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
            (b"{\"a\" 1}", "invalid character '1' after object key"),
            (b"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            (b"[1 2]", "invalid character '2' after array element"),
            (b"[1,]", "invalid character ']' looking for beginning of value"),
            (b"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            (b"1 2", "invalid character '2' after top-level value"),
            (b"01", "invalid character '1' after top-level value"),
            (b"-x", "invalid character 'x' in numeric literal"),
            (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
            (b"1ex", "invalid character 'x' in exponent of numeric literal"),
            (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
            (b"nul", "unexpected end of JSON input"),
            (b"\"a\nb\"", "invalid character '\\n' in string literal"),
            (b"\"\\x\"", "invalid character 'x' in string escape code"),
            (b"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            (b"'a'", "invalid character '\\'' looking for beginning of value"),
            (b"\xff", "invalid character '\u{ff}' looking for beginning of value"),
        ];
        for (data, expected) in cases {
            assert_eq!(validate(data).expect_err("invalid").to_string(), *expected);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert_eq!(validate(&deep(10_000)), Ok(()));
        assert_eq!(validate(&deep(10_001)), Err(SyntaxError::Byte(b'[', "exceeded max depth")));
    }

    #[test]
    fn a_stream_ends_with_its_first_value() {
        assert_eq!(first_value(b" {\"a\":[1]} trailing"), Ok(&b"{\"a\":[1]}"[..]));
        assert_eq!(first_value(b"  "), Err(SyntaxError::Empty));
    }
}
