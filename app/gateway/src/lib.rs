#![doc = include_str!("../README.md")]

mod backend;
mod connections;
mod descriptors;
#[cfg(test)]
mod fake;
mod gateway;
pub mod grpc;
mod listen;
mod methods;
pub mod observe;
pub mod rest;
mod server;
mod services;
mod settings;

pub use backend::{Answer, Backend, Call, Code, Status};
pub use descriptors::Descriptors;
pub use gateway::{Gateway, GatewayError, GatewaySettings};
pub use methods::Methods;
pub use server::Server;
pub use services::{COMETBFT_VERSION, COSMOS_SDK_VERSION, IBC_GO_VERSION, Services};
pub use settings::{GrpcSettings, NodeSettings};
