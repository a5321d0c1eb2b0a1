//! What peers send, and what they ask for.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use parking_lot::RwLock;
use plume_block::{ValidatorSet, key_from_raw, raw};
use plume_engine::{Reader, ValidatorKey};
use plume_home::keys::consensus_address;
use plume_mempool::{Mempool, Origin};
use plume_p2p::{Event, Handler, Hello, PeerId, Peers, Responder};
use plume_primitives::Height;
use plume_store::BlockStore;
use prost::Message;
use tokio::sync::mpsc;

use crate::driver::{Input, LatestVotes};
use crate::raft::staging::Staged;
use crate::raft::{Raft, network};
use crate::view::View;
use crate::wire::{
    Binding, BlockAnswer, ChunkAnswer, Consensus, LastVoteAnswer, LightBlockAnswer, Snapshot, SnapshotsAnswer,
    SyncCall, SyncRequest, Txs, binding_bytes, channel,
};

/// Which nodes may be peers.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// p2p ids that the operator lists.
    pub listed: BTreeSet<PeerId>,
}

/// The connections, for their own handler. Whoever ends the node must call [`Connections::clear`]: connections own their
/// handler, and the two would keep each other, the block store and its lock for ever.
#[derive(Clone, Default)]
pub struct Connections(Arc<RwLock<Option<Peers>>>);

impl Connections {
    /// They run.
    pub fn set(&self, peers: Peers) {
        *self.0.write() = Some(peers);
    }

    /// The node ends.
    pub fn clear(&self) {
        let peers = self.0.write().take();
        drop(peers);
    }

    fn get(&self) -> Option<Peers> {
        self.0.read().clone()
    }
}

/// Serves the peers of one node.
pub struct Inbound<R: Reader> {
    /// Chain id, for bindings.
    pub chain_id: String,
    /// Who may be connected.
    pub allowed: Allowed,
    /// Peers that were let in; what others send before they are disconnected is passed over.
    pub admitted: Mutex<BTreeSet<PeerId>>,
    /// Set once Raft runs.
    pub raft: Arc<OnceLock<Raft>>,
    /// Large blocks that were sent ahead of their append.
    pub staged: Arc<Staged>,
    /// Set while the node runs.
    pub peers: Connections,
    /// Votes and standings, to the driver.
    pub messages: mpsc::Sender<(PeerId, Consensus)>,
    /// Comings and goings, to the driver.
    pub inputs: mpsc::UnboundedSender<Input>,
    /// Blocks to hand out.
    pub store: BlockStore,
    /// Votes to hand out.
    pub latest: LatestVotes,
    /// Whether this node may vote.
    pub view: Arc<View>,
    /// Where transactions go.
    pub mempool: Mempool<R>,
    /// State snapshots to hand out.
    pub reader: R,
    /// Runs checks on the caller's task (simulation) instead of a thread for blocking work.
    pub inline: bool,
}

/// How many of the last commits are searched for a validator's newest vote.
const COMMITS_SEARCHED: u64 = 100;

impl<R: Reader> Inbound<R> {
    /// The validator that a node proves to run.
    fn bound(&self, peer: &PeerId, hello: &Hello) -> Option<[u8; 20]> {
        let binding = Binding::decode(hello.extra.clone()).ok()?;
        let key = key_from_raw(binding.key.as_ref()).ok()?;
        let message = binding_bytes(&self.chain_id, peer.as_bytes());
        let ValidatorKey::Ed25519(bytes) = key else { return None };
        let signature = ed25519_consensus::Signature::try_from(binding.signature.as_ref()).ok()?;
        let verifying = ed25519_consensus::VerificationKey::try_from(bytes).ok()?;
        verifying.verify(&signature, &message).is_ok().then(|| consensus_address(&key))
    }

    /// The validators of the next height, as far as they are known.
    fn validators(&self) -> Option<ValidatorSet> {
        let next = self.view.read(|seen| seen.height.get()).saturating_add(1);
        self.store.validators(Height(next)).ok()
    }

    fn is_validator(&self, address: &[u8; 20]) -> bool {
        self.validators().is_some_and(|set| set.contains(address))
    }

    fn answer(&self, call: SyncCall) -> Option<Bytes> {
        let bytes = match call {
            SyncCall::Block(height) => self.block(Height(height)).encode_to_vec(),
            SyncCall::LastVote(address) => {
                let address: [u8; 20] = address.as_ref().try_into().ok()?;
                let height = self.view.read(|seen| seen.height.get());
                LastVoteAnswer { vote: self.last_vote(&address), height }.encode_to_vec()
            }
            SyncCall::Snapshots(()) => {
                let snapshots = self.reader.snapshots().into_iter().map(|it| Snapshot {
                    height: it.height.get(),
                    format: it.format,
                    chunks: it.chunks,
                    hash: it.hash,
                    metadata: it.metadata,
                });
                SnapshotsAnswer { snapshots: snapshots.collect() }.encode_to_vec()
            }
            SyncCall::Chunk(wanted) => {
                let chunk = self.reader.snapshot_chunk(Height(wanted.height), wanted.format, wanted.index);
                ChunkAnswer { chunk: chunk.unwrap_or_default() }.encode_to_vec()
            }
            SyncCall::LightBlock(height) => self.light_block(Height(height)).unwrap_or_default().encode_to_vec(),
        };
        Some(bytes.into())
    }

    fn block(&self, height: Height) -> BlockAnswer {
        let found = self.store.block(height).ok();
        let commit = self.commit(height);
        match (found, commit) {
            (Some(block), Some(commit)) => BlockAnswer { block: block.bytes().clone(), commit: Some(commit) },
            _ => BlockAnswer::default(),
        }
    }

    fn commit(&self, height: Height) -> Option<raw::Commit> {
        self.store.seen_commit(height).or_else(|_| self.store.commit(height)).ok()
    }

    fn light_block(&self, height: Height) -> Option<LightBlockAnswer> {
        let block = self.store.block(height).ok()?;
        let validators = self.store.validators(height).ok()?;
        let next = self.store.validators(Height(height.get().checked_add(1)?)).ok()?;
        let params = self.store.consensus_params(height).ok()?;
        let signed_header =
            raw::SignedHeader { header: Some(block.header().clone()), commit: Some(self.commit(height)?) };
        Some(LightBlockAnswer {
            light_block: Some(raw::LightBlock {
                signed_header: Some(signed_header),
                validator_set: Some(validators.to_raw()),
            }),
            next_validators: Some(next.to_raw()),
            consensus_params: Some(params),
        })
    }

    /// The newest vote of a validator: one for the height that is being decided, else one in a recent commit.
    fn last_vote(&self, address: &[u8; 20]) -> Option<raw::Vote> {
        // Votes of heights that came from peers are in the commits only.
        let (seen, decided) =
            (self.latest.lock().get(address).map(plume_block::Vote::to_raw), self.decided_vote(address));
        [seen, decided].into_iter().flatten().max_by_key(|vote| (vote.height, vote.round))
    }

    fn decided_vote(&self, address: &[u8; 20]) -> Option<raw::Vote> {
        let height = self.store.height().get();
        let lowest = height.saturating_sub(COMMITS_SEARCHED).max(self.store.base().get());
        (lowest..=height).rev().find_map(|height| {
            let commit = self.commit(Height(height))?;
            let index = commit.signatures.iter().position(|sig| sig.validator_address == address)?;
            let entry = commit.signatures.get(index)?;
            Some(raw::Vote {
                r#type: raw::SignedMsgType::Precommit.into(),
                height: commit.height,
                round: commit.round,
                block_id: commit.block_id.clone(),
                timestamp: entry.timestamp,
                validator_address: entry.validator_address.clone(),
                validator_index: i32::try_from(index).ok()?,
                signature: entry.signature.clone(),
                extension: Vec::new(),
                extension_signature: Vec::new(),
            })
        })
    }

    async fn take_txs(&self, from: PeerId, txs: Vec<Bytes>) {
        let (mempool, origin) = (self.mempool.clone(), Origin::Peer(*from.as_bytes()));
        let work = move || {
            for tx in txs {
                if let Err(error) = mempool.check(tx, origin) {
                    tracing::trace!(%error, "a forwarded transaction was not taken");
                }
            }
        };
        if self.inline {
            work();
        } else if let Err(error) = tokio::task::spawn_blocking(work).await {
            tracing::error!(%error, "checking forwarded transactions failed");
        }
    }
}

#[async_trait]
impl<R: Reader> Handler for Inbound<R> {
    async fn message(&self, from: PeerId, channel: u8, message: Bytes) {
        if !self.admitted.lock().contains(&from) {
            return;
        }
        match channel {
            channel::CONSENSUS => match Consensus::decode(message) {
                Ok(message) => drop(self.messages.send((from, message)).await),
                Err(error) => tracing::debug!(%from, %error, "malformed message"),
            },
            channel::TXS => match Txs::decode(message) {
                Ok(batch) => self.take_txs(from, batch.txs).await,
                Err(error) => tracing::debug!(%from, %error, "malformed transactions"),
            },
            _ => {}
        }
    }

    async fn request(&self, from: PeerId, channel: u8, request: Bytes, responder: Responder) {
        if !self.admitted.lock().contains(&from) {
            return;
        }
        match channel {
            channel::RAFT => {
                let Some(raft) = self.raft.get().cloned() else { return };
                let staged = self.staged.clone();
                let may_vote = self.view.read(|seen| seen.confirmed);
                // Beside the connection: an append waits for the disk, a vote must not wait for it.
                tokio::spawn(async move {
                    if let Some(answer) = network::answer(&raft, &staged, from, &request, may_vote).await {
                        let _ = responder.respond(answer);
                    }
                });
            }
            channel::SYNC => {
                let Some(call) = SyncRequest::decode(request).ok().and_then(|request| request.call) else { return };
                if let Some(answer) = crate::exec::blocking(|| self.answer(call)) {
                    let _ = responder.respond(answer);
                }
            }
            _ => {}
        }
    }

    fn event(&self, event: Event) {
        match event {
            Event::PeerUp { id, hello, addr, .. } => {
                let validator = self.bound(&id, &hello);
                let allowed = self.allowed.listed.contains(&id)
                    || validator.as_ref().is_some_and(|address| self.is_validator(address));
                if !allowed {
                    tracing::info!(peer = %id, %addr, "refused: neither listed nor a validator's node");
                    if let Some(peers) = self.peers.get() {
                        peers.disconnect(id, "this node is neither listed by the operator nor a validator's");
                    }
                    return;
                }
                tracing::info!(peer = %id, moniker = %hello.moniker, validator = validator.is_some(), "connected");
                self.admitted.lock().insert(id);
                drop(self.inputs.send(Input::PeerUp(id, validator)));
            }
            Event::PeerDown { id, reason } => {
                tracing::info!(peer = %id, %reason, "disconnected");
                self.staged.forget(id);
                self.admitted.lock().remove(&id);
                drop(self.inputs.send(Input::PeerDown(id)));
            }
        }
    }
}
