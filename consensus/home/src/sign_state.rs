//! The guard that keeps a validator from signing two different things at one height, round and step.
//!
//! Rules and file are those of CometBFT 0.38's `FilePV` (`privval/file.go`), so that either engine can go on where the
//! other stopped.

mod file;
mod vote;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plume_primitives::Timestamp;
use plume_wal::{AtomicWriteError, Disk, DiskLock, atomic_write};

use crate::keys::KeyPair;
use file::Record;
use vote::CanonicalPrecommit;
pub use vote::MalformedVote;

/// What a signature is for: its height, round and step, in the order in which they may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Height of the block, 0 before the first signature.
    pub height: i64,
    /// Round within the height.
    pub round: i32,
    /// Step within the round.
    pub step: Step,
}

/// CometBFT's steps that are signed, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// 0: nothing was signed.
    None,
    /// 1: a proposal.
    Propose,
    /// 2: a prevote.
    Prevote,
    /// 3: a precommit.
    Precommit,
}

impl fmt::Display for Step {
    /// The number, as CometBFT prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self as i8).fmt(f)
    }
}

/// A signature that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// Ed25519 signature of the sign bytes, with the timestamp below in them.
    pub signature: [u8; 64],
    /// Time of the vote: the one asked for, or that of the earlier signature.
    pub timestamp: Timestamp,
    /// Whether this is the signature given earlier for the same vote.
    pub reused: bool,
}

/// No signature.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Something was signed for a later height.
    #[error("height regression. Got {got}, last height {last}")]
    HeightRegression {
        /// Height asked for.
        got: i64,
        /// Last one signed.
        last: i64,
    },
    /// Something was signed for a later round of this height.
    #[error("round regression at height {height}. Got {got}, last round {last}")]
    RoundRegression {
        /// Height asked for.
        height: i64,
        /// Round asked for.
        got: i32,
        /// Last one signed.
        last: i32,
    },
    /// Something was signed for a later step of this round.
    #[error("step regression at height {height} round {round}. Got {got}, last step {last}")]
    StepRegression {
        /// Height asked for.
        height: i64,
        /// Round asked for.
        round: i32,
        /// Step asked for.
        got: Step,
        /// Last one signed.
        last: Step,
    },
    /// The same height, round and step, and the record does not say what was signed.
    #[error("no SignBytes found")]
    NoSignBytes,
    /// Another vote was signed for this height, round and step.
    #[error("conflicting data")]
    Conflict,
    /// The stored signature for this height, round and step is not one of this key.
    #[error("stored signature was not made by this key")]
    ForeignSignature,
    /// What is to be signed is not a precommit in its canonical form.
    #[error("sign bytes: {0}")]
    Malformed(#[from] MalformedVote),
    /// Writing the record failed, now or earlier: whether a restart would remember the last signature is unknown, so
    /// nothing is signed again by this process.
    #[error("signing stopped: {0}")]
    Poisoned(String),
}

/// A record of the last signature that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no record. A validator without one could sign twice: bring it back, or write an empty one if the key
    /// is new.
    #[error("{0} is missing: a validator without its record could sign twice")]
    Missing(PathBuf),
    /// Another process signs with this record.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// Not CometBFT's form, or impossible values.
    #[error("{path}: {reason}")]
    Contents {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file system's refusal.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<AtomicWriteError> for OpenError {
    fn from(error: AtomicWriteError) -> Self {
        Self::Io { path: error.path, source: error.source }
    }
}

/// The last signature of a validator, on disk before anybody else sees it.
///
/// All methods block on the disk. Holds a lock on `<file>.lock` while it lives: two processes cannot share a record
/// (CometBFT itself takes no lock; do not run it on the same home).
#[derive(Debug)]
pub struct SignState {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    last: Record,
    poison: Option<String>,
    _lock: Box<dyn DiskLock>,
}

impl SignState {
    /// Opens the record in `priv_validator_state.json`, and writes it anew: what is read here may be a write of an
    /// earlier process whose sync failed, which the next crash would undo.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let path = path.into();
        let lock = lock(&*disk, &path)?;
        let text = disk.read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OpenError::Missing(path.clone()),
            _ => OpenError::Io { path: path.clone(), source },
        })?;
        let last = Record::from_json(&text).map_err(|reason| OpenError::Contents { path: path.clone(), reason })?;
        atomic_write(&*disk, &path, &text)?;
        Ok(Self { disk, path, last, poison: None, _lock: lock })
    }

    /// Writes the record of a new key, that nothing was signed; leaves an existing one alone. The folder must exist.
    ///
    /// # Errors
    /// [`OpenError::Locked`], [`OpenError::Io`].
    pub fn create_missing(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
        let _lock = lock(disk, path)?;
        match disk.read(path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(atomic_write(disk, path, Record::nothing().to_json().as_bytes())?)
            }
            Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
        }
    }

    /// What was signed last.
    pub fn last(&self) -> Position {
        self.last.position
    }

    /// The last signature and the bytes that it signs; `None` when nothing was signed or the record does not tell.
    pub fn last_signature(&self) -> Option<([u8; 64], &[u8])> {
        self.last.signed.as_ref().map(|signed| (signed.signature, signed.sign_bytes.as_slice()))
    }

    /// Signs a precommit, given as its canonical sign bytes (length-delimited `CanonicalVote`), which say height and
    /// round.
    ///
    /// The signature is on disk when this returns. For the height, round and step of the last one, a vote that differs
    /// at most in its timestamp gets the stored signature and timestamp: the caller must send *that* time.
    ///
    /// # Errors
    /// [`SignError`]; only [`SignError::Poisoned`] concerns later calls.
    pub fn sign_precommit(&mut self, key: &KeyPair, sign_bytes: &[u8]) -> Result<Signed, SignError> {
        self.usable()?;
        let vote = CanonicalPrecommit::decode(sign_bytes)?;
        if self.is_repetition(vote.position())? {
            return self.stored(key, &vote);
        }
        let signature = key.sign(sign_bytes);
        self.save(Record::signed(vote.position(), signature, sign_bytes.to_vec()))?;
        Ok(Signed { signature, timestamp: vote.timestamp(), reused: false })
    }

    /// Adopts a precommit of this key that others have seen and that is newer than the record, as after an old backup
    /// was restored: from here on nothing up to its height, round and step is signed. Returns whether it was newer.
    ///
    /// # Security
    /// Only a signature of this key on this chain moves the record, so a peer can make a validator abstain from what
    /// it has signed already and from nothing else.
    ///
    /// # Errors
    /// [`SignError::ForeignSignature`] for a signature of another key or chain; [`SignError::Conflict`] when it proves
    /// that this key has signed twice: stop the validator and find out why; neither signature is given out again, now
    /// or after a restart; [`SignError::Malformed`], [`SignError::Poisoned`].
    pub fn raise(
        &mut self,
        key: &KeyPair,
        chain_id: &str,
        sign_bytes: &[u8],
        signature: &[u8; 64],
    ) -> Result<bool, SignError> {
        self.usable()?;
        let vote = CanonicalPrecommit::decode(sign_bytes)?;
        if vote.chain_id() != chain_id || !key.verify(sign_bytes, signature) {
            return Err(SignError::ForeignSignature);
        }
        if vote.position() > self.last.position {
            self.save(Record::signed(vote.position(), *signature, sign_bytes.to_vec()))?;
            return Ok(true);
        }
        let twice = vote.position() == self.last.position
            && self.last.signed.as_ref().is_some_and(|signed| {
                let other = CanonicalPrecommit::decode(&signed.sign_bytes);
                other.is_ok_and(|other| !other.differs_only_in_time(&vote))
                    && key.verify(&signed.sign_bytes, &signed.signature)
            });
        if twice {
            // Repeating either signature would spread the damage: forget which one was ours, keep the position.
            self.save(Record { position: self.last.position, signed: None })?;
            return Err(SignError::Conflict);
        }
        Ok(false)
    }

    fn usable(&self) -> Result<(), SignError> {
        self.poison.as_ref().map_or(Ok(()), |reason| Err(SignError::Poisoned(reason.clone())))
    }

    /// CometBFT's `CheckHRS`: whether exactly this was signed last; an error when something later was.
    fn is_repetition(&self, asked: Position) -> Result<bool, SignError> {
        let last = self.last.position;
        if last.height > asked.height {
            return Err(SignError::HeightRegression { got: asked.height, last: last.height });
        }
        if last.height < asked.height {
            return Ok(false);
        }
        if last.round > asked.round {
            return Err(SignError::RoundRegression { height: asked.height, got: asked.round, last: last.round });
        }
        if last.round < asked.round {
            return Ok(false);
        }
        if last.step > asked.step {
            let (height, round) = (asked.height, asked.round);
            return Err(SignError::StepRegression { height, round, got: asked.step, last: last.step });
        }
        if last.step < asked.step {
            return Ok(false);
        }
        if self.last.signed.is_none() { Err(SignError::NoSignBytes) } else { Ok(true) }
    }

    /// The stored signature, if it stands for the same vote but for its time.
    fn stored(&self, key: &KeyPair, vote: &CanonicalPrecommit) -> Result<Signed, SignError> {
        let signed = self.last.signed.as_ref().ok_or(SignError::NoSignBytes)?;
        // Stored bytes that are no precommit cannot be this one.
        let stored = CanonicalPrecommit::decode(&signed.sign_bytes).map_err(|_| SignError::Conflict)?;
        if !stored.differs_only_in_time(vote) {
            return Err(SignError::Conflict);
        }
        if !key.verify(&signed.sign_bytes, &signed.signature) {
            return Err(SignError::ForeignSignature);
        }
        Ok(Signed { signature: signed.signature, timestamp: stored.timestamp(), reused: true })
    }

    fn save(&mut self, record: Record) -> Result<(), SignError> {
        if let Err(error) = atomic_write(&*self.disk, &self.path, record.to_json().as_bytes()) {
            let reason = error.to_string();
            self.poison = Some(reason.clone());
            return Err(SignError::Poisoned(reason));
        }
        self.last = record;
        Ok(())
    }
}

/// The file that whoever uses the record at `path` holds locked.
pub(crate) fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes the lock of the record at `path`.
pub(crate) fn lock(disk: &dyn Disk, path: &Path) -> Result<Box<dyn DiskLock>, OpenError> {
    let lock_file = lock_file(path);
    disk.lock(&lock_file).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked(path.to_owned()),
        _ => OpenError::Io { path: lock_file, source },
    })
}

#[cfg(test)]
mod tests;
