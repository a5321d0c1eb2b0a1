//! A node's life: open what is on disk, replay, connect, take part, stop.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use plume_block::{ChainState, key_to_raw, params};
use plume_engine::{Executor, Fatal, Genesis, Info, Reader, ValidatorKey};
use plume_events::EventBus;
use plume_home::keys::{KeyPair, consensus_address};
use plume_home::sign_state::{OpenError, SignState};
use plume_mempool::{BlockLimits, Mempool, MempoolConfig, Options};
use plume_metrics::NodeMetrics;
use plume_p2p::{Channel, Network as P2pNetwork, NodeKey, Peers};
use plume_primitives::{Height, Timestamp};
use plume_rpc::NodeView;
use plume_store::{BlockStore, Decided, StoreError, StoreOptions};
use plume_wal::Disk;
use prost::Message;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::driver::{Driver, Identity, Input, LatestVotes, Parts};
use crate::exec::Exec;
use crate::forward::forward;
use crate::handle::{RaftEngine, RpcView};
use crate::hooks::Hooks;
use crate::inbound::{Allowed, Connections, Inbound};
use crate::offline::visit_executed;
use crate::raft::log::RaftLog;
use crate::raft::machine::{LogCursor, Machine, Shared, SnapshotFile};
use crate::raft::network::Network;
use crate::raft::{NodeId, Raft};
use crate::settings::Settings;
use crate::statesync;
use crate::view::View;
use crate::wire::{Binding, binding_bytes, channel};
use crate::worker::{Signer, Worker, fatal};

/// Entries that openraft may hand over before the driver has taken them.
const ENTRIES: usize = 64;
/// Votes and standings that may wait for the driver.
const MESSAGES: usize = 1024;
/// How long the state machine's thread may take to end.
const THREAD_END: Duration = Duration::from_secs(10);
/// Blocks that are executed again between two messages about it.
const REPLAY_NEWS: u64 = 1_000;
/// Most bytes of one append: a block of the largest size with its neighbours.
const MAX_APPEND: usize = 64 << 20;

/// What a node is made of.
pub struct NodeOptions {
    /// `data` of the home.
    pub data: PathBuf,
    /// The chain's beginning.
    pub genesis: Genesis,
    /// Settings of consensus.
    pub settings: Settings,
    /// Settings of the mempool.
    pub mempool: MempoolConfig,
    /// Whether transactions and blocks are indexed by their events.
    pub index: bool,
    /// The connections' settings; chain id, channels and extra are filled in here.
    pub p2p: plume_p2p::Config,
    /// Who may connect.
    pub allowed: Allowed,
    /// Identity among the peers.
    pub node_key: KeyPair,
    /// The validator's key; also of a full node, whose key is in no set.
    pub validator_key: KeyPair,
    /// `priv_validator_state.json`.
    pub sign_state: PathBuf,
    /// Where peers are reached.
    pub network: Arc<dyn P2pNetwork>,
    /// Where the Raft log and the record of signatures are written.
    pub disk: Arc<dyn Disk>,
    /// Time of votes.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Failure points.
    pub hooks: Hooks,
    /// Runs all blocking work on the caller's tasks: for simulations, whose time must not pass meanwhile.
    pub inline: bool,
}

/// A node that does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state machine, or what is stored, does not allow it.
    #[error(transparent)]
    Fatal(#[from] Fatal),
    /// The block store cannot be used.
    #[error("block store: {0}")]
    Store(#[from] StoreError),
    /// The record of signatures cannot be used.
    #[error(transparent)]
    SignState(#[from] OpenError),
    /// The Raft log cannot be used.
    #[error("Raft log: {0}")]
    Log(#[source] std::io::Error),
    /// The transport does not start.
    #[error(transparent)]
    P2p(#[from] plume_p2p::StartError),
    /// Settings that do not fit together.
    #[error("raft settings: {0}")]
    Settings(#[from] Box<openraft::ConfigError>),
    /// A thread is refused.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// Raft does not start.
    #[error("Raft does not start: {0}")]
    Raft(String),
}

/// A running node.
pub struct Node<R: Reader> {
    /// Blocks and results.
    pub store: BlockStore,
    /// Transactions that wait.
    pub mempool: Mempool<R>,
    /// What happens, for subscribers.
    pub events: EventBus,
    /// What consensus is doing.
    pub view: Arc<View>,
    /// The application's readers.
    pub reader: R,
    /// Connections.
    pub peers: Peers,
    /// p2p id.
    pub id: NodeId,
    /// The validator's address.
    pub validator: [u8; 20],
    raft: Raft,
    inputs: mpsc::UnboundedSender<Input>,
    ended: watch::Receiver<Option<Result<(), Fatal>>>,
    forwarding: JoinHandle<()>,
    drain: Box<dyn FnOnce() -> futures_util::future::BoxFuture<'static, Result<(), Fatal>> + Send + Sync>,
    thread: Option<std::thread::JoinHandle<()>>,
    _unlink: Unlink,
}

/// Lets the connections' handler forget the connections when the node is dropped.
struct Unlink(Connections);

impl Drop for Unlink {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Waits for the thread of the state machine when a node does not start: a process must not end while a thread closes a
/// database, or RocksDB aborts it.
#[derive(Default)]
struct Ending(Option<std::thread::JoinHandle<()>>);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the state machine's thread panicked");
        }
    }
}

/// The channels of a connection, most urgent first.
fn channels() -> Vec<Channel> {
    vec![
        Channel::new(channel::CONSENSUS, 9, 64 << 10, 4 << 20),
        Channel::new(channel::RAFT, 8, MAX_APPEND, 2 * MAX_APPEND),
        Channel::new(channel::SYNC, 3, MAX_APPEND, 2 * MAX_APPEND),
        Channel::new(channel::TXS, 2, 8 << 20, 32 << 20),
    ]
}

impl<R: Reader> Node<R> {
    /// Opens the node's data, brings the state machine up to the last decided block, and takes part.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start<E: Executor<Reader = R>>(executor: E, options: NodeOptions) -> Result<Self, StartError> {
        Self::start_with_metrics(executor, options, NodeMetrics::disabled()).await
    }

    /// The same, counting what happens in `metrics`.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with_metrics<E: Executor<Reader = R>>(
        executor: E,
        options: NodeOptions,
        metrics: NodeMetrics,
    ) -> Result<Self, StartError> {
        let reader = executor.reader();
        let store_options = StoreOptions { index: options.index, ..StoreOptions::default() };
        let store = BlockStore::open(options.data.join("blockstore.db"), store_options)?;
        let node_key = NodeKey::from(&options.node_key);
        let id = NodeId::from(node_key.id());
        let chain_id = options.genesis.chain_id.clone();
        let p2p = plume_p2p::Config {
            chain_id: chain_id.clone(),
            channels: channels(),
            extra: binding(&options.validator_key, &chain_id, &id.0),
            ..options.p2p
        };
        let mut executor = executor;
        if let Some(settings) = options.settings.state_sync.as_ref().filter(|_| store.chain_state().is_none()) {
            let ways = (node_key.clone(), options.network.clone());
            let clock = options.clock.as_ref();
            statesync::run(&mut executor, &store, &options.genesis, settings, p2p.clone(), ways, clock).await?;
        }
        let (executor, state) = recover(executor, &store, &options.genesis)?;
        warn_of_small_sets(&state);

        let validator = consensus_address(&options.validator_key.public());
        SignState::create_missing(options.disk.as_ref(), &options.sign_state)?;
        let sign_state = SignState::open(options.disk.clone(), &options.sign_state)?;
        let signer = Signer { key: options.validator_key.clone(), state: sign_state };

        let entering = metrics.clone();
        let mempool_options =
            Options { on_enter: Some(Arc::new(move |bytes| entering.tx_entered(bytes))), ..Options::default() };
        let mempool =
            Mempool::with_options(reader.clone(), options.mempool.clone(), state.last_block_height, mempool_options);
        mempool.set_limits(limits(&state));
        let view = Arc::new(View::new(&state));
        let events = EventBus::new();
        let worker = Worker {
            executor,
            store: store.clone(),
            mempool: mempool.clone(),
            signer: Some(signer),
            hooks: options.hooks.clone(),
        };
        // Declared before every handle to the worker, so that they are gone when it waits.
        let mut ending = Ending::default();
        let worker = match options.inline {
            true => Exec::inline(worker),
            false => {
                let (worker, thread) = Exec::thread("state-machine", worker).map_err(StartError::Thread)?;
                ending.0 = Some(thread);
                worker
            }
        };

        let (to_driver, entries) = mpsc::channel(ENTRIES);
        let (to_messages, messages) = mpsc::channel(MESSAGES);
        let (inputs, from_inputs) = mpsc::unbounded_channel();
        let latest = LatestVotes::default();
        let (raft_cell, peers_cell) = (Arc::new(OnceLock::new()), Connections::default());
        let inbound = Inbound {
            chain_id: state.chain_id.clone(),
            allowed: options.allowed.clone(),
            admitted: parking_lot::Mutex::default(),
            raft: raft_cell.clone(),
            staged: Arc::default(),
            peers: peers_cell.clone(),
            messages: to_messages,
            inputs: inputs.clone(),
            store: store.clone(),
            latest: latest.clone(),
            view: view.clone(),
            mempool: mempool.clone(),
            reader: reader.clone(),
            inline: options.inline,
        };
        let raft_dir = options.data.join("raft.wal");
        let snapshot = SnapshotFile::open(options.disk.clone(), raft_dir.join("snapshot")).map_err(StartError::Log)?;
        let cursor = cursor(&store)?;
        let shared = Shared::new(cursor.clone());
        let (log, recovery) =
            RaftLog::open(options.disk.clone(), &raft_dir, metrics.clone(), shared.clone(), snapshot.position())
                .map_err(StartError::Log)?;
        if recovery.cut_bytes > 0 {
            tracing::warn!(bytes = recovery.cut_bytes, "cut an unfinished write off the Raft log");
        }
        let jump = snapshot.read().map_err(StartError::Log)?;
        let machine = Machine::new(snapshot, shared.clone(), to_driver);

        // Peers may call before Raft runs; they are refused and try again.
        let peers =
            Peers::start(p2p, node_key, options.network, Arc::new(|_: &plume_p2p::PeerId| true), Arc::new(inbound))
                .await?;
        peers_cell.set(peers.clone());
        let unlink = Unlink(peers_cell);
        let config = Arc::new(options.settings.raft.config(&state.chain_id)?);
        let raft = Raft::new(id, config, Network::new(peers.clone()), log, machine)
            .await
            .map_err(|error| StartError::Raft(error.to_string()))?;
        drop(raft_cell.set(raft.clone()));

        let genesis_leader = genesis_leader(&state);
        // Absent before the first block, and when the node began with a snapshot: the next header proves the state then.
        let last_header_app_hash =
            store.header(state.last_block_height).map_or_else(|_| Bytes::new(), |header| header.app_hash.into());
        let driver = Driver::new(Parts {
            settings: options.settings,
            identity: Identity { node: id, validator: Some(validator) },
            clock: options.clock,
            hooks: options.hooks,
            worker: worker.clone(),
            ahead: (!options.inline).then(|| reader.clone()),
            store: store.clone(),
            mempool: mempool.clone(),
            events: events.clone(),
            peers: peers.clone(),
            raft: raft.clone(),
            shared,
            view: view.clone(),
            metrics,
            latest,
            state,
            sync_target: jump.filter(|jump| jump.log_id > cursor.log_id).unwrap_or(cursor),
            genesis_leader,
            last_header_app_hash,
            to_self: inputs.clone(),
        });
        let (end, ended) = watch::channel(None);
        tokio::spawn(async move {
            let result = driver.run(entries, messages, from_inputs).await;
            if let Err(error) = &result {
                tracing::error!(%error, "consensus has stopped");
            }
            end.send_replace(Some(result));
        });
        let forwarding = tokio::spawn({
            let (mempool, peers, view) = (mempool.clone(), peers.clone(), view.clone());
            async move { forward(id, mempool, peers, &view).await }
        });
        let drain = Box::new(move || -> futures_util::future::BoxFuture<'static, Result<(), Fatal>> {
            Box::pin(async move { worker.call("writing what is committed", |worker| worker.executor.drain()).await })
        });
        Ok(Self {
            store,
            mempool,
            events,
            view,
            reader,
            peers,
            id,
            validator,
            raft,
            inputs,
            ended,
            forwarding,
            drain,
            thread: ending.0.take(),
            _unlink: unlink,
        })
    }

    /// The node as the state machine's own queries see it, introducing itself as `view` does.
    pub fn engine(&self, view: Arc<dyn NodeView>) -> RaftEngine<R> {
        RaftEngine {
            chain_id: self.peers.hello().chain_id.clone(),
            store: self.store.clone(),
            mempool: self.mempool.clone(),
            view: self.view.clone(),
            node: view,
        }
    }

    /// The node as the RPC sees it.
    pub fn rpc_view(
        &self,
        moniker: &str,
        rpc_laddr: &str,
        index: bool,
        key: ValidatorKey,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> RpcView {
        RpcView {
            chain_id: self.peers.hello().chain_id.clone(),
            moniker: moniker.to_owned(),
            app_version: self.reader.info().app_version,
            listen_addr: self.peers.hello().listen_addr.clone(),
            rpc_laddr: rpc_laddr.to_owned(),
            index,
            key,
            view: self.view.clone(),
            peers: self.peers.clone(),
            clock,
        }
    }

    /// Completes when consensus has ended, with the reason if it was not told to.
    pub fn ended(&self) -> watch::Receiver<Option<Result<(), Fatal>>> {
        self.ended.clone()
    }

    /// Stops taking part, tells the peers, and waits until everything committed is on disk.
    ///
    /// # Errors
    /// A disk that fails.
    pub async fn stop(self) -> Result<(), Fatal> {
        let (done, stopped) = oneshot::channel();
        if self.inputs.send(Input::Stop(done)).is_ok() {
            drop(stopped.await);
        }
        self.forwarding.abort();
        if let Err(error) = self.raft.shutdown().await {
            tracing::debug!(%error, "Raft had ended");
        }
        self.peers.stop().await;
        self.mempool.close();
        let drained = (self.drain)().await;
        // The thread closes the databases, which must not meet the end of the process.
        if let Some(thread) = self.thread {
            let ended = tokio::task::spawn_blocking(move || thread.join());
            if tokio::time::timeout(THREAD_END, ended).await.is_err() {
                tracing::warn!("the state machine's thread is still busy");
            }
        }
        drained
    }
}

/// The genesis state or the stored one, and the state machine at its height.
fn recover<E: Executor>(mut executor: E, store: &BlockStore, genesis: &Genesis) -> Result<(E, ChainState), StartError> {
    let info = executor.reader().info();
    let stored = store.chain_state().map(|state| state.as_ref().clone());
    let state = match stored {
        Some(state) if state.chain_id != genesis.chain_id => {
            return Err(Fatal::new(format!(
                "the data folder belongs to chain {}, the genesis document to {}",
                state.chain_id, genesis.chain_id
            ))
            .into());
        }
        Some(state) => {
            if info.height == Height::ZERO {
                executor.init_chain(genesis.clone())?;
            }
            state
        }
        None if info.height > Height::ZERO => {
            return Err(Fatal::new(format!(
                "the application's state is at height {}, but there are no blocks: set [statesync] in config.toml, so that \
                 the state is verified against the chain's headers, or restore data/blockstore.db, or start over with \
                 `plumed comet reset-state`, which keeps what was signed",
                info.height
            ))
            .into());
        }
        None => {
            let outcome = executor.init_chain(genesis.clone())?;
            let state = ChainState::genesis(genesis, &outcome, info.app_version).map_err(fatal)?;
            store.save_genesis(&state)?;
            state
        }
    };
    replay(&mut executor, store, &state, &info)?;
    let state = execute_anew(&mut executor, store, state)?;
    Ok((executor, state))
}

/// Executes blocks that the operator took back. They are final; what comes of them need not be what came before.
fn execute_anew<E: Executor>(
    executor: &mut E,
    store: &BlockStore,
    mut state: ChainState,
) -> Result<ChainState, StartError> {
    while let Some((block, seen_commit)) = store.taken_back()? {
        let height = block.height();
        let outcome = executor.finalize(&state.decided(&block).map_err(fatal)?)?;
        let next = state.next(&block, &outcome).map_err(fatal)?;
        let cursor = LogCursor::at(height).encode();
        let decided =
            Decided { block: &block, seen_commit: &seen_commit, outcome: &outcome, state: &next, cursor: &cursor };
        store.save(decided)?;
        executor.commit()?;
        tracing::info!(
            %height, app_hash = %hex::encode_upper(&outcome.app_hash), "executed a block anew that had been taken back"
        );
        state = next;
    }
    Ok(state)
}

/// Executes stored blocks that the application had not made durable.
fn replay<E: Executor>(
    executor: &mut E,
    store: &BlockStore,
    state: &ChainState,
    info: &Info,
) -> Result<(), StartError> {
    let last = state.last_block_height;
    if info.height > last {
        return Err(Fatal::new(format!(
            "the application is at height {}, the block store at {last}: the block store is an older copy. Restore \
             both from one moment",
            info.height
        ))
        .into());
    }
    let first = if info.height == Height::ZERO { state.initial_height } else { Height(info.height.get() + 1) };
    if first <= last {
        tracing::info!(from = %first, to = %last, "executing blocks again");
    }
    let reader = executor.reader();
    visit_executed(store, state.initial_height, (first, last), &reader, |height, (block, stored)| {
        let outcome = executor.finalize(&block)?;
        let app_hash = stored.app_hash()?;
        if app_hash != outcome.app_hash {
            return Err(Fatal::new(format!(
                "block {height} gave application hash {} when it was executed again, {} before: another version of \
                 the state machine, or damaged state",
                hex::encode_upper(&outcome.app_hash),
                hex::encode_upper(app_hash)
            ))
            .into());
        }
        executor.commit()?;
        if height.get().is_multiple_of(REPLAY_NEWS) {
            tracing::info!(%height, to = %last, "executing blocks again");
        }
        Ok(())
    })
}

/// The validator whose node starts the group: the first of the first set.
fn genesis_leader(state: &ChainState) -> Option<[u8; 20]> {
    let first = state.validators.validators().first().filter(|_| state.last_block_height == Height::ZERO);
    first.map(|validator| *validator.address())
}

fn cursor(store: &BlockStore) -> Result<LogCursor, StartError> {
    match store.cursor()? {
        None => Ok(LogCursor::default()),
        Some(bytes) => LogCursor::decode(bytes.as_ref())
            .map_err(|error| Fatal::new(format!("the stored position in the Raft log is damaged: {error}")).into()),
    }
}

fn binding(key: &KeyPair, chain_id: &str, node: &[u8; 20]) -> Bytes {
    let signature = key.sign(&binding_bytes(chain_id, node));
    let binding = Binding { key: Some(key_to_raw(&key.public())), signature: Bytes::copy_from_slice(&signature) };
    binding.encode_to_vec().into()
}

/// What the next block can hold.
pub(crate) fn limits(state: &ChainState) -> BlockLimits {
    BlockLimits { max_data_bytes: Some(state.max_tx_bytes()), max_gas: params::max_gas(&state.consensus_params) }
}

fn warn_of_small_sets(state: &ChainState) {
    let validators = state.validators.len();
    if (2..=3).contains(&validators) {
        tracing::warn!(
            validators,
            "with equal powers {validators} validators tolerate no crash: all of them must be up. Use 1, 4 or 7"
        );
    }
}
