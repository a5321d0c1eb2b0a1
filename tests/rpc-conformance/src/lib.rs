#![doc = include_str!("../README.md")]

pub mod chain;
mod compare;
mod http;
mod ours;
mod real;
mod rules;
mod socket;

pub use compare::{Difference, compare};
pub use http::{Answer, Endpoint};
pub use ours::Ours;
pub use real::Real;
pub use rules::{Kind, Rules};
pub use socket::Socket;
