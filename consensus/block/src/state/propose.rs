use bytes::Bytes;
use plume_engine::{Block, CommitInfo, Proposal, Validator, VoteFlag, VoteInfo};
use plume_primitives::{Height, Timestamp};
use tendermint_proto::v0_38::types::BlockIdFlag;
use tendermint_proto::v0_38::version::Consensus;

use super::{ChainState, StateError};
use crate::canonical::raw_time;
use crate::{
    Address, BLOCK_PROTOCOL, CommitError, FullBlock, ValidatorSet, max_commit_bytes, median_time, params, raw,
};

/// Bytes of a block around its transactions and its commit (`MaxOverheadForBlock` and `MaxHeaderBytes`).
const OVERHEAD: u64 = 11 + 626;

impl ChainState {
    /// The next block with `txs` on top of `last_commit`, proposed by the validator `proposer` (`MakeBlock`).
    ///
    /// Its time is that of the genesis document for the first block, afterwards the median of `last_commit`. For the
    /// first block `last_commit` is [`no_commit`](crate::no_commit).
    ///
    /// # Errors
    /// [`StateError::Commit`], [`StateError::Block`], [`StateError::LastHeight`]. Whether the block is valid here, only
    /// [`validate`](Self::validate) says.
    pub fn make_block(
        &self,
        txs: Vec<Bytes>,
        last_commit: &raw::Commit,
        proposer: &Address,
    ) -> Result<FullBlock, StateError> {
        let header = raw::Header {
            version: Some(Consensus { block: BLOCK_PROTOCOL, app: self.app_version }),
            chain_id: self.chain_id.clone(),
            height: self.next_height()?.to_i64(),
            time: Some(raw_time(self.next_time(last_commit)?)),
            last_block_id: Some(self.last_block_id.to_raw()),
            validators_hash: self.validators.hash().to_vec(),
            next_validators_hash: self.next_validators.hash().to_vec(),
            consensus_hash: params::hash(&self.consensus_params).to_vec(),
            app_hash: self.app_hash.to_vec(),
            last_results_hash: self.last_results_hash.to_vec(),
            proposer_address: proposer.to_vec(),
            // From the content.
            last_commit_hash: Vec::new(),
            data_hash: Vec::new(),
            evidence_hash: Vec::new(),
        };
        Ok(FullBlock::build(header, txs, last_commit.clone())?)
    }

    /// Time of the next block.
    ///
    /// # Errors
    /// [`StateError::Commit`].
    pub fn next_time(&self, last_commit: &raw::Commit) -> Result<Timestamp, StateError> {
        if self.last_block_height == Height::ZERO {
            return Ok(self.last_block_time);
        }
        Ok(median_time(last_commit, &self.last_validators)?)
    }

    /// Bytes that the next block's transactions may take, each counted as `1 + uvarint(len) + len` (`MaxDataBytes`).
    pub fn max_tx_bytes(&self) -> u64 {
        self.max_block_bytes().saturating_sub(OVERHEAD).saturating_sub(max_commit_bytes(self.validators.len()))
    }

    /// What the application's prepare gets to choose from `txs` (`CreateProposalBlock`).
    ///
    /// # Errors
    /// [`StateError::Commit`], [`StateError::LastHeight`].
    pub fn draft(
        &self,
        txs: Vec<Bytes>,
        last_commit: &raw::Commit,
        proposer: &Address,
    ) -> Result<Proposal, StateError> {
        Ok(Proposal {
            hash: Bytes::new(),
            height: self.next_height()?,
            time: self.next_time(last_commit)?,
            txs,
            max_tx_bytes: Some(self.max_tx_bytes()),
            last_commit: self.last_commit_info(last_commit)?,
            misbehaviour: Vec::new(),
            next_validators_hash: Bytes::copy_from_slice(&self.next_validators.hash()),
            proposer: Bytes::copy_from_slice(proposer),
        })
    }

    /// What the application's process gets to judge. `block` is the next one here.
    ///
    /// # Errors
    /// [`StateError::Commit`] if its last commit is not of the last validators.
    pub fn proposal(&self, block: &FullBlock) -> Result<Proposal, StateError> {
        let block = self.decided(block)?;
        Ok(Proposal {
            hash: block.hash,
            height: block.height,
            time: block.time,
            txs: block.txs,
            max_tx_bytes: None,
            last_commit: block.last_commit,
            misbehaviour: block.misbehaviour,
            next_validators_hash: block.next_validators_hash,
            proposer: block.proposer,
        })
    }

    /// What the application's finalize gets to execute. `block` is the next one here.
    ///
    /// # Errors
    /// [`StateError::Commit`] if its last commit is not of the last validators.
    pub fn decided(&self, block: &FullBlock) -> Result<Block, StateError> {
        Ok(to_execute(block, self.last_commit_info(block.last_commit())?))
    }

    fn last_commit_info(&self, commit: &raw::Commit) -> Result<CommitInfo, StateError> {
        if self.last_block_height == Height::ZERO {
            return Ok(CommitInfo::default());
        }
        Ok(commit_info(commit, &self.last_validators)?)
    }
}

/// What the application's finalize gets to execute of a block whose last commit says `last_commit`.
pub fn to_execute(block: &FullBlock, last_commit: CommitInfo) -> Block {
    Block {
        hash: Bytes::copy_from_slice(&block.hash()),
        height: block.height(),
        time: block.time(),
        txs: block.txs().to_vec(),
        last_commit,
        misbehaviour: Vec::new(),
        next_validators_hash: Bytes::copy_from_slice(&block.header().next_validators_hash),
        proposer: Bytes::copy_from_slice(block.proposer()),
    }
}

/// Who signed `commit`, of the height of `validators`, for the application (`BuildLastCommitInfo`).
///
/// # Errors
/// [`CommitError::SetSize`], [`CommitError::Flag`].
pub fn commit_info(commit: &raw::Commit, validators: &ValidatorSet) -> Result<CommitInfo, CommitError> {
    if commit.signatures.len() != validators.len() {
        return Err(CommitError::SetSize { expected: validators.len(), got: commit.signatures.len() });
    }
    let votes = commit.signatures.iter().zip(validators.validators()).enumerate().map(|(index, (entry, validator))| {
        let flag = match BlockIdFlag::try_from(entry.block_id_flag) {
            Ok(BlockIdFlag::Absent) => VoteFlag::Absent,
            Ok(BlockIdFlag::Commit) => VoteFlag::Commit,
            Ok(BlockIdFlag::Nil) => VoteFlag::Nil,
            Ok(BlockIdFlag::Unknown) | Err(_) => {
                return Err(CommitError::Flag { index, flag: entry.block_id_flag });
            }
        };
        let address = Bytes::copy_from_slice(validator.address());
        Ok(VoteInfo { validator: Validator { address, power: validator.power }, flag })
    });
    Ok(CommitInfo { round: commit.round, votes: votes.collect::<Result<_, _>>()? })
}
