mod answers;
mod client;
mod error;

pub use answers::{
    AbciAnswer, Account, BlockHeader, Broadcast, BroadcastCommit, Status, TxAnswer, TxSearch, Validator, ValidatorPage,
};
pub use client::{Order, RpcClient};
pub use error::{QueryError, RpcError};
