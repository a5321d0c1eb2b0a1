use plume_crypto::PublicKey;
use plume_primitives::{Address, Bech32Prefix};
use secp256k1::{Message, Secp256k1, SecretKey, SignOnly};
use sha2::{Digest, Sha256};

/// A secp256k1 key that a name determines.
#[derive(Clone)]
pub struct Signer {
    secret: SecretKey,
    public: [u8; 33],
    context: Secp256k1<SignOnly>,
}

impl Signer {
    /// The key of `name`, the same in every run.
    pub fn named(name: &str) -> Self {
        let seed = Sha256::digest(format!("plume test key {name}"));
        let secret =
            SecretKey::from_byte_array(seed.into()).expect("a SHA-256 hash is a scalar but for odds of 2^-128");
        Self::from_secret(secret)
    }

    /// The key with this scalar.
    pub fn from_secret(secret: SecretKey) -> Self {
        let public = secp256k1::PublicKey::from_secret_key_global(&secret).serialize();
        Self { secret, public, context: Secp256k1::signing_only() }
    }

    /// Public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::Secp256k1(self.public)
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
        let digest = Message::from_digest(Sha256::digest(sign_bytes).into());
        self.context.sign_ecdsa(digest, &self.secret).serialize_compact().to_vec()
    }
}
