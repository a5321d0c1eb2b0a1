//! Commands for every message and every query, derived from descriptors.
//!
//! A service whose option `cosmos.msg.v1.service` is set gets its commands below `tx`, any other one below `query`. Names,
//! positional arguments and short texts come from [`plume_proto::AUTOCLI`] (the SDK's `cosmos.autocli.v1` options as data);
//! a method that it does not mention is named after its RPC and takes each field as a flag. Nothing here knows a message,
//! so a module added later has its commands by its `.proto` files alone.

mod arguments;
mod catalog;
mod command;
mod custom;
mod options;
mod parsed;
mod value;

pub use arguments::{id as argument_id, json_of};
pub use command::is_page;
pub use custom::find as custom_form;
pub use parsed::{AutoQuery, AutoTx};

#[cfg(test)]
mod toy;
