//! A Raft node with its RPC inside this process: for executors and clocks that `plumed` does not have.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plume_cometbft::Stop;
use plume_engine::{Executor, Fatal};
use plume_home::config::Settings;
use plume_home::home::Home;
use plume_mempool::MempoolConfig;
use plume_p2p::{PeerId, TcpNetwork};
use plume_primitives::Timestamp;
use plume_raft::{Allowed, BlockSettings, Hooks, Node, NodeOptions, RaftSettings, RpcView};
use plume_rpc::{Environment, RpcSettings, Server};
use plume_wal::{Disk, RealDisk};
use rand::RngCore;
use tokio::signal::unix::{SignalKind, signal};

use crate::Times;

/// Time of votes.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a node has besides its home.
#[derive(Clone)]
pub struct Options {
    /// Raft's times.
    pub times: Times,
    /// Entries between two compactions of the Raft log, and entries that stay.
    pub log: (u64, u64),
    /// Blocks that are kept for slower peers.
    pub keep_blocks: u64,
    /// Where the Raft log and the record of signatures are written.
    pub disk: Arc<dyn Disk>,
    /// Time of votes.
    pub clock: Clock,
    /// Failure points.
    pub hooks: Hooks,
}

impl Default for Options {
    fn default() -> Self {
        let raft = RaftSettings::default();
        Self {
            times: Times::PATIENT,
            log: (raft.compact_every, raft.keep_entries),
            keep_blocks: plume_raft::Settings::default().keep_blocks_for_peers,
            disk: Arc::new(RealDisk),
            clock: Arc::new(now),
            hooks: Hooks::default(),
        }
    }
}

/// Runs a node on the home that `plumed devnet` wrote, until `stop` or SIGTERM.
///
/// # Errors
/// What the node does not survive.
///
/// # Panics
/// When the home is not what `plumed devnet` writes.
pub fn run<E: Executor>(executor: E, home: &Path, options: &Options, stop: &Stop) -> Result<(), Fatal> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let result = runtime.block_on(serve(executor, &Home::new(home), options, stop));
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

async fn serve<E: Executor>(executor: E, home: &Home, options: &Options, stop: &Stop) -> Result<(), Fatal> {
    let settings = home.settings::<&str>(&[]).expect("written by devnet").0;
    let genesis = home.read_genesis().expect("written by devnet");
    let key = home.validator_key().expect("written by devnet");
    let node = Node::start(executor, node_options(home, &settings, options)).await.map_err(fatal)?;
    let laddr = &settings.rpc.laddr;
    let view: RpcView = node.rpc_view(&settings.base.moniker, laddr, true, key, options.clock.clone());
    let environment = Environment {
        reader: node.reader.clone(),
        store: node.store.clone(),
        mempool: node.mempool.clone(),
        events: node.events.clone(),
        node: Arc::new(view),
        genesis: Arc::new(genesis),
    };
    let server = Server::start(environment, RpcSettings { laddr: laddr.clone(), ..RpcSettings::default() });
    let server = server.await.map_err(fatal)?;
    let mut ended = node.ended();
    let mut terminate = signal(SignalKind::terminate()).map_err(fatal)?;
    let failed = tokio::select! {
        () = stop.requested() => None,
        _ = terminate.recv() => None,
        result = ended.wait_for(Option::is_some) => result.ok().and_then(|result| (*result).clone()),
    };
    // Also after a failure, as `plumed` does: nobody may use a database when the process ends.
    server.shutdown().await;
    let stopped = node.stop().await;
    match failed {
        Some(Err(error)) => Err(error),
        _ => stopped,
    }
}

fn node_options(home: &Home, settings: &Settings, options: &Options) -> NodeOptions {
    let (p2p, consensus) = (&settings.p2p, &settings.consensus);
    let genesis = home.read_genesis().expect("written by devnet").to_engine();
    let seed = rand::thread_rng().next_u64();
    let mut connections =
        plume_p2p::Config::new(genesis.chain_id.clone(), settings.base.moniker.clone(), Vec::new(), seed);
    connections.listen = Some(p2p.laddr.trim_start_matches("tcp://").to_owned());
    let peers = p2p.persistent_peers.iter().map(|peer| plume_p2p::PeerAddress {
        id: PeerId::new(peer.id.0),
        host: peer.host.clone(),
        port: peer.port,
    });
    connections.persistent_peers = peers.collect();
    let listed = connections.persistent_peers.iter().map(|peer| peer.id);
    let unconditional = p2p.unconditional_peer_ids.iter().map(|id| PeerId::new(id.0));
    let allowed = Allowed { listed: listed.chain(unconditional).collect() };
    NodeOptions {
        data: home.data_dir(),
        genesis,
        settings: plume_raft::Settings {
            consensus: BlockSettings {
                timeout_commit: consensus.timeout_commit,
                create_empty_blocks: consensus.create_empty_blocks,
                create_empty_blocks_interval: consensus.create_empty_blocks_interval,
            },
            raft: RaftSettings {
                heartbeat: options.times.heartbeat,
                election_min: options.times.election_min,
                election_max: options.times.election_max,
                compact_every: options.log.0,
                keep_entries: options.log.1,
            },
            keep_blocks_for_peers: options.keep_blocks,
            ..plume_raft::Settings::default()
        },
        mempool: MempoolConfig::default(),
        index: true,
        p2p: connections,
        allowed,
        node_key: home.node_key_pair().expect("written by devnet"),
        validator_key: home.validator_key_pair().expect("written by devnet"),
        sign_state: home.validator_state_file(),
        network: Arc::new(TcpNetwork),
        disk: options.disk.clone(),
        clock: options.clock.clone(),
        hooks: options.hooks.clone(),
        inline: false,
    }
}

fn fatal(error: impl core::fmt::Display) -> Fatal {
    Fatal::new(error.to_string())
}

/// The system's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)).unwrap_or(Timestamp::UNIX_EPOCH)
}
