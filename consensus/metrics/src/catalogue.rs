/// Who names a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// CometBFT 0.38.25 (`*/metrics.gen.go`): the name begins with `instrumentation.namespace`.
    CometBft,
    /// Plume: the name begins with `plume_`, whatever the namespace.
    Plume,
}

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up; begins with 0 when the process starts.
    Counter,
    /// Counts observations by size.
    Histogram(Buckets),
}

/// Upper bounds of a histogram's buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Buckets {
    /// These.
    Are(&'static [f64]),
    /// `count` bounds, the first and the last as given, each the same multiple of the one before.
    Range {
        /// First bound.
        first: f64,
        /// Last bound.
        last: f64,
        /// Number of bounds.
        count: u8,
    },
}

impl Buckets {
    /// The bounds, ascending.
    pub fn bounds(self) -> Vec<f64> {
        match self {
            Self::Are(bounds) => bounds.to_vec(),
            Self::Range { first, last, count } => {
                let steps = f64::from(count.saturating_sub(1));
                (0..count).map(|step| first * (last / first).powf(f64::from(step) / steps)).collect()
            }
        }
    }
}

/// A metric that a node may expose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Who names it.
    pub family: Family,
    /// Name without the first part.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Labels other than `chain_id`, which all have.
    pub labels: &'static [&'static str],
    /// Help text; CometBFT's for its own.
    pub help: &'static str,
}

impl Metric {
    /// The full name under a namespace.
    pub fn full_name(&self, namespace: &str) -> String {
        match self.family {
            Family::CometBft if namespace.is_empty() => self.name.to_owned(),
            Family::CometBft => format!("{namespace}_{}", self.name),
            Family::Plume => format!("plume_{}", self.name),
        }
    }
}

/// Prometheus' own choice, for histograms where CometBFT makes none.
const DEFAULT: Buckets = Buckets::Are(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
/// From a fast disk to a stalled one.
const LATENCY: Buckets =
    Buckets::Are(&[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
const ROUND: Buckets = Buckets::Range { first: 0.1, last: 100.0, count: 8 };
const TX_SIZE: Buckets = Buckets::Are(&[1.0, 3.0, 9.0, 27.0, 81.0, 243.0, 729.0]);
const MILLISECONDS: Buckets = Buckets::Are(&[1.0, 11.0, 21.0, 31.0, 41.0, 51.0, 61.0, 71.0, 81.0, 91.0]);

const VALIDATOR: &[&str] = &["validator_address"];
const PEER: &[&str] = &["peer_id"];
const PEER_AND_CHANNEL: &[&str] = &["peer_id", "chID"];

macro_rules! catalogue {
    ($($(#[$doc:meta])* $id:ident = $family:ident $kind:expr, $name:literal, $labels:expr, $help:literal;)*) => {
        $(pub(crate) const $id: Metric =
            Metric { family: Family::$family, name: $name, kind: $kind, labels: $labels, help: $help };)*
        /// Every metric of a node, in the order of the documentation.
        pub const CATALOGUE: &[Metric] = &[$($id),*];
    };
}

catalogue! {
    HEIGHT = CometBft Kind::Gauge, "consensus_height", &[], "Height of the chain.";
    LATEST_BLOCK_HEIGHT = CometBft Kind::Gauge, "consensus_latest_block_height", &[], "The latest block height.";
    ROUNDS = CometBft Kind::Gauge, "consensus_rounds", &[], "Number of rounds.";
    ROUND_DURATION = CometBft Kind::Histogram(ROUND), "consensus_round_duration_seconds", &[],
        "Histogram of round duration.";
    VALIDATORS = CometBft Kind::Gauge, "consensus_validators", &[], "Number of validators.";
    VALIDATORS_POWER = CometBft Kind::Gauge, "consensus_validators_power", &[], "Total power of all validators.";
    VALIDATOR_POWER = CometBft Kind::Gauge, "consensus_validator_power", VALIDATOR, "Power of a validator.";
    VALIDATOR_LAST_SIGNED = CometBft Kind::Gauge, "consensus_validator_last_signed_height", VALIDATOR,
        "Last height signed by this validator if the node is a validator.";
    VALIDATOR_MISSED = CometBft Kind::Gauge, "consensus_validator_missed_blocks", VALIDATOR,
        "Amount of blocks missed per validator.";
    MISSING = CometBft Kind::Gauge, "consensus_missing_validators", &[], "Number of validators who did not sign.";
    MISSING_POWER = CometBft Kind::Gauge, "consensus_missing_validators_power", &[],
        "Total power of the missing validators.";
    BYZANTINE = CometBft Kind::Gauge, "consensus_byzantine_validators", &[],
        "Number of validators who tried to double sign.";
    BYZANTINE_POWER = CometBft Kind::Gauge, "consensus_byzantine_validators_power", &[],
        "Total power of the byzantine validators.";
    BLOCK_INTERVAL = CometBft Kind::Histogram(DEFAULT), "consensus_block_interval_seconds", &[],
        "Time between this and the last block.";
    NUM_TXS = CometBft Kind::Gauge, "consensus_num_txs", &[], "Number of transactions.";
    TOTAL_TXS = CometBft Kind::Gauge, "consensus_total_txs", &[], "Total number of transactions.";
    BLOCK_SIZE = CometBft Kind::Gauge, "consensus_block_size_bytes", &[], "Size of the block.";
    CHAIN_SIZE = CometBft Kind::Counter, "consensus_chain_size_bytes", &[], "Size of the chain in bytes.";
    PROPOSALS = CometBft Kind::Counter, "consensus_proposal_create_count", &[],
        "ProposalCreationCount is the total number of proposals created by this node since process start. The metric is annotated by the status of the proposal from the application, either 'accepted' or 'rejected'.";
    PROPOSALS_SEEN = CometBft Kind::Counter, "consensus_proposal_receive_count", &["status"],
        "ProposalReceiveCount is the total number of proposals received by this node since process start. The metric is annotated by the status of the proposal from the application, either 'accepted' or 'rejected'.";

    MEMPOOL_SIZE = CometBft Kind::Gauge, "mempool_size", &[], "Number of uncommitted transactions in the mempool.";
    MEMPOOL_BYTES = CometBft Kind::Gauge, "mempool_size_bytes", &[], "Total size of the mempool in bytes.";
    MEMPOOL_TX_SIZE = CometBft Kind::Histogram(TX_SIZE), "mempool_tx_size_bytes", &[],
        "Histogram of transaction sizes in bytes.";
    MEMPOOL_FAILED = CometBft Kind::Counter, "mempool_failed_txs", &[],
        "FailedTxs defines the number of failed transactions. These are transactions that failed to make it into the mempool because they were deemed invalid. metrics:Number of failed transactions.";
    MEMPOOL_REJECTED = CometBft Kind::Counter, "mempool_rejected_txs", &[],
        "RejectedTxs defines the number of rejected transactions. These are transactions that failed to make it into the mempool due to resource limits, e.g. mempool is full. metrics:Number of rejected transactions.";
    MEMPOOL_EVICTED = CometBft Kind::Counter, "mempool_evicted_txs", &[],
        "EvictedTxs defines the number of evicted transactions. These are valid transactions that passed CheckTx and make it into the mempool but later became invalid. metrics:Number of evicted transactions.";
    MEMPOOL_RECHECKS = CometBft Kind::Counter, "mempool_recheck_times", &[],
        "Number of times transactions are rechecked in the mempool.";

    PEERS = CometBft Kind::Gauge, "p2p_peers", &[], "Number of peers.";
    PEER_RECEIVED = CometBft Kind::Counter, "p2p_peer_receive_bytes_total", PEER_AND_CHANNEL,
        "Number of bytes received from a given peer.";
    PEER_SENT = CometBft Kind::Counter, "p2p_peer_send_bytes_total", PEER_AND_CHANNEL,
        "Number of bytes sent to a given peer.";
    PEER_PENDING = CometBft Kind::Gauge, "p2p_peer_pending_send_bytes", PEER,
        "Pending bytes to be sent to a given peer.";

    PROCESSING_TIME = CometBft Kind::Histogram(MILLISECONDS), "state_block_processing_time", &[],
        "Time spent processing FinalizeBlock";
    PARAM_UPDATES = CometBft Kind::Counter, "state_consensus_param_updates", &[],
        "Number of consensus parameter updates returned by the application since process start.";
    VALIDATOR_UPDATES = CometBft Kind::Counter, "state_validator_set_updates", &[],
        "Number of validator set updates returned by the application since process start.";
    BLOCK_SYNCING = CometBft Kind::Gauge, "blocksync_syncing", &[],
        "Whether or not a node is block syncing. 1 if yes, 0 if no.";
    STATE_SYNCING = CometBft Kind::Gauge, "statesync_syncing", &[],
        "Whether or not a node is state syncing. 1 if yes, 0 if no.";

    RAFT_TERM = Plume Kind::Gauge, "raft_term", &[], "Term that this node is in; each election begins a new one.";
    RAFT_IS_LEADER = Plume Kind::Gauge, "raft_is_leader", &[], "1 if this node leads, 0 if not.";
    RAFT_LEADER = Plume Kind::Gauge, "raft_leader", &["node_id"],
        "1 for the node that leads as far as this node knows, 0 for those that have led before.";
    RAFT_LEADER_CHANGES = Plume Kind::Counter, "raft_leader_changes", &[],
        "Times that this node has learnt of another leader, the first one included.";
    RAFT_LAST_LOG = Plume Kind::Gauge, "raft_last_log_index", &[], "Last entry in the log of this node.";
    RAFT_COMMITTED = Plume Kind::Gauge, "raft_committed_index", &[],
        "Last entry that this node knows to be on a majority of the voters.";
    RAFT_VOTERS = Plume Kind::Gauge, "raft_voters", &[], "Members of the group that vote.";
    RAFT_LEARNERS = Plume Kind::Gauge, "raft_learners", &[], "Members of the group that do not vote.";
    SIGNATURE_LATENCY = Plume Kind::Histogram(LATENCY), "raft_signature_latency_seconds", &[],
        "Time to sign a precommit: the record of it synced to disk, the signature made.";
    APPEND = Plume Kind::Histogram(LATENCY), "raft_append_seconds", &[],
        "Time to append entries to the log and sync it to disk.";
    PROPOSAL_TO_COMMIT = Plume Kind::Histogram(LATENCY), "raft_proposal_to_commit_seconds", &[],
        "Time from a block's proposal by this node to its commit with more than 2/3 of the voting power.";
}
