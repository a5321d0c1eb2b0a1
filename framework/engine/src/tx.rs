use bytes::Bytes;
use plume_primitives::Gas;

use crate::Event;

/// Why a transaction is being checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckKind {
    /// It has just arrived.
    New,
    /// It was in the mempool when a block was committed.
    Recheck,
}

/// Whether a transaction may enter or stay in the mempool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckOutcome {
    /// 0 to accept.
    pub code: u32,
    /// Names the module that numbers `code`; empty on success.
    pub codespace: String,
    /// Text of the refusal.
    pub log: String,
    /// Gas limit of the transaction.
    pub gas_wanted: Gas,
    /// Gas used by the check.
    pub gas_used: Gas,
}

/// What a transaction would do if it ran on the last committed state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimulationOutcome {
    /// Gas limit reported to the client.
    pub gas_wanted: Gas,
    /// Gas that it would use.
    pub gas_used: Gas,
    /// `TxMsgData` bytes.
    pub data: Bytes,
    /// Events in order.
    pub events: Vec<Event>,
}
