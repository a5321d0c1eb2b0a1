use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use thiserror::Error;

use crate::bech32::{self, Bech32Error};

/// An account, module, validator or contract: 1 to 255 bytes whose text form depends on the chain's prefix.
///
/// Accounts with a secp256k1 or multisig key have 20 bytes, derived ones 32.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(SmallVec<[u8; 32]>);

/// Why bytes or a string are not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// A string of nothing or of white space.
    #[error("empty address string is not allowed")]
    EmptyText,
    /// Not Bech32 at all.
    #[error(transparent)]
    Bech32(#[from] Bech32Error),
    /// Bech32 of another chain or of another kind of address.
    #[error("hrp does not match bech32 prefix: expected '{expected}' got '{got}': internal logic error")]
    Prefix {
        /// The prefix of this chain and kind.
        expected: String,
        /// The prefix found.
        got: String,
    },
    /// No bytes.
    #[error("addresses cannot be empty: unknown address")]
    Empty,
    /// More than 255 bytes: the length must fit one byte, as keys store it so.
    #[error("address max length is 255, got {0}: unknown address")]
    TooLong(usize),
    /// A prefix that cannot stand before an address.
    #[error("invalid bech32 prefix {0:?}: want 1 to 64 characters of a-z and 0-9, the first a letter")]
    InvalidPrefix(String),
}

impl Address {
    /// Longest address, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Takes 1 to 255 bytes as an address.
    ///
    /// # Errors
    /// [`AddressError::Empty`] and [`AddressError::TooLong`].
    pub fn new(bytes: &[u8]) -> Result<Self, AddressError> {
        match bytes.len() {
            0 => Err(AddressError::Empty),
            1..=Self::MAX_LEN => Ok(Self(SmallVec::from_slice(bytes))),
            len => Err(AddressError::TooLong(len)),
        }
    }

    /// The bytes, as they appear in keys and hashes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes as the one-byte length that stored keys put before an address.
    pub fn len_byte(&self) -> u8 {
        u8::try_from(self.0.len()).expect("construction allows 255 bytes at most")
    }
}

impl From<[u8; 20]> for Address {
    fn from(bytes: [u8; 20]) -> Self {
        Self(SmallVec::from_slice(&bytes))
    }
}

impl From<[u8; 32]> for Address {
    fn from(bytes: [u8; 32]) -> Self {
        Self(SmallVec::from_slice(&bytes))
    }
}

impl TryFrom<&[u8]> for Address {
    type Error = AddressError;

    fn try_from(bytes: &[u8]) -> Result<Self, AddressError> {
        Self::new(bytes)
    }
}

impl AsRef<[u8]> for Address {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// Address of the module account `name`: the first 20 bytes of SHA-256(name).
pub fn module_address(name: &str) -> Address {
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    first_20(&digest)
}

/// ADR-028 hash: SHA-256(SHA-256(type) || key), 32 bytes. For new kinds of account that define their own address.
pub fn hashed_address(kind: &[u8], key: &[u8]) -> Address {
    let kind: [u8; 32] = Sha256::digest(kind).into();
    let digest: [u8; 32] = Sha256::new().chain_update(kind).chain_update(key).finalize().into();
    Address::from(digest)
}

/// ADR-028 sub-account of `parent` under `key`.
pub fn derived_address(parent: &Address, key: &[u8]) -> Address {
    hashed_address(parent.as_bytes(), key)
}

/// ADR-028 account of a module: the plain module address without keys, else derived once per key in turn.
pub fn module_derived_address(name: &str, keys: &[&[u8]]) -> Address {
    let Some((first, rest)) = keys.split_first() else {
        return module_address(name);
    };
    // The zero byte keeps ("ab", "c") apart from ("a", "bc").
    let key = [name.as_bytes(), &[0], first].concat();
    rest.iter().fold(hashed_address(b"module", &key), |address, key| derived_address(&address, key))
}

fn first_20(digest: &[u8; 32]) -> Address {
    Address(SmallVec::from_slice(&digest[..20]))
}

/// The chain's Bech32 prefix; turns addresses into text and back.
///
/// One value is made from genesis and shared; a clone is one counter increment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bech32Prefix {
    account: Arc<str>,
    validator: Arc<str>,
    consensus: Arc<str>,
}

impl Bech32Prefix {
    /// Takes `base` (for example `plume`) as prefix of accounts, `basevaloper` and `basevalcons` for validators.
    ///
    /// # Errors
    /// [`AddressError::InvalidPrefix`] unless `base` is 1 to 64 characters of `a-z0-9` and begins with a letter.
    pub fn new(base: &str) -> Result<Self, AddressError> {
        let valid = (1..=64).contains(&base.len())
            && base.starts_with(|first: char| first.is_ascii_lowercase())
            && base.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !valid {
            return Err(AddressError::InvalidPrefix(base.to_owned()));
        }
        Ok(Self {
            account: base.into(),
            validator: format!("{base}valoper").into(),
            consensus: format!("{base}valcons").into(),
        })
    }

    /// The prefix of accounts, as genesis states it.
    pub fn as_str(&self) -> &str {
        &self.account
    }

    /// Text form of an account address: `plume1..`.
    pub fn account(&self, address: &Address) -> String {
        bech32::encode(&self.account, address.as_bytes())
    }

    /// Reads an account address.
    ///
    /// # Errors
    /// [`AddressError`], with the SDK's texts.
    pub fn parse_account(&self, text: &str) -> Result<Address, AddressError> {
        parse(&self.account, text)
    }

    /// Text form of a validator operator's address: `plumevaloper1..`.
    pub fn validator_operator(&self, address: &Address) -> String {
        bech32::encode(&self.validator, address.as_bytes())
    }

    /// Reads a validator operator's address.
    ///
    /// # Errors
    /// [`AddressError`], with the SDK's texts.
    pub fn parse_validator_operator(&self, text: &str) -> Result<Address, AddressError> {
        parse(&self.validator, text)
    }

    /// Text form of a consensus key's address: `plumevalcons1..`.
    pub fn consensus(&self, address: &Address) -> String {
        bech32::encode(&self.consensus, address.as_bytes())
    }

    /// Reads a consensus key's address.
    ///
    /// # Errors
    /// [`AddressError`], with the SDK's texts.
    pub fn parse_consensus(&self, text: &str) -> Result<Address, AddressError> {
        parse(&self.consensus, text)
    }
}

fn parse(expected: &str, text: &str) -> Result<Address, AddressError> {
    if text.trim().is_empty() {
        return Err(AddressError::EmptyText);
    }
    let (got, bytes) = bech32::parts(text)?;
    if got != expected {
        return Err(AddressError::Prefix { expected: expected.to_owned(), got: got.into_owned() });
    }
    Address::new(&bytes)
}
