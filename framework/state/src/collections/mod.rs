//! Typed collections: a declaration binds store, prefix, key type, value type and encodings, so they cannot disagree.
//!
//! ```
//! use plume_state::collections::{IntText, Map};
//! use plume_state::Store;
//! use plume_primitives::{Address, Amount, Denom};
//!
//! const BANK: Store = Store::committed("bank");
//! const BALANCES: Map<(Address, Denom), Amount, IntText> = Map::new(BANK, b"\x02");
//! ```
//!
//! Key bytes are those of the SDK's `cosmossdk.io/collections` v0.4: the prefix, then each part of the key in its
//! *non-terminal* encoding (self-delimiting), the last one in its *terminal* encoding. See [`KeyCodec`] for the table.

mod indexed;
mod item;
mod key;
mod map;
mod queue;
mod schema;
mod sequence;
mod set;
mod value;

pub use indexed::{Index, IndexList, IndexedMap, MultiIndex, UniqueIndex};
pub use item::Item;
pub use key::{AsKey, DecodeError, KeyBuf, KeyCodec, KeyError, KeyPrefix, LengthPrefixed};
pub use map::{Map, MapIter};
pub use queue::Queue;
pub use schema::{CollectionSchema, Schema, SchemaError};
pub use sequence::Sequence;
pub use set::Set;
pub use value::{BoolByte, BytesRaw, DecimalText, IntText, Proto, StringRaw, U64Be, Unit, ValueCodec};
