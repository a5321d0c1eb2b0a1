//! Tendermint's own messages: blocks, votes, validator sets, the state of a chain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_block::{
    ChainState, FullBlock, ValidatorSet, Vote, abci, commit_hash, evidence_hash, header_hash, merkle, no_commit, raw,
};
use plume_engine::{BlockOutcome, InitOutcome};
use plume_proto::prost::Message;
use plume_proto::tendermint::abci::RequestInitChain;
use serde_json::Value as Json;

use crate::{
    Features,
    protobuf::{self, Value},
};

/// A chain that CometBFT made; `tests/scenarios/recordings/record.py` recorded it.
const RECORDING: &str = include_str!("../../scenarios/recordings/cometbft-chain.json");

/// Real encodings.
pub struct Recorded {
    /// Blocks from height 1.
    pub blocks: Vec<Bytes>,
    /// The commit of the last block.
    pub commit: raw::Commit,
    /// The votes in it.
    pub votes: Vec<raw::Vote>,
    /// The validators of height 1.
    pub validators: raw::ValidatorSet,
    /// The chain's state before and after the first block.
    pub states: [Vec<u8>; 2],
}

impl Recorded {
    pub fn load() -> Self {
        let recording: Json = serde_json::from_str(RECORDING).expect("written by a program");
        let bytes = |value: &Json| Bytes::from(STANDARD.decode(value.as_str().expect("text")).expect("base64"));
        let heights = recording["heights"].as_array().expect("a list");
        let blocks: Vec<Bytes> = heights.iter().map(|height| bytes(&height["block"])).collect();
        let commit = raw::Commit::decode(bytes(&recording["seen_commit"])).expect("a commit");
        let present = commit.signatures.iter().zip(0..).filter(|(signature, _)| !signature.signature.is_empty());
        let vote = |(signature, validator_index): (&raw::CommitSig, i32)| raw::Vote {
            r#type: 2,
            height: commit.height,
            round: commit.round,
            block_id: commit.block_id.clone(),
            timestamp: signature.timestamp,
            validator_address: signature.validator_address.clone(),
            validator_index,
            signature: signature.signature.clone(),
            ..raw::Vote::default()
        };
        let votes = present.map(vote).collect();
        let init = RequestInitChain::decode(bytes(&recording["init_chain"])).expect("a request");
        let genesis = abci::genesis(init).expect("well-formed");
        let outcome = InitOutcome { app_hash: Bytes::from(vec![1; 32]), validators: vec![], consensus_params: None };
        let first = ChainState::genesis(&genesis, &outcome, 0).expect("a state");
        let block = FullBlock::decode(blocks[0].clone()).expect("a block");
        let second = first.next(&block, &BlockOutcome::default()).expect("an empty block");
        let states = [first.encode(), second.encode()];
        Self { validators: first.validators.to_raw(), blocks, commit, votes, states }
    }
}

/// Blocks of every shape, votes, a set and states.
pub fn seeds() -> Vec<Vec<u8>> {
    let recorded = Recorded::load();
    let mut seeds: Vec<Vec<u8>> = recorded.blocks.iter().map(|block| block.to_vec()).collect();
    seeds.extend(recorded.votes.iter().map(Message::encode_to_vec));
    seeds.push(recorded.validators.encode_to_vec());
    seeds.extend(recorded.states);
    let header = FullBlock::decode(recorded.blocks[0].clone()).expect("a block").header().clone();
    let txs = vec![Bytes::new(), Bytes::from(vec![1; 70_000])];
    seeds.push(FullBlock::build(header, txs, no_commit()).expect("a block").bytes().to_vec());
    seeds
}

/// A block with the hashes in its header made those of its content, or nothing when it is no longer a block.
pub fn repaired(input: &[u8]) -> Option<Vec<u8>> {
    let mut fields = protobuf::parse(input)?;
    let section = |number: u64| {
        fields.iter().find_map(|field| match &field.value {
            Value::Bytes(bytes) if field.number == number => Some(bytes.clone()),
            _ => None,
        })
    };
    let txs = protobuf::parse(&section(2)?)?;
    let txs = txs.iter().filter_map(|field| match &field.value {
        Value::Bytes(tx) if field.number == 1 => Some(merkle::sha256(tx)),
        _ => None,
    });
    let hashes = [
        (6, commit_hash(&raw::Commit::decode(section(4)?.as_slice()).ok()?)),
        (7, merkle::root(&txs.collect::<Vec<_>>())),
        (13, evidence_hash(&raw::EvidenceList::decode(section(3)?.as_slice()).ok()?)),
    ];
    let mut header = protobuf::parse(&section(1)?)?;
    for (number, hash) in hashes {
        header.iter_mut().filter(|field| field.number == number).for_each(|field| {
            field.value = Value::Bytes(hash.to_vec());
        });
    }
    fields.iter_mut().find(|field| field.number == 1)?.value = Value::Bytes(protobuf::encode(&header));
    Some(protobuf::encode(&fields))
}

/// The same bytes as a block, a vote, a validator set and a state: whatever is read has one encoding.
pub fn blocks(input: &[u8]) -> Features {
    let mut features = Features::default();
    match FullBlock::decode(Bytes::copy_from_slice(input)) {
        Ok(block) => {
            assert_eq!(block.to_raw().encode_to_vec(), input, "a second encoding");
            assert_eq!(header_hash(block.header()), block.hash(), "the hash is the header's");
            let sizes = (block.txs().len(), block.last_commit().signatures.len(), block.evidence().evidence.len());
            features.note(format!("block {sizes:?}"));
            if block.evidence().evidence.is_empty() {
                let (header, txs) = (block.header().clone(), block.txs().to_vec());
                let built = FullBlock::build(header, txs, block.last_commit().clone()).expect("complete in itself");
                assert_eq!((built.bytes(), built.id()), (block.bytes(), block.id()), "built again it differs");
            }
            for index in 0..block.txs().len().min(4) {
                assert_eq!(block.tx_proof(index).expect("there").root_hash, block.header().data_hash);
            }
        }
        Err(error) => features.outcome("block", 0, "", &error.to_string()),
    }
    if let Ok(message) = raw::Vote::decode(input) {
        match Vote::from_raw(&message) {
            Ok(vote) => {
                assert_eq!(Vote::from_raw(&vote.to_raw()).as_ref(), Ok(&vote), "another vote comes back");
                assert!(!vote.sign_bytes("chain").is_empty());
                features.note(format!("vote {}", vote.block_id.is_zero()));
            }
            Err(error) => features.outcome("vote", 0, "", &error.to_string()),
        }
    }
    if let Ok(message) = raw::ValidatorSet::decode(input) {
        match ValidatorSet::from_raw(&message) {
            Ok(set) => {
                require_sound(&set);
                features.note(format!("set {}", set.len().min(5)));
            }
            Err(error) => features.outcome("set", 0, "", &error.to_string()),
        }
    }
    match ChainState::decode(input) {
        Ok(state) => {
            let bytes = state.encode();
            let back = ChainState::decode(&bytes).unwrap_or_else(|error| panic!("our own state: {error}"));
            assert_eq!(back, state, "another state comes back");
            assert_eq!(back.encode(), bytes, "a second encoding of the state");
            require_sound(&state.validators);
            require_sound(&state.next_validators);
            assert!(state.max_tx_bytes() <= state.max_block_bytes());
            features.note(format!("state {} {}", state.last_block_height.get().min(2), state.last_validators.len()));
            // Impossible or not, the next block is judged without a panic.
            let made = state.make_block(vec![Bytes::from_static(b"tx")], &no_commit(), &[0; 20]);
            let judged = made.map_err(|error| error.to_string()).and_then(|block| {
                let outcome = BlockOutcome { tx_results: vec![Default::default()], ..BlockOutcome::default() };
                let next = state.next(&block, &outcome).map(drop).map_err(|error| error.to_string());
                state.validate(&block).map_err(|error| error.to_string()).and(next)
            });
            features.outcome("next", 0, "", &judged.err().unwrap_or_default());
        }
        Err(error) => features.outcome("state", 0, "", &error.to_string()),
    }
    features
}

fn require_sound(set: &ValidatorSet) {
    assert_eq!(ValidatorSet::from_raw(&set.to_raw()).as_ref(), Ok(set), "another set comes back");
    assert!(!set.is_empty() && set.proposer().is_some());
    let mut later = set.clone();
    later.increment_proposer_priority(3);
    assert_eq!((later.hash(), later.total_power()), (set.hash(), set.total_power()), "turns change no member");
}
