use plume_engine::ValidatorKey;
use plume_home::keys::KeyPair;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use crate::PeerId;

/// The ed25519 key by which a node proves who it is.
///
/// Its debug form, like that of [`KeyPair`], shows the public half only.
#[derive(Debug, Clone)]
pub struct NodeKey {
    pair: KeyPair,
    public: [u8; 32],
}

impl NodeKey {
    /// The key with this seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::from(&KeyPair::from_seed(seed))
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
        Self { public, ..Self::from_seed(seed) }
    }
}

impl From<&KeyPair> for NodeKey {
    fn from(pair: &KeyPair) -> Self {
        let ValidatorKey::Ed25519(public) = pair.public() else { unreachable!("key pairs are ed25519") };
        Self { pair: pair.clone(), public }
    }
}

/// For the TLS library.
impl SigningKey for NodeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ED25519).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for NodeKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.pair.sign(message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
