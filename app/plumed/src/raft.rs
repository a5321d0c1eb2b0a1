//! Running a node with the embedded Raft engine: what `config.toml` and `app.toml` say, put together.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use plume_chain::{Chain, ChainReader};
use plume_cometbft::Stop;
use plume_engine::{Executor, Genesis};
use plume_home::config::{NodeId, PeerAddress, Settings};
use plume_home::keys::consensus_address;
use plume_light_client::{Hash, TrustOptions};
use plume_mempool::MempoolConfig;
use plume_metrics::NodeMetrics;
use plume_p2p::{PeerId, TcpNetwork};
use plume_primitives::{Height, Timestamp};
use plume_raft::{Allowed, BlockSettings, Hooks, Node, NodeOptions, RaftSettings, StateSyncSettings, Step};
use plume_rpc::{Environment, NodeView, RpcSettings, Server};
use plume_wal::RealDisk;
use rand::RngCore;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::cli::StartArgs;
use crate::config_file::engine_arguments;
use crate::doors;
use crate::home::{AppConfig, Home};

/// Names a step and a height at which the process kills itself: `sign:12`. For tests of crashes.
const CRASH_VARIABLE: &str = "PLUMED_CRASH_AT";

/// Runs the node until it is asked to stop.
pub fn run(home: &Home, chain: Chain, args: &StartArgs, app: &AppConfig, stop: &Stop) -> Result<ExitCode> {
    let settings = settings(home, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)))
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let result = runtime.block_on(serve(home, chain, settings, app, args, stop));
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

async fn serve(
    home: &Home,
    chain: Chain,
    settings: Settings,
    app: &AppConfig,
    args: &StartArgs,
    stop: &Stop,
) -> Result<ExitCode> {
    let reader: ChainReader = chain.reader();
    let genesis = home.comet().read_genesis()?;
    let options = node_options(home, &settings, app, genesis.to_engine())?;
    let (moniker, clock) = (settings.base.moniker.clone(), options.clock.clone());
    let validator = options.validator_key.public();
    info!(
        home = %home.path().display(), rpc = %settings.rpc.laddr, p2p = %settings.p2p.laddr,
        validator = %hex::encode_upper(consensus_address(&validator)), "starting with Raft"
    );
    let instrumentation = &settings.instrumentation;
    let metrics = match instrumentation.prometheus {
        true => NodeMetrics::new(&instrumentation.namespace, &options.genesis.chain_id),
        false => NodeMetrics::disabled(),
    };
    let _served = match instrumentation.prometheus {
        true => {
            let limit = instrumentation.max_open_connections;
            let served = metrics.serve(&instrumentation.prometheus_listen_addr, limit).await?;
            info!(address = %served.addr(), "metrics");
            Some(served)
        }
        false => None,
    };
    let node = Node::start_with_metrics(chain, options, metrics.clone()).await?;
    let view = node.rpc_view(&moniker, &settings.rpc.laddr, settings.tx_index.indexer == "kv", validator, clock);
    let view: Arc<dyn NodeView> = Arc::new(view);
    let engine = Arc::new(node.engine(view.clone()));
    let (app, args) = (app.clone(), args.clone());
    // On a thread that may block: it waits until the doors listen.
    let opened = tokio::task::spawn_blocking(move || doors::open(reader, engine, &app, &args));
    let gateway = opened.await.context("the doors for clients do not open")??;
    // The SDK's /metrics shows the engine's metrics too.
    gateway.metrics().add_source(move || metrics.render());
    let environment = Environment {
        reader: node.reader.clone(),
        store: node.store.clone(),
        mempool: node.mempool.clone(),
        events: node.events.clone(),
        node: view,
        genesis: Arc::new(genesis),
    };
    let server =
        Server::start(environment, RpcSettings::from(&settings.rpc)).await.context("the RPC does not start")?;
    info!(addresses = ?server.addrs(), "RPC");

    let mut ended = node.ended();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let failed = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        () = stop.requested() => None,
        result = ended.wait_for(Option::is_some) => match result.ok().and_then(|result| (*result).clone()) {
            Some(Err(fatal)) => Some(fatal),
            _ => None,
        },
    };
    match &failed {
        Some(fatal) => error!(%fatal, "the node stops"),
        None => info!("stopping"),
    }
    // After a failure too: a thread that still uses a database when the process ends makes RocksDB abort.
    server.shutdown().await;
    // It waits for answers that are being written.
    tokio::task::spawn_blocking(move || gateway.shutdown()).await?;
    let stopped = node.stop().await;
    if let Some(fatal) = failed {
        if let Err(error) = stopped {
            warn!(%error, "not everything could be written at the end");
        }
        return Err(anyhow!("{fatal}"));
    }
    stopped?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// `config.toml` with what the command line says instead.
fn settings(home: &Home, args: &StartArgs) -> Result<Settings> {
    let named = [
        ("--rpc.laddr", &args.rpc_laddr),
        ("--p2p.laddr", &args.p2p_laddr),
        ("--p2p.persistent_peers", &args.p2p_persistent_peers),
    ];
    let mut flags = engine_arguments();
    for (name, value) in named {
        if let Some(value) = value {
            flags.push(format!("{name}={value}"));
        }
    }
    flags.extend(args.engine_flags.iter().cloned());
    let (settings, warnings) = home.comet().settings(&flags)?;
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(settings)
}

fn node_options(home: &Home, settings: &Settings, app: &AppConfig, genesis: Genesis) -> Result<NodeOptions> {
    let comet = home.comet();
    let p2p = &settings.p2p;
    let mut config = plume_p2p::Config::new(
        genesis.chain_id.clone(),
        settings.base.moniker.clone(),
        Vec::new(),
        rand::thread_rng().next_u64(),
    );
    config.listen = Some(host_port(&p2p.laddr).to_owned());
    config.external_address = Some(p2p.external_address.clone()).filter(|address| !address.is_empty());
    config.persistent_peers = p2p.persistent_peers.iter().chain(&p2p.seeds).map(peer).collect();
    config.max_inbound = usize::try_from(p2p.max_num_inbound_peers)?;
    config.send_rate = p2p.send_rate;
    config.recv_rate = p2p.recv_rate;
    config.handshake_timeout = p2p.handshake_timeout;
    config.dial_timeout = p2p.dial_timeout;
    config.backoff_max = p2p.persistent_peers_max_dial_period.max(config.backoff_min);
    let listed = config.persistent_peers.iter().map(|peer| peer.id);
    let ids = p2p.unconditional_peer_ids.iter().chain(&p2p.private_peer_ids).map(peer_id);
    let allowed = Allowed { listed: listed.chain(ids).collect() };

    let consensus = &settings.consensus;
    let raft = plume_raft::Settings {
        consensus: BlockSettings {
            timeout_commit: consensus.timeout_commit,
            create_empty_blocks: consensus.create_empty_blocks,
            create_empty_blocks_interval: consensus.create_empty_blocks_interval,
        },
        raft: raft_settings(app),
        state_sync: state_sync(settings)?,
        ..plume_raft::Settings::default()
    };
    let mempool = &settings.mempool;
    Ok(NodeOptions {
        data: comet.data_dir(),
        genesis,
        settings: raft,
        mempool: MempoolConfig {
            size: usize::try_from(mempool.size)?,
            max_txs_bytes: mempool.max_txs_bytes,
            max_tx_bytes: usize::try_from(mempool.max_tx_bytes)?,
            cache_size: usize::try_from(mempool.cache_size)?,
            ttl_duration: mempool.ttl_duration,
            ttl_num_blocks: mempool.ttl_num_blocks,
            recheck: mempool.recheck,
            keep_invalid_txs_in_cache: mempool.keep_invalid_txs_in_cache,
        },
        index: settings.tx_index.indexer == "kv",
        p2p: config,
        allowed,
        node_key: comet.node_key_pair()?,
        validator_key: comet.validator_key_pair()?,
        sign_state: comet.validator_state_file(),
        network: Arc::new(TcpNetwork),
        disk: Arc::new(RealDisk),
        clock: Arc::new(now),
        hooks: hooks()?,
        inline: false,
    })
}

/// Where a new node begins if not with the first block.
fn state_sync(settings: &Settings) -> Result<Option<StateSyncSettings>> {
    let statesync = &settings.statesync;
    if !statesync.enable {
        return Ok(None);
    }
    let hash =
        statesync.trust_hash.context("statesync.enable needs statesync.trust_height and statesync.trust_hash")?;
    Ok(Some(StateSyncSettings {
        trust: TrustOptions::new(statesync.trust_height, Hash::Sha256(hash), statesync.trust_period),
        discovery_time: statesync.discovery_time,
        chunk_request_timeout: statesync.chunk_request_timeout,
        chunk_fetchers: usize::try_from(statesync.chunk_fetchers)?,
    }))
}

fn raft_settings(app: &AppConfig) -> RaftSettings {
    let millis = Duration::from_millis;
    RaftSettings {
        heartbeat: millis(app.raft.heartbeat_ms),
        election_min: millis(app.raft.election_min_ms),
        election_max: millis(app.raft.election_max_ms),
        ..RaftSettings::default()
    }
}

/// Kills the process at the step and height that the environment names.
fn hooks() -> Result<Hooks> {
    let Ok(text) = std::env::var(CRASH_VARIABLE) else { return Ok(Hooks::default()) };
    let parsed = text.split_once(':').and_then(|(step, height)| Some((Step::parse(step)?, height.parse().ok()?)));
    let Some((step, height)) = parsed else {
        bail!("{CRASH_VARIABLE}={text}: write a step and a height, such as sign:12");
    };
    let height = Height(height);
    warn!(step = step.name(), %height, "this process will kill itself ({CRASH_VARIABLE})");
    Ok(Hooks::new(move |at, reached| {
        if at == step && reached == height {
            // SIGKILL: nothing is flushed, as when the machine fails.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
            std::process::abort();
        }
    }))
}

fn peer(address: &PeerAddress) -> plume_p2p::PeerAddress {
    plume_p2p::PeerAddress { id: peer_id(&address.id), host: address.host.clone(), port: address.port }
}

fn peer_id(id: &NodeId) -> PeerId {
    PeerId::new(id.0)
}

fn host_port(laddr: &str) -> &str {
    laddr.strip_prefix("tcp://").unwrap_or(laddr)
}

/// The system's clock; a clock before 1970 is 1970.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
    Timestamp::from_unix_nanos(nanos).unwrap_or(Timestamp::UNIX_EPOCH)
}
