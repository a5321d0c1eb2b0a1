//! Scenarios across the modules; `README.md` lists them.

mod support;

mod transfers;
