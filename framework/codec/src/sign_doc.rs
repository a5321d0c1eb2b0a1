use plume_proto::cosmos::tx::v1beta1::{Fee, SignDocDirectAux, TxBody};
use plume_proto::{Any, Message};

use crate::CodecError;
use crate::amino::Writer;
use crate::unknown::{NonCritical, reject_unknown};

/// What a signature covers beside the transaction, so that it cannot be used again.
#[derive(Debug, Clone, Copy)]
pub struct SignerData<'a> {
    /// Id of the chain.
    pub chain_id: &'a str,
    /// Number of the signing account.
    pub account_number: u64,
    /// Its sequence.
    pub sequence: u64,
}

/// Returns the bytes that `SIGN_MODE_DIRECT` signs: a `SignDoc` over the body and auth info as they were **received**.
pub fn sign_doc_direct(body: &[u8], auth_info: &[u8], chain_id: &str, account_number: u64) -> Vec<u8> {
    const ACCOUNT_NUMBER_TAG: u8 = 4 << 3;

    // Tags, three lengths and the number take at most 44 bytes.
    let content = body.len().saturating_add(auth_info.len()).saturating_add(chain_id.len());
    let mut out = Vec::with_capacity(content.saturating_add(44));
    for (tag, bytes) in [(0x0a, body), (0x12, auth_info), (0x1a, chain_id.as_bytes())] {
        if !bytes.is_empty() {
            out.push(tag);
            put_varint(&mut out, u64::try_from(bytes.len()).expect("usize is at most 64 bits"));
            out.extend_from_slice(bytes);
        }
    }
    if account_number > 0 {
        out.push(ACCOUNT_NUMBER_TAG);
        put_varint(&mut out, account_number);
    }
    out
}

/// Returns the bytes that `SIGN_MODE_DIRECT_AUX` signs: the received body and who signs it, not the fee, so that whoever
/// pays can choose it later. `public_key` is the account's key; of a threshold key, not of its member.
///
/// Nobody may sign so for the fee that they pay; the caller sees to that.
pub fn sign_doc_direct_aux(body: &[u8], public_key: &Any, signer: &SignerData<'_>) -> Vec<u8> {
    let document = SignDocDirectAux {
        body_bytes: body.to_vec(),
        public_key: Some(public_key.clone()),
        chain_id: signer.chain_id.to_owned(),
        account_number: signer.account_number,
        sequence: signer.sequence,
        ..SignDocDirectAux::default()
    };
    document.encode_to_vec()
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("below 0x80"));
}

/// Returns the bytes that `SIGN_MODE_LEGACY_AMINO_JSON` signs: the `StdSignDoc` of `body` and `fee` as JSON with sorted
/// keys, without spaces.
///
/// `body_bytes` are the received bytes of `body`: unknown fields are not part of the JSON, so even non-critical ones
/// are refused.
///
/// # Errors
/// [`CodecError::UnknownField`]; [`CodecError::AminoExtensionOptions`]; [`CodecError::AminoUnsupported`] or malformed
/// bytes in a message.
pub fn sign_doc_amino(
    body_bytes: &[u8],
    body: &TxBody,
    fee: &Fee,
    signer: &SignerData<'_>,
) -> Result<Vec<u8>, CodecError> {
    reject_unknown("cosmos.tx.v1beta1.TxBody", body_bytes, NonCritical::Reject)?;
    if !body.extension_options.is_empty() || !body.non_critical_extension_options.is_empty() {
        return Err(CodecError::AminoExtensionOptions);
    }
    // # Security
    // The document has no place for them: without this anyone could add them to a signed transaction.
    for (name, is_set) in [("unordered", body.unordered), ("timeout_timestamp", body.timeout_timestamp.is_some())] {
        if is_set {
            let field = format!("cosmos.tx.v1beta1.TxBody.{name}");
            return Err(CodecError::AminoUnsupported { field, reason: "not part of SDK 0.50's sign document" });
        }
    }

    let mut out = Writer::default();
    out.raw("{\"account_number\":");
    out.quoted(&signer.account_number.to_string());
    out.raw(",\"chain_id\":");
    out.quoted(signer.chain_id);
    out.raw(",\"fee\":{\"amount\":[");
    for (index, coin) in fee.amount.iter().enumerate() {
        out.comma(index > 0);
        out.message("cosmos.base.v1beta1.Coin", &coin.encode_to_vec())?;
    }
    out.raw("],\"gas\":");
    out.quoted(&fee.gas_limit.to_string());
    for (key, text) in [(",\"granter\":", &fee.granter), (",\"payer\":", &fee.payer)] {
        if !text.is_empty() {
            out.raw(key);
            out.quoted(text);
        }
    }
    out.raw("},\"memo\":");
    out.quoted(&body.memo);
    out.raw(",\"msgs\":[");
    for (index, message) in body.messages.iter().enumerate() {
        out.comma(index > 0);
        out.any(&message.type_url, &message.value)?;
    }
    out.raw("],\"sequence\":");
    out.quoted(&signer.sequence.to_string());
    if body.timeout_height > 0 {
        out.raw(",\"timeout_height\":");
        out.quoted(&body.timeout_height.to_string());
    }
    out.raw("}");
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plume_proto::cosmos::tx::v1beta1::SignDoc;

    #[test]
    fn direct_sign_doc_is_the_encoding_of_the_message() {
        for (body, auth_info, chain_id, account_number) in [
            (vec![], vec![], "", 0),
            (vec![1; 3], vec![2; 200], "plume-local-1", 7),
            (vec![1; 20_000], vec![], "c", u64::MAX),
        ] {
            let expected = SignDoc {
                body_bytes: body.clone(),
                auth_info_bytes: auth_info.clone(),
                chain_id: chain_id.into(),
                account_number,
            };
            assert_eq!(sign_doc_direct(&body, &auth_info, chain_id, account_number), expected.encode_to_vec());
        }
    }
}
