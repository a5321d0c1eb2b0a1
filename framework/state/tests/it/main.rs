//! The state as its users see it.

mod collections;
mod commitment;
mod history;
mod lifecycle;
mod sharing;
mod world;
