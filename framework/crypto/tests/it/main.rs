//! Keys and signatures against vectors of CosmJS, of the SDK and of the literature.

mod batches;
mod ed25519;
mod keys;
mod multisig;
mod secp256k1;
