use bytes::Bytes;
use plume_codec::{
    SignerData, TextualError, TextualSigner, sign_doc_amino, sign_doc_direct, sign_doc_direct_aux, sign_doc_textual,
};
use plume_crypto::PublicKey;
use plume_primitives::{Address, Denom};
use plume_proto::cosmos::bank::v1beta1::Metadata;

use super::decode::DecodedTx;
use super::sign_mode;
use crate::machine::Rules;

/// The account for which a signature stands: of a threshold key the account of that key, not of its member.
pub(super) struct SigningAccount<'a> {
    pub address: Address,
    pub key: &'a PublicKey,
    pub number: u64,
    pub sequence: u64,
}

/// What a signature in `mode` covers. The inner error says why there is no such thing, in the SDK's words where it has
/// some; the outer one is that of `metadata`.
pub(super) fn sign_bytes<E>(
    tx: &DecodedTx,
    mode: i32,
    rules: &Rules,
    signer: &SigningAccount<'_>,
    metadata: &mut dyn FnMut(&Denom) -> Result<Option<Metadata>, E>,
) -> Result<Result<Bytes, String>, E> {
    let chain_id = rules.chain.chain_id.as_str();
    let data = SignerData { chain_id, account_number: signer.number, sequence: signer.sequence };
    Ok(match mode {
        sign_mode::DIRECT => Ok(sign_doc_direct(&tx.body_bytes, &tx.auth_info_bytes, chain_id, signer.number).into()),
        sign_mode::LEGACY_AMINO_JSON => {
            let fee = tx.auth_info.fee.clone().unwrap_or_default();
            sign_doc_amino(&tx.body_bytes, &tx.body, &fee, &data).map(Bytes::from).map_err(|e| e.to_string())
        }
        sign_mode::DIRECT_AUX => require_not_payer(tx, rules, &signer.address)
            .map(|()| sign_doc_direct_aux(&tx.body_bytes, &signer.key.to_any(), &data).into()),
        sign_mode::TEXTUAL => return textual(tx, rules, signer, metadata),
        other => Err(format!("unsupported sign mode {}", sign_mode::name(other))),
    })
}

/// # Security
/// The mode does not cover the fee, so whoever pays must sign in another. Compared by address: the SDK compares texts,
/// and one address has two.
fn require_not_payer(tx: &DecodedTx, rules: &Rules, signer: &Address) -> Result<(), String> {
    match &tx.signers {
        Ok(signers) if signers.fee_payer.as_ref() == Some(signer) => {}
        _ => return Ok(()),
    }
    let payer = rules.chain.prefix.account(signer);
    Err(format!("fee payer {payer} cannot sign with {}: unauthorized", sign_mode::name(sign_mode::DIRECT_AUX)))
}

fn textual<E>(
    tx: &DecodedTx,
    rules: &Rules,
    signer: &SigningAccount<'_>,
    metadata: &mut dyn FnMut(&Denom) -> Result<Option<Metadata>, E>,
) -> Result<Result<Bytes, String>, E> {
    /// Why a denomination has no answer: its name is none, or the state.
    enum Failure<E> {
        Invalid(String),
        State(E),
    }

    let public_key = signer.key.to_any();
    let who = TextualSigner {
        address: &rules.chain.prefix.account(&signer.address),
        chain_id: rules.chain.chain_id.as_str(),
        account_number: signer.number,
        sequence: signer.sequence,
        public_key: &public_key,
    };
    let mut source = |denom: &str| {
        let denom = Denom::new(denom).map_err(|_| {
            // The SDK asks its bank's query server.
            Failure::Invalid(format!("rpc error: code = InvalidArgument desc = invalid denom: {denom}"))
        })?;
        metadata(&denom).map_err(Failure::State)
    };
    match sign_doc_textual(&tx.body_bytes, &tx.auth_info_bytes, &who, &mut source) {
        Ok(bytes) => Ok(Ok(bytes.into())),
        Err(TextualError::Codec(e)) => Ok(Err(e.to_string())),
        Err(TextualError::Metadata(Failure::Invalid(reason))) => Ok(Err(reason)),
        Err(TextualError::Metadata(Failure::State(e))) => Err(e),
    }
}
