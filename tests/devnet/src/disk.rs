//! A real disk with faults that a file in the node's home plans, for `devnet-node`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plume_wal::{Disk, DiskFile, DiskLock, RealDisk};

/// `EIO`, what a sync answers when the device has lost a write.
const INPUT_OUTPUT_ERROR: i32 = 5;

/// What a disk does wrong, from its next operation on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Every sync takes this much longer.
    Slow(Duration),
    /// The next sync of a file or folder with this text in its path fails, those after it succeed. What was written to
    /// the file since the sync before is gone, as after a kernel that has dropped the pages.
    FailSync(String),
    /// Nothing more can be written, until the fault is taken away.
    Full,
}

impl Fault {
    /// What the file in the home says.
    fn to_text(&self) -> String {
        match self {
            Self::Slow(time) => format!("slow {}", time.as_millis()),
            Self::FailSync(part) => format!("fail-sync {part}"),
            Self::Full => "full".to_owned(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some(("slow", time)) => Some(Self::Slow(Duration::from_millis(time.parse().ok()?))),
            Some(("fail-sync", part)) => Some(Self::FailSync(part.to_owned())),
            None if text == "full" => Some(Self::Full),
            _ => None,
        }
    }

    /// Plans it for the node of this home, in place of an earlier one.
    ///
    /// # Panics
    /// When the home cannot be written.
    pub fn plan(&self, home: &Path) {
        let (file, temporary) = (plan_file(home), home.join("disk-fault.new"));
        std::fs::write(&temporary, self.to_text()).expect("writable home");
        // In one step: the node reads it at any moment.
        std::fs::rename(temporary, file).expect("writable home");
    }

    /// The disk of this home is whole again. A sync that was planned to fail may not have come.
    pub fn none(home: &Path) {
        let _ = std::fs::remove_file(plan_file(home));
    }
}

fn plan_file(home: &Path) -> PathBuf {
    home.join("disk-fault")
}

/// The file system of the machine, with the faults planned for a home.
#[derive(Debug, Clone)]
pub struct PlannedDisk {
    plan: PathBuf,
}

impl PlannedDisk {
    /// The disk of the node with this home.
    pub fn new(home: &Path) -> Self {
        Self { plan: plan_file(home) }
    }

    fn fault(&self) -> Option<Fault> {
        std::fs::read_to_string(&self.plan).ok().and_then(|text| Fault::parse(&text))
    }

    fn require_room(&self) -> io::Result<()> {
        if self.fault() == Some(Fault::Full) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Takes its time, or fails, before a sync of `path`.
    fn before_sync(&self, path: &Path) -> io::Result<()> {
        match self.fault() {
            Some(Fault::Slow(time)) => std::thread::sleep(time),
            // Whoever removes the plan has the fault: it comes once.
            Some(Fault::FailSync(part))
                if path.to_string_lossy().contains(&part) && std::fs::remove_file(&self.plan).is_ok() =>
            {
                return Err(io::Error::from_raw_os_error(INPUT_OUTPUT_ERROR));
            }
            _ => {}
        }
        Ok(())
    }

    fn file(&self, path: &Path, real: Arc<dyn DiskFile>) -> io::Result<Arc<dyn DiskFile>> {
        let synced = AtomicU64::new(real.len()?);
        Ok(Arc::new(PlannedFile { disk: self.clone(), path: path.to_owned(), real, synced }))
    }
}

impl Disk for PlannedDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(path, RealDisk.create(path)?)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(path, RealDisk.open(path)?)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.before_sync(dir)?;
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        RealDisk.lock(path)
    }
}

#[derive(Debug)]
struct PlannedFile {
    disk: PlannedDisk,
    path: PathBuf,
    real: Arc<dyn DiskFile>,
    /// Its length at the last sync.
    synced: AtomicU64,
}

impl DiskFile for PlannedFile {
    fn len(&self) -> io::Result<u64> {
        self.real.len()
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk.require_room()?;
        self.real.append(bytes)
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.real.read_exact_at(offset, buffer)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.synced.fetch_min(len, Ordering::Relaxed);
        self.real.truncate(len)
    }

    fn sync(&self) -> io::Result<()> {
        if let Err(error) = self.disk.before_sync(&self.path) {
            self.real.truncate(self.synced.load(Ordering::Relaxed))?;
            return Err(error);
        }
        self.real.sync()?;
        self.synced.store(self.real.len()?, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_fault_comes_as_planned() {
        let folder = tempfile::tempdir().expect("temp dir");
        let (home, path) = (folder.path(), folder.path().join("log"));
        let disk = PlannedDisk::new(home);
        let file = disk.create(&path).expect("created");
        file.append(b"kept").expect("room");
        file.sync().expect("synced");

        Fault::FailSync("other".to_owned()).plan(home);
        file.append(b", lost").expect("room");
        let failing = Fault::FailSync("log".to_owned());
        assert_eq!(Fault::parse(&failing.to_text()), Some(failing.clone()));
        failing.plan(home);
        assert_eq!(file.sync().expect_err("planned").raw_os_error(), Some(INPUT_OUTPUT_ERROR));
        assert_eq!(disk.read(&path).expect("readable"), b"kept");
        file.sync().expect("only once");

        Fault::Full.plan(home);
        assert_eq!(file.append(b"more").expect_err("full").kind(), io::ErrorKind::StorageFull);
        Fault::none(home);
        file.append(b" and more").expect("room again");

        Fault::Slow(Duration::from_millis(30)).plan(home);
        let begin = std::time::Instant::now();
        disk.sync_dir(home).expect("synced");
        assert!(begin.elapsed() >= Duration::from_millis(30));
        assert_eq!(disk.read(&path).expect("readable"), b"kept and more");
    }
}
