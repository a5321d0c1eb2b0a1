//! The framework, through a toy module: what is charged, kept, dropped, refused.

mod framework;
mod toy;
