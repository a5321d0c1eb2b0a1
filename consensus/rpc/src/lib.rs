//! CometBFT's RPC over any engine that has none of its own.
