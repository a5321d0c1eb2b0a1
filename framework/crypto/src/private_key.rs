use std::fmt;

use ed25519_consensus::SigningKey;
use secp256k1::{Message, SECP256K1, SecretKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::public_key::PublicKey;

/// A secret key; wiped from memory when dropped, never printed. For wallets, tests and tools: a node holds none of
/// its users' keys.
#[derive(Clone)]
pub enum PrivateKey {
    /// 32 bytes, between 1 and the curve's order.
    Secp256k1(Zeroizing<[u8; 32]>),
    /// A 32-byte seed.
    Ed25519(Zeroizing<[u8; 32]>),
}

/// Bytes that are not a secret key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("invalid private key: want 32 bytes, not zero and below the curve's order")]
pub struct InvalidPrivateKey;

impl PrivateKey {
    /// Takes a secp256k1 secret.
    ///
    /// # Errors
    /// [`InvalidPrivateKey`].
    pub fn secp256k1(secret: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let bytes: [u8; 32] = secret.try_into().map_err(|_| InvalidPrivateKey)?;
        let mut key = SecretKey::from_byte_array(bytes).map_err(|_| InvalidPrivateKey)?;
        key.non_secure_erase();
        Ok(Self::Secp256k1(Zeroizing::new(bytes)))
    }

    /// Takes an Ed25519 seed.
    ///
    /// # Errors
    /// [`InvalidPrivateKey`] unless it has 32 bytes.
    pub fn ed25519(seed: &[u8]) -> Result<Self, InvalidPrivateKey> {
        Ok(Self::Ed25519(Zeroizing::new(seed.try_into().map_err(|_| InvalidPrivateKey)?)))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Secp256k1(bytes) => {
                let mut key = Self::secret(bytes);
                let public = key.public_key(SECP256K1).serialize();
                key.non_secure_erase();
                PublicKey::Secp256k1(public)
            }
            Self::Ed25519(seed) => {
                let mut key = SigningKey::from(**seed);
                let public = key.verification_key().to_bytes();
                key.zeroize();
                PublicKey::Ed25519(public)
            }
        }
    }

    /// Signs `message`: 64 bytes. Deterministic (RFC 6979 with low S; RFC 8032).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Secp256k1(bytes) => {
                let mut key = Self::secret(bytes);
                let digest = Message::from_digest(Sha256::digest(message).into());
                let signature = SECP256K1.sign_ecdsa(digest, &key).serialize_compact();
                key.non_secure_erase();
                signature
            }
            Self::Ed25519(seed) => {
                let mut key = SigningKey::from(**seed);
                let signature = key.sign(message).to_bytes();
                key.zeroize();
                signature
            }
        }
    }

    /// The secret bytes.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        match self {
            Self::Secp256k1(bytes) | Self::Ed25519(bytes) => bytes,
        }
    }

    fn secret(bytes: &[u8; 32]) -> SecretKey {
        SecretKey::from_byte_array(*bytes).expect("construction took these very bytes for a key")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public_key())
    }
}
