//! What the crate promises, against vectors of other software and against random input.

mod properties;
mod sdk;
mod signing;
mod vectors;
