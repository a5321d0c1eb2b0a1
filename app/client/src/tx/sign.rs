use std::str::FromStr;

use bytes::Bytes;
use plume_codec::{SignerData, sign_doc_amino, sign_doc_direct, signers};
use plume_crypto::{PrivateKey, PublicKey, SignatureData, SignatureError, checks, first_failure, verify_all};
use plume_primitives::{Address, Bech32Prefix};
use plume_proto::Message;
use plume_proto::cosmos::tx::v1beta1::{Fee, SignerInfo, Tx};

use super::TxError;

/// What bytes are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignMode {
    /// The encoded transaction (`SIGN_MODE_DIRECT`).
    #[default]
    Direct,
    /// Sorted JSON (`SIGN_MODE_LEGACY_AMINO_JSON`): for threshold keys, several signers and hardware wallets.
    AminoJson,
}

/// The account that signs, as the chain knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer<'a> {
    /// Id of the chain.
    pub chain_id: &'a str,
    /// The account's number.
    pub account_number: u64,
    /// The account's next sequence.
    pub sequence: u64,
}

impl SignMode {
    /// The number in `ModeInfo`.
    pub fn number(self) -> i32 {
        match self {
            Self::Direct => 1,
            Self::AminoJson => 127,
        }
    }

    fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Direct),
            127 => Some(Self::AminoJson),
            _ => None,
        }
    }
}

impl FromStr for SignMode {
    type Err = TxError;

    fn from_str(text: &str) -> Result<Self, TxError> {
        match text {
            "direct" => Ok(Self::Direct),
            "amino-json" => Ok(Self::AminoJson),
            other => Err(TxError::SignMode(other.to_owned())),
        }
    }
}

/// Accounts whose signatures the transaction needs, in the order in which they must stand: the signers of all
/// messages, each once, then the fee payer.
///
/// # Errors
/// [`TxError::Codec`], [`TxError::SignerAddress`], [`TxError::Missing`].
pub fn required_signers(tx: &Tx, prefix: &Bech32Prefix) -> Result<Vec<Address>, TxError> {
    let body = tx.body.as_ref().ok_or(TxError::Missing("body"))?;
    let mut texts = Vec::new();
    for message in &body.messages {
        texts.extend(signers(&message.type_url, &message.value)?);
    }
    let payer = fee(tx)?.payer;
    if !payer.is_empty() {
        texts.push(payer);
    }
    let mut addresses: Vec<Address> = Vec::new();
    for text in texts {
        let address = prefix.parse_account(&text).map_err(|error| TxError::SignerAddress { text, error })?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn fee(tx: &Tx) -> Result<Fee, TxError> {
    Ok(tx.auth_info.as_ref().ok_or(TxError::Missing("auth_info"))?.fee.clone().unwrap_or_default())
}

/// The bytes that `signer` signs in `mode`. In direct mode they cover the signer infos, so these must be complete.
///
/// # Errors
/// [`TxError::Missing`], [`TxError::Codec`].
pub fn sign_bytes(tx: &Tx, mode: SignMode, signer: &Signer<'_>) -> Result<Vec<u8>, TxError> {
    let body = tx.body.as_ref().ok_or(TxError::Missing("body"))?;
    let auth_info = tx.auth_info.as_ref().ok_or(TxError::Missing("auth_info"))?;
    let body_bytes = body.encode_to_vec();
    match mode {
        SignMode::Direct => {
            Ok(sign_doc_direct(&body_bytes, &auth_info.encode_to_vec(), signer.chain_id, signer.account_number))
        }
        SignMode::AminoJson => {
            let data = SignerData {
                chain_id: signer.chain_id,
                account_number: signer.account_number,
                sequence: signer.sequence,
            };
            Ok(sign_doc_amino(&body_bytes, body, &fee(tx)?, &data)?)
        }
    }
}

/// Signs `tx` with `key` and puts the signature at the signer's place, replacing an earlier one of the same key. A
/// failure changes nothing.
///
/// # Errors
/// [`TxError::NotASigner`]; [`TxError::DirectWithSeveral`], since in direct mode each signature covers the keys of all
/// signers; those of [`sign_bytes`].
pub fn sign(
    tx: &mut Tx,
    key: &PrivateKey,
    mode: SignMode,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<(), TxError> {
    let public_key = key.public_key();
    let needed = required_signers(tx, prefix)?.len();
    if mode == SignMode::Direct && needed > 1 {
        return Err(TxError::DirectWithSeveral(needed));
    }
    let unsigned = SignatureData::Single { mode: mode.number(), signature: Bytes::new() };
    let mut signed = tx.clone();
    let at = place(&mut signed, &public_key, &unsigned, signer.sequence, prefix)?;
    let signature = key.sign(&sign_bytes(&signed, mode, signer)?);
    signed.signatures[at] = signature.to_vec();
    *tx = signed;
    Ok(())
}

/// Enters a signature and its signer info at the signer's place; returns the index.
pub(super) fn place(
    tx: &mut Tx,
    key: &PublicKey,
    data: &SignatureData,
    sequence: u64,
    prefix: &Bech32Prefix,
) -> Result<usize, TxError> {
    let needed = required_signers(tx, prefix)?;
    let address = key.address();
    let rank = |address: &Address| needed.iter().position(|needed| needed == address);
    let Some(own_rank) = rank(&address) else {
        let needed = needed.iter().map(|address| prefix.account(address)).collect();
        return Err(TxError::NotASigner { key: prefix.account(&address), needed });
    };
    let (mode_info, signature) = data.to_proto();
    let info = SignerInfo { public_key: Some(key.to_any()), mode_info: Some(mode_info), sequence };
    let auth_info = tx.auth_info.as_mut().ok_or(TxError::Missing("auth_info"))?;
    tx.signatures.resize(auth_info.signer_infos.len(), Vec::new());
    let ranks: Vec<Option<usize>> = auth_info
        .signer_infos
        .iter()
        .map(|info| info.public_key.as_ref().and_then(|key| PublicKey::from_any(key).ok()))
        .map(|key| key.and_then(|key| rank(&key.address())))
        .collect();
    if let Some(at) = ranks.iter().position(|rank| *rank == Some(own_rank)) {
        auth_info.signer_infos[at] = info;
        tx.signatures[at] = signature;
        return Ok(at);
    }
    let at = ranks.iter().position(|rank| rank.is_some_and(|rank| rank > own_rank)).unwrap_or(ranks.len());
    auth_info.signer_infos.insert(at, info);
    tx.signatures.insert(at, signature);
    Ok(at)
}

/// Checks the signature in `data` by `key` over `tx`.
///
/// # Errors
/// [`TxError::Signature`]; those of [`sign_bytes`].
pub fn require_valid(
    tx: &Tx,
    key: &PublicKey,
    data: &SignatureData,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<(), TxError> {
    let refuse = |error| TxError::Signature { address: prefix.account(&key.address()), error };
    let leaves = checks(key, data).map_err(refuse)?;
    let mut jobs = Vec::with_capacity(leaves.len());
    for leaf in &leaves {
        let mode = SignMode::from_number(leaf.mode).ok_or_else(|| refuse(SignatureError::NoMode))?;
        jobs.push(leaf.job(sign_bytes(tx, mode, signer)?.into()));
    }
    first_failure(&leaves, &verify_all(&jobs)).map_err(refuse)
}
