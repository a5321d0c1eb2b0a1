//! [`plume_engine::Engine`] over CometBFT's JSON-RPC.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_engine::{
    Attribute, BlockRecord, BroadcastMode, BroadcastOutcome, CheckOutcome, Engine, EngineError, Event, FoundTxs,
    IncludedTx, MAX_PER_PAGE, NodeInfo, SearchOrder, Status, TxResult, ValidatorAt, ValidatorKey, ValidatorsAt,
};
use plume_primitives::{Gas, Height, Timestamp};
use prost::Message;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tendermint_proto::v0_38::types::Block as RawBlock;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer that is read: a block of 100 MiB in base64, with room.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;

/// CometBFT as the node's consensus engine, asked over its RPC. Calls block.
#[derive(Debug, Clone)]
pub struct CometBft {
    agent: ureq::Agent,
    url: String,
}

impl CometBft {
    /// Asks the RPC at `laddr` (`tcp://host:port` as in `config.toml`, or an `http://` URL).
    /// Nothing is connected yet.
    pub fn new(laddr: &str) -> Self {
        // Errors of the RPC come with a body that says more than the HTTP status.
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build().new_agent();
        Self { agent, url: url_of(laddr) }
    }

    /// Calls any RPC method and returns its `result`.
    ///
    /// # Errors
    /// [`EngineError::Refused`] with the RPC's own error text, else [`EngineError::Unavailable`].
    pub fn call(&self, method: &str, params: Value) -> Result<Value, EngineError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut response =
            self.agent.post(&self.url).header("Content-Type", "application/json").send(body).map_err(unavailable)?;
        let bytes = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unavailable)?;
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|error| EngineError::Unavailable(format!("{method}: {error}")))?;
        match (answer.error, answer.result) {
            (Some(error), _) => {
                Err(EngineError::Refused(if error.data.is_empty() { error.message } else { error.data }))
            }
            (None, Some(result)) => Ok(result),
            (None, None) => Err(EngineError::Unavailable(format!("{method}: neither result nor error"))),
        }
    }

    fn typed<T: serde::de::DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, EngineError> {
        let result = self.call(method, params)?;
        serde_json::from_value(result).map_err(|error| malformed(method, error))
    }
}

impl Engine for CometBft {
    fn name(&self) -> &'static str {
        "cometbft"
    }

    fn status(&self) -> Result<Status, EngineError> {
        let status: RawStatus = self.typed("status", json!({}))?;
        Ok(Status {
            chain_id: status.node_info.network,
            height: parse(&status.sync_info.latest_block_height, "latest_block_height")?,
            time: parse(&status.sync_info.latest_block_time, "latest_block_time")?,
            app_hash: hex_bytes(&status.sync_info.latest_app_hash)?,
            catching_up: status.sync_info.catching_up,
        })
    }

    fn broadcast(&self, tx: Bytes, mode: BroadcastMode) -> Result<BroadcastOutcome, EngineError> {
        let method = match mode {
            BroadcastMode::Sync => "broadcast_tx_sync",
            BroadcastMode::Async => "broadcast_tx_async",
        };
        let check: RawCheck = self.typed(method, json!({ "tx": STANDARD.encode(&tx) }))?;
        let check = CheckOutcome {
            code: check.code,
            codespace: check.codespace,
            log: check.log,
            gas_wanted: Gas::ZERO,
            gas_used: Gas::ZERO,
        };
        Ok(BroadcastOutcome { hash: Sha256::digest(&tx).into(), check })
    }

    fn tx(&self, hash: [u8; 32]) -> Result<Option<IncludedTx>, EngineError> {
        match self.typed::<RawTx>("tx", json!({ "hash": STANDARD.encode(hash), "prove": false })) {
            Ok(tx) => tx.into_engine().map(Some),
            Err(EngineError::Refused(text)) if text.contains("not found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn block(&self, height: Option<Height>) -> Result<Option<BlockRecord>, EngineError> {
        let params = height.map_or_else(|| json!({}), |height| json!({ "height": height.to_string() }));
        let found = match self.typed::<RawFoundBlock>("block", params) {
            Ok(found) => found,
            Err(EngineError::Refused(text)) if is_missing(&text) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(block) = found.block else { return Ok(None) };
        let header = block.header.as_ref().ok_or_else(|| malformed("block", "no header"))?;
        let time = header.time.unwrap_or_default();
        let nanos = u32::try_from(time.nanos).map_err(|error| malformed("block", error))?;
        Ok(Some(BlockRecord {
            height: Height::try_from(header.height).map_err(|error| malformed("block", error))?,
            time: Timestamp::new(time.seconds, nanos).map_err(|error| malformed("block", error))?,
            hash: hex_bytes(&found.block_id.hash)?,
            parts_total: found.block_id.parts.total,
            parts_hash: hex_bytes(&found.block_id.parts.hash)?,
            // # Consensus
            // From the raw message: at the initial height Go writes an empty last commit and last
            // block id, which the domain types would drop.
            block: Bytes::from(block.encode_to_vec()),
        }))
    }

    fn node_info(&self) -> Result<NodeInfo, EngineError> {
        let info = self.typed::<RawStatus>("status", json!({}))?.node_info;
        Ok(NodeInfo {
            p2p_version: parse(&info.protocol_version.p2p, "protocol_version")?,
            block_version: parse(&info.protocol_version.block, "protocol_version")?,
            app_version: parse(&info.protocol_version.app, "protocol_version")?,
            id: info.id,
            listen_addr: info.listen_addr,
            network: info.network,
            version: info.version,
            channels: hex_bytes(&info.channels)?,
            moniker: info.moniker,
            tx_index: info.other.tx_index == "on",
            rpc_address: info.other.rpc_address,
        })
    }

    fn search_txs(&self, query: &str, order: SearchOrder, page: u64, per_page: u64) -> Result<FoundTxs, EngineError> {
        let order = match order {
            SearchOrder::Ascending => "asc",
            SearchOrder::Descending => "desc",
        };
        let found: RawFoundTxs = self.typed(
            "tx_search",
            json!({
                "query": query,
                "prove": false,
                "page": page.to_string(),
                "per_page": per_page.min(u64::from(MAX_PER_PAGE)).to_string(),
                "order_by": order,
            }),
        )?;
        let txs = found.txs.into_iter().map(RawTx::into_engine).collect::<Result<_, _>>()?;
        Ok(FoundTxs { txs, total: parse(&found.total_count, "total_count")? })
    }

    fn validators(&self, height: Option<Height>) -> Result<Option<ValidatorsAt>, EngineError> {
        let mut known: Option<ValidatorsAt> = None;
        // Pages of one height: without naming it, the next page could be of the next height.
        for page in 1u64.. {
            let at = known.as_ref().map(|known| known.height).or(height);
            let mut params = json!({ "page": page.to_string(), "per_page": MAX_PER_PAGE.to_string() });
            if let Some(at) = at {
                params["height"] = Value::String(at.to_string());
            }
            let found: RawValidators = match self.typed("validators", params) {
                Ok(found) => found,
                Err(EngineError::Refused(text)) if known.is_none() && is_missing(&text) => return Ok(None),
                Err(error) => return Err(error),
            };
            let total: usize = parse(&found.total, "total")?;
            let more = !found.validators.is_empty();
            let known = known.get_or_insert(ValidatorsAt {
                height: parse(&found.block_height, "block_height")?,
                validators: Vec::new(),
            });
            for validator in found.validators {
                known.validators.push(validator.into_engine()?);
            }
            if known.validators.len() >= total || !more {
                break;
            }
        }
        Ok(known)
    }
}

/// Whether CometBFT says that it does not have that height: above the chain, or pruned.
fn is_missing(text: &str) -> bool {
    ["must be less than or equal to", "is not available", "must be greater than 0", "could not find validator set"]
        .iter()
        .any(|part| text.contains(part))
}

/// A listen address is not always one that can be dialled.
fn url_of(laddr: &str) -> String {
    if laddr.starts_with("http://") {
        return laddr.to_owned();
    }
    let address = laddr.strip_prefix("tcp://").unwrap_or(laddr);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "26657"));
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    };
    format!("http://{host}:{port}")
}

fn unavailable(error: ureq::Error) -> EngineError {
    EngineError::Unavailable(error.to_string())
}

fn malformed(what: &str, error: impl core::fmt::Display) -> EngineError {
    EngineError::Unavailable(format!("malformed answer to {what}: {error}"))
}

fn parse<T: core::str::FromStr<Err: core::fmt::Display>>(text: &str, what: &str) -> Result<T, EngineError> {
    text.parse().map_err(|error| malformed(what, error))
}

fn hex_bytes(text: &str) -> Result<Bytes, EngineError> {
    hex::decode(text).map(Bytes::from).map_err(|error| malformed("hash", error))
}

fn base64_bytes(text: Option<&str>) -> Result<Bytes, EngineError> {
    STANDARD.decode(text.unwrap_or_default()).map(Bytes::from).map_err(|error| malformed("bytes", error))
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<RawError>,
}

#[derive(Deserialize)]
struct RawError {
    message: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct RawStatus {
    node_info: RawNodeInfo,
    sync_info: RawSyncInfo,
}

#[derive(Deserialize)]
struct RawNodeInfo {
    protocol_version: RawProtocolVersion,
    id: String,
    listen_addr: String,
    network: String,
    version: String,
    channels: String,
    moniker: String,
    other: RawOther,
}

#[derive(Deserialize)]
struct RawProtocolVersion {
    p2p: String,
    block: String,
    app: String,
}

#[derive(Deserialize)]
struct RawOther {
    tx_index: String,
    rpc_address: String,
}

#[derive(Deserialize)]
struct RawFoundTxs {
    txs: Vec<RawTx>,
    total_count: String,
}

#[derive(Deserialize)]
struct RawValidators {
    block_height: String,
    validators: Vec<RawValidator>,
    total: String,
}

#[derive(Deserialize)]
struct RawValidator {
    address: String,
    pub_key: RawKey,
    voting_power: String,
    proposer_priority: String,
}

#[derive(Deserialize)]
struct RawKey {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

#[derive(Deserialize)]
struct RawSyncInfo {
    latest_block_height: String,
    latest_block_time: String,
    latest_app_hash: String,
    catching_up: bool,
}

#[derive(Deserialize)]
struct RawCheck {
    code: u32,
    #[serde(default)]
    log: String,
    #[serde(default)]
    codespace: String,
}

#[derive(Deserialize)]
struct RawTx {
    height: String,
    index: u32,
    tx: String,
    tx_result: RawTxResult,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct RawTxResult {
    code: u32,
    codespace: String,
    data: Option<String>,
    log: String,
    gas_wanted: String,
    gas_used: String,
    events: Option<Vec<RawEvent>>,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    attributes: Option<Vec<RawAttribute>>,
}

#[derive(Deserialize)]
struct RawAttribute {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    index: bool,
}

#[derive(Deserialize)]
struct RawFoundBlock {
    block_id: RawBlockId,
    block: Option<RawBlock>,
}

#[derive(Deserialize)]
struct RawBlockId {
    hash: String,
    parts: RawParts,
}

#[derive(Deserialize)]
struct RawParts {
    total: u32,
    hash: String,
}

impl RawValidator {
    fn into_engine(self) -> Result<ValidatorAt, EngineError> {
        let bytes = base64_bytes(Some(&self.pub_key.value))?;
        let length = |_| malformed("validators", format!("a key of {} bytes", bytes.len()));
        let key = match self.pub_key.kind.as_str() {
            "tendermint/PubKeyEd25519" => ValidatorKey::Ed25519(bytes.as_ref().try_into().map_err(length)?),
            "tendermint/PubKeySecp256k1" => ValidatorKey::Secp256k1(bytes.as_ref().try_into().map_err(length)?),
            other => return Err(malformed("validators", format!("a key of type {other}"))),
        };
        Ok(ValidatorAt {
            address: hex_bytes(&self.address)?,
            key,
            power: parse(&self.voting_power, "voting_power")?,
            priority: parse(&self.proposer_priority, "proposer_priority")?,
        })
    }
}

impl RawTx {
    fn into_engine(self) -> Result<IncludedTx, EngineError> {
        let result = self.tx_result;
        let gas = |text: &str| if text.is_empty() { Ok(Gas::ZERO) } else { parse(text, "gas") };
        Ok(IncludedTx {
            height: parse(&self.height, "height")?,
            index: self.index,
            tx: base64_bytes(Some(&self.tx))?,
            result: TxResult {
                code: result.code,
                codespace: result.codespace,
                data: base64_bytes(result.data.as_deref())?,
                log: result.log,
                gas_wanted: gas(&result.gas_wanted)?,
                gas_used: gas(&result.gas_used)?,
                events: result.events.unwrap_or_default().into_iter().map(RawEvent::into_engine).collect(),
            },
        })
    }
}

impl RawEvent {
    fn into_engine(self) -> Event {
        let attributes = self
            .attributes
            .unwrap_or_default()
            .into_iter()
            .map(|RawAttribute { key, value, index }| Attribute { key: key.into(), value, index })
            .collect();
        Event { kind: self.kind.into(), attributes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_become_urls_that_can_be_dialled() {
        for (laddr, url) in [
            ("tcp://127.0.0.1:26657", "http://127.0.0.1:26657"),
            ("tcp://0.0.0.0:5", "http://127.0.0.1:5"),
            ("tcp://:5", "http://127.0.0.1:5"),
            ("tcp://[::]:5", "http://[::1]:5"),
            ("node:5", "http://node:5"),
            ("http://node/rpc", "http://node/rpc"),
        ] {
            assert_eq!(url_of(laddr), url);
        }
    }

    #[test]
    fn an_engine_that_is_not_there_is_unavailable() {
        // The port was free a moment ago and nobody listens.
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("loopback").port();
        let engine = CometBft::new(&format!("tcp://127.0.0.1:{port}"));
        assert!(matches!(engine.status(), Err(EngineError::Unavailable(_))));
        assert!(matches!(engine.tx([0; 32]), Err(EngineError::Unavailable(_))));
    }
}
