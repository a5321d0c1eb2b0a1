//! Names, counters and planned faults of a [`super::FaultyDisk`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::file::Inode;
use super::{Hook, Operation};

type File = Arc<Mutex<Inode>>;

/// A change of names that its folder's sync makes durable.
#[derive(Debug, Clone)]
pub enum NameChange {
    Link(PathBuf, File),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, File),
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Link(path, _) | Self::Unlink(path) | Self::Rename(path, _, _) => path.parent(),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, File>) {
        match self {
            Self::Link(path, file) => {
                names.insert(path, file);
            }
            Self::Unlink(path) => {
                names.remove(&path);
            }
            Self::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
        }
    }
}

pub struct State {
    names: BTreeMap<PathBuf, File>,
    durable: BTreeMap<PathBuf, File>,
    pending: Vec<NameChange>,
    pub dirs: BTreeSet<PathBuf>,
    pub locks: BTreeSet<PathBuf>,
    pub operations: u64,
    pub syncs: u64,
    pub crash_at: Option<u64>,
    pub failing_sync: Option<u64>,
    pub capacity: Option<u64>,
    pub hook: Option<Hook>,
    dead: bool,
    random: Random,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("files", &self.names.keys().collect::<Vec<_>>())
            .field("operations", &self.operations)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

impl State {
    pub fn new(seed: u64) -> Self {
        Self {
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            dirs: BTreeSet::new(),
            locks: BTreeSet::new(),
            operations: 0,
            syncs: 0,
            crash_at: None,
            failing_sync: None,
            capacity: None,
            hook: None,
            dead: false,
            random: Random(seed),
        }
    }

    pub fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the disk is gone: its machine crashed")) } else { Ok(()) }
    }

    pub fn count(&mut self, operation: &Operation) -> io::Result<()> {
        if self.crash_at.is_some_and(|at| self.operations >= at) {
            self.dead = true;
        }
        self.alive()?;
        self.operations += 1;
        if matches!(operation, Operation::Sync(_) | Operation::SyncDir(_)) {
            self.syncs += 1;
            if self.failing_sync == Some(self.syncs) {
                return Err(io::Error::other("input/output error (planned failure of a sync)"));
            }
        }
        Ok(())
    }

    pub fn find(&self, path: &Path) -> io::Result<File> {
        self.names.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The folder of this path must have been created.
    pub fn require_dir(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(dir) if !self.dirs.contains(dir) => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(()),
        }
    }

    pub fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        if !self.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = self.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    pub fn change(&mut self, change: NameChange) {
        change.clone().apply(&mut self.names);
        self.pending.push(change);
    }

    pub fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if !self.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (now, later): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|change| change.folder() == Some(dir));
        self.pending = later;
        for change in now {
            change.apply(&mut self.durable);
        }
        Ok(())
    }

    pub fn used(&self) -> u64 {
        let lengths = self.names.values().map(|file| file.lock().unwrap_or_else(PoisonError::into_inner).len());
        lengths.sum()
    }

    /// Marks this disk dead and makes the one that is found after the restart.
    pub fn crash(&mut self) -> Self {
        self.dead = true;
        let mut names = std::mem::take(&mut self.durable);
        for change in self.pending.drain(..) {
            if self.random.below(2) == 0 {
                change.apply(&mut names);
            }
        }
        let mut after = Self::new(self.random.next());
        after.dirs = self.dirs.clone();
        for (path, file) in names {
            let contents = file.lock().unwrap_or_else(PoisonError::into_inner).survivor(&mut self.random);
            after.names.insert(path, Arc::new(Mutex::new(contents)));
        }
        after.durable = after.names.clone();
        after
    }
}

/// SplitMix64: small, and the same everywhere.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // Lossless back and forth: the remainder is below a usize.
        (self.next() % bound as u64) as usize
    }
}
