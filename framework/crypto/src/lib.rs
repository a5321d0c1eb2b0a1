//! Public keys, signatures and their verification: once each, in batches, on all cores.
//!
//! `README.md` is the specification. Verification is deterministic: the same bytes get the same verdict on every
//! machine, alone or in a batch.
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
mod batch;
mod bit_array;
mod cache;
mod ed25519;
mod private_key;
mod public_key;
mod scheme;
mod secp256k1;
mod signature;

pub use batch::{Job, verify_all};
pub use bit_array::{BitArray, InvalidBitArray};
pub use cache::VerifyCache;
pub use ed25519::Ed25519;
pub use private_key::{InvalidPrivateKey, PrivateKey};
pub use public_key::{Multisig, PublicKey, PublicKeyError, type_urls};
pub use scheme::{Item, SignatureScheme};
pub use secp256k1::Secp256k1;
pub use signature::{Leaf, SignatureData, SignatureError, checks, first_failure};
