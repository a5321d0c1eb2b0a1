//! Collecting votes and checking commits.

use bytes::Bytes;
use plume_block::{
    Added, BlockId, CommitError, InvalidBlockId, PartSetHeader, ValidatorSet, Vote, VoteError, VoteSet, commit_info,
    median_time, raw, verify_commit,
};
use plume_engine::VoteFlag;
use plume_primitives::{Height, Timestamp};

use crate::world::{CHAIN_ID, World, address, at, update};

const HEIGHT: Height = Height(5);

fn id(n: u8) -> BlockId {
    BlockId { hash: [n; 32], parts: PartSetHeader { total: 1, hash: [n; 32] } }
}

fn setup() -> (World, ValidatorSet, VoteSet) {
    let powers = [(1, 10), (2, 10), (3, 10), (101, 10)];
    let world = World::new(&powers);
    let set = ValidatorSet::new(&powers.map(|(n, power)| update(n, power))).expect("a set");
    (world, set.clone(), VoteSet::new(CHAIN_ID, HEIGHT, 0, id(1), set))
}

#[test]
fn votes_add_up_to_a_commit_with_absent_entries() {
    let (world, set, mut votes) = setup();
    let vote = |index: usize| world.vote(&set, index, HEIGHT, id(1), at(100 + index as i64));
    assert_eq!(votes.add(vote(0)), Ok(Added::New));
    assert_eq!(votes.add(vote(3)), Ok(Added::New));
    assert_eq!(votes.add(vote(3)), Ok(Added::Duplicate));
    assert_eq!((votes.power(), votes.has_two_thirds()), (20, false));
    assert_eq!(votes.add(vote(1)), Ok(Added::New));
    assert_eq!((votes.power(), votes.has_two_thirds()), (30, true));
    assert_eq!((0..5).map(|i| votes.has(i)).collect::<Vec<_>>(), [true, true, false, true, false]);
    assert_eq!(votes.votes().count(), 3);

    let commit = votes.commit();
    let absent = &commit.signatures[2];
    assert_eq!((absent.block_id_flag, absent.validator_address.len(), absent.signature.len()), (1, 0, 0));
    assert_eq!(absent.timestamp.map(|t| (t.seconds, t.nanos)), Some((-62_135_596_800, 0)));
    assert_eq!((commit.height, commit.round, commit.signatures.len()), (5, 0, 4));
    assert_eq!(verify_commit(CHAIN_ID, &set, &id(1), HEIGHT, &commit), Ok(()));
    // Times 100, 101, 103 with equal weights: m = 15, 15 > 10, 5 <= 10.
    assert_eq!(median_time(&commit, &set), Ok(at(101)));
    let info = commit_info(&commit, &set).expect("the same size");
    let flags: Vec<_> = info.votes.iter().map(|vote| vote.flag).collect();
    assert_eq!(flags, [VoteFlag::Commit, VoteFlag::Commit, VoteFlag::Absent, VoteFlag::Commit]);
    assert_eq!(info.votes[0].validator.address, set.validators()[0].address().as_slice());
}

#[test]
fn exactly_two_thirds_are_not_enough() {
    let world = World::new(&[(1, 1), (2, 1), (3, 1)]);
    let set = world.state.validators.clone();
    let mut votes = VoteSet::new(CHAIN_ID, HEIGHT, 0, id(1), set.clone());
    for index in 0..2 {
        votes.add(world.vote(&set, index, HEIGHT, id(1), at(1))).expect("a vote");
    }
    assert!(!votes.has_two_thirds());
    let error = CommitError::Power { got: 2, needed: 2 };
    assert_eq!(verify_commit(CHAIN_ID, &set, &id(1), HEIGHT, &votes.commit()), Err(error));
}

#[test]
fn votes_that_do_not_count_are_refused_with_their_reason() {
    let (world, set, mut votes) = setup();
    let good = world.vote(&set, 0, HEIGHT, id(1), at(100));
    let refused = |votes: &mut VoteSet, change: &dyn Fn(&mut Vote)| {
        let mut vote = good.clone();
        change(&mut vote);
        votes.add(vote).expect_err("does not count")
    };
    let own = *set.validators()[0].address();
    let step = |height, round| VoteError::Step {
        expected_height: HEIGHT,
        expected_round: 0,
        got_height: height,
        got_round: round,
    };
    assert_eq!(refused(&mut votes, &|v| v.height = Height(6)), step(Height(6), 0));
    assert_eq!(refused(&mut votes, &|v| v.round = 1), step(HEIGHT, 1));
    assert_eq!(refused(&mut votes, &|v| v.validator_index = 4), VoteError::UnknownIndex { index: 4, size: 4 });
    let (expected, got) = (own, address(77));
    assert_eq!(refused(&mut votes, &|v| v.validator_address = got), VoteError::Address { index: 0, expected, got });
    assert_eq!(refused(&mut votes, &|v| v.timestamp = at(101)), VoteError::Signature(own));
    assert_eq!(refused(&mut votes, &|v| v.block_id = id(2)), VoteError::Signature(own));
    assert_eq!(refused(&mut votes, &|v| v.signature = Bytes::from_static(&[1; 64])), VoteError::Signature(own));
    assert_eq!(refused(&mut votes, &|v| v.signature = Bytes::new()), VoteError::Signature(own));
    assert_eq!((votes.power(), votes.votes().count()), (0, 0));

    // A vote of another chain is not one of this.
    let mut elsewhere = VoteSet::new("other-1", HEIGHT, 0, id(1), set.clone());
    assert_eq!(elsewhere.add(good.clone()), Err(VoteError::Signature(own)));

    assert_eq!(votes.add(good.clone()), Ok(Added::New));
    let later = world.vote(&set, 0, HEIGHT, id(1), at(200));
    assert_eq!(votes.add(later), Err(VoteError::NonDeterministic(own)));
    let other = world.vote(&set, 0, HEIGHT, id(2), at(100));
    assert_eq!(votes.add(other.clone()), Err(VoteError::Conflicting(Box::new(good), Box::new(other))));
    assert_eq!(votes.power(), 10, "the first vote stays");
}

#[test]
fn a_first_vote_for_another_block_does_not_count_and_proves_a_conflict_later() {
    let (world, set, mut votes) = setup();
    let nil = world.vote(&set, 1, HEIGHT, BlockId::ZERO, at(100));
    let wrong = VoteError::OtherBlock { expected: id(1).into(), got: BlockId::ZERO.into() };
    assert_eq!(votes.add(nil.clone()), Err(wrong));
    assert_eq!(votes.power(), 0);
    let ours = world.vote(&set, 1, HEIGHT, id(1), at(100));
    assert_eq!(votes.add(ours.clone()), Err(VoteError::Conflicting(Box::new(nil), Box::new(ours))));
    assert_eq!((votes.power(), votes.has(1)), (0, false));
    assert_eq!(votes.commit().signatures[1].block_id_flag, 1);
}

#[test]
fn messages_of_votes_round_trip_and_impossible_ones_are_refused() {
    let (world, set, _) = setup();
    let vote = world.vote(&set, 3, HEIGHT, id(1), Timestamp::new(7, 9).expect("a time"));
    assert_eq!(Vote::from_raw(&vote.to_raw()), Ok(vote.clone()));
    let nil = world.vote(&set, 3, HEIGHT, BlockId::ZERO, at(1));
    assert_eq!(Vote::from_raw(&nil.to_raw()), Ok(nil));
    let refused = |change: &dyn Fn(&mut raw::Vote)| {
        let mut raw = vote.to_raw();
        change(&mut raw);
        Vote::from_raw(&raw).expect_err("impossible")
    };
    let length = |part, expected, got| VoteError::Length { part, expected, got };
    assert_eq!(refused(&|v| v.r#type = 1), VoteError::Type(1));
    assert_eq!(refused(&|v| v.height = 0), VoteError::Height(0));
    assert_eq!(refused(&|v| v.round = -1), VoteError::Round(-1));
    assert_eq!(refused(&|v| v.validator_index = -1), VoteError::Index(-1));
    assert_eq!(refused(&|v| v.validator_address.truncate(19)), length("validator address", "20", 19));
    assert_eq!(refused(&|v| v.signature.clear()), length("signature", "1 to 64", 0));
    assert_eq!(refused(&|v| v.signature = vec![1; 65]), length("signature", "1 to 64", 65));
    assert_eq!(refused(&|v| v.extension = vec![1]), VoteError::Extension { extension: 1, signature: 0 });
    assert_eq!(refused(&|v| v.extension_signature = vec![1; 2]), VoteError::Extension { extension: 0, signature: 2 });
    let half = InvalidBlockId::Length { what: "hash", got: 0 };
    assert_eq!(refused(&|v| v.block_id.as_mut().expect("set").hash.clear()), VoteError::BlockId(half));
    assert!(matches!(refused(&|v| v.timestamp.as_mut().expect("set").nanos = -1), VoteError::Time(_)));
}

#[test]
fn commits_that_prove_nothing_are_refused_with_their_reason() {
    let (world, set, mut votes) = setup();
    for index in 0..4 {
        votes.add(world.vote(&set, index, HEIGHT, id(1), at(100))).expect("a vote");
    }
    let good = votes.commit();
    let check = |commit: &raw::Commit| verify_commit(CHAIN_ID, &set, &id(1), HEIGHT, commit);
    assert_eq!(check(&good), Ok(()));
    let refused = |change: &dyn Fn(&mut raw::Commit)| {
        let mut commit = good.clone();
        change(&mut commit);
        check(&commit).expect_err("proves nothing")
    };
    use CommitError as E;
    assert_eq!(refused(&|c| c.height = -1), E::NegativeHeight(-1));
    assert_eq!(refused(&|c| c.round = -1), E::NegativeRound(-1));
    assert_eq!(refused(&|c| c.block_id = None), E::NoBlock);
    assert_eq!(refused(&|c| c.signatures.clear()), E::NoSignatures);
    assert_eq!(refused(&|c| c.height = 6), E::Height { expected: 5, got: 6 });
    assert_eq!(
        refused(&|c| c.block_id = Some(id(2).to_raw())),
        E::WrongBlock { expected: id(1).into(), got: id(2).into() }
    );
    assert_eq!(
        refused(&|c| {
            c.signatures.pop();
        }),
        E::SetSize { expected: 4, got: 3 }
    );
    assert_eq!(refused(&|c| c.signatures[0].block_id_flag = 0), E::Flag { index: 0, flag: 0 });
    assert_eq!(refused(&|c| c.signatures[1].block_id_flag = 258), E::Flag { index: 1, flag: 258 });
    assert_eq!(refused(&|c| c.signatures[1].block_id_flag = 1), E::NotAbsent { index: 1, part: "address" });
    assert_eq!(refused(&|c| c.signatures[2].validator_address.clear()), E::AddressLength { index: 2, got: 0 });
    assert_eq!(refused(&|c| c.signatures[2].signature.clear()), E::SignatureLength { index: 2, got: 0 });
    assert_eq!(refused(&|c| c.signatures[2].signature.push(0)), E::SignatureLength { index: 2, got: 65 });
    let (expected, got) = (*set.validators()[0].address(), set.validators()[1].address().to_vec());
    assert_eq!(refused(&|c| c.signatures.swap(0, 1)), E::Validator { index: 0, expected, got });
    // Another round, time or flag is another vote: the signature is not for it.
    let wrong = |index: usize| E::WrongSignature { index, signature: good.signatures[index].signature.clone() };
    assert_eq!(refused(&|c| c.round = 1), wrong(0));
    for index in 0..4 {
        assert_eq!(refused(&|c| c.signatures[index].timestamp.as_mut().expect("set").seconds += 1), wrong(index));
        assert_eq!(refused(&|c| c.signatures[index].block_id_flag = 3), wrong(index), "said to be for nil");
    }
    assert_eq!(verify_commit("other-1", &set, &id(1), HEIGHT, &good), Err(wrong(0)));
    let stranger = refused_median(&good, &set);
    assert_eq!(stranger, E::UnknownValidator(vec![9; 20]));
}

fn refused_median(commit: &raw::Commit, set: &ValidatorSet) -> CommitError {
    let mut commit = commit.clone();
    commit.signatures[0].validator_address = vec![9; 20];
    median_time(&commit, set).expect_err("a stranger")
}

#[test]
fn a_nil_vote_in_a_commit_is_verified_but_has_no_power() {
    let (world, set, mut votes) = setup();
    for index in 0..3 {
        votes.add(world.vote(&set, index, HEIGHT, id(1), at(100))).expect("a vote");
    }
    let nil = world.vote(&set, 3, HEIGHT, BlockId::ZERO, at(100));
    let mut commit = votes.commit();
    commit.signatures[3] = raw::CommitSig {
        block_id_flag: 3,
        validator_address: nil.validator_address.to_vec(),
        timestamp: nil.to_raw().timestamp,
        signature: nil.signature.to_vec(),
    };
    assert_eq!(verify_commit(CHAIN_ID, &set, &id(1), HEIGHT, &commit), Ok(()));
    commit.signatures[2] = raw::CommitSig { block_id_flag: 1, ..raw::CommitSig::default() };
    commit.signatures[2].timestamp =
        Some(tendermint_proto::google::protobuf::Timestamp { seconds: Timestamp::GO_ZERO.seconds(), nanos: 0 });
    let error = CommitError::Power { got: 20, needed: 26 };
    assert_eq!(verify_commit(CHAIN_ID, &set, &id(1), HEIGHT, &commit), Err(error));
}
