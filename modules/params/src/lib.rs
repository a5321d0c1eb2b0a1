#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::panic
    )
)]

mod chain_params;
mod module;

pub use chain_params::ChainParams;
pub use module::{PARAMS, Params, STORE};
