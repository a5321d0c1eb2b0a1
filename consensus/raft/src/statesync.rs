//! Starting from a snapshot of the state instead of from the first block.
//!
//! Runs before the node takes part, over connections of its own: finds snapshots, verifies by light client the headers
//! that say what the state must hash to, fetches the chunks from whoever has them, and leaves the block store at the
//! snapshot's height. The state machine verifies each chunk against the app hash of the verified header before it
//! keeps any of it, so nothing here trusts a peer. A restart goes on with the chunks that are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use plume_block::{BlockId, ChainState, ValidatorSet, params, raw};
use plume_engine::{
    ChunkVerdict, ConsensusParams, Executor, Fatal, Genesis, Offer, Reader, SnapshotInfo, TrustedState, ValidatorUpdate,
};
use plume_light_client as light;
use plume_p2p::{Event, Handler, Network, NodeKey, PeerId, Peers};
use plume_primitives::{Height, Timestamp};
use plume_store::BlockStore;
use prost::Message;
use tokio::time::{Instant, sleep};

use crate::ask::ask;
use crate::exec::blocking;
use crate::raft::machine::LogCursor;
use crate::wire::{ChunkAnswer, ChunkRequest, LightBlockAnswer, SnapshotsAnswer, SyncCall};
use crate::worker::fatal;

/// Pause before peers are asked for snapshots again.
const AGAIN: Duration = Duration::from_secs(1);

/// `[statesync]` of `config.toml`, as far as this engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSyncSettings {
    /// `trust_height`, `trust_hash`, `trust_period`: the header that everything is verified from.
    pub trust: light::TrustOptions,
    /// `discovery_time`: how long snapshots are looked for before the first is tried.
    pub discovery_time: Duration,
    /// `chunk_request_timeout`.
    pub chunk_request_timeout: Duration,
    /// `chunk_fetchers`: chunks asked for at once, at least 1.
    pub chunk_fetchers: usize,
}

/// Peers that are connected.
#[derive(Default)]
struct Present(Mutex<BTreeSet<PeerId>>);

#[async_trait]
impl Handler for Present {
    async fn message(&self, _from: PeerId, _channel: u8, _message: Bytes) {}

    fn event(&self, event: Event) {
        match event {
            Event::PeerUp { id, .. } => drop(self.0.lock().insert(id)),
            Event::PeerDown { id, .. } => drop(self.0.lock().remove(&id)),
        }
    }
}

/// What is verified of the chain around a snapshot.
struct Verified {
    trusted: TrustedState,
    state: ChainState,
    commit: raw::Commit,
}

/// Brings an empty node to the height of a snapshot. Tries again until one is taken over.
///
/// # Errors
/// What the node cannot survive, and a trusted header that the network does not have.
pub async fn run<E: Executor>(
    executor: &mut E,
    store: &BlockStore,
    genesis: &Genesis,
    settings: &StateSyncSettings,
    p2p: plume_p2p::Config,
    (key, network): (NodeKey, Arc<dyn Network>),
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<(), Fatal> {
    let present = Arc::new(Present::default());
    let peers = Peers::start(p2p, key, network, Arc::new(|_: &PeerId| true), present.clone()).await.map_err(fatal)?;
    let sync = StateSync { peers: peers.clone(), present, settings, genesis, clock };
    let result = sync.until_done(executor, store).await;
    peers.stop().await;
    result
}

struct StateSync<'a> {
    peers: Peers,
    present: Arc<Present>,
    settings: &'a StateSyncSettings,
    genesis: &'a Genesis,
    clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
}

impl StateSync<'_> {
    async fn until_done<E: Executor>(&self, executor: &mut E, store: &BlockStore) -> Result<(), Fatal> {
        if executor.reader().info().height > Height::ZERO {
            return self.join_with(executor, store).await;
        }
        tracing::info!("looking for snapshots of the state");
        let begin = Instant::now();
        let mut failed: BTreeSet<Bytes> = BTreeSet::new();
        loop {
            if begin.elapsed() < self.settings.discovery_time.min(Duration::from_secs(30)) {
                sleep(AGAIN.min(self.settings.discovery_time)).await;
                continue;
            }
            let mut found: Vec<(SnapshotInfo, Vec<PeerId>)> =
                self.discover().await.into_iter().filter(|(info, _)| !failed.contains(&info.hash)).collect();
            let begun = executor.restore_progress().map(|progress| progress.snapshot.hash);
            found.sort_by_key(|(info, peers)| (begun.as_ref() == Some(&info.hash), info.height, peers.len()));
            let Some((info, holders)) = found.pop() else {
                tracing::info!("no snapshot that can be used; looking again");
                failed.clear();
                sleep(AGAIN).await;
                continue;
            };
            match self.take_over(executor, &info, holders).await? {
                Ok(verified) => {
                    let cursor = LogCursor::at(info.height);
                    store.bootstrap(&verified.state, &verified.commit, &cursor.encode()).map_err(fatal)?;
                    tracing::info!(height = %info.height, "took over a snapshot of the state");
                    return Ok(());
                }
                Err(reason) => {
                    tracing::warn!(height = %info.height, %reason, "snapshot not taken");
                    failed.insert(info.hash);
                }
            }
        }
    }

    /// Begins with the state that is there without blocks: restored by the operator from a local snapshot, or taken over
    /// just before the process ended. The headers around it must say the same.
    async fn join_with<E: Executor>(&self, executor: &mut E, store: &BlockStore) -> Result<(), Fatal> {
        let info = executor.reader().info();
        tracing::info!(height = %info.height, "verifying the state that is there against the chain's headers");
        loop {
            let peers: Vec<PeerId> = self.present.0.lock().iter().copied().collect();
            match self.verify(info.height, &peers).await {
                Ok(verified) if verified.trusted.app_hash != info.app_hash => {
                    return Err(Fatal::new(format!(
                        "the state that is there has app hash {} at height {}, the chain has {}: it is another state. Empty \
                         the node, but keep priv_validator_state.json",
                        hex::encode_upper(&info.app_hash),
                        info.height,
                        hex::encode_upper(&verified.trusted.app_hash)
                    )));
                }
                Ok(verified) => {
                    let cursor = LogCursor::at(info.height);
                    store.bootstrap(&verified.state, &verified.commit, &cursor.encode()).map_err(fatal)?;
                    tracing::info!(height = %info.height, "joined with the state that was there");
                    return Ok(());
                }
                Err(reason) => {
                    tracing::info!(height = %info.height, %reason, "the state is not verified yet; asking again");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// Snapshots that peers have, each with those who have it.
    async fn discover(&self) -> Vec<(SnapshotInfo, Vec<PeerId>)> {
        let peers: Vec<PeerId> = self.present.0.lock().iter().copied().collect();
        let mut found: BTreeMap<Bytes, (SnapshotInfo, Vec<PeerId>)> = BTreeMap::new();
        for peer in peers {
            let Some(answer) = self.ask::<SnapshotsAnswer>(peer, SyncCall::Snapshots(())).await else { continue };
            for it in answer.snapshots {
                let info = SnapshotInfo {
                    height: Height(it.height),
                    format: it.format,
                    chunks: it.chunks,
                    hash: it.hash,
                    metadata: it.metadata,
                };
                let entry = found.entry(info.hash.clone()).or_insert_with(|| (info.clone(), Vec::new()));
                if entry.0 == info {
                    entry.1.push(peer);
                }
            }
        }
        found.into_values().collect()
    }

    /// Verifies the headers around a snapshot and fetches its chunks; the inner error is why this one is no good.
    async fn take_over<E: Executor>(
        &self,
        executor: &mut E,
        info: &SnapshotInfo,
        holders: Vec<PeerId>,
    ) -> Result<Result<Verified, String>, Fatal> {
        let verified = match self.verify(info.height, &holders).await {
            Ok(verified) => verified,
            Err(reason) => return Ok(Err(reason)),
        };
        match blocking(|| executor.offer_snapshot(info, &verified.trusted))? {
            Offer::Accept => {}
            Offer::Reject(reason) | Offer::RejectFormat(reason) => return Ok(Err(reason)),
            Offer::Abort(reason) => return Err(Fatal::new(format!("state sync is not possible: {reason}"))),
        }
        let mut missing: Vec<u32> = match executor.restore_progress() {
            Some(progress) => progress.missing,
            None => (0..info.chunks).collect(),
        };
        missing.reverse();
        let mut holders = holders;
        tracing::info!(height = %info.height, chunks = missing.len(), peers = holders.len(), "taking over a snapshot");
        while !missing.is_empty() {
            if holders.is_empty() {
                return Ok(Err("no peer is left that has it".to_owned()));
            }
            let batch: Vec<u32> = (0..self.settings.chunk_fetchers.max(1)).filter_map(|_| missing.pop()).collect();
            let asked = batch.iter().zip(holders.iter().copied().cycle()).map(|(index, peer)| async move {
                let call =
                    SyncCall::Chunk(ChunkRequest { height: info.height.get(), format: info.format, index: *index });
                (*index, peer, self.ask::<ChunkAnswer>(peer, call).await)
            });
            let answers = futures_util::future::join_all(asked).await;
            for (index, peer, answer) in answers {
                let chunk = answer.map(|answer| answer.chunk).filter(|chunk| !chunk.is_empty());
                let verdict = match chunk {
                    Some(chunk) => blocking(|| executor.apply_chunk(index, chunk))?,
                    None => ChunkVerdict::Refused("the peer does not give it".to_owned()),
                };
                match verdict {
                    ChunkVerdict::Applied => {}
                    ChunkVerdict::Complete => return Ok(Ok(verified)),
                    ChunkVerdict::RejectSnapshot(reason) => return Ok(Err(reason)),
                    ChunkVerdict::Refused(reason) => {
                        tracing::warn!(%peer, index, %reason, "chunk refused");
                        holders.retain(|holder| *holder != peer);
                        missing.push(index);
                    }
                }
            }
        }
        Ok(Err("all chunks were taken, but the state is not complete".to_owned()))
    }

    /// Verifies the headers of the snapshot's height and the two after it.
    async fn verify(&self, height: Height, holders: &[PeerId]) -> Result<Verified, String> {
        let anchor = self.settings.trust.height;
        let first = self.light_block(anchor, holders).await?;
        let chain_id: light::ChainId = self.genesis.chain_id.parse().map_err(|error| format!("chain id: {error}"))?;
        let mut client = light::Client::new(chain_id, self.settings.trust.clone(), convert(&first)?)
            .map_err(|error| format!("the trusted header of [statesync]: {error}"))?;
        let at = |distance: u64| height.get().checked_add(distance).ok_or("height out of range");
        let mut answers = Vec::new();
        for target in [height.get(), at(1)?, at(2)?] {
            self.verify_to(&mut client, target, holders).await?;
            let answer = self.light_block(target, holders).await?;
            let trusted = light::Store::at_or_below(client.store(), target).map_err(|error| error.to_string())?;
            if trusted.map(|block| block.hash()) != Some(convert(&answer)?.hash()) {
                return Err(format!("a peer gave another header {target} than the one that was verified"));
            }
            answers.push(answer);
        }
        let [last, current, next]: [LightBlockAnswer; 3] =
            answers.try_into().map_err(|_| "three headers are needed".to_owned())?;
        self.assemble(height, &last, &current, &next)
    }

    /// Brings the light client to a height; blocks that it asks for are fetched and it is asked again.
    async fn verify_to(&self, client: &mut light::Client, target: u64, holders: &[PeerId]) -> Result<(), String> {
        let mut known: BTreeMap<u64, light::LightBlock> = BTreeMap::new();
        let now = (self.clock)();
        let now = light::Time::from_unix_timestamp(now.seconds(), now.nanos()).map_err(|error| error.to_string())?;
        // Bisection asks for at most two blocks a halving.
        for _ in 0..256 {
            let provider = Fetched { blocks: &known, wanted: Mutex::new(None) };
            let result = client.verify_to_height(&provider, target, now);
            let wanted = provider.wanted.into_inner();
            match (result, wanted) {
                (Ok(_), _) => return Ok(()),
                (Err(_), Some(height)) => {
                    let block = convert(&self.light_block(height, holders).await?)?;
                    known.insert(height, block);
                }
                (Err(error), None) => return Err(format!("header {target}: {error}")),
            }
        }
        Err(format!("header {target}: too many steps"))
    }

    fn assemble(
        &self,
        height: Height,
        last: &LightBlockAnswer,
        current: &LightBlockAnswer,
        next: &LightBlockAnswer,
    ) -> Result<Verified, String> {
        let (header, commit) = parts(last)?;
        let (current_header, _) = parts(current)?;
        let current_params = current.consensus_params.clone().unwrap_or_default();
        let consensus_params: ConsensusParams = params::completed(&current_params);
        if params::hash(&consensus_params).as_slice() != current_header.consensus_hash {
            return Err("a peer gave consensus parameters that are not those of the header".to_owned());
        }
        let last_block_id = BlockId::from_raw(current_header.last_block_id.as_ref().ok_or("no last block id")?)
            .map_err(|error| error.to_string())?;
        let time = |time: Option<tendermint_proto::google::protobuf::Timestamp>| {
            plume_block::abci::time(time).map_err(|error| error.to_string())
        };
        let next_validators = validators(next)?;
        let results: [u8; 32] =
            current_header.last_results_hash.as_slice().try_into().map_err(|_| "no results hash".to_owned())?;
        let app_hash = Bytes::copy_from_slice(&current_header.app_hash);
        let state = ChainState {
            chain_id: self.genesis.chain_id.clone(),
            initial_height: self.genesis.initial_height,
            app_version: current_header.version.as_ref().map_or(0, |version| version.app),
            last_block_height: height,
            last_block_id,
            last_block_time: time(header.time)?,
            validators: validators(current)?,
            next_validators: next_validators.clone(),
            last_validators: validators(last)?,
            last_height_validators_changed: Height(height.get().saturating_add(2)),
            consensus_params,
            last_height_params_changed: Height(height.get().saturating_add(1)),
            last_results_hash: results,
            app_hash: app_hash.clone(),
        };
        let updates = next_validators.validators().iter();
        let trusted = TrustedState {
            app_hash,
            chain_id: self.genesis.chain_id.clone(),
            initial_height: self.genesis.initial_height,
            time: Some(state.last_block_time),
            validators: Some(updates.map(|it| ValidatorUpdate { key: it.key.clone(), power: it.power }).collect()),
        };
        Ok(Verified { trusted, state, commit: commit.clone() })
    }

    async fn light_block(&self, height: u64, holders: &[PeerId]) -> Result<LightBlockAnswer, String> {
        for peer in holders {
            if let Some(answer) = self.ask::<LightBlockAnswer>(*peer, SyncCall::LightBlock(height)).await
                && answer.light_block.is_some()
            {
                return Ok(answer);
            }
        }
        Err(format!("no peer gives header {height}"))
    }

    async fn ask<A: Message + Default>(&self, peer: PeerId, call: SyncCall) -> Option<A> {
        ask(&self.peers, peer, call, self.settings.chunk_request_timeout).await
    }
}

/// A provider of what was fetched; it remembers what else the light client wants.
struct Fetched<'a> {
    blocks: &'a BTreeMap<u64, light::LightBlock>,
    wanted: Mutex<Option<u64>>,
}

impl light::Provider for Fetched<'_> {
    fn light_block(&self, height: u64) -> Result<light::LightBlock, light::ProviderError> {
        self.blocks.get(&height).cloned().ok_or_else(|| {
            *self.wanted.lock() = Some(height);
            light::ProviderError::NoBlock { height, reason: "not fetched yet".to_owned() }
        })
    }

    fn latest_height(&self) -> Result<u64, light::ProviderError> {
        Ok(self.blocks.keys().next_back().copied().unwrap_or(0))
    }

    fn name(&self) -> String {
        "peers".to_owned()
    }
}

fn parts(answer: &LightBlockAnswer) -> Result<(&raw::Header, &raw::Commit), String> {
    let signed = answer.light_block.as_ref().and_then(|block| block.signed_header.as_ref());
    let parts = signed.and_then(|signed| Some((signed.header.as_ref()?, signed.commit.as_ref()?)));
    parts.ok_or_else(|| "an answer without header or commit".to_owned())
}

fn validators(answer: &LightBlockAnswer) -> Result<ValidatorSet, String> {
    let set = answer.light_block.as_ref().and_then(|block| block.validator_set.as_ref());
    ValidatorSet::from_raw(set.ok_or("an answer without validators")?).map_err(|error| error.to_string())
}

fn convert(answer: &LightBlockAnswer) -> Result<light::LightBlock, String> {
    let block = answer.light_block.as_ref().ok_or("an answer without a block")?;
    let signed = block.signed_header.clone().ok_or("an answer without a header")?;
    let signed = light::SignedHeader::try_from(signed).map_err(|error| error.to_string())?;
    let set = block.validator_set.clone().ok_or("an answer without validators")?;
    let members =
        set.validators.into_iter().map(|it| light::Validator::try_from(it).map_err(|error| error.to_string()));
    light::LightBlock::new(signed, members.collect::<Result<_, _>>()?).map_err(|error| error.to_string())
}
