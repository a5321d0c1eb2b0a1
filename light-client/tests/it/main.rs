//! The library as its users call it: on simulated chains whose keys the tests hold, and on what real chains answered.

mod alone;
mod proofs;
mod recorded;
mod refusals;
mod simulated;
mod steps;
mod walks;
mod witnesses;
