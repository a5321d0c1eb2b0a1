use std::str::FromStr;

use bytes::Bytes;
use plume_codec::{
    SignerData, TextualError, TextualSigner, sign_doc_amino, sign_doc_direct, sign_doc_direct_aux, sign_doc_textual,
    signers,
};
use plume_crypto::{PrivateKey, PublicKey, SignatureData, SignatureError, checks, first_failure, verify_all};
use plume_primitives::{Address, Bech32Prefix};
use plume_proto::Message;
use plume_proto::cosmos::bank::v1beta1::Metadata;
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
    /// Screens that people read on a device (`SIGN_MODE_TEXTUAL`): depends on how the chain writes denominations.
    Textual,
    /// The body without the fee (`SIGN_MODE_DIRECT_AUX`): for those who do not pay it.
    DirectAux,
}

/// Answers how a denomination is written, `None` where the chain has nothing recorded. The error is what went wrong
/// while asking the node.
pub type DenomSource<'a> = dyn FnMut(&str) -> Result<Option<Metadata>, String> + 'a;

/// The source of those who cannot ask anybody.
fn nobody(denom: &str) -> Result<Option<Metadata>, String> {
    Err(format!("how {denom} is written for people must be asked of a node"))
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
            Self::Textual => 2,
            Self::DirectAux => 3,
            Self::AminoJson => 127,
        }
    }

    /// Whether a signature covers who else signs, and how.
    fn covers_all_signers(self) -> bool {
        matches!(self, Self::Direct | Self::Textual)
    }

    fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Direct),
            2 => Some(Self::Textual),
            3 => Some(Self::DirectAux),
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
            "textual" => Ok(Self::Textual),
            "direct-aux" => Ok(Self::DirectAux),
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

/// The bytes that are signed in `mode` for the account `signer`, whose key is `key`: of a threshold key that key, not
/// its member. In the direct and textual modes they cover the signer infos, so these must be complete. Only the textual
/// mode asks `denoms`.
///
/// # Errors
/// [`TxError::Missing`], [`TxError::Codec`], [`TxError::Denom`].
pub fn sign_bytes(
    tx: &Tx,
    mode: SignMode,
    key: &PublicKey,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
    denoms: &mut DenomSource<'_>,
) -> Result<Vec<u8>, TxError> {
    let body = tx.body.as_ref().ok_or(TxError::Missing("body"))?;
    let auth_info = tx.auth_info.as_ref().ok_or(TxError::Missing("auth_info"))?;
    let (body_bytes, auth_info_bytes) = (body.encode_to_vec(), auth_info.encode_to_vec());
    let data =
        SignerData { chain_id: signer.chain_id, account_number: signer.account_number, sequence: signer.sequence };
    match mode {
        SignMode::Direct => Ok(sign_doc_direct(&body_bytes, &auth_info_bytes, signer.chain_id, signer.account_number)),
        SignMode::AminoJson => Ok(sign_doc_amino(&body_bytes, body, &fee(tx)?, &data)?),
        SignMode::DirectAux => Ok(sign_doc_direct_aux(&body_bytes, &key.to_any(), &data)),
        SignMode::Textual => {
            let who = TextualSigner {
                address: &prefix.account(&key.address()),
                chain_id: signer.chain_id,
                account_number: signer.account_number,
                sequence: signer.sequence,
                public_key: &key.to_any(),
            };
            sign_doc_textual(&body_bytes, &auth_info_bytes, &who, denoms).map_err(|error| match error {
                TextualError::Codec(error) => error.into(),
                TextualError::Metadata(reason) => TxError::Denom(reason),
            })
        }
    }
}

/// [`sign_asking`] for transactions without coins, or in any mode but the textual one.
///
/// # Errors
/// Those of [`sign_asking`].
pub fn sign(
    tx: &mut Tx,
    key: &PrivateKey,
    mode: SignMode,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<(), TxError> {
    sign_asking(tx, key, mode, signer, prefix, &mut nobody)
}

/// Signs `tx` with `key` and puts the signature at the signer's place, replacing an earlier one of the same key. A
/// failure changes nothing.
///
/// # Errors
/// [`TxError::NotASigner`]; [`TxError::NotTheLast`] in a mode that covers the keys of all signers, while some of them
/// are not in the transaction yet; [`TxError::AuxByPayer`]; those of [`sign_bytes`].
pub fn sign_asking(
    tx: &mut Tx,
    key: &PrivateKey,
    mode: SignMode,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
    denoms: &mut DenomSource<'_>,
) -> Result<(), TxError> {
    let public_key = key.public_key();
    let needed = required_signers(tx, prefix)?;
    if mode == SignMode::DirectAux && payer(tx, &needed, prefix)? == Some(public_key.address()) {
        return Err(TxError::AuxByPayer(prefix.account(&public_key.address())));
    }
    let unsigned = SignatureData::Single { mode: mode.number(), signature: Bytes::new() };
    let mut signed = tx.clone();
    let at = place(&mut signed, &public_key, &unsigned, signer.sequence, prefix)?;
    let missing = needed.len().saturating_sub(signed.signatures.len());
    if mode.covers_all_signers() && missing > 0 {
        return Err(TxError::NotTheLast(missing));
    }
    let bytes = sign_bytes(&signed, mode, &public_key, signer, prefix, denoms)?;
    signed.signatures[at] = key.sign(&bytes).to_vec();
    *tx = signed;
    Ok(())
}

/// Who pays the fee: whom the transaction names, else the first signer.
fn payer(tx: &Tx, signers: &[Address], prefix: &Bech32Prefix) -> Result<Option<Address>, TxError> {
    let text = fee(tx)?.payer;
    if text.is_empty() {
        return Ok(signers.first().cloned());
    }
    prefix.parse_account(&text).map(Some).map_err(|error| TxError::SignerAddress { text, error })
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

/// [`require_valid_asking`] for signatures in any mode but the textual one.
///
/// # Errors
/// Those of [`require_valid_asking`].
pub fn require_valid(
    tx: &Tx,
    key: &PublicKey,
    data: &SignatureData,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<(), TxError> {
    require_valid_asking(tx, key, data, signer, prefix, &mut nobody)
}

/// Checks the signature in `data` by `key` over `tx`.
///
/// # Errors
/// [`TxError::Signature`]; those of [`sign_bytes`].
pub fn require_valid_asking(
    tx: &Tx,
    key: &PublicKey,
    data: &SignatureData,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
    denoms: &mut DenomSource<'_>,
) -> Result<(), TxError> {
    let refuse = |error| TxError::Signature { address: prefix.account(&key.address()), error };
    let leaves = checks(key, data).map_err(refuse)?;
    let mut jobs = Vec::with_capacity(leaves.len());
    for leaf in &leaves {
        let mode = SignMode::from_number(leaf.mode).ok_or_else(|| refuse(SignatureError::NoMode))?;
        jobs.push(leaf.job(sign_bytes(tx, mode, key, signer, prefix, denoms)?.into()));
    }
    first_failure(&leaves, &verify_all(&jobs)).map_err(refuse)
}
