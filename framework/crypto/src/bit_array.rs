use plume_proto::cosmos::crypto::multisig::v1beta1::CompactBitArray;
use thiserror::Error;

/// Which keys of a threshold key have signed: one bit per key, the first key in the highest bit of the first byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BitArray {
    bits: usize,
    elems: Vec<u8>,
}

/// A bit array whose parts contradict one another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidBitArray {
    /// No bits at all.
    #[error("bit array is empty")]
    Empty,
    /// More than 7 bits said to be in the last, incomplete byte.
    #[error("bit array states {0} extra bits")]
    ExtraBits(u32),
    /// A set bit behind the last key. (The SDK ignores those; anybody could set them and change the transaction's hash.)
    #[error("bit array has a bit set after its end")]
    TrailingBits,
}

impl BitArray {
    /// `bits` bits, none set.
    pub fn new(bits: usize) -> Self {
        Self { bits, elems: vec![0; bits.div_ceil(8)] }
    }

    /// Takes the protobuf form.
    ///
    /// # Errors
    /// [`InvalidBitArray`].
    pub fn from_proto(array: &CompactBitArray) -> Result<Self, InvalidBitArray> {
        // # Security
        // Extra bits without a byte would make the length negative in the SDK's arithmetic.
        if array.elems.is_empty() {
            return Err(InvalidBitArray::Empty);
        }
        let unused = match array.extra_bits_stored {
            0 => 0,
            extra @ 1..=7 => 8u32.saturating_sub(extra),
            extra => return Err(InvalidBitArray::ExtraBits(extra)),
        };
        let last = array.elems.last().copied().unwrap_or(0);
        if u32::from(last).trailing_zeros() < unused {
            return Err(InvalidBitArray::TrailingBits);
        }
        let bits = array.elems.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or(8));
        Ok(Self { bits, elems: array.elems.clone() })
    }

    /// The protobuf form.
    pub fn to_proto(&self) -> CompactBitArray {
        let extra = self.bits & 7;
        CompactBitArray { extra_bits_stored: u32::try_from(extra).expect("three bits fit"), elems: self.elems.clone() }
    }

    /// Number of bits, set or not.
    pub fn len(&self) -> usize {
        self.bits
    }

    /// Whether there are no bits.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Whether bit `index` is set; false behind the end.
    pub fn get(&self, index: usize) -> bool {
        index < self.bits && self.elems.get(index >> 3).is_some_and(|byte| byte & mask(index) != 0)
    }

    /// Sets bit `index`. Returns false, changing nothing, behind the end.
    pub fn set(&mut self, index: usize) -> bool {
        match self.elems.get_mut(index >> 3) {
            Some(byte) if index < self.bits => {
                *byte |= mask(index);
                true
            }
            _ => false,
        }
    }

    /// Number of set bits.
    pub fn count_ones(&self) -> usize {
        (0..self.bits).filter(|index| self.get(*index)).count()
    }
}

fn mask(index: usize) -> u8 {
    0x80 >> (index & 7)
}
