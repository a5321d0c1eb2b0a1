//! Encodings derived from descriptors: signers, sign bytes, transaction checks and JSON.
//!
//! Nothing here knows a message by name: a new message needs its `.proto` file with the right options and no code.
//! All functions are deterministic, bound their depth and return an error on bytes that they cannot read.
//! `README.md` is the specification.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::panic
    )
)]

mod amino;
mod error;
mod json;
mod legacy;
mod schema;
mod sign_doc;
mod signers;
mod textual;
mod tx_raw;
mod unknown;
mod wire;

pub use amino::amino_json;
pub use error::{CodecError, JsonProblem, NotDeterministic};
pub use json::{UnknownFields, decode_json, encode_json, from_json, from_json_with, to_json};
pub use legacy::{legacy_tx_from_json, legacy_tx_to_json};
pub use schema::{AddDescriptorsError, add_descriptors, is_transaction_message, pool};
pub use sign_doc::{SignerData, sign_doc_amino, sign_doc_direct, sign_doc_direct_aux};
pub use signers::signers;
pub use textual::{
    MetadataSource, Screen, TextualError, TextualSigner, encode_screens, sign_doc_textual, textual_denoms,
    textual_message, textual_screens,
};
pub use tx_raw::require_deterministic_tx_raw;
pub use unknown::{NonCritical, reject_unknown};
pub use wire::WireType;

/// How deep messages may nest, those inside an `Any` included. Real ones stay below 20; without a bound a small
/// transaction could overflow the stack, which cannot be caught.
pub const MAX_DEPTH: usize = 100;
