//! Every header field, changed alone, is refused with its own error.

use bytes::Bytes;
use plume_block::{
    BlockError, BlockId, CommitError, FullBlock, HeaderError, InvalidBlock, PartSetHeader, commit_hash, evidence_hash,
    merkle, no_commit, params, raw,
};
use plume_primitives::Height;
use prost::Message;

use crate::world::{World, address, at};

fn world() -> World {
    World::at_height(&[(1, 10), (2, 10), (3, 10), (101, 10)], 3)
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Itself(BlockError),
    Here(InvalidBlock),
}

/// Verdict on the next block of `world` after `change`.
fn verdict(world: &World, change: &dyn Fn(&mut raw::Block)) -> Result<(), Refused> {
    let mut block = world.block(vec![Bytes::from_static(b"tx")]).to_raw();
    change(&mut block);
    let block = FullBlock::decode(block.encode_to_vec().into()).map_err(Refused::Itself)?;
    world.state.validate(&block).map_err(Refused::Here)
}

fn refused(world: &World, change: &dyn Fn(&mut raw::Header)) -> Refused {
    verdict(world, &|block| change(block.header.as_mut().expect("set"))).expect_err("changed")
}

#[test]
fn each_header_field() {
    let world = world();
    assert_eq!(verdict(&world, &|_| {}), Ok(()));
    let state = &world.state;
    let here = |error| Refused::Here(error);
    let header_error = |error| Refused::Itself(BlockError::Header(error));

    assert_eq!(
        refused(&world, &|h| h.version.as_mut().expect("set").block = 12),
        header_error(HeaderError::Protocol { got: 12 })
    );
    assert_eq!(
        refused(&world, &|h| h.version.as_mut().expect("set").app = 2),
        here(InvalidBlock::AppVersion { expected: 1, got: 2 })
    );
    let (expected, got) = (state.chain_id.clone(), "plume-test-2".to_owned());
    assert_eq!(
        refused(&world, &|h| h.chain_id = "plume-test-2".to_owned()),
        here(InvalidBlock::ChainId { expected, got })
    );
    assert_eq!(refused(&world, &|h| h.chain_id = "x".repeat(51)), header_error(HeaderError::ChainId { got: 51 }));
    let wrong_height = |got| here(InvalidBlock::Height { expected: Height(4), got: Height(got) });
    assert_eq!(refused(&world, &|h| h.height = 3), wrong_height(3));
    assert_eq!(refused(&world, &|h| h.height = 5), wrong_height(5));
    assert_eq!(refused(&world, &|h| h.height = 0), header_error(HeaderError::Height(0)));
    assert_eq!(refused(&world, &|h| h.height = -1), header_error(HeaderError::Height(-1)));

    let median = world.block(Vec::new()).time();
    let seconds = |seconds| move |h: &mut raw::Header| h.time.as_mut().expect("set").seconds = seconds;
    assert_eq!(
        refused(&world, &seconds(median.seconds() + 1)),
        here(InvalidBlock::Time { expected: median, got: at(median.seconds() + 1) })
    );
    assert_eq!(
        refused(&world, &seconds(state.last_block_time.seconds())),
        here(InvalidBlock::TimeNotAfter { last: state.last_block_time, got: state.last_block_time })
    );
    assert!(matches!(refused(&world, &seconds(i64::MAX)), Refused::Itself(BlockError::Header(HeaderError::Time(_)))));

    let other = BlockId { hash: [9; 32], ..state.last_block_id };
    assert_eq!(
        refused(&world, &|h| h.last_block_id = Some(other.to_raw())),
        here(InvalidBlock::LastBlockId { expected: state.last_block_id.into(), got: other.into() })
    );
    let other = BlockId { parts: PartSetHeader { total: 2, ..state.last_block_id.parts }, ..state.last_block_id };
    assert_eq!(
        refused(&world, &|h| h.last_block_id = Some(other.to_raw())),
        here(InvalidBlock::LastBlockId { expected: state.last_block_id.into(), got: other.into() })
    );
    assert_eq!(
        refused(&world, &|h| h.last_block_id = Some(BlockId::ZERO.to_raw())),
        here(InvalidBlock::LastBlockId { expected: state.last_block_id.into(), got: BlockId::ZERO.into() })
    );
    assert!(matches!(
        refused(&world, &|h| h.last_block_id.as_mut().expect("set").hash.clear()),
        Refused::Itself(BlockError::Header(HeaderError::LastBlockId(_)))
    ));

    let content = |field, expected| Refused::Itself(BlockError::Hash { field, expected, got: vec![9; 32] });
    assert_eq!(
        refused(&world, &|h| h.last_commit_hash = vec![9; 32]),
        content("last_commit_hash", commit_hash(&world.last_commit))
    );
    assert_eq!(
        refused(&world, &|h| h.data_hash = vec![9; 32]),
        content("data_hash", merkle::root(&[merkle::sha256(b"tx")]))
    );
    assert_eq!(refused(&world, &|h| h.evidence_hash = vec![9; 32]), content("evidence_hash", merkle::EMPTY));

    let hash = |field, expected| here(InvalidBlock::Hash { field, expected, got: vec![9; 32] });
    assert_eq!(refused(&world, &|h| h.validators_hash = vec![9; 32]), hash("ValidatorsHash", state.validators.hash()));
    assert_eq!(
        refused(&world, &|h| h.next_validators_hash = vec![9; 32]),
        hash("NextValidatorsHash", state.next_validators.hash())
    );
    assert_eq!(
        refused(&world, &|h| h.consensus_hash = vec![9; 32]),
        hash("ConsensusHash", params::hash(&state.consensus_params))
    );
    assert_eq!(
        refused(&world, &|h| h.last_results_hash = vec![9; 32]),
        hash("LastResultsHash", state.last_results_hash)
    );
    for got in [vec![9; 32], Vec::new(), vec![3; 33]] {
        let expected = state.app_hash.to_vec();
        assert_eq!(
            refused(&world, &|h| h.app_hash.clone_from(&got)),
            here(InvalidBlock::AppHash { expected, got: got.clone() })
        );
    }

    // Known as a key, but no validator of this height.
    assert_eq!(
        refused(&world, &|h| h.proposer_address = address(50).to_vec()),
        here(InvalidBlock::Proposer(address(50)))
    );
    let another = world.state.validators.validators().iter().find(|v| v.address() != world.block(vec![]).proposer());
    let another = *another.expect("four validators").address();
    assert_eq!(verdict(&world, &|b| b.header.as_mut().expect("set").proposer_address = another.to_vec()), Ok(()));

    type Field = fn(&mut raw::Header) -> &mut Vec<u8>;
    let fields: [(&str, Field, usize); 8] = [
        ("last_commit_hash", |h| &mut h.last_commit_hash, 32),
        ("data_hash", |h| &mut h.data_hash, 32),
        ("validators_hash", |h| &mut h.validators_hash, 32),
        ("next_validators_hash", |h| &mut h.next_validators_hash, 32),
        ("consensus_hash", |h| &mut h.consensus_hash, 32),
        ("last_results_hash", |h| &mut h.last_results_hash, 32),
        ("evidence_hash", |h| &mut h.evidence_hash, 32),
        ("proposer_address", |h| &mut h.proposer_address, 20),
    ];
    for (field, part, expected) in fields {
        for got in [0, expected - 1, expected + 1] {
            assert_eq!(
                refused(&world, &|h| part(h).resize(got, 0)),
                header_error(HeaderError::Length { field, expected, got })
            );
        }
    }
}

/// Replaces the last commit and states its hash.
fn with_commit(change: &dyn Fn(&mut raw::Commit)) -> Result<(), Refused> {
    verdict(&world(), &|block| {
        let commit = block.last_commit.as_mut().expect("set");
        change(commit);
        let hash = commit_hash(commit).to_vec();
        block.header.as_mut().expect("set").last_commit_hash = hash;
    })
}

#[test]
fn the_last_commit_must_prove_the_last_block() {
    let last = |error| Err(Refused::Here(InvalidBlock::LastCommit(error)));
    assert_eq!(with_commit(&|_| {}), Ok(()));
    assert_eq!(with_commit(&|c| c.height = 2), last(CommitError::Height { expected: 3, got: 2 }));
    assert_eq!(with_commit(&|c| *c = no_commit()), last(CommitError::SetSize { expected: 4, got: 0 }));
    assert!(matches!(
        with_commit(&|c| c.round = 1),
        Err(Refused::Here(InvalidBlock::LastCommit(CommitError::WrongSignature { index: 0, .. })))
    ));
    assert!(matches!(
        with_commit(&|c| c.signatures[2].signature[0] ^= 1),
        Err(Refused::Here(InvalidBlock::LastCommit(CommitError::WrongSignature { index: 2, .. })))
    ));
    let itself = |error| Err(Refused::Itself(BlockError::LastCommit(error)));
    assert_eq!(with_commit(&|c| c.round = -1), itself(CommitError::NegativeRound(-1)));
    let flag = CommitError::Flag { index: 0, flag: 7 };
    assert_eq!(with_commit(&|c| c.signatures[0].block_id_flag = 7), itself(flag));
}

#[test]
fn the_first_block_has_the_genesis_time_and_no_commit() {
    let world = World::new(&[(1, 10)]);
    assert_eq!(verdict(&world, &|_| {}), Ok(()));
    assert_eq!(
        refused(&world, &|h| h.time.as_mut().expect("set").nanos = 1),
        Refused::Here(InvalidBlock::GenesisTime {
            expected: at(1_000),
            got: plume_primitives::Timestamp::new(1_000, 1).expect("a time"),
        })
    );
    let commit = World::at_height(&[(1, 10)], 1).last_commit;
    let signed = verdict(&world, &|block| {
        block.header.as_mut().expect("set").last_commit_hash = commit_hash(&commit).to_vec();
        block.last_commit = Some(commit.clone());
    });
    assert_eq!(signed, Err(Refused::Here(InvalidBlock::InitialCommit(1))));
}

#[test]
fn evidence_and_blocks_over_the_limit_are_refused() {
    let world = world();
    let evidence = verdict(&world, &|block| {
        let list = raw::EvidenceList { evidence: vec![raw::Evidence { sum: None }] };
        block.header.as_mut().expect("set").evidence_hash = evidence_hash(&list).to_vec();
        block.evidence = Some(list);
    });
    assert_eq!(evidence, Err(Refused::Here(InvalidBlock::Evidence(1))));

    let mut small = world.clone();
    let block = world.block(vec![Bytes::from_static(b"tx")]);
    let got = block.bytes().len() as u64;
    let limit = |max: u64| Some(raw::BlockParams { max_bytes: i64::try_from(max).expect("small"), max_gas: -1 });
    small.state.consensus_params.block = limit(got - 1);
    assert_eq!(small.state.validate(&block), Err(InvalidBlock::TooLarge { max: got - 1, got }));
    small.state.consensus_params.block = limit(got);
    let block = small.block(vec![Bytes::from_static(b"tx")]);
    assert_eq!(small.state.validate(&block), Ok(()));
}
