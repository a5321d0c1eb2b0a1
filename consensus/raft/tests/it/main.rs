//! The engine on a simulated network, with every fault of which `docs/spec/raft-engine.md` says what it does.
//!
//! Time is simulated, so that minutes take seconds; disks lose what was not synced; a ledger over all nodes and all
//! their lives sees every block, every commit and every signature. What must never happen fails any test: two blocks at a
//! height, two signatures for a height and round, a commit that does not verify, a transaction included twice, a node
//! that ends without a fault planned for it. At the end of each test all nodes must have the same state and every
//! transaction that a client sent.

mod absence;
mod app;
mod backup;
mod basics;
mod chaos;
mod clocks;
mod cluster;
mod crashes;
mod disks;
mod ledger;
mod light;
mod members;
mod net;
mod node;
mod partitions;
