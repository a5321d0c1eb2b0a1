use core::cell::{Cell, RefCell};

use bytes::Bytes;
use plume_engine::Event;
use plume_primitives::Gas;
use plume_state::collections::KeyBuf;
use plume_state::{Overlay, Store};

/// A key of a store, with its value if there is one.
type Entry = (Store, KeyBuf, Option<Bytes>);

/// What some work took from the state, and what it left there: where it would find the same again it would do the same
/// again, so its effect can be had without the work. Made by [`crate::Ctx::record`], used by [`crate::Ctx::repeat`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What was read below the work, each key once.
    pub(crate) reads: Vec<Entry>,
    /// In the order in which they were written.
    pub(crate) writes: Vec<Entry>,
    pub(crate) events: Vec<Event>,
    /// What it charged.
    pub(crate) gas: Gas,
}

/// Notes what work reads and writes while it runs.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    reads: RefCell<Vec<Entry>>,
    writes: Vec<Entry>,
    /// The work looked at something that is not noted here.
    lost: Cell<bool>,
}

impl Recording {
    /// Work that reads more keys than this is not worth comparing them.
    const ROOM: usize = 8;

    /// The state gave `value` for `key`.
    pub fn read(&self, store: Store, key: &[u8], value: Option<&Bytes>) {
        let is_it = |(own, entry, _): &Entry| entry.as_slice() == key && *own == store;
        let mut reads = self.reads.borrow_mut();
        // What the work wrote itself is no input of it.
        if self.writes.iter().any(is_it) || reads.iter().any(is_it) {
            return;
        }
        if reads.len() == Self::ROOM {
            return self.lose();
        }
        reads.push((store, KeyBuf::from_slice(key), value.cloned()));
    }

    /// `key` gets `value`, or loses its own.
    pub fn write(&mut self, store: Store, key: &[u8], value: Option<&Bytes>) {
        self.writes.push((store, KeyBuf::from_slice(key), value.cloned()));
    }

    /// The work depends on something that cannot be compared later.
    pub fn lose(&self) {
        self.lost.set(true);
    }

    /// The record, if it is of everything.
    pub fn finish(self, events: &[Event], gas: Gas) -> Option<Recorded> {
        let Self { reads, writes, lost } = self;
        (!lost.get()).then(|| Recorded { reads: reads.into_inner(), writes, events: events.to_vec(), gas })
    }
}

impl Recorded {
    /// Whether the work would read in `overlay` what it read then.
    pub(crate) fn would_read_the_same(&self, overlay: &Overlay) -> Result<bool, plume_state::StateError> {
        use plume_state::KvRead;
        for (store, key, value) in &self.reads {
            if overlay.get(*store, key)? != *value {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
