use bytes::Bytes;
use plume_engine::{QueryError, SimulationOutcome, TxResult};
use plume_kit::{BlockInfo, GrpcCode, QueryFailure, sdk};
use plume_proto::Message;
use plume_proto::cosmos::base::abci::v1beta1::{GasInfo, Result as TxMsgResult, SimulationResponse, TxMsgData};
use plume_proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse};
use plume_proto::tendermint::abci;
use plume_state::Overlay;
use sha2::{Digest as _, Sha256};

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

    /// Whether it needed more work than one query may do: a simulation has no other limit to run out of.
    fn exhausted(&self) -> Option<QueryError> {
        let TxResult { code, codespace, log, .. } = &*self.result;
        let is_exhausted = (*code, codespace.as_str()) == (sdk::OUT_OF_GAS.code, sdk::OUT_OF_GAS.codespace);
        is_exhausted.then(|| QueryFailure::too_much_work(log).into_error())
    }

    /// The form of `Service/Simulate`: status Unknown, and the gas that was used; beyond the limit of queries the status
    /// that all of them have then.
    pub fn into_error(self) -> QueryError {
        if let Some(exhausted) = self.exhausted() {
            return exhausted;
        }
        let message = format!("{} with gas used: '{}'", self.result.log, self.result.gas_used);
        QueryError {
            codespace: sdk::UNKNOWN_REQUEST.codespace.to_owned(),
            code: sdk::UNKNOWN_REQUEST.code,
            grpc_code: GrpcCode::Unknown.number(),
            log: format!("rpc error: code = Unknown desc = {message}: {}", sdk::UNKNOWN_REQUEST.text),
            message,
        }
    }
}

/// Runs a transaction on the check state, without its signatures, its minimum fee and its gas limit, and drops what it
/// wrote. It may use as much gas as any query (`query-gas-limit`).
///
/// The check state, as in the SDK: relayers count the sequences of their pending transactions themselves and
/// simulate with the next one.
pub(crate) fn simulate(shared: &Shared, tx: &Bytes) -> Result<SimulationOutcome, FailedSimulation> {
    let internal = |e: &dyn core::fmt::Display| FailedSimulation::of(plume_kit::TxError::wrap(sdk::INTERNAL, e));
    let View { tip, state, .. } = shared.check_view();
    let rules = tip.rules.as_ref().ok_or_else(|| internal(&"the chain has no genesis yet"))?;
    let machine = &shared.machine;
    let prepared = prepare_one(machine, rules, tx, &Sha256::digest(tx).into());
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

/// `Service/Simulate`.
pub(crate) fn simulate_tx(shared: &Shared, data: &[u8]) -> Result<Bytes, QueryError> {
    let request = SimulateRequest::decode(data).map_err(|e| QueryFailure::plain(e.to_string()).into_error())?;
    let tx = requested_tx(request).map_err(QueryFailure::into_error)?;
    let done = simulate(shared, &tx).map_err(|failed| failed.into_error())?;
    let (gas_info, result) = simulation_parts(done).map_err(QueryFailure::into_error)?;
    Ok(Bytes::from(SimulateResponse { gas_info: Some(gas_info), result: Some(result) }.encode_to_vec()))
}

#[expect(deprecated, reason = "old clients send the transaction as a message instead of its bytes")]
fn requested_tx(request: SimulateRequest) -> Result<Bytes, QueryFailure> {
    match request {
        SimulateRequest { tx: Some(tx), tx_bytes } if tx_bytes.is_empty() => Ok(Bytes::from(tx.encode_to_vec())),
        SimulateRequest { tx_bytes, .. } if tx_bytes.is_empty() => {
            Err(QueryFailure::invalid("empty txBytes is not allowed"))
        }
        SimulateRequest { tx_bytes, .. } => Ok(Bytes::from(tx_bytes)),
    }
}

#[expect(deprecated, reason = "clients of SDK 0.45 read the responses from `data`")]
fn simulation_parts(done: SimulationOutcome) -> Result<(GasInfo, TxMsgResult), QueryFailure> {
    let data = TxMsgData::decode(done.data.as_ref()).map_err(|e| QueryFailure::plain(e.to_string()))?;
    let gas_info = GasInfo { gas_wanted: done.gas_wanted.get(), gas_used: done.gas_used.get() };
    let result = TxMsgResult {
        data: done.data.to_vec(),
        events: done.events.into_iter().map(abci::Event::from).collect(),
        msg_responses: data.msg_responses,
        ..TxMsgResult::default()
    };
    Ok((gas_info, result))
}

/// `/app/simulate`: the bytes of a transaction in, `SimulationResponse` as JSON out.
pub(crate) fn app_simulate(shared: &Shared, tx: &[u8]) -> Result<Bytes, QueryError> {
    let done = simulate(shared, &Bytes::copy_from_slice(tx)).map_err(|failed| {
        if let Some(exhausted) = failed.exhausted() {
            return exhausted;
        }
        let result = *failed.result;
        let log = format!("failed to simulate tx: {}", result.log);
        QueryError {
            codespace: result.codespace,
            code: result.code,
            grpc_code: GrpcCode::Unknown.number(),
            message: log.clone(),
            log,
        }
    })?;
    let (gas_info, result) = simulation_parts(done).map_err(QueryFailure::into_error)?;
    let response = SimulationResponse { gas_info: Some(gas_info), result: Some(result) };
    let json = plume_codec::encode_json(&response).map_err(|e| QueryFailure::plain(e.to_string()).into_error())?;
    Ok(Bytes::from(json.to_string()))
}
