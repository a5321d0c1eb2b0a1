//! Reading parts of a JSON text that [`super::validate`] has accepted, without building a tree.
//!
//! Functions here take such text only; on other text they return something meaningless, never a panic.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::scan::{scan, skip_space};

/// What a value is, in the words of Go's `UnmarshalTypeError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// Go's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// The text without white space around it.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let start = skip_space(value, 0);
    let mut end = value.len();
    while end > start && matches!(value[end - 1], b' ' | b'\t' | b'\n' | b'\r') {
        end -= 1;
    }
    &value[start..end]
}

/// Kind of a value, by its first byte.
pub(crate) fn kind(value: &[u8]) -> Kind {
    match value.get(skip_space(value, 0)) {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Null,
    }
}

/// `true` or `false`.
pub(crate) fn as_bool(value: &[u8]) -> bool {
    trim(value) == b"true"
}

/// The elements of an array, each as its text.
pub(crate) fn array(value: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    let mut at = skip_space(value, 0) + 1;
    loop {
        at = skip_space(value, at);
        match value.get(at) {
            None | Some(b']') => return elements,
            Some(b',') => at += 1,
            Some(_) => {
                let Ok(length) = scan(&value[at..]) else { return elements };
                elements.push(&value[at..at + length]);
                at += length;
            }
        }
    }
}

/// The members of an object in order, keys unescaped, values as their text.
pub(crate) fn object(value: &[u8]) -> Vec<(Cow<'_, str>, &[u8])> {
    let mut members = Vec::new();
    let mut at = skip_space(value, 0) + 1;
    loop {
        at = skip_space(value, at);
        match value.get(at) {
            None | Some(b'}') => return members,
            Some(b',') => at += 1,
            Some(_) => {
                let Ok(key) = scan(&value[at..]) else { return members };
                let name = text(&value[at..at + key]);
                at = skip_space(value, at + key) + 1; // the colon
                at = skip_space(value, at);
                let Some(Ok(length)) = value.get(at..).map(scan) else { return members };
                members.push((name, &value[at..at + length]));
                at += length;
            }
        }
    }
}

/// The value under `key` (the last of several), or nothing.
pub(crate) fn object_member<'a>(value: &'a [u8], key: &str) -> Option<&'a [u8]> {
    object(value).into_iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// A string's content. Bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    let quoted = trim(value);
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains(&b'\\') {
        return String::from_utf8_lossy(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some(&byte) = inner.get(at) {
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            continue;
        }
        let escaped = inner.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        match escaped {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let character;
                (character, at) = unicode(inner, at);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    match String::from_utf8(out) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// The character whose four hex digits start at `at`, with the low surrogate behind it if there is one.
fn unicode(inner: &[u8], at: usize) -> (char, usize) {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(inner.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(at).unwrap_or(0xfffd);
    let at = at + 4;
    if (0xd800..0xdc00).contains(&first)
        && inner.get(at..at + 2) == Some(b"\\u")
        && let Some(second @ 0xdc00..0xe000) = unit(at + 2)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), at + 6);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), at)
}

/// The value as Go's `%v` prints it after decoding into an empty interface.
///
/// Values nested deeper than 32 levels are cut: this text only ends in error messages.
pub(crate) fn display(value: &[u8]) -> String {
    let mut out = String::new();
    write_display(value, 0, &mut out);
    out
}

fn write_display(value: &[u8], depth: usize, out: &mut String) {
    if depth > 32 {
        out.push_str("...");
        return;
    }
    match kind(value) {
        Kind::Null => out.push_str("<nil>"),
        Kind::Bool => out.push_str(if as_bool(value) { "true" } else { "false" }),
        Kind::Number => {
            let digits = String::from_utf8_lossy(trim(value));
            out.push_str(&float(digits.parse().unwrap_or(0.0)));
        }
        Kind::String => out.push_str(&text(value)),
        Kind::Array => {
            out.push('[');
            for (index, element) in array(value).into_iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_display(element, depth + 1, out);
            }
            out.push(']');
        }
        Kind::Object => {
            out.push_str("map[");
            let members: BTreeMap<_, _> = object(value).into_iter().collect();
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(&key);
                out.push(':');
                write_display(member, depth + 1, out);
            }
            out.push(']');
        }
    }
}

/// A float as Go's `%v` prints it: shortest digits, an exponent below 1e-4 and from 1e21.
fn float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped_as_go_does() {
        assert_eq!(text(br#""a\n\u00e4\ud83d\ude00\ud800x\"""#), "a\n\u{e4}\u{1f600}\u{fffd}x\"");
        assert_eq!(text(b"\"\xff\""), "\u{fffd}");
    }

    #[test]
    fn members_keep_their_text() {
        let value = br#" { "a" : [1, {"b":2}] , "c":"x,y" , "a": null } "#;
        let members = object(value);
        assert_eq!(members.len(), 3);
        assert_eq!(members[0], ("a".into(), &br#"[1, {"b":2}]"#[..]));
        assert_eq!(object_member(value, "a"), Some(&b"null"[..]));
        assert_eq!(array(members[0].1), vec![&b"1"[..], &br#"{"b":2}"#[..]]);
    }

    #[test]
    fn values_print_as_go_prints_them() {
        assert_eq!(
            display(br#"{"b":[1,true],"a":1e30,"c":null,"d":0.00001,"e":1.5}"#),
            "map[a:1e+30 b:[1 true] c:<nil> d:1e-05 e:1.5]"
        );
    }
}
