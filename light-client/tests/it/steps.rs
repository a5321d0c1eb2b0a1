//! What one step accepts and refuses.

use std::time::Duration;

use plume_light_client::{
    Error, InvalidBlock, LightBlock, TrustLevel, TrustOptions, VerifyError, verify_block, verify_step,
};
use tendermint::block::{CommitSig, Height};

use crate::simulated::{Ballot, Chain, Draft, at, chain_id, four, hash, validator, validators};

fn refused(chain: &Chain, trusted: u64, block: &LightBlock) -> VerifyError {
    verify_step(chain.block(trusted), block, &chain.options(trusted), at(100)).unwrap_err()
}

/// The block at `height`, changed and then signed by its validators: what a dishonest majority can make.
fn resigned(chain: &Chain, height: u64, change: impl FnOnce(&mut Draft)) -> LightBlock {
    let mut draft = chain.draft(height, 1);
    change(&mut draft);
    draft.sign()
}

#[test]
fn trust_ends_with_its_period_and_not_before() {
    let chain = Chain::of(5);
    let options = TrustOptions { period: Duration::from_secs(50), ..chain.options(1) };
    let step = |now| verify_step(chain.block(1), chain.block(5), &options, now);
    let last = at(51).checked_sub(Duration::from_nanos(1)).unwrap();
    assert_eq!(step(last), Ok(()));
    assert_eq!(step(at(51)), Err(VerifyError::Expired { expired_at: at(51), now: at(51) }));
    // The client does not even ask.
    let node = chain.node("node");
    let mut client = plume_light_client::Client::new(chain_id(), options, chain.block(1).clone()).unwrap();
    let error = client.verify_to_height(&node, 5, at(52)).unwrap_err();
    let Error::Refused { source, from: 1, to: 5, .. } = error else { panic!("{error:?}") };
    assert_eq!(*source, VerifyError::Expired { expired_at: at(51), now: at(52) });
    assert_eq!(node.asked(), Vec::<u64>::new());
}

#[test]
fn a_clock_may_be_behind_by_the_allowed_drift() {
    let chain = Chain::of(20);
    let options = chain.options(1);
    let step = |now| verify_step(chain.block(1), chain.block(20), &options, now);
    let enough = at(10).checked_add(Duration::from_nanos(1)).unwrap();
    assert_eq!(step(enough), Ok(()));
    let max_clock_drift = Duration::from_secs(10);
    assert_eq!(step(at(10)), Err(VerifyError::FromFuture { time: at(20), now: at(10), max_clock_drift }));
}

#[test]
fn heights_and_times_grow() {
    let chain = Chain::of(9);
    assert_eq!(refused(&chain, 5, chain.block(5)), VerifyError::Time { trusted: at(5), found: at(5) });
    let same_height = resigned(&chain, 5, |draft| draft.header.time = at(6));
    assert_eq!(refused(&chain, 5, &same_height), VerifyError::Height { trusted: 5, found: 5 });
    let earlier = resigned(&chain, 9, |draft| draft.header.time = at(4));
    assert_eq!(refused(&chain, 5, &earlier), VerifyError::Time { trusted: at(5), found: at(4) });
}

#[test]
fn another_chain_and_another_block_format_are_refused() {
    let chain = Chain::of(3);
    let other = resigned(&chain, 3, |draft| draft.header.chain_id = "sim-2".parse().unwrap());
    let expected = VerifyError::ChainId { expected: "sim-1".to_owned(), found: "sim-2".to_owned() };
    assert_eq!(refused(&chain, 1, &other), expected);
    assert_eq!(verify_block(&other, &chain_id()), Err(expected));
    let version = resigned(&chain, 3, |draft| draft.header.version.block = 10);
    assert_eq!(refused(&chain, 1, &version), VerifyError::BlockVersion { expected: 11, found: 10 });
}

#[test]
fn adjacent_headers_name_each_other() {
    let chain = Chain::of(4);
    let unlinked = resigned(&chain, 4, |draft| {
        draft.header.last_block_id = draft.header.last_block_id.map(|id| tendermint::block::Id { hash: hash(9), ..id });
    });
    assert_eq!(refused(&chain, 3, &unlinked), VerifyError::Link { trusted: chain.block(3).hash(), named: hash(9) });
    // Two heights apart nobody can tell.
    assert_eq!(verify_step(chain.block(2), &unlinked, &chain.options(2), at(9)), Ok(()));
}

#[test]
fn more_than_two_thirds_of_its_own_validators_sign() {
    // 20 of 30 are exactly two thirds; 21 are more.
    let members = vec![(1, 10), (2, 10), (3, 9), (4, 1)];
    let chain = Chain::new(vec![members; 4]);
    let without = |seeds: &[u8], ballot| {
        resigned(&chain, 3, |draft| draft.ballots = seeds.iter().map(|seed| (*seed, ballot)).collect())
    };
    for trusted in [1, 2] {
        for ballot in [Ballot::Absent, Ballot::Nil] {
            let enough = without(&[3], ballot);
            assert_eq!(verify_step(chain.block(trusted), &enough, &chain.options(trusted), at(9)), Ok(()));
            let short = without(&[3, 4], ballot);
            assert_eq!(refused(&chain, trusted, &short), VerifyError::Power { signed: 20, total: 30 });
        }
    }
    let nobody = without(&[1, 2, 3, 4], Ballot::Absent);
    assert_eq!(refused(&chain, 2, &nobody), VerifyError::NoSignature);
}

#[test]
fn more_than_the_trust_level_of_the_old_validators_sign() {
    let chain =
        Chain::new(vec![four(), vec![(1, 10), (2, 10), (9, 10)], vec![(1, 10), (2, 10), (9, 10)], four(), four()]);
    let options = |level| TrustOptions { trust_level: level, ..chain.options(1) };
    let step = |level| verify_step(chain.block(1), chain.block(3), &options(level), at(9));
    assert_eq!(step(TrustLevel::ONE_THIRD), Ok(()));
    let half = TrustLevel::new(1, 2).unwrap();
    assert_eq!(step(half), Err(VerifyError::Trust { signed: 20, total: 40, level: half }));
    let two_thirds = TrustLevel::TWO_THIRDS;
    assert_eq!(step(two_thirds), Err(VerifyError::Trust { signed: 20, total: 40, level: two_thirds }));
}

/// The block with its commit changed after signing.
fn tampered(chain: &Chain, height: u64, change: impl FnOnce(&mut Vec<CommitSig>)) -> LightBlock {
    let mut signed = chain.block(height).signed_header().clone();
    change(&mut signed.commit.signatures);
    LightBlock::new(signed, validators(&four())).unwrap()
}

#[test]
fn every_signature_stands_at_its_validators_place_and_is_valid() {
    let chain = Chain::of(4);
    let order: Vec<_> = chain.block(4).validators().validators().iter().map(|validator| validator.address).collect();
    for trusted in [1, 3] {
        let swapped = tampered(&chain, 4, |signatures| signatures.swap(0, 1));
        assert_eq!(
            refused(&chain, trusted, &swapped),
            VerifyError::SignatureOrder { index: 0, expected: order[0], found: order[1] }
        );
        let doubled = tampered(&chain, 4, |signatures| signatures[3] = signatures[0].clone());
        assert_eq!(refused(&chain, trusted, &doubled), VerifyError::DoubleSignature { signer: order[0] });
        let short = tampered(&chain, 4, |signatures| signatures.truncate(3));
        assert_eq!(refused(&chain, trusted, &short), VerifyError::SignatureCount { signatures: 3, validators: 4 });
        let stranger = tampered(&chain, 4, |signatures| {
            if let CommitSig::BlockIdFlagCommit { validator_address, .. } = &mut signatures[3] {
                *validator_address = validator(99, 1).address;
            }
        });
        assert_eq!(
            refused(&chain, trusted, &stranger),
            VerifyError::UnknownSigner { signer: validator(99, 1).address }
        );
        // The last signature is beyond two thirds, where others stop looking.
        for index in [0, 3] {
            let broken = tampered(&chain, 4, |signatures| {
                if let CommitSig::BlockIdFlagCommit { timestamp, .. } = &mut signatures[index] {
                    *timestamp = at(50);
                }
            });
            assert_eq!(refused(&chain, trusted, &broken), VerifyError::Signature { signer: order[index] });
            let unsigned = tampered(&chain, 4, |signatures| {
                if let CommitSig::BlockIdFlagCommit { signature, .. } = &mut signatures[index] {
                    *signature = None;
                }
            });
            assert_eq!(refused(&chain, trusted, &unsigned), VerifyError::MissingSignature);
        }
    }
}

#[test]
fn a_vote_for_nothing_must_be_signed_as_one() {
    let chain = Chain::of(4);
    let nil = resigned(&chain, 4, |draft| draft.ballots = [(1, Ballot::Nil)].into());
    assert_eq!(verify_step(chain.block(3), &nil, &chain.options(3), at(9)), Ok(()));
    // A vote for the block passed off as one for nothing, and the reverse.
    let index = nil.signed_header().commit.signatures.iter().position(CommitSig::is_nil).unwrap();
    let signer = nil.validators().validators()[index].address;
    for (block, to_nil) in [(chain.block(4), true), (&nil, false)] {
        let mut signed = block.signed_header().clone();
        let changed = &mut signed.commit.signatures[index];
        *changed = match (changed.clone(), to_nil) {
            (CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature }, true) => {
                CommitSig::BlockIdFlagNil { validator_address, timestamp, signature }
            }
            (CommitSig::BlockIdFlagNil { validator_address, timestamp, signature }, false) => {
                CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature }
            }
            (other, _) => panic!("{other:?}"),
        };
        let forged = LightBlock::new(signed, validators(&four())).unwrap();
        assert_eq!(refused(&chain, 3, &forged), VerifyError::Signature { signer });
    }
}

#[test]
fn the_first_block_is_the_trusted_one() {
    use plume_light_client::{Client, InvalidOptions};
    let chain = Chain::of(3);
    let new = |id: &str, options, block: &LightBlock| Client::new(id.parse().unwrap(), options, block.clone());
    let (first, second) = (chain.block(1), chain.block(2));
    let error = new("sim-1", chain.options(1), second).unwrap_err();
    assert!(matches!(error, Error::TrustedHeight { expected: 1, found: 2 }), "{error:?}");
    let other = TrustOptions { hash: hash(1), ..chain.options(1) };
    let error = new("sim-1", other, first).unwrap_err();
    assert!(
        matches!(&error, Error::TrustedHash { height: 1, expected, found } if *expected == hash(1) && *found == first.hash()),
        "{error:?}"
    );
    let error = new("sim-2", chain.options(1), first).unwrap_err();
    assert!(
        matches!(&error, Error::TrustedBlock { height: 1, source } if matches!(**source, VerifyError::ChainId { .. }))
    );
    let unsigned = resigned(&chain, 1, |draft| draft.ballots = [(1, Ballot::Absent), (2, Ballot::Absent)].into());
    let error = new("sim-1", chain.options(1), &unsigned).unwrap_err();
    assert!(
        matches!(&error, Error::TrustedBlock { source, .. } if **source == VerifyError::Power { signed: 20, total: 40 }),
        "{error:?}"
    );
    let error = new("sim-1", TrustOptions { period: Duration::ZERO, ..chain.options(1) }, first).unwrap_err();
    assert!(matches!(error, Error::Options(InvalidOptions::Period)), "{error:?}");
}

#[test]
fn impossible_blocks_are_refused() {
    let chain = Chain::of(2);
    let signed = chain.block(2).signed_header();
    let build = |validators| LightBlock::new(signed.clone(), validators);
    assert_eq!(build(Vec::new()), Err(InvalidBlock::ValidatorCount { height: 2, count: 0 }));
    let (one, two) = (validator(1, 10), validator(2, 10));
    assert_eq!(
        build(vec![one.clone(), one.clone()]),
        Err(InvalidBlock::Duplicate { height: 2, validator: one.address })
    );
    let moved = plume_light_client::Validator { address: two.address, ..one.clone() };
    assert_eq!(build(vec![moved]), Err(InvalidBlock::Address { height: 2, stated: two.address, derived: one.address }));
    assert_eq!(build(vec![validator(1, 0)]), Err(InvalidBlock::NoPower { height: 2, validator: one.address }));
    let strong =
        |seed| plume_light_client::Validator { power: (1_u64 << 59).try_into().unwrap(), ..validator(seed, 1) };
    assert!(build(vec![strong(1)]).is_ok());
    assert_eq!(build(vec![strong(1), strong(2)]), Err(InvalidBlock::TotalPower { height: 2, total: 1 << 60 }));
    for height in [0, i64::MAX.unsigned_abs()] {
        let mut signed = signed.clone();
        signed.header.height = Height::try_from(height).unwrap();
        assert_eq!(LightBlock::new(signed, vec![one.clone()]), Err(InvalidBlock::Height { height }));
    }
}

#[test]
fn a_block_is_stored_and_read_back() {
    let chain = Chain::of(2);
    let stored = serde_json::to_string(chain.block(2)).unwrap();
    assert_eq!(&serde_json::from_str::<LightBlock>(&stored).unwrap(), chain.block(2));
    let address = chain.block(2).validators().validators()[0].address.to_string();
    let forged = stored.replace(&address, &validator(9, 1).address.to_string());
    assert!(serde_json::from_str::<LightBlock>(&forged).unwrap_err().to_string().contains("but its key's address is"));
}

#[test]
fn power_of_an_unverified_commit_does_not_overflow() {
    let chain = Chain::of(2);
    let mut signed = chain.block(2).signed_header().clone();
    let signature = signed.commit.signatures[0].clone();
    signed.commit.signatures = vec![signature; 40];
    let strongest = plume_light_client::Validator {
        power: (1_u64 << 59).try_into().unwrap(),
        ..chain.block(2).validators().validators()[0].clone()
    };
    assert_eq!(LightBlock::new(signed, vec![strongest]).unwrap().signed_power(), u64::MAX);
    assert_eq!(chain.block(2).signed_power(), 40);
}
