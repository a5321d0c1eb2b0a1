//! Taking over a state, chunk by chunk, into an empty backend.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::backend::{Backend, CommittedBlock, RestorePart};
use crate::hash::Hash;
use crate::transfer::chunk::{InvalidChunk, verify_chunk};
use crate::transfer::manifest::{InvalidManifest, Manifest};
use crate::{Change, ChangeSet, StateError, Store, StoreDelta};

/// A state that is being taken over from a snapshot. Progress is in the backend: dropping this and
/// [resuming](Self::resume), also in another process, loses nothing.
///
/// The order is: [`begin`](Self::begin), [`apply`](Self::apply) for each chunk in any order, [`finish`](Self::finish), then
/// `State::open` on the same backend. Before `finish` the backend is empty to `State::open`.
pub struct Restore {
    backend: Arc<dyn Backend>,
    manifest: Manifest,
    app_hash: Hash,
    /// The store of each entry of the manifest.
    committed: Vec<Store>,
    /// All stores that exist afterwards.
    stores: Arc<[Store]>,
    missing: BTreeSet<u32>,
}

/// Why a snapshot cannot be taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreRefused {
    /// The manifest does not belong to the app hash.
    #[error(transparent)]
    Manifest(#[from] InvalidManifest),
    /// A store that this binary does not have: its state was written by another version.
    #[error("the snapshot has the committed store {0}, which this binary does not know")]
    UnknownStore(String),
    /// The backend has blocks.
    #[error("there is a state of height {0} already")]
    NotEmpty(u64),
}

impl Restore {
    /// Begins to take over the state of `manifest`, or goes on when the backend holds parts of the same with the same
    /// `description`; parts of another one are forgotten. `stores` are all that the binary has, as for `State::open`.
    ///
    /// `description` is the caller's: [`Backend::restoring`] gives it back after a restart, for [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the backend failed. The inner error refuses the snapshot; nothing has been written then.
    pub fn begin(
        backend: Arc<dyn Backend>,
        stores: &[Store],
        manifest: Manifest,
        app_hash: Hash,
        description: &[u8],
    ) -> Result<Result<Self, RestoreRefused>, StateError> {
        if let Some(durable) = backend.durable()? {
            return Ok(Err(RestoreRefused::NotEmpty(durable.height)));
        }
        let mut restore = match Self::new(backend, stores, manifest, app_hash) {
            Ok(restore) => restore,
            Err(refused) => return Ok(Err(refused)),
        };
        match restore.backend.restoring()? {
            Some(begun) if begun.description == description => restore.keep(&begun.parts),
            _ => {
                let parts = restore.manifest.chunks();
                restore.backend.restore_begin(description, &restore.stores, parts)?;
            }
        }
        Ok(Ok(restore))
    }

    /// Goes on with what [`Backend::restoring`] says was begun; the caller has got manifest and app hash from the description.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn resume(
        backend: Arc<dyn Backend>,
        stores: &[Store],
        manifest: Manifest,
        app_hash: Hash,
        parts: &BTreeSet<u32>,
    ) -> Result<Self, RestoreRefused> {
        let mut restore = Self::new(backend, stores, manifest, app_hash)?;
        restore.keep(parts);
        Ok(restore)
    }

    fn new(
        backend: Arc<dyn Backend>,
        stores: &[Store],
        manifest: Manifest,
        app_hash: Hash,
    ) -> Result<Self, RestoreRefused> {
        manifest.require_app_hash(app_hash)?;
        let find = |name: &str| stores.iter().copied().find(|store| store.is_committed() && store.name() == name);
        let mut committed = Vec::with_capacity(manifest.stores().len());
        for store in manifest.stores() {
            committed.push(find(&store.name).ok_or_else(|| RestoreRefused::UnknownStore(store.name.clone()))?);
        }
        let local = stores.iter().copied().filter(|store| store.is_persisted() && !store.is_committed());
        let mut existing: Vec<Store> = committed.iter().copied().chain(local).collect();
        existing.sort();
        let missing = (0..manifest.chunks()).collect();
        Ok(Self { backend, manifest, app_hash, committed, stores: existing.into(), missing })
    }

    fn keep(&mut self, parts: &BTreeSet<u32>) {
        self.missing.retain(|index| !parts.contains(index));
    }

    /// The height whose state is taken over.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.manifest.height()
    }

    /// The chunks still missing.
    #[must_use]
    pub fn missing(&self) -> &BTreeSet<u32> {
        &self.missing
    }

    /// Verifies a chunk and keeps its records. A chunk that is kept already is verified again and nothing more.
    ///
    /// # Errors
    /// [`StateError::Fatal`] when the backend failed. The inner error refuses the chunk; nothing of it was kept.
    pub fn apply(&mut self, index: u32, raw: &Bytes) -> Result<Result<(), InvalidChunk>, StateError> {
        let mut chunk = match verify_chunk(&self.manifest, index, raw) {
            Ok(chunk) => chunk,
            Err(invalid) => return Ok(Err(invalid)),
        };
        if !self.missing.contains(&index) {
            return Ok(Ok(()));
        }
        let place = self.manifest.stores().iter().position(|store| store.name == chunk.store);
        let store = place.and_then(|place| self.committed.get(place)).copied();
        let store =
            store.ok_or_else(|| StateError::backend(format!("no store {} is being taken over", chunk.store)))?;
        chunk.records.sort_unstable();
        self.backend.restore_part(RestorePart { index, store, records: chunk.records })?;
        self.missing.remove(&index);
        Ok(Ok(()))
    }

    /// Makes the whole the backend's state, with `local` as the records of local stores: no snapshot holds them, because
    /// nothing proves them.
    ///
    /// # Errors
    /// [`StateError::Fatal`]: chunks are missing, a write to another than a local store, or the backend failed.
    pub fn finish(self, local: &ChangeSet) -> Result<(), StateError> {
        if let Some(first) = self.missing.first() {
            return Err(StateError::backend(format!("chunk {first} of the snapshot is missing")));
        }
        let mut deltas = Vec::new();
        for (store, writes) in local.stores() {
            if !self.stores.contains(&store) || store.is_committed() {
                return Err(StateError::misuse(store, "only local stores are filled at the end of a restore"));
            }
            let mut changes = Vec::with_capacity(writes.len());
            for (key, value) in writes {
                crate::kv::require_writable(store, key, value.as_deref())?;
                changes.push(Change { key, old: None, new: value.as_deref() });
            }
            changes.retain(|change| change.new.is_some());
            deltas.push(Arc::new(StoreDelta::from_changes(store, changes)));
        }
        self.backend.restore_finish(CommittedBlock {
            height: self.manifest.height(),
            previous_height: 0,
            app_hash: self.app_hash,
            stores: self.stores,
            deltas,
        })
    }
}
