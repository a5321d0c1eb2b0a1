use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::catalogue::{self, CATALOGUE, Kind, Metric};
use crate::figures::{Block, Mempool, Peer, Raft};
use crate::server::{MetricsServer, ServeError, serve};

/// The metrics of one node. Clones are handles to the same metrics; nodes in one process do not mix.
///
/// Recording is cheap and never fails.
#[derive(Clone)]
pub struct NodeMetrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    consensus: Consensus,
    mempool: MempoolHandles,
    state: State,
    raft: RaftHandles,
    seen: Mutex<Seen>,
}

/// What has to be remembered from one record to the next.
#[derive(Default)]
struct Seen {
    leader: Option<String>,
    leaders: BTreeSet<String>,
    /// Bytes received and sent over the current connection with each peer.
    peers: BTreeMap<String, (u64, u64)>,
}

struct Consensus {
    height: Gauge,
    latest: Gauge,
    rounds: Gauge,
    round_duration: Histogram,
    validators: Gauge,
    validators_power: Gauge,
    missing: Gauge,
    missing_power: Gauge,
    byzantine: Gauge,
    byzantine_power: Gauge,
    interval: Histogram,
    txs: Gauge,
    total_txs: Gauge,
    block_size: Gauge,
    chain_size: Counter,
    proposals: Counter,
    accepted: Counter,
    rejected: Counter,
}

struct MempoolHandles {
    size: Gauge,
    bytes: Gauge,
    tx_size: Histogram,
    failed: Counter,
    rejected: Counter,
    evicted: Counter,
    rechecks: Counter,
}

struct State {
    peers: Gauge,
    processing: Histogram,
    param_updates: Counter,
    validator_updates: Counter,
    block_syncing: Gauge,
    state_syncing: Gauge,
}

struct RaftHandles {
    term: Gauge,
    is_leader: Gauge,
    leader_changes: Counter,
    last_log: Gauge,
    committed: Gauge,
    voters: Gauge,
    learners: Gauge,
    signature: Histogram,
    append: Histogram,
    proposal_to_commit: Histogram,
}

impl NodeMetrics {
    /// Metrics under `instrumentation.namespace`, each with the label `chain_id`.
    pub fn new(namespace: &str, chain_id: &str) -> Self {
        Self::with(Registry::new(namespace, chain_id))
    }

    /// Metrics that nobody reads: recording costs nothing. For `instrumentation.prometheus = false`.
    pub fn disabled() -> Self {
        Self::with(Registry { recorder: None, namespace: String::new() })
    }

    fn with(registry: Registry) -> Self {
        use catalogue as c;
        let (gauge, counter, histogram) = (
            |metric: &Metric| registry.gauge(metric, &[]),
            |metric: &Metric| registry.counter(metric, &[]),
            |metric: &Metric| registry.histogram(metric),
        );
        let proposals = |status: &str| registry.counter(&c::PROPOSALS_SEEN, &[status]);
        let consensus = Consensus {
            height: gauge(&c::HEIGHT),
            latest: gauge(&c::LATEST_BLOCK_HEIGHT),
            rounds: gauge(&c::ROUNDS),
            round_duration: histogram(&c::ROUND_DURATION),
            validators: gauge(&c::VALIDATORS),
            validators_power: gauge(&c::VALIDATORS_POWER),
            missing: gauge(&c::MISSING),
            missing_power: gauge(&c::MISSING_POWER),
            byzantine: gauge(&c::BYZANTINE),
            byzantine_power: gauge(&c::BYZANTINE_POWER),
            interval: histogram(&c::BLOCK_INTERVAL),
            txs: gauge(&c::NUM_TXS),
            total_txs: gauge(&c::TOTAL_TXS),
            block_size: gauge(&c::BLOCK_SIZE),
            chain_size: counter(&c::CHAIN_SIZE),
            proposals: counter(&c::PROPOSALS),
            accepted: proposals("accepted"),
            rejected: proposals("rejected"),
        };
        let mempool = MempoolHandles {
            size: gauge(&c::MEMPOOL_SIZE),
            bytes: gauge(&c::MEMPOOL_BYTES),
            tx_size: histogram(&c::MEMPOOL_TX_SIZE),
            failed: counter(&c::MEMPOOL_FAILED),
            rejected: counter(&c::MEMPOOL_REJECTED),
            evicted: counter(&c::MEMPOOL_EVICTED),
            rechecks: counter(&c::MEMPOOL_RECHECKS),
        };
        let state = State {
            peers: gauge(&c::PEERS),
            processing: histogram(&c::PROCESSING_TIME),
            param_updates: counter(&c::PARAM_UPDATES),
            validator_updates: counter(&c::VALIDATOR_UPDATES),
            block_syncing: gauge(&c::BLOCK_SYNCING),
            state_syncing: gauge(&c::STATE_SYNCING),
        };
        let raft = RaftHandles {
            term: gauge(&c::RAFT_TERM),
            is_leader: gauge(&c::RAFT_IS_LEADER),
            leader_changes: counter(&c::RAFT_LEADER_CHANGES),
            last_log: gauge(&c::RAFT_LAST_LOG),
            committed: gauge(&c::RAFT_COMMITTED),
            voters: gauge(&c::RAFT_VOTERS),
            learners: gauge(&c::RAFT_LEARNERS),
            signature: histogram(&c::SIGNATURE_LATENCY),
            append: histogram(&c::APPEND),
            proposal_to_commit: histogram(&c::PROPOSAL_TO_COMMIT),
        };
        let seen = Mutex::new(Seen::default());
        Self { inner: Arc::new(Inner { registry, consensus, mempool, state, raft, seen }) }
    }

    /// A block was committed.
    pub fn block_committed(&self, block: &Block) {
        let (c, s) = (&self.inner.consensus, &self.inner.state);
        let height = exact(block.height);
        // CometBFT counts the height that it is deciding.
        c.height.set(height + 1.0);
        c.latest.set(height);
        c.validators.set(count(block.validators.count));
        c.validators_power.set(exact(block.validators.power));
        c.missing.set(count(block.missing.count));
        c.missing_power.set(exact(block.missing.power));
        c.byzantine.set(count(block.byzantine.count));
        c.byzantine_power.set(exact(block.byzantine.power));
        if let Some(interval) = block.interval {
            c.interval.record(interval.as_secs_f64());
        }
        c.txs.set(count(block.txs));
        c.total_txs.increment(count(block.txs));
        c.block_size.set(count(block.bytes));
        c.chain_size.increment(block.bytes as u64);
        if let Some(own) = &block.own {
            let label: &[&str] = &[&own.address];
            let registry = &self.inner.registry;
            registry.gauge(&catalogue::VALIDATOR_POWER, label).set(exact(own.power));
            let (signed, missed) = (&catalogue::VALIDATOR_LAST_SIGNED, &catalogue::VALIDATOR_MISSED);
            // Both exist as soon as the validator does, so that an alert on either never lacks its series.
            let missed = registry.gauge(missed, label);
            missed.increment(0.0);
            if own.signed {
                registry.gauge(signed, label).set(height);
            } else {
                missed.increment(1.0);
            }
        }
        s.processing.record(block.processing.as_secs_f64() * 1000.0);
        s.validator_updates.increment(block.validator_updates.into());
        s.param_updates.increment(block.param_updates.into());
    }

    /// A round of `height` has begun; `last` is how long the one before took.
    pub fn new_round(&self, height: u64, round: u32, last: Option<Duration>) {
        let c = &self.inner.consensus;
        c.height.set(exact(height));
        c.rounds.set(round);
        if let Some(last) = last {
            c.round_duration.record(last.as_secs_f64());
        }
    }

    /// This node has proposed a block.
    pub fn proposal_created(&self) {
        self.inner.consensus.proposals.increment(1);
    }

    /// This node has judged a proposal.
    pub fn proposal_received(&self, accepted: bool) {
        let c = &self.inner.consensus;
        if accepted { &c.accepted } else { &c.rejected }.increment(1);
    }

    /// State of the mempool now.
    pub fn mempool(&self, now: &Mempool) {
        let m = &self.inner.mempool;
        m.size.set(count(now.size));
        m.bytes.set(exact(now.size_bytes));
        m.failed.absolute(now.failed_txs);
        m.rejected.absolute(now.rejected_txs);
        m.evicted.absolute(now.evicted_txs);
        m.rechecks.absolute(now.recheck_times);
    }

    /// A transaction of so many bytes has entered the mempool.
    pub fn tx_entered(&self, bytes: usize) {
        self.inner.mempool.tx_size.record(count(bytes));
    }

    /// The connections now. A peer that is gone keeps its totals and has nothing pending.
    pub fn peers(&self, now: &[Peer]) {
        let registry = &self.inner.registry;
        self.inner.state.peers.set(count(now.len()));
        let mut seen = self.seen();
        let before = core::mem::take(&mut seen.peers);
        for peer in now {
            let total = [peer.id.as_str(), "all"];
            let (received, sent) = before.get(&peer.id).copied().unwrap_or_default();
            // A new connection counts from 0 again.
            let since = |now: u64, before: u64| if now >= before { now - before } else { now };
            registry.counter(&catalogue::PEER_RECEIVED, &total).increment(since(peer.received, received));
            registry.counter(&catalogue::PEER_SENT, &total).increment(since(peer.sent, sent));
            registry.gauge(&catalogue::PEER_PENDING, &[&peer.id]).set(exact(peer.pending));
            seen.peers.insert(peer.id.clone(), (peer.received, peer.sent));
        }
        for gone in before.keys().filter(|id| !seen.peers.contains_key(*id)) {
            registry.gauge(&catalogue::PEER_PENDING, &[gone]).set(0.0);
        }
    }

    /// Whether the node fetches old blocks.
    pub fn block_syncing(&self, is: bool) {
        self.inner.state.block_syncing.set(u8::from(is));
    }

    /// Whether the node fetches a snapshot of the state.
    pub fn state_syncing(&self, is: bool) {
        self.inner.state.state_syncing.set(u8::from(is));
    }

    /// State of the Raft group now.
    pub fn raft(&self, now: &Raft) {
        let (r, registry) = (&self.inner.raft, &self.inner.registry);
        r.term.set(exact(now.term));
        r.is_leader.set(u8::from(now.is_leader));
        r.last_log.set(exact(now.last_log_index));
        r.committed.set(exact(now.committed_index));
        r.voters.set(count(now.voters));
        r.learners.set(count(now.learners));
        let mut seen = self.seen();
        if let Some(leader) = &now.leader {
            if seen.leader.as_ref() != Some(leader) {
                r.leader_changes.increment(1);
                seen.leader = Some(leader.clone());
            }
            seen.leaders.insert(leader.clone());
        }
        for node in &seen.leaders {
            let leads = now.leader.as_ref() == Some(node);
            registry.gauge(&catalogue::RAFT_LEADER, &[node]).set(u8::from(leads));
        }
    }

    /// Time to sign a precommit.
    pub fn signed(&self, took: Duration) {
        self.inner.raft.signature.record(took.as_secs_f64());
    }

    /// Time to append entries to the log and sync it.
    pub fn appended(&self, took: Duration) {
        self.inner.raft.append.record(took.as_secs_f64());
    }

    /// Time from a proposal of this node to the commit of its block.
    pub fn proposal_committed(&self, took: Duration) {
        self.inner.raft.proposal_to_commit.record(took.as_secs_f64());
    }

    /// All metrics in Prometheus' text format; empty when disabled.
    pub fn render(&self) -> String {
        self.inner.registry.handle().map(|handle| handle.render()).unwrap_or_default()
    }

    /// Serves the metrics over HTTP until the returned handle is dropped, on the tokio runtime that this is called in.
    ///
    /// `listen_addr` is `instrumentation.prometheus_listen_addr` (`:26660`, `127.0.0.1:26660`, `localhost:0`);
    /// more than `max_open_connections` requests at a time are refused, 0 is no limit.
    ///
    /// # Errors
    /// [`ServeError`] when the address cannot be listened on.
    pub async fn serve(&self, listen_addr: &str, max_open_connections: u32) -> Result<MetricsServer, ServeError> {
        serve(self.clone(), listen_addr, max_open_connections).await
    }

    /// Sorts what was recorded into buckets. Memory grows without it or [`Self::render`].
    pub(crate) fn upkeep(&self) {
        if let Some(handle) = self.inner.registry.handle() {
            handle.run_upkeep();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing under the lock can be left half done that the next record would not repair.
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recorder of one node, not the global one of the process.
struct Registry {
    recorder: Option<PrometheusRecorder>,
    namespace: String,
}

impl Registry {
    fn new(namespace: &str, chain_id: &str) -> Self {
        let mut builder = PrometheusBuilder::new().add_global_label("chain_id", chain_id);
        for metric in CATALOGUE {
            if let Kind::Histogram(buckets) = metric.kind {
                let name = Matcher::Full(metric.full_name(namespace));
                builder = builder.set_buckets_for_metric(name, &buckets.bounds()).expect("the catalogue has bounds");
            }
        }
        let recorder = builder.build_recorder();
        for metric in CATALOGUE {
            let name = KeyName::from(metric.full_name(namespace));
            match metric.kind {
                Kind::Gauge => recorder.describe_gauge(name, None, metric.help.into()),
                Kind::Counter => recorder.describe_counter(name, None, metric.help.into()),
                Kind::Histogram(_) => recorder.describe_histogram(name, None, metric.help.into()),
            }
        }
        Self { recorder: Some(recorder), namespace: namespace.to_owned() }
    }

    fn handle(&self) -> Option<PrometheusHandle> {
        self.recorder.as_ref().map(PrometheusRecorder::handle)
    }

    fn key(&self, metric: &Metric, values: &[&str]) -> Key {
        debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
        let labels: Vec<Label> =
            metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        Key::from_parts(metric.full_name(&self.namespace), labels)
    }

    fn gauge(&self, metric: &Metric, values: &[&str]) -> Gauge {
        let register = |recorder: &PrometheusRecorder| recorder.register_gauge(&self.key(metric, values), &METADATA);
        self.recorder.as_ref().map_or_else(Gauge::noop, register)
    }

    fn counter(&self, metric: &Metric, values: &[&str]) -> Counter {
        let register = |recorder: &PrometheusRecorder| recorder.register_counter(&self.key(metric, values), &METADATA);
        self.recorder.as_ref().map_or_else(Counter::noop, register)
    }

    fn histogram(&self, metric: &Metric) -> Histogram {
        let register = |recorder: &PrometheusRecorder| recorder.register_histogram(&self.key(metric, &[]), &METADATA);
        self.recorder.as_ref().map_or_else(Histogram::noop, register)
    }
}

const METADATA: Metadata<'static> = Metadata::new(env!("CARGO_PKG_NAME"), Level::INFO, None);

/// Gauges are floats; heights and amounts stay exact up to 2^53.
fn exact(n: u64) -> f64 {
    n as f64
}

fn count(n: usize) -> f64 {
    n as f64
}

/// Where a listening address of `config.toml` leads.
pub(crate) fn addresses(listen_addr: &str) -> std::io::Result<Vec<SocketAddr>> {
    use std::net::ToSocketAddrs;
    // Go's form of "all addresses".
    let all = listen_addr.strip_prefix(':').map(|port| [format!("[::]:{port}"), format!("0.0.0.0:{port}")]);
    let texts = all.map_or_else(|| vec![listen_addr.to_owned()], Vec::from);
    let mut found = Vec::new();
    for text in texts {
        found.extend(text.to_socket_addrs()?);
    }
    Ok(found)
}
