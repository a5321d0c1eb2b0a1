use bytes::Bytes;
use plume_engine::{QueryError, SimulationOutcome, TxResult};
use plume_kit::{BlockInfo, GrpcCode, sdk};
use plume_state::Overlay;

use crate::block::env;
use crate::check::View;
use crate::reader::Shared;
use crate::tx::{Mode, Transactions, prepare_one, run_tx};

/// Why a simulated transaction failed.
pub(crate) struct FailedSimulation {
    pub result: Box<TxResult>,
}

impl FailedSimulation {
    fn of(e: plume_kit::TxError) -> Self {
        let result =
            TxResult { code: e.code, codespace: e.codespace.into_owned(), log: e.message, ..TxResult::default() };
        Self { result: Box::new(result) }
    }

    /// The form of `Service/Simulate`: status Unknown, and the gas that was used.
    pub fn into_error(self) -> QueryError {
        let message = format!("{} with gas used: '{}'", self.result.log, self.result.gas_used);
        QueryError {
            codespace: sdk::UNKNOWN_REQUEST.codespace.to_owned(),
            code: sdk::UNKNOWN_REQUEST.code,
            grpc_code: GrpcCode::Unknown as u32, // a field-less enum's own number
            log: format!("rpc error: code = Unknown desc = {message}: {}", sdk::UNKNOWN_REQUEST.text),
            message,
        }
    }
}

/// Runs a transaction on the check state, without its signatures, its minimum fee and a gas limit, and drops what it
/// wrote.
///
/// The check state, as in the SDK: relayers count the sequences of their pending transactions themselves and
/// simulate with the next one.
pub(crate) fn simulate(shared: &Shared, tx: &Bytes) -> Result<SimulationOutcome, FailedSimulation> {
    let internal = |e: &dyn core::fmt::Display| FailedSimulation::of(plume_kit::TxError::wrap(sdk::INTERNAL, e));
    let View { tip, state, .. } = shared.check_view();
    let rules = tip.rules.as_ref().ok_or_else(|| internal(&"the chain has no genesis yet"))?;
    let machine = &shared.machine;
    let prepared = prepare_one(machine, rules, tx);
    let block = BlockInfo { height: tip.next_height(), time: tip.time, ..BlockInfo::default() };
    let env = env(machine, rules, block, None);
    let run = Transactions { machine, rules, env: &env, mode: Mode::Simulate, max_gas: tip.max_gas };
    let result = run_tx(&run, &mut Overlay::new(state), &prepared, &mut None).map_err(|e| internal(&e))?;
    if result.code != 0 {
        return Err(FailedSimulation { result: Box::new(result) });
    }
    let TxResult { data, gas_wanted, gas_used, events, .. } = result;
    Ok(SimulationOutcome { gas_wanted, gas_used, data, events })
}
