//! A chain with keys: blocks are made, validated, voted for and followed by the next state.

use std::collections::BTreeMap;

use bytes::Bytes;
use plume_block::{
    Added, Address, BlockId, ChainState, FullBlock, Validator, ValidatorSet, Vote, VoteSet, no_commit, raw,
};
use plume_crypto::{PrivateKey, PublicKey};
use plume_engine::{BlockOutcome, ConsensusParams, Genesis, InitOutcome, TxResult, ValidatorKey, ValidatorUpdate};
use plume_primitives::{Gas, Height, Timestamp};

pub const CHAIN_ID: &str = "plume-test-1";

/// Key number `n`: Ed25519 below 100, secp256k1 from there.
pub fn secret(n: u8) -> PrivateKey {
    let seed = [n.max(1); 32];
    if n < 100 { PrivateKey::ed25519(&seed) } else { PrivateKey::secp256k1(&seed) }.expect("a valid secret")
}

pub fn key(n: u8) -> ValidatorKey {
    match secret(n).public_key() {
        PublicKey::Ed25519(bytes) => ValidatorKey::Ed25519(bytes),
        PublicKey::Secp256k1(bytes) => ValidatorKey::Secp256k1(bytes),
        PublicKey::Multisig(_) => unreachable!("single keys only"),
    }
}

pub fn address(n: u8) -> Address {
    *Validator::new(key(n), 1).address()
}

pub fn update(n: u8, power: i64) -> ValidatorUpdate {
    ValidatorUpdate { key: key(n), power }
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds, 0).expect("in range")
}

pub fn both_key_types() -> ConsensusParams {
    ConsensusParams {
        validator: Some(raw::ValidatorParams { pub_key_types: vec!["ed25519".into(), "secp256k1".into()] }),
        ..ConsensusParams::default()
    }
}

pub fn genesis(powers: &[(u8, i64)], initial_height: u64) -> Genesis {
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        time: at(1_000),
        initial_height: Height(initial_height),
        consensus_params: both_key_types(),
        validators: powers.iter().map(|(n, power)| update(*n, *power)).collect(),
        app_state: Bytes::new(),
    }
}

pub fn init() -> InitOutcome {
    InitOutcome { app_hash: Bytes::from_static(&[1; 32]), validators: Vec::new(), consensus_params: None }
}

pub fn result(gas: u64) -> TxResult {
    TxResult { gas_wanted: Gas(gas), gas_used: Gas(gas / 2), data: Bytes::from_static(b"d"), ..TxResult::default() }
}

#[derive(Clone)]
pub struct World {
    pub state: ChainState,
    pub last_commit: raw::Commit,
    secrets: BTreeMap<Address, PrivateKey>,
}

impl World {
    pub fn new(powers: &[(u8, i64)]) -> Self {
        Self::of(&genesis(powers, 1))
    }

    pub fn of(genesis: &Genesis) -> Self {
        let state = ChainState::genesis(genesis, &init(), 1).expect("a valid genesis");
        let secrets = (1..=120).map(|n| (address(n), secret(n))).collect();
        Self { state, last_commit: no_commit(), secrets }
    }

    /// The next block, proposed by whoever's turn it is.
    pub fn block(&self, txs: Vec<Bytes>) -> FullBlock {
        let proposer = *self.state.validators.proposer().expect("a set of a chain").address();
        self.state.make_block(txs, &self.last_commit, &proposer).expect("a block")
    }

    pub fn vote(&self, validators: &ValidatorSet, index: usize, height: Height, id: BlockId, time: Timestamp) -> Vote {
        let validator = &validators.validators()[index];
        let mut vote = Vote {
            height,
            round: 0,
            block_id: id,
            timestamp: time,
            validator_address: *validator.address(),
            validator_index: u32::try_from(index).expect("few validators"),
            signature: Bytes::new(),
        };
        let secret = &self.secrets[validator.address()];
        vote.signature = Bytes::copy_from_slice(&secret.sign(&vote.sign_bytes(&self.state.chain_id)));
        vote
    }

    /// The commit of `block` by everyone but `absent` (positions). Clocks differ: validator i is i seconds ahead.
    pub fn commit(&self, block: &FullBlock, absent: &[usize]) -> raw::Commit {
        let set = &self.state.validators;
        let mut votes = VoteSet::new(CHAIN_ID, block.height(), 0, block.id(), set.clone());
        for index in (0..set.len()).filter(|index| !absent.contains(index)) {
            let time = at(block.time().seconds() + 1 + i64::try_from(index).expect("few validators"));
            assert_eq!(votes.add(self.vote(set, index, block.height(), block.id(), time)), Ok(Added::New));
        }
        assert!(votes.has_two_thirds(), "the test leaves out too many");
        votes.commit()
    }

    pub fn outcome(&self, block: &FullBlock, updates: Vec<ValidatorUpdate>) -> BlockOutcome {
        BlockOutcome {
            app_hash: Bytes::copy_from_slice(&[u8::try_from(block.height().get() % 256).expect("a byte"); 32]),
            tx_results: block.txs().iter().map(|tx| result(tx.len() as u64)).collect(),
            validator_updates: updates,
            ..BlockOutcome::default()
        }
    }

    /// Makes, validates, decides and applies the next block.
    pub fn advance(&mut self, txs: Vec<Bytes>, updates: Vec<ValidatorUpdate>, absent: &[usize]) -> FullBlock {
        let block = self.block(txs);
        self.state.validate(&block).expect("our own block");
        let commit = self.commit(&block, absent);
        let outcome = self.outcome(&block, updates);
        self.state = self.state.next(&block, &outcome).expect("a valid outcome");
        self.last_commit = commit;
        block
    }

    /// A chain of `blocks` blocks.
    pub fn at_height(powers: &[(u8, i64)], blocks: usize) -> Self {
        let mut world = Self::new(powers);
        for _ in 0..blocks {
            world.advance(vec![Bytes::from_static(b"tx")], Vec::new(), &[]);
        }
        world
    }
}
