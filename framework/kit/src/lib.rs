#![doc = include_str!("../README.md")]

mod abort;
mod block;
mod budget;
mod chain;
mod ctx;
mod gas;
mod genesis;
mod module;
mod modules;
mod msgs;
mod observer;
pub mod page;
mod proof;
mod query;
mod read;
mod recent;
mod recorded;
pub mod sdk;
mod versions;

pub use abort::{Abort, Coded, TxError};
pub use block::BlockInfo;
pub use budget::Budgeted;
pub use chain::ChainInfo;
pub use ctx::{Ctx, Env, MAX_DISPATCH_DEPTH};
pub use gas::{GasMeter, KvGas};
pub use genesis::{AppState, parse_app_state};
pub use module::{Module, Response, ValidatorUpdates};
pub use modules::{DynModule, Modules, ModulesBuilder};
pub use msgs::{MsgDecodeError, MsgSet};
pub use observer::{Observation, Observer};
pub use plume_engine::GrpcCode;
pub use plume_engine::{Attribute, Event, Fatal, ValidatorKey, ValidatorUpdate};
pub use proof::{ProofBatch, ProofJob, ProofSystem};
#[doc(hidden)]
pub use prost;
pub use query::{QueryFailure, QueryRouter};
pub use read::ReadCtx;
pub use recorded::Recorded;
pub use versions::{ModuleVersions, UPGRADE_STORE};
