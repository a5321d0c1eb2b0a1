//! From genesis on: what changes when.

use bytes::Bytes;
use plume_block::params::{self, ParamsError};
use plume_block::{
    ChainState, FullBlock, StateError, ValidatorSetError, max_commit_bytes, merkle, no_commit, raw, results_hash,
};
use plume_engine::{BlockOutcome, ConsensusParams, InitOutcome, TxResult, VoteFlag};
use plume_primitives::Height;

use crate::world::{World, address, at, genesis, init, result, update};

#[test]
fn genesis_follows_the_document_and_the_application() {
    let document = genesis(&[(1, 10), (2, 20)], 7);
    let state = ChainState::genesis(&document, &init(), 3).expect("a state");
    assert_eq!((state.app_version, state.initial_height, state.last_block_height), (3, Height(7), Height::ZERO));
    assert_eq!((state.last_block_time, state.last_results_hash), (at(1_000), merkle::EMPTY));
    assert_eq!((state.last_height_validators_changed, state.last_height_params_changed), (Height(7), Height(7)));
    assert!(state.last_validators.is_empty());
    let mut rotated = state.validators.clone();
    rotated.increment_proposer_priority(1);
    assert_eq!(state.next_validators, rotated);
    assert_eq!(state.consensus_params.block, params::defaults().block, "what the document lacks has defaults");

    let version = ConsensusParams { version: Some(raw::VersionParams { app: 9 }), ..ConsensusParams::default() };
    let answer = InitOutcome { validators: vec![update(3, 5)], consensus_params: Some(version), ..init() };
    let state = ChainState::genesis(&document, &answer, 3).expect("a state");
    assert_eq!(state.app_version, 9, "the application's parameters name the version");
    assert_eq!(state.validators.validators().iter().map(|v| *v.address()).collect::<Vec<_>>(), [address(3)]);
    // CometBFT: parameters without a version leave the document's, which is 0.
    let answer = InitOutcome { consensus_params: Some(ConsensusParams::default()), ..init() };
    assert_eq!(ChainState::genesis(&document, &answer, 3).map(|s| s.app_version), Ok(0));
}

#[test]
fn genesis_without_validators_or_with_forbidden_keys_is_refused() {
    assert_eq!(ChainState::genesis(&genesis(&[], 1), &init(), 1), Err(StateError::NoValidators));
    let mut document = genesis(&[(101, 10)], 1);
    assert!(ChainState::genesis(&document, &init(), 1).is_ok());
    document.consensus_params.validator = None;
    let error = StateError::KeyType {
        address: hex::encode_upper(address(101)),
        kind: "secp256k1",
        allowed: "ed25519".to_owned(),
    };
    assert_eq!(ChainState::genesis(&document, &init(), 1), Err(error));
    document.consensus_params.block = Some(raw::BlockParams { max_bytes: 0, max_gas: 0 });
    assert_eq!(ChainState::genesis(&document, &init(), 1), Err(StateError::Params(ParamsError::MaxBytes(0))));
}

#[test]
fn validators_act_two_heights_later() {
    let mut world = World::new(&[(1, 10), (2, 10)]);
    let members = |world: &World| {
        let state = &world.state;
        [&state.last_validators, &state.validators, &state.next_validators].map(|set| set.len())
    };
    assert_eq!(members(&world), [0, 2, 2]);
    world.advance(Vec::new(), vec![update(3, 10)], &[]);
    assert_eq!(members(&world), [2, 2, 3]);
    assert_eq!(world.state.last_height_validators_changed, Height(3));
    world.advance(Vec::new(), Vec::new(), &[]);
    assert_eq!(members(&world), [2, 3, 3]);
    let block = world.advance(Vec::new(), Vec::new(), &[]);
    assert_eq!((block.height(), members(&world)), (Height(3), [3, 3, 3]));
    assert_eq!(world.last_commit.signatures.len(), 3);
    assert_eq!(world.state.last_height_validators_changed, Height(3));
}

#[test]
fn parameters_and_version_act_at_the_next_height() {
    let mut world = World::at_height(&[(1, 10)], 1);
    let block = world.block(Vec::new());
    let changes = ConsensusParams {
        block: Some(raw::BlockParams { max_bytes: 2_000_000, max_gas: 5 }),
        version: Some(raw::VersionParams { app: 4 }),
        ..ConsensusParams::default()
    };
    let outcome = BlockOutcome { consensus_params: Some(changes), ..world.outcome(&block, Vec::new()) };
    let commit = world.commit(&block, &[]);
    let before = world.state.clone();
    world.state = before.next(&block, &outcome).expect("a valid outcome");
    world.last_commit = commit;
    assert_eq!((world.state.app_version, world.state.max_block_bytes()), (4, 2_000_000));
    assert_eq!(params::max_gas(&world.state.consensus_params), Some(5));
    assert_eq!(world.state.last_height_params_changed, Height(3));
    assert_eq!(world.state.consensus_params.evidence, before.consensus_params.evidence);
    let next = world.block(Vec::new());
    assert_eq!(next.header().version.map(|version| version.app), Some(4));
    assert_ne!(next.header().consensus_hash, block.header().consensus_hash);
    assert_eq!(world.state.max_tx_bytes(), 2_000_000 - 11 - 626 - max_commit_bytes(1));
    assert_eq!(max_commit_bytes(1), 94 + 111);
}

#[test]
fn outcomes_that_cometbft_stops_at_give_no_state() {
    let world = World::at_height(&[(1, 10), (2, 10)], 2);
    let block = world.block(vec![Bytes::from_static(b"a")]);
    let good = world.outcome(&block, Vec::new());
    assert!(world.state.next(&block, &good).is_ok());
    let refused = |change: &dyn Fn(&mut BlockOutcome)| {
        let mut outcome = good.clone();
        change(&mut outcome);
        world.state.next(&block, &outcome).expect_err("impossible")
    };
    assert_eq!(refused(&|o| o.tx_results.clear()), StateError::Results { expected: 1, got: 0 });
    let validators = |error| StateError::Validators(error);
    assert_eq!(
        refused(&|o| o.validator_updates = vec![update(1, -1)]),
        validators(ValidatorSetError::NegativePower(-1))
    );
    assert_eq!(
        refused(&|o| o.validator_updates = vec![update(1, 0), update(2, 0)]),
        validators(ValidatorSetError::Empty)
    );
    let with = |params: ConsensusParams| refused(&|o| o.consensus_params = Some(params.clone()));
    let block_params = Some(raw::BlockParams { max_bytes: -2, max_gas: -1 });
    assert_eq!(
        with(ConsensusParams { block: block_params, ..ConsensusParams::default() }),
        StateError::Params(ParamsError::MaxBytes(-2))
    );
    let abci = Some(raw::AbciParams { vote_extensions_enable_height: 3 });
    assert_eq!(
        with(ConsensusParams { abci, ..ConsensusParams::default() }),
        StateError::Params(ParamsError::ExtensionsPast { new: 3, height: 3 })
    );
    let later = World::at_height(&[(1, 10), (2, 10)], 3);
    let error = StateError::Height { expected: Height(4), got: Height(3) };
    assert_eq!(later.state.next(&block, &good), Err(error));

    // A removal needs no allowed key, a newcomer does.
    let mut ed25519 = World::at_height(&[(1, 10), (101, 10)], 1);
    ed25519.state.consensus_params.validator = params::defaults().validator;
    let block = ed25519.block(Vec::new());
    let next = |updates| ed25519.state.next(&block, &ed25519.outcome(&block, updates));
    assert!(next(vec![update(101, 0)]).is_ok());
    assert!(matches!(next(vec![update(102, 5)]), Err(StateError::KeyType { kind: "secp256k1", .. })));
}

#[test]
fn the_last_height_has_no_next() {
    let mut world = World::at_height(&[(1, 10)], 1);
    world.state.last_block_height = Height(i64::MAX.unsigned_abs());
    assert_eq!(world.state.next_height(), Err(StateError::LastHeight(Height(i64::MAX.unsigned_abs()))));
}

#[test]
fn stored_states_come_back() {
    for blocks in 0..3 {
        let state = World::at_height(&[(1, 10), (2, 20), (101, 30)], blocks).state;
        assert_eq!(ChainState::decode(&state.encode()), Ok(state));
    }
    assert!(matches!(ChainState::decode(&[]), Err(StateError::Malformed(_))), "no version");
}

#[test]
fn the_application_gets_votes_from_the_block() {
    let mut world = World::new(&[(1, 10), (2, 10), (3, 10), (4, 10)]);
    let txs = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    let proposer = address(2);
    let first = world.state.draft(txs.clone(), &no_commit(), &proposer).expect("a draft");
    assert_eq!((first.time, first.last_commit.votes.len()), (at(1_000), 0));
    world.advance(Vec::new(), Vec::new(), &[2]);

    let draft = world.state.draft(txs.clone(), &world.last_commit, &proposer).expect("a draft");
    let block = world.state.make_block(txs.clone(), &world.last_commit, &proposer).expect("a block");
    let proposal = world.state.proposal(&block).expect("votes of the last validators");
    let decided = world.state.decided(&block).expect("votes of the last validators");
    assert_eq!(plume_engine::Block::from(&proposal), decided);
    assert_eq!(
        (&draft.hash, proposal.max_tx_bytes, draft.max_tx_bytes),
        (&Bytes::new(), None, Some(world.state.max_tx_bytes()))
    );
    let undecided = plume_engine::Block { hash: Bytes::new(), ..decided.clone() };
    assert_eq!(plume_engine::Block::from(&draft), undecided, "prepare and finalize see the same block");
    assert_eq!(decided.hash, block.hash().as_slice());
    assert_eq!((decided.height, decided.txs, decided.proposer), (Height(2), txs, Bytes::copy_from_slice(&proposer)));
    let flags: Vec<_> = decided.last_commit.votes.iter().map(|vote| vote.flag).collect();
    assert_eq!(flags, [VoteFlag::Commit, VoteFlag::Commit, VoteFlag::Absent, VoteFlag::Commit]);
    assert_eq!(decided.next_validators_hash, world.state.next_validators.hash().as_slice());
}

#[test]
fn transactions_have_proofs_and_slices_of_the_block() {
    let txs: Vec<Bytes> = (0..5_u8).map(|n| vec![n; usize::from(n)].into()).collect();
    let block = World::new(&[(1, 1)]).block(txs.clone());
    assert_eq!(block.txs(), txs);
    let range = block.bytes().as_ptr_range();
    assert!(block.txs().iter().all(|tx| range.contains(&tx.as_ptr())), "no copies");
    for (index, tx) in txs.iter().enumerate() {
        assert_eq!(block.tx_hashes()[index], merkle::sha256(tx));
        let proof = block.tx_proof(index).expect("a transaction");
        assert_eq!((proof.data, proof.root_hash), (tx.to_vec(), block.header().data_hash.clone()));
        let theirs = proof.proof.expect("a proof");
        assert_eq!((theirs.total, usize::try_from(theirs.index)), (5, Ok(index)));
    }
    assert_eq!(block.tx_proof(5), None);
    assert_eq!(FullBlock::decode(block.bytes().clone()), Ok(block));
}

#[test]
fn results_hash_covers_code_data_and_gas_only() {
    let base = result(10);
    let hash = |result: &TxResult| results_hash(std::slice::from_ref(result));
    let silent = TxResult {
        log: "l".into(),
        codespace: "sdk".into(),
        events: vec![plume_engine::Event::new("e")],
        ..base.clone()
    };
    assert_eq!(hash(&silent), hash(&base));
    assert_ne!(hash(&TxResult { code: 1, ..base.clone() }), hash(&base));
    assert_ne!(hash(&TxResult { data: Bytes::new(), ..base.clone() }), hash(&base));
    assert_ne!(hash(&result(11)), hash(&result(12)));
    assert_eq!(results_hash(&[]), merkle::EMPTY);
}

#[test]
fn limits_of_parameters() {
    let with = |change: &dyn Fn(&mut ConsensusParams)| {
        let mut params = params::defaults();
        change(&mut params);
        params::require_valid(&params)
    };
    use ParamsError as E;
    let block = |max_bytes, max_gas| Some(raw::BlockParams { max_bytes, max_gas });
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|p| p.block = block(-1, -1)), Ok(()));
    assert_eq!(with(&|p| p.block = block(104_857_600, 0)), Ok(()));
    assert_eq!(with(&|p| p.block = block(104_857_601, 0)), Err(E::MaxBytes(104_857_601)));
    assert_eq!(with(&|p| p.block = None), Err(E::MaxBytes(0)));
    assert_eq!(with(&|p| p.block = block(2_000_000, -2)), Err(E::MaxGas(-2)));
    let evidence = |p: &mut ConsensusParams, change: &dyn Fn(&mut raw::EvidenceParams)| {
        change(p.evidence.as_mut().expect("set"));
    };
    assert_eq!(with(&|p| evidence(p, &|e| e.max_age_num_blocks = 0)), Err(E::EvidenceAge(0)));
    assert_eq!(with(&|p| evidence(p, &|e| e.max_age_duration = None)), Err(E::EvidenceDuration(0)));
    assert_eq!(with(&|p| evidence(p, &|e| e.max_bytes = -1)), Err(E::EvidenceBytes { max: 22_020_096, got: -1 }));
    let over = E::EvidenceBytes { max: 22_020_096, got: 22_020_097 };
    assert_eq!(with(&|p| evidence(p, &|e| e.max_bytes = 22_020_097)), Err(over));
    let types = |names: &[&str]| {
        Some(raw::ValidatorParams { pub_key_types: names.iter().map(|name| (*name).to_owned()).collect() })
    };
    assert_eq!(with(&|p| p.validator = types(&[])), Err(E::NoKeyTypes));
    let unknown = E::KeyType { index: 1, name: "bls".to_owned() };
    assert_eq!(with(&|p| p.validator = types(&["secp256k1", "bls"])), Err(unknown));
    let extensions = |height| Some(raw::AbciParams { vote_extensions_enable_height: height });
    assert_eq!(with(&|p| p.abci = extensions(-1)), Err(E::ExtensionsHeight(-1)));

    // Rows of the table in CometBFT's ValidateUpdate: (in force, asked for, allowed at height 10).
    let allowed = |old, new| {
        let params = ConsensusParams { abci: extensions(old), ..params::defaults() };
        let changes = ConsensusParams { abci: extensions(new), ..ConsensusParams::default() };
        params::require_allowed_update(&params, &changes, 10)
    };
    assert_eq!(params::require_allowed_update(&params::defaults(), &ConsensusParams::default(), 10), Ok(()));
    for (old, new) in [(0, 0), (5, 5), (20, 0), (0, 11), (20, 30)] {
        assert_eq!(allowed(old, new), Ok(()), "{old} to {new}");
    }
    assert_eq!(allowed(0, -1), Err(E::ExtensionsHeight(-1)));
    assert_eq!(allowed(5, 0), Err(E::ExtensionsEnabled { old: 5, new: 0, height: 10 }));
    assert_eq!(allowed(0, 10), Err(E::ExtensionsPast { new: 10, height: 10 }));
    assert_eq!(allowed(5, 11), Err(E::ExtensionsEnabled { old: 5, new: 11, height: 10 }));
}
