//! Databases that are refused, and that nothing is written to them.

use std::path::Path;

use plume_state::Store;
use plume_state_rocksdb::{Config, OpenError, RocksBackend};
use tempfile::tempdir;

use crate::support::{AUTH, BANK, CHAIN, LOCAL, Node, STORES, config, files, open, replay};

/// Opens what must be refused; the message. Compares all bytes of the folder.
fn refused(path: &Path, settings: &Config) -> (OpenError, String) {
    let before = files(path);
    let error = RocksBackend::open(path, settings).expect_err("must be refused");
    let after = files(path);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{error}");
    assert!(before == after, "a file has changed: {error}");
    let message = error.to_string();
    assert!(message.contains(&*path.to_string_lossy()), "{message}");
    (error, message)
}

fn filled(path: &Path) {
    replay(&open(path), 51, 20);
}

/// Writes a record with RocksDB alone, as another program would.
fn put(path: &Path, key: &[u8], value: &[u8]) {
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    std::fs::create_dir_all(path).expect("folder");
    rocksdb::DB::open(&options, path.join("db")).and_then(|db| db.put(key, value)).expect("written");
}

#[test]
fn a_second_process_is_told_who_is_in_the_way() {
    let folder = tempdir().expect("folder");
    let backend = open(folder.path());
    let error = RocksBackend::open(folder.path(), &config()).expect_err("locked");
    assert!(matches!(error, OpenError::Locked { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "state database {} is in use by another process; stop that node first, or choose another home",
            folder.path().display()
        )
    );
    drop(backend);
    open(folder.path());
}

#[test]
fn another_chain() {
    let folder = tempdir().expect("folder");
    filled(folder.path());
    let (error, message) = refused(folder.path(), &Config { chain_id: "other-7".to_owned(), ..config() });
    assert!(matches!(error, OpenError::OtherChain { .. }));
    assert!(
        message
            .ends_with("belongs to chain plume-test-1, this node runs chain other-7; choose the right home or genesis"),
        "{message}"
    );
}

#[test]
fn stores_that_the_program_lacks() {
    let folder = tempdir().expect("folder");
    filled(folder.path());
    let (_, message) = refused(folder.path(), &Config { stores: vec![BANK, AUTH], ..config() });
    assert!(message.ends_with("holds stores that this program does not have: late (committed), records (local); run the version of plumed that wrote it"), "{message}");
    let other_kind = vec![BANK, AUTH, STORES[3], Store::committed(LOCAL.name())];
    let (error, message) = refused(folder.path(), &Config { stores: other_kind, ..config() });
    assert!(matches!(error, OpenError::OtherStores { .. }));
    assert!(message.contains("records (local)"), "{message}");
    // More stores than the database knows are fine: an upgrade will bring them into being.
    let more = Config::new(CHAIN, STORES.into_iter().chain([Store::committed("new"), Store::derived("index")]));
    let backend = RocksBackend::open(folder.path(), &more).expect("opens");
    assert_eq!(Node::load(&backend).height, 20);
}

#[test]
fn a_newer_format() {
    let folder = tempdir().expect("folder");
    filled(folder.path());
    put(folder.path(), b"\0id", b"plume-state-rocksdb\nformat 9\nwhatever\n");
    let (error, message) = refused(folder.path(), &config());
    assert!(matches!(error, OpenError::NewerFormat { found: 9, .. }));
    assert!(
        message.ends_with(
            "has format 9, this program reads up to 1; run the version of plumed that wrote it, or a newer one"
        ),
        "{message}"
    );
}

#[test]
fn foreign_folders_and_databases() {
    let folder = tempdir().expect("folder");
    let notes = folder.path().join("notes");
    std::fs::create_dir(&notes).expect("folder");
    std::fs::write(notes.join("shopping.txt"), "milk").expect("written");
    assert!(refused(&notes, &config()).1.contains("holds the file shopping.txt; choose an empty folder"));

    let inside = folder.path().join("inside");
    std::fs::create_dir_all(inside.join("db")).expect("folder");
    std::fs::write(inside.join("db/shopping.txt"), "milk").expect("written");
    assert!(refused(&inside, &config()).1.contains("the file db/shopping.txt"));

    let other = folder.path().join("other");
    put(&other, b"key", b"value");
    assert!(refused(&other, &config()).1.contains("a RocksDB database of another program"));

    let similar = folder.path().join("similar");
    put(&similar, b"\0id", b"something else");
    let (error, message) = refused(&similar, &config());
    assert!(matches!(error, OpenError::Foreign { .. }), "{message}");
}

#[test]
fn damaged_files() {
    let folder = tempdir().expect("folder");
    let sound = folder.path().join("sound");
    filled(&sound);
    open(&sound).compact().expect("one table file per level");
    let damage = |name: &str, change: &dyn Fn(&Path)| {
        let copy = folder.path().join(name);
        crate::support::copy_dir(&sound, &copy);
        change(&copy.join("db"));
        let (error, message) = refused(&copy, &config());
        assert!(matches!(error, OpenError::Corrupt { .. }), "{name}: {message}");
        assert!(message.contains("is corrupt: "), "{message}");
        assert!(
            message.ends_with("restore the folder from a backup, or remove it and let the node replay or state-sync"),
            "{message}"
        );
    };
    let find = |db: &Path, part: &str| {
        let mut found: Vec<_> =
            std::fs::read_dir(db).expect("folder").map(|entry| entry.expect("entry").path()).collect();
        found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(part)));
        found.sort();
        found.pop().expect("such a file exists")
    };
    damage("current-gone", &|db| std::fs::remove_file(db.join("CURRENT")).expect("removed"));
    damage("current-garbled", &|db| std::fs::write(db.join("CURRENT"), "MANIFEST-??\n").expect("written"));
    damage("manifest-gone", &|db| std::fs::remove_file(find(db, "MANIFEST")).expect("removed"));
    damage("manifest-garbled", &|db| std::fs::write(find(db, "MANIFEST"), [0x55; 200]).expect("written"));
    damage("table-gone", &|db| std::fs::remove_file(find(db, ".sst")).expect("removed"));
    damage("table-cut", &|db| {
        let table = find(db, ".sst");
        let bytes = std::fs::read(&table).expect("file");
        std::fs::write(&table, &bytes[..bytes.len() / 2]).expect("written");
    });
}

#[test]
fn a_damaged_value_is_noticed_when_read() {
    let folder = tempdir().expect("folder");
    filled(folder.path());
    open(folder.path()).compact().expect("compacts");
    let tables =
        || std::fs::read_dir(folder.path().join("db")).expect("folder").map(|entry| entry.expect("entry").path());
    for table in tables().filter(|path| path.extension().is_some_and(|extension| extension == "sst")) {
        let mut bytes = std::fs::read(&table).expect("file");
        bytes[20] ^= 0x40; // in the first block of records
        std::fs::write(&table, bytes).expect("written");
    }
    let seen = match RocksBackend::open(folder.path(), &config()) {
        Err(error) => error.to_string(),
        Ok(backend) => {
            use plume_state::Backend;
            let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
            let results = STORES.map(|store| backend.scan(store, all.0, all.1, &mut |_, _| Ok(())));
            results.into_iter().find_map(Result::err).expect("some read fails").to_string()
        }
    };
    assert!(seen.contains("Corruption"), "{seen}");
}

#[test]
fn unusable_settings() {
    let folder = tempdir().expect("folder");
    let twice = Config { stores: vec![BANK, BANK], ..config() };
    let unnamed = Config { chain_id: String::new(), ..config() };
    for (settings, part) in [(twice, "store bank is given twice"), (unnamed, "the chain id is empty")] {
        let path = folder.path().join("new");
        let message = RocksBackend::open(&path, &settings).expect_err("refused").to_string();
        assert!(message.contains(part), "{message}");
        assert!(!path.exists());
    }
}
