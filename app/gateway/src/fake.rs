//! A state machine and an engine for tests, which know a few things by heart.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use plume_engine::{
    BlockRecord, BroadcastMode, BroadcastOutcome, CheckKind, CheckOutcome, Engine, EngineError, FoundTxs, GrpcCode,
    IncludedTx, Info, NodeInfo, NodeService, QueryAnswer, QueryError, Reader, SearchOrder, SimulationOutcome, Status,
    TxResult, ValidatorAt, ValidatorKey, ValidatorsAt,
};
use plume_primitives::{Gas, Height, Timestamp};
use plume_proto::Message;
use plume_proto::cosmos::auth::v1beta1::Bech32PrefixResponse;
use plume_proto::tendermint::types::{Block, Data, Header};
use sha2::{Digest, Sha256};

/// The last committed height.
pub(crate) const TIP: Height = Height(7);

/// Answers `Bech32Prefix` with `plume`, `Balance` with its request, `Params` never, and `DenomOwners` with a refusal.
#[derive(Clone, Default)]
pub(crate) struct FakeReader {
    service: Arc<OnceLock<Arc<dyn NodeService>>>,
}

/// Answers with what it was asked.
pub(crate) const ECHO: &str = "/cosmos.bank.v1beta1.Query/Balance";
/// Refuses.
pub(crate) const REFUSES: &str = "/cosmos.bank.v1beta1.Query/DenomOwners";
/// Takes a long time.
pub(crate) const SLOW: &str = "/cosmos.bank.v1beta1.Query/Params";
const PREFIX: &str = "/cosmos.auth.v1beta1.Query/Bech32Prefix";

impl Reader for FakeReader {
    fn info(&self) -> Info {
        Info { height: TIP, ..Info::default() }
    }

    fn check_tx(&self, _: &Bytes, _: CheckKind) -> CheckOutcome {
        CheckOutcome::default()
    }

    fn query(&self, path: &str, data: &[u8], height: Option<Height>, _: bool) -> Result<QueryAnswer, QueryError> {
        let height = height.unwrap_or(TIP);
        let value = match path {
            ECHO => Bytes::copy_from_slice(data),
            PREFIX => Bytes::from(Bech32PrefixResponse { bech32_prefix: "plume".to_owned() }.encode_to_vec()),
            SLOW => {
                // Ends by itself if nobody gives up.
                std::thread::park_timeout(std::time::Duration::from_millis(300));
                Bytes::new()
            }
            REFUSES => {
                let message = "no such denom: 100 % sure".to_owned();
                let grpc_code = GrpcCode::NotFound.number();
                return Err(QueryError {
                    codespace: "sdk".to_owned(),
                    code: 22,
                    grpc_code,
                    log: message.clone(),
                    message,
                });
            }
            "/app/version" => Bytes::from_static(b"1.2.3"),
            _ => {
                let answer = self.service.get().and_then(|service| service.answer(path, data, height));
                answer.ok_or_else(|| QueryError {
                    codespace: "sdk".to_owned(),
                    code: 6,
                    grpc_code: GrpcCode::Unimplemented.number(),
                    message: "unknown query path".to_owned(),
                    log: "unknown query path: unknown request".to_owned(),
                })??
            }
        };
        Ok(QueryAnswer { height, value, ..QueryAnswer::default() })
    }

    fn query_paths(&self) -> Vec<&'static str> {
        let mut paths = vec![PREFIX, ECHO, REFUSES, SLOW];
        paths.extend(self.service.get().map(|service| service.paths()).unwrap_or_default());
        paths.sort_unstable();
        paths
    }

    fn serve(&self, service: Arc<dyn NodeService>) -> bool {
        self.service.set(service).is_ok()
    }

    fn simulate(&self, _: &Bytes) -> Result<SimulationOutcome, QueryError> {
        Ok(SimulationOutcome { gas_wanted: Gas::ZERO, gas_used: Gas::ZERO, data: Bytes::new(), events: Vec::new() })
    }
}

/// An engine with seven blocks; block 7 holds `tx`, and three validators sign.
pub(crate) struct FakeEngine {
    pub(crate) tx: Bytes,
}

impl FakeEngine {
    /// The time of every block.
    pub(crate) fn time() -> Timestamp {
        Timestamp::new(1_700_000_001, 5).expect("a valid time")
    }

    fn included(&self) -> IncludedTx {
        let result = TxResult {
            code: 5,
            log: "no funds".to_owned(),
            gas_wanted: Gas(9),
            gas_used: Gas(8),
            ..TxResult::default()
        };
        IncludedTx { height: TIP, index: 0, tx: self.tx.clone(), result }
    }
}

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn status(&self) -> Result<Status, EngineError> {
        Ok(Status {
            chain_id: "fake-1".to_owned(),
            height: TIP,
            time: Self::time(),
            app_hash: Bytes::from_static(&[1; 32]),
            catching_up: false,
        })
    }

    fn broadcast(&self, tx: Bytes, mode: BroadcastMode) -> Result<BroadcastOutcome, EngineError> {
        match (tx.as_ref(), mode) {
            (b"known", _) => Err(EngineError::Refused("tx already exists in cache".to_owned())),
            (b"bad", BroadcastMode::Sync) => {
                let check = CheckOutcome {
                    code: 13,
                    codespace: "sdk".to_owned(),
                    log: "poor".to_owned(),
                    ..CheckOutcome::default()
                };
                Ok(BroadcastOutcome { hash: Sha256::digest(&tx).into(), check })
            }
            _ => Ok(BroadcastOutcome { hash: Sha256::digest(&tx).into(), check: CheckOutcome::default() }),
        }
    }

    fn tx(&self, hash: [u8; 32]) -> Result<Option<IncludedTx>, EngineError> {
        Ok((Sha256::digest(&self.tx).as_slice() == hash).then(|| self.included()))
    }

    fn block(&self, height: Option<Height>) -> Result<Option<BlockRecord>, EngineError> {
        let height = height.unwrap_or(TIP);
        // Blocks below 3 are pruned.
        if height > TIP || height < Height(3) {
            return Ok(None);
        }
        let txs = if height == TIP { vec![self.tx.to_vec(), b"no transaction".to_vec()] } else { Vec::new() };
        let header = Header {
            chain_id: "fake-1".to_owned(),
            height: height.to_i64(),
            app_hash: vec![1; 32],
            next_validators_hash: vec![2; 32],
            proposer_address: vec![3; 20],
            ..Header::default()
        };
        let block = Block { header: Some(header), data: Some(Data { txs }), evidence: None, last_commit: None };
        Ok(Some(BlockRecord {
            height,
            time: Self::time(),
            hash: Bytes::from_static(&[4; 32]),
            parts_total: 1,
            parts_hash: Bytes::from_static(&[5; 32]),
            block: Bytes::from(block.encode_to_vec()),
        }))
    }

    fn node_info(&self) -> Result<NodeInfo, EngineError> {
        Ok(NodeInfo {
            id: "ab".repeat(20),
            network: "fake-1".to_owned(),
            version: "0.38.25".to_owned(),
            moniker: "fake".to_owned(),
            tx_index: true,
            channels: Bytes::from_static(&[1, 2]),
            block_version: 11,
            ..NodeInfo::default()
        })
    }

    fn search_txs(&self, query: &str, order: SearchOrder, page: u64, per_page: u64) -> Result<FoundTxs, EngineError> {
        match query {
            "a.b='c' AND d.e='f'" if (order, page, per_page) == (SearchOrder::Descending, 2, 5) => {
                Ok(FoundTxs { txs: vec![self.included()], total: 6 })
            }
            "tx.height=7" if (order, page, per_page) == (SearchOrder::Ascending, 1, 100) => {
                Ok(FoundTxs { txs: vec![self.included()], total: 1 })
            }
            _ => Err(EngineError::Refused("got something else".to_owned())),
        }
    }

    fn validators(&self, height: Option<Height>) -> Result<Option<ValidatorsAt>, EngineError> {
        let height = height.unwrap_or(Height(TIP.get() + 1));
        let validator = |n: u8| ValidatorAt {
            address: Bytes::copy_from_slice(&[n; 20]),
            key: ValidatorKey::Ed25519([n; 32]),
            power: i64::from(10 - n),
            priority: -i64::from(n),
        };
        Ok(Some(ValidatorsAt { height, validators: (1..=3).map(validator).collect() }))
    }
}
