use bytes::Bytes;
use plume_crypto::{Job, PrivateKey, PublicKey, VerifyCache, verify_all};
use proptest::prelude::*;

/// The `n`-th job: kinds mixed, every seventh signature wrong.
fn job(n: u32) -> (Job, bool) {
    let seed = [&n.to_be_bytes()[..], &[1; 28]].concat();
    let key =
        if n.is_multiple_of(3) { PrivateKey::ed25519(&seed) } else { PrivateKey::secp256k1(&seed) }.expect("32 bytes");
    let message = Bytes::from(format!("message {n}"));
    let mut signature = key.sign(&message).to_vec();
    let valid = n % 7 != 3;
    if !valid {
        signature[40] ^= 1;
    }
    (Job { key: key.public_key(), message, signature: signature.into() }, valid)
}

#[test]
fn verdicts_come_in_the_order_of_jobs() {
    for count in [0, 1, 2, 3, 40, 700] {
        let (jobs, expected): (Vec<Job>, Vec<bool>) = (0..count).map(job).unzip();
        assert_eq!(verify_all(&jobs), expected, "{count} jobs");
        assert_eq!(jobs.iter().map(Job::verify).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_threshold_key_has_no_signature_of_its_own() {
    let (mut bad, _) = job(0);
    bad.key = PublicKey::multisig(1, vec![bad.key]).expect("1 of 1");
    assert!(!bad.verify());
    let jobs = [job(1).0, job(2).0, bad, job(4).0];
    assert_eq!(verify_all(&jobs), [true, true, false, true]);
}

#[test]
fn each_valid_signature_is_verified_once() {
    let cache = VerifyCache::new(10_000);
    let (jobs, expected): (Vec<Job>, Vec<bool>) = (0..100).map(job).unzip();
    let valid = expected.iter().filter(|valid| **valid).count();
    for job in &jobs {
        cache.verify(job);
    }
    assert_eq!(cache.verifications(), 100);
    // As ProcessProposal and FinalizeBlock would ask again; only the invalid ones are tried again.
    assert_eq!(cache.verify_all(&jobs), expected);
    assert_eq!(cache.verifications(), 100 + (100 - valid) as u64);
    assert_eq!(cache.hits(), valid as u64);
    assert_eq!(cache.len(), valid);
}

#[test]
fn a_verdict_holds_for_exactly_what_was_verified() {
    let cache = VerifyCache::new(100);
    let (good, _) = job(1);
    assert!(cache.verify(&good));
    let other_message = Job { message: Bytes::from_static(b"message 1, account number changed"), ..good.clone() };
    let other_key = Job { key: job(2).0.key, ..good.clone() };
    let mut longer = good.signature.to_vec();
    longer.push(good.message[0]);
    let moved_boundary = Job { signature: longer.into(), message: good.message.slice(1..), ..good.clone() };
    for other in [other_message, other_key, moved_boundary] {
        assert!(!cache.verify(&other));
    }
    assert_eq!(cache.verifications(), 4);
    assert_eq!(cache.len(), 1, "only valid ones are kept");
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    let cache = VerifyCache::new(64);
    let (kept, _) = job(1);
    assert!(cache.verify(&kept));
    let mut verifications = 1;
    for n in (10..400).filter(|n| n % 7 != 3 && n % 3 != 0) {
        cache.verify(&job(n).0);
        verifications += 1;
        assert!(cache.verify(&kept), "used after each insertion");
        assert_eq!(cache.verifications(), verifications, "never verified again");
        assert!(cache.len() <= 64);
    }
    let before = cache.verifications();
    assert!(cache.verify(&job(11).0));
    assert_eq!(cache.verifications(), before + 1, "what was not used is forgotten, and simply verified again");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "shows that verdicts do not depend on threads")]
fn threads_share_the_cache() {
    let cache = VerifyCache::new(10_000);
    let (jobs, expected): (Vec<Job>, Vec<bool>) = (0..60).map(job).unzip();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(cache.verify_all(&jobs), expected));
        }
    });
    assert_eq!(cache.verify_all(&jobs), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn cached_batched_and_single_verdicts_agree(picks in proptest::collection::vec(0u32..60, 0..80), capacity in 1usize..100) {
        let cache = VerifyCache::new(capacity);
        let (jobs, expected): (Vec<Job>, Vec<bool>) = picks.into_iter().map(job).unzip();
        for _ in 0..2 {
            prop_assert_eq!(&cache.verify_all(&jobs), &expected);
            prop_assert_eq!(&jobs.iter().map(|job| cache.verify(job)).collect::<Vec<_>>(), &expected);
        }
        prop_assert_eq!(verify_all(&jobs), expected);
    }
}
