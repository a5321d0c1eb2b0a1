use std::sync::Arc;

use plume_engine::{ConsensusParams, Fatal, Genesis, ValidatorUpdate};
use plume_kit::{BlockInfo, ChainInfo, Ctx, GasMeter, parse_app_state};
use plume_params::Params;
use plume_primitives::Height;
use plume_state::{KvRead, Overlay, StateView};
use serde_json::Value;

use crate::block::env;
use crate::consensus;
use crate::machine::{Machine, Rules};
use crate::records::{self, Origin};

/// CometBFT's `MaxChainIDLen`.
const MAX_CHAIN_ID_LEN: usize = 50;

/// A genesis state, not committed yet.
pub(crate) struct BuiltGenesis {
    pub overlay: Overlay,
    pub rules: Rules,
    pub consensus_params: ConsensusParams,
    /// Replaces the document's validators when not empty.
    pub validators: Vec<ValidatorUpdate>,
}

/// Builds the state that a genesis document describes, on the empty state.
///
/// # Errors
/// A document that is refused, with the field that is wrong.
pub(crate) fn build(machine: &Machine, empty: Arc<dyn StateView>, genesis: &Genesis) -> Result<BuiltGenesis, Fatal> {
    require_header(genesis)?;
    let app_state = parse_app_state(&genesis.app_state)?;
    let params = Params::from_genesis(app_state.get("plume").unwrap_or(&Value::Null))
        .map_err(|e| e.while_doing("app_state.plume"))?;
    let chain = ChainInfo { chain_id: genesis.chain_id.clone(), prefix: params.prefix.clone() };
    let rules = Rules { chain, params };

    let mut overlay = Overlay::new(empty);
    let block = BlockInfo { height: genesis.initial_height, time: genesis.time, ..BlockInfo::default() };
    let validators = {
        let env = env(machine, &rules, block, None);
        let gas = GasMeter::unlimited();
        let mut ctx = Ctx::new(&mut overlay, &env, &gas);
        plume_consensus_params::init_params(&mut ctx, &genesis.consensus_params)?;
        machine.modules.init_genesis(&mut ctx, app_state)?
    };
    records::write_origin(
        &mut overlay,
        &Origin { chain_id: genesis.chain_id.clone(), initial_height: genesis.initial_height },
    )?;
    records::write_time(&mut overlay, genesis.time)?;
    let first = if validators.is_empty() { &genesis.validators } else { &validators };
    records::update_validators(&mut overlay, first)?;
    let consensus_params = consensus::params(&overlay)?;
    Ok(BuiltGenesis { overlay, rules, consensus_params, validators })
}

fn require_header(genesis: &Genesis) -> Result<(), Fatal> {
    if genesis.chain_id.is_empty() || genesis.chain_id.len() > MAX_CHAIN_ID_LEN {
        let len = genesis.chain_id.len();
        return Err(Fatal::new(format!("chain_id has {len} bytes; it needs 1 to {MAX_CHAIN_ID_LEN}")));
    }
    if genesis.initial_height == Height::ZERO {
        return Err(Fatal::new("initial_height must be at least 1"));
    }
    Ok(())
}

/// The constants of a chain, as its state holds them.
///
/// # Errors
/// State that cannot be read, or that has no parameters.
pub(crate) fn rules(chain_id: &str, state: &(impl KvRead + ?Sized)) -> Result<Rules, Fatal> {
    let params = Params::load(state)?.ok_or_else(|| Fatal::new("the chain's parameters are missing"))?;
    let chain = ChainInfo { chain_id: chain_id.to_owned(), prefix: params.prefix.clone() };
    Ok(Rules { chain, params })
}
