//! Chunks and metadata of state snapshots, as an untrusted peer sends them.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig};
use plume_engine::{Executor, Offer, Reader, SnapshotInfo, TrustedState};
use plume_primitives::Height;
use plume_state::{
    ChangeSet, InvalidChunk, Manifest, MemoryBackend, State, StateConfig, StateOptions, Store, sha256, verify_chunk,
};

use crate::Features;

const BANK: Store = Store::committed("bank");
const EMPTY: Store = Store::committed("empty");
/// Selects metadata instead of a chunk.
const MANIFEST: u8 = 0xFF;
/// Selects an offer to a chain.
const OFFER: u8 = 0xFE;

/// A snapshot of a small state.
struct Served {
    manifest: Manifest,
    app_hash: [u8; 32],
    chunks: Vec<Bytes>,
}

fn serve() -> Served {
    let config = StateConfig { stores: vec![BANK, EMPTY], derivations: vec![], options: StateOptions::default() };
    let mut state = State::open(config, Arc::new(MemoryBackend::new())).expect("an empty state");
    let record = |n: u8| (BANK, Bytes::from(vec![b'k', n]), Some(Bytes::from(vec![n; usize::from(n) + 1])));
    let prepared = state.prepare(&ChangeSet::from_writes((0..24).map(record))).expect("valid");
    state.commit(prepared, 1).expect("commits");
    let export = state.reader().pin(1).expect("the latest").export(120).expect("small");
    let mut chunks = vec![];
    let mut keep = |_, chunk| {
        chunks.push(Bytes::from(chunk));
        Ok(())
    };
    export.write(&mut keep).expect("in memory");
    Served { manifest: export.manifest().clone(), app_hash: state.app_hash(), chunks }
}

thread_local! {
    static SERVED: Served = serve();
}

/// The claims in front of a manifest: chain `a`, initial height 1, no time, no validators.
const CLAIMS: &[u8] = b"\x01a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Inputs to begin with: every chunk, the manifest, an offer.
pub fn seeds() -> Vec<Vec<u8>> {
    SERVED.with(|served| {
        let chunks = (0..).zip(&served.chunks).map(|(index, chunk)| [&[index], &chunk[..]].concat());
        let manifest = served.manifest.encode();
        let others = [[&[MANIFEST], &manifest[..]].concat(), [&[OFFER], CLAIMS, &manifest[..]].concat()];
        chunks.chain(others).collect()
    })
}

/// What an untrusted peer sends: verified against a state that does not change, or offered to a chain without one.
pub fn snapshots(input: &[u8]) -> Features {
    let mut features = Features::default();
    let Some((what, raw)) = input.split_first() else { return features };
    let raw = Bytes::copy_from_slice(raw);
    SERVED.with(|served| match *what {
        MANIFEST => match Manifest::decode(&raw) {
            Ok(manifest) => {
                assert_eq!(manifest.encode(), raw, "a second encoding");
                features.note(format!("manifest {}", manifest.require_app_hash(served.app_hash).is_ok()));
                // Whatever its cuts: a chunk that passes for the true roots holds true records.
                if manifest.require_app_hash(served.app_hash).is_ok() {
                    for (index, chunk) in (0..).zip(&served.chunks) {
                        features.note(format!("chunk {}", verify_chunk(&manifest, index, chunk).is_ok()));
                    }
                }
            }
            Err(error) => features.outcome("manifest", 0, "", &error.to_string()),
        },
        OFFER => {
            let mut chain =
                Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).expect("an empty state");
            let chunks = served.manifest.chunks();
            let hash = Bytes::copy_from_slice(&sha256(&raw));
            let info = SnapshotInfo { height: Height(1), format: 1, chunks, hash, metadata: raw };
            let trusted = TrustedState {
                app_hash: Bytes::copy_from_slice(&served.app_hash),
                chain_id: "a".to_owned(),
                initial_height: Height(1),
                time: None,
                validators: None,
            };
            match chain.offer_snapshot(&info, &trusted).expect("an offer is never fatal") {
                // Names that the input makes up are no new outcome.
                Offer::Reject(reason) if reason.starts_with("the snapshot is of chain") => features.note("chain"),
                Offer::Reject(reason) => features.outcome("offer", 0, "", &reason),
                // The chain has no store `empty`.
                other => panic!("{other:?}"),
            }
            assert_eq!(chain.reader().info().height, Height::ZERO);
        }
        index => match verify_chunk(&served.manifest, u32::from(index), &raw) {
            Ok(chunk) => {
                assert_eq!(Some(&raw), served.chunks.get(usize::from(index)), "a forged chunk passes");
                features.note(format!("true {}", chunk.records.len()));
            }
            Err(InvalidChunk::OtherStore { .. }) => features.note("other store"),
            Err(error) => features.outcome("chunk", 0, "", &error.to_string()),
        },
    });
    features
}
