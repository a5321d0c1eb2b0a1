use std::collections::BTreeMap;
use std::error::Error as StdError;

use thiserror::Error;

use crate::light_block::LightBlock;

/// Where a client keeps the blocks that it trusts. Whoever can write to it decides what the client believes.
pub trait Store {
    /// The highest block at or below `height`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn at_or_below(&self, height: u64) -> Result<Option<LightBlock>, StoreError>;

    /// The lowest block at or above `height`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn at_or_above(&self, height: u64) -> Result<Option<LightBlock>, StoreError>;

    /// Keeps a block, in the place of another at its height.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; the block counts as not kept.
    fn save(&mut self, block: &LightBlock) -> Result<(), StoreError>;

    /// Forgets the blocks below `height`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn remove_below(&mut self, height: u64) -> Result<(), StoreError>;
}

/// A store that fails; the cause is its own.
#[derive(Debug, Error)]
#[error("the store of trusted blocks fails")]
pub struct StoreError(#[source] Box<dyn StdError + Send + Sync>);

impl StoreError {
    /// An error with this cause.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Trusted blocks in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    blocks: BTreeMap<u64, LightBlock>,
}

impl MemoryStore {
    /// Heights of the kept blocks, ascending.
    pub fn heights(&self) -> impl Iterator<Item = u64> {
        self.blocks.keys().copied()
    }
}

impl Store for MemoryStore {
    fn at_or_below(&self, height: u64) -> Result<Option<LightBlock>, StoreError> {
        Ok(self.blocks.range(..=height).next_back().map(|(_, block)| block.clone()))
    }

    fn at_or_above(&self, height: u64) -> Result<Option<LightBlock>, StoreError> {
        Ok(self.blocks.range(height..).next().map(|(_, block)| block.clone()))
    }

    fn save(&mut self, block: &LightBlock) -> Result<(), StoreError> {
        self.blocks.insert(block.height(), block.clone());
        Ok(())
    }

    fn remove_below(&mut self, height: u64) -> Result<(), StoreError> {
        self.blocks = self.blocks.split_off(&height);
        Ok(())
    }
}
