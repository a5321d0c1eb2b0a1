//! Chains whose validators' keys the test holds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use ed25519_consensus::SigningKey;
use plume_light_client::{
    Address, ChainId, Client, Hash, Header, LightBlock, Provider, ProviderError, SignedHeader, Time, TrustOptions,
    Validator, ValidatorSet,
};
use tendermint::block::header::Version;
use tendermint::block::parts::Header as Parts;
use tendermint::block::{Commit, CommitSig, Height, Id as BlockId, Round};
use tendermint::hash::AppHash;
use tendermint::vote::{self, Power, ValidatorIndex, Vote};
use tendermint::{PublicKey, Signature};

/// Chain id of every simulated chain.
pub const CHAIN: &str = "sim-1";

/// Time of height 0, in seconds since 1970; each block comes a second later.
pub const START: i64 = 1_700_000_000;

/// Who validates a height: seed of the key and power.
pub type Members = Vec<(u8, u32)>;

/// Four equal validators.
pub fn four() -> Members {
    vec![(1, 10), (2, 10), (3, 10), (4, 10)]
}

pub fn at(seconds: u64) -> Time {
    let start = Time::from_unix_timestamp(START, 0).expect("a time");
    start.checked_add(Duration::from_secs(seconds)).expect("a time")
}

/// Hash that differs by `tag`.
pub fn hash(tag: u8) -> Hash {
    Hash::Sha256([tag; 32])
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from([seed; 32])
}

pub fn validator(seed: u8, power: u32) -> Validator {
    Validator::new(PublicKey::from_ed25519_consensus(key(seed).verification_key()), Power::from(power))
}

pub fn validators(members: &Members) -> Vec<Validator> {
    members.iter().map(|(seed, power)| validator(*seed, *power)).collect()
}

fn set(members: &Members) -> ValidatorSet {
    ValidatorSet::without_proposer(validators(members))
}

fn seed_of(members: &Members, address: Address) -> u8 {
    let found = members.iter().find(|(seed, power)| validator(*seed, *power).address == address);
    found.expect("a member").0
}

/// How one validator votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ballot {
    Block,
    Nil,
    Absent,
}

/// A block under construction; its parts may be changed before it is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    pub header: Header,
    pub members: Members,
    pub round: u32,
    pub ballots: BTreeMap<u8, Ballot>,
}

impl Draft {
    /// Signed by its members as the ballots say; who has none signs.
    pub fn sign(&self) -> LightBlock {
        LightBlock::new(self.signed_header(), validators(&self.members)).expect("well formed")
    }

    pub fn signed_header(&self) -> SignedHeader {
        let block_id = BlockId { hash: self.header.hash(), part_set_header: Parts::new(1, hash(7)).expect("parts") };
        let time = self.header.time.checked_add(Duration::from_millis(900)).expect("a time");
        let signature = |member: &Validator| {
            let seed = seed_of(&self.members, member.address);
            let block_id = match self.ballots.get(&seed).unwrap_or(&Ballot::Block) {
                Ballot::Absent => return CommitSig::BlockIdFlagAbsent,
                Ballot::Nil => None,
                Ballot::Block => Some(block_id),
            };
            let vote = Vote {
                vote_type: vote::Type::Precommit,
                height: self.header.height,
                round: Round::try_from(self.round).expect("a round"),
                block_id,
                timestamp: Some(time),
                validator_address: member.address,
                validator_index: ValidatorIndex::try_from(0_u32).expect("an index"),
                signature: None,
                extension: Vec::new(),
                extension_signature: None,
            };
            let signed = key(seed).sign(&vote.into_signable_vec(self.header.chain_id.clone())).to_bytes();
            let (validator_address, timestamp) = (member.address, time);
            let signature = Signature::new(signed).expect("64 bytes");
            match block_id {
                Some(_) => CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature },
                None => CommitSig::BlockIdFlagNil { validator_address, timestamp, signature },
            }
        };
        let signatures = set(&self.members).validators().iter().map(signature).collect();
        let commit = Commit {
            height: self.header.height,
            round: Round::try_from(self.round).expect("a round"),
            block_id,
            signatures,
        };
        SignedHeader::new(self.header.clone(), commit).expect("one height")
    }
}

/// A chain, from height 1.
#[derive(Debug, Clone)]
pub struct Chain {
    pub blocks: Vec<LightBlock>,
    schedule: Vec<Members>,
}

impl Chain {
    /// One block for each set but the last, which is announced only.
    pub fn new(schedule: Vec<Members>) -> Self {
        let mut chain = Self { blocks: Vec::new(), schedule };
        chain.grow(1);
        chain
    }

    /// `blocks` blocks of the same four validators.
    pub fn of(blocks: usize) -> Self {
        Self::new(vec![four(); blocks + 1])
    }

    /// Another chain with the same blocks up to `height`, then others by `schedule` (the set of `height + 1` first).
    pub fn fork(&self, height: u64, schedule: Vec<Members>, tag: u8) -> Self {
        let kept = usize::try_from(height).expect("small");
        let mut sets = self.schedule[..kept].to_vec();
        sets.extend(schedule);
        let mut chain = Self { blocks: self.blocks[..kept].to_vec(), schedule: sets };
        chain.grow(tag);
        chain
    }

    fn grow(&mut self, tag: u8) {
        while self.blocks.len() + 1 < self.schedule.len() {
            let block = self.draft(self.blocks.len() as u64 + 1, tag).sign();
            self.blocks.push(block);
        }
    }

    /// The block of `height` before it is signed; the blocks below exist. `tag` makes it differ from others.
    pub fn draft(&self, height: u64, tag: u8) -> Draft {
        let index = usize::try_from(height).expect("small") - 1;
        let before = index.checked_sub(1).map(|index| &self.blocks[index]);
        let members = self.schedule[index].clone();
        let header = Header {
            version: Version { block: 11, app: 1 },
            chain_id: CHAIN.parse().expect("a chain id"),
            height: Height::try_from(height).expect("a height"),
            time: at(height),
            last_block_id: before.map(|block| block.signed_header().commit.block_id),
            last_commit_hash: Some(hash(2)),
            data_hash: Some(hash(3)),
            validators_hash: set(&members).hash(),
            next_validators_hash: set(&self.schedule[index + 1]).hash(),
            consensus_hash: hash(4),
            app_hash: AppHash::try_from(vec![tag; 32]).expect("32 bytes"),
            last_results_hash: Some(hash(5)),
            evidence_hash: Some(hash(6)),
            proposer_address: set(&members).validators()[0].address,
        };
        Draft { header, members, round: 0, ballots: BTreeMap::new() }
    }

    pub fn block(&self, height: u64) -> &LightBlock {
        &self.blocks[usize::try_from(height).expect("small") - 1]
    }

    pub fn height(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Trust in the block at `height` for a day.
    pub fn options(&self, height: u64) -> TrustOptions {
        TrustOptions::new(height, self.block(height).hash(), Duration::from_secs(24 * 3600))
    }

    pub fn client(&self, height: u64) -> Client {
        Client::new(chain_id(), self.options(height), self.block(height).clone()).expect("an honest block")
    }

    pub fn node(&self, name: &str) -> Node {
        Node { name: name.to_owned(), chain: self.clone(), asked: RefCell::default() }
    }
}

pub fn chain_id() -> ChainId {
    CHAIN.parse().expect("a chain id")
}

/// A node with a chain; counts what it is asked for.
#[derive(Debug)]
pub struct Node {
    name: String,
    pub chain: Chain,
    asked: RefCell<Vec<u64>>,
}

impl Node {
    pub fn asked(&self) -> Vec<u64> {
        self.asked.borrow().clone()
    }

    /// It lies about one height.
    pub fn with(mut self, height: u64, block: LightBlock) -> Self {
        self.chain.blocks[usize::try_from(height).expect("small") - 1] = block;
        self
    }

    /// It knows nothing above `height`.
    pub fn up_to(mut self, height: u64) -> Self {
        self.chain.blocks.truncate(usize::try_from(height).expect("small"));
        self
    }
}

impl Provider for Node {
    fn light_block(&self, height: u64) -> Result<LightBlock, ProviderError> {
        self.asked.borrow_mut().push(height);
        let index = usize::try_from(height).expect("small").checked_sub(1);
        let found = index.and_then(|index| self.chain.blocks.get(index));
        found.cloned().ok_or_else(|| ProviderError::NoBlock { height, reason: "not there".to_owned() })
    }

    fn latest_height(&self) -> Result<u64, ProviderError> {
        Ok(self.chain.height())
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
