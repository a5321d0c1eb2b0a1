//! The screens of a whole transaction.

use plume_proto::cosmos::tx::v1beta1::{AuthInfo, SignerInfo, TxBody};
use plume_proto::{Any, Message};
use sha2::{Digest, Sha256};

use super::numbers::format_int;
use super::screens::{Renderer, dynamic, numbered, unsupported};
use super::{TextualError, TextualSigner};
use crate::CodecError;

/// # Consensus
/// Order and titles are those of the SDK's `Envelope` message; what is empty or zero does not show.
pub(super) fn render<E>(
    out: &mut Renderer<'_, '_, E>,
    body_bytes: &[u8],
    auth_info_bytes: &[u8],
    signer: &TextualSigner<'_>,
) -> Result<(), TextualError<E>> {
    let body = TxBody::decode(body_bytes).map_err(|error| malformed("cosmos.tx.v1beta1.TxBody", &error))?;
    let auth_info =
        AuthInfo::decode(auth_info_bytes).map_err(|error| malformed("cosmos.tx.v1beta1.AuthInfo", &error))?;
    // The SDK's renderer cannot do without either.
    let fee = auth_info.fee.as_ref().ok_or_else(|| unsupported("cosmos.tx.v1beta1.AuthInfo.fee", "not set"))?;
    let others = others(&auth_info, signer)?;

    text(out, "Chain id", signer.chain_id);
    number(out, "Account number", signer.account_number)?;
    number(out, "Sequence", signer.sequence)?;
    out.set_expert(true);
    text(out, "Address", signer.address);
    out.any("Public key", &signer.public_key.type_url, &signer.public_key.value, 0)?;
    out.set_expert(false);

    if !body.messages.is_empty() {
        let count = body.messages.len();
        out.push("", format!("This transaction has {count} Message{}", if count == 1 { "" } else { "s" }), 0);
        elements(out, "Message", &body.messages)?;
    }
    text(out, "Memo", &body.memo);
    if !fee.amount.is_empty() {
        out.fees("Fees", &fee.amount)?;
    }

    out.set_expert(true);
    text(out, "Fee payer", &fee.payer);
    text(out, "Fee granter", &fee.granter);
    number(out, "Gas limit", fee.gas_limit)?;
    number(out, "Timeout height", body.timeout_height)?;
    if !others.is_empty() {
        out.list_start("Other signer", others.len(), "SignerInfo", 0);
        for (index, info) in others.iter().enumerate() {
            let (plan, message) = dynamic(*info)?;
            out.message(&numbered("Other signer", index, others.len()), plan, &message, 1)?;
        }
        out.list_end("Other signer", 0);
    }
    for (title, options) in [
        ("Extension options", &body.extension_options),
        ("Non critical extension options", &body.non_critical_extension_options),
    ] {
        if !options.is_empty() {
            out.list_start(title, options.len(), "Any", 0);
            elements(out, title, options)?;
        }
    }
    text(out, "Hash of raw bytes", &raw_hash(body_bytes, auth_info_bytes));
    Ok(())
}

fn malformed(message: &str, error: &plume_proto::prost::DecodeError) -> CodecError {
    CodecError::Malformed { message: message.to_owned(), reason: error.to_string() }
}

/// All signers whose key is another.
///
/// # Errors
/// A signer whose key the transaction leaves to the account: nobody could be shown who that is, and the SDK fails too.
fn others<'a>(auth_info: &'a AuthInfo, signer: &TextualSigner<'_>) -> Result<Vec<&'a SignerInfo>, CodecError> {
    let mut others = Vec::new();
    for info in &auth_info.signer_infos {
        let key = info.public_key.as_ref();
        let key = key.ok_or_else(|| unsupported("cosmos.tx.v1beta1.SignerInfo.public_key", "not set"))?;
        if key.value != signer.public_key.value {
            others.push(info);
        }
    }
    Ok(others)
}

fn elements<E>(out: &mut Renderer<'_, '_, E>, title: &str, packed: &[Any]) -> Result<(), TextualError<E>> {
    for (index, any) in packed.iter().enumerate() {
        out.any(&numbered(title, index, packed.len()), &any.type_url, &any.value, 1)?;
    }
    out.list_end(title, 0);
    Ok(())
}

fn text<E>(out: &mut Renderer<'_, '_, E>, title: &str, content: &str) {
    if !content.is_empty() {
        out.push(title, content, 0);
    }
}

fn number<E>(out: &mut Renderer<'_, '_, E>, title: &str, value: u64) -> Result<(), CodecError> {
    if value > 0 {
        out.push(title, format_int(&value.to_string()).map_err(|problem| unsupported(title, problem))?, 0);
    }
    Ok(())
}

/// Binds the signature to the very bytes, whatever of them does not show: both lengths stand in front, so that no byte
/// can move from one part to the other.
fn raw_hash(body: &[u8], auth_info: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [body, auth_info] {
        hash.update(u64::try_from(part.len()).expect("usize is at most 64 bits").to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
