use plume_engine::ValidatorKey;
use tendermint_proto::v0_38::crypto::{PublicKey, public_key};

/// A message that is not a validator's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Neither kind of key.
    #[error("validator key is missing or of an unknown kind")]
    Missing,
    /// A key of another length than its kind has.
    #[error("validator key of {kind} has {got} bytes, needs {expected}")]
    Length {
        /// Kind of key.
        kind: &'static str,
        /// Its length in bytes.
        expected: usize,
        /// The length found.
        got: usize,
    },
}

/// Name of the key's kind in `consensus_params.validator.pub_key_types`: `ed25519` or `secp256k1`.
pub fn key_type(key: &ValidatorKey) -> &'static str {
    match key {
        ValidatorKey::Ed25519(_) => "ed25519",
        ValidatorKey::Secp256k1(_) => "secp256k1",
    }
}

/// The key as `tendermint.crypto.PublicKey`.
pub fn key_to_raw(key: &ValidatorKey) -> PublicKey {
    let sum = match key {
        ValidatorKey::Ed25519(bytes) => public_key::Sum::Ed25519(bytes.to_vec()),
        ValidatorKey::Secp256k1(bytes) => public_key::Sum::Secp256k1(bytes.to_vec()),
    };
    PublicKey { sum: Some(sum) }
}

/// Reads `tendermint.crypto.PublicKey`. The key need not be a point of its curve: one that is not signs nothing.
///
/// # Errors
/// [`InvalidKey`].
pub fn key_from_raw(key: Option<&PublicKey>) -> Result<ValidatorKey, InvalidKey> {
    fn fixed<const N: usize>(kind: &'static str, bytes: &[u8]) -> Result<[u8; N], InvalidKey> {
        bytes.try_into().map_err(|_| InvalidKey::Length { kind, expected: N, got: bytes.len() })
    }
    match key.and_then(|key| key.sum.as_ref()).ok_or(InvalidKey::Missing)? {
        public_key::Sum::Ed25519(bytes) => fixed("ed25519", bytes).map(ValidatorKey::Ed25519),
        public_key::Sum::Secp256k1(bytes) => fixed("secp256k1", bytes).map(ValidatorKey::Secp256k1),
    }
}

/// The same key for verifying.
pub(crate) fn verifying(key: &ValidatorKey) -> plume_crypto::PublicKey {
    match key {
        ValidatorKey::Ed25519(bytes) => plume_crypto::PublicKey::Ed25519(*bytes),
        ValidatorKey::Secp256k1(bytes) => plume_crypto::PublicKey::Secp256k1(*bytes),
    }
}
