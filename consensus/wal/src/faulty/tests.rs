use super::*;

fn disk(seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed);
    disk.create_dir_all(Path::new("/d")).expect("folder");
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new("/d").join(name)
}

#[test]
fn unsynced_bytes_survive_a_crash_whole_partly_or_not_at_all_and_synced_ones_always() {
    let mut lengths = std::collections::BTreeSet::new();
    let mut zeroed = false;
    for seed in 0..60 {
        let disk = disk(seed);
        let file = disk.create(&path("f")).expect("create");
        file.append(&[1; 100]).expect("append");
        file.sync().expect("sync");
        disk.sync_dir(Path::new("/d")).expect("sync of the folder");
        file.append(&[2; 2000]).expect("append");
        let found = disk.crash().read(&path("f")).expect("the file is there");
        assert_eq!(found[..100], [1; 100]);
        zeroed |= found[100..].contains(&0) && found[100..].contains(&2);
        lengths.insert(found.len());
        assert!(file.append(&[3]).is_err() && file.len().is_err() && disk.read(&path("f")).is_err(), "dead");
    }
    assert!(lengths.contains(&100) && lengths.contains(&2100) && lengths.len() > 10 && zeroed, "{lengths:?}");
}

#[test]
fn unsynced_names_survive_or_not() {
    let (mut created, mut removed, mut renamed) = ([false; 2], [false; 2], [false; 2]);
    for seed in 0..40 {
        let disk = disk(seed);
        for name in ["removed", "from"] {
            disk.create(&path(name)).expect("create").sync().expect("sync");
        }
        disk.sync_dir(Path::new("/d")).expect("sync of the folder");
        disk.create(&path("created")).expect("create");
        disk.remove(&path("removed")).expect("remove");
        disk.rename(&path("from"), &path("to")).expect("rename");
        let names = disk.crash().list(Path::new("/d")).expect("list");
        let has = |name: &str| usize::from(names.iter().any(|found| found == name));
        created[has("created")] = true;
        removed[has("removed")] = true;
        renamed[has("to")] = true;
        assert_eq!(has("from") + has("to"), 1, "a rename is one step: {names:?}");
    }
    assert_eq!((created, removed, renamed), ([true; 2], [true; 2], [true; 2]));
}

#[test]
fn a_failed_sync_loses_its_bytes_for_good() {
    let disk = disk(3);
    let file = disk.create(&path("f")).expect("create");
    disk.sync_dir(Path::new("/d")).expect("sync of the folder");
    disk.fail_sync(1);
    file.append(b"lost").expect("append");
    assert!(file.sync().is_err());
    file.append(b"kept").expect("append");
    file.sync().expect("the next sync succeeds");
    assert_eq!(disk.read(&path("f")).expect("read"), b"lostkept");
    assert_eq!(disk.crash().read(&path("f")).expect("read"), b"\0\0\0\0kept");
}

#[test]
fn a_full_disk_takes_what_fits_and_more_after_a_removal() {
    let disk = disk(4);
    disk.set_capacity(Some(10));
    let file = disk.create(&path("f")).expect("create");
    file.append(b"1234567").expect("fits");
    assert_eq!(file.append(b"89abc").expect_err("full").kind(), io::ErrorKind::StorageFull);
    assert_eq!((file.len().expect("length"), disk.used()), (10, 10));
    disk.remove(&path("f")).expect("remove");
    disk.create(&path("g")).expect("create").append(b"x").expect("there is room again");
}

#[test]
fn hooks_see_every_change_and_may_refuse_it() {
    let disk = disk(5);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    disk.on_operation(move |operation| {
        log.lock().expect("not poisoned").push(operation.clone());
        if matches!(operation, Operation::Truncate(..)) { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    });
    let file = disk.create(&path("f")).expect("create");
    file.append(b"abc").expect("append");
    assert!(file.truncate(1).is_err());
    assert_eq!(file.len().expect("length"), 3);
    assert_eq!(
        *seen.lock().expect("not poisoned"),
        [Operation::Create(path("f")), Operation::Append(path("f"), 3), Operation::Truncate(path("f"), 1)]
    );
    assert_eq!(disk.operations(), 3);
}

#[test]
fn locks_exclude_and_end_with_a_crash() {
    let disk = disk(6);
    let held = disk.lock(&path("l")).expect("free");
    assert_eq!(disk.lock(&path("l")).expect_err("held").kind(), io::ErrorKind::WouldBlock);
    let after = disk.crash();
    let _next = after.lock(&path("l")).expect("the crash freed it");
    drop(held);
    assert!(after.lock(&path("l")).is_err(), "a dead lock's drop frees nothing of the new disk");
}
