use std::fmt;
use std::str::FromStr;

use plume_crypto::PrivateKey;
use plume_primitives::Address;
use sha2::{Digest, Sha256};

use crate::LoadError;

/// What the accounts of a load sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScheme {
    /// As every Cosmos wallet.
    Secp256k1,
    /// Verified in batches; only where the chain allows such accounts.
    Ed25519,
}

impl KeyScheme {
    fn name(self) -> &'static str {
        match self {
            Self::Secp256k1 => "secp256k1",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for KeyScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyScheme {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        [Self::Secp256k1, Self::Ed25519]
            .into_iter()
            .find(|scheme| scheme.name() == text)
            .ok_or_else(|| LoadError::Setting(format!("keys {text:?}: there are secp256k1 and ed25519")))
    }
}

/// Keys that a seed determines: the same in every run and for every chain.
///
/// # Security
/// Anyone can compute them. They hold the coins of benchmarks only.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// Chooses the keys.
    pub seed: u64,
    /// What they sign with.
    pub scheme: KeyScheme,
}

impl Keys {
    /// The key of an account.
    pub fn key(&self, account: u64) -> PrivateKey {
        let secret = self.hash("key", account);
        match self.scheme {
            KeyScheme::Secp256k1 => PrivateKey::secp256k1(&secret),
            KeyScheme::Ed25519 => PrivateKey::ed25519(&secret),
        }
        .expect("a SHA-256 hash is a secret key but for odds of 2^-128")
    }

    /// The address of an account that never signs: no key belongs to it. A million of these take a second, a million
    /// keys half a minute.
    pub fn silent_address(&self, account: u64) -> Address {
        let hash = self.hash("silent", account);
        Address::new(&hash[..20]).expect("20 bytes are an address")
    }

    fn hash(&self, what: &str, account: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"plume load ");
        hash.update(what.as_bytes());
        hash.update(self.seed.to_be_bytes());
        hash.update(account.to_be_bytes());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_depend_on_seed_account_and_scheme_alone() {
        let keys = Keys { seed: 7, scheme: KeyScheme::Secp256k1 };
        let address = |keys: Keys, account| keys.key(account).public_key().address();
        assert_eq!(address(keys, 1), address(keys, 1));
        assert_ne!(address(keys, 1), address(keys, 2));
        assert_ne!(address(keys, 1), address(Keys { seed: 8, ..keys }, 1));
        assert_ne!(address(keys, 1), address(Keys { scheme: KeyScheme::Ed25519, ..keys }, 1));
        assert_ne!(keys.silent_address(1), keys.silent_address(2));
        assert_eq!("ed25519".parse::<KeyScheme>().expect("known"), KeyScheme::Ed25519);
        assert!("rsa".parse::<KeyScheme>().is_err());
    }
}
