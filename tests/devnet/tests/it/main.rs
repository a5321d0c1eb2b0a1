//! Four validators on one machine, or seven, over Raft and over CometBFT: killed under load, with a proposer that cheats,
//! on failing disks, cut off from one another, restored from old copies, and followed by a light client.

mod bad_proposals;
mod crashes;
mod disks;
mod kills;
mod leaders;
mod light;
mod lost_time;
mod offline;
mod partitions;
mod settings;
mod seven;
mod snapshots;
mod state_sync;
mod validators;
