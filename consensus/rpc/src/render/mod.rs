//! The JSON of CometBFT's types, field by field in its order.

mod abci;
mod block;
mod consensus;
mod event;
mod evidence;
mod net;
mod params;
mod validator;

pub(crate) use abci::{abci_info, block_results, check_tx, exec_tx_result, query, query_refused};
pub(crate) use block::{block, block_id, commit, header};
pub(crate) use consensus::{Sets, round_state, round_state_simple};
pub(crate) use event::event_data;
pub(crate) use net::{connection_status, node_info, peer_state};
pub(crate) use params::params;
pub(crate) use validator::{public_key, validator};
