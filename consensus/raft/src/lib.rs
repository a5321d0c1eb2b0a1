//! Consensus by Raft with Tendermint blocks and commits, in process.
