//! CometBFT's RPC over any engine that has none of its own.
//!
//! `README.md` is the specification.

mod answer;
mod core;
mod environment;
mod json;
mod methods;
mod node;
mod render;
mod request;
mod server;
mod settings;

pub use environment::Environment;
pub use node::{NodeView, PeerInfo, RoundView, Step, Traffic};
pub use request::{parse_request, parse_uri_params};
pub use server::{Server, StartError};
pub use settings::RpcSettings;

/// Longest query of a search or subscription in bytes (`maxQueryLength` of `rpc/core`).
pub const MAX_QUERY: usize = 512;
