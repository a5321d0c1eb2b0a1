use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::batch::{Job, verify_where};

/// A digest of key, message and signature.
type Fingerprint = [u8; 32];

/// Never gone through, so that its random order shows nowhere.
#[expect(clippy::disallowed_types, reason = "single fingerprints are looked up; a tree takes several times as long")]
type Fingerprints = std::collections::HashSet<Fingerprint>;

const SHARDS: usize = 16;

/// Remembers which signatures were found valid, so that each is verified once between CheckTx and FinalizeBlock.
///
/// Only valid ones are kept, under the hash of exactly what was verified (key, signed bytes, signature) and never
/// under a transaction's hash: the signed bytes contain account number and chain id, which a transaction's own bytes
/// do not. Whether a verdict comes from here or is computed never changes it. Shared between threads.
#[derive(Debug)]
pub struct VerifyCache {
    shards: [Mutex<Shard>; SHARDS],
    /// Entries of one generation of one shard.
    generation: usize,
    verifications: AtomicU64,
    hits: AtomicU64,
}

/// Two generations: when the young one is full the old one is forgotten and the young one becomes old. What is used
/// moves to the young one, so entries in use survive.
#[derive(Debug, Default)]
struct Shard {
    young: Fingerprints,
    old: Fingerprints,
}

impl VerifyCache {
    /// A cache of at most about `capacity` signatures (roughly 50 bytes of memory each).
    pub fn new(capacity: usize) -> Self {
        let generation = capacity.checked_div(SHARDS.saturating_mul(2)).unwrap_or(1).max(1);
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            generation,
            verifications: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }
    }

    /// Whether the signature is valid.
    pub fn verify(&self, job: &Job) -> bool {
        let fingerprint = fingerprint(job);
        if self.contains(&fingerprint) {
            return true;
        }
        self.verifications.fetch_add(1, Ordering::Relaxed);
        let valid = job.verify();
        if valid {
            self.insert(fingerprint);
        }
        valid
    }

    /// Verdicts on `jobs` in their order; those unknown are verified on all cores.
    pub fn verify_all(&self, jobs: &[Job]) -> Vec<bool> {
        let fingerprints: Vec<Fingerprint> = jobs.iter().map(fingerprint).collect();
        let mut verdicts: Vec<bool> = fingerprints.iter().map(|fingerprint| self.contains(fingerprint)).collect();
        let fresh = verify_where(jobs, |index| verdicts.get(index) == Some(&false));
        self.verifications.fetch_add(u64::try_from(fresh.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for (index, valid) in fresh {
            if let (true, Some(fingerprint), Some(verdict)) = (valid, fingerprints.get(index), verdicts.get_mut(index))
            {
                self.insert(*fingerprint);
                *verdict = true;
            }
        }
        verdicts
    }

    /// How many signatures were really verified since the start, valid or not. A batch counts each of its signatures
    /// once.
    pub fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    /// How many verdicts came from memory.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Number of signatures remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().fold(0, |sum, shard| {
            let shard = shard.lock();
            sum.saturating_add(shard.young.len()).saturating_add(shard.old.len())
        })
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn contains(&self, fingerprint: &Fingerprint) -> bool {
        let mut shard = self.shard(fingerprint).lock();
        let found = shard.young.contains(fingerprint) || {
            let found = shard.old.remove(fingerprint);
            if found {
                shard.remember(*fingerprint, self.generation);
            }
            found
        };
        if found {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    fn insert(&self, fingerprint: Fingerprint) {
        self.shard(&fingerprint).lock().remember(fingerprint, self.generation);
    }

    fn shard(&self, fingerprint: &Fingerprint) -> &Mutex<Shard> {
        // 16 shards, four bits.
        &self.shards[usize::from(fingerprint[0] & 15)]
    }
}

impl Shard {
    fn remember(&mut self, fingerprint: Fingerprint, generation: usize) {
        if self.young.len() >= generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint);
    }
}

/// # Security
/// Every part is delimited: the type URL by a zero byte, key and signature by their lengths, and the message comes
/// last. So two different checks never share a fingerprint.
fn fingerprint(job: &Job) -> Fingerprint {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
    let key = job.key.single_bytes();
    Sha256::new()
        .chain_update(job.key.type_url())
        .chain_update([0])
        .chain_update(length(key))
        .chain_update(key)
        .chain_update(length(&job.signature))
        .chain_update(&job.signature)
        .chain_update(&job.message)
        .finalize()
        .into()
}
