mod record;
mod storage;

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use plume_crypto::{PrivateKey, PublicKey, PublicKeyError};
use plume_primitives::{Address, Bech32Prefix};
use thiserror::Error;

pub use record::{KeyKind, KeyOutput, Record, public_key_from_json, public_key_json};
use record::{from_bytes, to_bytes};
use storage::Storage;

use crate::armor::{ArmorError, decrypt_private_key, encrypt_private_key};
use crate::prompt::Prompt;

/// How a keyring keeps its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Plain files, for development.
    Test,
    /// Files encrypted with a password.
    File,
}

/// Named keys in a directory.
///
/// A name is 1 to 64 characters of `A-Za-z0-9_.@-` and does not begin with a point, since it names a file too.
pub struct Keyring {
    storage: Storage,
    prefix: Bech32Prefix,
}

/// Why a keyring refuses; each text says what to do.
#[derive(Debug, Error)]
pub enum KeyringError {
    /// The directory or a file cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No password could be read.
    #[error("cannot read the keyring's password: {0}")]
    Prompt(io::Error),
    /// A name that cannot be a file's.
    #[error("invalid key name {0:?}: use 1 to 64 characters of A-Z, a-z, 0-9, _ . @ -, the first not a point")]
    InvalidName(String),
    /// No key of that name or address.
    #[error("{0:?} is not a key's name or address: `keys list` shows what there is")]
    NotFound(String),
    /// The name is taken.
    #[error("key {0:?} exists already: choose another name, or delete it first")]
    Exists(String),
    /// The same key is there under another name.
    #[error("this key is already in the keyring under the name {0:?}")]
    Duplicate(String),
    /// The password does not open the keyring.
    #[error("wrong password for the keyring in {path}", path = .0.display())]
    WrongPassword(PathBuf),
    /// A file that this keyring did not write, or that was changed.
    #[error("{path}: {reason}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Only the public half is here.
    #[error("key {name:?} is of type {kind}: its secret is not in this keyring")]
    NoSecret {
        /// The key's name.
        name: String,
        /// What it is.
        kind: KeyKind,
    },
    /// An impossible threshold key.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// A problem with exported text.
    #[error(transparent)]
    Armor(#[from] ArmorError),
    /// Hexadecimal text that is no secret key.
    #[error("not a private key: want 64 hexadecimal digits")]
    InvalidHex,
    /// A backend that does not exist.
    #[error("unknown keyring backend {0:?}: use test or file")]
    UnknownBackend(String),
}

impl FromStr for Backend {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        match text {
            "test" => Ok(Self::Test),
            "file" => Ok(Self::File),
            other => Err(KeyringError::UnknownBackend(other.to_owned())),
        }
    }
}

impl Keyring {
    /// Opens the keyring in `<home>/keyring-test` or `<home>/keyring-file`, which is created with the first key.
    /// `prompt` is asked for the password when it is first needed (backend `file` only).
    pub fn open(home: &Path, backend: Backend, prefix: Bech32Prefix, prompt: Box<dyn Prompt>) -> Self {
        Self { storage: Storage::new(home, backend, prompt), prefix }
    }

    /// The prefix that addresses are shown with.
    pub fn prefix(&self) -> &Bech32Prefix {
        &self.prefix
    }

    /// All keys, by name.
    ///
    /// # Errors
    /// [`KeyringError::Io`], [`KeyringError::Corrupt`], [`KeyringError::WrongPassword`], [`KeyringError::Prompt`].
    pub fn list(&self) -> Result<Vec<Record>, KeyringError> {
        self.storage.names()?.iter().map(|name| Ok(self.load(name)?.0)).collect()
    }

    /// The key with this name or account address.
    ///
    /// # Errors
    /// [`KeyringError::NotFound`] and those of [`Keyring::list`].
    pub fn get(&self, name_or_address: &str) -> Result<Record, KeyringError> {
        self.resolve(name_or_address).map(|(record, _)| record)
    }

    /// The secret half of the key with this name or address.
    ///
    /// # Errors
    /// [`KeyringError::NoSecret`] for threshold and offline keys; those of [`Keyring::get`].
    pub fn private_key(&self, name_or_address: &str) -> Result<PrivateKey, KeyringError> {
        match self.resolve(name_or_address)? {
            (_, Some(secret)) => Ok(secret),
            (record, None) => Err(KeyringError::NoSecret { name: record.name, kind: record.kind }),
        }
    }

    /// Stores a secret key.
    ///
    /// # Errors
    /// [`KeyringError::InvalidName`], [`KeyringError::Exists`], [`KeyringError::Duplicate`] and those of writing.
    pub fn add_local(&self, name: &str, key: &PrivateKey) -> Result<Record, KeyringError> {
        self.add(name, KeyKind::Local, key.public_key(), Some(key))
    }

    /// Stores a public key whose secret is elsewhere.
    ///
    /// # Errors
    /// As [`Keyring::add_local`].
    pub fn add_offline(&self, name: &str, key: PublicKey) -> Result<Record, KeyringError> {
        self.add(name, KeyKind::Offline, key, None)
    }

    /// Stores the `threshold`-of-n key over the named keys, sorted by address unless `keep_order`.
    ///
    /// # Errors
    /// [`KeyringError::PublicKey`] for an impossible threshold, [`KeyringError::NotFound`], and as
    /// [`Keyring::add_local`].
    pub fn add_multisig(
        &self,
        name: &str,
        threshold: u32,
        members: &[&str],
        keep_order: bool,
    ) -> Result<Record, KeyringError> {
        let mut keys =
            members.iter().map(|member| Ok(self.get(member)?.public_key)).collect::<Result<Vec<_>, KeyringError>>()?;
        if !keep_order {
            keys.sort_by_cached_key(PublicKey::address);
        }
        self.add(name, KeyKind::Multi, PublicKey::multisig(threshold, keys)?, None)
    }

    fn add(
        &self,
        name: &str,
        kind: KeyKind,
        public_key: PublicKey,
        secret: Option<&PrivateKey>,
    ) -> Result<Record, KeyringError> {
        require_valid_name(name)?;
        let others = self.list()?;
        if others.iter().any(|other| other.name == name) {
            return Err(KeyringError::Exists(name.to_owned()));
        }
        if let Some(same) = others.into_iter().find(|other| other.public_key == public_key) {
            return Err(KeyringError::Duplicate(same.name));
        }
        let record = Record { name: name.to_owned(), kind, public_key };
        self.storage.write(name, &to_bytes(&record, secret))?;
        Ok(record)
    }

    /// Removes the key with this name. The secret is gone unless it was exported or its mnemonic is known.
    ///
    /// # Errors
    /// [`KeyringError::NotFound`], [`KeyringError::Io`].
    pub fn delete(&self, name: &str) -> Result<(), KeyringError> {
        // Opening it first asks for the password, so that nobody else deletes it by mistake.
        self.load(name)?;
        self.storage.remove(name)
    }

    /// Gives the key another name.
    ///
    /// # Errors
    /// [`KeyringError::NotFound`], [`KeyringError::Exists`], [`KeyringError::InvalidName`].
    pub fn rename(&self, from: &str, to: &str) -> Result<Record, KeyringError> {
        require_valid_name(to)?;
        if self.storage.names()?.iter().any(|name| name == to) {
            return Err(KeyringError::Exists(to.to_owned()));
        }
        let (record, secret) = self.load(from)?;
        let record = Record { name: to.to_owned(), ..record };
        // Written before the old one is removed: a crash between leaves two, never none.
        self.storage.write(to, &to_bytes(&record, secret.as_ref()))?;
        self.storage.remove(from)?;
        Ok(record)
    }

    /// The secret key as ASCII armor, encrypted with `passphrase`, readable by every SDK 0.50 wallet.
    ///
    /// # Errors
    /// [`KeyringError::NoSecret`], [`KeyringError::NotFound`].
    pub fn export_armored(&self, name: &str, passphrase: &str) -> Result<String, KeyringError> {
        Ok(encrypt_private_key(&self.private_key(name)?, passphrase)?)
    }

    /// Stores a key that [`Keyring::export_armored`] or an SDK 0.50 wallet has exported.
    ///
    /// # Errors
    /// [`KeyringError::Armor`], and as [`Keyring::add_local`].
    pub fn import_armored(&self, name: &str, armored: &str, passphrase: &str) -> Result<Record, KeyringError> {
        self.add_local(name, &decrypt_private_key(armored, passphrase)?)
    }

    /// Stores a secret key given in hexadecimal.
    ///
    /// # Errors
    /// [`KeyringError::InvalidHex`], and as [`Keyring::add_local`].
    pub fn import_hex(&self, name: &str, secret: &str) -> Result<Record, KeyringError> {
        let bytes = zeroize::Zeroizing::new(hex::decode(secret.trim()).map_err(|_| KeyringError::InvalidHex)?);
        let key = PrivateKey::secp256k1(&bytes).map_err(|_| KeyringError::InvalidHex)?;
        self.add_local(name, &key)
    }

    fn resolve(&self, name_or_address: &str) -> Result<(Record, Option<PrivateKey>), KeyringError> {
        let names = self.storage.names()?;
        if names.iter().any(|name| name == name_or_address) {
            return self.load(name_or_address);
        }
        let wanted: Address = self
            .prefix
            .parse_account(name_or_address)
            .map_err(|_| KeyringError::NotFound(name_or_address.to_owned()))?;
        for name in names {
            let found = self.load(&name)?;
            if found.0.address() == wanted {
                return Ok(found);
            }
        }
        Err(KeyringError::NotFound(name_or_address.to_owned()))
    }

    fn load(&self, name: &str) -> Result<(Record, Option<PrivateKey>), KeyringError> {
        // Also keeps names with slashes away from the file system.
        require_valid_name(name).map_err(|_| KeyringError::NotFound(name.to_owned()))?;
        let bytes = self.storage.read(name)?.ok_or_else(|| KeyringError::NotFound(name.to_owned()))?;
        let corrupt = |reason: String| KeyringError::Corrupt { path: self.storage.path(name), reason };
        let (record, secret) = from_bytes(&bytes).map_err(corrupt)?;
        if record.name != name {
            return Err(corrupt(format!("holds the key {:?}", record.name)));
        }
        Ok((record, secret))
    }
}

fn require_valid_name(name: &str) -> Result<(), KeyringError> {
    let valid = (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte));
    if valid { Ok(()) } else { Err(KeyringError::InvalidName(name.to_owned())) }
}
