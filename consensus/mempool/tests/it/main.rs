//! The mempool through its public interface, over a small application and over the chain.

mod answers;
mod chain;
mod concurrency;
mod model;
mod recheck;
mod toy;
