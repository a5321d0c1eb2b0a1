//! Reading the protobuf wire format without decoding into a type.

use std::fmt;

use crate::{CodecError, MAX_DEPTH};

/// How a value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// Base 128.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length, then so many bytes.
    Bytes,
    /// Start of a group (deprecated in protobuf, in no message here).
    StartGroup,
    /// End of a group.
    EndGroup,
    /// Four bytes.
    Fixed32,
}

impl WireType {
    fn from_tag(tag: u64) -> Option<Self> {
        Some(match tag & 7 {
            0 => Self::Varint,
            1 => Self::Fixed64,
            2 => Self::Bytes,
            3 => Self::StartGroup,
            4 => Self::EndGroup,
            5 => Self::Fixed32,
            _ => return None,
        })
    }

    /// The number inside a tag.
    pub fn number(self) -> u8 {
        match self {
            Self::Varint => 0,
            Self::Fixed64 => 1,
            Self::Bytes => 2,
            Self::StartGroup => 3,
            Self::EndGroup => 4,
            Self::Fixed32 => 5,
        }
    }
}

/// The names that the SDK prints.
impl fmt::Display for WireType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Varint => "varint",
            Self::Fixed64 => "fixed64",
            Self::Bytes => "bytes",
            Self::StartGroup => "start_group",
            Self::EndGroup => "end_group",
            Self::Fixed32 => "fixed32",
        })
    }
}

/// A varint and how many bytes it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Varint {
    pub(crate) value: u64,
    pub(crate) len: usize,
}

impl Varint {
    /// Bytes that the shortest encoding takes.
    pub(crate) fn needed(self) -> usize {
        // One byte for each seven bits that are in use, at least one.
        let bits = u64::BITS.saturating_sub(self.value.leading_zeros()).max(1);
        usize::try_from(bits.div_ceil(7)).expect("at most 10")
    }
}

/// Number and wire type of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) number: u32,
    pub(crate) wire_type: WireType,
    pub(crate) varint: Varint,
}

/// Walks over the fields of one encoded message.
///
/// Errors are made where they are returned: making and dropping one for each field that is in order took a seventh of
/// decoding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn varint(&mut self) -> Result<Varint, CodecError> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            let shift = u32::try_from(index).expect("below 10").saturating_mul(7);
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(CodecError::InvalidLength);
            }
            value |= bits.wrapping_shl(shift);
            if byte & 0x80 == 0 {
                let len = index.saturating_add(1);
                let Some(rest) = self.rest.get(len..) else { return Err(CodecError::InvalidLength) };
                self.rest = rest;
                return Ok(Varint { value, len });
            }
        }
        Err(CodecError::InvalidLength)
    }

    /// The next tag; its number is within 1 to 2^29 - 1.
    pub(crate) fn tag(&mut self) -> Result<Tag, CodecError> {
        let varint = self.varint()?;
        let Some(wire_type) = WireType::from_tag(varint.value) else { return Err(CodecError::InvalidLength) };
        let tag = u32::try_from(varint.value).map_err(|_| CodecError::InvalidLength)?;
        match tag >> 3 {
            0 => Err(CodecError::InvalidLength),
            number => Ok(Tag { number, wire_type, varint }),
        }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], CodecError> {
        let len = usize::try_from(len).map_err(|_| CodecError::InvalidLength)?;
        let Some((taken, rest)) = self.rest.split_at_checked(len) else { return Err(CodecError::InvalidLength) };
        self.rest = rest;
        Ok(taken)
    }

    /// A length and the bytes after it.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.varint()?.value;
        self.take(len)
    }

    /// Passes over the value of `tag`; returns the content if it is bytes, else nothing.
    pub(crate) fn value(&mut self, tag: Tag) -> Result<&'a [u8], CodecError> {
        match tag.wire_type {
            WireType::Bytes => return self.bytes(),
            WireType::Varint => drop(self.varint()?),
            WireType::Fixed64 => drop(self.take(8)?),
            WireType::Fixed32 => drop(self.take(4)?),
            WireType::EndGroup => return Err(CodecError::InvalidLength),
            WireType::StartGroup => self.skip_group(tag.number)?,
        }
        Ok(&[])
    }

    fn skip_group(&mut self, number: u32) -> Result<(), CodecError> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            let tag = self.tag()?;
            match tag.wire_type {
                WireType::EndGroup if tag.number == *innermost => drop(open.pop()),
                WireType::StartGroup if open.len() >= MAX_DEPTH => return Err(CodecError::TooDeep),
                WireType::StartGroup => open.push(tag.number),
                _ => drop(self.value(tag)?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_reads_and_measures() {
        for (bytes, value, needed) in [
            (&[0u8][..], 0u64, 1usize),
            (&[0x7f], 127, 1),
            (&[0x80, 1], 128, 2),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], u64::MAX, 10),
            (&[0x81, 0x80, 0], 1, 1),
        ] {
            let varint = Reader::new(bytes).varint().expect("valid");
            assert_eq!((varint.value, varint.len, varint.needed()), (value, bytes.len(), needed));
        }
        for bytes in [&[][..], &[0x80], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert_eq!(Reader::new(bytes).varint().err(), Some(CodecError::InvalidLength), "{bytes:?}");
        }
    }

    #[test]
    fn groups_are_skipped_only_when_closed_in_order() {
        // Group 1 holding a varint field 2 and group 3.
        let closed = [0x0b, 0x10, 5, 0x1b, 0x1c, 0x0c];
        let mut reader = Reader::new(&closed);
        let tag = reader.tag().expect("valid");
        assert_eq!(reader.value(tag), Ok(&[][..]));
        assert!(reader.is_empty());

        for wrong in [&[0x0b][..], &[0x0b, 0x14], &[0x0c], &[0x0b, 0x1b, 0x0c, 0x1c]] {
            let mut reader = Reader::new(wrong);
            let tag = reader.tag().expect("valid");
            assert_eq!(reader.value(tag), Err(CodecError::InvalidLength), "{wrong:?}");
        }
        let mut reader = Reader::new(&[0x0b; 1000]);
        let tag = reader.tag().expect("valid");
        assert_eq!(reader.value(tag), Err(CodecError::TooDeep));
    }
}
