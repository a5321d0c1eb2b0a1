//! Named places where a test lets the process die.
//!
//! Compiled to nothing without the feature `failpoints`, which only tests switch on.

/// Every failpoint, in the order in which a block meets them.
pub const ALL: [&str; 19] = [
    OPEN_CREATED,
    PERSIST_QUEUED,
    WRITER_RECEIVED,
    WRITER_WRITING,
    WRITER_WRITTEN,
    WRITER_INGESTED,
    WRITER_PUBLISHED,
    CHECKPOINT_PARTIAL,
    CHECKPOINT_BEFORE_RENAME,
    CHECKPOINT_RENAMED,
    PRUNE_STARTED,
    PRUNE_FILTERING,
    PRUNE_DONE,
    ROLLBACK_BEFORE_WRITE,
    ROLLBACK_WRITTEN,
    RESTORE_WRITTEN,
    RESTORE_PART_KEPT,
    RESTORE_DISCARDING,
    RESTORE_DISCARDED,
];

/// RocksDB exists, the identity record does not.
pub const OPEN_CREATED: &str = "open/created";
/// The block waits in the queue; the writer has not seen it.
pub const PERSIST_QUEUED: &str = "persist/queued";
/// The writer has the block in memory.
pub const WRITER_RECEIVED: &str = "writer/received";
/// The table file of a group is half written.
pub const WRITER_WRITING: &str = "writer/writing";
/// The table file is complete and not part of the database.
pub const WRITER_WRITTEN: &str = "writer/written";
/// The blocks are on disk, the durable height still says otherwise.
pub const WRITER_INGESTED: &str = "writer/ingested";
/// The durable height is known to readers.
pub const WRITER_PUBLISHED: &str = "writer/published";
/// A part of a tree checkpoint is in its temporary file.
pub const CHECKPOINT_PARTIAL: &str = "checkpoint/partial";
/// A whole checkpoint is in its temporary file.
pub const CHECKPOINT_BEFORE_RENAME: &str = "checkpoint/before-rename";
/// A new checkpoint has replaced the one before.
pub const CHECKPOINT_RENAMED: &str = "checkpoint/renamed";
/// A compaction for pruning begins.
pub const PRUNE_STARTED: &str = "prune/started";
/// A compaction is dropping an old value.
pub const PRUNE_FILTERING: &str = "prune/filtering";
/// A compaction for pruning has ended.
pub const PRUNE_DONE: &str = "prune/done";
/// A rollback is ready to be written.
pub const ROLLBACK_BEFORE_WRITE: &str = "rollback/before-write";
/// A rollback is in RocksDB's memory, not on disk.
pub const ROLLBACK_WRITTEN: &str = "rollback/written";

/// The table file of a step of a restore (its beginning, a part, its end) is complete and not part of the database.
pub const RESTORE_WRITTEN: &str = "restore/written";
/// A part of a restore is on disk; nobody has been told.
pub const RESTORE_PART_KEPT: &str = "restore/part-kept";
/// Parts of a restore are about to be discarded.
pub const RESTORE_DISCARDING: &str = "restore/discarding";
/// They are gone in RocksDB's memory, not on disk.
pub const RESTORE_DISCARDED: &str = "restore/discarded";

#[cfg(feature = "failpoints")]
mod armed {
    use parking_lot::Mutex;

    static ARMED: Mutex<Option<(String, u64)>> = Mutex::new(None);

    /// Lets the process abort when `name` is met for the `nth` time from now (1 = next time).
    pub fn arm(name: &str, nth: u64) {
        *ARMED.lock() = Some((name.to_owned(), nth));
    }

    /// Whether this visit to `name` is the fatal one.
    pub(crate) fn is_due(name: &str) -> bool {
        let mut armed = ARMED.lock();
        let Some((due, left)) = armed.as_mut() else { return false };
        if due != name {
            return false;
        }
        *left = left.saturating_sub(1);
        *left == 0
    }
}

#[cfg(feature = "failpoints")]
pub use armed::arm;
#[cfg(feature = "failpoints")]
pub(crate) use armed::is_due;

/// Without the feature nothing is ever due.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) const fn is_due(_name: &str) -> bool {
    false
}

/// Aborts the process if `name` is armed and due: no destructor runs, nothing is flushed, as in a power cut.
#[inline]
pub(crate) fn hit(name: &str) {
    if is_due(name) {
        std::process::abort();
    }
}
