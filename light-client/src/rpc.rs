//! Reading the answers of CometBFT's JSON-RPC (dialect 0.38), and a [`Provider`] over any transport that carries it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tendermint::PublicKey;
use tendermint::account::Id as Address;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator::Info as Validator;
use tendermint::vote::Power;
use thiserror::Error;

use crate::light_block::{InvalidBlock, LightBlock, MAX_VALIDATORS};
use crate::proof::ProofOp;
use crate::provider::{Provider, ProviderError};

/// Largest answer read, in bytes: a commit of [`MAX_VALIDATORS`] takes 3 MB, a page of validators 30 kB.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Validators asked for at a time: the most that CometBFT gives.
pub const VALIDATORS_PER_PAGE: usize = 100;

/// An answer that is not what CometBFT 0.38 gives.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// Too large to be read.
    #[error("the answer has {size} bytes: at most {MAX_ANSWER_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// No JSON.
    #[error("the answer is not JSON: {reason}")]
    NotJson {
        /// Where and why.
        reason: String,
    },
    /// The node refuses the request.
    #[error("the node refuses: {message} {data} (code {code})")]
    Refused {
        /// JSON-RPC error code.
        code: i64,
        /// Its text.
        message: String,
        /// More of it.
        data: String,
    },
    /// Another shape.
    #[error("the answer to {method} has not the shape of CometBFT 0.38's: {reason}")]
    Shape {
        /// What was asked.
        method: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A validator's key that no validator can sign with.
    #[error("a validator's key of type {kind} is not valid: want an ed25519 or a compressed secp256k1 key")]
    Key {
        /// Its type.
        kind: String,
    },
    /// Pages of validators that do not fit together.
    #[error("page {page} of the validators of block {height} does not fit: {reason}")]
    Page {
        /// Height that was asked for.
        height: u64,
        /// Number of the page, from 1.
        page: usize,
        /// What does not fit.
        reason: String,
    },
}

/// The `result` of a JSON-RPC answer.
///
/// # Errors
/// [`AnswerError`] also for an answer with an `error`.
pub fn result(answer: &[u8]) -> Result<Value, AnswerError> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(AnswerError::TooLarge { size: answer.len() });
    }
    let mut envelope: Value =
        serde_json::from_slice(answer).map_err(|error| AnswerError::NotJson { reason: error.to_string() })?;
    if let Some(error) = envelope.get("error").filter(|error| !error.is_null()) {
        let text = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        return Err(AnswerError::Refused { code, message: text("message"), data: text("data") });
    }
    envelope
        .get_mut("result")
        .map(Value::take)
        .ok_or_else(|| AnswerError::Shape { method: "JSON-RPC", reason: "neither result nor error".to_owned() })
}

/// Header and commit from the result of `commit`.
///
/// # Errors
/// [`AnswerError::Shape`].
pub fn signed_header(commit: &Value) -> Result<SignedHeader, AnswerError> {
    let part = field("commit", commit, "signed_header")?;
    let count = part.pointer("/commit/signatures").and_then(Value::as_array).map_or(0, Vec::len);
    if count > MAX_VALIDATORS {
        let reason = format!("the commit has {count} signatures: at most {MAX_VALIDATORS}");
        return Err(AnswerError::Shape { method: "commit", reason });
    }
    read("commit", part)
}

/// A page of the result of `validators`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorPage {
    /// Height whose validators they are.
    pub height: u64,
    /// Those of the page.
    pub validators: Vec<Validator>,
    /// How many there are on all pages.
    pub total: usize,
}

/// A page of validators from the result of `validators`. The proposer's priorities are left out: nothing signs them.
///
/// # Errors
/// [`AnswerError`].
pub fn validators(page: &Value) -> Result<ValidatorPage, AnswerError> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(with = "text")]
        block_height: u64,
        validators: Vec<WireValidator>,
        #[serde(with = "text")]
        total: usize,
    }
    let page: Page = read("validators", page)?;
    let validators = page.validators.into_iter().map(Validator::try_from).collect::<Result<_, _>>()?;
    Ok(ValidatorPage { height: page.block_height, validators, total: page.total })
}

/// A light block from the result of `commit` and those of all pages of `validators`.
///
/// # Errors
/// [`ProviderError`].
pub fn light_block(commit: &Value, pages: &[Value]) -> Result<LightBlock, ProviderError> {
    let header = signed_header(commit)?;
    let height = header.header.height.value();
    let mut set = Pages::of(height);
    for page in pages {
        set.add(validators(page)?)?;
    }
    Ok(LightBlock::new(header, set.complete()?)?)
}

/// The newest height, from the result of `status`.
///
/// # Errors
/// [`AnswerError::Shape`].
pub fn latest_height(status: &Value) -> Result<u64, AnswerError> {
    #[derive(Deserialize)]
    struct Sync {
        #[serde(with = "text")]
        latest_block_height: u64,
    }
    let sync: Sync = read("status", field("status", status, "sync_info")?)?;
    Ok(sync.latest_block_height)
}

/// The result of `abci_query` with a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryAnswer {
    /// 0, or the number of an error.
    pub code: u32,
    /// Who numbers it.
    pub codespace: String,
    /// Text of an error.
    pub log: String,
    /// Key that was asked for.
    pub key: Vec<u8>,
    /// The value; empty for none.
    pub value: Vec<u8>,
    /// Height of the state: the header of the **next** height has its app hash.
    pub height: u64,
    /// The steps of the proof, the store's first; empty for none.
    pub proof: Vec<ProofOp>,
}

/// The result of `abci_query`.
///
/// # Errors
/// [`AnswerError::Shape`].
pub fn query(answer: &Value) -> Result<QueryAnswer, AnswerError> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default)]
        code: u32,
        #[serde(default)]
        codespace: String,
        #[serde(default)]
        log: String,
        #[serde(default)]
        key: Option<String>,
        #[serde(default)]
        value: Option<String>,
        #[serde(with = "text")]
        height: u64,
        #[serde(default, rename = "proofOps", alias = "proof_ops")]
        proof: Option<Ops>,
    }
    #[derive(Deserialize)]
    struct Ops {
        #[serde(default)]
        ops: Vec<Op>,
    }
    #[derive(Deserialize)]
    struct Op {
        r#type: String,
        key: String,
        data: String,
    }
    const METHOD: &str = "abci_query";
    let response: Response = read(METHOD, field(METHOD, answer, "response")?)?;
    let bytes = |name: &str, text: &str| {
        BASE64_STANDARD
            .decode(text)
            .map_err(|error| AnswerError::Shape { method: METHOD, reason: format!("{name}: {error}") })
    };
    let ops = response.proof.map(|proof| proof.ops).unwrap_or_default();
    let proof = ops
        .iter()
        .map(|op| {
            Ok(ProofOp {
                kind: op.r#type.clone(),
                key: bytes("key of a proof", &op.key)?,
                data: bytes("proof", &op.data)?,
            })
        })
        .collect::<Result<_, AnswerError>>()?;
    Ok(QueryAnswer {
        code: response.code,
        codespace: response.codespace,
        log: response.log,
        key: bytes("key", response.key.as_deref().unwrap_or_default())?,
        value: bytes("value", response.value.as_deref().unwrap_or_default())?,
        height: response.height,
        proof,
    })
}

/// What carries JSON-RPC calls to a node: HTTP, a WebSocket, or a browser's `fetch`.
pub trait Transport {
    /// Calls `method` with named parameters and returns the `result`.
    ///
    /// # Errors
    /// [`TransportError`].
    fn call(&self, method: &str, params: &Value) -> Result<Value, TransportError>;
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// The node answered with an error: for a block, that it has none.
    Refused(String),
    /// No answer, or none that is JSON-RPC.
    Unavailable(String),
}

/// A node's JSON-RPC as a [`Provider`].
#[derive(Debug, Clone)]
pub struct RpcProvider<T> {
    name: String,
    transport: T,
}

impl<T: Transport> RpcProvider<T> {
    /// The node behind `transport`, called `name` in errors.
    pub fn new(name: impl Into<String>, transport: T) -> Self {
        Self { name: name.into(), transport }
    }

    fn call(&self, method: &str, params: &Value, height: u64) -> Result<Value, ProviderError> {
        self.transport.call(method, params).map_err(|error| match error {
            TransportError::Refused(reason) => ProviderError::NoBlock { height, reason },
            TransportError::Unavailable(reason) => ProviderError::Unavailable { reason },
        })
    }
}

impl<T: Transport> Provider for RpcProvider<T> {
    fn light_block(&self, height: u64) -> Result<LightBlock, ProviderError> {
        let at = height.to_string();
        let commit = self.call("commit", &json!({ "height": at }), height)?;
        let header = signed_header(&commit)?;
        let mut pages = Pages::of(height);
        while !pages.is_complete() {
            let per_page = VALIDATORS_PER_PAGE.to_string();
            let params = json!({ "height": at, "page": pages.next.to_string(), "per_page": per_page });
            pages.add(validators(&self.call("validators", &params, height)?)?)?;
        }
        Ok(LightBlock::new(header, pages.complete()?)?)
    }

    fn latest_height(&self) -> Result<u64, ProviderError> {
        Ok(latest_height(&self.call("status", &json!({}), 0)?)?)
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Pages of one set of validators. A node cannot make it ask for ever: each page has someone, and all have their bound.
#[derive(Debug)]
struct Pages {
    height: u64,
    next: usize,
    total: Option<usize>,
    validators: Vec<Validator>,
}

impl Pages {
    fn of(height: u64) -> Self {
        Self { height, next: 1, total: None, validators: Vec::new() }
    }

    fn is_complete(&self) -> bool {
        self.total.is_some_and(|total| self.validators.len() >= total)
    }

    fn error(&self, reason: String) -> ProviderError {
        AnswerError::Page { height: self.height, page: self.next, reason }.into()
    }

    fn add(&mut self, page: ValidatorPage) -> Result<(), ProviderError> {
        if page.height != self.height {
            return Err(self.error(format!("it is of block {}", page.height)));
        }
        if page.total > MAX_VALIDATORS {
            let error = InvalidBlock::ValidatorCount { height: self.height, count: page.total };
            return Err(error.into());
        }
        if let Some(total) = self.total.filter(|total| *total != page.total) {
            return Err(self.error(format!("it says that there are {} in all, an earlier page {total}", page.total)));
        }
        if page.validators.is_empty() {
            return Err(self.error(format!("it is empty, {} of {} are known", self.validators.len(), page.total)));
        }
        self.validators.extend(page.validators);
        if self.validators.len() > page.total {
            return Err(self.error(format!("there are {} of {} by now", self.validators.len(), page.total)));
        }
        self.total = Some(page.total);
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn complete(self) -> Result<Vec<Validator>, ProviderError> {
        match self.total {
            Some(total) if total == self.validators.len() => Ok(self.validators),
            _ => Err(self.error(format!("it is missing, {} are known", self.validators.len()))),
        }
    }
}

/// A validator as the RPC writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WireValidator {
    address: Address,
    pub_key: WireKey,
    voting_power: Power,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct WireKey {
    r#type: String,
    value: String,
}

const ED25519: &str = "tendermint/PubKeyEd25519";
const SECP256K1: &str = "tendermint/PubKeySecp256k1";

impl TryFrom<WireValidator> for Validator {
    type Error = AnswerError;

    fn try_from(wire: WireValidator) -> Result<Self, AnswerError> {
        let WireKey { r#type: kind, value } = wire.pub_key;
        let bytes = BASE64_STANDARD.decode(value).ok();
        let key = bytes.and_then(|bytes| match kind.as_str() {
            ED25519 => PublicKey::from_raw_ed25519(&bytes),
            // Compressed only: 65 bytes would be the same key with another address.
            SECP256K1 if bytes.len() == 33 => PublicKey::from_raw_secp256k1(&bytes),
            _ => None,
        });
        let pub_key = key.ok_or(AnswerError::Key { kind })?;
        Ok(Self { address: wire.address, pub_key, power: wire.voting_power, name: None, proposer_priority: 0.into() })
    }
}

impl From<&Validator> for WireValidator {
    fn from(validator: &Validator) -> Self {
        let kind = if validator.pub_key.ed25519().is_some() { ED25519 } else { SECP256K1 };
        let pub_key = WireKey { r#type: kind.to_owned(), value: BASE64_STANDARD.encode(validator.pub_key.to_bytes()) };
        Self { address: validator.address, pub_key, voting_power: validator.power }
    }
}

fn field<'a>(method: &'static str, value: &'a Value, name: &str) -> Result<&'a Value, AnswerError> {
    value.get(name).ok_or_else(|| AnswerError::Shape { method, reason: format!("it has no {name}") })
}

fn read<T: DeserializeOwned>(method: &'static str, value: &Value) -> Result<T, AnswerError> {
    T::deserialize(value).map_err(|error| AnswerError::Shape { method, reason: error.to_string() })
}

/// Integers as CometBFT writes them: in quotes.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, de};

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
