//! A writer that appends to one buffer, so that an answer is serialised once.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;

use plume_primitives::Timestamp;

/// JSON text under construction. Each method writes one value.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Vec<u8>,
}

impl Json {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Text that is JSON already.
    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    pub(crate) fn null(&mut self) {
        self.raw(b"null");
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    /// A number of at most 32 bits, bare.
    pub(crate) fn number(&mut self, value: impl Into<i64>) {
        let value: i64 = value.into();
        self.display(value);
    }

    /// A number of 64 bits (`int` included): a string, since JavaScript's numbers are floats.
    pub(crate) fn quoted(&mut self, value: impl fmt::Display) {
        self.out.push(b'"');
        self.display(value);
        self.out.push(b'"');
    }

    fn display(&mut self, value: impl fmt::Display) {
        struct Sink<'a>(&'a mut Vec<u8>);
        impl fmt::Write for Sink<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
        // Writing to a vector cannot fail, nor can the integers that come here.
        let _ = write!(Sink(&mut self.out), "{value}");
    }

    /// A string with Go's escapes, those for HTML included.
    pub(crate) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut plain = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let short: Option<&[u8]> = match byte {
                b'"' => Some(b"\\\""),
                b'\\' => Some(b"\\\\"),
                0x08 => Some(b"\\b"),
                0x0c => Some(b"\\f"),
                b'\n' => Some(b"\\n"),
                b'\r' => Some(b"\\r"),
                b'\t' => Some(b"\\t"),
                b'<' | b'>' | b'&' | 0x00..=0x1f => None,
                // U+2028 and U+2029 end a line in JavaScript.
                0xe2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => {
                    self.out.extend_from_slice(&bytes[plain..at]);
                    self.raw(if bytes[at + 2] == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                    plain = at + 3;
                    continue;
                }
                _ => continue,
            };
            self.out.extend_from_slice(&bytes[plain..at]);
            plain = at + 1;
            match short {
                Some(escape) => self.raw(escape),
                None => {
                    const DIGITS: &[u8; 16] = b"0123456789abcdef";
                    self.raw(b"\\u00");
                    self.out.push(DIGITS[usize::from(byte >> 4)]);
                    self.out.push(DIGITS[usize::from(byte & 15)]);
                }
            }
        }
        self.out.extend_from_slice(&bytes[plain..]);
        self.out.push(b'"');
    }

    /// Upper-case hex; nothing is `""`.
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.out.push(b'"');
        self.out.reserve(bytes.len() * 2 + 1);
        for byte in bytes {
            self.out.push(DIGITS[usize::from(byte >> 4)]);
            self.out.push(DIGITS[usize::from(byte & 15)]);
        }
        self.out.push(b'"');
    }

    /// Base64; nothing is `null`, since Go's protobuf leaves an empty field nil.
    pub(crate) fn base64(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return self.null();
        }
        self.out.push(b'"');
        let start = self.out.len();
        let length = bytes.len().div_ceil(3) * 4;
        self.out.resize(start + length, 0);
        // The buffer has exactly the encoded length.
        let _ = STANDARD.encode_slice(bytes, &mut self.out[start..]);
        self.out.push(b'"');
    }

    /// RFC 3339 in UTC; an absent time is Go's zero time.
    pub(crate) fn time(&mut self, time: Option<&RawTimestamp>) {
        let time = time.map_or(Ok(Timestamp::GO_ZERO), |raw| {
            let nanos = u32::try_from(raw.nanos).unwrap_or(0);
            Timestamp::new(raw.seconds, nanos)
        });
        self.quoted(time.unwrap_or(Timestamp::GO_ZERO));
    }

    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Object<'_>)) {
        self.out.push(b'{');
        members(&mut Object { json: self, first: true });
        self.out.push(b'}');
    }

    /// An array; of nothing it is `[]`.
    pub(crate) fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.out.push(b'[');
        let mut first = true;
        for item in items {
            if !first {
                self.out.push(b',');
            }
            first = false;
            write(self, item);
        }
        self.out.push(b']');
    }

    /// An array; of nothing it is `null`, as Go writes a nil slice.
    pub(crate) fn list_or_null<T>(&mut self, items: impl ExactSizeIterator<Item = T>, write: impl FnMut(&mut Self, T)) {
        if items.len() == 0 { self.null() } else { self.list(items, write) }
    }
}

/// An object under construction. Each method writes one member.
pub(crate) struct Object<'a> {
    json: &'a mut Json,
    first: bool,
}

impl Object<'_> {
    /// Writes the key; the caller writes exactly one value to what it gets.
    pub(crate) fn key(&mut self, name: &str) -> &mut Json {
        if !self.first {
            self.json.out.push(b',');
        }
        self.first = false;
        self.json.string(name);
        self.json.out.push(b':');
        self.json
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        self.key(name).string(value);
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Into<i64>) {
        self.key(name).number(value);
    }

    pub(crate) fn quoted(&mut self, name: &str, value: impl fmt::Display) {
        self.key(name).quoted(value);
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        self.key(name).bool(value);
    }

    pub(crate) fn hex(&mut self, name: &str, bytes: &[u8]) {
        self.key(name).hex(bytes);
    }

    pub(crate) fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.key(name).base64(bytes);
    }

    pub(crate) fn time(&mut self, name: &str, time: Option<&RawTimestamp>) {
        self.key(name).time(time);
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.key(name).null();
    }

    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        self.key(name).object(members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        String::from_utf8(json.into_bytes()).expect("JSON is UTF-8")
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        assert_eq!(
            written(|json| json.string("a\"\\\n\u{1}\u{7f}<&>\u{2028}\u{e4}\u{8}\u{c}")),
            "\"a\\\"\\\\\\n\\u0001\u{7f}\\u003c\\u0026\\u003e\\u2028\u{e4}\\b\\f\""
        );
    }

    #[test]
    fn values_take_amino_json_forms() {
        let json = written(|json| {
            json.object(|object| {
                object.quoted("height", i64::MAX);
                object.number("round", -1);
                object.hex("hash", &[0xab, 0x01]);
                object.hex("none", &[]);
                object.base64("data", b"ab");
                object.base64("nil", b"");
                object.key("list").list_or_null([1, 2].iter(), |json, item| json.quoted(item));
                object.key("empty").list_or_null(std::iter::empty::<u8>(), |_, _| ());
                object.time("zero", None);
                object.time("time", Some(&RawTimestamp { seconds: 1, nanos: 500_000_000 }));
            });
        });
        assert_eq!(
            json,
            "{\"height\":\"9223372036854775807\",\"round\":-1,\"hash\":\"AB01\",\"none\":\"\",\"data\":\"YWI=\",\
             \"nil\":null,\"list\":[\"1\",\"2\"],\"empty\":null,\"zero\":\"0001-01-01T00:00:00Z\",\
             \"time\":\"1970-01-01T00:00:01.5Z\"}"
        );
    }
}
