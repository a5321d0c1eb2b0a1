//! Validated value types that everything else is written in: addresses, money, decimals, heights, gas and time.
//!
//! A value of these types is valid by construction, so code that holds one never checks it again. All arithmetic is
//! checked, nothing here reads a clock, and text forms are the ones of the Cosmos SDK 0.50 (errors included, since
//! wallets show them). `README.md` is the specification.
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

mod address;
mod amount;
pub mod bech32;
mod coin;
mod coins;
mod dec_coin;
mod decimal;
mod denom;
mod quantity;
mod text_serde;
mod timestamp;

pub use address::{
    Address, AddressError, Bech32Prefix, derived_address, hashed_address, module_address, module_derived_address,
};
pub use amount::{Amount, AmountError, ArithmeticError};
pub use coin::{Coin, CoinError};
pub use coins::Coins;
pub use dec_coin::{DecCoin, DecCoins};
pub use decimal::{Decimal, DecimalError, Rounding};
pub use denom::{Denom, InvalidDenom};
pub use quantity::{Gas, Height};
pub use timestamp::{Timestamp, TimestampError};
