//! The state machine alone, in this process: blocks through `FinalizeBlock` and `Commit` as an engine calls them, without
//! an engine, on a state of any size.

pub mod fill;
pub mod growth;
pub mod replay;
