//! What can go wrong when state is read or written.

use std::borrow::Cow;

use crate::Store;

/// A failed state access.
///
/// The cases have different owners and never turn into one another: a [`Fatal`](Self::Fatal) stops the node, a
/// [`Gas`](Self::Gas) is the transaction's fault, an [`Unavailable`](Self::Unavailable) is a question about a height that
/// this node no longer holds (`sdk/26` towards clients).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Disk, corruption or a broken rule of the store's owner: the node cannot continue.
    #[error(transparent)]
    Fatal(#[from] StateFault),
    /// The gas limit was reached. Only gas-charging wrappers (the kit's `Ctx`) return it; this crate never does.
    #[error(transparent)]
    Gas(#[from] OutOfGas),
    /// The height is not held: pruned, not yet committed, or never existed.
    #[error("version {requested} is not available: oldest {oldest}, latest {latest}")]
    Unavailable {
        /// The height asked for.
        requested: u64,
        /// The oldest height that can be read.
        oldest: u64,
        /// The latest committed height.
        latest: u64,
    },
    /// A question that has no answer at any height: a key that nothing can be stored at.
    #[error("invalid query: {0}")]
    InvalidQuery(&'static str),
}

impl StateError {
    /// A stored key or value that does not decode.
    #[must_use]
    pub fn corrupt(store: Store, key: &[u8], reason: impl Into<String>) -> Self {
        Self::Fatal(StateFault::Corrupt { store, key: key.to_vec(), reason: reason.into() })
    }

    /// A failure reported by the durable backend.
    #[must_use]
    pub fn backend(reason: impl Into<String>) -> Self {
        Self::Fatal(StateFault::Backend(reason.into()))
    }

    /// A broken rule of this crate's caller (a programming error in a module or in the chain).
    #[must_use]
    pub fn misuse(store: Store, reason: impl Into<String>) -> Self {
        Self::Fatal(StateFault::Misuse { store, reason: reason.into() })
    }
}

/// Why the node cannot continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// Stored bytes do not decode as the type that the collection declares.
    #[error("corrupt record in store {store} at key {}: {reason}", hex(key))]
    Corrupt {
        /// The store that holds the record.
        store: Store,
        /// The record's full key.
        key: Vec<u8>,
        /// What did not decode.
        reason: String,
    },
    /// The durable backend failed (disk full, I/O error, foreign or damaged database).
    #[error("state backend: {0}")]
    Backend(String),
    /// A caller broke a rule: empty key or value, reserved key, unknown store, wrong version.
    #[error("misuse of store {store}: {reason}")]
    Misuse {
        /// The store concerned.
        store: Store,
        /// The rule broken.
        reason: String,
    },
    /// The contents of the database do not lead to the app hash that it states: it is damaged.
    #[error("height {height}: the database states app hash {}, its contents give {}", hex(stated), hex(found))]
    AppHash {
        /// The durable height.
        height: u64,
        /// The app hash written with that height.
        stated: [u8; 32],
        /// The app hash computed from the records.
        found: [u8; 32],
    },
    /// The state as a whole is not what was expected (unknown stores, versions out of order).
    #[error("state: {0}")]
    Inconsistent(String),
}

/// The gas limit was reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of gas in location: {location}; gasWanted: {limit}, gasUsed: {used}")]
pub struct OutOfGas {
    /// The SDK's name of the charge that crossed the limit (`ReadFlat`, `WritePerByte`, ...).
    pub location: Cow<'static, str>,
    /// The limit, in gas.
    pub limit: u64,
    /// Gas consumed, the last charge included.
    pub used: u64,
}

/// Lower-case hexadecimal, for messages.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('?'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('?'));
        text
    })
}
