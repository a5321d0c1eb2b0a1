//! The crate as a peer sees it: an ABCI server, a home directory, a supervised process.

mod abci;
mod chain;
mod home;
mod malformed;
mod snapshots;
mod toy;
