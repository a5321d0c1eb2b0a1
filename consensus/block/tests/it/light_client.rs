//! The light-client verifier that IBC relayers use believes our blocks.

use std::time::Duration;

use plume_block::{FullBlock, ValidatorSet, raw};
use plume_engine::ValidatorUpdate;
use proptest::prelude::*;
use tendermint::block::signed_header::SignedHeader;
use tendermint::{Hash, Time, validator};
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{TrustThreshold, TrustedBlockState, UntrustedBlockState};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};

use crate::world::{World, update};

struct Light {
    signed: SignedHeader,
    validators: validator::Set,
    next: validator::Set,
}

fn set(set: &ValidatorSet) -> validator::Set {
    set.to_raw().try_into().expect("a set")
}

/// The block just made and decided in `world`, as a light client gets it.
fn light(world: &World, block: &FullBlock) -> Light {
    let signed = raw::SignedHeader { header: Some(block.header().clone()), commit: Some(world.last_commit.clone()) };
    Light {
        signed: signed.try_into().expect("a signed header"),
        validators: set(&world.state.last_validators),
        next: set(&world.state.validators),
    }
}

fn verify(trusted: &Light, untrusted: &Light) -> Verdict {
    let header = &trusted.signed.header;
    ProdVerifier::default().verify_update_header(
        UntrustedBlockState {
            signed_header: &untrusted.signed,
            validators: &untrusted.validators,
            next_validators: Some(&untrusted.next),
        },
        TrustedBlockState {
            chain_id: &header.chain_id,
            header_time: header.time,
            height: header.height,
            next_validators: &trusted.next,
            next_validators_hash: header.next_validators_hash,
        },
        &Options {
            trust_threshold: TrustThreshold::ONE_THIRD,
            trusting_period: Duration::from_secs(1_000_000),
            clock_drift: Duration::from_secs(5),
        },
        Time::from_unix_timestamp(100_000, 0).expect("a time"),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn headers_and_commits_verify_in_sequence(
        powers in proptest::collection::vec(1..100_i64, 1..6),
        steps in proptest::collection::vec((any::<u8>(), 0..60_i64, any::<u8>()), 1..10),
    ) {
        let powers: Vec<(u8, i64)> = (1..).zip(powers).collect();
        let mut world = World::new(&powers);
        let block = world.advance(Vec::new(), Vec::new(), &[]);
        let mut trusted = light(&world, &block);
        for (who, power, skipped) in steps {
            let who = 1 + who % 8;
            let member = world.state.next_validators.contains(&crate::world::address(who));
            let useful = power > 0 || (member && world.state.next_validators.len() > 1);
            let updates: Vec<ValidatorUpdate> = useful.then(|| update(who, power)).into_iter().collect();
            // Leave one out where the rest has more than two thirds.
            let set = &world.state.validators;
            let index = usize::from(skipped) % set.len();
            let rest = set.total_power() - set.validators()[index].power;
            let absent: Vec<usize> = (rest > set.two_thirds()).then_some(index).into_iter().collect();
            let block = world.advance(vec![vec![skipped].into()], updates, &absent);
            let untrusted = light(&world, &block);
            prop_assert_eq!(untrusted.signed.header.hash(), Hash::Sha256(block.hash()));
            prop_assert_eq!(untrusted.validators.hash(), Hash::Sha256(world.state.last_validators.hash()));
            prop_assert!(matches!(verify(&trusted, &untrusted), Verdict::Success), "{:?}", verify(&trusted, &untrusted));
            trusted = untrusted;
        }
    }
}

#[test]
fn ten_blocks_are_skipped_while_a_third_of_the_power_stays() {
    let mut world = World::new(&[(1, 40), (2, 30), (3, 30), (4, 20)]);
    let first = world.advance(Vec::new(), Vec::new(), &[]);
    let trusted = light(&world, &first);
    let mut last = first;
    for n in 0..9_u8 {
        let updates = if n == 3 { vec![update(4, 0), update(5, 25)] } else { Vec::new() };
        last = world.advance(vec![vec![n].into()], updates, &[3]);
    }
    assert!(matches!(verify(&trusted, &light(&world, &last)), Verdict::Success));
}

#[test]
fn a_forged_header_is_not_believed() {
    let mut world = World::new(&[(1, 10), (2, 10), (3, 10), (4, 10)]);
    let first = world.advance(Vec::new(), Vec::new(), &[]);
    let trusted = light(&world, &first);
    let second = world.advance(Vec::new(), Vec::new(), &[]);
    let mut forged = light(&world, &second);
    forged.signed.header.app_hash = vec![9; 32].try_into().expect("a hash");
    assert!(matches!(verify(&trusted, &forged), Verdict::Invalid(_)));
}
