//! Writing snapshots while blocks go on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::Mutex;
use plume_engine::{Fatal, SnapshotInfo};
use plume_primitives::Height;
use plume_state::{PinnedVersion, StateError, StateReader};

use crate::SnapshotConfig;
use crate::chain::fatal;
use crate::snapshots::claims::Claims;
use crate::snapshots::folder::{self, SnapshotFolder};

/// Writes a snapshot at each multiple of the interval, one at a time.
pub(crate) struct SnapshotWriter {
    folder: Option<Arc<SnapshotFolder>>,
    config: SnapshotConfig,
    thread: Mutex<Option<JoinHandle<()>>>,
    stopped: Arc<AtomicBool>,
}

impl SnapshotWriter {
    pub fn new(folder: Option<Arc<SnapshotFolder>>, config: SnapshotConfig) -> Self {
        Self { folder, config, thread: Mutex::default(), stopped: Arc::default() }
    }

    /// Starts a snapshot of the block just committed, if it is due. A snapshot that is still being written when the next
    /// is due has precedence. Failing (a full disk) costs the snapshot, not the node.
    pub fn after_commit(&self, height: Height, state: &StateReader) {
        let Some(folder) = self.folder.clone() else { return };
        if height.get().checked_rem(self.config.interval) != Some(0) {
            return;
        }
        let mut thread = self.thread.lock();
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            tracing::warn!(%height, "no snapshot: the one before is still being written");
            return;
        }
        let pinned = match state.pin(height.get()) {
            Ok(pinned) => pinned,
            Err(error) => return tracing::warn!(%height, %error, "no snapshot"),
        };
        let (config, stopped) = (self.config.clone(), self.stopped.clone());
        let work = move || {
            let written = write(&folder, pinned, config.chunk_bytes, &stopped);
            let written = written.and_then(|info| {
                folder.prune(config.keep_recent).map_err(|e| failed(&e))?;
                Ok(info)
            });
            match written {
                Ok(info) => tracing::info!(height = %info.height, chunks = info.chunks, "snapshot written"),
                Err(_) if stopped.load(Ordering::Acquire) => {}
                Err(error) => tracing::warn!(%height, %error, "no snapshot"),
            }
        };
        match std::thread::Builder::new().name("state-snapshot".to_owned()).spawn(work) {
            Ok(started) => *thread = Some(started),
            Err(error) => tracing::warn!(%height, %error, "no snapshot: a thread cannot be started"),
        }
    }

    /// Gives up what is being written and waits until its thread holds nothing of the state.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let running = self.thread.lock().take();
        if let Some(thread) = running
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes snapshots panicked");
        }
        self.stopped.store(false, Ordering::Release);
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes a snapshot of a height now, unless there is one.
pub(crate) fn take(
    folder: &SnapshotFolder,
    state: &StateReader,
    height: Height,
    chunk_bytes: u32,
) -> Result<SnapshotInfo, Fatal> {
    if let Some(info) = folder.get(height) {
        return Ok(info);
    }
    write(folder, state.pin(height.get()).map_err(fatal)?, chunk_bytes, &AtomicBool::new(false))
}

/// Writes the snapshot of a version, a chunk in memory at a time.
fn write(
    folder: &SnapshotFolder,
    pinned: PinnedVersion,
    chunk_bytes: u32,
    stopped: &AtomicBool,
) -> Result<SnapshotInfo, Fatal> {
    let mut metadata = Vec::new();
    Claims::read(&pinned.snapshot())?.encode(&mut metadata)?;
    let export = pinned.export(chunk_bytes).map_err(fatal)?;
    metadata.extend_from_slice(&export.manifest().encode());
    let info = folder::describe(Bytes::from(metadata)).map_err(Fatal::new)?;
    let new = folder.begin(info.height).map_err(|e| failed(&e))?;
    let chunks = export.write(&mut |index, chunk| {
        if stopped.load(Ordering::Acquire) {
            return Err(StateError::backend("the node is stopping"));
        }
        new.chunk(index, &chunk).map_err(|e| StateError::backend(e.to_string()))
    });
    if let Err(error) = chunks {
        new.give_up().map_err(|e| failed(&e))?;
        return Err(fatal(error));
    }
    new.finish(info.clone()).map_err(|e| failed(&e))?;
    Ok(info)
}

fn failed(error: &io::Error) -> Fatal {
    Fatal::new(format!("snapshot folder: {error}"))
}
