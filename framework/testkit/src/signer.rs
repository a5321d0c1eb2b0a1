use plume_crypto::{PrivateKey, PublicKey};
use plume_primitives::{Address, Bech32Prefix};
use sha2::{Digest, Sha256};

/// A secp256k1 key that a name determines.
#[derive(Clone)]
pub struct Signer(PrivateKey);

impl Signer {
    /// The key of `name`, the same in every run.
    pub fn named(name: &str) -> Self {
        let seed = Sha256::digest(format!("plume test key {name}"));
        Self(PrivateKey::secp256k1(&seed).expect("a SHA-256 hash is a scalar but for odds of 2^-128"))
    }

    /// Public key.
    pub fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    /// Address.
    pub fn address(&self) -> Address {
        self.public_key().address()
    }

    /// Address as text.
    pub fn bech32(&self, prefix: &Bech32Prefix) -> String {
        prefix.account(&self.address())
    }

    /// Signature over SHA-256 of `sign_bytes`: r and s, low s, 64 bytes.
    pub fn sign(&self, sign_bytes: &[u8]) -> Vec<u8> {
        self.0.sign(sign_bytes).to_vec()
    }
}

impl From<PrivateKey> for Signer {
    fn from(key: PrivateKey) -> Self {
        Self(key)
    }
}
