//! An append-only log on disk with checksums, over a file system that tests can make fail.

mod atomic;
mod disk;
mod faulty;
mod real;
mod record;
mod recovery;
mod segment;
mod wal;

pub use atomic::{AtomicWriteError, atomic_write, remove_leftover};
pub use disk::{Disk, DiskFile, DiskLock};
pub use faulty::{FaultyDisk, Operation};
pub use real::RealDisk;
pub use recovery::Recovery;
pub use wal::{Options, Wal, WalError};
