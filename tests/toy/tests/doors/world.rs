//! A chain with the toy module, and the doors to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use plume_chain::{Chain, ChainConfig, ChainReader, plume_modules};
use plume_engine::{
    BlockRecord, BroadcastMode, BroadcastOutcome, ConsensusParams, Engine, EngineError, Executor, FoundTxs, Genesis,
    IncludedTx, NodeInfo, Reader, SearchOrder, Status, TxResult, ValidatorKey, ValidatorUpdate, ValidatorsAt,
};
use plume_gateway::grpc::Grpc;
use plume_gateway::observe::{Metrics, Telemetry};
use plume_gateway::rest::{Rest, RestSettings};
use plume_gateway::{Backend, Descriptors, GrpcSettings, Methods, NodeSettings, Services};
use plume_primitives::{Bech32Prefix, Height, Timestamp};
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, ModeInfo, SignerInfo, TxBody, TxRaw, mode_info};
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams, VersionParams};
use plume_proto::{Any, Message};
use plume_state::MemoryBackend;
use plume_testkit::{Blocks, Signer};
use serde_json::{Value as Json, json};

use crate::module::Toy;

pub const DIRECT: i32 = 1;
pub const AMINO: i32 = 127;
const CHAIN_ID: &str = "toy-1";
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

pub struct World {
    chain: Chain,
    reader: ChainReader,
    blocks: Blocks,
    rest: Rest,
    grpc: Arc<Grpc>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub fn new() -> Self {
        plume_tests_toy::register();
        let modules = plume_modules().with(Toy);
        let mut chain =
            Chain::open_with(ChainConfig::default(), Arc::new(MemoryBackend::new()), modules).expect("modules agree");
        let genesis = genesis();
        chain.init_chain(genesis.clone()).expect("a good genesis");
        let reader = chain.reader();
        let mut blocks = Blocks::from(genesis.initial_height, genesis.time);
        chain.finalize(&blocks.next(Vec::new())).expect("an empty block");
        chain.commit().expect("in memory");

        // A set is a list of files, so one behind the other is both.
        let files = [plume_proto::DESCRIPTOR_SET, &plume_tests_toy::descriptor_set()].concat();
        let descriptors = Arc::new(Descriptors::decode(files).expect("imports are in the first"));
        let node = NodeSettings::default();
        let services = Services::new(reader.clone(), Arc::new(NoEngine), descriptors.clone(), node);
        let backend: Arc<dyn Backend> = Arc::new(Methods::new(reader.clone(), services, 2));
        let metrics = Metrics::new(Telemetry::default());
        let settings = RestSettings { swagger: true, ..RestSettings::default() };
        let rest = Rest::new(backend.clone(), descriptors.pool(), settings, metrics.clone()).expect("good rules");
        let grpc = Arc::new(Grpc::new(backend, descriptors, GrpcSettings::default(), metrics, || true));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { chain, reader, blocks, rest, grpc, runtime }
    }

    pub fn painter(&self) -> String {
        painter().bech32(&prefix())
    }

    pub fn abci(&self, method: &str, request: &[u8]) -> Bytes {
        self.reader.query(method, request, None, false).unwrap_or_else(|error| panic!("{error}")).value
    }

    /// The one message that gRPC answers.
    pub fn grpc(&self, method: &str, message: &[u8]) -> Bytes {
        let request = framed(method, "application/grpc", message);
        self.runtime.block_on(async {
            let body = self.grpc.handle(request, CLIENT).await.into_body().collect().await.expect("in memory");
            let status = body.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
            assert_eq!(status.expect("a status"), "0");
            body.to_bytes().slice(5..)
        })
    }

    /// The one message that gRPC-web answers.
    pub fn grpc_web(&self, method: &str, message: &[u8]) -> Bytes {
        let request = framed(method, "application/grpc-web+proto", message);
        self.runtime.block_on(async {
            let response = self.grpc.handle_web(request, CLIENT).await;
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("in memory");
            let length = body.get(1..5).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
            let end = 5 + usize::try_from(length.expect("a frame")).expect("small");
            assert_eq!((body[0], body[end]), (0, 0x80), "a message, then trailers");
            assert!(String::from_utf8_lossy(&body[end..]).contains("grpc-status:0"));
            body.slice(5..end)
        })
    }

    pub fn rest(&self, verb: &str, target: &str, body: &Json) -> Json {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(verb).uri(target).body(body).expect("a request");
        self.runtime.block_on(async {
            let response = self.rest.handle(request, CLIENT).await;
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("in memory");
            assert_eq!(status, 200, "{target}: {body:?}");
            serde_json::from_slice(&body).expect("JSON")
        })
    }

    /// A transaction of one encoded `toy.v1.MsgPaint`.
    pub fn sign(&self, message: &[u8], mode: i32, sequence: u64) -> Bytes {
        let messages = vec![Any { type_url: "/toy.v1.MsgPaint".to_owned(), value: message.to_vec() }];
        let body = TxBody { messages, ..TxBody::default() };
        let fee = Fee { gas_limit: 300_000, ..Fee::default() };
        let signer_info = SignerInfo {
            public_key: Some(painter().public_key().to_any()),
            mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode })) }),
            sequence,
        };
        let auth = AuthInfo { signer_infos: vec![signer_info], fee: Some(fee.clone()), ..AuthInfo::default() };
        let (body_bytes, auth_info_bytes) = (body.encode_to_vec(), auth.encode_to_vec());
        let signed = match mode {
            AMINO => {
                let signer = plume_codec::SignerData { chain_id: CHAIN_ID, account_number: 0, sequence };
                plume_codec::sign_doc_amino(&body_bytes, &body, &fee, &signer).expect("has amino JSON")
            }
            _ => plume_codec::sign_doc_direct(&body_bytes, &auth_info_bytes, CHAIN_ID, 0),
        };
        let signatures = vec![painter().sign(&signed)];
        TxRaw { body_bytes, auth_info_bytes, signatures }.encode_to_vec().into()
    }

    /// Executes a transaction in a block of its own.
    pub fn run(&mut self, tx: Bytes) -> TxResult {
        let block = self.blocks.next(vec![tx]);
        let outcome = self.chain.finalize(&block).expect("the node lives");
        self.chain.commit().expect("in memory");
        outcome.tx_results.into_iter().next().expect("one transaction")
    }
}

fn framed(method: &str, kind: &str, message: &[u8]) -> Request<Body> {
    let length = u32::try_from(message.len()).expect("small").to_be_bytes();
    let body = Body::from([&[0][..], &length, message].concat());
    Request::post(method).header("content-type", kind).body(body).expect("a request")
}

fn painter() -> Signer {
    Signer::named("painter")
}

fn prefix() -> Bech32Prefix {
    Bech32Prefix::new("plume").expect("valid")
}

fn genesis() -> Genesis {
    let address = painter().bech32(&prefix());
    let app_state = json!({
        "auth": {
            "params": {
                "max_memo_characters": "256", "tx_sig_limit": "7", "tx_size_cost_per_byte": "10",
                "sig_verify_cost_ed25519": "590", "sig_verify_cost_secp256k1": "1000",
            },
            "accounts": [{
                "@type": "/cosmos.auth.v1beta1.BaseAccount",
                "address": address, "pub_key": null, "account_number": "0", "sequence": "0",
            }],
        },
        "bank": {
            "params": { "send_enabled": [], "default_send_enabled": true },
            "balances": [], "supply": [], "denom_metadata": [], "send_enabled": [],
        },
        "plume": { "params": { "bech32_prefix": "plume", "base_denom": "uplume", "fee_denoms": [], "policies": {} } },
    });
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        time: Timestamp::new(1_700_000_000, 0).expect("in range"),
        initial_height: Height(1),
        consensus_params: ConsensusParams {
            block: Some(BlockParams { max_bytes: 4 << 20, max_gas: -1 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 100_000,
                max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 172_800, nanos: 0 }),
                max_bytes: 1 << 20,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
            version: Some(VersionParams { app: 0 }),
            abci: None,
        },
        validators: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([7; 32]), power: 10 }],
        app_state: Bytes::from(app_state.to_string()),
    }
}

/// No engine: nothing here asks for blocks.
struct NoEngine;

fn nothing<T>() -> Result<T, EngineError> {
    Err(EngineError::Unavailable("there is none".to_owned()))
}

impl Engine for NoEngine {
    fn name(&self) -> &'static str {
        "none"
    }

    fn status(&self) -> Result<Status, EngineError> {
        nothing()
    }

    fn broadcast(&self, _: Bytes, _: BroadcastMode) -> Result<BroadcastOutcome, EngineError> {
        nothing()
    }

    fn tx(&self, _: [u8; 32]) -> Result<Option<IncludedTx>, EngineError> {
        nothing()
    }

    fn block(&self, _: Option<Height>) -> Result<Option<BlockRecord>, EngineError> {
        nothing()
    }

    fn node_info(&self) -> Result<NodeInfo, EngineError> {
        nothing()
    }

    fn search_txs(&self, _: &str, _: SearchOrder, _: u64, _: u64) -> Result<FoundTxs, EngineError> {
        nothing()
    }

    fn validators(&self, _: Option<Height>) -> Result<Option<ValidatorsAt>, EngineError> {
        nothing()
    }
}
