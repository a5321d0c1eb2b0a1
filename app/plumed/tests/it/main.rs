//! The command line as its users run it: the real binary, real homes, real CometBFT.

mod chain;
mod light;
mod offline;
mod run;
