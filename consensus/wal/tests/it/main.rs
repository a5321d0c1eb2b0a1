//! The log as its users see it, on a disk that fails.

mod crashes;
mod log;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use plume_wal::{Disk, Options, Recovery, Wal, WalError};

const DIR: &str = "/data/log";

/// Small segments, so that few records make several.
fn options() -> Options {
    Options { segment_bytes: 300, max_record_bytes: 1000, first_index: 0 }
}

fn open(disk: &(impl Disk + Clone + 'static)) -> Result<(Wal, Recovery), WalError> {
    Wal::open(Arc::new(disk.clone()), DIR, options())
}

/// Payload number `n`: its length and bytes tell it from others.
fn payload(n: u64) -> Bytes {
    let len = usize::try_from(n * 37 % 90).expect("below 90");
    [n.to_le_bytes().as_slice(), &vec![n as u8; len]].concat().into()
}

fn payloads(range: std::ops::Range<u64>) -> Vec<Bytes> {
    range.map(payload).collect()
}

fn contents(wal: &Wal) -> Vec<Bytes> {
    wal.read(wal.first_index()..wal.next_index()).expect("all is readable")
}

fn segment(number: u64) -> std::path::PathBuf {
    Path::new(DIR).join(format!("{number:016}.wal"))
}
