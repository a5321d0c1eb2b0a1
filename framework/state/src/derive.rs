//! How derived stores are rebuilt at load.

use std::sync::Arc;

use crate::{StateError, Store};

/// Receives the key and value of one derived record.
pub type DerivedSink<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StateError> + 'a;

/// Turns one record of a source store into records of a derived store.
pub type DeriveFn = dyn Fn(&[u8], &[u8], &mut DerivedSink<'_>) -> Result<(), StateError> + Send + Sync;

/// The rule by which a [derived store](crate::StoreKind::Derived) is rebuilt from a source store. A derived store may have
/// several (one per source collection).
#[derive(Clone)]
pub struct Derivation {
    /// The committed or local store read.
    pub source: Store,
    /// The derived store filled.
    pub target: Store,
    /// Called with key and value of each source record.
    pub derive: Arc<DeriveFn>,
}

impl std::fmt::Debug for Derivation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}", self.source, self.target)
    }
}
