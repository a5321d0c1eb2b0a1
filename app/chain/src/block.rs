use std::collections::BTreeSet;
use std::sync::Arc;

use plume_engine::{Block, ConsensusParams, Event, Fatal, TxResult, ValidatorUpdate};
use plume_kit::{BlockInfo, Ctx, Env, GasMeter, Observer};
use plume_primitives::Address;
use plume_state::{ChangeSet, KvRead, Overlay, StateView};

use crate::consensus;
use crate::machine::{Machine, Rules};
use crate::records;
use crate::tx::{Mode, Prepared, Transactions, run_tx};

/// What a block did, before anything of it is kept.
pub(crate) struct ExecutedBlock {
    pub results: Vec<TxResult>,
    pub events: Vec<Event>,
    pub validator_updates: Vec<ValidatorUpdate>,
    /// The parameters after the block, if it changed them.
    pub consensus_params: Option<ConsensusParams>,
    pub changes: ChangeSet,
    /// Who signed or paid for a transaction of the block.
    pub senders: BTreeSet<Address>,
    /// Whether the block changed what every transaction's checks depend on.
    pub checks_changed: bool,
}

/// Executes a block on `base`, the state below it. `prepared` are its transactions, in order.
///
/// # Errors
/// Only what the node cannot survive; a panic of a block hook passes through and stops the node as well.
pub(crate) fn execute_block(
    machine: &Machine,
    rules: &Rules,
    base: &Arc<dyn StateView>,
    block: &Block,
    prepared: &[Prepared],
    observer: Option<&dyn Observer>,
) -> Result<ExecutedBlock, Fatal> {
    let env = env(machine, rules, BlockInfo::from(block), observer);
    let mut overlay = Overlay::new(base.clone());
    let params_before = consensus::params(base.as_ref())?;
    let auth_before = auth_params(machine, base.as_ref())?;

    let mut validator_updates = Vec::new();
    if machine.upgrades.contains(&block.height) {
        validator_updates = hook(&mut overlay, &env, |ctx| machine.modules.migrate(ctx))?.0;
    }
    let mut events = hook(&mut overlay, &env, |ctx| machine.modules.pre_block(ctx))?.1;
    let begin_events = hook(&mut overlay, &env, |ctx| machine.modules.begin_block(ctx))?.1;
    events.extend(with_mode(begin_events, "BeginBlock"));

    let max_gas = consensus::max_gas(&consensus::params(&overlay)?);
    let run = Transactions { machine, rules, env: &env, mode: Mode::Finalize, max_gas };
    let mut block_gas_left = max_gas;
    let mut results = Vec::with_capacity(prepared.len());
    let mut senders = BTreeSet::new();
    for tx in prepared {
        results.push(run_tx(&run, &mut overlay, tx, &mut block_gas_left)?);
        senders.extend(tx.senders().iter().cloned());
    }

    let (end_updates, end_events) = hook(&mut overlay, &env, |ctx| machine.modules.end_block(ctx))?;
    validator_updates.extend(end_updates);
    events.extend(with_mode(end_events, "EndBlock"));
    require_unique_keys(&validator_updates)?;
    records::write_time(&mut overlay, block.time)?;
    records::update_validators(&mut overlay, &validator_updates)?;

    let params_after = consensus::params(&overlay)?;
    let checks_changed = params_after != params_before || auth_params(machine, &overlay)? != auth_before;
    Ok(ExecutedBlock {
        results,
        events,
        validator_updates,
        consensus_params: (params_after != params_before).then_some(params_after),
        changes: overlay.into_changes(),
        senders,
        checks_changed,
    })
}

/// What surrounds the transactions and hooks of one block.
pub(crate) fn env<'a>(
    machine: &'a Machine,
    rules: &Rules,
    block: BlockInfo,
    observer: Option<&'a dyn Observer>,
) -> Env<'a> {
    Env { block, chain: rules.chain.clone(), modules: &machine.modules, observer }
}

/// Runs a block hook without a gas limit; gives its result and its events.
fn hook<T>(
    overlay: &mut Overlay,
    env: &Env<'_>,
    run: impl FnOnce(&mut Ctx<'_>) -> Result<T, Fatal>,
) -> Result<(T, Vec<Event>), Fatal> {
    let gas = GasMeter::unlimited();
    let mut ctx = Ctx::new(overlay, env, &gas);
    let result = run(&mut ctx)?;
    Ok((result, ctx.take_events()))
}

/// The SDK marks the events of block hooks, and only those, with the hook they come from.
fn with_mode(events: Vec<Event>, mode: &'static str) -> impl Iterator<Item = Event> {
    events.into_iter().map(move |event| event.with("mode", mode))
}

/// # Consensus
/// CometBFT stops at a block with two updates of one key.
fn require_unique_keys(updates: &[ValidatorUpdate]) -> Result<(), Fatal> {
    let mut seen = BTreeSet::new();
    match updates.iter().find(|update| !seen.insert(&update.key)) {
        None => Ok(()),
        Some(twice) => Err(Fatal::new(format!("validator {:?} is updated twice in one block", twice.key))),
    }
}

fn auth_params(machine: &Machine, state: &dyn KvRead) -> Result<plume_interfaces::AuthParams, Fatal> {
    machine.accounts.params(state).map_err(|e| Fatal::new(format!("auth parameters: {e}")))
}
