//! Scenarios across the modules; `README.md` lists them.

mod support;

mod bad_input;
mod decided;
mod determinism;
mod doors;
mod genesis;
mod golden;
mod hooks;
mod mempool;
mod proposals;
mod queries;
mod refusals;
mod replay;
mod retention;
mod sign_modes;
mod snapshots;
mod transfers;
mod upgrade;
mod verification;
