//! `SIGN_MODE_TEXTUAL`: a transaction as screens that a person reads on a signing device, by ADR-050 of the Cosmos SDK,
//! its annexes 1 (how values are rendered) and 2 (how screens are encoded).
//!
//! # Consensus
//! Every letter is signed. Where the SDK's renderer (`cosmossdk.io/x/tx` v0.13) and the annexes differ, the renderer is
//! followed, since devices and wallets sign what it renders.

mod cbor;
mod coins;
mod document;
mod numbers;
mod screens;
mod times;

use std::convert::Infallible;

use plume_proto::Any;
use plume_proto::cosmos::bank::v1beta1::Metadata;
use thiserror::Error;

use crate::CodecError;
use crate::schema::schema;

pub use screens::Screen;

use screens::Renderer;

/// Who signs, and for which chain.
#[derive(Debug, Clone, Copy)]
pub struct TextualSigner<'a> {
    /// Address of the account; of a threshold key, not of its member.
    pub address: &'a str,
    /// Id of the chain.
    pub chain_id: &'a str,
    /// Number of the account.
    pub account_number: u64,
    /// Its sequence.
    pub sequence: u64,
    /// The account's public key; of a threshold key, not of its member.
    pub public_key: &'a Any,
}

/// Why there are no screens: the transaction has none, or its coins cannot be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextualError<E> {
    /// A part that cannot be read or has no rendering.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// What the look-up of a denomination answered.
    #[error("{0}")]
    Metadata(E),
}

/// Finds the metadata of a denomination, `None` where there is none. Asked for each coin in the order of the screens,
/// also for one that was asked for before: in a node each question costs gas.
pub type MetadataSource<'a, E> = dyn FnMut(&str) -> Result<Option<Metadata>, E> + 'a;

/// Returns the bytes that `SIGN_MODE_TEXTUAL` signs: the screens of [`textual_screens`] as CBOR.
///
/// # Errors
/// Those of [`textual_screens`].
pub fn sign_doc_textual<E>(
    body: &[u8],
    auth_info: &[u8],
    signer: &TextualSigner<'_>,
    metadata: &mut MetadataSource<'_, E>,
) -> Result<Vec<u8>, TextualError<E>> {
    Ok(encode_screens(&textual_screens(body, auth_info, signer, metadata)?))
}

/// Renders a transaction, given as its encoded body and auth info, for one of its signers. The bytes themselves are
/// part of the screens, as a hash, so that nothing in them escapes the signature.
///
/// # Errors
/// [`TextualError::Codec`] for bytes that are no transaction, types that have no rendering (maps, floating point
/// numbers), unknown values of enumerations, times and durations out of range, amounts that are no numbers;
/// [`TextualError::Metadata`] as `metadata` answers.
pub fn textual_screens<E>(
    body: &[u8],
    auth_info: &[u8],
    signer: &TextualSigner<'_>,
    metadata: &mut MetadataSource<'_, E>,
) -> Result<Vec<Screen>, TextualError<E>> {
    let mut renderer = Renderer::new(metadata);
    document::render(&mut renderer, body, auth_info, signer)?;
    Ok(renderer.finish())
}

/// Renders one message as an object of its own, without a transaction around it.
///
/// # Errors
/// As [`textual_screens`]; [`CodecError::UnknownType`].
pub fn textual_message<E>(
    name: &str,
    bytes: &[u8],
    metadata: &mut MetadataSource<'_, E>,
) -> Result<Vec<Screen>, TextualError<E>> {
    let plan = schema().named(name)?;
    let mut renderer = Renderer::new(metadata);
    renderer.message("", plan, &plan.decode(bytes)?, 0)?;
    Ok(renderer.finish())
}

/// The denominations whose metadata the screens of a transaction depend on, in the order in which they are looked up:
/// what a client must ask the node for before it signs.
///
/// # Errors
/// [`CodecError`], as [`textual_screens`].
pub fn textual_denoms(body: &[u8], auth_info: &[u8], signer: &TextualSigner<'_>) -> Result<Vec<String>, CodecError> {
    let mut denoms: Vec<String> = Vec::new();
    let mut record = |denom: &str| {
        if !denoms.iter().any(|known| known == denom) {
            denoms.push(denom.to_owned());
        }
        Ok::<_, Infallible>(None)
    };
    match textual_screens(body, auth_info, signer, &mut record) {
        Ok(_) => Ok(denoms),
        Err(TextualError::Codec(error)) => Err(error),
        Err(TextualError::Metadata(never)) => match never {},
    }
}

/// Encodes screens as annex 2 says: a map with the list of screens under 1; of each screen title (1), content (2),
/// indentation (3) and whether it is for experts (4), as far as they are not empty.
pub fn encode_screens(screens: &[Screen]) -> Vec<u8> {
    cbor::encode(screens)
}
