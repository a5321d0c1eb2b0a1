//! The state as its users see it.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may use threads and floats")]

mod collections;
mod commitment;
mod history;
mod lifecycle;
mod sharing;
mod transfer;
mod world;
