//! A CometBFT home directory: configuration, keys, genesis, data.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use plume_engine::ValidatorKey;
use plume_wal::RealDisk;

use crate::config::{Addresses, Config, Settings, SettingsError, Warning};
use crate::genesis::{GenesisDoc, GenesisError};
use crate::keys::KeyPair;
use crate::sign_state::{self, OpenError};

/// `data/priv_validator_state.json` of a validator that has signed nothing.
const NOTHING_SIGNED: &str = "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}";

/// A home directory that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The file system's refusal.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A node runs on this home.
    #[error("{0} is in use by another process: stop the node first")]
    Running(PathBuf),
    /// A file with contents of another kind.
    #[error("{path}: {reason}")]
    Contents {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting that is refused.
    #[error("{path}: {source}")]
    Settings {
        /// Which file.
        path: PathBuf,
        /// Which setting, and why.
        source: SettingsError,
    },
    /// A genesis document that is refused.
    #[error("{path}: {source}")]
    Genesis {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: GenesisError,
    },
}

/// A home directory in CometBFT's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// Names the directory; touches nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config/config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config/config.toml")
    }

    /// `config/genesis.json`.
    pub fn genesis_file(&self) -> PathBuf {
        self.root.join("config/genesis.json")
    }

    /// `config/priv_validator_key.json`.
    pub fn validator_key_file(&self) -> PathBuf {
        self.root.join("config/priv_validator_key.json")
    }

    /// `data/priv_validator_state.json`.
    pub fn validator_state_file(&self) -> PathBuf {
        self.root.join("data/priv_validator_state.json")
    }

    /// `config/node_key.json`.
    pub fn node_key_file(&self) -> PathBuf {
        self.root.join("config/node_key.json")
    }

    /// `data`.
    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Creates the directories, writes `config.toml`, and adds whichever keys are missing.
    /// Existing keys and what was signed with them stay. Writes no genesis document.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn init(&self, config: &Config) -> Result<(), HomeError> {
        self.init_with_keys(config, &KeyPair::generate(), &KeyPair::generate())
    }

    /// [`Home::init`] with given keys for those that are missing.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn init_with_keys(&self, config: &Config, validator: &KeyPair, node: &KeyPair) -> Result<(), HomeError> {
        create_dir(&self.root.join("config"))?;
        create_dir(&self.data_dir())?;
        write(&self.config_file(), &config.to_toml(), 0o644)?;
        write_missing(&self.validator_key_file(), &validator.to_validator_json(), 0o600)?;
        write_missing(&self.node_key_file(), &node.to_node_json(), 0o600)?;
        write_missing(&self.validator_state_file(), NOTHING_SIGNED, 0o600)
    }

    /// Writes the genesis document.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn write_genesis(&self, genesis: &GenesisDoc) -> Result<(), HomeError> {
        write(&self.genesis_file(), &genesis.to_json(), 0o644)
    }

    /// Reads the genesis document, in either form.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn read_genesis(&self) -> Result<GenesisDoc, HomeError> {
        let path = self.genesis_file();
        GenesisDoc::from_json(&read(&path)?).map_err(|source| HomeError::Genesis { path, source })
    }

    /// Where this node's RPC and p2p listen.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn addresses(&self) -> Result<Addresses, HomeError> {
        let path = self.config_file();
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        Addresses::from_toml(&text).map_err(|reason| HomeError::Contents { path, reason })
    }

    /// `config.toml` with the arguments of `start` on top (`--p2p.laddr`, `tcp://..`), and what was ignored in it.
    ///
    /// # Errors
    /// [`HomeError::Io`], [`HomeError::Settings`].
    pub fn settings<S: AsRef<str>>(&self, arguments: &[S]) -> Result<(Settings, Vec<Warning>), HomeError> {
        let path = self.config_file();
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        Settings::read(&text, arguments).map_err(|source| HomeError::Settings { path, source })
    }

    /// The validator's key pair.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn validator_key_pair(&self) -> Result<KeyPair, HomeError> {
        self.key(self.validator_key_file())
    }

    /// The node's key pair.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn node_key_pair(&self) -> Result<KeyPair, HomeError> {
        self.key(self.node_key_file())
    }

    /// The p2p identity, what `comet show-node-id` prints.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn node_id(&self) -> Result<String, HomeError> {
        self.key(self.node_key_file()).map(|key| key.node_id())
    }

    /// The validator's public key; [`crate::keys::sdk_json`] and [`crate::keys::valcons`] print it.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn validator_key(&self) -> Result<ValidatorKey, HomeError> {
        self.key(self.validator_key_file()).map(|key| key.public())
    }

    fn key(&self, path: PathBuf) -> Result<KeyPair, HomeError> {
        KeyPair::from_json(&read(&path)?).map_err(|reason| HomeError::Contents { path, reason })
    }

    /// Removes all blocks and the application's state under `data`: the node begins again, with a snapshot or the first
    /// block. Keeps keys, configuration, genesis, and the memory of what was signed.
    ///
    /// # Errors
    /// [`HomeError::Running`] if a node with the Raft engine runs here; [`HomeError::Io`].
    pub fn reset_state(&self) -> Result<(), HomeError> {
        let data = self.data_dir();
        let record = self.validator_state_file();
        let _lock = sign_state::lock(&RealDisk, &record).map_err(|error| match error {
            OpenError::Io { path, source } => HomeError::Io { path, source },
            _ => HomeError::Running(record.clone()),
        })?;
        let kept = [sign_state::lock_file(&record), record];
        for entry in fs::read_dir(&data).map_err(at(&data))? {
            let path = entry.map_err(at(&data))?.path();
            if kept.contains(&path) {
                continue;
            }
            let is_dir = fs::symlink_metadata(&path).map_err(at(&path))?.is_dir();
            if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.map_err(at(&path))?;
        }
        Ok(())
    }

    /// Removes all blocks, the application's state under `data`, and the memory of what was
    /// signed; keeps keys, configuration and genesis. The address book goes too unless
    /// `keep_address_book`.
    ///
    /// # Security
    /// A validator that does this on a live chain can sign twice at one height.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn unsafe_reset_all(&self, keep_address_book: bool) -> Result<(), HomeError> {
        if !keep_address_book {
            let book = self.root.join("config/addrbook.json");
            absent_is_ok(fs::remove_file(&book)).map_err(at(&book))?;
        }
        let data = self.data_dir();
        absent_is_ok(fs::remove_dir_all(&data)).map_err(at(&data))?;
        create_dir(&data)?;
        write(&self.validator_state_file(), NOTHING_SIGNED, 0o600)
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> HomeError + '_ {
    |source| HomeError::Io { path: path.to_owned(), source }
}

fn create_dir(path: &Path) -> Result<(), HomeError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
    fs::read(path).map_err(at(path))
}

fn write_missing(path: &Path, text: &str, mode: u32) -> Result<(), HomeError> {
    if path.try_exists().map_err(at(path))? { Ok(()) } else { write(path, text, mode) }
}

/// Replaces the file in one step, so that a crash leaves the old one or the new one.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), HomeError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let replace = || -> io::Result<()> {
        absent_is_ok(fs::remove_file(&temporary))?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    replace().map_err(at(path))
}

fn absent_is_ok(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sign_state::SignState;

    #[test]
    fn a_reset_state_keeps_what_was_signed_and_spares_a_running_node() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let home = Home::new(folder.path());
        home.init(&Config::default()).expect("writable");
        let (key, node) = (home.validator_key().expect("written"), home.node_id().expect("written"));
        let signed = "{\n  \"height\": \"9\",\n  \"round\": 0,\n  \"step\": 3\n}";
        fs::write(home.validator_state_file(), signed).expect("writable");
        let (database, file) = (home.data_dir().join("blockstore.db"), home.data_dir().join("notes"));
        fs::create_dir(&database).expect("writable");
        fs::write(database.join("CURRENT"), "x").expect("writable");
        fs::write(&file, "x").expect("writable");

        let running = SignState::open(Arc::new(RealDisk), home.validator_state_file()).expect("as a node has it");
        assert!(matches!(home.reset_state(), Err(HomeError::Running(path)) if path == home.validator_state_file()));
        assert!(database.exists() && file.exists());
        drop(running);
        home.reset_state().expect("writable");
        home.reset_state().expect("again");
        assert!(!database.exists() && !file.exists());
        assert_eq!(fs::read_to_string(home.validator_state_file()).expect("kept"), signed);
        assert_eq!((home.validator_key().expect("kept"), home.node_id().expect("kept")), (key, node));
        assert!(home.config_file().exists());
    }
}
