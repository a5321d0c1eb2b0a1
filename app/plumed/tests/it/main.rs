//! The command line as its users run it: the real binary, real homes, real CometBFT.

mod chain;
mod config;
mod devnet;
mod keys;
mod light;
mod offline;
mod online;
mod run;
mod tools;
