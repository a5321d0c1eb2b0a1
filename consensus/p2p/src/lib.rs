//! Authenticated connections between the nodes of one permissioned network.
//!
//! A node is known by its [`PeerId`], a hash of its ed25519 key. [`Peers`] keeps one connection to each
//! configured node, accepts those that an [`Admission`] policy lets in, and moves messages of numbered
//! [`Channel`]s between them, most urgent channel first. The README is the protocol.

mod admission;
mod config;
mod error;
mod handler;
mod hello;
mod id;
mod inbox;
mod key;
mod network;
mod peers;

pub use admission::Admission;
pub use config::{Channel, Config, ConfigError, MAX_EXTRA, MAX_MESSAGE, MESSAGE_OVERHEAD};
pub use error::{CloseCode, PeerDownReason, RequestError, SendError, StartError};
pub use handler::{Event, Handler, Responder};
pub use hello::Hello;
pub use id::{AddressError, PeerAddress, PeerId};
pub use inbox::{Inbox, InboxHandler, Incoming, inbox};
pub use key::NodeKey;
pub use network::{BoxStream, Listener, Network, Stream, TcpNetwork};
pub use peers::{PeerInfo, Peers};
