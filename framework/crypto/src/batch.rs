use bytes::Bytes;
use rayon::prelude::*;

use crate::ed25519::Ed25519;
use crate::public_key::PublicKey;
use crate::scheme::{Item, SignatureScheme};
use crate::secp256k1::Secp256k1;

/// One signature of one single key to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The key. A threshold key has no signature of its own: such a job is always invalid (see [`checks`](crate::checks)).
    pub key: PublicKey,
    /// Bytes that were signed.
    pub message: Bytes,
    /// The signature.
    pub signature: Bytes,
}

impl Job {
    /// Whether the signature is valid, computed here and now.
    pub fn verify(&self) -> bool {
        self.key.scheme().is_some_and(|scheme| scheme.verify(self.item()))
    }

    fn item(&self) -> Item<'_> {
        Item { key: self.key.single_bytes(), message: &self.message, signature: &self.signature }
    }
}

/// Secp256k1 jobs given to a core at a time: large enough that handing them out costs nothing against 30 us each.
const SECP256K1_CHUNK: usize = 8;
/// Ed25519 batches gain little above this size, so smaller ones would only idle the other cores.
const ED25519_MIN_BATCH: usize = 32;

/// What one core does at a time: jobs of one scheme, each with its index.
type Task<'a> = (&'static dyn SignatureScheme, &'a [(usize, &'a Job)]);

/// Verdicts on `jobs` in their order, computed on all cores, Ed25519 in batches.
///
/// The order and number of threads never show in the result: each verdict depends on its job alone.
pub fn verify_all(jobs: &[Job]) -> Vec<bool> {
    let mut verdicts = vec![false; jobs.len()];
    for (index, verdict) in verify_where(jobs, |_| true) {
        if let Some(slot) = verdicts.get_mut(index) {
            *slot = verdict;
        }
    }
    verdicts
}

/// Verdicts, with their index, on the jobs whose index `wanted` picks.
pub(crate) fn verify_where(jobs: &[Job], wanted: impl Fn(usize) -> bool) -> Vec<(usize, bool)> {
    let (mut ecdsa, mut eddsa) = (Vec::new(), Vec::new());
    for (index, job) in jobs.iter().enumerate().filter(|(index, _)| wanted(*index)) {
        match job.key {
            PublicKey::Secp256k1(_) => ecdsa.push((index, job)),
            PublicKey::Ed25519(_) => eddsa.push((index, job)),
            // Stays false.
            PublicKey::Multisig(_) => {}
        }
    }
    // A lone signature, the usual case of CheckTx, is not worth waking another thread.
    if ecdsa.len().saturating_add(eddsa.len()) <= 2 {
        return ecdsa.into_iter().chain(eddsa).map(|(index, job)| (index, job.verify())).collect();
    }
    let batch =
        eddsa.len().div_ceil(rayon::current_num_threads().max(1)).clamp(ED25519_MIN_BATCH, Ed25519.batch_size());
    let tasks: Vec<Task<'_>> = ecdsa
        .chunks(SECP256K1_CHUNK)
        .map(|chunk| (&Secp256k1 as &dyn SignatureScheme, chunk))
        .chain(eddsa.chunks(batch).map(|chunk| (&Ed25519 as &dyn SignatureScheme, chunk)))
        .collect();
    tasks
        .into_par_iter()
        .flat_map_iter(|(scheme, chunk)| {
            let items: Vec<Item<'_>> = chunk.iter().map(|(_, job)| job.item()).collect();
            let verdicts = scheme.verify_batch(&items);
            chunk.iter().map(|(index, _)| *index).zip(verdicts)
        })
        .collect()
}
