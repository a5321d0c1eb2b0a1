//! A node's home directory in CometBFT's layout: configuration, keys, genesis document, and the record of what was
//! signed. Shared by every consensus engine.

pub mod config;
pub mod genesis;
pub mod home;
pub mod keys;
pub mod sign_state;
