//! The backend as its users see it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "outside the state machine")]

mod checkpoints;
mod crash;
mod durability;
mod history;
mod pruning;
mod refusal;
mod restore;
mod rollback;
mod state;
mod support;
