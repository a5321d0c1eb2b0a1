#![doc = include_str!("../README.md")]

mod backend;
pub mod observe;
pub mod rest;

pub use backend::{Answer, Backend, Call, Code, Status};
