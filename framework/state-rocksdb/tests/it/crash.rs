//! Sudden death at every step, and torn files.
//!
//! A child process (this test binary again, running [`child`]) works until a failpoint aborts it or the parent kills it. The
//! parent then opens what is left, replays, and compares with a run that was never interrupted.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use plume_state::Backend;
use plume_state_rocksdb::{OpenError, RocksBackend, failpoint};
use tempfile::tempdir;

use crate::checkpoints::{checkpoint, offered, sections};
use crate::support::{Node, assert_history, config, copy_dir, files, open, replay, uninterrupted};

const SEED: u64 = 61;
/// Blocks that are durable before the child starts.
const BEFORE: u64 = 6;
/// Last block of every run.
const LAST: u64 = 40;
/// Where rollbacks go.
const TARGET: u64 = 4;

/// A child that lives longer hangs.
const CHILD_TIME: Duration = Duration::from_secs(120);

const FOLDER: &str = "PLUME_CRASH_FOLDER";
const FAILPOINT: &str = "PLUME_CRASH_FAILPOINT";
const VISIT: &str = "PLUME_CRASH_VISIT";

/// In a child: the folder to work on and the failpoint, now armed.
pub fn arm() -> Option<(PathBuf, String)> {
    let folder = std::env::var_os(FOLDER)?;
    let name = std::env::var(FAILPOINT).unwrap_or_default();
    let visit = std::env::var(VISIT).ok().and_then(|visit| visit.parse().ok()).unwrap_or(1);
    failpoint::arm(&name, visit);
    // The parent listens until this process ends.
    std::thread::spawn(|| {
        std::thread::sleep(CHILD_TIME);
        eprintln!("the child has not died in {CHILD_TIME:?}");
        std::process::exit(124);
    });
    Some((folder.into(), name))
}

/// The process that dies. Does nothing when run as an ordinary test.
#[test]
fn child() {
    let Some((folder, name)) = arm() else { return };
    let backend = open(&folder);
    say(&backend);
    if name.starts_with("rollback/") {
        backend.rollback_to(TARGET).expect("rolls back");
    }
    let mut node = Node::load(&backend);
    while node.height < LAST {
        backend.persist(node.next_block(SEED)).expect("accepted");
        say(&backend);
        if node.height.is_multiple_of(4) {
            backend.write_checkpoint(checkpoint(&node)).expect("written");
        }
        if node.height.is_multiple_of(10) {
            backend.prune(node.height - 8).expect("accepted");
            backend.compact().expect("compacts");
            say(&backend);
        }
    }
    backend.flush().expect("durable");
    say(&backend);
}

/// Tells the parent what is durable.
pub fn say(backend: &RocksBackend) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "durable {}", backend.durable_height()).and_then(|()| out.flush()).expect("the parent listens");
}

/// Runs the child until it dies; the last durable height that it reported. Kills it after `lines` reports, if given.
fn run_child(folder: &Path, failpoint: &str, visit: u64, lines: Option<usize>) -> Option<u64> {
    run(folder, "crash::child", failpoint, visit, lines)
}

/// Runs a test of this binary as the child.
pub fn run(folder: &Path, test: &str, failpoint: &str, visit: u64, lines: Option<usize>) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .envs([(FAILPOINT, failpoint), (VISIT, &visit.to_string())])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("starts");
    let mut reported = None;
    let mut heard = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        let Some(height) = line.split_once("durable ").and_then(|(_, height)| height.parse().ok()) else { continue };
        reported = Some(height);
        heard += 1;
        if lines == Some(heard) {
            child.kill().expect("killed");
        }
    }
    let signal = child.wait().expect("ended").signal();
    let expected = if lines.is_some() { 9 } else { 6 };
    assert_eq!(signal, Some(expected), "{failpoint} visit {visit}: the child must die of signal {expected}");
    reported
}

/// Opens what a crash has left and checks that nothing durable is lost, that replay leads to the same place, and that history
/// and checkpoint are true.
fn assert_recovers(folder: &Path, nodes: &[Node], at_least: u64, context: &str) {
    let backend = RocksBackend::open(folder, &config()).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = Node::load(&backend);
    assert!(found.height >= at_least, "{context}: {} is durable, {at_least} was reported", found.height);
    assert_eq!(found.contents, nodes[found.height as usize].contents, "{context}");
    if let Some((height, app_hash, found)) = offered(&backend) {
        assert_eq!((app_hash, found), (nodes[height as usize].app_hash(), sections(height)), "{context}");
    }
    assert_eq!(replay(&backend, SEED, LAST).contents, nodes[LAST as usize].contents, "{context}");
    let start = backend.history_start().expect("there are blocks");
    for height in [start, found.height.max(start), found.height + 1, LAST] {
        assert_history(&backend, nodes, height.min(LAST), height.min(LAST));
    }
    drop(backend);
    let backend = open(folder);
    assert_eq!(Node::load(&backend).contents, nodes[LAST as usize].contents, "{context}");
}

/// Dies on the given visits of the failpoints whose names start with `part`.
fn die_at(part: &str, visits: &[u64]) {
    let nodes = uninterrupted(SEED, LAST);
    let names: Vec<_> = failpoint::ALL.into_iter().filter(|name| name.starts_with(part)).collect();
    assert!(!names.is_empty());
    for name in names {
        for visit in visits {
            let folder = tempdir().expect("folder");
            if name != failpoint::OPEN_CREATED {
                replay(&open(folder.path()), SEED, BEFORE);
            }
            let reported = run_child(folder.path(), name, *visit, None);
            let at_least = if part == "rollback/" { TARGET } else { reported.unwrap_or(0) };
            assert_recovers(folder.path(), &nodes, at_least, &format!("{name} visit {visit}"));
        }
    }
}

#[test]
fn death_while_opening() {
    die_at("open/", &[1]);
}

#[test]
fn death_while_accepting_a_block() {
    die_at("persist/", &[1, 2, 17]);
}

#[test]
fn death_in_the_writer_thread() {
    die_at("writer/", &[1, 2, 9]);
}

#[test]
fn death_during_a_checkpoint() {
    die_at("checkpoint/", &[1, 3, 5]);
}

#[test]
fn death_during_pruning() {
    die_at("prune/", &[1, 2, 3]);
}

#[test]
fn death_during_a_rollback() {
    die_at("rollback/", &[1]);
}

#[test]
fn every_failpoint_is_covered() {
    // The last ones in `restore.rs`.
    let tested = ["open/", "persist/", "writer/", "checkpoint/", "prune/", "rollback/", "restore/"];
    assert!(failpoint::ALL.iter().all(|name| tested.iter().any(|part| name.starts_with(part))));
}

#[test]
fn sigkill_at_any_moment() {
    let nodes = uninterrupted(SEED, LAST);
    let folder = tempdir().expect("folder");
    // One database through all deaths: each child goes on from where the one before was killed.
    let mut reported = 0;
    for lines in [1, 2, 3, 5, 8, 13] {
        reported = run_child(folder.path(), "", 0, Some(lines)).unwrap_or(reported).max(reported);
        let copy = tempdir().expect("folder");
        copy_dir(folder.path(), copy.path());
        assert_recovers(copy.path(), &nodes, reported, &format!("killed after {lines} reports"));
    }
}

/// What a torn or garbled file does to a database.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// It is as if nothing had happened.
    Recovers,
    /// It is refused, unchanged.
    Refused,
    /// Reading meets the damage and says so.
    Noticed,
}

/// Opens a damaged copy: whatever happens, no wrong state may come out.
fn outcome(folder: &Path, nodes: &[Node], context: &str) -> Outcome {
    let before = files(folder);
    let backend = match RocksBackend::open(folder, &config()) {
        Ok(backend) => backend,
        Err(error) => {
            assert!(matches!(error, OpenError::Corrupt { .. }), "{context}: {error}");
            assert!(before == files(folder), "{context}: a refused database was written to");
            return Outcome::Refused;
        }
    };
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    for store in crate::support::STORES {
        if backend.scan(store, all.0, all.1, &mut |_, _| Ok(())).is_err() {
            return Outcome::Noticed;
        }
    }
    let found = Node::load(&backend);
    assert_eq!(found.contents, nodes[found.height as usize].contents, "{context}");
    assert_eq!(replay(&backend, SEED, LAST).contents, nodes[LAST as usize].contents, "{context}");
    let start = backend.history_start().expect("there are blocks");
    for height in [start, (start + LAST) / 2, LAST] {
        assert_history(&backend, nodes, height, height);
    }
    Outcome::Recovers
}

/// Files of a database whose names contain `part`.
fn matching(folder: &Path, part: &str) -> Vec<PathBuf> {
    files(folder)
        .into_keys()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(part)))
        .collect()
}

#[test]
fn torn_files_never_give_a_wrong_state() {
    let nodes = uninterrupted(SEED, LAST);
    let folder = tempdir().expect("folder");
    let reported = run_child(folder.path(), failpoint::WRITER_WRITING, 9, None).expect("it got somewhere");
    assert!(reported >= 5, "{reported}"); // reports come before the writer has done its part
    let mut seen = vec![];
    let mut tear = |name: &str, change: &dyn Fn(&Path)| {
        let copy = tempdir().expect("folder");
        copy_dir(folder.path(), copy.path());
        change(copy.path());
        let outcome = outcome(copy.path(), &nodes, name);
        seen.push((name.to_owned(), outcome));
    };
    for part in ["MANIFEST", ".sst", ".log", ".tree", "CURRENT", "OPTIONS"] {
        for (number, file) in matching(folder.path(), part).into_iter().enumerate() {
            let bytes = std::fs::read(&file).expect("file");
            let inside = file.strip_prefix(folder.path()).expect("inside").to_owned();
            for cut in [1, 5, 60, bytes.len() / 2] {
                let keep = bytes.len().saturating_sub(cut);
                tear(&format!("{part} {number} cut by {cut}"), &|copy| {
                    std::fs::write(copy.join(&inside), &bytes[..keep]).expect("written")
                });
            }
            for back in [1, 12, 100] {
                let mut garbled = bytes.clone();
                let from = garbled.len().saturating_sub(back);
                garbled[from..].iter_mut().for_each(|byte| *byte ^= 0x5A);
                tear(&format!("{part} {number} garbled at {back}"), &|copy| {
                    std::fs::write(copy.join(&inside), &garbled).expect("written")
                });
            }
            tear(&format!("{part} {number} with junk"), &|copy| {
                std::fs::write(copy.join(&inside), [&bytes[..], &[0xA5; 50]].concat()).expect("written");
            });
            tear(&format!("{part} {number} with zeros"), &|copy| {
                std::fs::write(copy.join(&inside), [&bytes[..], &[0; 4096]].concat()).expect("written");
            });
        }
    }
    tear("unfinished table", &|copy| std::fs::write(copy.join("db/009999.sst"), [7; 1000]).expect("written"));
    tear("unfinished checkpoint", &|copy| {
        std::fs::write(copy.join("tree/00000000000000000039.tmp"), [7; 1000]).expect("written")
    });
    tear("untouched", &|_| {});
    // What a power cut can really leave behind must not stand in the way: tails that were never synced, and nothing else.
    let harmless = ["unfinished table", "unfinished checkpoint", "untouched", ".tree", ".log", "OPTIONS"];
    for (name, outcome) in &seen {
        println!("{outcome:?}: {name}");
        if harmless.iter().any(|part| name.starts_with(part))
            || (name.starts_with("MANIFEST") && name.ends_with("with zeros"))
        {
            assert_eq!(*outcome, Outcome::Recovers, "{name}");
        }
    }
    for (kind, part) in [(Outcome::Refused, "CURRENT"), (Outcome::Refused, ".sst"), (Outcome::Refused, "MANIFEST")] {
        assert!(seen.iter().any(|(name, outcome)| name.starts_with(part) && *outcome == kind), "{part}: {seen:?}");
    }
}
