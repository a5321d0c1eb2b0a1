//! Consensus on one node: a single task that takes committed entries, votes and timers and decides heights.

mod announce;
mod candidate;
mod decide;
mod members;
mod propose;
mod sync;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::ServerState;
use parking_lot::Mutex;
use plume_block::{ChainState, Vote, VoteSet, raw};
use plume_engine::{Executor, Fatal};
use plume_events::EventBus;
use plume_mempool::Mempool;
use plume_metrics::NodeMetrics;
use plume_p2p::{PeerId, Peers};
use plume_primitives::Timestamp;
use plume_store::BlockStore;
use prost::Message;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::exec::Exec;
use crate::fence::Fence;
use crate::hooks::Hooks;
use crate::raft::machine::{Applied, LogCursor, Shared};
use crate::raft::{LogId, NodeId, Raft, StoredMembership};
use crate::settings::Settings;
use crate::view::View;
use crate::wire::{Consensus, ConsensusBody, Standing, channel};
use crate::worker::{Worker, fatal};

pub use candidate::Candidate;

/// How often unfinished things are looked at again: votes sent once more, peers asked, members compared.
const TICK: Duration = Duration::from_millis(250);

/// Votes for later heights that are kept until their block arrives, for each validator.
const EARLY_VOTES: usize = 4;

/// What reaches the driver besides committed entries.
#[derive(Debug)]
pub enum Input {
    /// A peer is connected; the validator that it runs, if it proved one.
    PeerUp(PeerId, Option<[u8; 20]>),
    /// A peer is gone.
    PeerDown(PeerId),
    /// Raft did not take a proposal.
    ProposalLost,
    /// A peer's word about the newest vote of this node's validator.
    LastVote([u8; 20], Option<Vote>, u64),
    /// A peer did not say; it is asked again.
    NoLastVote(PeerId),
    /// The change of members ended.
    MembersChanged,
    /// Stop after what is being done, and say when.
    Stop(oneshot::Sender<()>),
}

/// Who this node is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// p2p id.
    pub node: NodeId,
    /// Consensus address of its validator key.
    pub validator: Option<[u8; 20]>,
}

/// The newest vote of each validator that this node has seen; what peers are told on request.
pub type LatestVotes = Arc<Mutex<BTreeMap<[u8; 20], Vote>>>;

/// See the module's text.
pub struct Driver<E: Executor> {
    settings: Settings,
    identity: Identity,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    hooks: Hooks,
    worker: Exec<Worker<E>>,
    ahead: Option<E::Reader>,
    store: BlockStore,
    mempool: Mempool<E::Reader>,
    events: EventBus,
    peers: Peers,
    raft: Raft,
    raft_metrics: watch::Receiver<openraft::RaftMetrics<NodeId, crate::raft::NodeInfo>>,
    shared: Shared,
    view: Arc<View>,
    metrics: NodeMetrics,
    to_self: mpsc::UnboundedSender<Input>,

    /// The chain before the next height.
    state: ChainState,
    /// The block of the next height, committed by Raft and accepted, not final yet.
    candidate: Option<Candidate>,
    /// Votes for the last decided block, late ones included: the next block's `LastCommit`.
    last_votes: Option<VoteSet>,
    /// Votes whose block has not arrived.
    early: BTreeMap<[u8; 20], VecDeque<Vote>>,
    latest: LatestVotes,
    /// Round of the next proposal at this height.
    next_round: i32,
    /// Index of the last entry taken from Raft.
    seen_index: u64,
    /// Members as of the last entry taken.
    membership: StoredMembership,
    /// Until this height blocks come from peers, not from the Raft log.
    sync_target: LogCursor,
    standings: BTreeMap<PeerId, Standing>,
    /// When the operator was told that no peer has the next block any more.
    out_of_reach_told: Option<Instant>,
    bound: BTreeMap<PeerId, Option<[u8; 20]>>,
    asked: BTreeSet<PeerId>,
    fence: Option<Fence>,
    /// Elections are on.
    electing: bool,
    /// The validator whose node starts the group: the first of the genesis document, in set order.
    genesis_leader: Option<[u8; 20]>,
    /// Application hash in the header of the last block.
    last_header_app_hash: Bytes,
    /// A proposal of this node is in Raft's hands.
    proposed: bool,
    changing_members: bool,
    decided_at: Instant,
    candidate_since: Option<Instant>,
    /// When this node handed its last proposal to Raft.
    proposed_at: Option<Instant>,
    /// A proposal was lost: not before this.
    not_before: Instant,
}

/// Everything that [`Driver::new`] needs.
pub struct Parts<E: Executor> {
    pub settings: Settings,
    pub identity: Identity,
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub hooks: Hooks,
    pub worker: Exec<Worker<E>>,
    /// For work ahead of its turn; a simulation does none, since real threads make its time pass.
    pub ahead: Option<E::Reader>,
    pub store: BlockStore,
    pub mempool: Mempool<E::Reader>,
    pub events: EventBus,
    pub peers: Peers,
    pub raft: Raft,
    pub shared: Shared,
    pub view: Arc<View>,
    pub metrics: NodeMetrics,
    pub latest: LatestVotes,
    pub state: ChainState,
    pub sync_target: LogCursor,
    pub genesis_leader: Option<[u8; 20]>,
    pub last_header_app_hash: Bytes,
    pub to_self: mpsc::UnboundedSender<Input>,
}

impl<E: Executor> Driver<E> {
    pub fn new(parts: Parts<E>) -> Self {
        let now = Instant::now();
        let cursor = parts.shared.cursor();
        Self {
            raft_metrics: parts.raft.metrics(),
            fence: parts.identity.validator.map(Fence::new),
            settings: parts.settings,
            identity: parts.identity,
            clock: parts.clock,
            hooks: parts.hooks,
            worker: parts.worker,
            ahead: parts.ahead,
            store: parts.store,
            mempool: parts.mempool,
            events: parts.events,
            peers: parts.peers,
            raft: parts.raft,
            shared: parts.shared,
            view: parts.view,
            metrics: parts.metrics,
            to_self: parts.to_self,
            state: parts.state,
            candidate: None,
            last_votes: None,
            early: BTreeMap::new(),
            latest: parts.latest,
            next_round: 0,
            seen_index: cursor.log_id.map_or(0, |id| id.index),
            membership: cursor.membership,
            sync_target: parts.sync_target,
            standings: BTreeMap::new(),
            out_of_reach_told: None,
            bound: BTreeMap::new(),
            asked: BTreeSet::new(),
            electing: false,
            genesis_leader: parts.genesis_leader,
            last_header_app_hash: parts.last_header_app_hash,
            proposed: false,
            changing_members: false,
            decided_at: now,
            candidate_since: None,
            proposed_at: None,
            not_before: now,
        }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// What the node cannot survive.
    pub async fn run(
        mut self,
        mut entries: mpsc::Receiver<Applied>,
        mut messages: mpsc::Receiver<(PeerId, Consensus)>,
        mut inputs: mpsc::UnboundedReceiver<Input>,
    ) -> Result<(), Fatal> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.open_fence().await?;
        loop {
            let may_propose = self.may_propose();
            let propose_at = if may_propose { self.propose_at() } else { None };
            let waits_for_txs = may_propose && self.mempool.size() == 0;
            let take_entries =
                self.candidate.is_none() && self.state.last_block_height.get() >= self.sync_target.height;
            let mempool = self.mempool.clone();
            tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    None => return Ok(()),
                    Some(Input::Stop(done)) => {
                        let _ = done.send(());
                        return Ok(());
                    }
                    Some(input) => self.on_input(input).await?,
                },
                Some((from, message)) = messages.recv() => self.on_message(from, message).await?,
                entry = entries.recv(), if take_entries => match entry {
                    None => return Err(self.raft_ended()),
                    Some(applied) => self.on_applied(applied).await?,
                },
                () = at(propose_at) => self.propose().await?,
                // Only wakes the loop, so that it computes again when to propose.
                () = mempool.available(), if waits_for_txs => {}
                changed = self.raft_metrics.changed() => self.on_raft(changed.is_ok())?,
                _ = tick.tick() => self.on_tick().await?,
            }
        }
    }

    async fn on_message(&mut self, from: PeerId, message: Consensus) -> Result<(), Fatal> {
        match message.body {
            Some(ConsensusBody::Vote(vote)) => self.on_vote_message(from, vote).await,
            Some(ConsensusBody::Standing(standing)) => {
                if self.bound.contains_key(&from) {
                    self.standings.insert(from, standing);
                    self.view.set_peer(from, Some(standing.height));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn on_input(&mut self, input: Input) -> Result<(), Fatal> {
        match input {
            Input::PeerUp(peer, validator) => {
                self.bound.insert(peer, validator);
                self.greet(&peer);
                self.ask_last_vote(peer);
                Ok(())
            }
            Input::PeerDown(peer) => {
                self.bound.remove(&peer);
                self.standings.remove(&peer);
                self.view.set_peer(peer, None);
                self.asked.remove(&peer);
                Ok(())
            }
            Input::ProposalLost => {
                self.proposed = false;
                // Raft has lost its leader or its majority: do not spin.
                self.not_before = Instant::now() + TICK;
                Ok(())
            }
            Input::LastVote(from, vote, height) => {
                if let Some(fence) = self.fence.as_mut() {
                    fence.answer(from, vote, height);
                }
                self.open_fence().await
            }
            Input::NoLastVote(peer) => {
                self.asked.remove(&peer);
                Ok(())
            }
            Input::MembersChanged => {
                self.changing_members = false;
                Ok(())
            }
            Input::Stop(_) => Ok(()),
        }
    }

    async fn on_applied(&mut self, applied: Applied) -> Result<(), Fatal> {
        match applied {
            Applied::Jump(cursor) => {
                tracing::info!(height = cursor.height, "the leader's log starts later: fetching blocks from peers");
                self.seen_index = cursor.log_id.map_or(0, |id| id.index);
                self.membership = cursor.membership.clone();
                self.sync_target = cursor;
                self.synchronise().await
            }
            Applied::Entry { log_id, proposed, membership } => {
                self.seen_index = log_id.index;
                if let Some(membership) = membership {
                    self.membership = membership;
                }
                match proposed {
                    None => Ok(()),
                    Some(proposed) => self.on_entry(log_id, proposed).await,
                }
            }
        }
    }

    fn on_raft(&mut self, alive: bool) -> Result<(), Fatal> {
        let metrics = self.raft_metrics.borrow_and_update().clone();
        if !alive || metrics.running_state.is_err() {
            return Err(self.raft_ended());
        }
        self.view.set_raft(&metrics);
        self.allow_elections();
        Ok(())
    }

    /// Why Raft has ended, a disk that failed in particular: its tasks and their channels end in any order.
    fn raft_ended(&self) -> Fatal {
        match &self.raft_metrics.borrow().running_state {
            Err(error) => Fatal::new(format!("Raft has stopped: {error}")),
            Ok(()) => Fatal::new("Raft has stopped"),
        }
    }

    async fn on_tick(&mut self) -> Result<(), Fatal> {
        self.measure();
        self.broadcast_standing();
        let unanswered: Vec<PeerId> = self.bound.keys().copied().collect();
        unanswered.into_iter().for_each(|peer| self.ask_last_vote(peer));
        if let Some(vote) = self.candidate.as_ref().and_then(|candidate| candidate.own.clone()) {
            self.broadcast_vote(&vote);
        }
        self.fall_silent_if_deaf();
        self.change_members();
        self.synchronise_if_behind().await
    }

    /// A leader that nobody answers stops its signs of life from time to time, so that nodes that still hear it elect
    /// another: openraft's leaders do not step down by themselves. Not for good: nobody else may be able to win.
    fn fall_silent_if_deaf(&self) {
        let unanswered = match &*self.raft_metrics.borrow() {
            metrics if metrics.state == ServerState::Leader => metrics.millis_since_quorum_ack.unwrap_or(0),
            _ => 0,
        };
        let period = 2 * self.settings.raft.election_max.as_millis().max(1);
        let silent = u128::from(unanswered) / period % 2 == 1;
        self.raft.runtime_config().heartbeat(!silent && self.may_lead());
    }

    /// Figures that change by themselves.
    fn measure(&self) {
        let counters = self.mempool.counters();
        self.metrics.mempool(&plume_metrics::Mempool {
            size: counters.size,
            size_bytes: counters.size_bytes,
            failed_txs: counters.failed_txs,
            rejected_txs: counters.rejected_txs,
            evicted_txs: counters.evicted_txs,
            recheck_times: counters.recheck_times,
        });
        let peers = self.peers.info().into_iter().map(|peer| plume_metrics::Peer {
            id: peer.id.to_string(),
            received: peer.received,
            sent: peer.sent,
            pending: peer.queued as u64,
        });
        self.metrics.peers(&peers.collect::<Vec<_>>());
        self.metrics.block_syncing(self.view.catching_up());
        let seen = self.view.read(|seen| plume_metrics::Raft {
            term: seen.term,
            is_leader: seen.is_leader,
            leader: seen.leader.map(|id| id.to_string()),
            last_log_index: seen.last_log_index.unwrap_or(0),
            committed_index: seen.applied_index.unwrap_or(0),
            voters: seen.voters,
            learners: seen.learners,
        });
        self.metrics.raft(&seen);
    }

    /// Whether this node may sign and propose.
    fn may_sign(&self) -> bool {
        self.fence.as_ref().is_some_and(Fence::is_open)
    }

    fn is_leader(&self) -> bool {
        self.raft_metrics.borrow().state == ServerState::Leader
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Opens the fence when enough of the others have answered, and takes over what they know.
    async fn open_fence(&mut self) -> Result<(), Fatal> {
        let Some(fence) = self.fence.as_mut() else { return Ok(()) };
        let Some(open) = fence.try_open(&self.state.validators) else { return Ok(()) };
        if let Some(vote) = open.newest {
            let chain_id = self.state.chain_id.clone();
            let raised = self
                .worker
                .call("taking over a newer signature", move |worker| match worker.signer.as_mut() {
                    None => Ok(false),
                    Some(signer) => signer.take_over(&vote, &chain_id).map_err(fatal),
                })
                .await?;
            if raised {
                tracing::warn!(
                    "peers know newer signatures of this validator than its own record in priv_validator_state.json: \
                     its data folder is an old copy. It signs nothing up to that height"
                );
            }
        }
        self.begin_group(open.height).await?;
        self.allow_elections();
        self.sign_candidate().await
    }

    /// Starts the Raft group at the beginning of the chain: the first validator of the genesis document does, alone,
    /// and takes in the others as they connect. `others` is the greatest height that the others have.
    async fn begin_group(&mut self, others: u64) -> Result<(), Fatal> {
        let first = self.genesis_leader.is_some() && self.genesis_leader == self.identity.validator;
        let fresh = self.state.last_block_height.get() == 0 && others == 0;
        if !first || !fresh || self.raft.is_initialized().await.map_err(fatal)? {
            return Ok(());
        }
        tracing::info!("starting the Raft group");
        let info = crate::raft::NodeInfo { validator: self.identity.validator };
        self.raft.initialize(BTreeMap::from([(self.identity.node, info)])).await.map_err(fatal)
    }

    /// Lets this node vote and stand for election once that is safe: the fence is open, and a node that lost its log
    /// has heard from a leader (before, it could vote twice in a term that it does not remember).
    fn allow_elections(&mut self) {
        if self.electing || !self.may_sign() {
            return;
        }
        let metrics = self.raft_metrics.borrow();
        if metrics.last_log_index.is_some() || metrics.current_leader.is_some() {
            self.electing = true;
            self.view.set_confirmed();
            self.raft.runtime_config().elect(true);
        }
    }

    /// Asks a validator's node what it has seen of this node's validator.
    fn ask_last_vote(&mut self, peer: PeerId) {
        let (Some(own), false) = (self.identity.validator, self.may_sign()) else { return };
        let Some(Some(from)) = self.bound.get(&peer).copied() else { return };
        if !self.asked.insert(peer) {
            return;
        }
        let (peers, to_self) = (self.peers.clone(), self.to_self.clone());
        let chain_id = self.state.chain_id.clone();
        let key = self.state.validators.get(&own).map(|(_, validator)| validator.key.clone());
        tokio::spawn(async move {
            match sync::last_vote(&peers, &peer, own).await {
                Some((vote, height)) => {
                    // Without the key in the set nothing can be checked, and nothing could have been signed.
                    let vote = vote.filter(|vote| key.as_ref().is_some_and(|key| vote.verify(&chain_id, key)));
                    drop(to_self.send(Input::LastVote(from, vote, height)));
                }
                None => drop(to_self.send(Input::NoLastVote(peer))),
            }
        });
    }

    fn send(&self, peer: &PeerId, body: ConsensusBody) {
        let bytes = Consensus { body: Some(body) }.encode_to_vec();
        if let Err(error) = self.peers.send(*peer, channel::CONSENSUS, bytes.into()) {
            tracing::debug!(%peer, %error, "message not sent");
        }
    }

    fn broadcast(&self, body: ConsensusBody) {
        self.peers.broadcast(channel::CONSENSUS, Consensus { body: Some(body) }.encode_to_vec().into());
    }

    fn broadcast_vote(&self, vote: &Vote) {
        self.broadcast(ConsensusBody::Vote(vote.to_raw()));
    }

    fn standing(&self) -> Standing {
        Standing { height: self.state.last_block_height.get(), base: self.store.base().get() }
    }

    fn broadcast_standing(&self) {
        self.broadcast(ConsensusBody::Standing(self.standing()));
    }

    /// What a peer needs to know first.
    fn greet(&self, peer: &PeerId) {
        self.send(peer, ConsensusBody::Standing(self.standing()));
        if let Some(vote) = self.candidate.as_ref().and_then(|candidate| candidate.own.as_ref()) {
            self.send(peer, ConsensusBody::Vote(vote.to_raw()));
        }
    }

    /// The commit of the last block, for the next one.
    fn last_commit(&self) -> Result<raw::Commit, Fatal> {
        if let Some(votes) = self.last_votes.as_ref().filter(|votes| votes.has_two_thirds()) {
            return Ok(votes.commit());
        }
        let height = self.state.last_block_height;
        self.store.seen_commit(height).map_err(fatal)
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// The log position of an entry with a block of this height.
fn cursor(height: u64, log_id: Option<LogId>, membership: &StoredMembership) -> LogCursor {
    LogCursor { height, log_id, membership: membership.clone() }
}
