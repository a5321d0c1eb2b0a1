//! What the node answers for the state machine: transactions, blocks and validators, settings, descriptions of the chain.
//!
//! One table of methods ([`METHODS`]). The state machine passes these paths on (`plume_engine::NodeService`), so that ABCI
//! Query, gRPC and REST answer them alike.

mod blocks;
mod commands;
mod descriptions;
mod node;
mod txs;

use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{Engine, GrpcCode, NodeService, QueryError, Reader};
use plume_kit::{QueryFailure, sdk};
use plume_primitives::{Bech32Prefix, Height};
use plume_proto::Message;
use plume_proto::cosmos::auth::v1beta1::{Bech32PrefixRequest, Bech32PrefixResponse};

pub use node::{COMETBFT_VERSION, COSMOS_SDK_VERSION, IBC_GO_VERSION};

use crate::Descriptors;
use crate::settings::NodeSettings;

/// The node's own methods over a reader and a consensus engine.
pub struct Services<R: Reader> {
    reader: R,
    engine: Arc<dyn Engine>,
    descriptors: Arc<Descriptors>,
    settings: NodeSettings,
}

/// Hands a transaction to the mempool. Not over ABCI: consensus asks the state machine there, and would wait for itself.
pub(crate) const BROADCAST_TX: &str = "/cosmos.tx.v1beta1.Service/BroadcastTx";

type Handler<R> = fn(&Services<R>, &[u8], Height) -> Result<Bytes, QueryFailure>;

/// A row of the table: the method's path and what answers it.
type Method<R> = (&'static str, Handler<R>);

/// Decodes the request, calls the method, encodes the response.
macro_rules! method {
    ($name:ident) => {
        |services, request, height| {
            let request = Message::decode(request).map_err(|e| QueryFailure::plain(e.to_string()))?;
            let response = services.$name(request, height)?;
            Ok(Bytes::from(response.encode_to_vec()))
        }
    };
}

impl<R: Reader> Services<R> {
    /// All methods, sorted by path.
    const METHODS: &'static [Method<R>] = &[
        ("/cosmos.autocli.v1.Query/AppOptions", method!(app_options)),
        ("/cosmos.base.node.v1beta1.Service/Config", method!(config)),
        ("/cosmos.base.node.v1beta1.Service/Status", method!(node_status)),
        ("/cosmos.base.reflection.v1beta1.ReflectionService/ListAllInterfaces", method!(interfaces)),
        ("/cosmos.base.reflection.v1beta1.ReflectionService/ListImplementations", method!(implementations)),
        ("/cosmos.base.reflection.v2alpha1.ReflectionService/GetAuthnDescriptor", method!(authn)),
        ("/cosmos.base.reflection.v2alpha1.ReflectionService/GetChainDescriptor", method!(chain)),
        ("/cosmos.base.reflection.v2alpha1.ReflectionService/GetCodecDescriptor", method!(codec)),
        ("/cosmos.base.reflection.v2alpha1.ReflectionService/GetConfigurationDescriptor", method!(configuration)),
        ("/cosmos.base.reflection.v2alpha1.ReflectionService/GetQueryServicesDescriptor", method!(query_services)),
        ("/cosmos.base.reflection.v2alpha1.ReflectionService/GetTxDescriptor", method!(transactions)),
        ("/cosmos.base.tendermint.v1beta1.Service/ABCIQuery", method!(abci_query)),
        ("/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight", method!(block_by_height)),
        ("/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock", method!(latest_block)),
        ("/cosmos.base.tendermint.v1beta1.Service/GetLatestValidatorSet", method!(latest_validators)),
        ("/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo", method!(node_info)),
        ("/cosmos.base.tendermint.v1beta1.Service/GetSyncing", method!(syncing)),
        ("/cosmos.base.tendermint.v1beta1.Service/GetValidatorSetByHeight", method!(validators_by_height)),
        // The encoded set of files is the encoded response, options included.
        ("/cosmos.reflection.v1.ReflectionService/FileDescriptors", |services, _, _| {
            Ok(services.descriptors.encoded().clone())
        }),
        (BROADCAST_TX, method!(broadcast_tx)),
        ("/cosmos.tx.v1beta1.Service/GetBlockWithTxs", method!(block_with_txs)),
        ("/cosmos.tx.v1beta1.Service/GetTx", method!(tx)),
        ("/cosmos.tx.v1beta1.Service/GetTxsEvent", method!(txs_by_events)),
        ("/cosmos.tx.v1beta1.Service/TxDecode", method!(decode_tx)),
        ("/cosmos.tx.v1beta1.Service/TxDecodeAmino", method!(decode_amino_tx)),
        ("/cosmos.tx.v1beta1.Service/TxEncode", method!(encode_tx)),
        ("/cosmos.tx.v1beta1.Service/TxEncodeAmino", method!(encode_amino_tx)),
    ];

    /// The services of a node.
    pub fn new(reader: R, engine: Arc<dyn Engine>, descriptors: Arc<Descriptors>, settings: NodeSettings) -> Self {
        Self { reader, engine, descriptors, settings }
    }

    /// Answers a method of the table, also those that ABCI refuses.
    pub(crate) fn call(&self, path: &str, request: &[u8], height: Height) -> Option<Result<Bytes, QueryFailure>> {
        let row = Self::METHODS.binary_search_by(|(known, _)| (*known).cmp(path)).ok()?;
        let (_, handler) = Self::METHODS.get(row)?;
        Some(handler(self, request, height))
    }

    /// The prefix of addresses, which genesis decides.
    fn prefix(&self) -> Result<Bech32Prefix, QueryFailure> {
        let request = Bech32PrefixRequest {}.encode_to_vec();
        let answer = self.reader.query("/cosmos.auth.v1beta1.Query/Bech32Prefix", &request, None, false);
        let answer = answer.map_err(|e| QueryFailure::status(GrpcCode::from_number(e.grpc_code), e.message))?;
        let answer = Bech32PrefixResponse::decode(answer.value).map_err(|e| internal(&e))?;
        Bech32Prefix::new(&answer.bech32_prefix).map_err(|e| internal(&e))
    }
}

impl<R: Reader> NodeService for Services<R> {
    fn paths(&self) -> Vec<&'static str> {
        Self::METHODS.iter().map(|(path, _)| *path).collect()
    }

    fn answer(&self, path: &str, request: &[u8], height: Height) -> Option<Result<Bytes, QueryError>> {
        if path == BROADCAST_TX {
            let kind = sdk::INVALID_REQUEST;
            let log = format!("can't route a broadcast tx message: {}", kind.text);
            let codespace = kind.codespace.to_owned();
            let grpc_code = GrpcCode::Unknown.number();
            return Some(Err(QueryError { codespace, code: kind.code, grpc_code, message: log.clone(), log }));
        }
        Some(self.call(path, request, height)?.map_err(QueryFailure::into_error))
    }
}

/// The engine's failure as a query's.
fn engine_failure(e: plume_engine::EngineError) -> QueryFailure {
    match e {
        plume_engine::EngineError::Unavailable(_) => QueryFailure::status(GrpcCode::Unavailable, e.to_string()),
        plume_engine::EngineError::Refused(text) => QueryFailure::plain(text),
    }
}

fn internal(e: &dyn core::fmt::Display) -> QueryFailure {
    QueryFailure::status(GrpcCode::Internal, e.to_string())
}

/// Entries of a page if the client does not say.
const DEFAULT_LIMIT: u64 = 100;

/// Offset and limit of a request for a page, where pages are counted instead of keys followed: the number of the page from
/// 1, and its size (`query.ParsePagination` of the SDK).
fn numbered_page(
    request: Option<&plume_proto::cosmos::base::query::v1beta1::PageRequest>,
) -> Result<(u64, u64), QueryFailure> {
    let (offset, limit) = request.map_or((0, 0), |page| (page.offset, page.limit));
    // Go's `int` is signed.
    if i64::try_from(offset).is_err() {
        return Err(QueryFailure::invalid("offset must greater than 0"));
    }
    if i64::try_from(limit).is_err() {
        return Err(QueryFailure::invalid("limit must greater than 0"));
    }
    let limit = if limit == 0 { DEFAULT_LIMIT } else { limit };
    Ok((offset / limit + 1, limit))
}

#[cfg(test)]
mod answers;

#[cfg(test)]
mod tests {
    use plume_proto::cosmos::base::query::v1beta1::PageRequest;

    use super::*;
    use crate::fake::FakeReader;

    #[test]
    fn table_is_sorted_and_holds_only_methods_that_are_described() {
        let paths: Vec<&str> = Services::<FakeReader>::METHODS.iter().map(|(path, _)| *path).collect();
        assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
        let pool = plume_codec::pool();
        for path in paths {
            let (service, method) = path[1..].split_once('/').unwrap();
            let service = pool.get_service_by_name(service).unwrap_or_else(|| panic!("{service}"));
            assert!(service.methods().any(|known| known.name() == method), "{path}");
        }
    }

    #[test]
    fn pages_are_counted_as_in_the_sdk() {
        let page = |offset, limit| numbered_page(Some(&PageRequest { offset, limit, ..PageRequest::default() }));
        assert_eq!(numbered_page(None), Ok((1, 100)));
        assert_eq!(page(0, 0), Ok((1, 100)));
        assert_eq!(page(10, 5), Ok((3, 5)));
        assert_eq!(page(9, 5), Ok((2, 5)));
        assert_eq!(page(u64::MAX, 5).unwrap_err().message, "offset must greater than 0");
        assert_eq!(page(0, u64::MAX).unwrap_err().message, "limit must greater than 0");
    }
}
