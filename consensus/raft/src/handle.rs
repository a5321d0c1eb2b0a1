//! The node as the rest of the process sees it: [`Engine`] for the state machine's own queries, [`NodeView`] for the RPC.

use std::sync::Arc;

use bytes::Bytes;
use plume_block::raw;
use plume_engine::{
    BlockRecord, BroadcastMode, BroadcastOutcome, CheckOutcome, Engine, EngineError, FoundTxs, IncludedTx,
    MAX_PER_PAGE, NodeInfo, Reader, SearchOrder, Status, ValidatorAt, ValidatorKey, ValidatorsAt,
};
use plume_events::Query;
use plume_mempool::{Mempool, Origin};
use plume_p2p::Peers;
use plume_primitives::{Height, Timestamp};
use plume_rpc::{MAX_QUERY, NodeView, PeerInfo, RoundView, Step, Traffic};
use plume_store::{BlockStore, Order, StoreError};
use sha2::{Digest, Sha256};

use crate::view::View;

/// Version of CometBFT whose RPC and formats the node speaks; clients choose their decoder by it.
pub const COMETBFT_VERSION: &str = plume_home::config::COMETBFT_VERSION;

/// Version of CometBFT's peer protocol, as it stands in `node_info`. This engine has another protocol between its nodes.
const P2P_PROTOCOL: u64 = 8;

/// [`Engine`] over a running node.
pub struct RaftEngine<R: Reader> {
    pub(crate) chain_id: String,
    pub(crate) store: BlockStore,
    pub(crate) mempool: Mempool<R>,
    pub(crate) view: Arc<View>,
    pub(crate) node: Arc<dyn NodeView>,
}

fn unavailable(error: impl core::fmt::Display) -> EngineError {
    EngineError::Unavailable(error.to_string())
}

impl<R: Reader> Engine for RaftEngine<R> {
    fn name(&self) -> &'static str {
        "raft"
    }

    fn status(&self) -> Result<Status, EngineError> {
        let seen = self.view.seen();
        let app_hash = self.store.header(seen.height).map_or_else(|_| Bytes::new(), |header| header.app_hash.into());
        Ok(Status {
            chain_id: self.chain_id.clone(),
            height: seen.height,
            time: seen.block_time,
            app_hash,
            catching_up: self.view.catching_up(),
        })
    }

    fn broadcast(&self, tx: Bytes, mode: BroadcastMode) -> Result<BroadcastOutcome, EngineError> {
        let hash = Sha256::digest(&tx).into();
        let refused = |error: plume_mempool::MempoolError| EngineError::Refused(error.to_string());
        let arrival = self.mempool.arrive(tx, Origin::Local).map_err(refused)?;
        let check = match mode {
            BroadcastMode::Sync => arrival.check().map_err(refused)?,
            BroadcastMode::Async => {
                std::thread::spawn(move || drop(arrival.check()));
                CheckOutcome::default()
            }
        };
        Ok(BroadcastOutcome { hash, check })
    }

    fn tx(&self, hash: [u8; 32]) -> Result<Option<IncludedTx>, EngineError> {
        self.store.tx(&hash).map_err(unavailable)
    }

    fn block(&self, height: Option<Height>) -> Result<Option<BlockRecord>, EngineError> {
        let height = height.unwrap_or_else(|| self.store.height());
        if height < self.store.base() || height > self.store.height() {
            return Ok(None);
        }
        let block = self.store.block(height).map_err(unavailable)?;
        Ok(Some(BlockRecord {
            height,
            time: block.time(),
            hash: Bytes::copy_from_slice(&block.hash()),
            parts_total: block.id().parts.total,
            parts_hash: Bytes::copy_from_slice(&block.id().parts.hash),
            block: block.bytes().clone(),
        }))
    }

    fn node_info(&self) -> Result<NodeInfo, EngineError> {
        Ok(self.node.node_info())
    }

    fn search_txs(&self, query: &str, order: SearchOrder, page: u64, per_page: u64) -> Result<FoundTxs, EngineError> {
        if query.len() > MAX_QUERY {
            return Err(EngineError::Refused("maximum query length exceeded".to_owned()));
        }
        let query: Query = query.parse().map_err(|error| EngineError::Refused(format!("{error}")))?;
        let order = match order {
            SearchOrder::Ascending => Order::Ascending,
            SearchOrder::Descending => Order::Descending,
        };
        // Machines with pointers of less than 64 bits cannot run a node.
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let found = self.store.search_txs(&query, order, size(page), size(per_page.clamp(1, u64::from(MAX_PER_PAGE))));
        let found = found.map_err(|error| match error {
            StoreError::Damaged { .. } | StoreError::Database(_) => unavailable(error),
            refused => EngineError::Refused(refused.to_string()),
        })?;
        Ok(FoundTxs { txs: found.items, total: u64::try_from(found.total).unwrap_or(u64::MAX) })
    }

    fn validators(&self, height: Option<Height>) -> Result<Option<ValidatorsAt>, EngineError> {
        let next = Height(self.store.height().get().saturating_add(1));
        let height = height.unwrap_or(next);
        let set = match self.store.validators(height) {
            Ok(set) => set,
            Err(StoreError::ZeroHeight | StoreError::TooHigh { .. } | StoreError::Unavailable { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(unavailable(error)),
        };
        let validators = set.validators().iter().map(|validator| ValidatorAt {
            address: Bytes::copy_from_slice(validator.address()),
            key: validator.key.clone(),
            power: validator.power,
            priority: validator.priority,
        });
        Ok(Some(ValidatorsAt { height, validators: validators.collect() }))
    }
}

/// [`NodeView`] over a running node.
pub struct RpcView {
    pub(crate) chain_id: String,
    pub(crate) moniker: String,
    pub(crate) app_version: u64,
    pub(crate) listen_addr: String,
    pub(crate) rpc_laddr: String,
    pub(crate) index: bool,
    pub(crate) key: ValidatorKey,
    pub(crate) view: Arc<View>,
    pub(crate) peers: Peers,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl RpcView {
    fn info(&self, id: String, listen_addr: &str, moniker: String) -> NodeInfo {
        NodeInfo {
            p2p_version: P2P_PROTOCOL,
            block_version: plume_block::BLOCK_PROTOCOL,
            app_version: self.app_version,
            id,
            // CometBFT shows it with the scheme of its setting `p2p.laddr`.
            listen_addr: match listen_addr.is_empty() || listen_addr.contains("://") {
                true => listen_addr.to_owned(),
                false => format!("tcp://{listen_addr}"),
            },
            network: self.chain_id.clone(),
            version: COMETBFT_VERSION.to_owned(),
            channels: Bytes::from_static(&[1, 2, 3, 4]),
            moniker,
            tx_index: self.index,
            rpc_address: self.rpc_laddr.clone(),
        }
    }
}

impl NodeView for RpcView {
    fn node_info(&self) -> NodeInfo {
        self.info(self.peers.id().to_string(), &self.listen_addr, self.moniker.clone())
    }

    fn validator_key(&self) -> ValidatorKey {
        self.key.clone()
    }

    fn catching_up(&self) -> bool {
        self.view.catching_up()
    }

    fn listeners(&self) -> Vec<String> {
        self.peers.local_addr().map(|address| format!("Listener(@{address})")).into_iter().collect()
    }

    fn peers(&self) -> Vec<PeerInfo> {
        let heights = self.view.read(|seen| seen.peers.clone());
        let now = (self.clock)();
        let connected = self.peers.info().into_iter().map(|peer| {
            let ip = peer.addr.rsplit_once(':').map_or(peer.addr.as_str(), |(ip, _)| ip).trim_matches(['[', ']']);
            PeerInfo {
                info: self.info(peer.id.to_string(), &peer.hello.listen_addr, peer.hello.moniker.clone()),
                outbound: peer.outbound,
                remote_ip: ip.to_owned(),
                address: format!("{}@{}", peer.id, peer.addr),
                connected: peer.age,
                since: now.checked_sub(peer.age).unwrap_or(now),
                sent: Traffic { bytes: peer.sent, messages: 0, rate: peer.send_rate },
                received: Traffic { bytes: peer.received, messages: 0, rate: peer.recv_rate },
                height: heights.get(&peer.id).copied().unwrap_or(0),
            }
        });
        connected.collect()
    }

    fn round(&self) -> RoundView {
        let seen = self.view.seen();
        let next = seen.height.get().saturating_add(1);
        let step = if seen.candidate.is_some() { Step::Precommit } else { Step::NewHeight };
        RoundView {
            height: Height(next),
            round: seen.round,
            step,
            start_time: seen.decided_at.unwrap_or(seen.block_time),
            commit_time: seen.decided_at.unwrap_or(Timestamp::GO_ZERO),
            proposal: seen.candidate,
            precommits: seen.votes.into_values().collect(),
        }
    }

    fn add_evidence(&self, _evidence: raw::Evidence) -> Result<(), String> {
        Err("the Raft engine collects no evidence: its nodes trust each other not to sign twice".to_owned())
    }
}
