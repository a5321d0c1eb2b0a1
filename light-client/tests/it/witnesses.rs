//! Comparing with other nodes.

use plume_light_client::{
    Address, BlockRef, Error, Finding, Mode, Provider, ProviderError, Sources, Verified, WitnessReport,
};

use crate::simulated::{Chain, Members, at, four, validator};

fn verify(chain: &Chain, primary: &dyn Provider, witnesses: &[&dyn Provider], mode: Mode) -> Result<Verified, Error> {
    let mut client = chain.client(1);
    let verified = client.verify(Sources { primary, witnesses }, 20, mode, at(25));
    let trusted: Vec<_> = client.store().heights().collect();
    assert_eq!(trusted.contains(&20), verified.is_ok(), "trusted only after the comparison: {trusted:?}");
    verified
}

fn sorted(mut addresses: Vec<Address>) -> Vec<Address> {
    addresses.sort();
    addresses
}

#[test]
fn what_each_witness_says_is_reported() {
    let chain = Chain::of(20);
    let (agrees, behind) = (chain.node("agrees"), chain.node("behind").up_to(15));
    let pruned = chain.node("odd").with(20, chain.block(19).clone());
    let witnesses: [&dyn Provider; 3] = [&behind, &agrees, &pruned];
    let verified = verify(&chain, &chain.node("primary"), &witnesses, Mode::Skipping).unwrap();
    let report = |name: &str, finding| WitnessReport { name: name.to_owned(), finding };
    let reason = "it gave block 19".to_owned();
    assert_eq!(
        verified.witnesses,
        [
            report("behind", Finding::Behind { latest: 15 }),
            report("agrees", Finding::Agrees),
            report("odd", Finding::NoAnswer(ProviderError::NoBlock { height: 20, reason })),
        ]
    );
}

#[test]
fn without_any_confirmation_nothing_is_trusted() {
    let chain = Chain::of(20);
    let behind = chain.node("behind").up_to(15);
    let error = verify(&chain, &chain.node("primary"), &[&behind], Mode::Skipping).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no witness confirms block 20 {}: behind is at height 15 only", chain.block(20).hash())
    );
}

#[test]
fn a_witness_of_another_chain_proves_nothing() {
    let chain = Chain::of(20);
    let other = chain.fork(0, vec![vec![(50, 10)]; 21], 9);
    let agrees = chain.node("agrees");
    let witness = other.node("stranger");
    let verified = verify(&chain, &chain.node("primary"), &[&witness, &agrees], Mode::Skipping).unwrap();
    let Finding::Unfounded { block, reason } = &verified.witnesses[0].finding else { panic!("{verified:?}") };
    assert_eq!(*block, BlockRef::from(other.block(20)));
    assert_eq!(reason, "nothing that is trusted leads to it");

    // It shares the beginning, but strangers signed the rest.
    let forged = chain.fork(10, vec![vec![(50, 10)]; 11], 9);
    for mode in [Mode::Skipping, Mode::Sequential] {
        let witness = forged.node("forger");
        let verified = verify(&chain, &chain.node("primary"), &[&witness, &agrees], mode).unwrap();
        let Finding::Unfounded { reason, .. } = &verified.witnesses[0].finding else { panic!("{verified:?}") };
        assert!(reason.contains("its validators hash to"), "{reason}");
    }
}

/// Everyone signs two chains from height 11 on.
#[test]
fn a_fork_that_validators_signed_is_an_error_with_their_names() {
    let chain = Chain::of(20);
    let fork = chain.fork(10, vec![four(); 11], 9);
    let everyone = sorted(four().iter().map(|(seed, power)| validator(*seed, *power).address).collect());
    // Sequentially the first block that differs is found; skipping compares the blocks that it looked at.
    for (mode, common, at_height) in [(Mode::Sequential, 10, 11), (Mode::Skipping, 1, 20)] {
        let witness = fork.node("witness");
        let error = verify(&chain, &chain.node("primary"), &[&witness], mode).unwrap_err();
        let Error::Divergence(found) = error else { panic!("{error:?}") };
        assert_eq!((found.primary_name.as_str(), found.witness_name.as_str()), ("primary", "witness"));
        assert_eq!(found.common, common);
        assert_eq!(found.primary, BlockRef::from(chain.block(at_height)));
        assert_eq!(found.witness, BlockRef::from(fork.block(at_height)));
        assert_eq!(found.witness_block.as_ref(), fork.block(at_height));
        assert_eq!(sorted(found.double_signers.clone()), everyone);
        assert!(found.to_string().contains(&everyone[0].to_string()), "{found}");
        // Few questions, even in a sequence.
        assert!(witness.asked().len() <= 8, "{:?}", witness.asked());
    }
}

/// A third of the power is enough to make a light client skip to a chain of one's own; then only a witness helps.
#[test]
fn a_skip_by_a_third_that_signs_twice_is_caught_by_a_witness() {
    let members: Members = vec![(1, 14), (2, 13), (3, 13)];
    let chain = Chain::new(vec![members; 21]);
    let attack: Members = vec![(1, 14), (60, 1)];
    let forged = chain.fork(10, vec![attack; 11], 9);
    let liar = forged.node("liar");
    assert!(verify(&chain, &liar, &[], Mode::Skipping).is_ok(), "without a witness the attack succeeds");
    let error = verify(&chain, &liar, &[&chain.node("honest")], Mode::Skipping).unwrap_err();
    let Error::Divergence(found) = error else { panic!("{error:?}") };
    assert_eq!(found.double_signers, [validator(1, 14).address]);
}

/// The primary's chain is longer than time allows.
#[test]
fn a_lower_block_that_is_not_older_is_a_fork() {
    let chain = Chain::of(20);
    let mut slow = chain.fork(10, vec![four(); 3], 9);
    let mut draft = slow.draft(12, 9);
    draft.header.time = at(20);
    slow.blocks[11] = draft.sign();
    let witness = slow.node("witness");
    let error = verify(&chain, &chain.node("primary"), &[&witness], Mode::Skipping).unwrap_err();
    let Error::Divergence(found) = error else { panic!("{error:?}") };
    assert_eq!((found.common, found.primary.height, found.witness.height), (1, 20, 12));
    assert_eq!(found.double_signers, Vec::<Address>::new());
}

#[test]
fn a_trusted_block_is_compared_as_well() {
    let chain = Chain::of(20);
    let fork = chain.fork(10, vec![four(); 11], 9);
    let mut client = chain.client(20);
    let (primary, witness) = (chain.node("primary"), fork.node("witness"));
    let sources = Sources { primary: &primary, witnesses: &[&witness] };
    let error = client.verify(sources, 20, Mode::Skipping, at(25)).unwrap_err();
    assert!(matches!(&error, Error::NoWitnessAgrees { height: 20, .. }), "{error:?}");
    assert_eq!(primary.asked(), Vec::<u64>::new());
}

/// Two chains of four blocks that everyone signed from block 3 on, as a node's RPC gives them: `plumed`'s own tests serve
/// them to show what it makes of a fork.
#[test]
fn the_recorded_fork_is_this_one() {
    let chain = Chain::of(4);
    let fork = chain.fork(2, vec![four(); 3], 9);
    let line = |block: &plume_light_client::LightBlock| {
        let stored = serde_json::to_value(block).unwrap();
        let total = block.validators().validators().len().to_string();
        let commit = serde_json::json!({ "signed_header": stored["signed_header"], "canonical": true });
        let validators = serde_json::json!({
            "block_height": block.height().to_string(),
            "validators": stored["validators"],
            "count": total,
            "total": total,
        });
        serde_json::json!({ "commit": commit, "validators": validators }).to_string() + "\n"
    };
    let made: String = chain.blocks.iter().chain(&fork.blocks).map(line).collect();
    if let Some(folder) = std::env::var_os("PLUME_LIGHT_VECTORS") {
        std::fs::write(std::path::Path::new(&folder).join("fork.jsonl"), &made).unwrap();
    }
    assert_eq!(made, include_str!("../data/fork.jsonl"));
}
