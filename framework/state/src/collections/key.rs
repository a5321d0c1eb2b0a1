//! How keys become bytes.

use plume_primitives::{Address, Denom, Height, Timestamp};
use smallvec::SmallVec;

/// Bytes that do not decode, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

impl DecodeError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A key that has no encoding: a string with a NUL, or more than 255 bytes, before the last part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key cannot be encoded: {0}")]
pub struct KeyError(pub &'static str);

/// A key's bytes while it is looked up; most keys fit without an allocation.
pub type KeyBuf = SmallVec<[u8; 96]>;

/// An order-preserving key encoding, byte-compatible with `cosmossdk.io/collections`.
///
/// | type | terminal (last part) | non-terminal |
/// |---|---|---|
/// | `u16` `u32` `u64` `Height` | big endian | same |
/// | `i32` `i64` | big endian, sign bit flipped | same |
/// | `bool` | one byte, 0 or 1 | same |
/// | `String` `Denom` | raw | NUL-terminated |
/// | `Vec<u8>` `Address` | raw | one length byte, then raw |
/// | `LengthPrefixed<Address>` | one length byte, then raw | same |
/// | `Timestamp` | 29 bytes, `2006-01-02T15:04:05.000000000` | same |
/// | `[u8; N]` | raw | same |
/// | tuples of 2 and 3 | parts in order | parts in order |
///
/// # Security
/// Strings and byte strings from users are validated (length, no NUL) before they become a key: a key that has no encoding is
/// reported as misuse by the module, which stops the node.
pub trait KeyCodec: Sized {
    /// The key type's name in schemas.
    const NAME: &'static str;

    /// Appends the encoding of the last part of a key.
    ///
    /// # Errors
    /// [`KeyError`] when the value has no encoding.
    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError>;

    /// Appends the encoding of a part that others follow.
    ///
    /// # Errors
    /// [`KeyError`] when the value has no encoding.
    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError>;

    /// Decodes a last part: all of `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an encoding.
    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Decodes a leading part and returns what follows it.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes do not start with an encoding.
    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError>;

    /// The value as JSON text, for traces and proof explanations.
    fn to_json(&self) -> String;
}

/// Something that encodes as a key of type `K`: the key itself, or a tuple of references to its parts.
pub trait AsKey<K> {
    /// Appends the terminal encoding.
    ///
    /// # Errors
    /// [`KeyError`] when the value has no encoding.
    fn encode_key(&self, out: &mut KeyBuf) -> Result<(), KeyError>;
}

impl<K: KeyCodec> AsKey<K> for K {
    fn encode_key(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.encode_last(out)
    }
}

impl<A: KeyCodec, B: KeyCodec> AsKey<(A, B)> for (&A, &B) {
    fn encode_key(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_last(out)
    }
}

impl<A: KeyCodec, B: KeyCodec, C: KeyCodec> AsKey<(A, B, C)> for (&A, &B, &C) {
    fn encode_key(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_part(out)?;
        self.2.encode_last(out)
    }
}

/// The leading part or parts of a composite key `K`, for iterating over all keys that share them.
pub trait KeyPrefix<K> {
    /// Appends the encoding of the shared parts.
    ///
    /// # Errors
    /// [`KeyError`] when the value has no encoding.
    fn encode_prefix(&self, out: &mut KeyBuf) -> Result<(), KeyError>;
}

impl<A: KeyCodec, B: KeyCodec> KeyPrefix<(A, B)> for A {
    fn encode_prefix(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.encode_part(out)
    }
}

impl<A: KeyCodec, B: KeyCodec, C: KeyCodec> KeyPrefix<(A, B, C)> for A {
    fn encode_prefix(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.encode_part(out)
    }
}

impl<A: KeyCodec, B: KeyCodec, C: KeyCodec> KeyPrefix<(A, B, C)> for (&A, &B) {
    fn encode_prefix(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_part(out)
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), DecodeError> {
    bytes
        .split_first_chunk::<N>()
        .map(|(head, rest)| (*head, rest))
        .ok_or_else(|| DecodeError::new(format!("key part needs {N} bytes, has {}", bytes.len())))
}

/// Decodes all of `bytes` with a self-delimiting decoder.
fn whole<T>(decoded: (T, &[u8])) -> Result<T, DecodeError> {
    match decoded {
        (value, []) => Ok(value),
        (_, rest) => Err(DecodeError::new(format!("{} bytes after the key", rest.len()))),
    }
}

/// Implements the codec for types whose encoding has a fixed length, so that both positions look the same.
macro_rules! fixed_length_key {
    ($type:ty, $name:literal, |$value:ident| $encode:expr, |$bytes:ident| $decode:expr, |$shown:ident| $json:expr) => {
        impl KeyCodec for $type {
            const NAME: &'static str = $name;

            fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
                self.encode_part(out)
            }

            fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
                let $value = self;
                out.extend_from_slice(&$encode);
                Ok(())
            }

            fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
                whole(Self::decode_part(bytes)?)
            }

            fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
                let ($bytes, rest) = take(bytes)?;
                Ok(($decode, rest))
            }

            fn to_json(&self) -> String {
                let $shown = self;
                $json
            }
        }
    };
}

fixed_length_key!(u16, "uint16", |v| v.to_be_bytes(), |b| Self::from_be_bytes(b), |v| v.to_string());
fixed_length_key!(u32, "uint32", |v| v.to_be_bytes(), |b| Self::from_be_bytes(b), |v| v.to_string());
fixed_length_key!(u64, "uint64", |v| v.to_be_bytes(), |b| Self::from_be_bytes(b), |v| format!("\"{v}\""));
fixed_length_key!(Height, "height", |v| v.get().to_be_bytes(), |b| Self(u64::from_be_bytes(b)), |v| format!(
    "\"{}\"",
    v.get()
));
fixed_length_key!(
    i32,
    "int32",
    |v| (v.cast_unsigned() ^ 0x8000_0000).to_be_bytes(),
    |b| (u32::from_be_bytes(b) ^ 0x8000_0000).cast_signed(),
    |v| v.to_string()
);
fixed_length_key!(
    i64,
    "int64",
    |v| (v.cast_unsigned() ^ 0x8000_0000_0000_0000).to_be_bytes(),
    |b| (u64::from_be_bytes(b) ^ 0x8000_0000_0000_0000).cast_signed(),
    |v| format!("\"{v}\"")
);
fixed_length_key!(
    bool,
    "bool",
    |v| [u8::from(*v)],
    |b| match b {
        [0] => false,
        [1] => true,
        [other] => return Err(DecodeError::new(format!("bool key byte {other}"))),
    },
    |v| v.to_string()
);
fixed_length_key!(Timestamp, "sdk/time.Time", |v| time_key(*v), |b| parse_time_key(b)?, |v| format!("\"{v}\""));

impl<const N: usize> KeyCodec for [u8; N] {
    const NAME: &'static str = "bytes";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.encode_part(out)
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        whole(Self::decode_part(bytes)?)
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        take(bytes)
    }

    fn to_json(&self) -> String {
        format!("\"{}\"", crate::error::hex(self))
    }
}

/// Go's layout `2006-01-02T15:04:05.000000000` in UTC, which sorts by time: always 29 bytes.
fn time_key(time: Timestamp) -> [u8; 29] {
    let whole = Timestamp::new(time.seconds(), 0).expect("the seconds of a valid timestamp are in range");
    let text = format!("{}.{:09}", whole.to_string().trim_end_matches('Z'), time.nanos());
    let mut key = [b'0'; 29];
    // Years 1 to 9999 are written with four digits, so the text is 19 + 10 bytes.
    key.copy_from_slice(text.as_bytes());
    key
}

fn parse_time_key(bytes: [u8; 29]) -> Result<Timestamp, DecodeError> {
    let text = std::str::from_utf8(&bytes).map_err(|_| DecodeError::new("time key is not text"))?;
    let time: Timestamp = format!("{text}Z").parse().map_err(|_| DecodeError::new(format!("time key {text}")))?;
    if time_key(time) == bytes { Ok(time) } else { Err(DecodeError::new(format!("time key {text}"))) }
}

fn encode_string_part(text: &str, out: &mut KeyBuf) -> Result<(), KeyError> {
    if text.as_bytes().contains(&0) {
        return Err(KeyError("a string before the last part holds a NUL"));
    }
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Ok(())
}

fn decode_string_part(bytes: &[u8]) -> Result<(&str, &[u8]), DecodeError> {
    let end =
        bytes.iter().position(|byte| *byte == 0).ok_or_else(|| DecodeError::new("string key part without end"))?;
    let (text, rest) = bytes.split_at(end);
    let text = std::str::from_utf8(text).map_err(|_| DecodeError::new("string key part is not UTF-8"))?;
    Ok((text, rest.get(1..).unwrap_or_default()))
}

fn encode_bytes_part(bytes: &[u8], out: &mut KeyBuf) -> Result<(), KeyError> {
    let length = u8::try_from(bytes.len()).map_err(|_| KeyError("bytes before the last part are longer than 255"))?;
    out.push(length);
    out.extend_from_slice(bytes);
    Ok(())
}

fn decode_bytes_part(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let (length, rest) = bytes.split_first().ok_or_else(|| DecodeError::new("length byte missing"))?;
    rest.split_at_checked(usize::from(*length)).ok_or_else(|| DecodeError::new("key part shorter than its length byte"))
}

fn json_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if u32::from(control) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

pub(crate) fn quote(text: &str) -> String {
    json_string(text)
}

impl KeyCodec for String {
    const NAME: &'static str = "string";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        encode_string_part(self, out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::new("string key is not UTF-8"))
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (text, rest) = decode_string_part(bytes)?;
        Ok((text.to_owned(), rest))
    }

    fn to_json(&self) -> String {
        json_string(self)
    }
}

impl KeyCodec for Denom {
    const NAME: &'static str = "string";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        out.extend_from_slice(self.as_str().as_bytes());
        Ok(())
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        encode_string_part(self.as_str(), out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::new("denomination is not UTF-8"))?;
        Self::new(text).map_err(|error| DecodeError::new(error.to_string()))
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (text, rest) = decode_string_part(bytes)?;
        Ok((Self::new(text).map_err(|error| DecodeError::new(error.to_string()))?, rest))
    }

    fn to_json(&self) -> String {
        json_string(self.as_str())
    }
}

impl KeyCodec for Vec<u8> {
    const NAME: &'static str = "bytes";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        encode_bytes_part(self, out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(bytes.to_vec())
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (value, rest) = decode_bytes_part(bytes)?;
        Ok((value.to_vec(), rest))
    }

    fn to_json(&self) -> String {
        format!("\"{}\"", crate::error::hex(self))
    }
}

impl KeyCodec for Address {
    const NAME: &'static str = "sdk.AccAddress";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        encode_bytes_part(self.as_bytes(), out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::new(bytes).map_err(|error| DecodeError::new(error.to_string()))
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (value, rest) = decode_bytes_part(bytes)?;
        Ok((Self::decode_last(value)?, rest))
    }

    fn to_json(&self) -> String {
        format!("\"{}\"", crate::error::hex(self.as_bytes()))
    }
}

/// A byte-string key that carries its length also in the last position, as older SDK modules store addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LengthPrefixed<K>(pub K);

impl KeyCodec for LengthPrefixed<Address> {
    const NAME: &'static str = "index_key/sdk.AccAddress";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        whole(Self::decode_part(bytes)?)
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (address, rest) = Address::decode_part(bytes)?;
        Ok((Self(address), rest))
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }
}

impl<A: KeyCodec, B: KeyCodec> KeyCodec for (A, B) {
    const NAME: &'static str = "pair";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_last(out)
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_part(out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (first, rest) = A::decode_part(bytes)?;
        Ok((first, B::decode_last(rest)?))
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (first, rest) = A::decode_part(bytes)?;
        let (second, rest) = B::decode_part(rest)?;
        Ok(((first, second), rest))
    }

    fn to_json(&self) -> String {
        format!("[{},{}]", self.0.to_json(), self.1.to_json())
    }
}

impl<A: KeyCodec, B: KeyCodec, C: KeyCodec> KeyCodec for (A, B, C) {
    const NAME: &'static str = "triple";

    fn encode_last(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_part(out)?;
        self.2.encode_last(out)
    }

    fn encode_part(&self, out: &mut KeyBuf) -> Result<(), KeyError> {
        self.0.encode_part(out)?;
        self.1.encode_part(out)?;
        self.2.encode_part(out)
    }

    fn decode_last(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (first, rest) = A::decode_part(bytes)?;
        let (second, rest) = B::decode_part(rest)?;
        Ok((first, second, C::decode_last(rest)?))
    }

    fn decode_part(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (first, rest) = A::decode_part(bytes)?;
        let (second, rest) = B::decode_part(rest)?;
        let (third, rest) = C::decode_part(rest)?;
        Ok(((first, second, third), rest))
    }

    fn to_json(&self) -> String {
        format!("[{},{},{}]", self.0.to_json(), self.1.to_json(), self.2.to_json())
    }
}
