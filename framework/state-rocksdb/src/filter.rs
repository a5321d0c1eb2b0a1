//! Pruning: RocksDB drops old values that nobody may read any more while it compacts.
//!
//! No tombstone is written for them, so pruning costs no extra bytes and frees the space at once.

use std::{
    ffi::CStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rocksdb::{
    CompactionDecision,
    compaction_filter::CompactionFilter,
    compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory},
};

use crate::{
    failpoint,
    keys::{self, HEIGHT_LEN},
};

/// What a compaction may drop, shared with the writer.
#[derive(Debug, Default)]
pub(crate) struct PruneRule {
    /// Values before this height may go. It is raised only after the floor record is on disk: otherwise a crash could
    /// leave a database that promises heights whose values are gone.
    pub(crate) floor: AtomicU64,
    /// Journal records up to this height may go; raised likewise.
    pub(crate) journal_removed: AtomicU64,
    /// Of the heights below the floor, multiples of this stay readable; 0: none.
    pub(crate) keep_every: u64,
    /// Entries dropped since the database was opened.
    pub(crate) dropped: AtomicU64,
}

impl PruneRule {
    /// Whether values at `height` can be read, given a floor.
    pub(crate) fn is_readable(&self, height: u64, floor: u64) -> bool {
        height >= floor || (self.keep_every != 0 && height.is_multiple_of(self.keep_every))
    }
}

/// Makes one [`PruneFilter`] per compaction.
pub(crate) struct PruneFilterFactory(pub(crate) Arc<PruneRule>);

impl CompactionFilterFactory for PruneFilterFactory {
    type Filter = PruneFilter;

    fn create(&mut self, _context: CompactionFilterContext) -> PruneFilter {
        PruneFilter {
            floor: self.0.floor.load(Ordering::Acquire),
            journal_removed: self.0.journal_removed.load(Ordering::Acquire),
            rule: Arc::clone(&self.0),
            last_kept: Vec::new(),
            last_interval: 0,
        }
    }

    fn name(&self) -> &CStr {
        c"plume-prune"
    }
}

/// Decides about the entries of one compaction, which come in key order.
pub(crate) struct PruneFilter {
    rule: Arc<PruneRule>,
    floor: u64,
    journal_removed: u64,
    /// Key, without height, of the last old value kept for the sake of `keep_every`.
    last_kept: Vec<u8>,
    /// Interval of that value's height.
    last_interval: u64,
}

impl PruneFilter {
    /// Whether the entry serves no readable height.
    fn is_dead(&mut self, raw: &[u8]) -> bool {
        if let Some(height) = keys::parse_block(raw) {
            return !self.rule.is_readable(height, self.floor);
        }
        if let Some((height, _)) = keys::parse_journal(raw) {
            return height <= self.journal_removed;
        }
        let Some((key, height)) = keys::split_history(raw) else { return false };
        // The value before block `height` is read at heights below `height` only.
        if height > self.floor {
            return false;
        }
        let Some(interval) = height.saturating_sub(1).checked_div(self.rule.keep_every) else { return true };
        // One readable height per interval: the key's first old value behind it answers, later ones are never reached.
        if self.last_interval == interval && self.last_kept == key {
            return true;
        }
        self.last_kept.clear();
        self.last_kept.extend_from_slice(key);
        self.last_interval = interval;
        false
    }
}

impl CompactionFilter for PruneFilter {
    fn filter(&mut self, _level: u32, raw: &[u8], _value: &[u8]) -> CompactionDecision {
        if raw.len() < HEIGHT_LEN || !self.is_dead(raw) {
            return CompactionDecision::Keep;
        }
        failpoint::hit(failpoint::PRUNE_FILTERING);
        self.rule.dropped.fetch_add(1, Ordering::Relaxed);
        CompactionDecision::Remove
    }

    fn name(&self) -> &CStr {
        c"plume-prune"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heights of the old values of one key that survive.
    fn survivors(floor: u64, keep_every: u64, heights: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let rule = Arc::new(PruneRule { floor: AtomicU64::new(floor), keep_every, ..PruneRule::default() });
        let mut filter =
            PruneFilter { rule: Arc::clone(&rule), floor, journal_removed: 0, last_kept: vec![], last_interval: 0 };
        let mut kept = vec![];
        let mut all = 0;
        for height in heights {
            let mut raw = vec![];
            keys::history_prefix(&mut raw, 1, b"key");
            raw.extend_from_slice(&height.to_be_bytes());
            all += 1;
            if matches!(filter.filter(0, &raw, b""), CompactionDecision::Keep) {
                kept.push(height);
            }
        }
        assert_eq!(rule.dropped.load(Ordering::Relaxed), all - kept.len() as u64);
        kept
    }

    #[test]
    fn values_behind_the_floor_stay() {
        assert_eq!(survivors(5, 0, 1..=8), [6, 7, 8]);
        assert_eq!(survivors(0, 0, 0..=3), [1, 2, 3]);
    }

    #[test]
    fn one_value_per_kept_height_stays_below_the_floor() {
        // Readable: 0, 10, 20, .. and 25 and above. The value before block 3 answers 0, before 11 answers 10, before 21 answers 20.
        assert_eq!(survivors(25, 10, [3, 7, 10, 11, 12, 20, 21, 25, 26, 27]), [3, 11, 21, 26, 27]);
    }

    #[test]
    fn other_keys_are_left_alone() {
        let rule = Arc::new(PruneRule { floor: AtomicU64::new(u64::MAX), ..PruneRule::default() });
        let mut filter = PruneFilter { rule, floor: u64::MAX, journal_removed: 6, last_kept: vec![], last_interval: 0 };
        let mut current = vec![];
        keys::current(&mut current, 2, &[9; 40]);
        for raw in [&current[..], keys::META_IDENTITY, keys::META_HEAD, b"\x01\0\0", b""] {
            assert!(matches!(filter.filter(6, raw, b""), CompactionDecision::Keep));
        }
        assert!(matches!(filter.filter(6, &keys::block(7), b""), CompactionDecision::Remove));
        for (height, kept) in [(6, false), (7, true)] {
            let journal = [&keys::journal(height)[..], &[0, 1]].concat();
            assert_eq!(matches!(filter.filter(6, &journal, b""), CompactionDecision::Keep), kept);
        }
    }
}
