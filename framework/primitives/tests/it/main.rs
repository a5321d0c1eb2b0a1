//! Behaviour of the value types against the SDK's results, other libraries and simple models.

mod addresses;
mod amounts;
mod coins;
mod decimals;
mod timestamps;
