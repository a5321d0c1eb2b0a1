//! Sets of events in order, read as they are needed.

use std::time::Instant;

use plume_events::Number;
use rocksdb::{DB, DBRawIteratorWithThreadMode, ReadOptions};

use super::{
    MAX_COLLECTED, SearchView,
    plan::{HeightRule, Kind, Term, Test},
};
use crate::{
    StoreError,
    index::{Record, places_of, read_places, tag_prefix, value_prefix},
    read::MetaRecord,
    tables::{Table, height_key, read_height},
};

/// Where an event occurred. The event's number is 0 for the transaction or block as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) height: u64,
    pub(crate) index: u32,
    pub(crate) event: u32,
}

/// What a search may cost.
pub(crate) struct Limits {
    pub(super) until: Instant,
    pub(super) seconds: u64,
}

impl Limits {
    /// Called for each step; looks at the clock now and then.
    fn check(&self, steps: &mut u32) -> Result<(), StoreError> {
        *steps = steps.wrapping_add(1);
        if steps.is_multiple_of(256) && Instant::now() >= self.until {
            return Err(StoreError::TooSlow { seconds: self.seconds });
        }
        Ok(())
    }
}

/// The places of one term, in order.
pub(super) enum Stream<'a> {
    Empty,
    Equal(Box<Equal<'a>>),
    Collected(Vec<Place>),
    Heights(Box<Heights<'a>>),
}

impl<'a> Stream<'a> {
    /// Opens the stream of a term.
    pub(super) fn open(
        view: &'a SearchView<'a>,
        kind: Kind,
        term: &'a Term,
        heights: &'a HeightRule,
        collected: &mut usize,
    ) -> Result<Self, StoreError> {
        Ok(match term {
            Term::Nothing => Self::Empty,
            Term::Equal { tag, value } => {
                let mut prefix = Vec::new();
                value_prefix(&mut prefix, tag, value);
                let records = records(view, kind.events(), &prefix)?;
                Self::Equal(Box::new(Equal {
                    view,
                    heights,
                    records,
                    value,
                    prefix,
                    height: None,
                    places: Vec::new(),
                    steps: 0,
                }))
            }
            Term::Test { tag, test } => Self::Collected(collect(view, kind, tag, test, heights, collected)?),
            Term::Heights { contains } => {
                let records = records(view, Table::Headers, &[])?;
                let contains = contains.as_deref();
                Self::Heights(Box::new(Heights { view, kind, heights, records, contains, at: None, steps: 0 }))
            }
        })
    }

    /// The first place that is not before `from`.
    pub(super) fn seek(&mut self, from: Place) -> Result<Option<Place>, StoreError> {
        match self {
            Self::Empty => Ok(None),
            Self::Equal(stream) => stream.seek(from),
            Self::Collected(places) => Ok(places.get(places.partition_point(|place| *place < from)).copied()),
            Self::Heights(stream) => stream.seek(from),
        }
    }
}

type Records<'a> = DBRawIteratorWithThreadMode<'a, DB>;

fn records<'a>(view: &'a SearchView<'a>, table: Table, prefix: &[u8]) -> Result<Records<'a>, StoreError> {
    let mut options = ReadOptions::default();
    // A long search must not push out what the node itself reads.
    options.fill_cache(false);
    if let Some(end) = end_of(prefix) {
        options.set_iterate_upper_bound(end);
    }
    Ok(view.snapshot.raw_iterator_cf_opt(table.of(view.db)?, options))
}

/// The first key after all that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1; // below 255
    Some(end)
}

/// Events with one value.
pub(super) struct Equal<'a> {
    view: &'a SearchView<'a>,
    heights: &'a HeightRule,
    records: Records<'a>,
    value: &'a str,
    prefix: Vec<u8>,
    /// Height of the record that was read last.
    height: Option<u64>,
    places: Vec<(u32, u32)>,
    steps: u32,
}

impl Equal<'_> {
    fn seek(&mut self, from: Place) -> Result<Option<Place>, StoreError> {
        if self.height.is_none_or(|height| height < from.height) {
            self.records.seek([self.prefix.as_slice(), &height_key(from.height)].concat());
            if !self.read()? {
                return Ok(None);
            }
        }
        loop {
            let Some(height) = self.height else { return Ok(None) };
            let start = if height > from.height { (0, 0) } else { (from.index, from.event) };
            let at = self.places.partition_point(|place| *place < start);
            if let Some((index, event)) = self.places.get(at) {
                return Ok(Some(Place { height, index: *index, event: *event }));
            }
            self.records.next();
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads the record under the iterator, or the next one at a height that counts.
    fn read(&mut self) -> Result<bool, StoreError> {
        let (_, highest) = self.heights.limits();
        loop {
            self.view.limits.check(&mut self.steps)?;
            let Some((key, record)) = self.records.item() else {
                self.records.status()?;
                self.height = Some(u64::MAX);
                self.places.clear();
                return Ok(false);
            };
            let height = key.strip_prefix(self.prefix.as_slice()).and_then(read_height);
            let height = height.ok_or_else(|| StoreError::damaged("index", format!("key {}", hex::encode(key))))?;
            if height > highest {
                self.height = Some(u64::MAX);
                self.places.clear();
                return Ok(false);
            }
            if self.heights.allows(height) {
                // A long value comes before its places.
                self.places = read_places(places_of(self.value, record)?)?;
                self.height = Some(height);
                return Ok(true);
            }
            self.records.next();
        }
    }
}

/// All events with a key whose value passes, at heights that count.
fn collect(
    view: &SearchView<'_>,
    kind: Kind,
    tag: &str,
    test: &Test,
    heights: &HeightRule,
    collected: &mut usize,
) -> Result<Vec<Place>, StoreError> {
    let prefix = tag_prefix(tag);
    let mut records = records(view, kind.events(), &prefix)?;
    records.seek(&prefix);
    let mut places = Vec::new();
    let mut steps = 0;
    while let Some((key, record)) = records.item() {
        view.limits.check(&mut steps)?;
        let damaged = || StoreError::damaged("index", format!("key {}", hex::encode(key)));
        let record = Record::read(key.strip_prefix(prefix.as_slice()).ok_or_else(damaged)?, record)?;
        let is_searched = (view.floor..=view.indexed).contains(&record.height) && heights.allows(record.height);
        if is_searched && passes(test, kind, &record.value) {
            let found = read_places(record.places)?;
            *collected = collected.saturating_add(found.len());
            if *collected > MAX_COLLECTED {
                return Err(StoreError::TooBroad { limit: MAX_COLLECTED });
            }
            let height = record.height;
            places.extend(found.into_iter().map(|(index, event)| Place { height, index, event }));
        }
        records.next();
    }
    records.status()?;
    places.sort_unstable();
    Ok(places)
}

/// The index of transactions looks at values without the white space around them, that of blocks at all of them.
fn passes(test: &Test, kind: Kind, value: &str) -> bool {
    let value = if kind == Kind::Tx { value.trim() } else { value };
    match test {
        Test::Exists => true,
        Test::Contains(part) => value.contains(part.as_str()),
        Test::Within(bounds) => Number::whole(value).is_some_and(|number| bounds.allow(&number)),
    }
}

impl Kind {
    fn events(self) -> Table {
        match self {
            Self::Tx => Table::TxEvents,
            Self::Block => Table::BlockEvents,
        }
    }
}

/// Every transaction of the heights, or every height.
pub(super) struct Heights<'a> {
    view: &'a SearchView<'a>,
    kind: Kind,
    heights: &'a HeightRule,
    records: Records<'a>,
    contains: Option<&'a str>,
    /// Height under the iterator and how many places it has.
    at: Option<(u64, u32)>,
    steps: u32,
}

impl Heights<'_> {
    fn seek(&mut self, from: Place) -> Result<Option<Place>, StoreError> {
        if self.at.is_none_or(|(height, _)| height < from.height) {
            self.records.seek(height_key(from.height.max(self.heights.limits().0)));
            self.read()?;
        }
        loop {
            let Some((height, count)) = self.at.filter(|(height, _)| *height != u64::MAX) else { return Ok(None) };
            let index = match height > from.height {
                true => 0,
                false if from.event > 0 => from.index.saturating_add(1),
                false => from.index,
            };
            if index < count {
                return Ok(Some(Place { height, index, event: 0 }));
            }
            self.records.next();
            self.read()?;
        }
    }

    /// Reads the record under the iterator, or the next one at a height that counts; `u64::MAX` stands for the end.
    fn read(&mut self) -> Result<(), StoreError> {
        loop {
            self.view.limits.check(&mut self.steps)?;
            let Some((key, record)) = self.records.item() else {
                self.records.status()?;
                self.at = Some((u64::MAX, 0));
                return Ok(());
            };
            let height = read_height(key).ok_or_else(|| StoreError::damaged("headers", "a key is not a height"))?;
            if height > self.heights.limits().1 {
                self.at = Some((u64::MAX, 0));
                return Ok(());
            }
            if self.heights.allows(height) && self.contains.is_none_or(|part| height.to_string().contains(part)) {
                let count = match self.kind {
                    Kind::Tx => MetaRecord::start(record)?.1,
                    Kind::Block => 1,
                };
                self.at = Some((height, count));
                return Ok(());
            }
            self.records.next();
        }
    }
}
