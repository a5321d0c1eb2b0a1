//! Between CometBFT's ABCI messages and the engine's block types, both ways, in one place.
//!
//! Used wherever the two meet: the ABCI server, the store of results, the RPC.

mod outcome;
mod requests;
mod responses;
mod results;

use bytes::Bytes;
use plume_primitives::{Height, Timestamp};
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;

use crate::InvalidKey;

pub use outcome::encode_outcome;
pub use requests::{check_kind, decided, genesis, prepared, proposed, validator_update};
pub use responses::{
    check_response, commit_response, finalize_response, info_response, init_response, query_refusal, query_response,
    raw_tx_result, raw_validator_update,
};
pub use results::{event, outcome, tx_result};

/// A message that CometBFT never sends or stores: its writer is something else, or broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A height below zero or, where a block is meant, zero.
    #[error("height {0} is out of range")]
    Height(i64),
    /// A time outside 0001-01-01 to 9999-12-31.
    #[error("time {seconds}.{nanos:09} is out of range")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
        /// Nanoseconds within the second.
        nanos: i32,
    },
    /// A validator key of an unknown kind or a wrong length.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// An amount of gas below zero.
    #[error("gas {0} is negative")]
    Gas(i64),
    /// A required part is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A vote flag other than absent, commit or nil.
    #[error("vote flag {0} is unknown")]
    VoteFlag(i32),
}

/// Bytes that one transaction takes in a block: `1 + uvarint(len) + len`.
pub fn proto_size_of_tx(tx: &Bytes) -> u64 {
    let length = tx.len() as u64; // usize has at most 64 bits
    1 + prost::encoding::encoded_len_varint(length) as u64 + length // at most 10
}

/// A height, 0 included.
///
/// # Errors
/// [`Malformed::Height`].
pub fn height(raw: i64) -> Result<Height, Malformed> {
    Height::try_from(raw).map_err(|_| Malformed::Height(raw))
}

fn block_height(raw: i64) -> Result<Height, Malformed> {
    if raw == 0 { Err(Malformed::Height(raw)) } else { height(raw) }
}

/// A time. An absent one is protobuf's default: the Unix epoch.
///
/// # Errors
/// [`Malformed::Time`].
pub fn time(raw: Option<RawTimestamp>) -> Result<Timestamp, Malformed> {
    let raw = raw.unwrap_or(RawTimestamp { seconds: 0, nanos: 0 });
    let error = || Malformed::Time { seconds: raw.seconds, nanos: raw.nanos };
    let nanos = u32::try_from(raw.nanos).map_err(|_| error())?;
    Timestamp::new(raw.seconds, nanos).map_err(|_| error())
}

#[cfg(test)]
mod tests;
