use std::cell::{OnceCell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Backend, KeyringError};
use crate::prompt::Prompt;

/// Files of one directory, one per key, plain or sealed.
pub(super) struct Storage {
    dir: PathBuf,
    backend: Backend,
    prompt: RefCell<Box<dyn Prompt>>,
    /// The key that seals, once the password was asked for.
    key: OnceCell<Zeroizing<[u8; 32]>>,
}

/// `keyring.json` of the backend `file`: how the password becomes the key that seals, and a sealed constant that tells
/// whether it is the right one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    check: String,
}

const VERSION: u32 = 1;
const HEADER: &str = "keyring.json";
const NONCE_LEN: usize = 24;
/// What the sealed constant says.
const CHECK: &[u8] = b"plume keyring";

impl Storage {
    pub(super) fn new(home: &Path, backend: Backend, prompt: Box<dyn Prompt>) -> Self {
        let dir = home.join(match backend {
            Backend::Test => "keyring-test",
            Backend::File => "keyring-file",
        });
        Self { dir, backend, prompt: RefCell::new(prompt), key: OnceCell::new() }
    }

    fn suffix(&self) -> &'static str {
        match self.backend {
            Backend::Test => ".key.json",
            Backend::File => ".key.sealed",
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{}", self.suffix()))
    }

    /// Names of all keys, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, KeyringError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&self.dir, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| io_error(&self.dir, error))?.file_name();
            if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(self.suffix())) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Content of the key's file, `None` if there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let path = self.path(name);
        let Some(bytes) = read_file(&path)? else {
            return Ok(None);
        };
        match self.backend {
            Backend::Test => Ok(Some(bytes)),
            Backend::File => {
                // The header was checked against the password, so a record that does not open was tampered with.
                let reason = "damaged, or belongs to another keyring or name".to_owned();
                let opened = open(self.key()?, &context(name), &bytes).ok_or(KeyringError::Corrupt { path, reason })?;
                Ok(Some(opened))
            }
        }
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), KeyringError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|error| io_error(&self.dir, error))?;
        let path = self.path(name);
        match self.backend {
            Backend::Test => write_file(&path, content),
            Backend::File => write_file(&path, &seal(self.key()?, &context(name), content)),
        }
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), KeyringError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|error| io_error(&path, error))
    }

    /// The key that seals; asks for the password the first time, for a new one if the keyring is new.
    fn key(&self) -> Result<&[u8; 32], KeyringError> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let path = self.dir.join(HEADER);
        let key = match read_file(&path)? {
            Some(bytes) => {
                let corrupt = |reason: &str| KeyringError::Corrupt { path: path.clone(), reason: reason.to_owned() };
                let header: Header =
                    serde_json::from_slice(&bytes).map_err(|_| corrupt("not a keyring of this program"))?;
                if header.version != VERSION || header.kdf != "argon2id" {
                    return Err(corrupt("written by another version of this program"));
                }
                let text = "Password of the keyring";
                let password = self.prompt.borrow_mut().password(text).map_err(KeyringError::Prompt)?;
                let key = header.derive(&password).ok_or_else(|| corrupt("unreasonable parameters"))?;
                let check = hex::decode(&header.check).map_err(|_| corrupt("damaged"))?;
                match open(&key, HEADER, &check) {
                    Some(check) if check.as_slice() == CHECK => key,
                    _ => return Err(KeyringError::WrongPassword(self.dir.clone())),
                }
            }
            None if !self.names()?.is_empty() => {
                let reason = "missing, but sealed keys are there: restore it from a backup".to_owned();
                return Err(KeyringError::Corrupt { path, reason });
            }
            None => {
                let text = "New password for the keyring";
                let password = self.prompt.borrow_mut().new_password(text).map_err(KeyringError::Prompt)?;
                let (header, key) = Header::new(&password);
                write_file(&path, &serde_json::to_vec_pretty(&header).expect("strings and numbers have JSON"))?;
                key
            }
        };
        Ok(self.key.get_or_init(|| key))
    }
}

impl Header {
    /// Argon2id with three passes over 64 MiB: about a tenth of a second.
    fn new(password: &str) -> (Self, Zeroizing<[u8; 32]>) {
        let mut salt = [0; 16];
        OsRng.fill_bytes(&mut salt);
        let mut header = Self {
            version: VERSION,
            kdf: "argon2id".to_owned(),
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
            salt: hex::encode(salt),
            check: String::new(),
        };
        let key = header.derive(password).expect("the parameters above are reasonable");
        header.check = hex::encode(seal(&key, HEADER, CHECK));
        (header, key)
    }

    /// `None` if the parameters are not ones that this program would write: a changed file must neither exhaust memory
    /// nor weaken the derivation for passwords that it will see.
    fn derive(&self, password: &str) -> Option<Zeroizing<[u8; 32]>> {
        let sane = (8 * 1024..=1024 * 1024).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=16).contains(&self.lanes);
        let salt = hex::decode(&self.salt).ok().filter(|salt| sane && (16..=64).contains(&salt.len()))?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &salt, &mut *key)
            .ok()?;
        Some(key)
    }
}

/// What a record is sealed with beside the key, so that neither two records nor a record and the header's constant can
/// be swapped.
fn context(name: &str) -> String {
    format!("key/{name}")
}

/// Nonce, then the ciphertext; `context` is authenticated.
fn seal(key: &[u8; 32], context: &str, content: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    OsRng.fill_bytes(&mut nonce);
    let payload = Payload { msg: content, aad: context.as_bytes() };
    let sealed = XChaCha20Poly1305::new(Key::from_slice(key))
        .encrypt(XNonce::from_slice(&nonce), payload)
        .expect("a record is far below the cipher's limit");
    [nonce.as_slice(), &sealed].concat()
}

fn open(key: &[u8; 32], context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
    let payload = Payload { msg: sealed, aad: context.as_bytes() };
    XChaCha20Poly1305::new(Key::from_slice(key)).decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
}

fn read_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes).map_err(|error| io_error(path, error))?;
    Ok(Some(bytes))
}

/// Writes a file that only the owner can read, whole or not at all.
fn write_file(path: &Path, content: &[u8]) -> Result<(), KeyringError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename lasts once the directory is on disk.
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    };
    write().map_err(|error| io_error(path, error))
}

fn io_error(path: &Path, error: io::Error) -> KeyringError {
    KeyringError::Io { path: path.to_owned(), error }
}
