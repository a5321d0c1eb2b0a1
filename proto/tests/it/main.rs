//! What is checked in is what the sources say.

mod generated;
mod types;
