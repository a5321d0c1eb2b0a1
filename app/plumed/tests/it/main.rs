//! The command line as its users run it: the real binary, real homes, real CometBFT.

mod chain;
mod config;
mod devnet;
mod in_place;
mod keys;
mod light;
mod offline;
mod online;
mod pre_upgrade;
mod run;
mod tools;
