//! The store from outside.

mod blocks;
mod crash;
mod model;
mod parameters;
mod pruning;
mod rollback;
mod search;
mod support;
