//! Tendermint blocks, commits, votes and validator sets: building, hashing, checking.
