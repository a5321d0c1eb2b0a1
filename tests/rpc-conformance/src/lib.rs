#![doc = include_str!("../README.md")]

pub mod chain;
mod compare;
mod http;
mod ours;
mod raft;
mod real;
mod rules;
mod socket;

pub use compare::{Difference, compare};
pub use http::{Answer, Endpoint};
pub use ours::Ours;
pub use raft::Raft;
pub use real::Real;
pub use rules::{Kind, Rules};
pub use socket::Socket;

/// A node with our RPC that makes the blocks that CometBFT made.
pub trait Follower {
    /// Its name in `differences.toml`.
    fn name(&self) -> &'static str;

    /// The RPC.
    fn endpoint(&self) -> Endpoint;

    /// Whether it publishes steps of rounds and votes, which CometBFT calls internal.
    fn publishes_steps(&self) -> bool;

    /// Has the block of a height with these transactions when it returns.
    ///
    /// # Panics
    /// When it cannot.
    fn follow(&mut self, height: u64, txs: Vec<bytes::Bytes>);
}
