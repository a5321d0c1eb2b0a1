mod aux;
mod draft;
mod multisig;
mod sign;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plume_codec::{CodecError, decode_json, encode_json};
use plume_crypto::SignatureError;
use plume_primitives::AddressError;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Tx, TxBody, TxRaw};
use plume_proto::{Message, prost};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use aux::{aux_from_json, aux_to_json, sign_aux, tx_of_aux};
pub use draft::{TxDraft, simulate_request};
pub use multisig::{combine_multisig, descriptors_from_json, descriptors_to_json, sign_as_multisig_member};
pub use sign::{
    DenomSource, SignMode, Signer, require_valid, require_valid_asking, required_signers, sign, sign_asking, sign_bytes,
};

/// Why a transaction cannot be built, read or signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TxError {
    /// A part that cannot be read or has no sign bytes.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A signer's address that is none of this chain.
    #[error("signer {text:?}: {error}")]
    SignerAddress {
        /// The address as the message writes it.
        text: String,
        /// What is wrong with it.
        error: AddressError,
    },
    /// A transaction without body or auth info.
    #[error("the transaction has no {0}")]
    Missing(&'static str),
    /// A key whose signature the transaction does not ask for.
    #[error("this key ({key}) is not asked to sign: the transaction needs {}", .needed.join(", "))]
    NotASigner {
        /// Address of the key.
        key: String,
        /// Addresses whose signatures are needed.
        needed: Vec<String>,
    },
    /// A mode that covers the keys of all signers, while some have not signed.
    #[error(
        "sign modes direct and textual cover the keys of all signers, and {0} of them are missing: let them sign before \
         in amino-json or direct-aux, or sign in one of these"
    )]
    NotTheLast(usize),
    /// The mode for those who do not pay the fee.
    #[error("fee payer {0} cannot sign with direct-aux")]
    AuxByPayer(String),
    /// Nobody says how a denomination is written, which the textual mode must know.
    #[error("sign mode textual: {0}")]
    Denom(String),
    /// A threshold key that a single signature was made for, or the other way round.
    #[error("key {0} is not a threshold key")]
    NotAMultisig(String),
    /// A member's key that the threshold key does not contain.
    #[error("public key {0} is not part of the multisig")]
    NotAMember(String),
    /// Two signatures by one member.
    #[error("two signatures by the key at index {0} of the multisig")]
    TwiceSigned(usize),
    /// A signature that does not verify or does not fit the key.
    #[error("signature of {address}: {error} (signed for another chain, account number or sequence?)")]
    Signature {
        /// Whose signature.
        address: String,
        /// What is wrong with it.
        error: SignatureError,
    },
    /// A sign mode that does not exist here.
    #[error("unknown sign mode {0:?}: use direct, amino-json, textual or direct-aux")]
    SignMode(String),
    /// A signature descriptor without key or data.
    #[error("a signature in this file has no {0}")]
    Descriptor(&'static str),
    /// What an auxiliary signer handed over and cannot be used.
    #[error("auxiliary signature: {0}")]
    Aux(String),
    /// Bytes or text that are no transaction.
    #[error("not a transaction: {0}")]
    NotATx(String),
}

/// The bytes to broadcast: `TxRaw`.
///
/// # Errors
/// [`TxError::Missing`].
pub fn encode_tx(tx: &Tx) -> Result<Vec<u8>, TxError> {
    let raw = TxRaw {
        body_bytes: tx.body.as_ref().ok_or(TxError::Missing("body"))?.encode_to_vec(),
        auth_info_bytes: tx.auth_info.as_ref().ok_or(TxError::Missing("auth_info"))?.encode_to_vec(),
        signatures: tx.signatures.clone(),
    };
    Ok(raw.encode_to_vec())
}

/// Reads the bytes of a transaction.
///
/// # Errors
/// [`TxError::NotATx`].
pub fn decode_tx(bytes: &[u8]) -> Result<Tx, TxError> {
    let refuse = |error: prost::DecodeError| TxError::NotATx(error.to_string());
    let raw = TxRaw::decode(bytes).map_err(refuse)?;
    Ok(Tx {
        body: Some(TxBody::decode(&*raw.body_bytes).map_err(refuse)?),
        auth_info: Some(AuthInfo::decode(&*raw.auth_info_bytes).map_err(refuse)?),
        signatures: raw.signatures,
    })
}

/// The transaction's hash: SHA-256 of its bytes, upper-case hexadecimal.
pub fn tx_hash(bytes: &[u8]) -> String {
    hex::encode_upper(Sha256::digest(bytes))
}

/// The JSON that `--generate-only` prints and `tx sign` reads.
///
/// # Errors
/// [`TxError::Codec`].
pub fn tx_to_json(tx: &Tx) -> Result<Value, TxError> {
    Ok(encode_json(tx)?)
}

/// Reads JSON, or base64 as `tx encode` prints it.
///
/// # Errors
/// [`TxError::NotATx`], [`TxError::Codec`].
pub fn tx_from_json(text: &str) -> Result<Tx, TxError> {
    let text = text.trim();
    if text.starts_with('{') {
        let json: Value = serde_json::from_str(text).map_err(|error| TxError::NotATx(error.to_string()))?;
        return Ok(decode_json(&json)?);
    }
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| TxError::NotATx("neither JSON nor base64".to_owned()))?;
    decode_tx(&bytes)
}
