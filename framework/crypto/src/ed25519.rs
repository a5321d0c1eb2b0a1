use ed25519_consensus::batch::Verifier;
use ed25519_consensus::{Signature, VerificationKey, VerificationKeyBytes};
use plume_primitives::Gas;
use rand_core::{CryptoRng, RngCore, impls};
use sha2::{Digest, Sha256};

use crate::public_key::type_urls;
use crate::scheme::{Item, SignatureScheme};

/// Ed25519 by the rules of ZIP-215: any encoding of a point is taken, `s` must be below the group's order, and the
/// equation is checked times the cofactor. Under these rules single and batch verification agree, and CometBFT uses
/// them for its votes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ed25519;

impl SignatureScheme for Ed25519 {
    fn name(&self) -> &'static str {
        "ed25519"
    }

    fn type_url(&self) -> &'static str {
        type_urls::ED25519
    }

    fn default_gas(&self) -> Gas {
        Gas(590)
    }

    fn verify(&self, item: Item<'_>) -> bool {
        let (Ok(key), Ok(signature)) = (VerificationKey::try_from(item.key), Signature::try_from(item.signature))
        else {
            return false;
        };
        key.verify(&signature, item.message).is_ok()
    }

    fn verify_batch(&self, items: &[Item<'_>]) -> Vec<bool> {
        // One equation for the whole batch; if it fails somebody's signature is bad, and only single checks tell whose.
        if items.len() > 1 && all_valid(items) {
            return vec![true; items.len()];
        }
        items.iter().map(|item| self.verify(*item)).collect()
    }

    fn batch_size(&self) -> usize {
        256
    }
}

fn all_valid(items: &[Item<'_>]) -> bool {
    let mut verifier = Verifier::new();
    for item in items {
        let (Ok(key), Ok(signature)) = (VerificationKeyBytes::try_from(item.key), Signature::try_from(item.signature))
        else {
            return false;
        };
        verifier.queue((key, signature, item.message));
    }
    verifier.verify(Coefficients::of(items)).is_ok()
}

/// The random factors of the batch equation, drawn from a hash of the whole batch.
///
/// # Security
/// Whoever writes the signatures must not be able to choose them such that the errors of several cancel. The factors
/// depend on every byte of the batch, so changing a signature to fit them changes them; finding a false batch takes
/// about 2^128 hashes. Drawing them from the input keeps verdicts a function of the input.
struct Coefficients {
    seed: [u8; 32],
    counter: u64,
}

impl Coefficients {
    fn of(items: &[Item<'_>]) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"plume/ed25519-batch/v1");
        for item in items {
            // Keys and signatures have fixed lengths (checked before); only the message needs its length stated.
            hasher.update(item.key);
            hasher.update(item.signature);
            hasher.update(u64::try_from(item.message.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(item.message);
        }
        Self { seed: hasher.finalize().into(), counter: 0 }
    }
}

impl RngCore for Coefficients {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let block = Sha256::new().chain_update(self.seed).chain_update(self.counter.to_be_bytes()).finalize();
            self.counter = self.counter.wrapping_add(1);
            for (byte, random) in chunk.iter_mut().zip(block) {
                *byte = random;
            }
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Coefficients {}
