use bytes::Bytes;
use plume_crypto::Job;
use plume_engine::ValidatorKey;
use plume_home::keys::consensus_address;
use plume_primitives::{Height, Timestamp};
use prost::Message;
use tendermint_proto::v0_38::types::{BlockIdFlag, SignedMsgType};

use crate::canonical::{InvalidTime, raw_time, time};
use crate::key::verifying;
use crate::{Address, BlockId, InvalidBlockId, raw};

/// A precommit: a validator's statement that it decided for a block, the only kind of vote this engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Height of the block.
    pub height: Height,
    /// Round, at least 0.
    pub round: i32,
    /// The block; [`BlockId::ZERO`] for nil.
    pub block_id: BlockId,
    /// When it was signed, by the signer's clock.
    pub timestamp: Timestamp,
    /// Who signed.
    pub validator_address: Address,
    /// Position of the signer in the set of the height.
    pub validator_index: u32,
    /// Signature over [`Vote::sign_bytes`]; empty until signed.
    pub signature: Bytes,
}

/// A vote that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    /// Not a precommit.
    #[error("vote has type {0}, needs a precommit (2)")]
    Type(i32),
    /// A height below 1.
    #[error("vote has height {0}, needs one above 0")]
    Height(i64),
    /// A round below 0.
    #[error("vote has round {0}, needs 0 or more")]
    Round(i32),
    /// A half-filled block id.
    #[error("vote: {0}")]
    BlockId(#[from] InvalidBlockId),
    /// A time that protobuf does not have.
    #[error("vote: {0}")]
    Time(#[from] InvalidTime),
    /// A part of another length.
    #[error("{part} of a vote has {got} bytes, needs {expected}")]
    Length {
        /// Which part.
        part: &'static str,
        /// The length it needs.
        expected: &'static str,
        /// The length found.
        got: usize,
    },
    /// A position below 0.
    #[error("vote has validator index {0}, needs 0 or more")]
    Index(i32),
    /// Vote extensions, which are off.
    #[error("unexpected vote extension data present in vote; ext_len {extension}, sig_len {signature}")]
    Extension {
        /// Length of the extension.
        extension: usize,
        /// Length of its signature.
        signature: usize,
    },
    /// Another height or round than the set collects.
    #[error("expected {expected_height}/{expected_round}, but got {got_height}/{got_round}: unexpected step")]
    Step {
        /// Height of the set.
        expected_height: Height,
        /// Round of the set.
        expected_round: i32,
        /// Height of the vote.
        got_height: Height,
        /// Round of the vote.
        got_round: i32,
    },
    /// A position outside the set.
    #[error("cannot find validator {index} in valSet of size {size}: invalid validator index")]
    UnknownIndex {
        /// Position that the vote states.
        index: u32,
        /// Number of validators.
        size: usize,
    },
    /// Another address than the set has at that position.
    #[error("vote's validator address {} does not match address {} of index {index}: invalid validator address", hex::encode_upper(.got), hex::encode_upper(.expected))]
    Address {
        /// Position.
        index: u32,
        /// Address in the set.
        expected: Address,
        /// Address in the vote.
        got: Address,
    },
    /// A signature that does not verify.
    #[error("invalid signature of validator {}", hex::encode_upper(.0))]
    Signature(Address),
    /// The same vote with another valid signature or time: the signer has lost its record of what it signed.
    #[error("existing vote of validator {} has another signature: non-deterministic signature", hex::encode_upper(.0))]
    NonDeterministic(Address),
    /// A valid vote for another block, the signer's first at this height and round.
    #[error("vote is for block {got}, collecting for {expected}")]
    OtherBlock {
        /// The block of the set.
        expected: Box<BlockId>,
        /// The block of the vote.
        got: Box<BlockId>,
    },
    /// Two valid votes of one validator at one height and round for different blocks: the validator broke the protocol.
    #[error("conflicting votes from validator {}: {} and {}", hex::encode_upper(.0.validator_address), .0.block_id, .1.block_id)]
    Conflicting(Box<Vote>, Box<Vote>),
}

/// What is signed for a precommit: the length-delimited `CanonicalVote` (`VoteSignBytes`).
///
/// The signer's address and position are not part of it.
pub fn vote_sign_bytes(chain_id: &str, height: i64, round: i32, block_id: &BlockId, timestamp: Timestamp) -> Vec<u8> {
    let block_id = (!block_id.is_zero()).then(|| raw::CanonicalBlockId {
        hash: block_id.hash.to_vec(),
        part_set_header: Some(raw::CanonicalPartSetHeader {
            total: block_id.parts.total,
            hash: block_id.parts.hash.to_vec(),
        }),
    });
    raw::CanonicalVote {
        r#type: SignedMsgType::Precommit.into(),
        height,
        round: round.into(),
        block_id,
        timestamp: Some(raw_time(timestamp)),
        chain_id: chain_id.to_owned(),
    }
    .encode_length_delimited_to_vec()
}

impl Vote {
    /// Bytes to sign on chain `chain_id`.
    pub fn sign_bytes(&self, chain_id: &str) -> Vec<u8> {
        vote_sign_bytes(chain_id, self.height.to_i64(), self.round, &self.block_id, self.timestamp)
    }

    /// Whether `key` is the signer's and signed this vote on chain `chain_id`.
    pub fn verify(&self, chain_id: &str, key: &ValidatorKey) -> bool {
        consensus_address(key) == self.validator_address
            && Job { key: verifying(key), message: self.sign_bytes(chain_id).into(), signature: self.signature.clone() }
                .verify()
    }

    /// The entry in a commit for this vote's block.
    pub(crate) fn to_commit_sig(&self) -> raw::CommitSig {
        let flag = if self.block_id.is_zero() { BlockIdFlag::Nil } else { BlockIdFlag::Commit };
        raw::CommitSig {
            block_id_flag: flag.into(),
            validator_address: self.validator_address.to_vec(),
            timestamp: Some(raw_time(self.timestamp)),
            signature: self.signature.to_vec(),
        }
    }

    /// The message, complete as Go writes it.
    pub fn to_raw(&self) -> raw::Vote {
        raw::Vote {
            r#type: SignedMsgType::Precommit.into(),
            height: self.height.to_i64(),
            round: self.round,
            block_id: Some(self.block_id.to_raw()),
            timestamp: Some(raw_time(self.timestamp)),
            validator_address: self.validator_address.to_vec(),
            // A set has at most 10,000 validators.
            validator_index: i32::try_from(self.validator_index).unwrap_or(i32::MAX),
            signature: self.signature.to_vec(),
            extension: Vec::new(),
            extension_signature: Vec::new(),
        }
    }

    /// Reads a message (`Vote.ValidateBasic`). The signature is not verified.
    ///
    /// # Errors
    /// [`VoteError`].
    pub fn from_raw(vote: &raw::Vote) -> Result<Self, VoteError> {
        if vote.r#type != i32::from(SignedMsgType::Precommit) {
            return Err(VoteError::Type(vote.r#type));
        }
        if !vote.extension.is_empty() || !vote.extension_signature.is_empty() {
            let (extension, signature) = (vote.extension.len(), vote.extension_signature.len());
            return Err(VoteError::Extension { extension, signature });
        }
        if vote.height <= 0 {
            return Err(VoteError::Height(vote.height));
        }
        if vote.round < 0 {
            return Err(VoteError::Round(vote.round));
        }
        let length = |part, expected, got| VoteError::Length { part, expected, got };
        if !(1..=64).contains(&vote.signature.len()) {
            return Err(length("signature", "1 to 64", vote.signature.len()));
        }
        Ok(Self {
            height: Height::try_from(vote.height).map_err(|_| VoteError::Height(vote.height))?,
            round: vote.round,
            block_id: BlockId::from_option(vote.block_id.as_ref())?,
            timestamp: time(vote.timestamp.as_ref())?,
            validator_address: vote
                .validator_address
                .as_slice()
                .try_into()
                .map_err(|_| length("validator address", "20", vote.validator_address.len()))?,
            validator_index: u32::try_from(vote.validator_index).map_err(|_| VoteError::Index(vote.validator_index))?,
            signature: Bytes::copy_from_slice(&vote.signature),
        })
    }
}
