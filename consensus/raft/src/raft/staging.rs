//! Large entries go ahead of the append that names them.
//!
//! openraft gives one append no longer than a heartbeat's interval, and sends no heartbeat meanwhile. A block of
//! megabytes on a slow line would never arrive. So the block is sent first, by a request of its own that takes as long
//! as it takes, and the append only names it by its hash.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use plume_p2p::{PeerId, Peers};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::wire::{RaftCall, RaftRequest, channel};

/// Blocks up to this size go with the append itself.
pub const INLINE_BYTES: usize = 32 << 10;

/// Bytes that one peer may stage here.
const PEER_BYTES: usize = 192 << 20;

/// Time for one block to arrive.
const STAGE_TIME: Duration = Duration::from_secs(60);

/// Names a staged block.
pub type BlockHash = [u8; 32];

/// SHA-256 of a block's bytes.
pub fn hash(block: &[u8]) -> BlockHash {
    Sha256::digest(block).into()
}

/// What the peers of this node have staged here.
#[derive(Default)]
pub struct Staged(Mutex<BTreeMap<PeerId, Shelf>>);

#[derive(Default)]
struct Shelf {
    order: VecDeque<BlockHash>,
    blocks: BTreeMap<BlockHash, Bytes>,
    bytes: usize,
}

impl Staged {
    /// Keeps a block of `from` until it is named, or pushed out by later ones.
    pub fn put(&self, from: PeerId, block: Bytes) {
        let key = hash(&block);
        let mut shelves = self.0.lock();
        let shelf = shelves.entry(from).or_default();
        if shelf.blocks.contains_key(&key) || block.len() > PEER_BYTES {
            return;
        }
        shelf.bytes += block.len();
        shelf.order.push_back(key);
        shelf.blocks.insert(key, block);
        while shelf.bytes > PEER_BYTES {
            let Some(oldest) = shelf.order.pop_front() else { return };
            shelf.bytes -= shelf.blocks.remove(&oldest).map_or(0, |block| block.len());
        }
    }

    /// The block of `from` with this hash. It stays: the append that names it may come again.
    pub fn get(&self, from: PeerId, key: &BlockHash) -> Option<Bytes> {
        self.0.lock().get(&from)?.blocks.get(key).cloned()
    }

    /// Forgets what a peer has staged.
    pub fn forget(&self, peer: PeerId) {
        self.0.lock().remove(&peer);
    }
}

/// Blocks on their way to one follower.
#[derive(Default)]
pub struct Sending(BTreeMap<BlockHash, watch::Receiver<Option<bool>>>);

impl Sending {
    /// Begins to send a block unless it is on its way or there; gives its name and where to watch it arrive.
    pub fn begin(
        &mut self,
        peers: &Peers,
        target: PeerId,
        block: &Bytes,
    ) -> (BlockHash, watch::Receiver<Option<bool>>) {
        let key = hash(block);
        if let Some(known) = self.0.get(&key).filter(|known| *known.borrow() != Some(false)) {
            return (key, known.clone());
        }
        // Old ones have long been named.
        while self.0.len() > 16 {
            self.0.pop_first();
        }
        let (done, watched) = watch::channel(None);
        let (peers, request) = (peers.clone(), RaftRequest { call: Some(RaftCall::Stage(block.clone())) });
        tokio::spawn(async move {
            let answer = peers.request(target, channel::RAFT, request.encode_to_vec().into(), STAGE_TIME).await;
            done.send_replace(Some(answer.is_ok()));
        });
        self.0.insert(key, watched.clone());
        (key, watched)
    }

    /// The follower does not have a block that was sent: everything is sent anew.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_fill_the_memory_and_sees_only_its_own() {
        let (staged, a, b) = (Staged::default(), PeerId::new([1; 20]), PeerId::new([2; 20]));
        let block = |n: u8| Bytes::from(vec![n; 48 << 20]);
        let hashes: Vec<_> = (0..5).map(|n| hash(&block(n))).collect();
        (0..5).for_each(|n| staged.put(a, block(n)));
        staged.put(a, block(4));
        assert_eq!(staged.get(a, &hashes[0]), None, "192 MiB hold four of them");
        assert_eq!(staged.get(a, &hashes[1]), Some(block(1)));
        assert_eq!(staged.get(a, &hashes[4]), Some(block(4)));
        assert_eq!(staged.get(b, &hashes[4]), None);
        staged.forget(a);
        assert_eq!(staged.get(a, &hashes[4]), None);
    }
}
