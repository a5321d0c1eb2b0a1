//! Nodes that do not help, or lie on the way.

use plume_light_client::{Error, ProviderError, VerifyError};

use crate::simulated::{Ballot, Chain, at, four};

#[test]
fn a_missing_block_is_named() {
    let chain = Chain::of(10);
    let error = chain.client(1).verify_to_height(&chain.node("node").up_to(9), 10, at(11)).unwrap_err();
    let Error::Provider { provider, source } = error else { panic!("{error:?}") };
    assert_eq!(provider, "node");
    assert_eq!(source, ProviderError::NoBlock { height: 10, reason: "not there".to_owned() });
    assert!(matches!(chain.client(1).verify_to_height(&chain.node("node"), 0, at(11)), Err(Error::NoHeight)));
}

#[test]
fn a_block_of_another_height_is_refused() {
    let chain = Chain::of(10);
    let node = chain.node("node").with(10, chain.block(9).clone());
    let error = chain.client(1).verify_to_height(&node, 10, at(11)).unwrap_err();
    assert!(matches!(&error, Error::OtherHeight { provider, asked: 10, given: 9 } if provider == "node"), "{error:?}");
}

#[test]
fn the_refused_step_is_named_and_nothing_is_kept() {
    let chain = Chain::of(10);
    let mut draft = chain.draft(6, 1);
    draft.ballots = [(1, Ballot::Absent), (2, Ballot::Absent)].into();
    let node = chain.node("node").with(6, draft.sign());
    let mut client = chain.client(1);
    let error = client.verify_sequential(&node, 10, at(11)).unwrap_err();
    let Error::Refused { provider, from, to, source } = error else { panic!("{error:?}") };
    assert_eq!((provider.as_str(), from, to), ("node", 5, 6));
    assert_eq!(*source, VerifyError::Power { signed: 20, total: 40 });
    assert_eq!(client.store().heights().collect::<Vec<_>>(), [1]);
    // Skipping does not see it.
    assert_eq!(client.verify_to_height(&node, 10, at(11)).unwrap().steps, 1);
}

#[test]
fn a_changed_older_header_is_refused_by_its_hash() {
    let chain = Chain::of(10);
    let other = chain.draft(6, 9).sign();
    let node = chain.node("node").with(6, other.clone());
    let error = chain.client(8).verify_to_height(&node, 4, at(11)).unwrap_err();
    let Error::Refused { from: 7, to: 6, source, .. } = error else { panic!("{error:?}") };
    assert_eq!(*source, VerifyError::LinkBackwards { named: chain.block(6).hash(), found: other.hash() });

    // The header is the right one, its commit and validators are not.
    let mut short = chain.draft(6, 1);
    short.ballots = [(1, Ballot::Absent), (2, Ballot::Absent)].into();
    let node = chain.node("node").with(6, short.sign());
    let error = chain.client(8).verify_to_height(&node, 6, at(11)).unwrap_err();
    let Error::Refused { source, .. } = error else { panic!("{error:?}") };
    assert_eq!(*source, VerifyError::Power { signed: 20, total: 40 });
}

#[test]
fn validators_that_nobody_announced_are_refused_next_door_and_beyond() {
    let honest = Chain::of(6);
    let forged = honest.fork(4, vec![vec![(9, 100)]; 3], 9);
    for target in [5, 6] {
        let error = honest.client(1).verify_to_height(&forged.node("liar"), target, at(9)).unwrap_err();
        let Error::Refused { from: 4, to: 5, source, .. } = error else { panic!("{error:?}") };
        let (announced, found) =
            (honest.block(4).header().next_validators_hash, forged.block(5).header().validators_hash);
        assert_eq!(*source, VerifyError::NextValidators { announced, found });
    }
    assert_eq!(honest.block(4).validators().validators().len(), four().len());
}
