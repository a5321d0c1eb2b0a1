//! Replacing a small file in one durable step.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::Disk;

/// A file that could not be replaced. Which contents a crash would leave, the old or the new, is unknown.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct AtomicWriteError {
    /// Which file was to be replaced.
    pub path: PathBuf,
    /// Why it was not.
    pub source: io::Error,
}

/// Replaces the contents of `path` (its folder must exist) so that a crash at any moment leaves the old contents or
/// the new, and returns when the new ones are durable: temporary file `<path>.tmp`, sync, rename, sync of the folder.
///
/// # Errors
/// [`AtomicWriteError`]. Do not rely on either version then; a state that must never go back (a vote, a signature)
/// is lost for this process.
pub fn atomic_write(disk: &dyn Disk, path: &Path, contents: &[u8]) -> Result<(), AtomicWriteError> {
    let temporary = temporary(path);
    let replace = || -> io::Result<()> {
        let file = disk.create(&temporary)?;
        file.append(contents)?;
        file.sync()?;
        disk.rename(&temporary, path)?;
        disk.sync_dir(folder(path))
    };
    replace().map_err(|source| AtomicWriteError { path: path.to_owned(), source })
}

/// Removes the temporary file that a crash within [`atomic_write`] of `path` may have left. Not needed for
/// correctness: the next write replaces it.
///
/// # Errors
/// The file system's refusal.
pub fn remove_leftover(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(&temporary(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faulty::FaultyDisk;

    #[test]
    fn a_crash_at_any_step_leaves_the_old_or_the_new_and_a_return_means_the_new() {
        let path = Path::new("/d/state");
        let (mut old_seen, mut new_seen) = (0, 0);
        for seed in 0..40 {
            for step in 0..8 {
                let disk = FaultyDisk::new(seed);
                disk.create_dir_all(Path::new("/d")).expect("folder");
                atomic_write(&disk, path, b"old").expect("no fault yet");
                disk.crash_after(step);
                let result = atomic_write(&disk, path, b"new, and longer");
                let after = disk.crash();
                let contents = after.read(path).expect("one version is there");
                match contents.as_slice() {
                    b"new, and longer" => new_seen += 1,
                    b"old" => {
                        assert!(result.is_err(), "seed {seed} step {step}: lost what was reported durable");
                        old_seen += 1;
                    }
                    other => panic!("seed {seed} step {step}: torn file {other:?}"),
                }
                remove_leftover(&after, path).expect("cleaning up");
                assert_eq!(after.list(Path::new("/d")).expect("list"), ["state"]);
            }
        }
        assert!(old_seen > 0 && new_seen > 0, "old {old_seen} new {new_seen}");
    }

    #[test]
    fn a_failed_sync_of_file_or_folder_is_an_error() {
        for nth in 1..=2 {
            let disk = FaultyDisk::new(1);
            disk.create_dir_all(Path::new("/d")).expect("folder");
            disk.fail_sync(nth);
            let error = atomic_write(&disk, Path::new("/d/f"), b"x").expect_err("the sync fails");
            assert_eq!(error.path, Path::new("/d/f"));
        }
    }
}
