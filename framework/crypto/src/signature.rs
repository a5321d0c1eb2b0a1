use bytes::Bytes;
use plume_proto::Message;
use plume_proto::cosmos::crypto::multisig::v1beta1::MultiSignature;
use plume_proto::cosmos::tx::v1beta1::{ModeInfo, mode_info};
use thiserror::Error;

use crate::amino::read_varint;
use crate::batch::Job;
use crate::bit_array::{BitArray, InvalidBitArray};
use crate::public_key::PublicKey;

/// How deep threshold signatures may nest; the bound of [`PublicKey`].
const MAX_DEPTH: usize = 10;

/// One signer's signature: a single one, or those of several keys of a threshold key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureData {
    /// Made by one key.
    Single {
        /// Value of `cosmos.tx.signing.v1beta1.SignMode`: what bytes were signed.
        mode: i32,
        /// The signature.
        signature: Bytes,
    },
    /// Made by some keys of a threshold key.
    Multi {
        /// Which keys have signed.
        bits: BitArray,
        /// Their signatures, in the order of the keys.
        signatures: Vec<Self>,
    },
}

/// What is wrong with a signature. Texts are the SDK's where it has one for the case.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// No signing mode, or one of neither kind.
    #[error("unexpected ModeInfo data type <nil>")]
    NoMode,
    /// A contradictory bit array.
    #[error(transparent)]
    BitArray(#[from] InvalidBitArray),
    /// The signature bytes of a threshold key are not a `MultiSignature`, or contain unknown fields.
    #[error("rejecting unrecognized fields found in MultiSignature")]
    MultiSignature,
    /// Fewer or more signatures than modes.
    #[error("number of signatures {signatures} does not match number of modes {modes}")]
    Modes {
        /// Number of signatures.
        signatures: usize,
        /// Number of modes.
        modes: usize,
    },
    /// Threshold signatures nested more than 10 deep.
    #[error("multisignature is nested too deep")]
    TooDeep,
    /// A bit array of another length than the key's.
    #[error("bit array size is incorrect, expecting: {0}")]
    BitArraySize(usize),
    /// Another number of signatures than set bits.
    #[error("signature size is incorrect {0}")]
    SignatureCount(usize),
    /// Fewer set bits than the threshold.
    #[error("not enough signatures set, have {have}, expected {expected}")]
    NotEnough {
        /// Set bits.
        have: usize,
        /// The threshold.
        expected: u32,
    },
    /// A threshold signature where the account's key is a single one.
    #[error("expected <nil>, got {0}")]
    NotMultisig(&'static str),
    /// A threshold signature for a single key inside a threshold key.
    #[error("unable to parse pubkey of index {0}")]
    NestedNotMultisig(usize),
    /// A single signature for a threshold key.
    #[error("expected *signing.MultiSignatureData, got, *signing.SingleSignatureData")]
    NotSingle,
    /// The signature of the account's single key is invalid.
    #[error("unable to verify single signer signature")]
    Invalid,
    /// The signature of the key at this index of a threshold key is invalid.
    #[error("unable to verify signature at index {0}")]
    InvalidAt(usize),
}

/// One single signature that must be valid for the whole to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The single key.
    pub key: &'a PublicKey,
    /// Value of `SignMode`: what bytes it signed.
    pub mode: i32,
    /// The signature.
    pub signature: &'a Bytes,
    /// The key's index in the threshold key that contains it; `None` if it is the account's own key.
    pub index: Option<usize>,
}

impl Leaf<'_> {
    /// The check to be made, once the bytes that this leaf's mode calls for are known.
    pub fn job(&self, sign_bytes: Bytes) -> Job {
        Job { key: self.key.clone(), message: sign_bytes, signature: self.signature.clone() }
    }

    /// The error to report if this leaf's signature turns out invalid.
    pub fn failure(&self) -> SignatureError {
        match self.index {
            None => SignatureError::Invalid,
            Some(index) => SignatureError::InvalidAt(index),
        }
    }
}

/// Lists the single signatures that `data` claims for `key`, refusing whatever does not fit together: every bit array
/// has one bit per key, at least `threshold` bits are set, and each set bit has exactly one signature.
///
/// # Errors
/// [`SignatureError`].
pub fn checks<'a>(key: &'a PublicKey, data: &'a SignatureData) -> Result<Vec<Leaf<'a>>, SignatureError> {
    let mut leaves = Vec::with_capacity(1);
    collect(key, data, None, &mut leaves)?;
    Ok(leaves)
}

fn collect<'a>(
    key: &'a PublicKey,
    data: &'a SignatureData,
    index: Option<usize>,
    leaves: &mut Vec<Leaf<'a>>,
) -> Result<(), SignatureError> {
    let (multisig, bits, signatures) = match (key, data) {
        (PublicKey::Multisig(multisig), SignatureData::Multi { bits, signatures }) => (multisig, bits, signatures),
        (PublicKey::Multisig(_), SignatureData::Single { .. }) => return Err(SignatureError::NotSingle),
        (_, SignatureData::Single { mode, signature }) => {
            leaves.push(Leaf { key, mode: *mode, signature, index });
            return Ok(());
        }
        (_, SignatureData::Multi { .. }) => {
            return Err(match index {
                None => SignatureError::NotMultisig(key.go_type()),
                Some(index) => SignatureError::NestedNotMultisig(index),
            });
        }
    };
    if bits.len() != multisig.keys().len() {
        return Err(SignatureError::BitArraySize(multisig.keys().len()));
    }
    let (have, needed) = (bits.count_ones(), usize::try_from(multisig.threshold()).unwrap_or(usize::MAX));
    if signatures.len() < needed || signatures.len() > bits.len() {
        return Err(SignatureError::SignatureCount(signatures.len()));
    }
    if have < needed {
        return Err(SignatureError::NotEnough { have, expected: multisig.threshold() });
    }
    // Not checked by the SDK, which ignores signatures too many and panics on one too few.
    if signatures.len() != have {
        return Err(SignatureError::SignatureCount(signatures.len()));
    }
    let signers = multisig.keys().iter().enumerate().filter(|(index, _)| bits.get(*index));
    for ((index, key), data) in signers.zip(signatures) {
        collect(key, data, Some(index), leaves)?;
    }
    Ok(())
}

/// Turns the verdicts on `leaves` (same order) into the first failure, if any.
///
/// # Errors
/// [`SignatureError::Invalid`], [`SignatureError::InvalidAt`].
pub fn first_failure(leaves: &[Leaf<'_>], verdicts: &[bool]) -> Result<(), SignatureError> {
    // A missing verdict counts as a failure.
    for (at, leaf) in leaves.iter().enumerate() {
        if !verdicts.get(at).copied().unwrap_or(false) {
            return Err(leaf.failure());
        }
    }
    Ok(())
}

impl SignatureData {
    /// Joins a signer's `ModeInfo` with its entry in the transaction's `signatures`.
    ///
    /// # Errors
    /// [`SignatureError::NoMode`], [`SignatureError::BitArray`], [`SignatureError::MultiSignature`],
    /// [`SignatureError::Modes`], [`SignatureError::TooDeep`].
    pub fn from_proto(mode: Option<&ModeInfo>, signature: &Bytes) -> Result<Self, SignatureError> {
        Self::from_proto_at(mode, signature, MAX_DEPTH)
    }

    fn from_proto_at(mode: Option<&ModeInfo>, signature: &Bytes, depth: usize) -> Result<Self, SignatureError> {
        let depth = depth.checked_sub(1).ok_or(SignatureError::TooDeep)?;
        match mode.and_then(|mode| mode.sum.as_ref()).ok_or(SignatureError::NoMode)? {
            mode_info::Sum::Single(single) => Ok(Self::Single { mode: single.mode, signature: signature.clone() }),
            mode_info::Sum::Multi(multi) => {
                let bits = multi.bitarray.as_ref().ok_or(InvalidBitArray::Empty)?;
                let bits = BitArray::from_proto(bits)?;
                let parts = split_multi_signature(signature).ok_or(SignatureError::MultiSignature)?;
                if parts.len() != multi.mode_infos.len() {
                    return Err(SignatureError::Modes { signatures: parts.len(), modes: multi.mode_infos.len() });
                }
                let signatures = multi
                    .mode_infos
                    .iter()
                    .zip(&parts)
                    .map(|(mode, part)| Self::from_proto_at(Some(mode), part, depth))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Multi { bits, signatures })
            }
        }
    }

    /// The signer's `ModeInfo` and its entry in the transaction's `signatures`.
    pub fn to_proto(&self) -> (ModeInfo, Vec<u8>) {
        let (sum, bytes) = match self {
            Self::Single { mode, signature } => {
                (mode_info::Sum::Single(mode_info::Single { mode: *mode }), signature.to_vec())
            }
            Self::Multi { bits, signatures } => {
                let (mode_infos, signatures) = signatures.iter().map(Self::to_proto).unzip();
                let multi = mode_info::Multi { bitarray: Some(bits.to_proto()), mode_infos };
                (mode_info::Sum::Multi(multi), MultiSignature { signatures }.encode_to_vec())
            }
        };
        (ModeInfo { sum: Some(sum) }, bytes)
    }
}

/// Splits a `MultiSignature` (field 1, repeated bytes) into its parts without copying.
///
/// # Security
/// Anything else in it is refused, not skipped: unknown fields are not covered by any signature, so anybody could
/// change the transaction's hash with them.
#[expect(clippy::disallowed_methods, reason = "a length beyond memory is malformed; no storage error can be hidden")]
fn split_multi_signature(bytes: &Bytes) -> Option<Vec<Bytes>> {
    let mut rest = bytes.as_ref();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        if read_varint(&mut rest)? != 0x0a {
            return None;
        }
        let len = usize::try_from(read_varint(&mut rest)?).ok()?;
        let (part, after) = rest.split_at_checked(len)?;
        parts.push(bytes.slice_ref(part));
        rest = after;
    }
    Some(parts)
}
