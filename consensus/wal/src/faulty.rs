//! A file system in memory that crashes, fills up, fails its syncs, slows down and rots on request.

mod file;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::{Disk, DiskFile, DiskLock};
use file::{FaultyFile, Inode};
use state::{NameChange, State};

/// One change that a user of the disk asks for; what a hook sees before it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A file is created or emptied.
    Create(PathBuf),
    /// This many bytes are written behind the end of a file.
    Append(PathBuf, usize),
    /// A file is cut to this length.
    Truncate(PathBuf, u64),
    /// Contents of a file become durable.
    Sync(PathBuf),
    /// A file is renamed.
    Rename(PathBuf, PathBuf),
    /// A file is removed.
    Remove(PathBuf),
    /// Names in a folder become durable.
    SyncDir(PathBuf),
}

/// Called before each change, without any lock held: may sleep (a slow disk) or fail the change.
type Hook = Arc<dyn Fn(&Operation) -> io::Result<()> + Send + Sync>;

/// A file system in memory for tests; a clone is the same disk.
///
/// A crash keeps of each file its synced contents and, chosen by the seed, nothing more, the first unsynced bytes
/// (a torn write), or all unsynced bytes with some sectors of 512 zero (pages written out of order); an unsynced
/// truncation may be undone. Of the name changes of a folder since its last [`Disk::sync_dir`] any subset survives.
/// Bytes whose sync failed read as written until the crash and as zeros afterwards, even when a later sync succeeds.
/// Folders themselves are durable at once.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

impl FaultyDisk {
    /// An empty disk. The seed decides what survives crashes.
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed))) }
    }

    /// Changes made so far (each [`Operation`], failed ones included).
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets this many further changes through; from then on everything fails, reads included, as for a process that
    /// is killed there. What the disk holds is then seen through [`FaultyDisk::crash`].
    pub fn crash_after(&self, operations: u64) {
        let mut state = self.state();
        state.crash_at = Some(state.operations + operations);
    }

    /// Makes one sync fail (of a file or a folder): the next for 1, the one after for 2.
    ///
    /// # Panics
    /// For 0.
    pub fn fail_sync(&self, nth: u64) {
        assert!(nth > 0, "the first sync is number 1");
        let mut state = self.state();
        state.failing_sync = Some(state.syncs + nth);
    }

    /// Bounds the sum of all file lengths in bytes; a write beyond it stores what fits and fails with
    /// [`io::ErrorKind::StorageFull`]. `None`: no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Sum of all file lengths in bytes.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// Calls this before each change, in place of an earlier hook. An error that it returns is the change's error,
    /// and for a sync has the effects of a failed one.
    pub fn on_operation(&self, hook: impl Fn(&Operation) -> io::Result<()> + Send + Sync + 'static) {
        self.state().hook = Some(Arc::new(hook));
    }

    /// Cuts the power: this disk and all open files and locks are dead. Returns the disk as the next process finds
    /// it, without faults planned.
    #[must_use]
    pub fn crash(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().crash())) }
    }

    /// Changes the contents of a file behind everybody's back, durably: bit rot.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    pub fn corrupt(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let inode = self.state().find(path)?;
        inode.lock().unwrap_or_else(std::sync::PoisonError::into_inner).corrupt(change);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a change, lets the hook see it, and says whether it may happen.
    fn begin(&self, operation: Operation) -> io::Result<()> {
        let hook = {
            let mut state = self.state();
            state.count(&operation)?;
            state.hook.clone()
        };
        hook.map_or(Ok(()), |hook| hook(&operation))?;
        self.state().alive()
    }

    fn file(&self, path: &Path, inode: Arc<Mutex<Inode>>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { disk: self.clone(), path: path.to_owned(), inode })
    }
}

impl Disk for FaultyDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.alive()?;
        state.dirs.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.begin(Operation::Create(path.to_owned()))?;
        let mut state = self.state();
        let inode = match state.find(path) {
            Ok(inode) => {
                inode.lock().unwrap_or_else(std::sync::PoisonError::into_inner).truncate(0);
                inode
            }
            Err(_) => {
                state.require_dir(path)?;
                let inode = Arc::new(Mutex::new(Inode::default()));
                state.change(NameChange::Link(path.to_owned(), inode.clone()));
                inode
            }
        };
        drop(state);
        Ok(self.file(path, inode))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = {
            let state = self.state();
            state.alive()?;
            state.find(path)?
        };
        Ok(self.file(path, inode))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inode = {
            let state = self.state();
            state.alive()?;
            state.find(path)?
        };
        let contents = inode.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contents().to_vec();
        Ok(contents)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive()?;
        state.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.begin(Operation::Rename(from.to_owned(), to.to_owned()))?;
        let mut state = self.state();
        state.require_dir(to)?;
        let inode = state.find(from)?;
        state.change(NameChange::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.begin(Operation::Remove(path.to_owned()))?;
        let mut state = self.state();
        state.find(path)?;
        state.change(NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.begin(Operation::SyncDir(dir.to_owned()))?;
        self.state().sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state();
        state.alive()?;
        state.require_dir(path)?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FaultyLock { disk: self.clone(), path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
}

impl DiskLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

#[cfg(test)]
mod tests;
