//! The canonical precommit that sign bytes hold.

use plume_primitives::Timestamp;
use prost::Message as _;
use tendermint_proto::v0_38::types::{CanonicalVote, SignedMsgType};

use super::{Position, Step};

/// Bytes that are not the sign bytes of a precommit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedVote {
    /// Not a length-delimited `CanonicalVote`, or not in its one canonical encoding.
    #[error("not a canonical vote")]
    Encoding,
    /// A vote of another type.
    #[error("not a precommit but type {0}")]
    Type(i32),
    /// Height below 1, or a round that is negative or above 2^31 - 1.
    #[error("height {height} or round {round} out of range")]
    Position {
        /// Height of the vote.
        height: i64,
        /// Its round.
        round: i64,
    },
    /// No time, or one outside the years 1 to 9999.
    #[error("no valid timestamp")]
    Timestamp,
}

/// A precommit that was parsed from its sign bytes and encodes to exactly them.
#[derive(Debug, Clone, PartialEq)]
pub struct CanonicalPrecommit {
    vote: CanonicalVote,
    position: Position,
    timestamp: Timestamp,
}

impl CanonicalPrecommit {
    pub fn decode(sign_bytes: &[u8]) -> Result<Self, MalformedVote> {
        let vote = CanonicalVote::decode_length_delimited(sign_bytes).map_err(|_| MalformedVote::Encoding)?;
        // Unknown or repeated fields would be signed but not compared.
        if vote.encode_length_delimited_to_vec() != sign_bytes {
            return Err(MalformedVote::Encoding);
        }
        if vote.r#type != SignedMsgType::Precommit as i32 {
            return Err(MalformedVote::Type(vote.r#type));
        }
        let (height, round) = (vote.height, vote.round);
        let position = i32::try_from(round)
            .ok()
            .filter(|round| height > 0 && *round >= 0)
            .map(|round| Position { height, round, step: Step::Precommit })
            .ok_or(MalformedVote::Position { height, round })?;
        let timestamp = vote
            .timestamp
            .as_ref()
            .and_then(|time| Timestamp::new(time.seconds, u32::try_from(time.nanos).ok()?).ok())
            .ok_or(MalformedVote::Timestamp)?;
        Ok(Self { vote, position, timestamp })
    }

    pub fn position(&self) -> Position {
        self.position
    }

    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    pub fn chain_id(&self) -> &str {
        &self.vote.chain_id
    }

    /// Whether the votes are equal but for their time, or wholly.
    pub fn differs_only_in_time(&self, other: &Self) -> bool {
        self.vote == CanonicalVote { timestamp: self.vote.timestamp, ..other.vote.clone() }
    }
}
