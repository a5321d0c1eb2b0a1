//! Opening the database.

use std::{path::Path, thread, time::Duration};

use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, LogLevel, Options};

use crate::{
    StoreError,
    tables::{META_FORMAT, Table},
};

/// Format that this program writes and reads, with the name of the program.
pub const FORMAT: &str = "plume-store 1";

/// Settings of a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Whether transactions and blocks can be found by hash and events. What was saved without is indexed when the store
    /// is opened with it again.
    pub index: bool,
    /// RAM for blocks read from disk.
    pub cache_bytes: usize,
    /// RAM for records that are not in table files yet.
    pub write_buffer_bytes: usize,
    /// How long a search waits until the index has caught up with the chain.
    pub index_wait: Duration,
    /// How long one search may take.
    pub search_time: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            index: true,
            cache_bytes: 32 << 20,
            write_buffer_bytes: 64 << 20,
            index_wait: Duration::from_secs(5),
            search_time: Duration::from_secs(10),
        }
    }
}

/// Times that a taken lock is tried again, and the pause between: a process that is being started by the holder keeps the
/// lock for an instant even after the holder has gone.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Opens or creates the database in the folder `path`.
pub(crate) fn open(path: &Path, settings: &StoreOptions) -> Result<DB, StoreError> {
    std::fs::create_dir_all(path).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
    let mut tries = 0;
    let db = loop {
        match open_once(path, settings) {
            Ok(db) => break db,
            Err(error) if is_lock(&error) && tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(LOCK_PAUSE);
            }
            Err(error) if is_lock(&error) => return Err(StoreError::Locked { path: path.to_owned() }),
            Err(error) => return Err(error.into()),
        }
    };
    match db.get(META_FORMAT)? {
        Some(found) if found == FORMAT.as_bytes() => {}
        Some(found) => {
            let found = String::from_utf8_lossy(&found).into_owned();
            return Err(StoreError::Format { path: path.to_owned(), found });
        }
        None => {
            let mut records = db.raw_iterator();
            records.seek_to_first();
            if records.valid() {
                return Err(StoreError::Format { path: path.to_owned(), found: String::new() });
            }
            records.status()?;
            db.put(META_FORMAT, FORMAT)?;
        }
    }
    Ok(db)
}

fn is_lock(error: &rocksdb::Error) -> bool {
    error.kind() == rocksdb::ErrorKind::IOError && error.to_string().to_lowercase().contains("lock")
}

fn open_once(path: &Path, settings: &StoreOptions) -> Result<DB, rocksdb::Error> {
    let cache = Cache::new_lru_cache(settings.cache_bytes)?;
    let tables =
        Table::ALL.map(|table| ColumnFamilyDescriptor::new(table.name(), table_options(table, &cache, settings)));
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_db_write_buffer_size(settings.write_buffer_bytes);
    // A table with few writes must not keep the log of all the others alive.
    options.set_max_total_wal_size(2 * settings.write_buffer_bytes as u64);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1 << 20);
    options.set_max_open_files(1_024);
    options.set_paranoid_checks(true);
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 << 20);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    DB::open_cf_descriptors(&options, path, tables)
}

fn table_options(table: Table, cache: &Cache, settings: &StoreOptions) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_block_size(16 << 10);
    blocks.set_format_version(5);
    if matches!(table, Table::TxHashes | Table::Hashes) {
        blocks.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    let is_random = matches!(table, Table::TxHashes | Table::Hashes);
    options.set_compression_type(if is_random { DBCompressionType::None } else { DBCompressionType::Lz4 });
    options.set_write_buffer_size((settings.write_buffer_bytes / 4).max(1 << 20));
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}
