use std::fmt;
use std::str::FromStr;

use bip32::{DerivationPath, XPrv};
use plume_crypto::PrivateKey;
use rand::RngCore;
use rand::rngs::OsRng;
use thiserror::Error;
use zeroize::Zeroizing;

/// Length of a new mnemonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WordCount {
    /// 128 bits of entropy.
    Twelve,
    /// 256 bits of entropy.
    #[default]
    TwentyFour,
}

/// The words (BIP-39, English) that keys are derived from.
pub struct Mnemonic(bip39::Mnemonic);

/// Why words are not a mnemonic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MnemonicError {
    /// Another number of words than BIP-39 has.
    #[error("a mnemonic has 12, 15, 18, 21 or 24 words, not {0}")]
    WordCount(usize),
    /// A word that is not in the list. The word itself is kept out of the message, which may end up in a log.
    #[error("word {0} of the mnemonic is not in the BIP-39 word list: check its spelling")]
    UnknownWord(usize),
    /// All words exist but the last one does not fit the others.
    #[error("the mnemonic's checksum does not fit: a word is wrong or two are swapped")]
    Checksum,
    /// No key lies at the path (one case in 2^127).
    #[error("no key at this path: try the next index")]
    NoKey,
}

/// A BIP-44 derivation path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HdPath(DerivationPath);

/// Text that is not a derivation path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid HD path {0:?}: want for example m/44'/118'/0'/0/0")]
pub struct InvalidHdPath(pub String);

impl HdPath {
    /// `m/44'/118'/account'/0/index`.
    ///
    /// # Errors
    /// [`InvalidHdPath`] if a number is 2^31 or more.
    pub fn cosmos(account: u32, index: u32) -> Result<Self, InvalidHdPath> {
        format!("m/44'/118'/{account}'/0/{index}").parse()
    }
}

impl Default for HdPath {
    fn default() -> Self {
        Self::cosmos(0, 0).expect("0 is below 2^31")
    }
}

impl FromStr for HdPath {
    type Err = InvalidHdPath;

    fn from_str(text: &str) -> Result<Self, InvalidHdPath> {
        // The SDK writes it with and without the leading `m/`.
        let path = if text.starts_with('m') { text.to_owned() } else { format!("m/{text}") };
        path.parse().map(Self).map_err(|_| InvalidHdPath(text.to_owned()))
    }
}

impl fmt::Display for HdPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Mnemonic {
    /// New words from the operating system's randomness.
    pub fn generate(words: WordCount) -> Self {
        let mut entropy = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *entropy);
        let used = match words {
            WordCount::Twelve => &entropy[..16],
            WordCount::TwentyFour => &entropy[..],
        };
        Self(bip39::Mnemonic::from_entropy(used).expect("16 and 32 bytes are lengths of BIP-39"))
    }

    /// The 24 words of 32 bytes, which must be random.
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self(bip39::Mnemonic::from_entropy(entropy).expect("32 bytes are a length of BIP-39"))
    }

    /// Reads words separated by white space, in any case.
    ///
    /// # Errors
    /// [`MnemonicError::WordCount`], [`MnemonicError::UnknownWord`], [`MnemonicError::Checksum`].
    pub fn parse(words: &str) -> Result<Self, MnemonicError> {
        let words = Zeroizing::new(words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
        bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &words).map(Self).map_err(|error| match error {
            bip39::Error::BadWordCount(count) => MnemonicError::WordCount(count),
            bip39::Error::UnknownWord(index) => MnemonicError::UnknownWord(index + 1),
            _ => MnemonicError::Checksum,
        })
    }

    /// The words in order.
    pub fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }

    /// The secp256k1 key at `path`; `passphrase` is BIP-39's optional 25th word, usually empty.
    ///
    /// # Errors
    /// [`MnemonicError::NoKey`].
    pub fn derive(&self, passphrase: &str, path: &HdPath) -> Result<PrivateKey, MnemonicError> {
        let seed = Zeroizing::new(self.0.to_seed(passphrase));
        let key = XPrv::derive_from_path(seed.as_slice(), &path.0).map_err(|_| MnemonicError::NoKey)?;
        let secret = Zeroizing::new(<[u8; 32]>::from(key.private_key().to_bytes()));
        PrivateKey::secp256k1(secret.as_slice()).map_err(|_| MnemonicError::NoKey)
    }
}

impl fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mnemonic({} words)", self.0.word_count())
    }
}
