//! Walking through protobuf without decoding what is not wanted.

use bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

/// A field of a message: its number and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Text, bytes or a message.
    Content(u32, &'a [u8]),
    /// A number or truth value.
    Number(u32, u64),
}

/// The fields of a message, in order, without those of fixed width. An error ends it.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn step(&mut self) -> Result<Option<Field<'a>>, prost::DecodeError> {
        while !self.0.is_empty() {
            let (number, wire_type) = decode_key(&mut self.0)?;
            let too_short = || prost::DecodeError::new("buffer underflow");
            match wire_type {
                WireType::LengthDelimited => {
                    let length = usize::try_from(decode_varint(&mut self.0)?).map_err(|_| too_short())?;
                    let (content, rest) = self.0.split_at_checked(length).ok_or_else(too_short)?;
                    self.0 = rest;
                    return Ok(Some(Field::Content(number, content)));
                }
                WireType::Varint => return Ok(Some(Field::Number(number, decode_varint(&mut self.0)?))),
                WireType::SixtyFourBit if self.0.len() >= 8 => self.0.advance(8),
                WireType::ThirtyTwoBit if self.0.len() >= 4 => self.0.advance(4),
                _ => return Err(too_short()),
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, prost::DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.0 = &[];
        }
        step.transpose()
    }
}

/// Content of the `index`-th field (from 0) with this number.
pub(crate) fn nth_field(message: &[u8], number: u32, index: usize) -> Result<Option<&[u8]>, prost::DecodeError> {
    let mut left = index;
    for field in Fields::of(message) {
        match field? {
            Field::Content(found, content) if found == number && left == 0 => return Ok(Some(content)),
            Field::Content(found, _) if found == number => left -= 1,
            Field::Content(..) | Field::Number(..) => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_damage_is_an_error() {
        // Field 1 "ab", field 2 varint 300, field 1 "", field 3 fixed32, field 1 "c".
        let message = b"\x0a\x02ab\x10\xac\x02\x0a\x00\x1d\x01\x02\x03\x04\x0a\x01c";
        let nth = |index| nth_field(message, 1, index).expect("well formed");
        assert_eq!(nth(0), Some(&b"ab"[..]));
        assert_eq!(nth(1), Some(&b""[..]));
        assert_eq!(nth(2), Some(&b"c"[..]));
        assert_eq!(nth(3), None);
        let second = Fields::of(message).nth(1).expect("a field");
        assert_eq!(second.expect("well formed"), Field::Number(2, 300));
        assert_eq!(nth_field(message, 4, 0).expect("well formed"), None);
        for damaged in
            [&b"\x0a\x03ab"[..], b"\x0a", b"\x1d\x01", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x0b"]
        {
            assert!(nth_field(damaged, 9, 0).is_err(), "{damaged:?}");
        }
    }
}
