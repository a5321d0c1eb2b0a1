//! Replays recordings of other chains on Plume's chain and lists what differs.

pub mod accepted;
pub mod recording;
pub mod replay;
