//! What modules ask of each other (layer 2): traits only, implemented by the modules, passed as
//! handles at construction. A handle holds no state; state lives in the context of each call.

mod accounts;
mod bank;

pub use accounts::{Account, Accounts, AuthParams, Permission};
pub use bank::{Bank, LockedAmounts, MoveReason, Transfer, TransferHook, TransferVerdict};
