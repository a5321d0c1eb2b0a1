//! Checkpoint files: opaque sections guarded by checksums, replaced as a whole.
//!
//! ```text
//! "plume-tree 1\n"  height(u64)  app hash(32)  sections(u32)          header, then its CRC-32
//! per section:      name length(u16)  name  CRC-32 of both
//!                   per chunk: length(u32, not 0)  CRC-32  bytes
//!                   0(u32)
//! "end\n"           number of chunks(u64)  CRC-32 of all chunk CRCs
//! ```
//! All integers big endian. The file is written under a temporary name, synced and renamed.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use plume_state::{Checkpoint, ChunkIter, StateError, StoredCheckpoint};

use crate::{backend::Shared, failpoint, open::sync_dir};

const MAGIC: &[u8; 13] = b"plume-tree 1\n";
const END: &[u8; 4] = b"end\n";
/// Longest chunk that is believed; writers make them a few MiB.
const MAX_CHUNK: usize = 1 << 30;
/// Bytes that are made room for before they are read.
const ROOM: usize = 1 << 20;

/// Writes a checkpoint beside the older ones.
pub(crate) fn write(shared: &Shared, checkpoint: Checkpoint<'_>) -> Result<(), StateError> {
    let folder = shared.tree_dir();
    let height = checkpoint.height;
    let temporary = folder.join(format!("{height:020}.tmp"));
    let result = write_file(&temporary, checkpoint).and_then(|()| {
        failpoint::hit(failpoint::CHECKPOINT_BEFORE_RENAME);
        let _files = shared.checkpoints.lock();
        fs::rename(&temporary, folder.join(format!("{height:020}.tree"))).and_then(|()| sync_dir(&folder)).map_err(disk)
    });
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    failpoint::hit(failpoint::CHECKPOINT_RENAMED);
    result
}

fn write_file(path: &Path, checkpoint: Checkpoint<'_>) -> Result<(), StateError> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(disk)?);
    let sections =
        u32::try_from(checkpoint.sections.len()).map_err(|_| StateError::backend("too many checkpoint sections"))?;
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&checkpoint.height.to_be_bytes());
    header.extend_from_slice(&checkpoint.app_hash);
    header.extend_from_slice(&sections.to_be_bytes());
    put_guarded(&mut file, &header).map_err(disk)?;
    let mut total = crc32fast::Hasher::new();
    let mut chunks = 0u64;
    for (name, section) in checkpoint.sections {
        let len = u16::try_from(name.len()).map_err(|_| StateError::backend("checkpoint section name too long"))?;
        put_guarded(&mut file, &[&len.to_be_bytes(), name.as_bytes()].concat()).map_err(disk)?;
        for chunk in section {
            let chunk = chunk?;
            let len = u32::try_from(chunk.len()).ok().filter(|_| chunk.len() <= MAX_CHUNK);
            let len = len.ok_or_else(|| StateError::backend("checkpoint chunk too long"))?;
            if len == 0 {
                return Err(StateError::backend("empty checkpoint chunk"));
            }
            let sum = crc32fast::hash(&chunk).to_be_bytes();
            total.update(&sum);
            chunks = chunks.saturating_add(1);
            file.write_all(&len.to_be_bytes())
                .and_then(|()| file.write_all(&sum))
                .and_then(|()| file.write_all(&chunk))
                .map_err(disk)?;
            failpoint::hit(failpoint::CHECKPOINT_PARTIAL);
        }
        file.write_all(&0u32.to_be_bytes()).map_err(disk)?;
    }
    file.write_all(END)
        .and_then(|()| file.write_all(&chunks.to_be_bytes()))
        .and_then(|()| file.write_all(&total.finalize().to_be_bytes()))
        .and_then(|()| file.flush())
        .and_then(|()| file.get_ref().sync_all())
        .map_err(disk)
}

fn put_guarded(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.write_all(&crc32fast::hash(bytes).to_be_bytes())
}

/// The newest whole checkpoint at or below the durable height whose app hash is that of its block.
pub(crate) fn read_newest(shared: &Shared) -> Result<Option<StoredCheckpoint>, StateError> {
    let _files = shared.checkpoints.lock();
    let durable = shared.durable_height.load(std::sync::atomic::Ordering::Acquire);
    let mut heights = heights(shared)?;
    heights.sort_unstable();
    for height in heights.into_iter().rev().filter(|height| *height <= durable) {
        let path = path_of(shared, height);
        match verify(&path) {
            Ok(index) if index.height == height && belongs(shared, &index)? => {
                return index.open(&path).map(Some).map_err(disk);
            }
            Ok(_) => tracing::warn!(path = %path.display(), "checkpoint belongs to another history, ignored"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "checkpoint is damaged, ignored"),
        }
    }
    Ok(None)
}

/// Whether the block of that height, if its record still exists, has the checkpoint's app hash.
fn belongs(shared: &Shared, index: &Index) -> Result<bool, StateError> {
    let record = shared.record_at_or_below(index.height)?;
    Ok(record.is_none_or(|(height, record)| height != index.height || record.app_hash == index.app_hash))
}

/// Removes every checkpoint that a newer one at or below `durable` replaces; the height of that newer one.
pub(crate) fn keep_newest(shared: &Shared, durable: u64) -> Result<Option<u64>, StateError> {
    let _files = shared.checkpoints.lock();
    let heights = heights(shared)?;
    let newest = heights.iter().copied().filter(|height| *height <= durable).max();
    for height in heights.into_iter().filter(|height| newest.is_some_and(|newest| *height < newest)) {
        fs::remove_file(path_of(shared, height)).map_err(disk)?;
    }
    Ok(newest)
}

/// Removes the checkpoints above a height, durably.
pub(crate) fn remove_above(shared: &Shared, height: u64) -> Result<(), StateError> {
    let _files = shared.checkpoints.lock();
    for other in heights(shared)?.into_iter().filter(|other| *other > height) {
        fs::remove_file(path_of(shared, other)).map_err(disk)?;
    }
    sync_dir(&shared.tree_dir()).map_err(disk)
}

/// Removes temporary files that a crash has left.
pub(crate) fn remove_unfinished(shared: &Shared) -> io::Result<()> {
    let folder = shared.tree_dir();
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn path_of(shared: &Shared, height: u64) -> PathBuf {
    shared.tree_dir().join(format!("{height:020}.tree"))
}

fn heights(shared: &Shared) -> Result<Vec<u64>, StateError> {
    let mut heights = vec![];
    for entry in fs::read_dir(shared.tree_dir()).map_err(disk)? {
        let name = entry.map_err(disk)?.file_name();
        let height: Option<u64> =
            name.to_str().and_then(|name| name.strip_suffix(".tree")).and_then(|name| name.parse().ok());
        heights.extend(height);
    }
    Ok(heights)
}

/// Where the sections of a verified file are.
#[derive(Debug)]
struct Index {
    height: u64,
    app_hash: [u8; 32],
    /// Name and offset of each section's first chunk.
    sections: Vec<(String, u64)>,
}

impl Index {
    fn open(self, path: &Path) -> io::Result<StoredCheckpoint> {
        let mut sections: Vec<(String, ChunkIter<'static>)> = Vec::with_capacity(self.sections.len());
        for (name, offset) in self.sections {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            let chunks = Chunks { file: BufReader::with_capacity(1 << 20, file), ended: false };
            sections.push((name, Box::new(chunks)));
        }
        Ok(StoredCheckpoint { height: self.height, app_hash: self.app_hash, sections })
    }
}

/// The chunks of one section, read from its own handle.
struct Chunks {
    file: BufReader<File>,
    ended: bool,
}

impl Iterator for Chunks {
    type Item = Result<Vec<u8>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut chunk = vec![];
        match read_chunk(&mut self.file, &mut chunk) {
            Ok(Some(_)) => Some(Ok(chunk)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(disk(error)))
            }
        }
    }
}

/// Reads the whole file and checks every sum.
fn verify(path: &Path) -> io::Result<Index> {
    let file = File::open(path)?;
    let whole = file.metadata()?.len();
    let mut file = Counted { inner: BufReader::with_capacity(1 << 20, file), at: 0 };
    let mut header = [0; 57];
    read_guarded(&mut file, &mut header)?;
    let Some((height, rest)) = header.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<8>()) else {
        return Err(damaged("not a checkpoint of this format"));
    };
    let Some((app_hash, count)) = rest.split_first_chunk::<32>() else { return Err(damaged("short header")) };
    let count = u32::from_be_bytes(count.try_into().map_err(|_| damaged("short header"))?);
    let mut sections = vec![];
    let mut total = crc32fast::Hasher::new();
    let mut chunks = 0u64;
    let mut chunk = vec![];
    for _ in 0..count {
        let name = read_name(&mut file)?;
        sections.push((name, file.at));
        while let Some(sum) = read_chunk(&mut file, &mut chunk)? {
            total.update(&sum);
            chunks = chunks.saturating_add(1);
        }
    }
    let mut end = [0; 16];
    file.read_exact(&mut end)?;
    let expected = [&END[..], &chunks.to_be_bytes(), &total.finalize().to_be_bytes()].concat();
    if end[..] != expected[..] || file.at != whole {
        return Err(damaged("the end does not match the chunks"));
    }
    Ok(Index { height: u64::from_be_bytes(*height), app_hash: *app_hash, sections })
}

fn read_guarded(file: &mut impl Read, into: &mut [u8]) -> io::Result<()> {
    let mut sum = [0; 4];
    file.read_exact(into)?;
    file.read_exact(&mut sum)?;
    if crc32fast::hash(into).to_be_bytes() == sum { Ok(()) } else { Err(damaged("checksum mismatch")) }
}

fn read_name(file: &mut impl Read) -> io::Result<String> {
    let mut len = [0; 2];
    file.read_exact(&mut len)?;
    let mut guarded = len.to_vec();
    guarded.resize(usize::from(u16::from_be_bytes(len)).saturating_add(2), 0);
    let mut sum = [0; 4];
    file.read_exact(guarded.get_mut(2..).unwrap_or_default())?;
    file.read_exact(&mut sum)?;
    if crc32fast::hash(&guarded).to_be_bytes() != sum {
        return Err(damaged("checksum mismatch"));
    }
    String::from_utf8(guarded.split_off(2)).map_err(|_| damaged("section name is not text"))
}

/// Reads a chunk and checks its sum, which it returns; `None` at the end of the section.
fn read_chunk(file: &mut impl Read, chunk: &mut Vec<u8>) -> io::Result<Option<[u8; 4]>> {
    let mut len = [0; 4];
    file.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len == 0 {
        return Ok(None);
    }
    let mut sum = [0; 4];
    file.read_exact(&mut sum)?;
    chunk.clear();
    // Room for a whole chunk at once where the length is plausible; `take` bounds what a damaged one can make us allocate by
    // what the file really holds.
    chunk.reserve(usize::try_from(len).unwrap_or(usize::MAX).min(ROOM));
    let read = file.take(u64::from(len)).read_to_end(chunk)?;
    if u32::try_from(read) != Ok(len) || crc32fast::hash(chunk).to_be_bytes() != sum {
        return Err(damaged("checksum mismatch"));
    }
    Ok(Some(sum))
}

/// Knows how far it has read.
struct Counted<R> {
    inner: R,
    at: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(0));
        Ok(read)
    }
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn disk(error: io::Error) -> StateError {
    StateError::backend(format!("checkpoint: {error}"))
}
