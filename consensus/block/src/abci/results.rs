use plume_engine::{Attribute, BlockOutcome, Event, TxResult};
use plume_primitives::Gas;
use tendermint_proto::v0_38::abci;

use super::{Malformed, validator_update};

/// Reads what [`finalize_response`](super::finalize_response) wrote.
///
/// # Errors
/// [`Malformed`].
pub fn outcome(response: abci::ResponseFinalizeBlock) -> Result<BlockOutcome, Malformed> {
    Ok(BlockOutcome {
        app_hash: response.app_hash,
        tx_results: response.tx_results.into_iter().map(tx_result).collect::<Result<_, _>>()?,
        events: response.events.into_iter().map(event).collect(),
        validator_updates: response.validator_updates.into_iter().map(validator_update).collect::<Result<_, _>>()?,
        consensus_params: response.consensus_param_updates,
    })
}

/// The result of a transaction. `info`, which nobody fills, is dropped.
///
/// # Errors
/// [`Malformed::Gas`].
pub fn tx_result(raw: abci::ExecTxResult) -> Result<TxResult, Malformed> {
    let gas = |amount: i64| u64::try_from(amount).map(Gas).map_err(|_| Malformed::Gas(amount));
    Ok(TxResult {
        code: raw.code,
        codespace: raw.codespace,
        data: raw.data,
        log: raw.log,
        gas_wanted: gas(raw.gas_wanted)?,
        gas_used: gas(raw.gas_used)?,
        events: raw.events.into_iter().map(event).collect(),
    })
}

/// An event.
pub fn event(raw: abci::Event) -> Event {
    let attributes = raw
        .attributes
        .into_iter()
        .map(|abci::EventAttribute { key, value, index }| Attribute { key: key.into(), value, index })
        .collect();
    Event { kind: raw.r#type.into(), attributes }
}
