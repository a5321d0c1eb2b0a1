//! A stack of write layers over a snapshot: the writes of a block, of a transaction in it, of a message in that.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::kv::{interval_is_empty, require_writable};
use crate::{ChangeSet, Direction, KvRead, KvWrite, RangeIter, Record, StateError, StateView, Store};

/// Write layers over an immutable view. Reads see the topmost write; dropping a layer is the rollback.
///
/// A new overlay has one layer, the bottom one, which stays. [`push`](Self::push) opens a layer above,
/// [`commit`](Self::commit) merges it into the one below, [`revert`](Self::revert) forgets it.
pub struct Overlay {
    base: Arc<dyn StateView>,
    /// Bottom layer first; never empty.
    layers: Vec<Layer>,
}

type StoreWrites = BTreeMap<LayerKey, Option<Bytes>>;

/// The writes of one layer. A layer touches a handful of stores, so they are found by going through them.
#[derive(Clone, Default)]
struct Layer(Vec<(Store, StoreWrites)>);

impl Layer {
    fn store(&self, store: Store) -> Option<&StoreWrites> {
        self.0.iter().find(|(own, _)| *own == store).map(|(_, writes)| writes)
    }

    fn get(&self, store: Store, key: &LayerKey) -> Option<&Option<Bytes>> {
        self.store(store)?.get(key)
    }

    fn store_mut(&mut self, store: Store) -> &mut StoreWrites {
        let index = self.0.iter().position(|(own, _)| *own == store).unwrap_or(self.0.len());
        if index == self.0.len() {
            self.0.push((store, StoreWrites::new()));
        }
        &mut self.0[index].1
    }

    /// Moves the writes of the layer above over these.
    fn take_over(&mut self, upper: Self) {
        for (store, writes) in upper.0 {
            let own = self.store_mut(store);
            if own.is_empty() {
                *own = writes;
            } else {
                own.extend(writes);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, writes)| writes.is_empty())
    }
}

/// A key inside a layer, in the order of its bytes.
///
/// A block's layer has ten thousand entries and is searched several times for each transaction. The first eight bytes as a
/// number tell most keys apart with one comparison, and the bytes stand in the tree's node, not somewhere in memory.
#[derive(Clone, PartialEq, Eq)]
struct LayerKey {
    /// The first eight bytes, zeros for those that are missing; big endian, so that numbers are ordered as bytes are.
    head: u64,
    bytes: SmallVec<[u8; 32]>,
}

impl LayerKey {
    fn new(key: &[u8]) -> Self {
        let head = match key.first_chunk() {
            Some(head) => *head,
            None => {
                let mut head = [0; 8];
                head[..key.len()].copy_from_slice(key);
                head
            }
        };
        Self { head: u64::from_be_bytes(head), bytes: SmallVec::from_slice(key) }
    }

    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }
}

impl Ord for LayerKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.head.cmp(&other.head).then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for LayerKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Overlay {
    /// An overlay with one empty layer.
    #[must_use]
    pub fn new(base: Arc<dyn StateView>) -> Self {
        Self { base, layers: vec![Layer::default()] }
    }

    /// The view below all layers.
    #[must_use]
    pub fn base(&self) -> &Arc<dyn StateView> {
        &self.base
    }

    /// Opens a layer on top.
    pub fn push(&mut self) {
        self.layers.push(Layer::default());
    }

    /// The number of layers, at least 1.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Merges the topmost layer into the one below. With only the bottom layer left it does nothing.
    pub fn commit(&mut self) {
        if self.layers.len() < 2 {
            return;
        }
        if let Some(top) = self.layers.pop() {
            self.top().take_over(top);
        }
    }

    /// Forgets the topmost layer with all its writes. With only the bottom layer left it empties that one.
    pub fn revert(&mut self) {
        if self.layers.len() < 2 {
            *self.top() = Layer::default();
        } else {
            self.layers.pop();
        }
    }

    /// All writes, merged over the layers: one per key, sorted. Writes equal to the base are still among them;
    /// `State::prepare` drops those.
    #[must_use]
    pub fn into_changes(self) -> ChangeSet {
        let mut layers = self.layers.into_iter();
        let mut merged = layers.next().unwrap_or_default();
        for layer in layers {
            merged.take_over(layer);
        }
        let mut changes = ChangeSet::new();
        for (store, writes) in merged.0 {
            changes.insert_sorted(store, writes.into_iter().map(|(key, value)| (key.to_bytes(), value)).collect());
        }
        changes
    }

    /// The same without consuming the overlay.
    #[must_use]
    pub fn changes(&self) -> ChangeSet {
        Self { base: self.base.clone(), layers: self.layers.clone() }.into_changes()
    }

    /// True when no layer holds a write.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.layers.iter().all(Layer::is_empty)
    }

    /// The topmost write to a key.
    fn written(&self, store: Store, key: &[u8]) -> Option<&Option<Bytes>> {
        let key = LayerKey::new(key);
        self.layers.iter().rev().find_map(|layer| layer.get(store, &key))
    }

    fn top(&mut self) -> &mut Layer {
        self.layers.last_mut().expect("the bottom layer is never removed")
    }

    fn write(&mut self, store: Store, key: &[u8], value: Option<Bytes>) {
        self.top().store_mut(store).insert(LayerKey::new(key), value);
    }
}

impl KvRead for Overlay {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        if let Some(write) = self.written(store, key) {
            return Ok(write.clone());
        }
        self.base.get(store, key)
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        if interval_is_empty(start, end) {
            return Ok(RangeIter::empty());
        }
        let base = self.base.range(store, start, end, direction)?;
        let layers: Vec<LayerCursor<'_>> = self
            .layers
            .iter()
            .rev()
            .filter_map(|layer| layer.store(store))
            .map(|writes| {
                let range = writes.range((start.map(LayerKey::new), end.map(LayerKey::new)));
                let boxed: Box<dyn Iterator<Item = Written<'_>>> = match direction {
                    Direction::Ascending => Box::new(range),
                    Direction::Descending => Box::new(range.rev()),
                };
                LayerCursor::new(boxed)
            })
            .collect();
        if layers.is_empty() {
            return Ok(base);
        }
        Ok(RangeIter::new(Merge { base, base_next: None, base_done: false, layers, direction }))
    }

    fn has(&self, store: Store, key: &[u8]) -> Result<bool, StateError> {
        if let Some(write) = self.written(store, key) {
            return Ok(write.is_some());
        }
        self.base.has(store, key)
    }
}

impl KvWrite for Overlay {
    fn set(&mut self, store: Store, key: &[u8], value: Bytes) -> Result<(), StateError> {
        require_writable(store, key, Some(&value))?;
        self.write(store, key, Some(value));
        Ok(())
    }

    fn delete(&mut self, store: Store, key: &[u8]) -> Result<(), StateError> {
        require_writable(store, key, None)?;
        self.write(store, key, None);
        Ok(())
    }
}

/// A write: a key, and its value or that it was removed.
type Written<'a> = (&'a LayerKey, &'a Option<Bytes>);

/// A layer's writes within the interval, with the next one at hand.
struct LayerCursor<'a> {
    next: Option<Written<'a>>,
    rest: Box<dyn Iterator<Item = Written<'a>> + 'a>,
}

impl<'a> LayerCursor<'a> {
    fn new(mut rest: Box<dyn Iterator<Item = Written<'a>> + 'a>) -> Self {
        Self { next: rest.next(), rest }
    }

    fn advance(&mut self) -> Option<Written<'a>> {
        std::mem::replace(&mut self.next, self.rest.next())
    }
}

/// Merges the base with the layers; of several writes to one key the topmost counts, and a removal hides the record.
struct Merge<'a> {
    base: RangeIter<'a>,
    base_next: Option<Record>,
    base_done: bool,
    /// Topmost layer first.
    layers: Vec<LayerCursor<'a>>,
    direction: Direction,
}

impl Merge<'_> {
    fn order(&self, left: &[u8], right: &[u8]) -> Ordering {
        match self.direction {
            Direction::Ascending => left.cmp(right),
            Direction::Descending => right.cmp(left),
        }
    }

    /// The topmost layer among those whose next key comes first.
    fn first_layer(&self) -> Option<usize> {
        let mut first: Option<(usize, &LayerKey)> = None;
        for (index, layer) in self.layers.iter().enumerate() {
            if let Some((key, _)) = layer.next
                && first.is_none_or(|(_, best)| self.order(&key.bytes, &best.bytes) == Ordering::Less)
            {
                first = Some((index, key));
            }
        }
        first.map(|(index, _)| index)
    }

    /// Steps every layer that stands at `key`.
    fn skip_layers(&mut self, key: &[u8]) {
        for layer in &mut self.layers {
            if layer.next.is_some_and(|(next, _)| next.bytes.as_slice() == key) {
                layer.advance();
            }
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Record, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.base_next.is_none() && !self.base_done {
                match self.base.next() {
                    Some(Ok(record)) => self.base_next = Some(record),
                    Some(Err(error)) => {
                        self.base_done = true;
                        self.layers.clear();
                        return Some(Err(error));
                    }
                    None => self.base_done = true,
                }
            }
            let Some(layer) = self.first_layer() else {
                return self.base_next.take().map(Ok);
            };
            let (key, write) = self.layers[layer].next?;
            if let Some((base_key, _)) = &self.base_next {
                match self.order(base_key, &key.bytes) {
                    Ordering::Less => return self.base_next.take().map(Ok),
                    Ordering::Equal => self.base_next = None,
                    Ordering::Greater => {}
                }
            }
            let (key, write) = (key.to_bytes(), write.clone());
            self.skip_layers(&key);
            if let Some(value) = write {
                return Some(Ok((key, value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const STORE: Store = Store::committed("s");

    /// The plainest possible view: a map.
    #[derive(Clone, Default)]
    struct MapView(BTreeMap<Vec<u8>, Bytes>);

    impl KvRead for MapView {
        fn get(&self, _: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
            Ok(self.0.get(key).cloned())
        }

        fn range(
            &self,
            _: Store,
            start: Bound<&[u8]>,
            end: Bound<&[u8]>,
            direction: Direction,
        ) -> Result<RangeIter<'_>, StateError> {
            let records: Vec<_> = self
                .0
                .range::<[u8], _>((start, end))
                .map(|(key, value)| Ok((Bytes::copy_from_slice(key), value.clone())))
                .collect();
            Ok(match direction {
                Direction::Ascending => RangeIter::new(records.into_iter()),
                Direction::Descending => RangeIter::new(records.into_iter().rev()),
            })
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Set(u8, u8),
        Delete(u8),
        Push,
        Commit,
        Revert,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            5 => (0_u8..24, 1_u8..255).prop_map(|(key, value)| Op::Set(key, value)),
            3 => (0_u8..24).prop_map(Op::Delete),
            2 => Just(Op::Push),
            1 => Just(Op::Commit),
            1 => Just(Op::Revert),
        ]
    }

    fn all(view: &dyn KvRead, start: Bound<&[u8]>, end: Bound<&[u8]>, direction: Direction) -> Vec<Record> {
        view.range(STORE, start, end, direction).unwrap().collect::<Result<_, _>>().unwrap()
    }

    proptest! {
        #[test]
        fn behaves_like_a_stack_of_whole_copies(
            base in proptest::collection::btree_map(0_u8..24, 1_u8..255, 0..16),
            ops in proptest::collection::vec(op(), 0..60),
            low in 0_u8..26,
            high in 0_u8..26,
        ) {
            let base: BTreeMap<Vec<u8>, Bytes> =
                base.into_iter().map(|(key, value)| (vec![key, 7], Bytes::from(vec![value]))).collect();
            let mut overlay = Overlay::new(Arc::new(MapView(base.clone())));
            let mut stack = vec![base.clone()];
            for op in ops {
                let top = stack.last_mut().unwrap();
                match op {
                    Op::Set(key, value) => {
                        top.insert(vec![key, 7], Bytes::from(vec![value]));
                        overlay.set(STORE, &[key, 7], Bytes::from(vec![value])).unwrap();
                    }
                    Op::Delete(key) => {
                        top.remove(&vec![key, 7]);
                        overlay.delete(STORE, &[key, 7]).unwrap();
                    }
                    Op::Push => {
                        let copy = top.clone();
                        stack.push(copy);
                        overlay.push();
                    }
                    Op::Commit => {
                        overlay.commit();
                        if stack.len() > 1 {
                            let top = stack.pop().unwrap();
                            *stack.last_mut().unwrap() = top;
                        }
                    }
                    Op::Revert => {
                        overlay.revert();
                        stack.pop();
                        if stack.is_empty() {
                            stack.push(base.clone());
                        }
                    }
                }
                prop_assert_eq!(overlay.depth(), stack.len());
            }
            let model = MapView(stack.last().unwrap().clone());
            for key in 0_u8..24 {
                prop_assert_eq!(overlay.get(STORE, &[key, 7]).unwrap(), model.get(STORE, &[key, 7]).unwrap());
                prop_assert_eq!(overlay.has(STORE, &[key, 7]).unwrap(), model.has(STORE, &[key, 7]).unwrap());
            }
            let (low, high) = ([low, 7], [high, 7]);
            for direction in [Direction::Ascending, Direction::Descending] {
                for (start, end) in [
                    (Bound::Unbounded, Bound::Unbounded),
                    (Bound::Included(&low[..]), Bound::Excluded(&high[..])),
                    (Bound::Excluded(&low[..]), Bound::Included(&high[..])),
                    (Bound::Excluded(&low[..]), Bound::Excluded(&high[..])),
                ] {
                    if interval_is_empty(start, end) {
                        prop_assert!(all(&overlay, start, end, direction).is_empty());
                    } else {
                        prop_assert_eq!(all(&overlay, start, end, direction), all(&model, start, end, direction));
                    }
                }
            }
            // The merged writes turn the base into the model.
            let mut rebuilt = base;
            for (key, value) in overlay.into_changes().writes(STORE) {
                match value {
                    Some(value) => rebuilt.insert(key.to_vec(), value.clone()),
                    None => rebuilt.remove(key.as_ref()),
                };
            }
            prop_assert_eq!(rebuilt, model.0);
        }
    }

    proptest! {
        #[test]
        fn keys_of_layers_are_ordered_as_their_bytes(
            left in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xFF)], 0..12),
            right in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xFF)], 0..12),
        ) {
            prop_assert_eq!(LayerKey::new(&left).cmp(&LayerKey::new(&right)), left.cmp(&right));
            prop_assert_eq!(LayerKey::new(&left) == LayerKey::new(&right), left == right);
            prop_assert_eq!(LayerKey::new(&left).to_bytes(), left);
        }
    }

    #[test]
    fn refuses_what_the_tree_cannot_prove() {
        let mut overlay = Overlay::new(Arc::new(MapView::default()));
        for (key, value) in [(&b""[..], &b"v"[..]), (b"k", b""), (crate::SENTINEL_KEY, b"v"), (&[1; 5000], b"v")] {
            let refused = overlay.set(STORE, key, Bytes::copy_from_slice(value));
            assert!(matches!(refused, Err(StateError::Fatal(_))), "{key:?}");
        }
        assert!(matches!(overlay.delete(STORE, crate::SENTINEL_KEY), Err(StateError::Fatal(_))));
        assert!(overlay.is_clean());
    }
}
