//! Auth through its message, its queries and the interface that other modules use.

mod accounts;
mod genesis;
mod params;
mod queries;
mod world;
