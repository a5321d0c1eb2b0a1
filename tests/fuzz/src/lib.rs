//! Fuzz targets for everything that takes bytes from outside, and a driver that runs them on the stable toolchain.
//!
//! Each target is a plain `fn(&[u8])` that panics on a finding; see `README.md`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "outside the state machine")]

mod driver;
mod features;
mod mutate;
mod panics;
mod peers;
mod protobuf;
mod seeds;
mod snapshots;
mod targets;
mod tendermint;
mod texts;
mod txs;
mod world;

pub use driver::{Finding, Options, Report, replay, run};
pub use features::Features;
pub use targets::{Kind, TARGETS, Target, target};
