//! Which blocks the engine is told to keep.

use std::sync::Arc;

use plume_chain::{ChainConfig, SnapshotConfig, plume_modules};
use plume_engine::{Executor, Genesis};
use plume_primitives::Height;
use plume_state::MemoryBackend;

use crate::support::*;

/// The retain heights of ten commits.
fn retained(min_retain_blocks: u64, evidence: i64, interval: u64) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = SnapshotConfig {
        folder: Some(folder.path().to_owned()),
        interval,
        keep_recent: 2,
        ..SnapshotConfig::default()
    };
    let config = ChainConfig { min_retain_blocks, snapshots, ..ChainConfig::default() };
    let mut params = consensus_params(-1);
    params.evidence.as_mut().unwrap().max_age_num_blocks = evidence;
    let document = Genesis { consensus_params: params, ..genesis(&app_state(&standard_accounts())) };
    let mut net = Net::on(config, plume_modules(), Arc::new(MemoryBackend::new()), &document);
    let mut commit = || {
        let block = net.blocks.next(Vec::new());
        net.chain.finalize(&block).unwrap();
        let committed = net.chain.commit().unwrap();
        assert_eq!(net.reader.retain_height(), committed.retain_height);
        committed.retain_height
    };
    (0..10).map(|_| commit()).map(Height::get).collect()
}

#[test]
fn the_engine_keeps_what_operator_evidence_and_snapshots_need() {
    assert_eq!(retained(0, 1, 0), [0; 10]);
    assert_eq!(retained(3, 1, 0), [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(retained(1, 5, 0), [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]);
    assert_eq!(retained(1, 5, 4), [0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
}
