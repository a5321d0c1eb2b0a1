use core::fmt;

use base64::Engine as _;
use ed25519_consensus::SigningKey;
use plume_home::keys::KeyPair;

use crate::PeerId;

/// The ed25519 key by which a node proves who it is.
#[derive(Clone)]
pub struct NodeKey {
    seed: [u8; 32],
    public: [u8; 32],
}

impl NodeKey {
    /// The key with this seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, public: SigningKey::from(seed).verification_key().to_bytes() }
    }

    /// Public half.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Identity.
    pub fn id(&self) -> PeerId {
        PeerId::of_key(&self.public)
    }

    /// A key that claims to be `public` without knowing its seed.
    #[cfg(test)]
    pub(crate) fn forged(seed: [u8; 32], public: [u8; 32]) -> Self {
        Self { seed, public }
    }

    /// PKCS#8 (RFC 8410): fixed prefix, then the seed.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        const PREFIX: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 4, 32];
        [&PREFIX[..], &self.seed].concat()
    }
}

impl From<&KeyPair> for NodeKey {
    fn from(pair: &KeyPair) -> Self {
        // The key file is the one form in which a pair gives its seed away.
        let file: serde_json::Value = serde_json::from_str(&pair.to_node_json()).expect("written as JSON");
        let text = file["priv_key"]["value"].as_str().expect("a key file has a private key");
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("written as base64");
        Self::from_seed(*bytes.first_chunk().expect("seed and public key"))
    }
}

impl fmt::Debug for NodeKey {
    /// # Security
    /// Without the seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeKey").field(&self.id()).finish()
    }
}
