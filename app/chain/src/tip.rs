use std::sync::Arc;

use bytes::Bytes;
use plume_primitives::{Height, Timestamp};
use plume_state::StateView;

use crate::machine::Rules;

/// Where the chain stands.
pub(crate) struct Tip {
    /// Last committed height; 0 until the first block is committed.
    pub height: Height,
    /// Hash of the state after that height; empty at height 0.
    pub app_hash: Bytes,
    /// Height of the first block.
    pub initial_height: Height,
    /// Time of the last block; the genesis time before the first.
    pub time: Timestamp,
    /// Gas limit of a block, if there is one.
    pub max_gas: Option<u64>,
    /// Version of the state machine, as in block headers.
    pub app_version: u64,
    /// Age in blocks up to which evidence is taken; 0: no bound is known.
    pub evidence_blocks: u64,
    /// What genesis decided; `None` before.
    pub rules: Option<Arc<Rules>>,
    /// The state on which the next block builds: the last committed one, or genesis.
    pub state: Arc<dyn StateView>,
}

impl Tip {
    /// Height of the block that comes next.
    pub fn next_height(&self) -> Height {
        if self.height == Height::ZERO { self.initial_height } else { self.height.next().unwrap_or(self.height) }
    }
}
