use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use plume_codec::{NonCritical, is_transaction_message, reject_unknown, require_deterministic_tx_raw};
use plume_crypto::{PublicKey, SignatureData, SignatureError};
use plume_interfaces::Account;
use plume_kit::{ChainInfo, Modules, ProofJob, Recorded, TxError, sdk};
use plume_primitives::Address;
use plume_proto::Message;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, TxBody, TxRaw};

use super::fee::Fee;

/// A transaction that could be read, with everything that its bytes alone determine.
#[derive(Debug)]
pub(crate) struct DecodedTx {
    /// Length of the encoded transaction, which it pays for.
    pub len: usize,
    /// The body as received: signatures cover these bytes, never an encoding of ours.
    pub body_bytes: Bytes,
    /// The auth info as received.
    pub auth_info_bytes: Bytes,
    pub body: TxBody,
    pub auth_info: AuthInfo,
    pub fee: Fee,
    /// One for each entry of `signatures`.
    pub signature_count: usize,
    pub signers: Result<Signers, TxError>,
    /// One for each `SignerInfo`, in order.
    pub infos: Vec<Signature>,
    /// Stateless proofs in the messages, each with the index of its message.
    pub proofs: Vec<(usize, ProofJob)>,
    /// What the checks before the messages did when they passed last: whoever looks at this form of the transaction again
    /// where they would come to the same need not make them again.
    pub checked: Mutex<Option<Arc<Recorded>>>,
}

/// Who must sign.
#[derive(Debug)]
pub(crate) struct Signers {
    /// Every address whose signature is needed, once: the messages' signers in order, then the fee payer.
    pub all: Vec<Address>,
    /// The first signer of each message, if it has any.
    pub first_of_message: Vec<Option<Address>>,
    /// The text of each address in `all`: events and errors of every run state it.
    texts: Vec<String>,
    /// Who pays the fee: the payer that the transaction names, else the first signer, if there is any.
    pub fee_payer: Option<Address>,
}

impl Signers {
    /// The text of one of these addresses.
    pub fn text(&self, address: &Address) -> &str {
        let index = self.all.iter().position(|signer| signer == address);
        index.and_then(|index| self.texts.get(index)).expect("every signer and payer is among all, each with its text")
    }
}

/// One `SignerInfo` with its signature.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The key, unless the transaction leaves it to the account.
    pub key: Option<PublicKey>,
    /// The address of that key.
    pub address: Option<Address>,
    /// `None` without a `ModeInfo`.
    pub data: Option<Result<SignatureData, SignatureError>>,
    /// The sequence that was signed; 0 without a `ModeInfo`, as in the SDK.
    pub sequence: u64,
    /// For whom it was found valid: whoever looks at this form of the transaction again need not verify it again.
    pub valid_for: OnceLock<SignedFor>,
}

/// What, beside the transaction and the chain's id, decides whether a signature is valid, in every sign mode but the
/// textual one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedFor {
    pub key: PublicKey,
    pub account_number: u64,
    pub sequence: u64,
}

impl SignedFor {
    /// Whether it is about this key and what the account is now.
    pub fn is(&self, key: &PublicKey, account: &Account) -> bool {
        self.key == *key && self.account_number == account.number && self.sequence == account.sequence
    }
}

impl Signature {
    /// The signature, if there is one and its parts fit together.
    pub fn readable_data(&self) -> Option<&SignatureData> {
        match &self.data {
            Some(Ok(data)) => Some(data),
            _ => None,
        }
    }
}

/// Reads a transaction and checks everything that needs no state: its encoding (ADR-027), unknown fields (ADR-020),
/// that it has messages which modules handle, and the messages themselves.
///
/// # Errors
/// `sdk/2` for what cannot be read, `sdk/18` without messages, `sdk/6` for a message without a module, and the failure
/// of a message's own check. Inside a block every `sdk/2` of this function reads `tx parse error`.
pub(crate) fn decode(bytes: &Bytes, modules: &Modules, chain: &ChainInfo) -> Result<DecodedTx, TxError> {
    // # Security
    // Depth is bounded in both passes (plume_codec::MAX_DEPTH, prost's own 100): stack overflow cannot be caught.
    require_deterministic_tx_raw(bytes).map_err(parse_error)?;
    reject_unknown("cosmos.tx.v1beta1.TxRaw", bytes, NonCritical::Reject).map_err(parse_error)?;
    let raw = TxRaw::decode(bytes.as_ref()).map_err(parse_error)?;

    reject_unknown("cosmos.tx.v1beta1.TxBody", &raw.body_bytes, NonCritical::Allow).map_err(parse_error)?;
    let body = TxBody::decode(raw.body_bytes.as_slice()).map_err(parse_error)?;
    for message in &body.messages {
        if !is_transaction_message(&message.type_url) {
            let url = &message.type_url;
            let text = format!("no concrete type registered for type URL {url} against interface *types.Msg");
            return Err(parse_error(text));
        }
    }

    // No type of option is known, so none can be read, critical or not.
    if !body.extension_options.is_empty() || !body.non_critical_extension_options.is_empty() {
        return Err(parse_error("no registered implementations of type tx.TxExtensionOptionI"));
    }

    reject_unknown("cosmos.tx.v1beta1.AuthInfo", &raw.auth_info_bytes, NonCritical::Reject).map_err(parse_error)?;
    let auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).map_err(parse_error)?;
    let fee = Fee::read(auth_info.fee.as_ref()).map_err(parse_error)?;
    let signatures: Vec<Bytes> = raw.signatures.into_iter().map(Bytes::from).collect();
    let infos = read_infos(&auth_info, &signatures)?;

    if body.messages.is_empty() {
        return Err(TxError::wrap(sdk::INVALID_REQUEST, "must contain at least one message"));
    }
    let mut proofs = Vec::new();
    for (index, message) in body.messages.iter().enumerate() {
        let jobs = modules.check(chain, &message.type_url, &message.value)?;
        proofs.extend(jobs.into_iter().map(|job| (index, job)));
    }

    let signers = find_signers(&body, &fee, chain);
    Ok(DecodedTx {
        len: bytes.len(),
        body_bytes: raw.body_bytes.into(),
        auth_info_bytes: raw.auth_info_bytes.into(),
        signature_count: signatures.len(),
        body,
        auth_info,
        fee,
        signers,
        infos,
        proofs,
        checked: Mutex::default(),
    })
}

fn parse_error(reason: impl core::fmt::Display) -> TxError {
    TxError::wrap(sdk::TX_DECODE, reason)
}

fn read_infos(auth_info: &AuthInfo, signatures: &[Bytes]) -> Result<Vec<Signature>, TxError> {
    let read = |(index, info): (usize, &plume_proto::cosmos::tx::v1beta1::SignerInfo)| {
        let key = info.public_key.as_ref().map(PublicKey::from_any).transpose().map_err(parse_error)?;
        // A missing signature is noticed when signers and signatures are counted.
        let signature = signatures.get(index).cloned().unwrap_or_default();
        let mode = info.mode_info.as_ref();
        let data = mode.map(|mode| SignatureData::from_proto(Some(mode), &signature));
        let sequence = if mode.is_some() { info.sequence } else { 0 };
        let address = key.as_ref().map(PublicKey::address);
        Ok(Signature { key, address, sequence, data, valid_for: OnceLock::new() })
    };
    auth_info.signer_infos.iter().enumerate().map(read).collect()
}

/// # Errors
/// An address that is none: like the SDK, without a number of its own (`undefined/1`).
fn find_signers(body: &TxBody, fee: &Fee, chain: &ChainInfo) -> Result<Signers, TxError> {
    let mut all: Vec<Address> = Vec::with_capacity(1);
    let mut first_of_message = Vec::with_capacity(body.messages.len());
    for message in &body.messages {
        let texts = plume_codec::signers(&message.type_url, &message.value).map_err(|e| internal(e.to_string()))?;
        let mut first = None;
        for text in &texts {
            let address = chain.prefix.parse_account(text).map_err(|e| internal(e.to_string()))?;
            first.get_or_insert_with(|| address.clone());
            if !all.contains(&address) {
                all.push(address);
            }
        }
        first_of_message.push(first);
    }
    let named = match fee.payer.as_str() {
        "" => None,
        text => Some(chain.prefix.parse_account(text).map_err(|e| internal(e.to_string()))?),
    };
    let fee_payer = named.or_else(|| all.first().cloned());
    if let Some(payer) = fee_payer.as_ref().filter(|payer| !all.contains(payer)) {
        all.push(payer.clone());
    }
    let texts = all.iter().map(|signer| chain.prefix.account(signer)).collect();
    Ok(Signers { all, first_of_message, texts, fee_payer })
}

/// A failure that the SDK leaves without a number (`undefined/1`), with its own text.
pub(super) fn internal(message: impl Into<String>) -> TxError {
    TxError { codespace: sdk::INTERNAL.codespace.into(), code: sdk::INTERNAL.code, message: message.into() }
}
