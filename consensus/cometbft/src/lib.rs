//! Plume under CometBFT 0.38: the ABCI 2.0 server, the supervised `cometbft` process, its home
//! directory, and [`plume_engine::Engine`] over its RPC.
//!
//! This crate knows the seam (`plume-engine`) and nothing of the modules or the chain.

mod address;
pub mod client;
pub mod frame;
mod rpc;
mod server;
mod supervisor;

pub use address::{AddressError, ListenAddress, MAX_SOCKET_PATH};
pub use rpc::CometBft;
pub use server::{Origin, Server, ServerError, ServerOptions};
pub use supervisor::{RunError, Stop, SupervisorOptions, find_binary, listen, run};
