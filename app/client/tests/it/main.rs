//! Wallet behaviour against vectors of CosmJS and of the SDK, and against a node that is a few lines of this test.

mod armor;
mod keyring;
mod mnemonic;
mod rpc;
mod tx;
