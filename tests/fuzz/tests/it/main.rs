//! A few seconds of each target, and that the driver finds what is wrong.

#![allow(clippy::disallowed_methods, reason = "outside the state machine")]

use std::time::Duration;

use parking_lot::Mutex;
use plume_fuzz::{Features, Kind, Options, Target, replay, run, target};
use tempfile::tempdir;

fn options(folder: &std::path::Path) -> Options {
    Options { time: Duration::from_secs(4), seed: 1, findings: folder.to_owned(), corpus: None, progress: None }
}

/// Panics are collected per process, so one target runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a target for some seconds.
fn smoke(name: &str, least_features: usize) {
    let _alone = ONE_AT_A_TIME.lock();
    let folder = tempdir().expect("folder");
    let report = run(&target(name).expect("a target"), &options(folder.path())).expect("the folder is writable");
    println!("{name}: {report}");
    // The hook that collects panics swallows what an assertion says.
    report.findings.iter().for_each(|finding| println!("{}", finding.what));
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    // What the seeds alone reach: if a target stops reaching the code that it is for, this fails.
    assert!(report.features >= least_features, "{report}");
}

#[test]
fn check_tx() {
    smoke("check_tx", 11);
}

#[test]
fn process_proposal() {
    smoke("process_proposal", 6);
}

#[test]
fn finalize_block() {
    smoke("finalize_block", 5);
}

#[test]
fn abci_frames() {
    smoke("abci_frames", 15);
}

#[test]
fn abci_server() {
    smoke("abci_server", 18);
}

#[test]
fn tx_decoder() {
    smoke("tx_decoder", 8);
}

#[test]
fn snapshots() {
    smoke("snapshots", 20);
}

#[test]
fn rpc_requests() {
    smoke("rpc_requests", 40);
}

#[test]
fn rpc_uri() {
    smoke("rpc_uri", 8);
}

#[test]
fn event_query() {
    smoke("event_query", 10);
}

#[test]
fn p2p_frames() {
    smoke("p2p_frames", 12);
}

#[test]
fn blocks() {
    smoke("blocks", 10);
}

#[test]
fn raft_wire() {
    smoke("raft_wire", 20);
}

/// Panics when a body has a memo of more than 20 bytes that begins with `x`: no seed has one.
fn fragile(input: &[u8]) -> Features {
    use plume_proto::Message;
    use plume_proto::cosmos::tx::v1beta1::{TxBody, TxRaw};
    let raw = TxRaw::decode(input).ok();
    let body = raw.and_then(|raw| TxBody::decode(raw.body_bytes.as_slice()).ok());
    assert!(!body.is_some_and(|body| body.memo.len() > 20 && body.memo.starts_with('x')), "the memo is too long");
    Features::default()
}

#[test]
fn the_driver_finds_a_planted_panic_and_saves_its_input() {
    let _alone = ONE_AT_A_TIME.lock();
    let folder = tempdir().expect("folder");
    let seeds = target("check_tx").expect("a target").seeds;
    let target = Target { name: "fragile", kind: Kind::Tx, seeds, run: fragile };
    let report = run(&target, &Options { time: Duration::from_secs(20), ..options(folder.path()) }).expect("writable");
    let [finding] = &report.findings[..] else { panic!("{report}") };
    assert!(finding.what.contains("the memo is too long"), "{}", finding.what);
    let wrong = replay(&target, &std::fs::read(&finding.file).expect("saved"));
    assert!(wrong.len() == 1 && wrong[0].contains("the memo is too long"), "{wrong:?}");
}
