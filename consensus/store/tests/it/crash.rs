use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plume_primitives::Height;
use plume_store::Order;
use tempfile::TempDir;

use crate::support::{Home, filled, open};

/// What a process that is killed now leaves behind.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        if entry.file_name() != "LOCK" {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

/// The database's log, which holds everything as long as no table file was written.
fn log_of(folder: &Path) -> PathBuf {
    let mut logs: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    logs.pop().expect("a log")
}

/// Cut anywhere, the log gives a store at some height, complete up to it, that goes on from there.
#[test]
fn a_store_cut_off_anywhere_is_whole() {
    let home = Home::new();
    let (store, mut chain, mut steps) = filled(&home, 8);
    store.wait_indexed(Height(8), Duration::from_secs(20)).expect("indexed");
    steps.push(chain.transfers(2));
    let target = TempDir::new().expect("a folder");
    let whole = target.path().join("whole");
    copy(&home.path(), &whole);
    let log = log_of(&whole);
    let length = fs::metadata(&log).expect("there").len();
    let mut heights = Vec::new();
    for cut in 0..24 {
        let folder = target.path().join(format!("cut-{cut}"));
        copy(&whole, &folder);
        let kept = if cut == 0 { length } else { length * (24 - cut) / 24 + cut % 7 };
        fs::File::options().write(true).open(log_of(&folder)).expect("a log").set_len(kept).expect("cut");
        let store = open(&folder);
        let height = store.height();
        heights.push(height.get());
        if let Some(state) = store.chain_state() {
            assert_eq!(state.last_block_height, height);
        }
        for step in steps.iter().filter(|step| step.block.height() <= height) {
            let at = step.block.height();
            assert_eq!(store.block(at).expect("the block"), step.block);
            assert_eq!(store.outcome(at).expect("the outcome"), step.outcome);
            assert_eq!(store.seen_commit(at).expect("the commit"), step.commit);
            assert!(store.tx(&step.block.tx_hashes()[1]).expect("read").is_some());
        }
        if store.chain_state().is_none() {
            continue;
        }
        assert_eq!(store.cursor().expect("read").is_some(), height > Height(0));
        let next = &steps[height.get() as usize];
        store.save(next.decided()).expect("goes on");
        let query = "message.action='send'".parse().expect("a query");
        let found = store.search_txs(&query, Order::Ascending, 1, 100).expect("found");
        assert_eq!(found.total as u64, 2 * (height.get() + 1), "each transaction is indexed once");
    }
    assert_eq!(heights[0], 8, "what was saved is there after a kill");
    assert!(heights.is_sorted_by(|a, b| a >= b) && heights.last() < Some(&3), "{heights:?}");
}
