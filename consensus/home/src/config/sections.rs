//! The sections of `config.toml`, with CometBFT 0.38.25's defaults (`config/config.go`).
//!
//! Numbers that bound something mean "no bound" at 0 only where their field says so.

use core::time::Duration;

use super::address::{NodeId, PeerAddress};
use super::value::Setting;

/// Keys of a section with the places of their values.
pub type Fields<'a> = Vec<(&'static str, &'a mut dyn Setting)>;

/// Keys before the first section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// CometBFT release that the file belongs to.
    pub version: String,
    /// Where the application listens; read by CometBFT only.
    pub proxy_app: String,
    /// Name of the node, for people; empty: CometBFT takes the host's name.
    pub moniker: String,
    /// Database of CometBFT.
    pub db_backend: String,
    /// Folder of the databases, relative to the home directory.
    pub db_dir: String,
    /// `debug`, `info`, `error` or `none`, also per module (`consensus:debug,*:error`).
    pub log_level: String,
    /// `plain` or `json`.
    pub log_format: String,
    /// Genesis document, relative to the home directory.
    pub genesis_file: String,
    /// Validator key, relative to the home directory.
    pub priv_validator_key_file: String,
    /// Record of the last signature, relative to the home directory.
    pub priv_validator_state_file: String,
    /// Where an external signer connects; empty: none.
    pub priv_validator_laddr: String,
    /// Node key, relative to the home directory.
    pub node_key_file: String,
    /// `socket` or `grpc`; read by CometBFT only.
    pub abci: String,
    /// Whether the application is asked about new peers.
    pub filter_peers: bool,
    /// Events buffered before a publisher waits.
    pub event_bus_buffer_capacity: u32,
}

impl Default for Base {
    fn default() -> Self {
        Self {
            version: super::COMETBFT_VERSION.to_owned(),
            proxy_app: "tcp://127.0.0.1:26658".to_owned(),
            moniker: String::new(),
            db_backend: "goleveldb".to_owned(),
            db_dir: "data".to_owned(),
            log_level: "info".to_owned(),
            log_format: "plain".to_owned(),
            genesis_file: "config/genesis.json".to_owned(),
            priv_validator_key_file: "config/priv_validator_key.json".to_owned(),
            priv_validator_state_file: "data/priv_validator_state.json".to_owned(),
            priv_validator_laddr: String::new(),
            node_key_file: "config/node_key.json".to_owned(),
            abci: "socket".to_owned(),
            filter_peers: false,
            event_bus_buffer_capacity: 0,
        }
    }
}

impl Base {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("version", &mut self.version),
            ("proxy_app", &mut self.proxy_app),
            ("moniker", &mut self.moniker),
            ("db_backend", &mut self.db_backend),
            ("db_dir", &mut self.db_dir),
            ("log_level", &mut self.log_level),
            ("log_format", &mut self.log_format),
            ("genesis_file", &mut self.genesis_file),
            ("priv_validator_key_file", &mut self.priv_validator_key_file),
            ("priv_validator_state_file", &mut self.priv_validator_state_file),
            ("priv_validator_laddr", &mut self.priv_validator_laddr),
            ("node_key_file", &mut self.node_key_file),
            ("abci", &mut self.abci),
            ("filter_peers", &mut self.filter_peers),
            ("event_bus_buffer_capacity", &mut self.event_bus_buffer_capacity),
        ]
    }
}

/// `[rpc]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// Where the RPC listens; empty: nowhere.
    pub laddr: String,
    /// Web origins that may use it, with at most one `*` each; `*` for all, none for no cross-origin access.
    pub cors_allowed_origins: Vec<String>,
    /// HTTP methods for them.
    pub cors_allowed_methods: Vec<String>,
    /// HTTP headers for them.
    pub cors_allowed_headers: Vec<String>,
    /// Where the gRPC server listens; empty: nowhere.
    pub grpc_laddr: String,
    /// gRPC connections at a time; 0: no bound.
    pub grpc_max_open_connections: u32,
    /// `unsafe`: whether commands that change the node from outside are served.
    pub unsafe_commands: bool,
    /// Connections at a time, WebSockets included; 0: no bound.
    pub max_open_connections: u32,
    /// Clients with subscriptions at a time.
    pub max_subscription_clients: u32,
    /// Subscriptions per client.
    pub max_subscriptions_per_client: u32,
    /// `experimental_subscription_buffer_size`: events that wait for a subscriber, at least 100.
    pub subscription_buffer_size: u32,
    /// `experimental_websocket_write_buffer_size`: answers that wait for a client, at least as many.
    pub websocket_write_buffer_size: u32,
    /// `experimental_close_on_slow_client`: closes the connection of a client that is too slow, instead of leaving
    /// out events.
    pub close_on_slow_client: bool,
    /// How long `broadcast_tx_commit` waits for the block.
    pub timeout_broadcast_tx_commit: Duration,
    /// Requests in a batch; 0: no bound.
    pub max_request_batch_size: u32,
    /// Bytes of a request's body.
    pub max_body_bytes: u64,
    /// Bytes of a request's header.
    pub max_header_bytes: u32,
    /// Certificate chain for HTTPS; empty: none.
    pub tls_cert_file: String,
    /// Key of the certificate.
    pub tls_key_file: String,
    /// Where Go's profiler listens; empty: nowhere.
    pub pprof_laddr: String,
}

impl Default for Rpc {
    fn default() -> Self {
        let texts = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Self {
            laddr: "tcp://127.0.0.1:26657".to_owned(),
            cors_allowed_origins: Vec::new(),
            cors_allowed_methods: texts(&["HEAD", "GET", "POST"]),
            cors_allowed_headers: texts(&["Origin", "Accept", "Content-Type", "X-Requested-With", "X-Server-Time"]),
            grpc_laddr: String::new(),
            grpc_max_open_connections: 900,
            unsafe_commands: false,
            max_open_connections: 900,
            max_subscription_clients: 100,
            max_subscriptions_per_client: 5,
            subscription_buffer_size: 200,
            websocket_write_buffer_size: 200,
            close_on_slow_client: false,
            timeout_broadcast_tx_commit: Duration::from_secs(10),
            max_request_batch_size: 10,
            max_body_bytes: 1_000_000,
            max_header_bytes: 1 << 20,
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
            pprof_laddr: String::new(),
        }
    }
}

impl Rpc {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("laddr", &mut self.laddr),
            ("cors_allowed_origins", &mut self.cors_allowed_origins),
            ("cors_allowed_methods", &mut self.cors_allowed_methods),
            ("cors_allowed_headers", &mut self.cors_allowed_headers),
            ("grpc_laddr", &mut self.grpc_laddr),
            ("grpc_max_open_connections", &mut self.grpc_max_open_connections),
            ("unsafe", &mut self.unsafe_commands),
            ("max_open_connections", &mut self.max_open_connections),
            ("max_subscription_clients", &mut self.max_subscription_clients),
            ("max_subscriptions_per_client", &mut self.max_subscriptions_per_client),
            ("experimental_subscription_buffer_size", &mut self.subscription_buffer_size),
            ("experimental_websocket_write_buffer_size", &mut self.websocket_write_buffer_size),
            ("experimental_close_on_slow_client", &mut self.close_on_slow_client),
            ("timeout_broadcast_tx_commit", &mut self.timeout_broadcast_tx_commit),
            ("max_request_batch_size", &mut self.max_request_batch_size),
            ("max_body_bytes", &mut self.max_body_bytes),
            ("max_header_bytes", &mut self.max_header_bytes),
            ("tls_cert_file", &mut self.tls_cert_file),
            ("tls_key_file", &mut self.tls_key_file),
            ("pprof_laddr", &mut self.pprof_laddr),
        ]
    }
}

/// `[p2p]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P2p {
    /// Where peers connect.
    pub laddr: String,
    /// `ip:port` told to peers; empty: found out.
    pub external_address: String,
    /// Nodes to ask for peers.
    pub seeds: Vec<PeerAddress>,
    /// Nodes to stay connected with.
    pub persistent_peers: Vec<PeerAddress>,
    /// Address book, relative to the home directory.
    pub addr_book_file: String,
    /// Whether only routable addresses are accepted.
    pub addr_book_strict: bool,
    /// Peers that connected to this node.
    pub max_num_inbound_peers: u32,
    /// Peers that this node connected to, persistent ones apart.
    pub max_num_outbound_peers: u32,
    /// Nodes that the bounds do not concern.
    pub unconditional_peer_ids: Vec<NodeId>,
    /// Longest pause before a persistent peer is dialled again; 0: no bound.
    pub persistent_peers_max_dial_period: Duration,
    /// Longest wait before queued messages are written.
    pub flush_throttle_timeout: Duration,
    /// Bytes of a message in one packet.
    pub max_packet_msg_payload_size: u32,
    /// Bytes per second sent to a peer.
    pub send_rate: u64,
    /// Bytes per second taken from a peer.
    pub recv_rate: u64,
    /// Whether peers' addresses are exchanged.
    pub pex: bool,
    /// Whether the node only collects and tells addresses.
    pub seed_mode: bool,
    /// Nodes whose addresses are told to nobody.
    pub private_peer_ids: Vec<NodeId>,
    /// Whether several peers may share one IP address.
    pub allow_duplicate_ip: bool,
    /// Longest handshake.
    pub handshake_timeout: Duration,
    /// Longest wait for a connection.
    pub dial_timeout: Duration,
}

impl Default for P2p {
    fn default() -> Self {
        Self {
            laddr: "tcp://0.0.0.0:26656".to_owned(),
            external_address: String::new(),
            seeds: Vec::new(),
            persistent_peers: Vec::new(),
            addr_book_file: "config/addrbook.json".to_owned(),
            addr_book_strict: true,
            max_num_inbound_peers: 40,
            max_num_outbound_peers: 10,
            unconditional_peer_ids: Vec::new(),
            persistent_peers_max_dial_period: Duration::ZERO,
            flush_throttle_timeout: Duration::from_millis(100),
            max_packet_msg_payload_size: 1024,
            send_rate: 5_120_000,
            recv_rate: 5_120_000,
            pex: true,
            seed_mode: false,
            private_peer_ids: Vec::new(),
            allow_duplicate_ip: false,
            handshake_timeout: Duration::from_secs(20),
            dial_timeout: Duration::from_secs(3),
        }
    }
}

impl P2p {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("laddr", &mut self.laddr),
            ("external_address", &mut self.external_address),
            ("seeds", &mut self.seeds),
            ("persistent_peers", &mut self.persistent_peers),
            ("addr_book_file", &mut self.addr_book_file),
            ("addr_book_strict", &mut self.addr_book_strict),
            ("max_num_inbound_peers", &mut self.max_num_inbound_peers),
            ("max_num_outbound_peers", &mut self.max_num_outbound_peers),
            ("unconditional_peer_ids", &mut self.unconditional_peer_ids),
            ("persistent_peers_max_dial_period", &mut self.persistent_peers_max_dial_period),
            ("flush_throttle_timeout", &mut self.flush_throttle_timeout),
            ("max_packet_msg_payload_size", &mut self.max_packet_msg_payload_size),
            ("send_rate", &mut self.send_rate),
            ("recv_rate", &mut self.recv_rate),
            ("pex", &mut self.pex),
            ("seed_mode", &mut self.seed_mode),
            ("private_peer_ids", &mut self.private_peer_ids),
            ("allow_duplicate_ip", &mut self.allow_duplicate_ip),
            ("handshake_timeout", &mut self.handshake_timeout),
            ("dial_timeout", &mut self.dial_timeout),
        ]
    }
}

/// `[mempool]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mempool {
    /// `type`: `flood`, or `nop` for none.
    pub kind: String,
    /// Whether what stays is checked again after each block.
    pub recheck: bool,
    /// How long CometBFT waits for those checks.
    pub recheck_timeout: Duration,
    /// Whether transactions are told to other nodes.
    pub broadcast: bool,
    /// Log of CometBFT's mempool; empty: none.
    pub wal_dir: String,
    /// Transactions at most.
    pub size: u32,
    /// Sum of their bytes at most.
    pub max_txs_bytes: u64,
    /// Transactions that are remembered as seen.
    pub cache_size: u32,
    /// Whether refused ones are remembered too.
    pub keep_invalid_txs_in_cache: bool,
    /// Bytes of one transaction at most.
    pub max_tx_bytes: u32,
    /// Unused by CometBFT.
    pub max_batch_bytes: u32,
    /// Persistent peers that transactions are told to; 0: all.
    pub experimental_max_gossip_connections_to_persistent_peers: u32,
    /// Other peers that transactions are told to; 0: all.
    pub experimental_max_gossip_connections_to_non_persistent_peers: u32,
    /// `ttl-duration`: how long a transaction may wait; 0: for ever. Raft engine only: CometBFT had this key and the
    /// next up to 0.37, and 0.38 ignores them. Default 10 minutes.
    pub ttl_duration: Duration,
    /// `ttl-num-blocks`: for how many blocks a transaction may wait; 0: for ever. Raft engine only.
    pub ttl_num_blocks: u64,
}

impl Default for Mempool {
    fn default() -> Self {
        Self {
            kind: "flood".to_owned(),
            recheck: true,
            recheck_timeout: Duration::from_secs(1),
            broadcast: true,
            wal_dir: String::new(),
            size: 5_000,
            max_txs_bytes: 1 << 30,
            cache_size: 10_000,
            keep_invalid_txs_in_cache: false,
            max_tx_bytes: 1 << 20,
            max_batch_bytes: 0,
            experimental_max_gossip_connections_to_persistent_peers: 0,
            experimental_max_gossip_connections_to_non_persistent_peers: 0,
            ttl_duration: Duration::from_secs(600),
            ttl_num_blocks: 0,
        }
    }
}

impl Mempool {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("type", &mut self.kind),
            ("recheck", &mut self.recheck),
            ("recheck_timeout", &mut self.recheck_timeout),
            ("broadcast", &mut self.broadcast),
            ("wal_dir", &mut self.wal_dir),
            ("size", &mut self.size),
            ("max_txs_bytes", &mut self.max_txs_bytes),
            ("cache_size", &mut self.cache_size),
            ("keep-invalid-txs-in-cache", &mut self.keep_invalid_txs_in_cache),
            ("max_tx_bytes", &mut self.max_tx_bytes),
            ("max_batch_bytes", &mut self.max_batch_bytes),
            (
                "experimental_max_gossip_connections_to_persistent_peers",
                &mut self.experimental_max_gossip_connections_to_persistent_peers,
            ),
            (
                "experimental_max_gossip_connections_to_non_persistent_peers",
                &mut self.experimental_max_gossip_connections_to_non_persistent_peers,
            ),
            ("ttl-duration", &mut self.ttl_duration),
            ("ttl-num-blocks", &mut self.ttl_num_blocks),
        ]
    }
}

/// `[statesync]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSync {
    /// Whether a node without blocks starts from a snapshot.
    pub enable: bool,
    /// Folder for chunks; empty: the system's.
    pub temp_dir: String,
    /// RPC addresses to learn headers from. CometBFT wants two or more; not checked here.
    pub rpc_servers: Vec<String>,
    /// How long the header below can be trusted.
    pub trust_period: Duration,
    /// Height of a header that is known to be right.
    pub trust_height: u64,
    /// Its hash.
    pub trust_hash: Option<[u8; 32]>,
    /// How long snapshots are looked for; 0: until one is found.
    pub discovery_time: Duration,
    /// After how long a chunk is asked for again.
    pub chunk_request_timeout: Duration,
    /// Chunks asked for at a time.
    pub chunk_fetchers: u32,
    /// Chunks that a snapshot may have.
    pub max_snapshot_chunks: u32,
}

impl Default for StateSync {
    fn default() -> Self {
        Self {
            enable: false,
            temp_dir: String::new(),
            rpc_servers: Vec::new(),
            trust_period: Duration::from_secs(168 * 3600),
            trust_height: 0,
            trust_hash: None,
            discovery_time: Duration::from_secs(15),
            chunk_request_timeout: Duration::from_secs(10),
            chunk_fetchers: 4,
            max_snapshot_chunks: 100_000,
        }
    }
}

impl StateSync {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("enable", &mut self.enable),
            ("temp_dir", &mut self.temp_dir),
            ("rpc_servers", &mut self.rpc_servers),
            ("trust_period", &mut self.trust_period),
            ("trust_height", &mut self.trust_height),
            ("trust_hash", &mut self.trust_hash),
            ("discovery_time", &mut self.discovery_time),
            ("chunk_request_timeout", &mut self.chunk_request_timeout),
            ("chunk_fetchers", &mut self.chunk_fetchers),
            ("max_snapshot_chunks", &mut self.max_snapshot_chunks),
        ]
    }
}

/// `[blocksync]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSync {
    /// `v0`, the only one left.
    pub version: String,
}

impl Default for BlockSync {
    fn default() -> Self {
        Self { version: "v0".to_owned() }
    }
}

impl BlockSync {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![("version", &mut self.version)]
    }
}

/// `[consensus]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consensus {
    /// CometBFT's log, relative to the home directory.
    pub wal_file: String,
    /// Wait for a proposal.
    pub timeout_propose: Duration,
    /// What each further round adds to it.
    pub timeout_propose_delta: Duration,
    /// Wait for late prevotes.
    pub timeout_prevote: Duration,
    /// What each further round adds to it.
    pub timeout_prevote_delta: Duration,
    /// Wait for late precommits.
    pub timeout_precommit: Duration,
    /// What each further round adds to it.
    pub timeout_precommit_delta: Duration,
    /// Pause after a block.
    pub timeout_commit: Duration,
    /// Whether that pause ends with the last precommit.
    pub skip_timeout_commit: bool,
    /// Whether blocks are made without transactions and without a changed app hash.
    pub create_empty_blocks: bool,
    /// Pause before an empty block. With `create_empty_blocks` off: 0 makes none, more makes one per interval.
    pub create_empty_blocks_interval: Duration,
    /// Pause between looks at what a peer lacks.
    pub peer_gossip_sleep_duration: Duration,
    /// Pause between questions for a peer's votes.
    pub peer_query_maj23_sleep_duration: Duration,
    /// Blocks to look back for a signature of the own key before joining; 0: none.
    pub double_sign_check_height: u64,
    /// How far a proposal's time may be from the clock.
    pub block_time_tolerance: Duration,
}

impl Default for Consensus {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            wal_file: "data/cs.wal/wal".to_owned(),
            timeout_propose: ms(3_000),
            timeout_propose_delta: ms(500),
            timeout_prevote: ms(1_000),
            timeout_prevote_delta: ms(500),
            timeout_precommit: ms(1_000),
            timeout_precommit_delta: ms(500),
            timeout_commit: ms(1_000),
            skip_timeout_commit: false,
            create_empty_blocks: true,
            create_empty_blocks_interval: Duration::ZERO,
            peer_gossip_sleep_duration: ms(100),
            peer_query_maj23_sleep_duration: ms(2_000),
            double_sign_check_height: 0,
            block_time_tolerance: Duration::from_secs(60),
        }
    }
}

impl Consensus {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("wal_file", &mut self.wal_file),
            ("timeout_propose", &mut self.timeout_propose),
            ("timeout_propose_delta", &mut self.timeout_propose_delta),
            ("timeout_prevote", &mut self.timeout_prevote),
            ("timeout_prevote_delta", &mut self.timeout_prevote_delta),
            ("timeout_precommit", &mut self.timeout_precommit),
            ("timeout_precommit_delta", &mut self.timeout_precommit_delta),
            ("timeout_commit", &mut self.timeout_commit),
            ("skip_timeout_commit", &mut self.skip_timeout_commit),
            ("create_empty_blocks", &mut self.create_empty_blocks),
            ("create_empty_blocks_interval", &mut self.create_empty_blocks_interval),
            ("peer_gossip_sleep_duration", &mut self.peer_gossip_sleep_duration),
            ("peer_query_maj23_sleep_duration", &mut self.peer_query_maj23_sleep_duration),
            ("double_sign_check_height", &mut self.double_sign_check_height),
            ("block_time_tolerance", &mut self.block_time_tolerance),
        ]
    }
}

/// `[storage]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storage {
    /// Whether results of blocks are thrown away; `/block_results` needs them.
    pub discard_abci_responses: bool,
}

impl Storage {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![("discard_abci_responses", &mut self.discard_abci_responses)]
    }
}

/// `[tx_index]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxIndex {
    /// `kv`, `null` for none, or `psql` (CometBFT only).
    pub indexer: String,
    /// Connection to PostgreSQL.
    pub psql_conn: String,
}

impl Default for TxIndex {
    fn default() -> Self {
        Self { indexer: "kv".to_owned(), psql_conn: String::new() }
    }
}

impl TxIndex {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![("indexer", &mut self.indexer), ("psql-conn", &mut self.psql_conn)]
    }
}

/// `[instrumentation]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrumentation {
    /// Whether metrics are served.
    pub prometheus: bool,
    /// Where; empty: nowhere.
    pub prometheus_listen_addr: String,
    /// Connections at a time; 0: no bound.
    pub max_open_connections: u32,
    /// First part of each metric's name.
    pub namespace: String,
}

impl Default for Instrumentation {
    fn default() -> Self {
        Self {
            prometheus: false,
            prometheus_listen_addr: ":26660".to_owned(),
            max_open_connections: 3,
            namespace: "cometbft".to_owned(),
        }
    }
}

impl Instrumentation {
    pub(super) fn fields(&mut self) -> Fields<'_> {
        vec![
            ("prometheus", &mut self.prometheus),
            ("prometheus_listen_addr", &mut self.prometheus_listen_addr),
            ("max_open_connections", &mut self.max_open_connections),
            ("namespace", &mut self.namespace),
        ]
    }
}
