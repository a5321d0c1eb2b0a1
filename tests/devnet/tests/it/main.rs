//! Four validators on one machine: killed under load, with a proposer that cheats, and followed by a light client.

mod bad_proposals;
mod kills;
mod light;
mod validators;
