//! Opening: everything is checked before the first byte is written.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use rocksdb::{BlockBasedOptions, Cache, DB, DBCompactionStyle, DBCompressionType, FlushOptions, LogLevel, Options};

use crate::{
    Config, OpenError, failpoint,
    filter::{PruneFilterFactory, PruneRule},
    identity::{self, Identity, Unreadable},
    keys,
    records::{BlockRecord, decode_height},
    restore::Marks,
};

/// Folder of RocksDB inside the database's folder.
pub(crate) const DB_DIR: &str = "db";
/// Folder of the tree checkpoints.
pub(crate) const TREE_DIR: &str = "tree";

/// Table file in the making; RocksDB moves it into its folder.
pub(crate) const NEW_TABLE: &str = "new.sst";

/// What opening found.
pub(crate) struct Opened {
    pub(crate) db: DB,
    pub(crate) cache: Cache,
    pub(crate) lock: File,
    pub(crate) rule: Arc<PruneRule>,
    pub(crate) facts: Facts,
}

/// The metadata of a database.
pub(crate) struct Facts {
    pub(crate) identity: Identity,
    /// The newest block.
    pub(crate) head: Option<(u64, BlockRecord)>,
    /// The lowest readable height; `None` before the first block.
    pub(crate) floor: Option<u64>,
    /// Height up to which the journal has been removed.
    pub(crate) journal_removed: u64,
    /// A state that is being taken over.
    pub(crate) restoring: Option<Marks>,
}

/// Opens or creates the database in the folder `path`.
pub(crate) fn open(path: &Path, config: &Config) -> Result<Opened, OpenError> {
    check_config(config)?;
    let io_error = |source| OpenError::Io { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(io_error)?;
    let lock = lock(path)?;
    let db_path = path.join(DB_DIR);
    let facts = match inspect(path, &db_path)? {
        Some(facts) => {
            check_owner(path, config, &facts.identity)?;
            Some(facts)
        }
        None => None,
    };
    let rule = Arc::new(PruneRule {
        floor: AtomicU64::new(facts.as_ref().and_then(|facts| facts.floor).unwrap_or(0)),
        journal_removed: AtomicU64::new(facts.as_ref().map_or(0, |facts| facts.journal_removed)),
        keep_every: config.keep_every,
        dropped: AtomicU64::new(0),
    });
    let cache = Cache::new_lru_cache(config.cache_bytes).map_err(|error| OpenError::Config(error.to_string()))?;
    let mut options = options(&cache);
    options.set_compaction_filter_factory(PruneFilterFactory(Arc::clone(&rule)));
    let db = DB::open(&options, &db_path).map_err(|error| rocksdb_error(path, &error))?;
    let facts = match facts {
        Some(facts) => facts,
        None => {
            fs::create_dir_all(path.join(TREE_DIR)).map_err(io_error)?;
            create(path, config, &db)?
        }
    };
    Ok(Opened { db, cache, lock, rule, facts })
}

fn check_config(config: &Config) -> Result<(), OpenError> {
    if !identity::is_plain(&config.chain_id) {
        return Err(OpenError::Config("the chain id is empty or has control characters".to_owned()));
    }
    for (at, store) in config.stores.iter().enumerate() {
        if !identity::is_plain(store.name()) {
            return Err(OpenError::Config(format!("store name {:?} is empty or has control characters", store.name())));
        }
        if config.stores.iter().take(at).any(|other| other == store) {
            return Err(OpenError::Config(format!("store {store} is given twice")));
        }
    }
    Ok(())
}

/// Times that a taken lock is tried again, and the pause between.
///
/// A process that is being started by the holder keeps the lock for an instant even after the holder has gone.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Locks the folder itself, so that nothing has to be written into it. The lock ends with the returned file.
fn lock(path: &Path) -> Result<File, OpenError> {
    let io_error = |source| OpenError::Io { path: path.to_owned(), source };
    let folder = File::open(path).map_err(io_error)?;
    for _ in 0..LOCK_TRIES {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
    }
    Err(OpenError::Locked { path: path.to_owned() })
}

/// Reads what the folder holds without writing to it; `None` when there is nothing yet.
fn inspect(path: &Path, db_path: &Path) -> Result<Option<Facts>, OpenError> {
    let io_error = |source| OpenError::Io { path: path.to_owned(), source };
    for entry in fs::read_dir(path).map_err(io_error)? {
        let name = entry.map_err(io_error)?.file_name();
        if name != DB_DIR && name != TREE_DIR && name != NEW_TABLE {
            return Err(OpenError::Foreign { path: path.to_owned(), found: format!("the file {}", name.display()) });
        }
    }
    if !db_path.join("CURRENT").try_exists().map_err(io_error)? {
        return check_unborn(path, db_path).map(|()| None);
    }
    let mut options = Options::default();
    options.set_max_open_files(-1); // opens every table file, so that missing ones are noticed
    let db = DB::open_for_read_only(&options, db_path, false).map_err(|error| rocksdb_error(path, &error))?;
    read_facts(path, &db)
}

/// Accepts a folder without `CURRENT` only if it is absent, empty, or what a crash leaves while RocksDB creates it.
fn check_unborn(path: &Path, db_path: &Path) -> Result<(), OpenError> {
    let entries = match fs::read_dir(db_path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    };
    for entry in entries {
        let name = entry.map_err(|source| OpenError::Io { path: path.to_owned(), source })?.file_name();
        let name = name.to_string_lossy();
        let is_data = [".sst", ".ldb", ".log", ".blob"].iter().any(|suffix| name.ends_with(suffix));
        if is_data {
            let reason = format!("the file CURRENT is missing beside {name}");
            return Err(OpenError::Corrupt { path: path.to_owned(), reason });
        }
        let is_of_birth =
            ["LOCK", "LOG", "IDENTITY", "MANIFEST-", "OPTIONS-"].iter().any(|start| name.starts_with(start))
                || name.ends_with(".dbtmp");
        if !is_of_birth {
            return Err(OpenError::Foreign { path: path.to_owned(), found: format!("the file {DB_DIR}/{name}") });
        }
    }
    Ok(())
}

/// Reads the metadata; `None` for a database without any record, as a crash right after its creation leaves it.
fn read_facts(path: &Path, db: &DB) -> Result<Option<Facts>, OpenError> {
    let corrupt = |reason: String| OpenError::Corrupt { path: path.to_owned(), reason };
    let get = |key: &[u8]| db.get(key).map_err(|error| rocksdb_error(path, &error));
    let Some(record) = get(keys::META_IDENTITY)? else {
        let mut iterator = db.raw_iterator();
        iterator.seek_to_first();
        if iterator.valid() {
            let found = "a RocksDB database of another program".to_owned();
            return Err(OpenError::Foreign { path: path.to_owned(), found });
        }
        iterator.status().map_err(|error| rocksdb_error(path, &error))?;
        return Ok(None);
    };
    let identity = Identity::decode(&record).map_err(|unreadable| match unreadable {
        Unreadable::Newer(found) => OpenError::NewerFormat { path: path.to_owned(), found },
        Unreadable::Malformed => OpenError::Foreign {
            path: path.to_owned(),
            found: "a RocksDB database with another identity record".to_owned(),
        },
    })?;
    let height = |key: &[u8], name: &str| {
        get(key)?
            .map(|raw| decode_height(&raw).ok_or_else(|| corrupt(format!("the {name} record is malformed"))))
            .transpose()
    };
    let head = match height(keys::META_HEAD, "head")? {
        None => None,
        Some(head) => {
            let record = get(&keys::block(head))?
                .and_then(|raw| BlockRecord::decode(&raw))
                .ok_or_else(|| corrupt(format!("the record of block {head} is missing or malformed")))?;
            if let Some(id) = record.stores.iter().find(|id| identity.by_id(**id).is_none()) {
                return Err(corrupt(format!("block {head} names an unknown store with number {id}")));
            }
            Some((head, record))
        }
    };
    let floor = height(keys::META_FLOOR, "floor")?;
    if head.is_some() != floor.is_some() {
        return Err(corrupt("only one of the head and floor records exists".to_owned()));
    }
    let journal_removed = height(keys::META_JOURNAL, "journal")?.unwrap_or(0);
    let restoring = match (get(keys::META_RESTORE)?, get(keys::META_RESTORED)?) {
        (None, None) => None,
        (Some(description), Some(marks)) if head.is_none() => {
            let marks = Marks::decode(description.into(), &marks);
            Some(marks.ok_or_else(|| corrupt("the record of restored parts is malformed".to_owned()))?)
        }
        _ => return Err(corrupt("the records of a restore do not fit together".to_owned())),
    };
    Ok(Some(Facts { identity, head, floor, journal_removed, restoring }))
}

fn check_owner(path: &Path, config: &Config, identity: &Identity) -> Result<(), OpenError> {
    if identity.chain_id != config.chain_id {
        return Err(OpenError::OtherChain {
            path: path.to_owned(),
            found: identity.chain_id.clone(),
            expected: config.chain_id.clone(),
        });
    }
    match identity.unknown_to(&config.stores) {
        Some(unknown) => Err(OpenError::OtherStores { path: path.to_owned(), unknown }),
        None => Ok(()),
    }
}

/// Writes the identity record of a new database.
fn create(path: &Path, config: &Config, db: &DB) -> Result<Facts, OpenError> {
    failpoint::hit(failpoint::OPEN_CREATED);
    let identity = Identity::new(&config.chain_id);
    let mut batch = rocksdb::WriteBatch::default();
    batch.put(keys::META_IDENTITY, identity.encode());
    db.write_without_wal(batch).and_then(|()| flush(db)).map_err(|error| rocksdb_error(path, &error))?;
    // The folder's own entries must survive a power cut too; RocksDB cares only for what is inside its folder.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_dir(path)
        .and_then(|()| parent.map_or(Ok(()), sync_dir))
        .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    Ok(Facts { identity, head: None, floor: None, journal_removed: 0, restoring: None })
}

/// Makes everything written so far durable: RocksDB syncs the new table file, then its manifest.
pub(crate) fn flush(db: &DB) -> Result<(), rocksdb::Error> {
    let mut options = FlushOptions::default();
    options.set_wait(true);
    db.flush_opt(&options)
}

/// Makes a folder's entries durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn rocksdb_error(path: &Path, error: &rocksdb::Error) -> OpenError {
    let reason = error.to_string();
    // RocksDB has its own lock; ours is taken first, so this means a program that is not Plume.
    if reason.contains("lock") && error.kind() == rocksdb::ErrorKind::IOError {
        return OpenError::Locked { path: PathBuf::from(path) };
    }
    OpenError::Corrupt { path: path.to_owned(), reason }
}

/// How tables are laid out; the same for those that the writer makes and those that compactions make.
pub(crate) fn table_options(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_block_size(16 << 10);
    table.set_format_version(5);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}

fn options(cache: &Cache) -> Options {
    let mut options = table_options(cache);
    options.create_if_missing(true);
    options.set_write_buffer_size(4 << 20); // only rollbacks pass through it
    // Tables arrive with keys from the whole key space. Merging runs of like size rewrites each byte less often than levels do.
    options.set_compaction_style(DBCompactionStyle::Universal);
    options.set_level_zero_file_num_compaction_trigger(8);
    options.set_target_file_size_base(64 << 20);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1 << 20);
    options.set_max_open_files(-1);
    options.set_paranoid_checks(true);
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}
