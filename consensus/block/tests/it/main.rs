//! Tests of plume-block through its public API.

mod golden_chain;
mod golden_sets;
mod golden_values;
mod hostile;
mod light_client;
mod refused;
mod rotation;
mod states;
mod votes;
mod world;
