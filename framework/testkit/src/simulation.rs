use bytes::Bytes;
use plume_engine::{Block, BlockOutcome, Executor};

use crate::{Blocks, Rng};

/// A random operation: given the generator and the state that it may read through the executor,
/// it makes a transaction, or nothing when the state offers none.
pub type Operation<E> = Box<dyn FnMut(&mut Rng, &E) -> Option<Bytes>>;

/// Seeded simulation: random operations in blocks, a check after each block.
pub struct Simulation<E> {
    rng: Rng,
    blocks: Blocks,
    operations: Vec<(u64, Operation<E>)>,
}

impl<E: Executor> Simulation<E> {
    /// A run that `seed` determines.
    pub fn new(seed: u64, blocks: Blocks) -> Self {
        Self { rng: Rng::new(seed), blocks, operations: Vec::new() }
    }

    /// Adds an operation that is chosen `weight` times out of the sum of all weights.
    #[must_use]
    pub fn with(mut self, weight: u64, operation: impl FnMut(&mut Rng, &E) -> Option<Bytes> + 'static) -> Self {
        self.operations.push((weight, Box::new(operation)));
        self
    }

    /// Runs `count` blocks of up to `max_txs` transactions; `check` sees each block and outcome
    /// after its commit.
    pub fn run(
        &mut self,
        executor: &mut E,
        count: u64,
        max_txs: u64,
        mut check: impl FnMut(&mut E, &Block, &BlockOutcome),
    ) {
        for _ in 0..count {
            let wanted = self.rng.below(max_txs.saturating_add(1));
            let txs = (0..wanted).filter_map(|_| self.operate(executor)).collect();
            let block = self.blocks.next(txs);
            let outcome = executor.finalize(&block).expect("block executes");
            executor.commit().expect("block commits");
            check(executor, &block, &outcome);
        }
    }

    fn operate(&mut self, executor: &E) -> Option<Bytes> {
        let total = self.operations.iter().map(|(weight, _)| weight).sum();
        let mut chosen = self.rng.below(total);
        for (weight, operation) in &mut self.operations {
            if chosen < *weight {
                return operation(&mut self.rng, executor);
            }
            chosen = chosen.saturating_sub(*weight);
        }
        None
    }
}
