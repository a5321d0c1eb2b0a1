//! The live values of a store: an ordered map packed for RAM.
//!
//! Records stand one after the other in pages of about 400 bytes; a B-tree of short separators finds the page. Against one
//! allocation per record this saves some 30 bytes each (allocator overhead, pointers, half-empty tree nodes), and a look-up
//! touches a few neighbouring cache lines instead of one per comparison. Pages are allocated for what they hold, so a page
//! that is half full after a split costs half.
//!
//! A record is `key length (u16) | value length (u32, LEB128) | key | value`.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;

use smallvec::SmallVec;

use crate::Direction;
use crate::kv::{interval_contains, interval_is_empty};

/// A page above this many bytes is split, unless it holds a single record.
const PAGE_MAX: usize = 512;
/// A page below this many bytes is merged with the next one where both fit well into one.
const PAGE_MIN: usize = 128;
/// Pages grow in steps of this many bytes.
const PAGE_STEP: usize = 32;
/// Pages are filled up to this when many sorted records are loaded, leaving room for growth.
const PAGE_FILL: usize = 480;

/// The smallest key that may stand in a page; the shortest byte string that separates it from the page before.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Separator(SmallVec<[u8; 24]>);

impl Borrow<[u8]> for Separator {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// An ordered map from keys to values.
#[derive(Default)]
pub(crate) struct PackedMap {
    /// Empty, or its first separator is the empty one. Only that first page may be empty.
    pages: BTreeMap<Separator, Page>,
    len: usize,
    /// Bytes of all pages (capacity).
    bytes: usize,
}

#[derive(Default)]
struct Page(Vec<u8>);

/// Where a record stands in its page.
#[derive(Clone, Copy)]
struct Slot {
    start: usize,
    key: usize,
    value: usize,
    end: usize,
}

/// Encodes the lengths in front of a record.
#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn header(key: &[u8], value: &[u8]) -> SmallVec<[u8; 8]> {
    // Keys are at most MAX_KEY_LEN, values at most MAX_VALUE_LEN long (`require_writable`).
    let mut out = SmallVec::new();
    let key_len = u16::try_from(key.len()).expect("keys are shorter than MAX_KEY_LEN");
    out.extend_from_slice(&key_len.to_le_bytes());
    let mut rest = value.len();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

impl Page {
    /// The record that starts at `start`, which is a record's start and not the page's end.
    fn slot(&self, start: usize) -> Slot {
        let bytes = &self.0;
        let key_len = usize::from(u16::from_le_bytes([bytes[start], bytes[start + 1]]));
        let mut at = start + 2;
        let mut value_len = 0_usize;
        let mut shift = 0_u32;
        loop {
            let byte = bytes[at];
            at += 1;
            value_len |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        Slot { start, key: at, value: at + key_len, end: at + key_len + value_len }
    }

    fn key(&self, slot: Slot) -> &[u8] {
        &self.0[slot.key..slot.value]
    }

    fn value(&self, slot: Slot) -> &[u8] {
        &self.0[slot.value..slot.end]
    }

    /// The record at `key`, or the offset where it belongs.
    fn find(&self, key: &[u8]) -> Result<Slot, usize> {
        let mut at = 0;
        while at < self.0.len() {
            let slot = self.slot(at);
            match self.key(slot).cmp(key) {
                std::cmp::Ordering::Less => at = slot.end,
                std::cmp::Ordering::Equal => return Ok(slot),
                std::cmp::Ordering::Greater => return Err(at),
            }
        }
        Err(at)
    }

    fn slots(&self) -> SmallVec<[Slot; 64]> {
        let mut slots = SmallVec::new();
        let mut at = 0;
        while at < self.0.len() {
            let slot = self.slot(at);
            at = slot.end;
            slots.push(slot);
        }
        slots
    }

    /// Replaces `start..end` by `parts`, growing in small steps so that capacity stays close to length.
    fn splice(&mut self, start: usize, end: usize, parts: [&[u8]; 3]) {
        let inserted: usize = parts.iter().map(|part| part.len()).sum();
        let old_len = self.0.len();
        let new_len = old_len - (end - start) + inserted;
        if new_len > self.0.capacity() {
            self.0.reserve_exact(new_len.next_multiple_of(PAGE_STEP) - old_len);
        }
        if new_len > old_len {
            self.0.resize(new_len, 0);
        }
        self.0.copy_within(end..old_len, start + inserted);
        let mut at = start;
        for part in parts {
            self.0[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.0.truncate(new_len);
        if self.0.capacity() > 2 * new_len.next_multiple_of(PAGE_STEP) {
            self.0.shrink_to(new_len.next_multiple_of(PAGE_STEP));
        }
    }

    /// Cuts an overfull page in two at a record boundary; the second half is returned with its separator.
    ///
    /// After an append the cut falls before the last record, so that ascending insertion leaves full pages behind.
    fn split(&mut self, appended: bool) -> Option<(Separator, Self)> {
        if self.0.len() <= PAGE_MAX {
            return None;
        }
        let slots = self.slots();
        let middle = self.0.len() / 2;
        let at = if appended {
            slots.len() - 1
        } else {
            // The boundary closest to the middle.
            slots.iter().enumerate().min_by_key(|(_, slot)| slot.start.abs_diff(middle)).map_or(0, |(index, _)| index)
        };
        if at == 0 {
            // One record, or one giant in front: cut after the first if there is more.
            if slots.len() < 2 {
                return None;
            }
            return Some(self.cut(slots[0], slots[1]));
        }
        Some(self.cut(slots[at - 1], slots[at]))
    }

    fn cut(&mut self, before: Slot, first: Slot) -> (Separator, Self) {
        let separator = separator(self.key(before), self.key(first));
        let upper = exact(&self.0[first.start..]);
        self.0 = exact(&self.0[..first.start]);
        (separator, Self(upper))
    }
}

fn exact(bytes: &[u8]) -> Vec<u8> {
    let mut page = Vec::with_capacity(bytes.len().next_multiple_of(PAGE_STEP));
    page.extend_from_slice(bytes);
    page
}

/// The shortest string above `lower` and not above `upper`.
fn separator(lower: &[u8], upper: &[u8]) -> Separator {
    let shared = lower.iter().zip(upper).take_while(|(l, u)| l == u).count();
    // `lower < upper`, so `upper` goes on after the shared part.
    Separator(SmallVec::from_slice(&upper[..=shared]))
}

impl PackedMap {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of RAM held, estimated: pages with allocator overhead, separators and tree nodes.
    pub(crate) fn ram_bytes(&self) -> usize {
        // 16 bytes of allocator header per page; a separator and page header take 56 bytes in tree nodes about 3/4 full.
        self.bytes + self.pages.len() * (16 + 56 * 4 / 3)
    }

    fn page(&self, key: &[u8]) -> Option<&Page> {
        self.pages.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back().map(|(_, page)| page)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let page = self.page(key)?;
        page.find(key).map_or(None, |slot| Some(page.value(slot)))
    }

    /// Stores a record; `key` and `value` are within the limits of `require_writable`.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        if self.pages.is_empty() {
            self.pages.insert(Separator(SmallVec::new()), Page::default());
        }
        let (_, page) = self
            .pages
            .range_mut::<[u8], _>((Bound::Unbounded, Bound::Included(key)))
            .next_back()
            .expect("the first separator is empty, so every key has a page");
        let capacity = page.0.capacity();
        let mut appended = false;
        match page.find(key) {
            Ok(slot) if slot.end - slot.value == value.len() => {
                page.0[slot.value..slot.end].copy_from_slice(value);
                return;
            }
            Ok(slot) => page.splice(slot.start, slot.end, [&header(key, value), key, value]),
            Err(at) => {
                appended = at == page.0.len();
                page.splice(at, at, [&header(key, value), key, value]);
                self.len += 1;
            }
        }
        let mut split = page.split(appended);
        self.bytes = self.bytes - capacity + page.0.capacity();
        // A giant record can leave more than one overfull page behind.
        while let Some((separator, mut upper)) = split {
            split = upper.split(false);
            self.bytes += upper.0.capacity();
            self.pages.insert(separator, upper);
        }
    }

    /// Removes a record; false when there was none.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some((separator, page)) =
            self.pages.range_mut::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()
        else {
            return false;
        };
        let Ok(slot) = page.find(key) else {
            return false;
        };
        let capacity = page.0.capacity();
        page.splice(slot.start, slot.end, [&[], &[], &[]]);
        self.len -= 1;
        self.bytes = self.bytes - capacity + page.0.capacity();
        if page.0.len() < PAGE_MIN {
            let separator = separator.clone();
            self.shrink(&separator);
        }
        true
    }

    /// Merges a small page with the next one, or drops it when it is empty.
    fn shrink(&mut self, separator: &Separator) {
        let small = self.pages.get(separator).map_or(0, |page| page.0.len());
        if small == 0 && !separator.0.is_empty() {
            if let Some(page) = self.pages.remove(separator) {
                self.bytes -= page.0.capacity();
            }
            return;
        }
        let after = (Bound::Excluded(separator), Bound::Unbounded);
        let Some((next, page)) = self.pages.range::<Separator, _>(after).next() else {
            return;
        };
        if small + page.0.len() > PAGE_MAX * 3 / 4 {
            return;
        }
        let next = next.clone();
        if let (Some(upper), Some(lower)) = (self.pages.remove(&next), self.pages.get_mut(separator)) {
            let capacity = lower.0.capacity();
            let end = lower.0.len();
            lower.splice(end, end, [&upper.0, &[], &[]]);
            self.bytes = self.bytes - upper.0.capacity() - capacity + lower.0.capacity();
        }
    }

    /// Calls `visit` with the records between two bounds, in order, until it returns false.
    pub(crate) fn scan(
        &self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) {
        if interval_is_empty(start, end) {
            return;
        }
        match direction {
            Direction::Ascending => {
                let first = match start {
                    Bound::Included(key) | Bound::Excluded(key) => self
                        .pages
                        .range::<[u8], _>((Bound::Unbounded, Bound::Included(key)))
                        .next_back()
                        .map(|(separator, _)| separator),
                    Bound::Unbounded => None,
                };
                let from = first.map_or(Bound::Unbounded, |separator| Bound::Included(&separator.0[..]));
                for (_, page) in self.pages.range::<[u8], _>((from, Bound::Unbounded)) {
                    let mut at = 0;
                    while at < page.0.len() {
                        let slot = page.slot(at);
                        at = slot.end;
                        let key = page.key(slot);
                        if !interval_contains(start, Bound::Unbounded, key) {
                            continue;
                        }
                        if !interval_contains(Bound::Unbounded, end, key) || !visit(key, page.value(slot)) {
                            return;
                        }
                    }
                }
            }
            Direction::Descending => {
                let to = match end {
                    Bound::Included(key) | Bound::Excluded(key) => Bound::Included(key),
                    Bound::Unbounded => Bound::Unbounded,
                };
                for (_, page) in self.pages.range::<[u8], _>((Bound::Unbounded, to)).rev() {
                    for slot in page.slots().into_iter().rev() {
                        let key = page.key(slot);
                        if !interval_contains(Bound::Unbounded, end, key) {
                            continue;
                        }
                        if !interval_contains(start, Bound::Unbounded, key) || !visit(key, page.value(slot)) {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// Fills a [`PackedMap`] from records in ascending key order, packing pages well.
#[derive(Default)]
pub(crate) struct PackedMapBuilder {
    pages: Vec<(Separator, Page)>,
    open: Vec<u8>,
    open_separator: SmallVec<[u8; 24]>,
    last_key: Vec<u8>,
    len: usize,
}

impl PackedMapBuilder {
    /// Adds a record whose key is above all keys before; false (and nothing added) when it is not.
    #[must_use]
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> bool {
        if self.len > 0 && self.last_key.as_slice() >= key {
            return false;
        }
        let header = header(key, value);
        let size = header.len() + key.len() + value.len();
        if !self.open.is_empty() && self.open.len() + size > PAGE_FILL {
            let next = separator(&self.last_key, key);
            let separator = Separator(std::mem::replace(&mut self.open_separator, next.0));
            self.pages.push((separator, Page(exact(&self.open))));
            self.open.clear();
        }
        self.open.extend_from_slice(&header);
        self.open.extend_from_slice(key);
        self.open.extend_from_slice(value);
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.len += 1;
        true
    }

    pub(crate) fn finish(mut self) -> PackedMap {
        if !self.open.is_empty() {
            self.pages.push((Separator(self.open_separator), Page(exact(&self.open))));
        }
        let bytes = self.pages.iter().map(|(_, page)| page.0.capacity()).sum();
        // Sorted input: the B-tree is built bottom-up with full nodes.
        PackedMap { pages: self.pages.into_iter().collect(), len: self.len, bytes }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;

    fn scan(map: &PackedMap, start: Bound<&[u8]>, end: Bound<&[u8]>, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        map.scan(start, end, direction, |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            true
        });
        found
    }

    fn require_same(map: &PackedMap, model: &Model, low: &[u8], high: &[u8]) {
        assert_eq!(map.len(), model.len());
        assert_eq!(map.bytes, map.pages.values().map(|page| page.0.capacity()).sum::<usize>());
        for (key, value) in model {
            assert_eq!(map.get(key), Some(value.as_slice()));
        }
        for (start, end) in [
            (Bound::Unbounded, Bound::Unbounded),
            (Bound::Included(low), Bound::Excluded(high)),
            (Bound::Excluded(low), Bound::Included(high)),
        ] {
            let expected: Vec<_> = if interval_is_empty(start, end) {
                Vec::new()
            } else {
                model.range::<[u8], _>((start, end)).map(|(k, v)| (k.clone(), v.clone())).collect()
            };
            assert_eq!(scan(map, start, end, Direction::Ascending), expected);
            let reversed: Vec<_> = expected.into_iter().rev().collect();
            assert_eq!(scan(map, start, end, Direction::Descending), reversed);
        }
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (0_u16..400).prop_map(|n| [b"accounts/", &n.to_be_bytes()[..]].concat()),
            proptest::collection::vec(0_u8..4, 1..6),
        ]
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => proptest::collection::vec(any::<u8>(), 1..40),
            1 => proptest::collection::vec(any::<u8>(), 100..3000),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn behaves_like_a_btree_map(
            ops in proptest::collection::vec((key(), proptest::option::weighted(0.6, value())), 0..600),
            low in key(),
            high in key(),
        ) {
            let mut map = PackedMap::default();
            let mut model = Model::new();
            for (key, value) in ops {
                match value {
                    Some(value) => {
                        map.set(&key, &value);
                        model.insert(key, value);
                    }
                    None => prop_assert_eq!(map.remove(&key), model.remove(&key).is_some()),
                }
            }
            require_same(&map, &model, &low, &high);
            let mut builder = PackedMapBuilder::default();
            for (key, value) in &model {
                prop_assert!(builder.push(key, value));
            }
            let mut map = builder.finish();
            require_same(&map, &model, &low, &high);
            for key in model.keys() {
                prop_assert!(map.remove(key));
            }
            require_same(&map, &Model::new(), &low, &high);
        }
    }

    #[test]
    fn builder_refuses_unsorted_keys() {
        let mut builder = PackedMapBuilder::default();
        assert!(builder.push(b"b", b"1"));
        assert!(!builder.push(b"b", b"2"));
        assert!(!builder.push(b"a", b"3"));
        assert_eq!(scan(&builder.finish(), Bound::Unbounded, Bound::Unbounded, Direction::Ascending).len(), 1);
    }

    #[test]
    fn overhead_per_record_is_small() {
        // 20-byte addresses with a one-byte prefix and a denomination, values of 8 digits, inserted in random order.
        let mut map = PackedMap::default();
        let mut payload = 0;
        for n in 0_u32..100_000 {
            let hash = crate::hash::sha256(&n.to_be_bytes());
            let key = [b"\x02\x14", &hash[..20], b"uplume"].concat();
            map.set(&key, b"10000000");
            payload += key.len() + 8;
        }
        let overhead = (map.ram_bytes() - payload) / map.len();
        assert!(overhead <= 18, "{overhead} bytes of overhead per record");
    }
}
