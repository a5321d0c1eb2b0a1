//! What a CometBFT chain asked of its application, asked again through both adapters: the ABCI server on a socket, and
//! the blocks as the Raft engine applies them.
//!
//! `recordings/record.py` made the recording.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_block::{ChainState, FullBlock, abci, raw, results_hash};
use plume_chain::{Chain, ChainConfig, ChainReader};
use plume_cometbft::client::Client;
use plume_cometbft::{ListenAddress, Server, ServerOptions};
use plume_engine::{
    Block, BlockOutcome, Committed, Executor, Fatal, Genesis, InitOutcome, Proposal, Reader, Verdict, VoteFlag,
};
use plume_home::genesis::GenesisDoc;
use plume_primitives::Height;
use plume_proto::Message;
use plume_proto::tendermint::abci::{RequestCommit, RequestFinalizeBlock, RequestInfo, RequestInitChain};
use plume_state::MemoryBackend;
use plume_store::{BlockStore, Decided, StoreOptions};
use serde_json::Value;

struct Recording {
    genesis: GenesisDoc,
    init_chain: RequestInitChain,
    /// The commit of the last block.
    seen_commit: raw::Commit,
    heights: Vec<Recorded>,
}

/// One height.
struct Recorded {
    finalize_block: RequestFinalizeBlock,
    block: Bytes,
    /// From the header of the next height.
    result: HeightResult,
}

/// What an application makes of a block.
#[derive(Debug, Clone, PartialEq)]
struct HeightResult {
    app_hash: Bytes,
    results_hash: [u8; 32],
    codes: Vec<u32>,
}

impl HeightResult {
    fn of(outcome: &BlockOutcome) -> Self {
        Self {
            app_hash: outcome.app_hash.clone(),
            results_hash: results_hash(&outcome.tx_results),
            codes: outcome.tx_results.iter().map(|result| result.code).collect(),
        }
    }
}

impl Recording {
    fn load() -> Self {
        let json: Value = serde_json::from_str(include_str!("../../recordings/cometbft-chain.json")).unwrap();
        let bytes = |value: &Value| Bytes::from(STANDARD.decode(value.as_str().unwrap()).unwrap());
        let hash = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
        let recorded = |height: &Value| Recorded {
            finalize_block: RequestFinalizeBlock::decode(bytes(&height["finalize_block"])).unwrap(),
            block: bytes(&height["block"]),
            result: HeightResult {
                app_hash: hash(&height["app_hash"]).into(),
                results_hash: hash(&height["last_results_hash"]).try_into().unwrap(),
                codes: serde_json::from_value(height["codes"].clone()).unwrap(),
            },
        };
        Self {
            genesis: GenesisDoc::from_json(json["genesis"].to_string().as_bytes()).unwrap(),
            init_chain: RequestInitChain::decode(bytes(&json["init_chain"])).unwrap(),
            seen_commit: raw::Commit::decode(bytes(&json["seen_commit"])).unwrap(),
            heights: json["heights"].as_array().unwrap().iter().map(recorded).collect(),
        }
    }

    fn results(&self) -> Vec<HeightResult> {
        self.heights.iter().map(|height| height.result.clone()).collect()
    }
}

/// A chain that notes what it is asked, so that also what no module reads is compared.
struct Witness {
    chain: Chain,
    genesis: Option<Genesis>,
    blocks: Vec<Block>,
}

impl Witness {
    fn new() -> Self {
        let chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).unwrap();
        Self { chain, genesis: None, blocks: vec![] }
    }
}

impl Executor for Witness {
    type Reader = ChainReader;

    fn init_chain(&mut self, genesis: Genesis) -> Result<InitOutcome, Fatal> {
        // CometBFT passes the app state as it stands in the document, spaces included.
        let app_state: Value = serde_json::from_slice(&genesis.app_state).unwrap();
        self.genesis = Some(Genesis { app_state: app_state.to_string().into(), ..genesis.clone() });
        self.chain.init_chain(genesis)
    }

    fn prepare(&mut self, proposal: Proposal) -> Result<Vec<Bytes>, Fatal> {
        self.chain.prepare(proposal)
    }

    fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal> {
        self.chain.process(proposal)
    }

    fn anticipate(&mut self, proposal: &Proposal) -> Result<(), Fatal> {
        self.chain.anticipate(proposal)
    }

    fn finalize(&mut self, block: &Block) -> Result<BlockOutcome, Fatal> {
        self.blocks.push(block.clone());
        self.chain.finalize(block)
    }

    fn commit(&mut self) -> Result<Committed, Fatal> {
        self.chain.commit()
    }

    fn discard_uncommitted(&mut self) {
        self.chain.discard_uncommitted();
    }

    fn drain(&mut self) -> Result<(), Fatal> {
        self.chain.drain()
    }

    fn reader(&self) -> ChainReader {
        self.chain.reader()
    }
}

/// What came of a replay.
#[derive(Debug, PartialEq)]
struct Replay {
    genesis: Genesis,
    blocks: Vec<Block>,
    results: Vec<HeightResult>,
    /// After the last block.
    state: ChainState,
}

/// The recorded requests over a Unix socket, `edit`ed on their way. Checks each block's header as CometBFT would.
fn over_abci(recording: &Recording, count: usize, edit: fn(&mut RequestFinalizeBlock)) -> Result<Replay, String> {
    let folder = tempfile::tempdir().unwrap();
    let address = ListenAddress::Unix(folder.path().join("abci"));
    let server = Server::start(Witness::new(), &address, ServerOptions::default()).unwrap();
    let mut client = Client::connect(&address).unwrap();
    let info = client.info(RequestInfo::default()).map_err(text)?;
    assert_eq!((info.last_block_height, info.last_block_app_hash.is_empty()), (0, true));
    let response = client.init_chain(recording.init_chain.clone()).map_err(text)?;
    let init = InitOutcome {
        validators: response.validators.into_iter().map(|v| abci::validator_update(v).unwrap()).collect(),
        consensus_params: response.consensus_params,
        app_hash: response.app_hash,
    };
    let genesis = abci::genesis(recording.init_chain.clone()).unwrap();
    let mut state = ChainState::genesis(&genesis, &init, info.app_version).map_err(text)?;
    let mut results = vec![];
    for recorded in &recording.heights[..count] {
        let block = FullBlock::decode(recorded.block.clone()).map_err(text)?;
        state.validate(&block).map_err(text)?;
        let mut request = recorded.finalize_block.clone();
        edit(&mut request);
        let outcome = abci::outcome(client.finalize_block(request).map_err(text)?).map_err(text)?;
        client.commit(RequestCommit {}).map_err(text)?;
        results.push(HeightResult::of(&outcome));
        state = state.next(&block, &outcome).map_err(text)?;
    }
    drop(client);
    let witness = server.stop().map_err(text)?;
    assert_eq!(witness.chain.reader().info().height, state.last_block_height);
    Ok(Replay { genesis: witness.genesis.unwrap(), blocks: witness.blocks, results, state })
}

/// The recorded blocks as the Raft engine applies them when they are final (`Worker::apply`): decoded, checked against
/// the state, judged, executed, stored with everything, committed. What is executed is `edit`ed.
fn as_raft(recording: &Recording, count: usize, edit: fn(&mut Block)) -> Result<Replay, String> {
    let folder = tempfile::tempdir().unwrap();
    let store = BlockStore::open(folder.path(), StoreOptions::default()).unwrap();
    let mut executor = Witness::new();
    // From the document, as a node reads it.
    let genesis = recording.genesis.to_engine();
    let init = executor.init_chain(genesis.clone()).map_err(text)?;
    let mut state = ChainState::genesis(&genesis, &init, executor.reader().info().app_version).map_err(text)?;
    store.save_genesis(&state).unwrap();
    let mut results = vec![];
    for (index, recorded) in recording.heights[..count].iter().enumerate() {
        let block = FullBlock::decode(recorded.block.clone()).map_err(text)?;
        state.validate(&block).map_err(text)?;
        assert_eq!(executor.process(&state.proposal(&block).unwrap()).map_err(text)?, Verdict::Accept);
        let mut decided = state.decided(&block).map_err(text)?;
        edit(&mut decided);
        let outcome = executor.finalize(&decided).map_err(text)?;
        let next = state.next(&block, &outcome).map_err(text)?;
        let after = recording.heights.get(index + 1).map(|after| FullBlock::decode(after.block.clone()).unwrap());
        let seen_commit = after.as_ref().map_or(&recording.seen_commit, FullBlock::last_commit);
        store
            .save(Decided { block: &block, seen_commit, outcome: &outcome, state: &next, cursor: b"" })
            .map_err(text)?;
        executor.commit().map_err(text)?;
        results.push(HeightResult::of(&outcome));
        state = next;
        // What the store gives back is what a later start, or a peer, would go on from.
        let height = block.height();
        assert_eq!(store.block(height).unwrap(), block);
        assert_eq!(HeightResult::of(&store.outcome(height).unwrap()), HeightResult::of(&outcome));
        assert_eq!(store.chain_state().as_deref(), Some(&state));
    }
    Ok(Replay { genesis: executor.genesis.unwrap(), blocks: executor.blocks, results, state })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[test]
fn both_adapters_give_the_recorded_hashes_at_each_height() {
    let recording = Recording::load();
    let count = recording.heights.len();
    let by_abci = over_abci(&recording, count, |_| {}).expect("the recorded chain");
    let by_raft = as_raft(&recording, count, |_| {}).expect("the recorded chain");
    assert_eq!(by_abci.results, recording.results());
    assert_eq!(by_raft.results, recording.results());
    assert_eq!(by_abci.genesis, by_raft.genesis);
    assert_eq!(by_abci.blocks, by_raft.blocks);
    assert_eq!(by_abci.state, by_raft.state);
    assert!(by_abci == by_raft, "the adapters ask for different things");
    assert_eq!(by_raft.state.last_block_height, Height(count as u64));

    // The recording shows what it was made to show.
    let codes: Vec<u32> = recording.results().into_iter().flat_map(|height| height.codes).collect();
    assert!(count >= 30 && codes.len() >= 25 && codes.contains(&0) && codes.contains(&5), "{codes:?}");
    let mut proposers: Vec<_> = by_raft.blocks.iter().map(|block| block.proposer.clone()).collect();
    proposers.sort();
    proposers.dedup();
    assert_eq!(proposers.len(), 4, "everyone proposes");
    let votes: Vec<_> = by_raft.blocks.iter().map(|block| &block.last_commit.votes).collect();
    assert!(votes[1..].iter().all(|votes| votes.len() == 4));
    assert!(votes.iter().any(|votes| votes.iter().any(|vote| vote.flag == VoteFlag::Absent)), "votes are missing");
    let powers: Vec<_> = votes[1].iter().map(|vote| vote.validator.power).collect();
    assert_eq!(powers, [40, 26, 23, 11]);
}

/// Heights that the tests of dropped fields replay: with transactions in them, good ones and a bad one.
const SOME: usize = 12;

/// What a change is called, and the change.
type Edit<T> = (&'static str, fn(&mut T));

#[test]
fn a_field_that_the_abci_adapter_drops_is_noticed() {
    let recording = Recording::load();
    let good = as_raft(&recording, SOME, |_| {}).expect("the recorded chain");
    assert!(over_abci(&recording, SOME, |_| {}).expect("the recorded chain") == good);
    let edits: [Edit<RequestFinalizeBlock>; 8] = [
        ("proposer", |request| request.proposer_address.clear()),
        ("votes", |request| request.decided_last_commit = None),
        ("one vote", |request| {
            request.decided_last_commit.iter_mut().for_each(|commit| drop(commit.votes.pop()));
        }),
        ("a vote's flag", |request| {
            let votes = request.decided_last_commit.iter_mut().flat_map(|commit| &mut commit.votes);
            votes.for_each(|vote| vote.block_id_flag = 3);
        }),
        ("next validators", |request| request.next_validators_hash.clear()),
        ("hash", |request| request.hash.clear()),
        ("time", |request| request.time = None),
        ("a transaction", |request| drop(request.txs.pop())),
    ];
    for (what, edit) in edits {
        let replayed = over_abci(&recording, SOME, edit);
        assert!(replayed.is_err() || replayed.as_ref() != Ok(&good), "nobody notices that {what} is lost");
        if let Ok(replayed) = replayed {
            assert!(replayed.blocks != good.blocks, "{what}");
        }
    }
}

#[test]
fn a_field_that_the_raft_engine_drops_is_noticed() {
    let recording = Recording::load();
    let good = over_abci(&recording, SOME, |_| {}).expect("the recorded chain");
    let edits: [Edit<Block>; 6] = [
        ("proposer", |block| block.proposer.clear()),
        ("votes", |block| block.last_commit.votes.clear()),
        ("a vote's power", |block| block.last_commit.votes.iter_mut().for_each(|vote| vote.validator.power += 1)),
        ("next validators", |block| block.next_validators_hash.clear()),
        ("time", |block| block.time = Default::default()),
        ("a transaction", |block| drop(block.txs.pop())),
    ];
    for (what, edit) in edits {
        let replayed = as_raft(&recording, SOME, edit);
        assert!(replayed.is_err() || replayed.as_ref() != Ok(&good), "nobody notices that {what} is lost");
    }
}

#[test]
fn a_recorded_block_that_is_changed_is_no_block_of_the_chain() {
    let mut recording = Recording::load();
    // The app hash in a header: the block stays one in itself, but is not the next of this chain any more.
    let block = FullBlock::decode(recording.heights[3].block.clone()).expect("a block");
    let mut header = block.header().clone();
    header.app_hash[0] ^= 1;
    let forged = FullBlock::build(header, block.txs().to_vec(), block.last_commit().clone()).expect("a block");
    recording.heights[3].block = forged.bytes().clone();
    let refused = as_raft(&recording, SOME, |_| {}).expect_err("another app hash");
    assert!(refused.contains("AppHash"), "{refused}");
    assert_eq!(over_abci(&recording, SOME, |_| {}).expect_err("another app hash"), refused);
}
