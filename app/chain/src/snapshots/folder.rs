//! The snapshots that a node serves: one folder for each height.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::RwLock;
use plume_engine::SnapshotInfo;
use plume_primitives::Height;
use plume_state::{Manifest, SNAPSHOT_FORMAT};
use sha2::{Digest, Sha256};

use crate::snapshots::claims::Claims;

/// The file that is written last into a snapshot's folder.
const METADATA: &str = "metadata";
/// Folders in the making or on their way out; removed at start.
const UNFINISHED: &str = "tmp";

/// `data/snapshots`: `<height>/metadata` and `<height>/chunk-<n>`.
#[derive(Debug)]
pub(crate) struct SnapshotFolder {
    path: PathBuf,
    served: RwLock<BTreeMap<Height, SnapshotInfo>>,
}

/// What names a snapshot of this metadata; why not, when the metadata cannot be read.
pub(crate) fn describe(metadata: Bytes) -> Result<SnapshotInfo, String> {
    let (_, manifest) = Claims::decode(&metadata).map_err(|e| e.to_string())?;
    let manifest = Manifest::decode(manifest).map_err(|e| e.to_string())?;
    Ok(SnapshotInfo {
        height: Height(manifest.height()),
        format: SNAPSHOT_FORMAT,
        chunks: manifest.chunks(),
        hash: hash(&metadata),
        metadata,
    })
}

/// The hash of a snapshot: that of its metadata, which determines every byte of every chunk.
pub(crate) fn hash(metadata: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(metadata))
}

impl SnapshotFolder {
    /// Finds the whole snapshots in a folder, which is made when it is absent, and removes what a crash has left. For
    /// the one process that writes snapshots there.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        for entry in fs::read_dir(&path)? {
            let path = entry?.path();
            if is_unfinished(&path) {
                fs::remove_dir_all(&path)?;
            }
        }
        Self::look(path)
    }

    /// Finds the whole snapshots in a folder beside whoever writes there.
    pub fn look(path: PathBuf) -> io::Result<Self> {
        let mut served = BTreeMap::new();
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let path = entry?.path();
            if is_unfinished(&path) {
                continue;
            }
            match read(&path)? {
                Some(info) => drop(served.insert(info.height, info)),
                None => tracing::warn!(path = %path.display(), "no snapshot of this version; left alone"),
            }
        }
        Ok(Self { path, served: RwLock::new(served) })
    }

    /// Where the snapshots are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The snapshots, newest first, without those that an operator has deleted beside the running node.
    pub fn list(&self) -> Vec<SnapshotInfo> {
        let there = |info: &&SnapshotInfo| self.path.join(info.height.to_string()).join(METADATA).is_file();
        self.served.read().values().rev().filter(there).cloned().collect()
    }

    /// The snapshot of a height.
    pub fn get(&self, height: Height) -> Option<SnapshotInfo> {
        self.served.read().get(&height).cloned()
    }

    /// A chunk, read from disk.
    pub fn chunk(&self, height: Height, format: u32, index: u32) -> Option<Bytes> {
        if !self.get(height).is_some_and(|info| info.format == format && index < info.chunks) {
            return None;
        }
        match fs::read(self.path.join(height.to_string()).join(chunk_name(index))) {
            Ok(bytes) => Some(Bytes::from(bytes)),
            Err(error) => {
                // Normally because it was removed just now.
                tracing::warn!(%height, index, %error, "a chunk cannot be read");
                None
            }
        }
    }

    /// Begins a snapshot; nobody sees it before [`NewSnapshot::finish`].
    pub fn begin(&self, height: Height) -> io::Result<NewSnapshot<'_>> {
        let path = self.path.join(format!("{height}.{UNFINISHED}"));
        remove(&path)?;
        fs::create_dir_all(&path)?;
        Ok(NewSnapshot { folder: self, path })
    }

    /// Removes all but the newest `keep`; all stay when that is 0.
    pub fn prune(&self, keep: u32) -> io::Result<()> {
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        loop {
            let oldest = {
                let mut served = self.served.write();
                if keep == 0 || served.len() <= keep {
                    return Ok(());
                }
                served.pop_first()
            };
            let Some((height, _)) = oldest else { return Ok(()) };
            self.remove_files(height)?;
        }
    }

    /// Removes the snapshot of a height; false when there is none.
    pub fn remove(&self, height: Height) -> io::Result<bool> {
        let known = self.served.write().remove(&height).is_some();
        if known {
            self.remove_files(height)?;
        }
        Ok(known)
    }

    fn remove_files(&self, height: Height) -> io::Result<()> {
        // First out of sight, so that a crash leaves no half snapshot.
        let gone = self.path.join(format!("{height}.{UNFINISHED}"));
        remove(&gone)?;
        match fs::rename(self.path.join(height.to_string()), &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed?,
        }
        sync_dir(&self.path)?;
        fs::remove_dir_all(&gone)
    }
}

/// A snapshot in the making.
pub(crate) struct NewSnapshot<'a> {
    folder: &'a SnapshotFolder,
    path: PathBuf,
}

impl NewSnapshot<'_> {
    /// Writes a chunk, durably.
    pub fn chunk(&self, index: u32, bytes: &[u8]) -> io::Result<()> {
        write(&self.path.join(chunk_name(index)), bytes)
    }

    /// Writes the metadata and makes the snapshot one that is served.
    pub fn finish(self, info: SnapshotInfo) -> io::Result<()> {
        write(&self.path.join(METADATA), &info.metadata)?;
        sync_dir(&self.path)?;
        let whole = self.folder.path.join(info.height.to_string());
        remove(&whole)?;
        fs::rename(&self.path, &whole)?;
        sync_dir(&self.folder.path)?;
        self.folder.served.write().insert(info.height, info);
        Ok(())
    }

    /// Removes what was written.
    pub fn give_up(self) -> io::Result<()> {
        remove(&self.path)
    }
}

/// What a folder holds; `None` when it is no snapshot of this format.
fn read(path: &Path) -> io::Result<Option<SnapshotInfo>> {
    let metadata = match fs::read(path.join(METADATA)) {
        Ok(metadata) => metadata,
        Err(_) => return Ok(None),
    };
    let Ok(info) = describe(metadata.into()) else { return Ok(None) };
    let named = path.file_name().is_some_and(|name| *name == *info.height.to_string());
    let mut whole = named;
    for index in 0..info.chunks {
        whole = whole && path.join(chunk_name(index)).try_exists()?;
    }
    Ok(whole.then_some(info))
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == UNFINISHED)
}

fn chunk_name(index: u32) -> String {
    format!("chunk-{index}")
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
