//! The backend of a state that was opened at an old height: it keeps nothing.

use std::ops::Bound;

use bytes::Bytes;

use crate::backend::{Backend, Checkpoint, CommittedBlock, Durable, StoredCheckpoint};
use crate::{Direction, Record, StateError, Store};

pub(crate) struct Detached;

fn no_history(requested: u64) -> StateError {
    StateError::Unavailable { requested, oldest: u64::MAX, latest: 0 }
}

impl Backend for Detached {
    fn durable(&self) -> Result<Option<Durable>, StateError> {
        Ok(None)
    }

    fn durable_height(&self) -> u64 {
        // Nothing waits for durability here.
        u64::MAX
    }

    fn persist(&self, _: CommittedBlock) -> Result<(), StateError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), StateError> {
        Ok(())
    }

    fn scan(
        &self,
        _: Store,
        _: Bound<&[u8]>,
        _: Bound<&[u8]>,
        _: &mut dyn FnMut(&[u8], &[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        Ok(())
    }

    fn history_start(&self) -> Option<u64> {
        None
    }

    fn history_get(&self, _: Store, _: &[u8], height: u64) -> Result<Option<Bytes>, StateError> {
        Err(no_history(height))
    }

    fn history_range(
        &self,
        _: Store,
        _: Bound<&[u8]>,
        _: Bound<&[u8]>,
        _: Direction,
        height: u64,
        _: usize,
    ) -> Result<Vec<Record>, StateError> {
        Err(no_history(height))
    }

    fn history_meta(&self, height: u64) -> Result<Durable, StateError> {
        Err(no_history(height))
    }

    fn changed_since(
        &self,
        _: Store,
        _: u64,
        _: &mut dyn FnMut(&[u8], Option<&[u8]>) -> Result<(), StateError>,
    ) -> Result<bool, StateError> {
        Ok(false)
    }

    fn prune(&self, _: u64) -> Result<(), StateError> {
        Ok(())
    }

    fn write_checkpoint(&self, _: Checkpoint<'_>) -> Result<(), StateError> {
        Ok(())
    }

    fn read_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StateError> {
        Ok(None)
    }
}
