use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plume_crypto::PublicKey;
use plume_primitives::{Coin, Timestamp};
use plume_proto::cosmos::auth::v1beta1::{BaseAccount, ModuleAccount, QueryAccountRequest, QueryAccountResponse};
use plume_proto::cosmos::bank::v1beta1::{
    Metadata, QueryBalanceRequest, QueryBalanceResponse, QueryDenomMetadataRequest, QueryDenomMetadataResponse,
};
use plume_proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse};
use plume_proto::tendermint::crypto::{ProofOp, ProofOps};
use plume_proto::{Message, type_url};
use serde_json::{Value, json};

use super::answers::{
    AbciAnswer, Account, BlockHeader, Broadcast, BroadcastCommit, Status, TxAnswer, TxSearch, Validator, ValidatorPage,
};
use super::error::{QueryError, RpcError};

/// How search results are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// A node's CometBFT RPC over HTTP. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct RpcClient {
    agent: ureq::Agent,
    url: String,
}

/// Largest answer read: a block of 4 MiB in base64 inside JSON, with room.
const MAX_ANSWER: u64 = 64 << 20;

impl RpcClient {
    /// A client of the node at `address`: `http://host:port`, also `tcp://host:port` as the SDK's tools write it, or
    /// `host:port`. Each call may take up to `timeout`.
    ///
    /// # Errors
    /// [`RpcError::Address`] for https, which this client does not speak: use a proxy on this machine.
    pub fn new(address: &str, timeout: Duration) -> Result<Self, RpcError> {
        let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("tcp://")).unwrap_or(address);
        let refuse = |reason: &str| RpcError::Address { url: address.to_owned(), reason: reason.to_owned() };
        if rest.starts_with("https://") {
            return Err(refuse("https is not supported"));
        }
        if rest.contains("://") || rest.trim_end_matches('/').is_empty() {
            return Err(refuse("unknown scheme or no host"));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            // Error bodies hold the JSON-RPC error, which says more than the status.
            .http_status_as_error(false)
            .build()
            .into();
        Ok(Self { agent, url: format!("http://{}", rest.trim_end_matches('/')) })
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls any method with named parameters and returns `result` as it comes.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn call(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut response = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .send(request)
            .map_err(|error| self.transport(method, &error))?;
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string()
            .map_err(|error| self.transport(method, &error))?;
        let not_rpc = |reason: String| RpcError::NotRpc { url: self.url.clone(), reason };
        let mut answer: Value = serde_json::from_str(&body)
            .map_err(|_| not_rpc(format!("HTTP status {}, no JSON", response.status().as_u16())))?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let text = |field: &str| match error.get(field) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            return Err(RpcError::Refused {
                method: method.to_owned(),
                code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
                message: text("message"),
                data: text("data"),
            });
        }
        match answer.get_mut("result").map(Value::take) {
            Some(result) => Ok(result),
            None => Err(not_rpc("neither result nor error".to_owned())),
        }
    }

    fn transport(&self, method: &str, error: &ureq::Error) -> RpcError {
        match error {
            ureq::Error::Timeout(_) => RpcError::Timeout { url: self.url.clone(), method: method.to_owned() },
            ureq::Error::BadUri(reason) => RpcError::Address { url: self.url.clone(), reason: reason.clone() },
            ureq::Error::Protocol(reason) => RpcError::NotRpc { url: self.url.clone(), reason: reason.to_string() },
            other => RpcError::Unreachable { url: self.url.clone(), reason: other.to_string() },
        }
    }

    /// Who the node is and how far it has come.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn status(&self) -> Result<Status, RpcError> {
        let raw = self.call("status", &json!({}))?;
        let answer = Answer { method: "status", value: &raw };
        let (node, sync) = (answer.at("node_info")?, answer.at("sync_info")?);
        Ok(Status {
            chain_id: node.text("network")?,
            moniker: node.text("moniker")?,
            node_id: node.text("id")?,
            version: node.text("version")?,
            latest_height: sync.number("latest_block_height")?,
            latest_time: sync.time("latest_block_time")?,
            latest_app_hash: sync.hex("latest_app_hash")?,
            catching_up: sync.at("catching_up")?.value.as_bool().unwrap_or_default(),
            voting_power: answer.at("validator_info")?.number("voting_power")?,
            raw,
        })
    }

    /// Asks the application: a gRPC method's path with the encoded request, or `/store/<name>/key` with a key.
    /// `height` `None` means the newest state; `prove` asks for a proof (of store queries).
    ///
    /// An error of the application is in the answer's `code`, not an [`RpcError`].
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn abci_query(
        &self,
        path: &str,
        data: &[u8],
        height: Option<u64>,
        prove: bool,
    ) -> Result<AbciAnswer, RpcError> {
        let params = json!({
            "path": path,
            "data": hex::encode(data),
            "height": height.unwrap_or_default().to_string(),
            "prove": prove,
        });
        let raw = self.call("abci_query", &params)?;
        let response = Answer { method: "abci_query", value: &raw }.at("response")?;
        let proof = match response.optional("proofOps").or_else(|| response.optional("proof_ops")) {
            None => None,
            Some(proof) => Some(ProofOps {
                ops: proof
                    .list("ops")?
                    .into_iter()
                    .map(|op| {
                        Ok(ProofOp { r#type: op.text("type")?, key: op.base64("key")?, data: op.base64("data")? })
                    })
                    .collect::<Result<_, RpcError>>()?,
            }),
        };
        Ok(AbciAnswer {
            code: response.number("code")?,
            codespace: response.text("codespace")?,
            log: response.text("log")?,
            key: response.base64("key")?,
            value: response.base64("value")?,
            height: response.number("height")?,
            proof,
        })
    }

    /// Calls a gRPC query method, for example `/cosmos.bank.v1beta1.Query/Balance`, on the state at `height` (`None`:
    /// the newest).
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn query<Request: Message, Response: Message + Default>(
        &self,
        path: &str,
        request: &Request,
        height: Option<u64>,
    ) -> Result<Response, QueryError> {
        let answer = self.abci_query(path, &request.encode_to_vec(), height, false)?;
        if answer.code != 0 {
            let AbciAnswer { code, codespace, log, .. } = answer;
            return Err(QueryError::Failed { path: path.to_owned(), code, codespace, log });
        }
        Response::decode(answer.value.as_slice())
            .map_err(|error| QueryError::Unexpected { path: path.to_owned(), reason: error.to_string() })
    }

    /// Number, sequence and key of an account; `None` if the chain does not know it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn account(&self, address: &str) -> Result<Option<Account>, QueryError> {
        const PATH: &str = "/cosmos.auth.v1beta1.Query/Account";
        let request = QueryAccountRequest { address: address.to_owned() };
        let response: QueryAccountResponse = match self.query(PATH, &request, None) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let unexpected = |reason: String| QueryError::Unexpected { path: PATH.to_owned(), reason };
        let any = response.account.ok_or_else(|| unexpected("no account".to_owned()))?;
        let decode_error = |error: plume_proto::prost::DecodeError| unexpected(error.to_string());
        let base = if any.type_url == type_url::<BaseAccount>() {
            BaseAccount::decode(any.value.as_slice()).map_err(decode_error)?
        } else if any.type_url == type_url::<ModuleAccount>() {
            let module = ModuleAccount::decode(any.value.as_slice()).map_err(decode_error)?;
            module.base_account.ok_or_else(|| unexpected("no base account".to_owned()))?
        } else {
            return Err(unexpected(format!("account of type {}", any.type_url)));
        };
        let public_key = base.pub_key.as_ref().map(PublicKey::from_any).transpose();
        Ok(Some(Account {
            address: base.address,
            account_number: base.account_number,
            sequence: base.sequence,
            public_key: public_key.map_err(|error| unexpected(error.to_string()))?,
        }))
    }

    /// How `denom` is written for people; `None` if the chain has nothing recorded.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn denom_metadata(&self, denom: &str) -> Result<Option<Metadata>, QueryError> {
        const PATH: &str = "/cosmos.bank.v1beta1.Query/DenomMetadata";
        let request = QueryDenomMetadataRequest { denom: denom.to_owned() };
        let response: QueryDenomMetadataResponse = match self.query(PATH, &request, None) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        Ok(response.metadata)
    }

    /// How much of `denom` an account holds.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn balance(&self, address: &str, denom: &str) -> Result<Coin, QueryError> {
        const PATH: &str = "/cosmos.bank.v1beta1.Query/Balance";
        let request = QueryBalanceRequest { address: address.to_owned(), denom: denom.to_owned() };
        let response: QueryBalanceResponse = self.query(PATH, &request, None)?;
        let unexpected = |reason: String| QueryError::Unexpected { path: PATH.to_owned(), reason };
        let coin = response.balance.ok_or_else(|| unexpected("no balance".to_owned()))?;
        Coin::from_parts(&coin.denom, &coin.amount).map_err(|error| unexpected(error.to_string()))
    }

    /// Executes a transaction without keeping anything; `gas_info.gas_used` is what it takes.
    ///
    /// # Errors
    /// [`QueryError::Failed`] if it would fail.
    pub fn simulate(&self, request: &SimulateRequest) -> Result<SimulateResponse, QueryError> {
        self.query("/cosmos.tx.v1beta1.Service/Simulate", request, None)
    }

    /// Hands a transaction to the node and waits until it is checked, not until it is in a block.
    ///
    /// # Errors
    /// [`RpcError::Refused`] also if the node's pool is full or has the transaction already.
    pub fn broadcast_tx_sync(&self, tx: &[u8]) -> Result<Broadcast, RpcError> {
        self.broadcast("broadcast_tx_sync", tx)
    }

    /// Hands a transaction to the node and waits for nothing.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn broadcast_tx_async(&self, tx: &[u8]) -> Result<Broadcast, RpcError> {
        self.broadcast("broadcast_tx_async", tx)
    }

    fn broadcast(&self, method: &'static str, tx: &[u8]) -> Result<Broadcast, RpcError> {
        let raw = self.call(method, &json!({"tx": BASE64_STANDARD.encode(tx)}))?;
        serde_json::from_value(raw)
            .map_err(|error| RpcError::Unexpected { method: method.to_owned(), reason: error.to_string() })
    }

    /// Hands a transaction to the node and waits until it is in a block (for tests: nodes limit the waiting time).
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn broadcast_tx_commit(&self, tx: &[u8]) -> Result<BroadcastCommit, RpcError> {
        const METHOD: &str = "broadcast_tx_commit";
        let raw = self.call(METHOD, &json!({"tx": BASE64_STANDARD.encode(tx)}))?;
        let answer = Answer { method: METHOD, value: &raw };
        Ok(BroadcastCommit {
            hash: answer.text("hash")?,
            height: answer.number("height")?,
            check_tx: answer.at("check_tx")?.value.clone(),
            tx_result: answer.at("tx_result")?.value.clone(),
        })
    }

    /// The transaction with this hash (hexadecimal), `None` if no block has it.
    ///
    /// # Errors
    /// [`RpcError`]; [`RpcError::Unexpected`] if `hash` is not hexadecimal.
    pub fn tx(&self, hash: &str) -> Result<Option<TxAnswer>, RpcError> {
        let bytes = hex::decode(hash).map_err(|_| RpcError::Unexpected {
            method: "tx".to_owned(),
            reason: format!("hash {hash:?} is not hexadecimal"),
        })?;
        let params = json!({"hash": BASE64_STANDARD.encode(bytes), "prove": false});
        match self.call("tx", &params) {
            Ok(raw) => tx_answer(&Answer { method: "tx", value: &raw }).map(Some),
            Err(RpcError::Refused { message, data, .. }) if format!("{message} {data}").contains("not found") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Transactions whose events match, for example `transfer.recipient='plume1..'`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn tx_search(&self, query: &str, page: u32, per_page: u32, order: Order) -> Result<TxSearch, RpcError> {
        let order_by = match order {
            Order::Ascending => "asc",
            Order::Descending => "desc",
        };
        let params = json!({
            "query": query,
            "prove": false,
            "page": page.to_string(),
            "per_page": per_page.to_string(),
            "order_by": order_by,
        });
        let raw = self.call("tx_search", &params)?;
        let answer = Answer { method: "tx_search", value: &raw };
        Ok(TxSearch {
            txs: answer.list("txs")?.iter().map(tx_answer).collect::<Result<_, _>>()?,
            total: answer.number("total_count")?,
        })
    }

    /// The block at `height` (`None`: the newest) as CometBFT prints it, and its header.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn block(&self, height: Option<u64>) -> Result<(BlockHeader, Value), RpcError> {
        let raw = self.call("block", &at_height(height))?;
        let header = header(&Answer { method: "block", value: &raw }.at("block")?.at("header")?)?;
        Ok((header, raw))
    }

    /// Header and commit at `height` (`None`: the newest): the header with the app hash that proves the state after
    /// `height - 1`, and the votes for it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn commit(&self, height: Option<u64>) -> Result<(BlockHeader, Value), RpcError> {
        let raw = self.call("commit", &at_height(height))?;
        let header = header(&Answer { method: "commit", value: &raw }.at("signed_header")?.at("header")?)?;
        Ok((header, raw))
    }

    /// Results of the block at `height` (`None`: the newest) as CometBFT prints them.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn block_results(&self, height: Option<u64>) -> Result<Value, RpcError> {
        self.call("block_results", &at_height(height))
    }

    /// A page of the validators of `height` (`None`: of the next block).
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn validators(&self, height: Option<u64>, page: u32, per_page: u32) -> Result<ValidatorPage, RpcError> {
        let mut params = at_height(height);
        params["page"] = json!(page.to_string());
        params["per_page"] = json!(per_page.to_string());
        let raw = self.call("validators", &params)?;
        let answer = Answer { method: "validators", value: &raw };
        let validator = |answer: Answer<'_>| {
            Ok(Validator {
                address: answer.hex("address")?,
                public_key: answer.at("pub_key")?.base64("value")?,
                voting_power: answer.number("voting_power")?,
            })
        };
        Ok(ValidatorPage {
            height: answer.number("block_height")?,
            validators: answer.list("validators")?.into_iter().map(validator).collect::<Result<_, RpcError>>()?,
            total: answer.number("total")?,
        })
    }
}

fn at_height(height: Option<u64>) -> Value {
    match height {
        Some(height) => json!({"height": height.to_string()}),
        None => json!({}),
    }
}

fn header(answer: &Answer<'_>) -> Result<BlockHeader, RpcError> {
    Ok(BlockHeader {
        chain_id: answer.text("chain_id")?,
        height: answer.number("height")?,
        time: answer.time("time")?,
        app_hash: answer.hex("app_hash")?,
        validators_hash: answer.hex("validators_hash")?,
        proposer_address: answer.hex("proposer_address")?,
    })
}

fn tx_answer(answer: &Answer<'_>) -> Result<TxAnswer, RpcError> {
    let result = answer.at("tx_result")?;
    Ok(TxAnswer {
        hash: answer.text("hash")?,
        height: answer.number("height")?,
        index: answer.number("index")?,
        code: result.number("code")?,
        codespace: result.text("codespace")?,
        log: result.text("log")?,
        data: result.base64("data")?,
        gas_wanted: result.number("gas_wanted")?,
        gas_used: result.number("gas_used")?,
        tx: answer.base64("tx")?,
        events: result.optional("events").map_or(Value::Array(Vec::new()), |events| events.value.clone()),
    })
}

/// A part of an answer, with the method's name for errors. Absent or null text, bytes and numbers count as empty and
/// zero: Go leaves them out.
#[derive(Clone, Copy)]
struct Answer<'a> {
    method: &'static str,
    value: &'a Value,
}

impl<'a> Answer<'a> {
    fn unexpected(&self, reason: String) -> RpcError {
        RpcError::Unexpected { method: self.method.to_owned(), reason }
    }

    fn optional(&self, field: &str) -> Option<Self> {
        let value = self.value.get(field).filter(|value| !value.is_null())?;
        Some(Self { method: self.method, value })
    }

    fn at(&self, field: &str) -> Result<Self, RpcError> {
        self.optional(field).ok_or_else(|| self.unexpected(format!("no field {field}")))
    }

    fn list(&self, field: &str) -> Result<Vec<Self>, RpcError> {
        match self.optional(field).map(|answer| answer.value) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.iter().map(|value| Self { method: self.method, value }).collect()),
            Some(_) => Err(self.unexpected(format!("{field} is not a list"))),
        }
    }

    fn str(&self, field: &str) -> Result<&'a str, RpcError> {
        match self.optional(field).map(|answer| answer.value) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.unexpected(format!("{field} is not text"))),
        }
    }

    fn text(&self, field: &str) -> Result<String, RpcError> {
        self.str(field).map(str::to_owned)
    }

    /// 64-bit numbers are strings in Go's JSON, shorter ones are not.
    fn number<T: std::str::FromStr + Default>(&self, field: &str) -> Result<T, RpcError> {
        let parsed = match self.optional(field).map(|answer| answer.value) {
            None => Some(T::default()),
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.to_string().parse().ok(),
            Some(_) => None,
        };
        parsed.ok_or_else(|| self.unexpected(format!("{field} is not a number")))
    }

    fn base64(&self, field: &str) -> Result<Vec<u8>, RpcError> {
        BASE64_STANDARD.decode(self.str(field)?).map_err(|_| self.unexpected(format!("{field} is not base64")))
    }

    fn hex(&self, field: &str) -> Result<Vec<u8>, RpcError> {
        hex::decode(self.str(field)?).map_err(|_| self.unexpected(format!("{field} is not hexadecimal")))
    }

    fn time(&self, field: &str) -> Result<Timestamp, RpcError> {
        self.str(field)?.parse().map_err(|error| self.unexpected(format!("{field}: {error}")))
    }
}
