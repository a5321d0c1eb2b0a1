#![doc = include_str!("../README.md")]

mod backend;
pub mod rest;

pub use backend::{Answer, Backend, Call, Code, Status};
