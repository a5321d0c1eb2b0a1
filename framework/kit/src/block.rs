use bytes::Bytes;
use plume_engine::{Block, CommitInfo, Misbehaviour};
use plume_primitives::{Height, Timestamp};

/// The block that is being executed, as far as the state machine may know it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockInfo {
    /// Height; the initial height during genesis.
    pub height: Height,
    /// Time of the header; the only clock there is.
    pub time: Timestamp,
    /// Hash of the block; empty while it is only proposed.
    pub hash: Bytes,
    /// Consensus address of the proposer, 20 bytes.
    pub proposer: Bytes,
    /// Votes of the last commit, from the block itself.
    pub last_commit: CommitInfo,
    /// Evidence in the block.
    pub misbehaviour: Vec<Misbehaviour>,
    /// Hash of the validators that sign the next block.
    pub next_validators_hash: Bytes,
}

impl From<&Block> for BlockInfo {
    fn from(b: &Block) -> Self {
        Self {
            height: b.height,
            time: b.time,
            hash: b.hash.clone(),
            proposer: b.proposer.clone(),
            last_commit: b.last_commit.clone(),
            misbehaviour: b.misbehaviour.clone(),
            next_validators_hash: b.next_validators_hash.clone(),
        }
    }
}
