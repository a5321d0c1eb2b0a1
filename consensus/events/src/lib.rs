//! CometBFT's event queries and the bus that carries events to subscribers.
//!
//! [`Query`] is the language of `subscribe`, `tx_search` and `block_search`, [`EventMap`] what it is matched against,
//! [`EventData`] what happened, [`EventBus`] who is told. `README.md` is the specification.

mod bus;
mod data;
mod map;
mod query;
mod subscription;

pub use bus::{EventBus, SubscribeError};
pub use data::{EventData, EventKind, RoundState};
pub use map::EventMap;
pub use query::{Argument, ArgumentKind, Condition, Number, Operator, Query, QueryError, QueryErrorKind};
pub use subscription::{Cancelled, Message, Subscription};

/// Composite key under which every event names its kind.
pub const EVENT_KEY: &str = "tm.event";
/// Composite key of a transaction's SHA-256, 64 upper-case hexadecimal digits.
pub const TX_HASH_KEY: &str = "tx.hash";
/// Composite key of the height of a transaction's block.
pub const TX_HEIGHT_KEY: &str = "tx.height";
/// Composite key of a block's height in the block index.
pub const BLOCK_HEIGHT_KEY: &str = "block.height";
