use bytes::Bytes;
use plume_engine::{Block, Proposal};
use plume_primitives::{Height, Timestamp};
use sha2::{Digest, Sha256};

/// Makes the blocks of a test: heights and times ascend, hashes are distinct.
#[derive(Debug, Clone)]
pub struct Blocks {
    height: Height,
    time: Timestamp,
}

impl Blocks {
    /// The first block is `first`, one second after `genesis_time`.
    pub fn from(first: Height, genesis_time: Timestamp) -> Self {
        Self { height: first, time: genesis_time }
    }

    /// The next block with these transactions.
    pub fn next(&mut self, txs: Vec<Bytes>) -> Block {
        let proposal = self.proposal(txs);
        Block::from(&proposal)
    }

    /// The next block as a proposal.
    pub fn proposal(&mut self, txs: Vec<Bytes>) -> Proposal {
        let mut hash = Sha256::new();
        hash.update(self.height.get().to_be_bytes());
        txs.iter().for_each(|tx| hash.update(Sha256::digest(tx)));
        self.time = self.time.checked_add(core::time::Duration::from_secs(1)).expect("tests stay before the year 9999");
        let proposal = Proposal {
            hash: Bytes::copy_from_slice(&hash.finalize()),
            height: self.height,
            time: self.time,
            txs,
            ..Proposal::default()
        };
        self.height = self.height.next().expect("tests stay below 2^63 blocks");
        proposal
    }
}
