//! What the log and the sign-state guard need of a file system.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file system, real ([`crate::RealDisk`]) or in memory with faults ([`crate::FaultyDisk`]).
///
/// Nothing is durable before its sync: contents of a file after [`DiskFile::sync`]; creation, removal and renaming
/// of files after [`Disk::sync_dir`] of their folder. A failed sync says nothing about what is on the disk, and a
/// second one that succeeds does not repair the first (Linux drops the dirty pages), so callers give up on the file.
pub trait Disk: Debug + Send + Sync {
    /// Creates the folder and those above it; fine when it exists.
    ///
    /// # Errors
    /// The file system's refusal.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Creates an empty file, readable by its owner only; one that exists is emptied.
    ///
    /// # Errors
    /// The file system's refusal.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or another refusal.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// The whole contents of a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or another refusal.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Names of the files in a folder, sorted; folders within it are left out.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or another refusal.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file within its folder, replacing one that has the new name, in one step.
    ///
    /// # Errors
    /// The file system's refusal.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or another refusal.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, removals and renames in this folder durable.
    ///
    /// # Errors
    /// The file system's refusal; what is durable is then unknown.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes an exclusive lock, held until the value is dropped or the process ends, on a file that is created when
    /// missing and never removed.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another holder exists, in this process or another one; or another refusal.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// An open file.
#[allow(clippy::len_without_is_empty, reason = "an empty file is nothing special")]
pub trait DiskFile: Debug + Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// The file system's refusal.
    fn len(&self) -> io::Result<u64>;

    /// Writes all bytes behind the last one. After an error some of them may be in the file.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`], or another refusal.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Fills the buffer from this offset on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file is shorter, or another refusal.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Cuts the file to this length.
    ///
    /// # Errors
    /// The file system's refusal.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Makes contents and length durable.
    ///
    /// # Errors
    /// The file system's refusal; what is durable is then unknown, and stays unknown.
    fn sync(&self) -> io::Result<()>;
}

/// A held lock; dropping it releases it.
pub trait DiskLock: Debug + Send + Sync {}
