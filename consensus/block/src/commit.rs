use bytes::Bytes;
use plume_crypto::{Job, verify_all};
use plume_primitives::{Height, Timestamp};
use prost::Message;
use tendermint_proto::v0_38::types::BlockIdFlag;

use crate::canonical::{InvalidTime, fill_commit, go_zero, time};
use crate::key::verifying;
use crate::{Address, BlockId, Hash, InvalidBlockId, ValidatorSet, merkle, raw, vote_sign_bytes};

/// Most signatures of a commit (`MaxVotesCount`).
pub const MAX_SIGNATURES: usize = 10_000;

/// Longest signature in bytes (`MaxSignatureSize`).
const MAX_SIGNATURE: usize = 64;

/// A commit that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A height below 0.
    #[error("invalid commit: negative height {0}")]
    NegativeHeight(i64),
    /// A round below 0.
    #[error("invalid commit: negative round {0}")]
    NegativeRound(i32),
    /// A half-filled block id.
    #[error("invalid commit: {0}")]
    BlockId(#[from] InvalidBlockId),
    /// A commit for nil.
    #[error("invalid commit: it is for no block")]
    NoBlock,
    /// A commit that nobody signed.
    #[error("invalid commit: no signatures")]
    NoSignatures,
    /// More signatures than a validator set may have.
    #[error("invalid commit: {got} signatures, at most {MAX_SIGNATURES}")]
    TooMany {
        /// The number found.
        got: usize,
    },
    /// A flag other than absent, commit or nil.
    #[error("invalid commit: signature {index} has unknown flag {flag}")]
    Flag {
        /// Position in the commit.
        index: usize,
        /// The flag found.
        flag: i32,
    },
    /// An absent signature with content.
    #[error("invalid commit: signature {index} is absent, but its {part} is present")]
    NotAbsent {
        /// Position in the commit.
        index: usize,
        /// What should be empty.
        part: &'static str,
    },
    /// An address of another length.
    #[error("invalid commit: address of signature {index} has {got} bytes, needs 20")]
    AddressLength {
        /// Position in the commit.
        index: usize,
        /// The length found.
        got: usize,
    },
    /// No signature, or too long a one, where the flag says that there is one.
    #[error("invalid commit: signature {index} has {got} bytes, needs 1 to {MAX_SIGNATURE}")]
    SignatureLength {
        /// Position in the commit.
        index: usize,
        /// The length found.
        got: usize,
    },
    /// A time that protobuf does not have.
    #[error("invalid commit: signature {index}: {error}")]
    Time {
        /// Position in the commit.
        index: usize,
        /// The time.
        error: InvalidTime,
    },
    /// Not one entry for each validator.
    #[error("invalid commit -- wrong set size: {expected} vs {got}")]
    SetSize {
        /// Validators.
        expected: usize,
        /// Entries in the commit.
        got: usize,
    },
    /// A commit of another height.
    #[error("invalid commit -- wrong height: {expected} vs {got}")]
    Height {
        /// The height asked for.
        expected: i64,
        /// The commit's.
        got: i64,
    },
    /// A commit for another block.
    #[error("invalid commit -- wrong block ID: want {expected}, got {got}")]
    WrongBlock {
        /// The block asked for.
        expected: Box<BlockId>,
        /// The commit's.
        got: Box<BlockId>,
    },
    /// An entry of another validator than the set has at that place.
    #[error("validator address mismatch at index {index}: expected {}, got {}", hex::encode_upper(.expected), hex::encode_upper(.got))]
    Validator {
        /// Position in the commit.
        index: usize,
        /// Address in the set.
        expected: Address,
        /// Address in the commit.
        got: Vec<u8>,
    },
    /// Two thirds of the power or less.
    #[error("invalid commit -- insufficient voting power: got {got}, needed more than {needed}")]
    Power {
        /// Power that signed for the block.
        got: i64,
        /// Two thirds of the whole, rounded down.
        needed: i64,
    },
    /// A signature that does not verify.
    #[error("wrong signature (#{index}): {}", hex::encode_upper(.signature))]
    WrongSignature {
        /// Position in the commit.
        index: usize,
        /// The signature.
        signature: Vec<u8>,
    },
    /// An entry of somebody who is no validator.
    #[error("commit validator not found in validator set: {}", hex::encode_upper(.0))]
    UnknownValidator(Vec<u8>),
}

/// What the first block carries in place of a last commit: height 0, no signatures.
pub fn no_commit() -> raw::Commit {
    raw::Commit { height: 0, round: 0, block_id: Some(BlockId::ZERO.to_raw()), signatures: Vec::new() }
}

/// The entry of a validator that did not sign.
pub(crate) fn absent() -> raw::CommitSig {
    raw::CommitSig {
        block_id_flag: BlockIdFlag::Absent.into(),
        validator_address: Vec::new(),
        timestamp: Some(go_zero()),
        signature: Vec::new(),
    }
}

/// Bytes that a commit of `validators` takes at most inside a block (`MaxCommitBytes`).
pub const fn max_commit_bytes(validators: usize) -> u64 {
    94 + 111 * validators as u64 // usize has at most 64 bits, a set at most 10,000 validators
}

/// Hash of a commit: the Merkle root over its entries (`Commit.Hash`). Height, round and block are not part of it.
pub fn commit_hash(commit: &raw::Commit) -> Hash {
    let mut entry = raw::CommitSig::default();
    let leaves: Vec<_> = commit
        .signatures
        .iter()
        .map(|signature| {
            entry.clone_from(signature);
            entry.timestamp.get_or_insert(go_zero());
            entry.encode_to_vec()
        })
        .collect();
    merkle::root(&leaves)
}

/// The commit's protobuf as Go writes it.
pub(crate) fn encode_commit(commit: &raw::Commit) -> Vec<u8> {
    let mut commit = commit.clone();
    fill_commit(&mut commit);
    commit.encode_to_vec()
}

/// Checks what a commit must be in itself, without its validators (`Commit.ValidateBasic`).
///
/// # Errors
/// [`CommitError`]; none about validators, power or the validity of signatures.
pub fn require_well_formed(commit: &raw::Commit) -> Result<(), CommitError> {
    if commit.height < 0 {
        return Err(CommitError::NegativeHeight(commit.height));
    }
    if commit.round < 0 {
        return Err(CommitError::NegativeRound(commit.round));
    }
    let block = BlockId::from_option(commit.block_id.as_ref())?;
    if commit.signatures.len() > MAX_SIGNATURES {
        return Err(CommitError::TooMany { got: commit.signatures.len() });
    }
    if commit.height > 0 {
        if block.is_zero() {
            return Err(CommitError::NoBlock);
        }
        if commit.signatures.is_empty() {
            return Err(CommitError::NoSignatures);
        }
    }
    commit.signatures.iter().enumerate().try_for_each(|(index, signature)| require_entry(index, signature))
}

/// `CommitSig.ValidateBasic`.
fn require_entry(index: usize, entry: &raw::CommitSig) -> Result<(), CommitError> {
    let at = time(entry.timestamp.as_ref()).map_err(|error| CommitError::Time { index, error })?;
    match BlockIdFlag::try_from(entry.block_id_flag) {
        Ok(BlockIdFlag::Absent) => {
            let parts = [
                ("address", entry.validator_address.is_empty()),
                ("time", at == Timestamp::GO_ZERO),
                ("signature", entry.signature.is_empty()),
            ];
            match parts.into_iter().find(|(_, empty)| !empty) {
                Some((part, _)) => Err(CommitError::NotAbsent { index, part }),
                None => Ok(()),
            }
        }
        Ok(BlockIdFlag::Commit | BlockIdFlag::Nil) => {
            if entry.validator_address.len() != 20 {
                return Err(CommitError::AddressLength { index, got: entry.validator_address.len() });
            }
            if !(1..=MAX_SIGNATURE).contains(&entry.signature.len()) {
                return Err(CommitError::SignatureLength { index, got: entry.signature.len() });
            }
            Ok(())
        }
        Ok(BlockIdFlag::Unknown) | Err(_) => Err(CommitError::Flag { index, flag: entry.block_id_flag }),
    }
}

/// Checks that more than two thirds of the power of `validators` signed block `id` at `height`, and that **every**
/// signature in the commit is valid (`VerifyCommit`), in batches.
///
/// `validators` are those of `height`.
///
/// # Errors
/// [`CommitError`].
pub fn verify_commit(
    chain_id: &str,
    validators: &ValidatorSet,
    id: &BlockId,
    height: Height,
    commit: &raw::Commit,
) -> Result<(), CommitError> {
    require_well_formed(commit)?;
    if validators.len() != commit.signatures.len() {
        return Err(CommitError::SetSize { expected: validators.len(), got: commit.signatures.len() });
    }
    if commit.height != height.to_i64() {
        return Err(CommitError::Height { expected: height.to_i64(), got: commit.height });
    }
    let got = BlockId::from_option(commit.block_id.as_ref())?;
    if got != *id {
        return Err(CommitError::WrongBlock { expected: Box::new(*id), got: Box::new(got) });
    }
    let mut signed = 0_i64;
    let (mut jobs, mut indexes) = (Vec::new(), Vec::new());
    for (index, (entry, validator)) in commit.signatures.iter().zip(validators.validators()).enumerate() {
        let vote_for = match BlockIdFlag::try_from(entry.block_id_flag) {
            Ok(BlockIdFlag::Commit) => id,
            Ok(BlockIdFlag::Nil) => &BlockId::ZERO,
            // Unknown flags were refused above.
            _ => continue,
        };
        if entry.validator_address != validator.address() {
            return Err(CommitError::Validator {
                index,
                expected: *validator.address(),
                got: entry.validator_address.clone(),
            });
        }
        if vote_for == id {
            // No overflow: the total of the set is bounded.
            signed += validator.power;
        }
        let at = time(entry.timestamp.as_ref()).map_err(|error| CommitError::Time { index, error })?;
        jobs.push(Job {
            key: verifying(&validator.key),
            message: vote_sign_bytes(chain_id, commit.height, commit.round, vote_for, at).into(),
            signature: Bytes::copy_from_slice(&entry.signature),
        });
        indexes.push(index);
    }
    let needed = validators.two_thirds();
    if signed <= needed {
        return Err(CommitError::Power { got: signed, needed });
    }
    match verify_all(&jobs).into_iter().position(|valid| !valid) {
        None => Ok(()),
        Some(wrong) => {
            Err(CommitError::WrongSignature { index: indexes[wrong], signature: jobs[wrong].signature.to_vec() })
        }
    }
}

/// The time of the block that carries `commit`: CometBFT's weighted median over the present signatures (`MedianTime`).
///
/// `validators` are those of the commit's height. It is not the textbook median: with m = total / 2 rounded down, the
/// first time in ascending order whose weight is at least what is left of m.
///
/// # Errors
/// [`CommitError::UnknownValidator`], [`CommitError::Time`].
pub fn median_time(commit: &raw::Commit, validators: &ValidatorSet) -> Result<Timestamp, CommitError> {
    let mut weighted = Vec::with_capacity(commit.signatures.len());
    let mut total = 0_i64;
    for (index, entry) in commit.signatures.iter().enumerate() {
        if entry.block_id_flag == i32::from(BlockIdFlag::Absent) {
            continue;
        }
        let unknown = || CommitError::UnknownValidator(entry.validator_address.clone());
        let address = Address::try_from(entry.validator_address.as_slice()).map_err(|_| unknown())?;
        let (_, validator) = validators.get(&address).ok_or_else(unknown)?;
        // An address may repeat before the commit is verified.
        total = total.saturating_add(validator.power);
        weighted.push((
            time(entry.timestamp.as_ref()).map_err(|error| CommitError::Time { index, error })?,
            validator.power,
        ));
    }
    weighted.sort_by_key(|(time, _)| *time);
    let mut median = total / 2;
    for (time, weight) in weighted {
        if median <= weight {
            return Ok(time);
        }
        median -= weight;
    }
    Ok(Timestamp::GO_ZERO)
}
