use plume_engine::Event;

use crate::TxError;

/// One thing that happened while a transaction or hook ran.
#[derive(Debug)]
pub enum Observation<'a> {
    /// A message of `type_url` starts, at a dispatch depth from 0.
    MessageStarted {
        /// Type URL.
        type_url: &'a str,
        /// 0 for a message of the transaction itself.
        depth: u8,
    },
    /// The message ended, with its failure if it failed.
    MessageEnded {
        /// Type URL.
        type_url: &'a str,
        /// Depth as in the start.
        depth: u8,
        /// Failure.
        error: Option<&'a TxError>,
    },
    /// A key was read.
    Read {
        /// Store name.
        store: &'static str,
        /// Key.
        key: &'a [u8],
        /// Value, if there is one.
        value: Option<&'a [u8]>,
    },
    /// A key was written, or deleted when there is no value.
    Write {
        /// Store name.
        store: &'static str,
        /// Key.
        key: &'a [u8],
        /// New value.
        value: Option<&'a [u8]>,
    },
    /// Gas was charged.
    Gas {
        /// Amount.
        amount: u64,
        /// What for.
        location: &'static str,
    },
    /// An event was emitted.
    Emitted(&'a Event),
    /// A branch of the state was opened.
    BranchOpened,
    /// The branch was kept or dropped.
    BranchClosed {
        /// Whether its writes were kept.
        kept: bool,
    },
}

/// Sees everything that happens in a [`crate::Ctx`]: tracer, debugger, state-diff simulation and
/// audit trail are observers. It cannot change anything.
pub trait Observer {
    /// Called at each observation, in order.
    fn observe(&self, observation: Observation<'_>);
}
