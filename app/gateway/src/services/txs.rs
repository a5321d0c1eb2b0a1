//! `cosmos.tx.v1beta1.Service`: sending, finding and reading transactions. (`Simulate` is the state machine's.)

use std::collections::BTreeMap;

use bytes::Bytes;
use plume_codec::{NonCritical, legacy_tx_from_json, legacy_tx_to_json, reject_unknown, require_deterministic_tx_raw};
use plume_engine::{BroadcastMode, EngineError, GrpcCode, IncludedTx, Reader, SearchOrder};
use plume_kit::{QueryFailure, sdk};
use plume_primitives::{Height, Timestamp};
use plume_proto::cosmos::base::abci::v1beta1::TxResponse;
use plume_proto::cosmos::base::query::v1beta1::PageResponse;
use plume_proto::cosmos::tx::v1beta1::{
    self as pb, BroadcastTxRequest, BroadcastTxResponse, GetBlockWithTxsRequest, GetBlockWithTxsResponse, GetTxRequest,
    GetTxResponse, GetTxsEventRequest, GetTxsEventResponse, OrderBy, Tx, TxDecodeAminoRequest, TxDecodeAminoResponse,
    TxDecodeRequest, TxDecodeResponse, TxEncodeAminoRequest, TxEncodeAminoResponse, TxEncodeRequest, TxEncodeResponse,
    TxRaw,
};
use plume_proto::tendermint::abci;
use plume_proto::{Any, Message, Name};
use sha2::{Digest, Sha256};

use super::blocks::{parts_of, txs_of};
use super::{DEFAULT_LIMIT, Services, engine_failure, internal, numbered_page};

impl<R: Reader> Services<R> {
    /// Hands a transaction to the mempool. What the mempool refuses for reasons of its own is an answer with a code, as the
    /// SDK gives it.
    pub(super) fn broadcast_tx(
        &self,
        request: BroadcastTxRequest,
        _: Height,
    ) -> Result<BroadcastTxResponse, QueryFailure> {
        if request.tx_bytes.is_empty() {
            return Err(QueryFailure::invalid("invalid empty tx"));
        }
        let mode = match request.mode() {
            pb::BroadcastMode::Sync => BroadcastMode::Sync,
            pb::BroadcastMode::Async => BroadcastMode::Async,
            _ => {
                let text = "unsupported return type unspecified; supported types: sync, async";
                return Err(QueryFailure::plain(text));
            }
        };
        let tx = Bytes::from(request.tx_bytes);
        let txhash = hex::encode_upper(Sha256::digest(&tx));
        let response = match self.engine.broadcast(tx, mode) {
            Ok(outcome) => TxResponse {
                txhash,
                code: outcome.check.code,
                codespace: outcome.check.codespace,
                raw_log: outcome.check.log,
                ..TxResponse::default()
            },
            Err(EngineError::Refused(text)) => {
                let kind = refusal_of_mempool(&text).ok_or_else(|| QueryFailure::plain(text))?;
                let codespace = kind.codespace.to_owned();
                TxResponse { txhash, code: kind.code, codespace, ..TxResponse::default() }
            }
            Err(e) => return Err(engine_failure(e)),
        };
        Ok(BroadcastTxResponse { tx_response: Some(response) })
    }

    pub(super) fn tx(&self, request: GetTxRequest, _: Height) -> Result<GetTxResponse, QueryFailure> {
        if request.hash.is_empty() {
            return Err(QueryFailure::invalid("tx hash cannot be empty"));
        }
        let not_found = || QueryFailure::not_found(format!("tx not found: {}", request.hash));
        let hash =
            hex::decode(&request.hash).map_err(|e| QueryFailure::invalid(format!("tx hash {}: {e}", request.hash)))?;
        let hash: [u8; 32] = hash.try_into().map_err(|_| not_found())?;
        let included = self.engine.tx(hash).map_err(engine_failure)?.ok_or_else(not_found)?;
        let block = self.engine.block(Some(included.height)).map_err(engine_failure)?.ok_or_else(not_found)?;
        let tx = Tx::decode(included.tx.as_ref()).map_err(|e| internal(&e))?;
        Ok(GetTxResponse { tx: Some(tx), tx_response: Some(tx_response(included, block.time)) })
    }

    /// Transactions by their events. The query may also come in its former form: conditions in `events`, all of which must
    /// hold, and offset and limit in `pagination`.
    #[expect(deprecated, reason = "old clients send the former form")]
    pub(super) fn txs_by_events(
        &self,
        request: GetTxsEventRequest,
        _: Height,
    ) -> Result<GetTxsEventResponse, QueryFailure> {
        let query = match request.query.is_empty() {
            true => request.events.join(" AND "),
            false => request.query.clone(),
        };
        let failed = |text: String| QueryFailure::status(GrpcCode::Internal, text);
        if query.is_empty() {
            return Err(failed("query cannot be empty".to_owned()));
        }
        let order = match request.order_by() {
            OrderBy::Desc => SearchOrder::Descending,
            OrderBy::Unspecified | OrderBy::Asc => SearchOrder::Ascending,
        };
        let (page, limit) = match (request.page, request.limit, &request.pagination) {
            (0, 0, Some(former)) => numbered_page(Some(former))?,
            // Go's `int` is signed, and what is not above 0 stands for the default.
            (page, limit, _) => {
                let positive = |n: u64| i64::try_from(n).is_ok_and(|n| n > 0);
                (if positive(page) { page } else { 1 }, if positive(limit) { limit } else { DEFAULT_LIMIT })
            }
        };
        let found = self.engine.search_txs(&query, order, page, limit).map_err(|e| match e {
            EngineError::Refused(text) => failed(format!("failed to search for txs: {text}")),
            unavailable => engine_failure(unavailable),
        })?;
        let mut times: BTreeMap<Height, Timestamp> = BTreeMap::new();
        let mut response = GetTxsEventResponse { total: found.total, ..GetTxsEventResponse::default() };
        for included in found.txs {
            let time = match times.get(&included.height) {
                Some(time) => *time,
                None => {
                    let block = self.engine.block(Some(included.height)).map_err(engine_failure)?;
                    let time = block.ok_or_else(|| internal(&"the block of a transaction is not there"))?.time;
                    times.insert(included.height, time);
                    time
                }
            };
            response.txs.push(Tx::decode(included.tx.as_ref()).map_err(|e| internal(&e))?);
            response.tx_responses.push(tx_response(included, time));
        }
        Ok(response)
    }

    /// A block with its transactions; those that do not decode are left out, as in the SDK. A page in reverse begins with
    /// the last transaction.
    pub(super) fn block_with_txs(
        &self,
        request: GetBlockWithTxsRequest,
        height: Height,
    ) -> Result<GetBlockWithTxsResponse, QueryFailure> {
        if request.height < 1 || request.height > height.to_i64() {
            return Err(QueryFailure::registered(format!(
                "requested height {} but height must not be less than 1 or greater than the current height {height}: {}",
                request.height,
                sdk::INVALID_HEIGHT.text
            )));
        }
        let (block_id, block) = parts_of(&self.stored_block(request.height)?)?;
        let page = request.pagination.unwrap_or_default();
        let limit = if page.limit == 0 { DEFAULT_LIMIT } else { page.limit };
        let mut txs: Vec<Bytes> = txs_of(&block).collect();
        let total = u64::try_from(txs.len()).unwrap_or(u64::MAX);
        if page.offset >= total && total != 0 {
            return Err(QueryFailure::registered(format!(
                "out of range: cannot paginate {total} txs with offset {} and limit {limit}: {}",
                page.offset,
                sdk::INVALID_REQUEST.text
            )));
        }
        if page.reverse {
            txs.reverse();
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let shown = txs.iter().skip(size(page.offset)).take(size(limit));
        let txs = shown.filter_map(|tx| decode(tx).ok()).collect();
        let pagination = Some(PageResponse { next_key: Vec::new(), total });
        Ok(GetBlockWithTxsResponse { txs, block_id: Some(block_id), block: Some(block), pagination })
    }

    /// A transaction from its bytes, read as strictly as the state machine reads them.
    pub(super) fn decode_tx(&self, request: TxDecodeRequest, _: Height) -> Result<TxDecodeResponse, QueryFailure> {
        if request.tx_bytes.is_empty() {
            return Err(QueryFailure::invalid("invalid empty tx bytes"));
        }
        Ok(TxDecodeResponse { tx: Some(decode(&request.tx_bytes)?) })
    }

    /// The bytes of a transaction, as the SDK writes them.
    pub(super) fn encode_tx(&self, request: TxEncodeRequest, _: Height) -> Result<TxEncodeResponse, QueryFailure> {
        let tx = request.tx.ok_or_else(|| QueryFailure::invalid("invalid empty tx"))?;
        let raw = TxRaw {
            body_bytes: tx.body.map(|body| body.encode_to_vec()).unwrap_or_default(),
            auth_info_bytes: tx.auth_info.map(|info| info.encode_to_vec()).unwrap_or_default(),
            signatures: tx.signatures,
        };
        Ok(TxEncodeResponse { tx_bytes: raw.encode_to_vec() })
    }

    /// The bytes of a legacy amino transaction from its JSON.
    pub(super) fn encode_amino_tx(
        &self,
        request: TxEncodeAminoRequest,
        _: Height,
    ) -> Result<TxEncodeAminoResponse, QueryFailure> {
        if request.amino_json.is_empty() {
            return Err(QueryFailure::invalid("invalid empty tx json"));
        }
        let amino_binary = legacy_tx_from_json(&request.amino_json).map_err(|e| QueryFailure::plain(e.to_string()))?;
        Ok(TxEncodeAminoResponse { amino_binary })
    }

    /// The JSON of a legacy amino transaction from its bytes.
    pub(super) fn decode_amino_tx(
        &self,
        request: TxDecodeAminoRequest,
        _: Height,
    ) -> Result<TxDecodeAminoResponse, QueryFailure> {
        if request.amino_binary.is_empty() {
            return Err(QueryFailure::invalid("invalid empty tx bytes"));
        }
        let amino_json = legacy_tx_to_json(&request.amino_binary).map_err(|e| QueryFailure::plain(e.to_string()))?;
        Ok(TxDecodeAminoResponse { amino_json })
    }
}

fn decode(bytes: &[u8]) -> Result<Tx, QueryFailure> {
    let refused = |e: &dyn core::fmt::Display| QueryFailure::registered(format!("{e}: {}", sdk::TX_DECODE.text));
    require_deterministic_tx_raw(bytes).map_err(|e| refused(&e))?;
    reject_unknown("cosmos.tx.v1beta1.TxRaw", bytes, NonCritical::Reject).map_err(|e| refused(&e))?;
    let raw = TxRaw::decode(bytes).map_err(|e| refused(&e))?;
    reject_unknown("cosmos.tx.v1beta1.TxBody", &raw.body_bytes, NonCritical::Allow).map_err(|e| refused(&e))?;
    reject_unknown("cosmos.tx.v1beta1.AuthInfo", &raw.auth_info_bytes, NonCritical::Reject).map_err(|e| refused(&e))?;
    Tx::decode(bytes).map_err(|e| refused(&e))
}

/// The code that the SDK gives to what CometBFT's mempool says (`client.CheckCometError`).
fn refusal_of_mempool(text: &str) -> Option<sdk::Kind> {
    let text = text.to_lowercase();
    let kinds = [
        ("tx already exists in cache", sdk::TX_IN_MEMPOOL_CACHE),
        ("mempool is full", sdk::MEMPOOL_IS_FULL),
        ("tx too large", sdk::TX_TOO_LARGE),
    ];
    kinds.into_iter().find(|(part, _)| text.contains(part)).map(|(_, kind)| kind)
}

fn tx_response(included: IncludedTx, time: Timestamp) -> TxResponse {
    let IncludedTx { height, tx, result, .. } = included;
    TxResponse {
        height: height.to_i64(),
        txhash: hex::encode_upper(Sha256::digest(&tx)),
        codespace: result.codespace,
        code: result.code,
        data: hex::encode_upper(&result.data),
        raw_log: result.log,
        gas_wanted: result.gas_wanted.to_i64(),
        gas_used: result.gas_used.to_i64(),
        // `TxRaw` and `Tx` share their encoding, so the received bytes are the value.
        tx: Some(Any { type_url: Tx::type_url(), value: tx.to_vec() }),
        timestamp: Timestamp::new(time.seconds(), 0).unwrap_or(time).to_string(),
        events: result.events.into_iter().map(abci::Event::from).collect(),
        ..TxResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_mempool_have_the_codes_of_the_sdk() {
        let code = |text| refusal_of_mempool(text).map(|kind| (kind.codespace, kind.code));
        assert_eq!(code("tx already exists in cache"), Some(("sdk", 19)));
        assert_eq!(code("mempool is full: number of txs 5 (max: 5)"), Some(("sdk", 20)));
        assert_eq!(code("Tx too large. Max size is 1, but got 2"), Some(("sdk", 21)));
        assert_eq!(code("something else"), None);
    }
}
