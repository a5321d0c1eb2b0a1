//! The store from outside.

mod blocks;
mod crash;
mod model;
mod parameters;
mod pruning;
mod search;
mod support;
