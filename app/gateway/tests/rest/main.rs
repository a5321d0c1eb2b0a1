//! REST against a backend that answers what it was asked, over the toy module, whose interface has everything that the
//! rules are about.

mod bodies;
mod damaged;
mod errors;
mod openapi;
mod pages;
mod parameters;
mod routing;
mod server;
mod world;
