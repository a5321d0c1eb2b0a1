//! How values become bytes. No encoding is ever empty.

use std::fmt::Display;
use std::str::FromStr;

use bytes::Bytes;
use plume_primitives::{Decimal, Gas, Height};

use super::key::{DecodeError, quote};

/// A canonical, never empty value encoding, chosen by a zero-size marker type.
pub trait ValueCodec<V> {
    /// The value type's name in schemas.
    const NAME: &'static str;

    /// The value's only encoding; never empty.
    fn encode(value: &V) -> Bytes;

    /// Decodes what `encode` made.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an encoding.
    fn decode(bytes: &[u8]) -> Result<V, DecodeError>;

    /// The value as JSON text, for traces and proof explanations.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    fn to_json(bytes: &[u8]) -> Result<String, DecodeError>;
}

/// Canonical protobuf. A message that encodes to nothing is stored as one `0x00`, which is no protobuf message.
#[derive(Clone, Copy, Debug)]
pub struct Proto;

impl<V: prost::Message + Default> ValueCodec<V> for Proto {
    const NAME: &'static str = "protobuf";

    fn encode(value: &V) -> Bytes {
        let bytes = value.encode_to_vec();
        if bytes.is_empty() { Bytes::from_static(&[0]) } else { bytes.into() }
    }

    fn decode(bytes: &[u8]) -> Result<V, DecodeError> {
        if bytes == [0] {
            return Ok(V::default());
        }
        V::decode(bytes).map_err(|error| DecodeError::new(error.to_string()))
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        let value: V = Self::decode(bytes)?;
        Ok(quote(&format!("{value:?}")))
    }
}

/// A whole number as decimal text, the form of the SDK's `math.Int`.
#[derive(Clone, Copy, Debug)]
pub struct IntText;

impl<V: Display + FromStr<Err: Display>> ValueCodec<V> for IntText {
    const NAME: &'static str = "math.Int";

    fn encode(value: &V) -> Bytes {
        value.to_string().into()
    }

    fn decode(bytes: &[u8]) -> Result<V, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::new("number is not text"))?;
        text.parse().map_err(|error: V::Err| DecodeError::new(format!("number {text}: {error}")))
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        let value: V = Self::decode(bytes)?;
        Ok(quote(&value.to_string()))
    }
}

/// A decimal as the text of its integer of 10^-18 units, the form of the SDK's `math.LegacyDec`.
#[derive(Clone, Copy, Debug)]
pub struct DecimalText;

impl ValueCodec<Decimal> for DecimalText {
    const NAME: &'static str = "math.LegacyDec";

    fn encode(value: &Decimal) -> Bytes {
        value.to_wire().into()
    }

    fn decode(bytes: &[u8]) -> Result<Decimal, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::new("decimal is not text"))?;
        Decimal::from_wire(text).map_err(|error| DecodeError::new(error.to_string()))
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        Ok(quote(&Self::decode(bytes)?.to_string()))
    }
}

/// Eight bytes, big endian.
#[derive(Clone, Copy, Debug)]
pub struct U64Be;

/// Numbers wrapped in a type of their own have the number's encoding.
macro_rules! u64_value {
    ($type:ty, |$value:ident| $number:expr, |$decoded:ident| $wrap:expr) => {
        impl ValueCodec<$type> for U64Be {
            const NAME: &'static str = "uint64";

            fn encode($value: &$type) -> Bytes {
                let number: u64 = $number;
                Bytes::copy_from_slice(&number.to_be_bytes())
            }

            fn decode(bytes: &[u8]) -> Result<$type, DecodeError> {
                let $decoded = decode_u64(bytes)?;
                Ok($wrap)
            }

            fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
                Ok(format!("\"{}\"", decode_u64(bytes)?))
            }
        }
    };
}

u64_value!(u64, |value| *value, |number| number);
u64_value!(Height, |value| value.get(), |number| Height(number));
u64_value!(Gas, |value| value.0, |number| Gas(number));

fn decode_u64(bytes: &[u8]) -> Result<u64, DecodeError> {
    let bytes = bytes.try_into().map_err(|_| DecodeError::new(format!("uint64 of {} bytes", bytes.len())))?;
    Ok(u64::from_be_bytes(bytes))
}

/// One byte, 0 or 1.
#[derive(Clone, Copy, Debug)]
pub struct BoolByte;

impl ValueCodec<bool> for BoolByte {
    const NAME: &'static str = "bool";

    fn encode(value: &bool) -> Bytes {
        Bytes::from_static(if *value { &[1] } else { &[0] })
    }

    fn decode(bytes: &[u8]) -> Result<bool, DecodeError> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::new("not a bool")),
        }
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        Ok(Self::decode(bytes)?.to_string())
    }
}

/// The text itself. The empty text is refused when it is stored (no stored value is empty).
#[derive(Clone, Copy, Debug)]
pub struct StringRaw;

impl ValueCodec<String> for StringRaw {
    const NAME: &'static str = "string";

    fn encode(value: &String) -> Bytes {
        Bytes::copy_from_slice(value.as_bytes())
    }

    fn decode(bytes: &[u8]) -> Result<String, DecodeError> {
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::new("text is not UTF-8"))
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        Ok(quote(&Self::decode(bytes)?))
    }
}

/// The bytes themselves. Empty bytes are refused when they are stored (no stored value is empty).
#[derive(Clone, Copy, Debug)]
pub struct BytesRaw;

impl<V: AsRef<[u8]> + for<'a> TryFrom<&'a [u8], Error: Display>> ValueCodec<V> for BytesRaw {
    const NAME: &'static str = "bytes";

    fn encode(value: &V) -> Bytes {
        Bytes::copy_from_slice(value.as_ref())
    }

    fn decode(bytes: &[u8]) -> Result<V, DecodeError> {
        V::try_from(bytes).map_err(|error| DecodeError::new(error.to_string()))
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        Ok(format!("\"{}\"", crate::error::hex(bytes)))
    }
}

/// The value of a set's member: one `0x01`.
#[derive(Clone, Copy, Debug)]
pub struct Unit;

impl ValueCodec<()> for Unit {
    const NAME: &'static str = "none";

    fn encode((): &()) -> Bytes {
        Bytes::from_static(&[1])
    }

    fn decode(bytes: &[u8]) -> Result<(), DecodeError> {
        if bytes == [1] { Ok(()) } else { Err(DecodeError::new("not a set member")) }
    }

    fn to_json(bytes: &[u8]) -> Result<String, DecodeError> {
        Self::decode(bytes).map(|()| "true".to_owned())
    }
}
