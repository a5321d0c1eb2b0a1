use plume_primitives::{Height, Timestamp};

use super::ChainState;
use crate::{Address, BLOCK_PROTOCOL, BlockId, CommitError, FullBlock, Hash, median_time, params, verify_commit};

/// Why a block is not the next one of a chain (`validateBlock`). Both sides are always named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// More bytes than the parameters allow.
    #[error("block has {got} bytes, exceeds maximum block bytes {max}")]
    TooLarge {
        /// `block.max_bytes`.
        max: u64,
        /// The block's size.
        got: u64,
    },
    /// Another version of the application.
    #[error("wrong Block.Header.Version. Expected {BLOCK_PROTOCOL}.{expected}, got {BLOCK_PROTOCOL}.{got}")]
    AppVersion {
        /// The chain's.
        expected: u64,
        /// The block's.
        got: u64,
    },
    /// Another chain.
    #[error("wrong Block.Header.ChainID. Expected {expected}, got {got}")]
    ChainId {
        /// The chain's.
        expected: String,
        /// The block's.
        got: String,
    },
    /// Not the next height.
    #[error("wrong Block.Header.Height. Expected {expected}, got {got}")]
    Height {
        /// The next height.
        expected: Height,
        /// The block's.
        got: Height,
    },
    /// The chain cannot have another block.
    #[error("no height after {0}")]
    LastHeight(Height),
    /// On top of another block.
    #[error("wrong Block.Header.LastBlockID. Expected {expected}, got {got}")]
    LastBlockId {
        /// The last block.
        expected: Box<BlockId>,
        /// What the block names.
        got: Box<BlockId>,
    },
    /// Another hash of the state.
    #[error("wrong Block.Header.AppHash. Expected {}, got {}", hex::encode_upper(.expected), hex::encode_upper(.got))]
    AppHash {
        /// The state's.
        expected: Vec<u8>,
        /// The block's.
        got: Vec<u8>,
    },
    /// Another hash of something else that follows from the chain.
    #[error("wrong Block.Header.{field}. Expected {}, got {}", hex::encode_upper(.expected), hex::encode_upper(.got))]
    Hash {
        /// `ConsensusHash`, `LastResultsHash`, `ValidatorsHash` or `NextValidatorsHash`.
        field: &'static str,
        /// The chain's.
        expected: Hash,
        /// The block's.
        got: Vec<u8>,
    },
    /// Signatures where nobody can have signed.
    #[error("initial block can't have LastCommit signatures: got {0}")]
    InitialCommit(usize),
    /// A last commit that proves nothing.
    #[error("wrong LastCommit: {0}")]
    LastCommit(#[from] CommitError),
    /// A proposer who is no validator.
    #[error("block.Header.ProposerAddress {} is not a validator", hex::encode_upper(.0))]
    Proposer(Address),
    /// No later than the block before.
    #[error("block time {got} not greater than last block time {last}")]
    TimeNotAfter {
        /// Time of the last block.
        last: Timestamp,
        /// The block's.
        got: Timestamp,
    },
    /// Not the median of the last commit.
    #[error("invalid block time. Expected {expected}, got {got}")]
    Time {
        /// The median.
        expected: Timestamp,
        /// The block's.
        got: Timestamp,
    },
    /// Another start than the genesis document says.
    #[error("block time {got} is not equal to genesis time {expected}")]
    GenesisTime {
        /// Time of the genesis document.
        expected: Timestamp,
        /// The block's.
        got: Timestamp,
    },
    /// Evidence, which blocks of this engine never carry: nobody here could check it.
    #[error("block carries {0} pieces of evidence, expected none")]
    Evidence(usize),
}

impl ChainState {
    /// Checks that `block` is a valid next block of this chain (`validateBlock`), last commit and all its signatures
    /// included. What a block must be in itself was checked when it was made or decoded.
    ///
    /// # Errors
    /// [`InvalidBlock`]; the order of the checks is CometBFT's.
    pub fn validate(&self, block: &FullBlock) -> Result<(), InvalidBlock> {
        self.require_fitting_header(block)?;
        self.require_last_commit(block)?;
        if !self.validators.contains(block.proposer()) {
            return Err(InvalidBlock::Proposer(*block.proposer()));
        }
        self.require_time(block)?;
        match block.evidence().evidence.len() {
            0 => Ok(()),
            count => Err(InvalidBlock::Evidence(count)),
        }
    }

    fn require_fitting_header(&self, block: &FullBlock) -> Result<(), InvalidBlock> {
        let header = block.header();
        let (max, got) = (self.max_block_bytes(), block.bytes().len() as u64); // usize has at most 64 bits
        if got > max {
            return Err(InvalidBlock::TooLarge { max, got });
        }
        let got = header.version.unwrap_or_default().app;
        if got != self.app_version {
            return Err(InvalidBlock::AppVersion { expected: self.app_version, got });
        }
        if header.chain_id != self.chain_id {
            let (expected, got) = (self.chain_id.clone(), header.chain_id.clone());
            return Err(InvalidBlock::ChainId { expected, got });
        }
        let expected = self.next_height().map_err(|_| InvalidBlock::LastHeight(self.last_block_height))?;
        if block.height() != expected {
            return Err(InvalidBlock::Height { expected, got: block.height() });
        }
        if *block.last_block_id() != self.last_block_id {
            return Err(InvalidBlock::LastBlockId {
                expected: Box::new(self.last_block_id),
                got: Box::new(*block.last_block_id()),
            });
        }
        if header.app_hash != self.app_hash {
            return Err(InvalidBlock::AppHash { expected: self.app_hash.to_vec(), got: header.app_hash.clone() });
        }
        let hashes = [
            ("ConsensusHash", params::hash(&self.consensus_params), &header.consensus_hash),
            ("LastResultsHash", self.last_results_hash, &header.last_results_hash),
            ("ValidatorsHash", self.validators.hash(), &header.validators_hash),
            ("NextValidatorsHash", self.next_validators.hash(), &header.next_validators_hash),
        ];
        match hashes.into_iter().find(|(_, expected, got)| got != &expected) {
            Some((field, expected, got)) => Err(InvalidBlock::Hash { field, expected, got: got.clone() }),
            None => Ok(()),
        }
    }

    fn is_initial(&self) -> bool {
        self.last_block_height == Height::ZERO
    }

    fn require_last_commit(&self, block: &FullBlock) -> Result<(), InvalidBlock> {
        let commit = block.last_commit();
        if self.is_initial() {
            return match commit.signatures.len() {
                0 => Ok(()),
                count => Err(InvalidBlock::InitialCommit(count)),
            };
        }
        let last = self.last_block_height;
        Ok(verify_commit(&self.chain_id, &self.last_validators, &self.last_block_id, last, commit)?)
    }

    fn require_time(&self, block: &FullBlock) -> Result<(), InvalidBlock> {
        let (last, got) = (self.last_block_time, block.time());
        if self.is_initial() {
            return if got == last { Ok(()) } else { Err(InvalidBlock::GenesisTime { expected: last, got }) };
        }
        if got <= last {
            return Err(InvalidBlock::TimeNotAfter { last, got });
        }
        let expected = median_time(block.last_commit(), &self.last_validators)?;
        if got == expected { Ok(()) } else { Err(InvalidBlock::Time { expected, got }) }
    }
}
