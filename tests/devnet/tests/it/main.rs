//! Four validators on one machine: killed under load, and with a proposer that cheats.

mod bad_proposals;
mod kills;
mod validators;
