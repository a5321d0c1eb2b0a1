//! The seam between the state machine and consensus.
//!
//! An engine (CometBFT over ABCI, the embedded Raft engine) drives one [`Executor`] and hands
//! out its [`Reader`]; it implements [`Engine`] for whoever asks about blocks and transactions.
//! Nothing here knows a module, a chain, CometBFT or Raft.

mod block;
mod engine;
mod event;
mod executor;
mod fatal;
mod genesis;
mod query;
mod reader;
mod snapshot;
mod tx;

pub use block::{
    Block, BlockId, BlockOutcome, CommitInfo, Committed, Misbehaviour, MisbehaviourKind, Proposal, TxResult, Validator,
    ValidatorUpdate, Verdict, VoteFlag, VoteInfo,
};
pub use engine::{
    BlockRecord, BroadcastMode, BroadcastOutcome, Engine, EngineError, FoundTxs, IncludedTx, MAX_PER_PAGE, NodeInfo,
    SearchOrder, Status, ValidatorAt, ValidatorsAt,
};
pub use event::{Attribute, Event};
pub use executor::Executor;
pub use fatal::Fatal;
pub use genesis::{ConsensusParams, Genesis, InitOutcome, ValidatorKey};
pub use query::{GrpcCode, ProofOp, QueryAnswer, QueryError};
pub use reader::{Info, NodeService, Reader};
pub use snapshot::{ChunkVerdict, Offer, RestoreProgress, SnapshotInfo, TrustedState};
pub use tx::{CheckKind, CheckOutcome, SimulationOutcome};
