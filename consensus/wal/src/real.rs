//! The file system of the machine.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, DiskLock};

/// The file system of the machine. New files have mode 0600, new folders 0700: they hold a node's private records.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        // Appending and truncating at opening exclude each other in the standard library.
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        file.set_len(0)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).append(true).open(path)?)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock(file))),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: it includes a changed length, and leaves out times that nobody reads.
        self.0.sync_data()
    }
}

/// The operating system's advisory lock (flock); closing the file releases it, so does the end of the process.
#[derive(Debug)]
struct RealLock(#[allow(dead_code, reason = "held for its drop")] File);

impl DiskLock for RealLock {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn files_are_created_read_cut_renamed_and_removed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (a, b) = (folder.path().join("x/a"), folder.path().join("x/b"));
        let dir = a.parent().expect("has a parent");
        RealDisk.create_dir_all(dir).expect("folder");
        RealDisk.create_dir_all(dir).expect("an existing folder is fine");
        let file = RealDisk.create(&a).expect("file");
        file.append(b"hello ").expect("append");
        file.append(b"world").expect("append");
        file.sync().expect("sync");
        let mut middle = [0; 3];
        file.read_exact_at(4, &mut middle).expect("read");
        assert_eq!(&middle, b"o w");
        assert_eq!(file.read_exact_at(9, &mut middle).expect_err("past the end").kind(), io::ErrorKind::UnexpectedEof);
        file.truncate(5).expect("truncate");
        file.append(b"!").expect("append goes behind the cut");
        assert_eq!((file.len().expect("length"), RealDisk.read(&a).expect("read")), (6, b"hello!".to_vec()));
        assert_eq!(fs::metadata(&a).expect("metadata").permissions().mode() & 0o777, 0o600);

        RealDisk.create(&b).expect("file").append(b"old").expect("append");
        RealDisk.rename(&a, &b).expect("rename");
        RealDisk.sync_dir(dir).expect("sync of the folder");
        RealDisk.create_dir_all(&dir.join("inner")).expect("folder");
        assert_eq!(RealDisk.list(dir).expect("list"), ["b"]);
        assert_eq!(RealDisk.read(&b).expect("read"), b"hello!");
        assert_eq!(RealDisk.create(&b).expect("emptied").len().expect("length"), 0);
        RealDisk.remove(&b).expect("remove");
        assert_eq!(RealDisk.open(&b).map(|_| ()).expect_err("removed").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_lock_excludes_others_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("lock");
        let held = RealDisk.lock(&path).expect("first lock");
        assert_eq!(RealDisk.lock(&path).expect_err("held").kind(), io::ErrorKind::WouldBlock);
        drop(held);
        RealDisk.lock(&path).expect("free again");
    }
}
