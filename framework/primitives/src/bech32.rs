//! Bech32 (BIP-173) for byte strings, with the limits and the error texts of the SDK's codec.
//!
//! Own code rather than a crate because the texts (`invalid checksum (expected x got y)`) reach users in transaction
//! logs and must be the SDK's; a test compares the encoding with the `bech32` crate.

use std::borrow::Cow;

use smallvec::SmallVec;
use thiserror::Error;

const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
/// What the five bits that fall out of the checksum add to it: the generators of the bits that are set.
const FALLEN_OUT: [u32; 32] = fallen_out();
/// The value of each data character, [`NO_SYMBOL`] for all others.
const VALUES: [u8; 256] = values();
const NO_SYMBOL: u8 = 0xff;

/// Longest string that [`decode`] looks at; the SDK's limit.
pub const MAX_LENGTH: usize = 1023;

/// Why a string is not Bech32.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Bech32Error {
    /// Shorter than 8 or longer than 1023 characters.
    #[error("decoding bech32 failed: invalid bech32 string length {0}")]
    Length(usize),
    /// A byte outside printable ASCII.
    #[error("decoding bech32 failed: invalid character in string: '{}'", char::from(*.0))]
    Character(u8),
    /// Upper and lower case mixed.
    #[error("decoding bech32 failed: string not all lowercase or all uppercase")]
    MixedCase,
    /// No `1` between prefix and data, or too little data after it (`-1`: none at all).
    #[error("decoding bech32 failed: invalid separator index {0}")]
    Separator(i64),
    /// A data character outside the alphabet.
    #[error("decoding bech32 failed: invalid character not part of charset: {0}")]
    NotInCharset(u8),
    /// The last six characters do not fit the rest.
    #[error("decoding bech32 failed: invalid checksum (expected {expected} got {actual})")]
    Checksum {
        /// The checksum that the other characters call for.
        expected: String,
        /// The checksum in the string.
        actual: String,
    },
    /// The data does not divide into bytes with at most four zero bits over.
    #[error("decoding bech32 failed: invalid incomplete group")]
    IncompleteGroup,
}

/// Encodes `data` under the human-readable part `hrp`, which must be lower-case ASCII without control characters.
pub fn encode(hrp: &str, data: &[u8]) -> String {
    let mut groups: SmallVec<[u8; 128]> = SmallVec::new();
    for five_bytes in data.chunks(5) {
        // Five bytes are eight groups; of fewer, zeros fill up the last group that they reach into.
        let mut bits = [0; 8];
        for (to, from) in bits.iter_mut().skip(3).zip(five_bytes) {
            *to = *from;
        }
        let bits = u64::from_be_bytes(bits);
        let used = five_bytes.len().saturating_mul(8).div_ceil(5);
        let all = [35, 30, 25, 20, 15, 10, 5, 0].map(|shift: u32| {
            let [.., byte] = (bits >> shift).to_be_bytes();
            byte & 31
        });
        groups.extend_from_slice(all.get(..used).unwrap_or(&all));
    }
    let mut checksum = Polymod::of_prefix(hrp.as_bytes());
    groups.iter().for_each(|group| checksum.add(*group));
    groups.extend_from_slice(&checksum.finish());

    let mut out = Vec::with_capacity(hrp.len().saturating_add(groups.len()).saturating_add(1));
    out.extend_from_slice(hrp.as_bytes());
    out.push(b'1');
    out.extend(groups.iter().map(|group| symbol(*group)));
    String::from_utf8(out).expect("the prefix is text and all that follows it is ASCII")
}

/// Decodes a Bech32 string into its human-readable part, lower-cased, and its bytes.
///
/// # Errors
/// [`Bech32Error`], with the texts of the SDK's decoder.
pub fn decode(text: &str) -> Result<(String, Vec<u8>), Bech32Error> {
    parts(text).map(|(hrp, data)| (hrp.into_owned(), data.into_vec()))
}

/// What [`decode`] gives, without an allocation for a lower-case string of ordinary length.
pub(crate) fn parts(text: &str) -> Result<(Cow<'_, str>, SmallVec<[u8; 64]>), Bech32Error> {
    // # Security
    // The length is bounded before anything is allocated.
    if text.len() > MAX_LENGTH || text.len() < 8 {
        return Err(Bech32Error::Length(text.len()));
    }
    let (mut lower, mut upper) = (false, false);
    for byte in text.bytes() {
        if !(33..=126).contains(&byte) {
            return Err(Bech32Error::Character(byte));
        }
        lower |= byte.is_ascii_lowercase();
        upper |= byte.is_ascii_uppercase();
        if lower && upper {
            return Err(Bech32Error::MixedCase);
        }
    }
    if upper {
        let lower = text.to_ascii_lowercase();
        return parts(&lower).map(|(hrp, data)| (Cow::Owned(hrp.into_owned()), data));
    }
    let separator = match text.rfind('1') {
        None => return Err(Bech32Error::Separator(-1)),
        // Six characters of checksum must follow.
        Some(at) if at == 0 || at.saturating_add(7) > text.len() => {
            return Err(Bech32Error::Separator(i64::try_from(at).unwrap_or(i64::MAX)));
        }
        Some(at) => at,
    };
    let (hrp, rest) = text.split_at(separator);
    let mut groups: SmallVec<[u8; 128]> = SmallVec::with_capacity(rest.len());
    for byte in rest.bytes().skip(1) {
        match VALUES[usize::from(byte)] {
            NO_SYMBOL => return Err(Bech32Error::NotInCharset(byte)),
            value => groups.push(value),
        }
    }
    let (data, stated) = groups.split_at(groups.len().saturating_sub(6));
    let mut checksum = Polymod::of_prefix(hrp.as_bytes());
    for group in data {
        checksum.add(*group);
    }
    let expected = checksum.finish();
    if expected != stated {
        let spell = |groups: &[u8]| groups.iter().map(|group| char::from(symbol(*group))).collect();
        return Err(Bech32Error::Checksum { expected: spell(&expected), actual: spell(stated) });
    }
    Ok((Cow::Borrowed(hrp), join_groups(data)?))
}

fn join_groups(groups: &[u8]) -> Result<SmallVec<[u8; 64]>, Bech32Error> {
    let mut bytes = SmallVec::new();
    let (mut buffer, mut bits) = (0u16, 0u32);
    for group in groups {
        buffer = (buffer << 5) | u16::from(*group);
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            let [_, byte] = (buffer >> bits).to_be_bytes();
            bytes.push(byte);
        }
        // At most seven bits are left over.
        buffer &= 0x7f >> 7u32.saturating_sub(bits);
    }
    if bits > 4 || buffer != 0 {
        return Err(Bech32Error::IncompleteGroup);
    }
    Ok(bytes)
}

#[expect(clippy::arithmetic_side_effects, reason = "the compiler evaluates it and refuses an overflow")]
const fn fallen_out() -> [u32; 32] {
    let mut table = [0; 32];
    let mut bits = 0;
    while bits < table.len() {
        let mut bit = 0;
        while bit < GENERATOR.len() {
            if (bits >> bit) & 1 == 1 {
                table[bits] ^= GENERATOR[bit];
            }
            bit += 1;
        }
        bits += 1;
    }
    table
}

#[expect(clippy::arithmetic_side_effects, reason = "the compiler evaluates it and refuses an overflow")]
const fn values() -> [u8; 256] {
    let mut table = [NO_SYMBOL; 256];
    let mut value: u8 = 0;
    while value < 32 {
        table[CHARSET[value as usize] as usize] = value;
        value += 1;
    }
    table
}

fn symbol(group: u8) -> u8 {
    CHARSET[usize::from(group & 31)]
}

/// The running checksum of BIP-173.
struct Polymod(u32);

impl Polymod {
    fn of_prefix(hrp: &[u8]) -> Self {
        let mut checksum = Self(1);
        for byte in hrp {
            checksum.add(byte >> 5);
        }
        checksum.add(0);
        for byte in hrp {
            checksum.add(byte & 31);
        }
        checksum
    }

    fn add(&mut self, group: u8) {
        let [top, ..] = (self.0 >> 1).to_be_bytes();
        self.0 = ((self.0 & 0x01ff_ffff) << 5) ^ u32::from(group) ^ FALLEN_OUT[usize::from(top & 31)];
    }

    fn finish(mut self) -> [u8; 6] {
        for _ in 0..6 {
            self.add(0);
        }
        let value = self.0 ^ 1;
        [25, 20, 15, 10, 5, 0].map(|shift: u32| {
            let [.., byte] = (value >> shift).to_be_bytes();
            byte & 31
        })
    }
}
