use plume_engine::TxResult;
use prost::Message;
use tendermint_proto::v0_38::abci::ExecTxResult;

use crate::{Hash, merkle};

/// Hash of a block's results, which the next header carries (`TxResultsHash`).
///
/// # Consensus
/// Covers code, data, gas wanted and gas used, in order; neither logs nor events.
pub fn results_hash(results: &[TxResult]) -> Hash {
    let leaves: Vec<_> = results
        .iter()
        .map(|result| {
            ExecTxResult {
                code: result.code,
                data: result.data.clone(),
                gas_wanted: result.gas_wanted.to_i64(),
                gas_used: result.gas_used.to_i64(),
                ..ExecTxResult::default()
            }
            .encode_to_vec()
        })
        .collect();
    merkle::root(&leaves)
}
