//! Taking over a snapshot of another node.

use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{ChunkVerdict, Fatal, Offer, RestoreProgress, SnapshotInfo, TrustedState};
use plume_state::{Backend, ChangeSet, Manifest, Overlay, Restore, RestoreRefused, SNAPSHOT_FORMAT, StateView, Store};

use crate::chain::fatal;
use crate::records;
use crate::snapshots::claims::{Claims, InvalidClaims, array};
use crate::snapshots::folder;

/// A snapshot that was accepted and is not complete.
pub(crate) struct Restoring {
    restore: Restore,
    info: SnapshotInfo,
    trusted: TrustedState,
    claims: Claims,
}

/// `trusted` names a time.
const HAS_TIME: u8 = 1;
/// `trusted` names validators.
const HAS_VALIDATORS: u8 = 2;

impl Restoring {
    /// Judges an offer; begins, or goes on with the same one.
    pub fn begin(
        backend: &Arc<dyn Backend>,
        stores: &[Store],
        info: &SnapshotInfo,
        trusted: &TrustedState,
    ) -> Result<Result<Self, Offer>, Fatal> {
        let reject = |reason: String| Ok(Err(Offer::Reject(reason)));
        if info.format != SNAPSHOT_FORMAT {
            let reason = format!("format {} is not known, {SNAPSHOT_FORMAT} is", info.format);
            return Ok(Err(Offer::RejectFormat(reason)));
        }
        let app_hash = match app_hash(trusted) {
            Ok(app_hash) => app_hash,
            Err(reason) => return reject(reason),
        };
        let (claims, manifest) = match parse(info, trusted) {
            Ok(parsed) => parsed,
            Err(reason) => return reject(reason),
        };
        let description = describe(info, trusted);
        match Restore::begin(backend.clone(), stores, manifest, app_hash, &description).map_err(fatal)? {
            Ok(restore) => Ok(Ok(Self { restore, info: info.clone(), trusted: trusted.clone(), claims })),
            Err(refused @ RestoreRefused::NotEmpty(_)) => Ok(Err(Offer::Abort(refused.to_string()))),
            Err(refused) => reject(refused.to_string()),
        }
    }

    /// What the backend holds of a snapshot; `None` when there is nothing, or nothing that this version understands.
    pub fn resume(backend: &Arc<dyn Backend>, stores: &[Store]) -> Result<Option<Self>, Fatal> {
        let Some(begun) = backend.restoring().map_err(fatal)? else { return Ok(None) };
        let resumed = read_description(&begun.description).and_then(|(info, trusted)| {
            let app_hash = app_hash(&trusted)?;
            let (claims, manifest) = parse(&info, &trusted)?;
            let restore = Restore::resume(backend.clone(), stores, manifest, app_hash, &begun.parts);
            Ok(Self { restore: restore.map_err(|e| e.to_string())?, info, trusted, claims })
        });
        match resumed {
            Ok(resumed) => Ok(Some(resumed)),
            Err(reason) => {
                tracing::warn!(reason, "a snapshot that was being taken over is discarded: this version cannot go on");
                backend.restore_discard().map_err(fatal)?;
                Ok(None)
            }
        }
    }

    pub fn progress(&self) -> RestoreProgress {
        RestoreProgress {
            snapshot: self.info.clone(),
            trusted: self.trusted.clone(),
            missing: self.restore.missing().iter().copied().collect(),
        }
    }

    pub fn is_whole(&self) -> bool {
        self.restore.missing().is_empty()
    }

    /// Verifies and keeps a chunk.
    pub fn apply(&mut self, index: u32, chunk: &Bytes) -> Result<ChunkVerdict, Fatal> {
        match self.restore.apply(index, chunk).map_err(fatal)? {
            Ok(()) => Ok(ChunkVerdict::Applied),
            Err(invalid) => Ok(ChunkVerdict::Refused(invalid.to_string())),
        }
    }

    /// Makes the state durable at its height, with the records that stand outside the app hash. `empty` is the state before
    /// the first block.
    pub fn finish(self, empty: Arc<dyn StateView>) -> Result<(), Fatal> {
        let mut overlay = Overlay::new(empty);
        records::write_origin(&mut overlay, &self.claims.origin)?;
        records::write_time(&mut overlay, self.claims.time)?;
        records::update_validators(&mut overlay, &self.claims.validators)?;
        let local: ChangeSet = overlay.into_changes();
        self.restore.finish(&local).map_err(fatal)
    }
}

fn app_hash(trusted: &TrustedState) -> Result<[u8; 32], String> {
    let len = trusted.app_hash.len();
    <[u8; 32]>::try_from(&trusted.app_hash[..]).map_err(|_| format!("the trusted app hash has {len} bytes, not 32"))
}

/// Reads the metadata and checks what it says of itself and of the chain.
fn parse(info: &SnapshotInfo, trusted: &TrustedState) -> Result<(Claims, Manifest), String> {
    if folder::hash(&info.metadata) != info.hash {
        return Err("the snapshot's hash is not that of its metadata".to_owned());
    }
    let (claims, manifest) = Claims::decode(&info.metadata).map_err(|e| e.to_string())?;
    let manifest = Manifest::decode(manifest).map_err(|e| e.to_string())?;
    if (manifest.height(), manifest.chunks()) != (info.height.get(), info.chunks) {
        return Err(format!(
            "offered as {} chunks of height {}, the metadata says {} of height {}",
            info.chunks,
            info.height,
            manifest.chunks(),
            manifest.height()
        ));
    }
    if info.height < trusted.initial_height {
        return Err(format!("height {} comes before the chain's first block {}", info.height, trusted.initial_height));
    }
    claims.require(trusted).map_err(|e| e.to_string())?;
    Ok((claims, manifest))
}

/// What survives a restart: which facts were verified, the app hash, the metadata. The facts themselves stand in the
/// metadata, which was found to agree with them.
fn describe(info: &SnapshotInfo, trusted: &TrustedState) -> Vec<u8> {
    let time = trusted.time.map_or(0, |_| HAS_TIME);
    let mut out = vec![time | trusted.validators.as_ref().map_or(0, |_| HAS_VALIDATORS)];
    out.extend_from_slice(&trusted.app_hash);
    out.extend_from_slice(&info.metadata);
    out
}

fn read_description(raw: &Bytes) -> Result<(SnapshotInfo, TrustedState), String> {
    let text = |e: InvalidClaims| e.to_string();
    let mut rest = &raw[..];
    let [flags] = array(&mut rest).map_err(text)?;
    let app_hash = array::<32>(&mut rest).map_err(text)?;
    let info = folder::describe(raw.slice_ref(rest))?;
    let (claims, _) = Claims::decode(&info.metadata).map_err(text)?;
    let trusted = TrustedState {
        app_hash: Bytes::copy_from_slice(&app_hash),
        chain_id: claims.origin.chain_id,
        initial_height: claims.origin.initial_height,
        time: (flags & HAS_TIME != 0).then_some(claims.time),
        validators: (flags & HAS_VALIDATORS != 0).then_some(claims.validators),
    };
    Ok((info, trusted))
}
