//! Prints what one verification costs, single, in batches and on all cores:
//! `cargo run --release -p plume-crypto --example verification_cost [signatures]`.
//!
//! Each figure is the best of several rounds, so that other work on the machine shows as little as possible.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement needs a clock, an argument and a quotient for display"
)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use plume_crypto::{Ed25519, Item, Job, PrivateKey, Secp256k1, SignatureScheme, VerifyCache, verify_all};

const ROUNDS: u32 = 20;

fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(512);
    let jobs = |make: fn(&[u8]) -> PrivateKey| -> Vec<Job> {
        (0..count)
            .map(|n| {
                let key = make(&[&n.to_be_bytes()[..], &[1; 28]].concat());
                // About the size of the sign bytes of a bank send.
                let message = Bytes::from(vec![n.to_be_bytes()[3]; 300]);
                let signature = Bytes::copy_from_slice(&key.sign(&message));
                Job { key: key.public_key(), message, signature }
            })
            .collect()
    };
    let ecdsa = jobs(|seed| PrivateKey::secp256k1(seed).expect("in range"));
    let eddsa = jobs(|seed| PrivateKey::ed25519(seed).expect("32 bytes"));
    let items = |jobs: &[Job]| -> Vec<(Vec<u8>, Bytes, Bytes)> {
        jobs.iter().map(|job| (job.key.single_bytes().to_vec(), job.message.clone(), job.signature.clone())).collect()
    };
    let single = |scheme: &dyn SignatureScheme, jobs: &[Job]| {
        let parts = items(jobs);
        measure(&format!("{} single, one core", scheme.name()), count, || {
            parts.iter().all(|(key, message, signature)| scheme.verify(Item { key, message, signature }))
        });
    };
    single(&Secp256k1, &ecdsa);
    single(&Ed25519, &eddsa);
    for size in [8, 64, 256] {
        let parts = items(&eddsa);
        measure(&format!("ed25519 batches of {size}, one core"), count, || {
            parts.chunks(size).all(|chunk| {
                let items: Vec<Item<'_>> =
                    chunk.iter().map(|(key, message, signature)| Item { key, message, signature }).collect();
                Ed25519.verify_batch(&items).into_iter().all(|valid| valid)
            })
        });
    }
    measure("secp256k1 verify_all, all cores", count, || verify_all(&ecdsa).into_iter().all(|valid| valid));
    measure("ed25519 verify_all, all cores", count, || verify_all(&eddsa).into_iter().all(|valid| valid));
    measure("secp256k1 first time through the cache", count, || {
        let cache = VerifyCache::new(1 << 20);
        cache.verify_all(&ecdsa).into_iter().all(|valid| valid)
    });
    let cache = VerifyCache::new(1 << 20);
    cache.verify_all(&ecdsa);
    measure("secp256k1 found in the cache, one core", count, || ecdsa.iter().all(|job| cache.verify(job)));
}

fn measure(what: &str, count: u32, mut run: impl FnMut() -> bool) {
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        assert!(black_box(run()), "every signature is valid");
        start.elapsed()
    });
    let best = best.min().unwrap_or_default();
    let microseconds = best.as_secs_f64() * 1e6 / f64::from(count);
    println!("{what:44} {microseconds:8.2} us per signature");
}
