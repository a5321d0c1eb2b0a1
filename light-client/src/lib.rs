#![doc = include_str!("../README.md")]

mod client;
mod divergence;
mod error;
mod light_block;
mod options;
mod proof;
mod provider;
pub mod rpc;
mod store;
mod verify;

pub use client::{Client, Mode, Sources, Verified};
pub use divergence::{BlockRef, Divergence, Finding, WitnessReport};
pub use error::{Error, VerifyError};
pub use light_block::{InvalidBlock, LightBlock, MAX_VALIDATORS};
pub use options::{InvalidOptions, TrustLevel, TrustOptions};
pub use proof::{
    APP_PROOF_OP, MAX_PROOF_BYTES, ProofError, ProofOp, STORE_PROOF_OP, app_proof_spec, store_proof_spec,
    verify_absence, verify_membership,
};
pub use provider::{Provider, ProviderError};
pub use store::{MemoryStore, Store, StoreError};
pub use verify::{verify_block, verify_step};

// The types of headers, commits and validators are tendermint-rs's; whoever uses this crate needs no second copy.
pub use tendermint::account::Id as Address;
pub use tendermint::block::{Header, signed_header::SignedHeader};
pub use tendermint::chain::Id as ChainId;
pub use tendermint::validator::{Info as Validator, Set as ValidatorSet};
pub use tendermint::{Hash, Time};
