//! Four validators on one machine, over Raft and over CometBFT: killed under load, with a proposer that cheats, cut off
//! from one another, restored from old copies, and followed by a light client.

mod bad_proposals;
mod crashes;
mod kills;
mod leaders;
mod light;
mod lost_time;
mod offline;
mod partitions;
mod settings;
mod state_sync;
mod validators;
