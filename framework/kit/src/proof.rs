use bytes::Bytes;

use crate::TxError;

/// A proof in a message whose validity depends on nothing but the job itself.
///
/// Jobs of a whole block are verified together before execution; a message whose job fails is
/// failed without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofJob {
    /// Names the [`ProofSystem`] that can verify it.
    pub system: &'static str,
    /// Encoded statement: everything public that the proof speaks of.
    pub statement: Bytes,
    /// The proof.
    pub proof: Bytes,
}

/// Verifies jobs of one kind, chosen in the composition root.
pub trait ProofSystem: Send + Sync + 'static {
    /// The name that jobs ask for.
    fn name(&self) -> &'static str;

    /// One verdict for each job, in order; the same on each node, alone or in a batch.
    fn verify(&self, jobs: &[&ProofJob]) -> Vec<Result<(), TxError>>;
}

/// The proof systems of a chain.
#[derive(Default)]
pub struct ProofBatch {
    systems: Vec<Box<dyn ProofSystem>>,
}

impl ProofBatch {
    /// No systems: every job fails.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a system.
    pub fn add(&mut self, system: impl ProofSystem) {
        self.systems.push(Box::new(system));
    }

    /// One verdict for each job, in order.
    ///
    /// Jobs of an unknown system fail with `sdk/37`.
    pub fn verify(&self, jobs: &[ProofJob]) -> Vec<Result<(), TxError>> {
        let unknown = |job: &ProofJob| {
            Err(TxError::wrap(crate::sdk::NOT_SUPPORTED, format_args!("no proof system is called {}", job.system)))
        };
        let mut verdicts: Vec<Result<(), TxError>> = jobs.iter().map(unknown).collect();
        for system in &self.systems {
            let (places, own): (Vec<usize>, Vec<&ProofJob>) =
                jobs.iter().enumerate().filter(|(_, job)| job.system == system.name()).unzip();
            for (place, verdict) in places.into_iter().zip(system.verify(&own)) {
                if let Some(slot) = verdicts.get_mut(place) {
                    *slot = verdict;
                }
            }
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk;

    /// Accepts a proof that equals its statement.
    struct Mirror;

    impl ProofSystem for Mirror {
        fn name(&self) -> &'static str {
            "mirror"
        }

        fn verify(&self, jobs: &[&ProofJob]) -> Vec<Result<(), TxError>> {
            let verdict = |job: &&ProofJob| {
                (job.statement == job.proof).then_some(()).ok_or_else(|| TxError::plain(sdk::UNAUTHORIZED))
            };
            jobs.iter().map(verdict).collect()
        }
    }

    fn job(system: &'static str, statement: &'static [u8], proof: &'static [u8]) -> ProofJob {
        ProofJob { system, statement: Bytes::from_static(statement), proof: Bytes::from_static(proof) }
    }

    #[test]
    fn verdicts_come_in_the_order_of_the_jobs() {
        let mut batch = ProofBatch::new();
        batch.add(Mirror);
        let verdicts = batch.verify(&[job("other", b"a", b"a"), job("mirror", b"a", b"b"), job("mirror", b"c", b"c")]);
        let codes: Vec<Option<u32>> = verdicts.iter().map(|v| v.as_ref().err().map(|e| e.code)).collect();
        assert_eq!(codes, [Some(37), Some(4), None]);
    }
}
