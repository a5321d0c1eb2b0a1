//! What happened, as subscribers are told.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use plume_block::{Address, BlockId, FullBlock, Validator, Vote, raw};
use plume_engine::{BlockOutcome, Event, TxResult};
use plume_primitives::Height;

use crate::{EVENT_KEY, EventMap, TX_HASH_KEY, TX_HEIGHT_KEY};

/// Kinds of events, the values of `tm.event` (`types/events.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A block is committed.
    NewBlock,
    /// Its header.
    NewBlockHeader,
    /// The events of its begin and end.
    NewBlockEvents,
    /// Evidence that it holds.
    NewEvidence,
    /// One of its transactions.
    Tx,
    /// The changes of validators that it made.
    ValidatorSetUpdates,
    /// A proposal is complete.
    CompleteProposal,
    /// A validator locked a block.
    Lock,
    /// A round begins.
    NewRound,
    /// A step of a round begins.
    NewRoundStep,
    /// Two thirds prevoted.
    Polka,
    /// A validator locked its block again.
    Relock,
    /// No proposal came in time.
    TimeoutPropose,
    /// No two thirds for one block came in time.
    TimeoutWait,
    /// A validator gave up its lock.
    Unlock,
    /// A block is known to be valid.
    ValidBlock,
    /// A vote arrived.
    Vote,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::NewBlock,
        Self::NewBlockHeader,
        Self::NewBlockEvents,
        Self::NewEvidence,
        Self::Tx,
        Self::ValidatorSetUpdates,
        Self::CompleteProposal,
        Self::Lock,
        Self::NewRound,
        Self::NewRoundStep,
        Self::Polka,
        Self::Relock,
        Self::TimeoutPropose,
        Self::TimeoutWait,
        Self::Unlock,
        Self::ValidBlock,
        Self::Vote,
    ];

    /// Its value of `tm.event`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewBlock => "NewBlock",
            Self::NewBlockHeader => "NewBlockHeader",
            Self::NewBlockEvents => "NewBlockEvents",
            Self::NewEvidence => "NewEvidence",
            Self::Tx => "Tx",
            Self::ValidatorSetUpdates => "ValidatorSetUpdates",
            Self::CompleteProposal => "CompleteProposal",
            Self::Lock => "Lock",
            Self::NewRound => "NewRound",
            Self::NewRoundStep => "NewRoundStep",
            Self::Polka => "Polka",
            Self::Relock => "Relock",
            Self::TimeoutPropose => "TimeoutPropose",
            Self::TimeoutWait => "TimeoutWait",
            Self::Unlock => "Unlock",
            Self::ValidBlock => "ValidBlock",
            Self::Vote => "Vote",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// A place in the making of a block (`EventDataRoundState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundState {
    /// Height being decided.
    pub height: Height,
    /// Round, from 0.
    pub round: i32,
    /// Step, for example `RoundStepPropose`.
    pub step: String,
}

/// An event with all that subscribers are told of it. Clones are cheap.
#[derive(Debug, Clone, PartialEq)]
pub enum EventData {
    /// A block is committed.
    NewBlock {
        /// The block.
        block: FullBlock,
        /// What came of executing it.
        outcome: Arc<BlockOutcome>,
    },
    /// The header of a committed block.
    NewBlockHeader {
        /// The header.
        header: Arc<raw::Header>,
    },
    /// The events of a block's begin and end.
    NewBlockEvents {
        /// Height of the block.
        height: Height,
        /// Its outcome, whose `events` are meant.
        outcome: Arc<BlockOutcome>,
        /// Transactions in the block.
        num_txs: usize,
    },
    /// Evidence in a block.
    NewEvidence {
        /// Height of the block.
        height: Height,
        /// The evidence.
        evidence: Arc<raw::Evidence>,
    },
    /// A transaction in a block.
    Tx {
        /// Height of the block.
        height: Height,
        /// Position in it, from 0.
        index: u32,
        /// The transaction.
        tx: Bytes,
        /// SHA-256 of the transaction.
        hash: [u8; 32],
        /// What came of it.
        result: Arc<TxResult>,
    },
    /// Validators whose power a block changed; priorities are 0. Published only when there are any.
    ValidatorSetUpdates {
        /// The validators with their new power.
        updates: Arc<Vec<Validator>>,
    },
    /// A vote arrived.
    Vote {
        /// The vote.
        vote: Arc<Vote>,
    },
    /// A round begins.
    NewRound {
        /// Where.
        state: RoundState,
        /// Address of the round's proposer.
        proposer: Address,
        /// Its place in the validator set.
        proposer_index: i32,
    },
    /// A proposal is complete.
    CompleteProposal {
        /// Where.
        state: RoundState,
        /// The block proposed.
        block_id: BlockId,
    },
    /// A step of a round begins.
    NewRoundStep(RoundState),
    /// No proposal came in time.
    TimeoutPropose(RoundState),
    /// No two thirds for one block came in time.
    TimeoutWait(RoundState),
    /// Two thirds prevoted.
    Polka(RoundState),
    /// A validator locked a block.
    Lock(RoundState),
    /// A validator locked its block again.
    Relock(RoundState),
    /// A validator gave up its lock.
    Unlock(RoundState),
    /// A block is known to be valid.
    ValidBlock(RoundState),
}

impl EventData {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::NewBlock { .. } => EventKind::NewBlock,
            Self::NewBlockHeader { .. } => EventKind::NewBlockHeader,
            Self::NewBlockEvents { .. } => EventKind::NewBlockEvents,
            Self::NewEvidence { .. } => EventKind::NewEvidence,
            Self::Tx { .. } => EventKind::Tx,
            Self::ValidatorSetUpdates { .. } => EventKind::ValidatorSetUpdates,
            Self::Vote { .. } => EventKind::Vote,
            Self::NewRound { .. } => EventKind::NewRound,
            Self::CompleteProposal { .. } => EventKind::CompleteProposal,
            Self::NewRoundStep(_) => EventKind::NewRoundStep,
            Self::TimeoutPropose(_) => EventKind::TimeoutPropose,
            Self::TimeoutWait(_) => EventKind::TimeoutWait,
            Self::Polka(_) => EventKind::Polka,
            Self::Lock(_) => EventKind::Lock,
            Self::Relock(_) => EventKind::Relock,
            Self::Unlock(_) => EventKind::Unlock,
            Self::ValidBlock(_) => EventKind::ValidBlock,
        }
    }

    /// What queries see of it: the attributes of its ABCI events, `tm.event`, and for a transaction `tx.hash` and
    /// `tx.height`, each behind what the chain itself put under the same key.
    #[must_use]
    pub fn events(&self) -> EventMap {
        let mut map = match self {
            Self::NewBlock { outcome, .. } | Self::NewBlockEvents { outcome, .. } => EventMap::of(&outcome.events),
            Self::Tx { result, .. } => EventMap::of(&result.events),
            _ => EventMap::new(),
        };
        map.push(EVENT_KEY, self.kind().as_str());
        if let Self::Tx { height, hash, .. } = self {
            map.push(TX_HASH_KEY, hex::encode_upper(hash));
            map.push(TX_HEIGHT_KEY, height.to_string());
        }
        map
    }

    /// The ABCI events that it carries: those of the block for [`EventData::NewBlock`] and
    /// [`EventData::NewBlockEvents`], those of the transaction for [`EventData::Tx`].
    #[must_use]
    pub fn abci_events(&self) -> &[Event] {
        match self {
            Self::NewBlock { outcome, .. } | Self::NewBlockEvents { outcome, .. } => &outcome.events,
            Self::Tx { result, .. } => &result.events,
            _ => &[],
        }
    }
}
