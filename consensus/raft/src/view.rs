//! What the rest of the node may know of consensus at any moment, without asking the driver.

use std::collections::BTreeMap;

use openraft::{RaftMetrics, ServerState};
use parking_lot::RwLock;
use plume_block::{BlockId, ChainState, FullBlock, Vote};
use plume_p2p::PeerId;
use plume_primitives::{Height, Timestamp};
use tokio::sync::watch;

use crate::raft::{NodeId, NodeInfo};

/// See the module's text.
#[derive(Debug)]
pub struct View {
    inner: RwLock<Seen>,
    leader: watch::Sender<Option<NodeId>>,
    decided: watch::Sender<Height>,
}

/// A copy of what is known.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The last decided height.
    pub height: Height,
    /// The block at it.
    pub block_id: BlockId,
    /// Its time.
    pub block_time: Timestamp,
    /// When it was decided, by this node's clock.
    pub decided_at: Option<Timestamp>,
    /// Round of the height that is being decided.
    pub round: i32,
    /// The block that is being decided.
    pub candidate: Option<FullBlock>,
    /// Votes for it, by position in the validator set.
    pub votes: BTreeMap<u32, Vote>,
    /// Height that peers have and this node fetches.
    pub target: Option<u64>,
    /// Heights that peers have reported.
    pub peers: BTreeMap<PeerId, u64>,
    /// Whether this node may sign.
    pub confirmed: bool,
    /// Blocks of leaders that this node rejected, since the start.
    pub rejected: u64,
    /// Raft's term.
    pub term: u64,
    /// Whether this node leads.
    pub is_leader: bool,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Last entry of the log.
    pub last_log_index: Option<u64>,
    /// Last committed entry that the driver was given.
    pub applied_index: Option<u64>,
    /// Voters of the group.
    pub voters: usize,
    /// Learners of the group.
    pub learners: usize,
}

impl View {
    /// The view of a node that begins with `state`.
    pub fn new(state: &ChainState) -> Self {
        let seen = Seen {
            height: state.last_block_height,
            block_id: state.last_block_id,
            block_time: state.last_block_time,
            decided_at: None,
            round: 0,
            candidate: None,
            votes: BTreeMap::new(),
            target: None,
            peers: BTreeMap::new(),
            confirmed: false,
            rejected: 0,
            term: 0,
            is_leader: false,
            leader: None,
            last_log_index: None,
            applied_index: None,
            voters: 0,
            learners: 0,
        };
        let (leader, decided) = (watch::Sender::new(None), watch::Sender::new(seen.height));
        Self { inner: RwLock::new(seen), leader, decided }
    }

    /// What is known now.
    pub fn seen(&self) -> Seen {
        self.inner.read().clone()
    }

    /// Reads one thing without copying the rest.
    pub fn read<R>(&self, look: impl FnOnce(&Seen) -> R) -> R {
        look(&self.inner.read())
    }

    /// The leader, and every change of it.
    pub fn leader(&self) -> watch::Receiver<Option<NodeId>> {
        self.leader.subscribe()
    }

    /// The last decided height, and every later one.
    pub fn decided_height(&self) -> watch::Receiver<Height> {
        self.decided.subscribe()
    }

    /// Whether a peer has blocks that this node lacks and fetches.
    pub fn catching_up(&self) -> bool {
        self.read(|seen| seen.target.is_some_and(|target| target > seen.height.get()))
    }

    pub(crate) fn set_target(&self, target: u64) {
        self.inner.write().target = Some(target);
    }

    pub(crate) fn set_peer(&self, peer: PeerId, height: Option<u64>) {
        let mut seen = self.inner.write();
        match height {
            Some(height) => drop(seen.peers.insert(peer, height)),
            None => drop(seen.peers.remove(&peer)),
        }
    }

    pub(crate) fn set_confirmed(&self) {
        self.inner.write().confirmed = true;
    }

    pub(crate) fn add_rejected(&self) {
        self.inner.write().rejected += 1;
    }

    pub(crate) fn set_candidate(&self, block: FullBlock, round: i32) {
        let mut seen = self.inner.write();
        seen.candidate = Some(block);
        seen.round = round;
        seen.votes.clear();
    }

    pub(crate) fn add_vote(&self, vote: Vote) {
        self.inner.write().votes.insert(vote.validator_index, vote);
    }

    pub(crate) fn set_decided(&self, state: &ChainState, now: Timestamp) {
        let mut seen = self.inner.write();
        seen.height = state.last_block_height;
        seen.block_id = state.last_block_id;
        seen.block_time = state.last_block_time;
        seen.decided_at = Some(now);
        seen.round = 0;
        seen.candidate = None;
        seen.votes.clear();
        if seen.target.is_some_and(|target| target <= seen.height.get()) {
            seen.target = None;
        }
        drop(seen);
        self.decided.send_replace(state.last_block_height);
    }

    pub(crate) fn set_raft(&self, metrics: &RaftMetrics<NodeId, NodeInfo>) {
        let membership = metrics.membership_config.membership();
        let mut seen = self.inner.write();
        seen.term = metrics.current_term;
        seen.is_leader = metrics.state == ServerState::Leader;
        seen.leader = metrics.current_leader;
        seen.last_log_index = metrics.last_log_index;
        seen.applied_index = metrics.last_applied.map(|id| id.index);
        seen.voters = membership.voter_ids().count();
        seen.learners = membership.learner_ids().count();
        drop(seen);
        self.leader.send_if_modified(|leader| {
            let changed = *leader != metrics.current_leader;
            *leader = metrics.current_leader;
            changed
        });
    }
}
