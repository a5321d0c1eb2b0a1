use core::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use plume_primitives::{Height, Timestamp};
use plume_state::{Direction, KvRead, RangeIter, StateError, StateView, Store};

use crate::ChainInfo;

/// Committed state at one height: what queries, exports and invariants read. Costs no gas.
#[derive(Clone)]
pub struct ReadCtx {
    view: Arc<dyn StateView>,
    chain: Arc<ChainInfo>,
    height: Height,
    time: Timestamp,
}

impl ReadCtx {
    /// The state `view` after `height`, whose block had `time`.
    pub fn new(view: Arc<dyn StateView>, chain: Arc<ChainInfo>, height: Height, time: Timestamp) -> Self {
        Self { view, chain, height, time }
    }

    /// The chain.
    pub fn chain(&self) -> &ChainInfo {
        &self.chain
    }

    /// Height after which the state is read.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Time of the block of that height.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The state itself.
    pub fn view(&self) -> &Arc<dyn StateView> {
        &self.view
    }
}

impl KvRead for ReadCtx {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.view.get(store, key)
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        self.view.range(store, start, end, direction)
    }
}
