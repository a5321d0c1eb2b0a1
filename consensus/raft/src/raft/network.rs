//! openraft's requests over authenticated connections.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};
use plume_p2p::{PeerId, Peers};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use openraft::EntryPayload;

use super::staging::{INLINE_BYTES, Sending, Staged};
use super::{LogId, NodeId, NodeInfo, Raft, TypeConfig};
use crate::wire::{Append, RaftCall, RaftRequest, StagedBlock, channel};

/// Makes a client for each member.
pub struct Network {
    peers: Peers,
}

impl Network {
    /// Over these connections.
    pub fn new(peers: Peers) -> Self {
        Self { peers }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: NodeId, _node: &NodeInfo) -> Client {
        Client { peers: self.peers.clone(), target: target.into(), sending: Sending::default() }
    }
}

/// Sends to one member.
pub struct Client {
    peers: Peers,
    target: PeerId,
    sending: Sending,
}

/// An answer of the other node, or its refusal.
type Answer<T, E> = Result<T, RaftError<NodeId, E>>;
type CallError<E> = RPCError<NodeId, NodeInfo, RaftError<NodeId, E>>;

impl Client {
    async fn call<T, E>(&self, call: RaftCall, timeout: Duration) -> Result<T, CallError<E>>
    where
        T: DeserializeOwned,
        E: std::error::Error + DeserializeOwned,
    {
        if !self.peers.is_connected(&self.target) {
            let error = io::Error::new(io::ErrorKind::NotConnected, format!("{} is not connected", self.target));
            return Err(RPCError::Unreachable(Unreachable::new(&error)));
        }
        let request = Bytes::from(RaftRequest { call: Some(call) }.encode_to_vec());
        let answer = self.peers.request(self.target, channel::RAFT, request, timeout).await;
        let answer = answer.map_err(|error| RPCError::Network(NetworkError::new(&error)))?;
        match postcard::from_bytes::<Answer<T, E>>(&answer) {
            Ok(Ok(answer)) => Ok(answer),
            // The other node's own failure says nothing about this request: try again.
            Ok(Err(error)) => Err(RPCError::Network(NetworkError::new(&io::Error::other(error.to_string())))),
            Err(error) => Err(RPCError::Network(NetworkError::new(&error))),
        }
    }
}

impl Client {
    /// Sends large blocks ahead, and cuts the append before the first one that has not arrived within `patience`.
    async fn staged(
        &mut self,
        mut request: AppendEntriesRequest<TypeConfig>,
        patience: Duration,
    ) -> (AppendEntriesRequest<TypeConfig>, Vec<StagedBlock>) {
        let mut staged = Vec::new();
        for position in 0..request.entries.len() {
            let EntryPayload::Normal(proposed) = &mut request.entries[position].payload else { continue };
            if proposed.block.len() <= INLINE_BYTES {
                continue;
            }
            let (key, mut arrival) = self.sending.begin(&self.peers, self.target, &proposed.block);
            let arrived = tokio::time::timeout(patience, arrival.wait_for(Option::is_some)).await;
            if !arrived.is_ok_and(|arrived| arrived.is_ok_and(|done| *done == Some(true))) {
                request.entries.truncate(position);
                break;
            }
            proposed.block = Bytes::new();
            // At most 64 entries are in an append.
            staged.push(StagedBlock { position: position as u32, hash: Bytes::copy_from_slice(&key) });
        }
        (request, staged)
    }
}

fn encoded<E: std::error::Error>(request: &impl Serialize) -> Result<Bytes, CallError<E>> {
    postcard::to_stdvec(request).map(Bytes::from).map_err(|error| RPCError::Network(NetworkError::new(&error)))
}

impl RaftNetwork<TypeConfig> for Client {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, NodeInfo, RaftError<NodeId>>> {
        let ttl = option.hard_ttl();
        let (all, prev) = (request.entries.len(), request.prev_log_id);
        let (request, staged) = self.staged(request, ttl / 2).await;
        let (kept, last): (usize, Option<LogId>) =
            (request.entries.len(), request.entries.last().map(|entry| entry.log_id).or(prev));
        let named = !staged.is_empty();
        let append = Append { request: encoded(&request)?, staged };
        let answer = self.call(RaftCall::Append(append), ttl).await;
        if answer.is_err() && named {
            // It may have refused because it started anew and has none of the blocks.
            self.sending.forget();
        }
        Ok(match answer? {
            // The rest follows when its blocks are there; meanwhile this was a heartbeat.
            AppendEntriesResponse::Success if kept < all => AppendEntriesResponse::PartialSuccess(last),
            other => other,
        })
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, CallError<InstallSnapshotError>> {
        self.call(RaftCall::Snapshot(encoded(&request)?), option.hard_ttl()).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, NodeInfo, RaftError<NodeId>>> {
        self.call(RaftCall::Vote(encoded(&request)?), option.hard_ttl()).await
    }
}

/// Answers another member's request; `None` when it makes no sense or this node must not take part yet.
///
/// `may_vote` is false until a quorum confirmed that this node's log is not an old copy (see [`crate::fence`]).
pub async fn answer(raft: &Raft, shelf: &Staged, from: PeerId, request: &[u8], may_vote: bool) -> Option<Bytes> {
    let call = RaftRequest::decode(request).ok()?.call?;
    let answer = match call {
        RaftCall::Stage(block) => {
            shelf.put(from, block);
            return Some(Bytes::new());
        }
        RaftCall::Append(append) => {
            let mut request: AppendEntriesRequest<TypeConfig> = postcard::from_bytes(&append.request).ok()?;
            for named in append.staged {
                let entry = request.entries.get_mut(usize::try_from(named.position).ok()?)?;
                let EntryPayload::Normal(proposed) = &mut entry.payload else { return None };
                proposed.block = shelf.get(from, &named.hash.as_ref().try_into().ok()?)?;
            }
            // Only a leader appends, and it names itself in its vote.
            if request.vote.leader_id.voted_for() != Some(from.into()) {
                return None;
            }
            postcard::to_stdvec(&raft.append_entries(request).await)
        }
        RaftCall::Vote(bytes) => {
            let request: VoteRequest<NodeId> = postcard::from_bytes(&bytes).ok()?;
            if !may_vote || request.vote.leader_id.voted_for() != Some(from.into()) {
                return None;
            }
            postcard::to_stdvec(&raft.vote(request).await)
        }
        RaftCall::Snapshot(bytes) => {
            let request: InstallSnapshotRequest<TypeConfig> = postcard::from_bytes(&bytes).ok()?;
            if request.vote.leader_id.voted_for() != Some(from.into()) {
                return None;
            }
            postcard::to_stdvec(&raft.install_snapshot(request).await)
        }
    };
    answer.ok().map(Bytes::from)
}
