//! Tendermint blocks, commits, votes and validator sets: building, hashing, checking.
//!
//! Everything here gives the same bytes and the same verdicts as CometBFT v0.38.25; `README.md` lists each rule with its
//! source. Nothing here reads a clock, a disk or the network.

pub mod abci;
mod block;
mod block_id;
mod canonical;
mod commit;
mod evidence;
mod header;
mod key;
pub mod merkle;
pub mod params;
mod results;
mod state;
mod validator;
mod validator_set;
mod vote;
mod vote_set;

/// Protobuf messages as they are hashed, stored and sent. The domain types of other crates drop empty parts, which
/// changes hashes.
pub use tendermint_proto::v0_38::types as raw;

pub use block::{BlockError, FullBlock, MAX_BLOCK_BYTES, MAX_EVIDENCE_BYTES, MAX_TXS, PART_SIZE};
pub use block_id::{BlockId, InvalidBlockId, PartSetHeader};
pub use commit::{
    CommitError, MAX_SIGNATURES, commit_hash, max_commit_bytes, median_time, no_commit, require_well_formed,
    verify_commit,
};
pub use evidence::evidence_hash;
pub use header::{BLOCK_PROTOCOL, HeaderError, header_hash};
pub use key::{InvalidKey, key_from_raw, key_to_raw, key_type};
pub use results::results_hash;
pub use state::{ChainState, InvalidBlock, StateError, commit_info, to_execute};
pub use validator::Validator;
pub use validator_set::{MAX_TOTAL_POWER, ValidatorSet, ValidatorSetError};
pub use vote::{Vote, VoteError, vote_sign_bytes};
pub use vote_set::{Added, VoteSet};

/// SHA-256.
pub type Hash = [u8; 32];

/// A validator's address: the first 20 bytes of SHA-256 of an Ed25519 key, RIPEMD-160 of SHA-256 of a secp256k1 key.
pub type Address = [u8; 20];
