//! Contents of a file on a [`super::FaultyDisk`], and what a crash leaves of them.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::state::Random;
use super::{FaultyDisk, Operation};
use crate::disk::DiskFile;

const SECTOR: usize = 512;

/// Contents now, and those that are durable.
#[derive(Debug, Default)]
pub struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    /// From here on the contents are newer than the last sync.
    dirty_from: usize,
}

impl Inode {
    pub fn contents(&self) -> &[u8] {
        &self.current
    }

    pub fn len(&self) -> u64 {
        self.current.len() as u64
    }

    pub fn append(&mut self, bytes: &[u8]) {
        self.current.extend_from_slice(bytes);
    }

    pub fn truncate(&mut self, len: usize) {
        self.current.truncate(len);
        self.dirty_from = self.dirty_from.min(len);
    }

    fn sync(&mut self) {
        // A region whose sync failed lies between the end of the durable bytes and the dirty ones: zeros for ever.
        self.durable.resize(self.dirty_from, 0);
        self.durable.extend_from_slice(&self.current[self.dirty_from..]);
        self.dirty_from = self.current.len();
    }

    /// The kernel reports the error once and forgets that the pages were dirty.
    fn lose(&mut self) {
        self.durable.truncate(self.dirty_from);
        self.dirty_from = self.current.len();
    }

    pub fn corrupt(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.current);
        self.durable.clone_from(&self.current);
        self.dirty_from = self.current.len();
    }

    /// What the next process finds.
    pub fn survivor(&self, random: &mut Random) -> Self {
        let fresh = &self.current[self.dirty_from..];
        let mut kept = self.durable.clone();
        let choice = random.below(3);
        if choice > 0 && (!fresh.is_empty() || self.dirty_from < self.durable.len()) {
            kept.resize(self.dirty_from, 0);
            if choice == 1 {
                kept.extend_from_slice(&fresh[..random.below(fresh.len() + 1)]);
            } else {
                for sector in fresh.chunks(SECTOR) {
                    let written = random.below(2) == 0;
                    kept.extend(sector.iter().map(|byte| if written { *byte } else { 0 }));
                }
            }
        }
        Self { current: kept.clone(), dirty_from: kept.len(), durable: kept }
    }
}

#[derive(Debug)]
pub struct FaultyFile {
    pub disk: FaultyDisk,
    pub path: PathBuf,
    pub inode: Arc<Mutex<Inode>>,
}

impl FaultyFile {
    fn inode(&self) -> MutexGuard<'_, Inode> {
        self.inode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.state().alive()?;
        Ok(self.inode().len())
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk.begin(Operation::Append(self.path.clone(), bytes.len()))?;
        let room = {
            let state = self.disk.state();
            state.capacity.map(|capacity| capacity.saturating_sub(state.used()))
        };
        let fits = room.map_or(bytes.len(), |room| usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
        self.inode().append(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.state().alive()?;
        let inode = self.inode();
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| inode.contents().get(start..start.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.begin(Operation::Truncate(self.path.clone(), len))?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.inode().truncate(len);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let result = self.disk.begin(Operation::Sync(self.path.clone()));
        match &result {
            Ok(()) => self.inode().sync(),
            Err(_) if self.disk.state().alive().is_ok() => self.inode().lose(),
            // Killed before the call: the pages may still reach the disk.
            Err(_) => {}
        }
        result
    }
}
