//! Authenticated connections between the nodes of one permissioned network.
//!
//! A node is known by its [`PeerId`], a hash of its ed25519 key. [`Peers`] keeps one connection to each
//! configured node, accepts those that an [`Admission`] policy lets in, and moves messages of numbered
//! [`Channel`]s between them, most urgent channel first. The README is the protocol.

mod acceptor;
mod admission;
mod bans;
mod config;
mod connection;
mod delivery;
mod dialler;
mod error;
pub mod frame;
mod handler;
mod handshake;
mod hello;
mod id;
mod inbox;
mod info;
mod intake;
mod key;
mod link;
mod memory;
mod network;
mod node;
mod outbox;
mod peers;
mod rate;
#[cfg(test)]
mod tests;
mod tls;
mod violation;
mod wire;

pub use admission::Admission;
pub use config::{Channel, Config, ConfigError, MAX_EXTRA, MAX_MESSAGE, MESSAGE_OVERHEAD};
pub use error::{CloseCode, PeerDownReason, RequestError, SendError, StartError};
pub use handler::{Event, Handler, Responder};
pub use hello::{Hello, PROTOCOL_VERSION};
pub use id::{AddressError, PeerAddress, PeerId};
pub use inbox::{Inbox, InboxHandler, Incoming, inbox};
pub use info::PeerInfo;
pub use intake::{Asked, Inbound, Intake};
pub use key::NodeKey;
pub use memory::MemoryNetwork;
pub use network::{BoxStream, Listener, Network, Stream, TcpNetwork};
pub use peers::Peers;
pub use violation::Violation;
