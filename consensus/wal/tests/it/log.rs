use std::io;

use plume_wal::{FaultyDisk, RealDisk};

use super::*;

/// A disk with a synced log of these many records; the number of segments too.
fn written(records: u64) -> (FaultyDisk, u64) {
    let disk = FaultyDisk::new(1);
    let (wal, _) = open(&disk).expect("a new log");
    for n in 0..records {
        wal.append(&[payload(n)]).expect("append");
        wal.sync().expect("sync");
    }
    drop(wal);
    let segments = disk.list(Path::new(DIR)).expect("list").len() as u64;
    (disk, segments)
}

#[test]
fn records_are_numbered_read_back_and_found_again() {
    let disk = FaultyDisk::new(1);
    let (wal, recovery) = open(&disk).expect("a new log");
    assert_eq!(recovery, Recovery::default());
    assert_eq!((wal.first_index(), wal.next_index(), wal.last_index(), wal.durable_end()), (0, 0, None, 0));
    assert_eq!(wal.append(&payloads(0..3)).expect("append"), 0);
    assert_eq!(wal.append(&payloads(3..30)).expect("append"), 3);
    assert_eq!(wal.append(&[]).expect("nothing"), 30);
    assert_eq!(wal.append(&[Bytes::new()]).expect("an empty record"), 30);
    assert_eq!((wal.first_index(), wal.next_index(), wal.last_index()), (0, 31, Some(30)));
    assert!(wal.durable_end() <= 30, "the last one is not synced");
    wal.sync().expect("sync");
    assert_eq!(wal.durable_end(), 31);
    let syncs = disk.operations();
    wal.sync().expect("nothing to do");
    assert_eq!(disk.operations(), syncs, "a second sync is free");
    assert_eq!(wal.read(2..5).expect("read"), payloads(2..5));
    assert_eq!(wal.read(7..7).expect("read"), Vec::<Bytes>::new());
    for range in [30..32, 31..33] {
        assert!(matches!(wal.read(range), Err(WalError::OutOfRange { first: 0, next: 31, .. })));
    }
    let mut all = payloads(0..30);
    all.push(Bytes::new());
    assert_eq!(contents(&wal), all);
    drop(wal);
    let (wal, recovery) = open(&disk).expect("opens again");
    assert_eq!(recovery, Recovery { records: 31, ..Recovery::default() });
    assert_eq!((contents(&wal), wal.durable_end()), (all, 31));
}

#[test]
fn the_real_file_system_keeps_a_log() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let dir = folder.path().join("a/log");
    let open = || Wal::open(Arc::new(RealDisk), &dir, options());
    let (wal, _) = open().expect("a new log");
    for n in 0..20 {
        wal.append(&[payload(n)]).expect("append");
    }
    wal.sync().expect("sync");
    wal.truncate_after(14).expect("truncate");
    wal.purge_below(6).expect("purge");
    let first = wal.first_index();
    assert!((1..=6).contains(&first), "{first}");
    assert!(matches!(open(), Err(WalError::Locked(_))));
    drop(wal);
    let (wal, recovery) = open().expect("opens again");
    assert_eq!(contents(&wal), payloads(first..15));
    assert_eq!(recovery, Recovery { records: 15 - first, ..Recovery::default() });
    wal.reset(100).expect("reset");
    assert_eq!(wal.append(&[payload(100)]).expect("append"), 100);
    drop(wal);
    let (wal, _) = open().expect("opens again");
    assert_eq!((wal.first_index(), contents(&wal)), (100, payloads(100..101)));
}

#[test]
fn a_log_starts_where_it_is_told_and_an_empty_one_keeps_its_place() {
    let disk = FaultyDisk::new(1);
    let open = || Wal::open(Arc::new(disk.clone()), DIR, Options { first_index: 7, ..options() }).expect("opens").0;
    let wal = open();
    assert_eq!(wal.append(&payloads(7..20)).expect("append"), 7);
    wal.truncate_from(7).expect("all of them");
    assert_eq!((wal.first_index(), wal.last_index()), (7, None));
    drop(wal);
    let wal = open();
    assert_eq!((wal.first_index(), wal.next_index()), (7, 7));
    assert!(matches!(wal.truncate_from(8), Err(WalError::OutOfRange { .. })));
    assert!(matches!(wal.truncate_from(6), Err(WalError::OutOfRange { .. })));
    wal.reset(3).expect("backwards too");
    assert_eq!(wal.append(&[payload(3)]).expect("append"), 3);
}

#[test]
fn purging_removes_whole_segments_and_never_the_last() {
    let (disk, segments) = written(40);
    let (wal, _) = open(&disk).expect("opens");
    wal.purge_below(0).expect("nothing");
    assert_eq!(wal.first_index(), 0);
    wal.purge_below(20).expect("purge");
    let first = wal.first_index();
    assert!(first > 10 && first <= 20, "{first}");
    assert_eq!(contents(&wal), payloads(first..40));
    wal.purge_below(u64::MAX).expect("purge");
    assert_eq!(disk.list(Path::new(DIR)).expect("list").len(), 1, "of {segments}");
    assert_eq!(wal.next_index(), 40);
    assert!(matches!(wal.read(first..first + 1), Err(WalError::OutOfRange { .. })));
}

#[test]
fn too_large_records_are_refused_whole_batch() {
    let disk = FaultyDisk::new(1);
    let (wal, _) = open(&disk).expect("a new log");
    wal.append(&[vec![1; 1000].into()]).expect("the largest");
    let batch = [payload(1), vec![1; 1001].into()];
    assert!(matches!(wal.append(&batch), Err(WalError::TooLarge { len: 1001, max: 1000 })));
    assert_eq!(wal.next_index(), 1);
    drop(wal);
    let smaller = Options { max_record_bytes: 10, ..options() };
    let (wal, _) = Wal::open(Arc::new(disk.clone()), DIR, smaller).expect("a lowered bound takes nothing away");
    assert_eq!(wal.next_index(), 1);
}

#[test]
fn a_full_disk_refuses_a_record_and_takes_it_later() {
    let (disk, segments) = written(5);
    let (wal, _) = open(&disk).expect("opens");
    for (room, n) in [(0, 5), (20, 5), (35, 5), (40, 6), (10, 7), (31, 8)] {
        disk.set_capacity(Some(disk.used() + room));
        let refused = wal.append(&[payload(n)]).expect_err("too little room");
        let full = matches!(&refused, WalError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull);
        assert!(full, "{refused}");
        disk.set_capacity(None);
        wal.sync().expect("what was there can be synced");
        assert_eq!(contents(&wal), payloads(0..wal.next_index()));
        while wal.next_index() <= n {
            wal.append(&[payload(wal.next_index())]).expect("there is room again");
        }
    }
    // And the same at the creation of a segment.
    let mut refusals = 0;
    while (disk.list(Path::new(DIR)).expect("list").len() as u64) < segments + 4 {
        let before = wal.next_index();
        let files = disk.list(Path::new(DIR)).expect("list");
        disk.set_capacity(Some(disk.used() + 16));
        assert!(wal.append(&[payload(before)]).is_err());
        assert_eq!(disk.list(Path::new(DIR)).expect("list"), files, "no half-made segment stays");
        disk.set_capacity(None);
        refusals += 1;
        wal.append(&[payload(before)]).expect("append");
    }
    wal.sync().expect("sync");
    let expected = payloads(0..wal.next_index());
    drop(wal);
    let (wal, _) = open(&disk.crash()).expect("opens");
    assert!(refusals > 3);
    assert_eq!(contents(&wal), expected);
}

#[test]
fn a_failed_sync_ends_the_log_until_it_is_opened_again() {
    for nth in 1..=3 {
        let (disk, _) = written(3);
        let (wal, _) = open(&disk).expect("opens");
        disk.fail_sync(nth);
        let mut failed = None;
        while failed.is_none() {
            failed = wal.append(&[payload(wal.next_index())]).and_then(|_| wal.sync()).err();
        }
        assert!(matches!(failed, Some(WalError::Poisoned(_))), "{failed:?}");
        let calls = [
            wal.append(&[payload(9)]).map(|_| ()),
            wal.sync(),
            wal.read(0..1).map(|_| ()),
            wal.truncate_after(0),
            wal.purge_below(1),
            wal.reset(5),
        ];
        assert!(calls.iter().all(|result| matches!(result, Err(WalError::Poisoned(_)))), "{calls:?}");
        drop(wal);
        // The next process may read what the kernel still shows; what it then holds survives a loss of power.
        let (wal, _) = open(&disk).expect("opens");
        let seen = contents(&wal);
        assert!(seen.len() >= 3);
        drop(wal);
        let (wal, _) = open(&disk.crash()).expect("opens");
        assert_eq!(contents(&wal), seen, "failed sync {nth}");
    }
}

#[test]
fn a_torn_end_is_cut_and_reported() {
    let (disk, segments) = written(5);
    let last = segment(segments);
    let whole = disk.read(&last).expect("read");
    for cut in 1..=20 {
        disk.corrupt(&last, |bytes| {
            bytes.clone_from(&whole);
            bytes.truncate(whole.len() - cut);
        })
        .expect("there");
        let (wal, recovery) = open(&disk).expect("opens");
        assert_eq!(contents(&wal), payloads(0..4));
        assert_eq!(recovery.records, 4);
        assert!(recovery.cut_bytes > 0 && recovery.removed.is_empty(), "{recovery:?}");
        assert_eq!(disk.read(&last).expect("read").len() as u64 + recovery.cut_bytes + cut as u64, whole.len() as u64);
        drop(wal);
        assert_eq!(open(&disk).expect("opens").1, Recovery { records: 4, ..Recovery::default() });
    }
}

#[test]
fn a_half_made_segment_is_removed() {
    for len in 0..=32 {
        let (disk, segments) = written(5);
        let half = segment(segments + 1);
        disk.create(&half).expect("create").append(&vec![0; len]).expect("append");
        let (wal, recovery) = open(&disk).expect("opens");
        assert_eq!(recovery.removed, [half]);
        assert_eq!(contents(&wal), payloads(0..5));
        wal.append(&payloads(5..20)).expect("append");
        drop(wal);
        assert_eq!(contents(&open(&disk).expect("opens").0), payloads(0..20));
    }
}

/// Each changed bit anywhere in synced bytes is refused or, in the last record only, indistinguishable from a torn
/// write; never is another content or a gap returned.
#[test]
fn rot_in_what_was_synced_is_refused() {
    let (disk, segments) = written(12);
    assert!(segments >= 3);
    for number in 1..=segments {
        let path = segment(number);
        let whole = disk.read(&path).expect("read");
        let last_record = payload(11).len() + 28;
        for at in 0..whole.len() {
            disk.corrupt(&path, |bytes| bytes[at] ^= 1 << (at % 8)).expect("there");
            let result = open(&disk).map(|(wal, _)| contents(&wal));
            if number == segments && at >= whole.len() - last_record {
                assert_eq!(result.expect("taken for torn"), payloads(0..11), "byte {at}");
                disk.corrupt(&path, |bytes| bytes.clone_from(&whole)).expect("there");
                continue;
            }
            let refused = matches!(result, Err(WalError::Corrupt { .. } | WalError::Version { .. }));
            assert!(refused, "segment {number} byte {at}: {result:?}");
            disk.corrupt(&path, |bytes| bytes.clone_from(&whole)).expect("there");
        }
    }
    assert_eq!(contents(&open(&disk).expect("opens").0), payloads(0..12));
}

#[test]
fn a_missing_segment_is_refused() {
    let (disk, segments) = written(20);
    assert!(segments > 3);
    disk.remove(&segment(2)).expect("remove");
    assert!(matches!(open(&disk), Err(WalError::Corrupt { reason: "a segment is missing", .. })));
    let (disk, _) = written(20);
    let other = disk.read(&segment(3)).expect("read");
    disk.corrupt(&segment(2), |bytes| *bytes = other).expect("there");
    assert!(matches!(open(&disk), Err(WalError::Corrupt { .. })));
}

#[test]
fn rot_while_the_log_is_open_is_seen_by_the_reader() {
    let (disk, _) = written(3);
    let (wal, _) = open(&disk).expect("opens");
    disk.corrupt(&segment(1), |bytes| bytes[32 + 28] ^= 1).expect("there");
    assert!(matches!(wal.read(0..1), Err(WalError::Corrupt { .. })));
    assert_eq!(wal.read(1..3).expect("the others are intact"), payloads(1..3));
}

#[test]
fn readers_run_while_a_sync_is_slow() {
    let (disk, _) = written(3);
    let (wal, _) = open(&disk).expect("opens");
    let wal = Arc::new(wal);
    let (entered, wait_entered) = std::sync::mpsc::channel();
    let (release, wait_release) = std::sync::mpsc::channel::<()>();
    let wait_release = std::sync::Mutex::new(wait_release);
    disk.on_operation(move |operation| {
        if matches!(operation, plume_wal::Operation::Sync(_)) {
            entered.send(()).expect("the test waits");
            wait_release.lock().expect("not poisoned").recv().expect("the test releases");
        }
        Ok(())
    });
    wal.append(&[payload(3)]).expect("append");
    let syncing = std::thread::spawn({
        let wal = wal.clone();
        move || wal.sync()
    });
    wait_entered.recv().expect("the sync began");
    assert_eq!(wal.read(0..4).expect("read beside the sync"), payloads(0..4));
    assert_eq!(wal.next_index(), 4);
    release.send(()).expect("the sync waits");
    syncing.join().expect("no panic").expect("sync");
    assert_eq!(wal.durable_end(), 4);
}
