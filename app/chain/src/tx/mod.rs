//! One transaction: decoding, signatures, the checks before its messages, its execution.

mod ante;
mod decode;
mod execute;
mod fee;
mod remembered;
mod sign_bytes;
mod sign_mode;
mod signatures;

pub(crate) use execute::{Mode, Transactions, contain, run_ante, run_tx};
pub(crate) use remembered::DecodedTxs;
pub(crate) use remembered::TxHash;
pub(crate) use signatures::{Prepared, prepare_ahead, prepare_all, prepare_decided, prepare_one};
