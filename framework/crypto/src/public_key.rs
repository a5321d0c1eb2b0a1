use std::fmt;

use plume_primitives::Address;
use plume_proto::cosmos::crypto::{ed25519, multisig, secp256k1};
use plume_proto::{Any, Message};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::amino;
use crate::ed25519::Ed25519;
use crate::scheme::SignatureScheme;
use crate::secp256k1::Secp256k1;

/// Type URLs of the public keys that accounts may have.
pub mod type_urls {
    /// [`PublicKey::Secp256k1`](super::PublicKey::Secp256k1).
    pub const SECP256K1: &str = "/cosmos.crypto.secp256k1.PubKey";
    /// [`PublicKey::Ed25519`](super::PublicKey::Ed25519).
    pub const ED25519: &str = "/cosmos.crypto.ed25519.PubKey";
    /// [`PublicKey::Multisig`](super::PublicKey::Multisig).
    pub const MULTISIG: &str = "/cosmos.crypto.multisig.LegacyAminoPubKey";
}

/// How deep threshold keys may contain threshold keys; the SDK's bound on nested `Any`.
const MAX_DEPTH: usize = 10;
/// How many keys a threshold key may contain in all; the SDK's bound on `Any` values in one message.
const MAX_KEYS: usize = 100;

/// The key of an account: a single key or a threshold key over several.
///
/// Single keys are not checked to be points of their curve: such a check costs as much as a tenth of a verification,
/// and a key that is no point only makes every signature invalid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// Compressed secp256k1 point.
    Secp256k1([u8; 33]),
    /// Ed25519 point.
    Ed25519([u8; 32]),
    /// `k` of `n` keys (`LegacyAminoPubKey`).
    Multisig(Multisig),
}

/// A threshold key: valid with signatures of `threshold` of its keys, `1 <= threshold <= keys.len()`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Multisig {
    threshold: u32,
    keys: Vec<PublicKey>,
}

/// Why bytes are not a public key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublicKeyError {
    /// A type URL that is none of [`type_urls`].
    #[error("unable to resolve type URL {0}")]
    UnknownType(String),
    /// The value is not the protobuf message that its type URL names.
    #[error("malformed public key of type {type_url}")]
    Malformed {
        /// The type URL.
        type_url: String,
    },
    /// A key of another length than its kind has.
    #[error("invalid {scheme} public key length: expected {expected}, got {got}")]
    Length {
        /// Kind of key.
        scheme: &'static str,
        /// Its length in bytes.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// A threshold of zero or above the number of keys.
    #[error("invalid multisig threshold: {threshold} of {keys} keys")]
    Threshold {
        /// The threshold.
        threshold: u32,
        /// Number of keys.
        keys: usize,
    },
    /// Threshold keys nested more than 10 deep, or more than 100 keys in all.
    #[error("multisig public key is nested too deep or has too many keys")]
    TooComplex,
}

impl Multisig {
    /// Number of signatures needed.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The keys, in the order that signatures follow. A key may occur more than once.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }
}

impl PublicKey {
    /// A threshold key over `keys` in the given order.
    ///
    /// # Errors
    /// [`PublicKeyError::Threshold`], [`PublicKeyError::TooComplex`].
    pub fn multisig(threshold: u32, keys: Vec<Self>) -> Result<Self, PublicKeyError> {
        let wanted = usize::try_from(threshold).unwrap_or(usize::MAX);
        if wanted == 0 || wanted > keys.len() {
            return Err(PublicKeyError::Threshold { threshold, keys: keys.len() });
        }
        let key = Self::Multisig(Multisig { threshold, keys });
        if key.depth() > MAX_DEPTH || key.count() > MAX_KEYS {
            return Err(PublicKeyError::TooComplex);
        }
        Ok(key)
    }

    /// Reads the `Any` of an account or of a transaction's signer.
    ///
    /// # Errors
    /// [`PublicKeyError`].
    pub fn from_any(any: &Any) -> Result<Self, PublicKeyError> {
        Self::from_any_at(any, MAX_DEPTH, &mut 0)
    }

    /// `depth` is how many levels may still follow, `seen` how many keys were read.
    fn from_any_at(any: &Any, depth: usize, seen: &mut usize) -> Result<Self, PublicKeyError> {
        // # Security
        // Counted before descending, so that a bomb of nested values is refused early.
        *seen = seen.saturating_add(1);
        let depth = depth.checked_sub(1).filter(|_| *seen <= MAX_KEYS).ok_or(PublicKeyError::TooComplex)?;
        let malformed = |_| PublicKeyError::Malformed { type_url: any.type_url.clone() };
        match any.type_url.as_str() {
            type_urls::SECP256K1 => {
                let key = secp256k1::PubKey::decode(any.value.as_slice()).map_err(malformed)?.key;
                Ok(Self::Secp256k1(fixed("secp256k1", &key)?))
            }
            type_urls::ED25519 => {
                let key = ed25519::PubKey::decode(any.value.as_slice()).map_err(malformed)?.key;
                Ok(Self::Ed25519(fixed("ed25519", &key)?))
            }
            type_urls::MULTISIG => {
                let key = multisig::LegacyAminoPubKey::decode(any.value.as_slice()).map_err(malformed)?;
                let keys = key.public_keys.iter().map(|inner| Self::from_any_at(inner, depth, seen)).collect::<Result<
                    Vec<_>,
                    _,
                >>(
                )?;
                Self::multisig(key.threshold, keys)
            }
            _ => Err(PublicKeyError::UnknownType(any.type_url.clone())),
        }
    }

    /// The `Any` that stands in accounts and transactions.
    pub fn to_any(&self) -> Any {
        let (type_url, value) = match self {
            Self::Secp256k1(key) => (type_urls::SECP256K1, secp256k1::PubKey { key: key.to_vec() }.encode_to_vec()),
            Self::Ed25519(key) => (type_urls::ED25519, ed25519::PubKey { key: key.to_vec() }.encode_to_vec()),
            Self::Multisig(key) => {
                let public_keys = key.keys.iter().map(Self::to_any).collect();
                let message = multisig::LegacyAminoPubKey { threshold: key.threshold, public_keys };
                (type_urls::MULTISIG, message.encode_to_vec())
            }
        };
        Any { type_url: type_url.to_owned(), value }
    }

    /// The account address, 20 bytes: RIPEMD-160(SHA-256(key)) for secp256k1, else SHA-256(..)[..20] of the key
    /// (Ed25519) or of its amino bytes (multisig).
    pub fn address(&self) -> Address {
        match self {
            Self::Secp256k1(key) => {
                let digest: [u8; 20] = Ripemd160::digest(Sha256::digest(key)).into();
                Address::from(digest)
            }
            Self::Ed25519(key) => first_20(&Sha256::digest(key).into()),
            Self::Multisig(_) => first_20(&Sha256::digest(self.to_amino()).into()),
        }
    }

    /// The binary amino form: registered prefix, then the key.
    pub fn to_amino(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40);
        amino::encode(self, &mut out);
        out
    }

    /// Reads the binary amino form.
    ///
    /// # Errors
    /// [`PublicKeyError::Malformed`].
    pub fn from_amino(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        amino::decode(bytes, MAX_DEPTH).ok_or_else(|| PublicKeyError::Malformed { type_url: "amino".to_owned() })
    }

    /// Type URL of [`PublicKey::to_any`].
    pub fn type_url(&self) -> &'static str {
        match self {
            Self::Secp256k1(_) => type_urls::SECP256K1,
            Self::Ed25519(_) => type_urls::ED25519,
            Self::Multisig(_) => type_urls::MULTISIG,
        }
    }

    /// Name of the kind of key in amino JSON.
    pub fn amino_name(&self) -> &'static str {
        match self {
            Self::Secp256k1(_) => "tendermint/PubKeySecp256k1",
            Self::Ed25519(_) => "tendermint/PubKeyEd25519",
            Self::Multisig(_) => "tendermint/PubKeyMultisigThreshold",
        }
    }

    /// The type's name in Go, which some of the SDK's error texts contain.
    pub(crate) fn go_type(&self) -> &'static str {
        match self {
            Self::Secp256k1(_) => "*secp256k1.PubKey",
            Self::Ed25519(_) => "*ed25519.PubKey",
            Self::Multisig(_) => "*multisig.LegacyAminoPubKey",
        }
    }

    /// How a single key signs; `None` for a threshold key.
    pub fn scheme(&self) -> Option<&'static dyn SignatureScheme> {
        match self {
            Self::Secp256k1(_) => Some(&Secp256k1),
            Self::Ed25519(_) => Some(&Ed25519),
            Self::Multisig(_) => None,
        }
    }

    /// The bytes of a single key; empty for a threshold key.
    pub fn single_bytes(&self) -> &[u8] {
        match self {
            Self::Secp256k1(key) => key,
            Self::Ed25519(key) => key,
            Self::Multisig(_) => &[],
        }
    }

    /// Number of single keys in it, which the parameter `tx_sig_limit` bounds.
    pub fn count_single_keys(&self) -> usize {
        match self {
            Self::Multisig(key) => key.keys.iter().map(Self::count_single_keys).fold(0, usize::saturating_add),
            _ => 1,
        }
    }

    /// Levels of nesting, 1 for a single key.
    fn depth(&self) -> usize {
        match self {
            Self::Multisig(key) => key.keys.iter().map(Self::depth).max().unwrap_or(0).saturating_add(1),
            _ => 1,
        }
    }

    /// Number of keys of every kind, itself included.
    fn count(&self) -> usize {
        match self {
            Self::Multisig(key) => key.keys.iter().map(Self::count).fold(1, usize::saturating_add),
            _ => 1,
        }
    }
}

fn fixed<const N: usize>(scheme: &'static str, key: &[u8]) -> Result<[u8; N], PublicKeyError> {
    key.try_into().map_err(|_| PublicKeyError::Length { scheme, expected: N, got: key.len() })
}

fn first_20(digest: &[u8; 32]) -> Address {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&digest[..20]);
    Address::from(bytes)
}

/// As the SDK prints a key: `PubKeySecp256k1{02AB..}`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secp256k1(_) => f.write_str("PubKeySecp256k1{")?,
            Self::Ed25519(_) => f.write_str("PubKeyEd25519{")?,
            Self::Multisig(key) => {
                write!(f, "PubKeyMultisigThreshold{{{} of ", key.threshold)?;
                for (at, key) in key.keys.iter().enumerate() {
                    write!(f, "{}{key}", if at > 0 { ", " } else { "" })?;
                }
            }
        }
        for byte in self.single_bytes() {
            write!(f, "{byte:02X}")?;
        }
        f.write_str("}")
    }
}
