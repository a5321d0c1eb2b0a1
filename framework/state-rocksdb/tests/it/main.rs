//! The backend as its users see it.

mod checkpoints;
mod crash;
mod durability;
mod history;
mod pruning;
mod refusal;
mod rollback;
mod state;
mod support;
