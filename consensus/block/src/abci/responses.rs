use plume_engine::{
    BlockOutcome, CheckOutcome, Committed, Info, InitOutcome, QueryAnswer, QueryError, TxResult, ValidatorUpdate,
};
use plume_primitives::Height;
use tendermint_proto::v0_38::abci;
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};

use crate::key_to_raw;

/// Answer to Info.
pub fn info_response(info: Info) -> abci::ResponseInfo {
    abci::ResponseInfo {
        data: info.data,
        version: info.version,
        app_version: info.app_version,
        last_block_height: info.height.to_i64(),
        last_block_app_hash: info.app_hash,
    }
}

/// Answer to InitChain.
pub fn init_response(outcome: InitOutcome) -> abci::ResponseInitChain {
    abci::ResponseInitChain {
        consensus_params: outcome.consensus_params,
        validators: outcome.validators.into_iter().map(raw_validator_update).collect(),
        app_hash: outcome.app_hash,
    }
}

/// Answer to CheckTx.
pub fn check_response(outcome: CheckOutcome) -> abci::ResponseCheckTx {
    abci::ResponseCheckTx {
        code: outcome.code,
        log: outcome.log,
        gas_wanted: outcome.gas_wanted.to_i64(),
        gas_used: outcome.gas_used.to_i64(),
        codespace: outcome.codespace,
        ..abci::ResponseCheckTx::default()
    }
}

/// Answer to a query that succeeded.
pub fn query_response(answer: QueryAnswer) -> abci::ResponseQuery {
    let ops = answer
        .proof
        .into_iter()
        .map(|op| ProofOp { r#type: op.kind, key: op.key.to_vec(), data: op.data.to_vec() })
        .collect::<Vec<_>>();
    abci::ResponseQuery {
        key: answer.key,
        value: answer.value,
        proof_ops: (!ops.is_empty()).then_some(ProofOps { ops }),
        height: answer.height.to_i64(),
        ..abci::ResponseQuery::default()
    }
}

/// Answer to a query that failed; `latest` is the height that it carries.
pub fn query_refusal(error: QueryError, latest: Height) -> abci::ResponseQuery {
    abci::ResponseQuery {
        code: error.code,
        log: error.log,
        codespace: error.codespace,
        height: latest.to_i64(),
        ..abci::ResponseQuery::default()
    }
}

/// Answer to FinalizeBlock: also the form in which results are stored.
pub fn finalize_response(outcome: BlockOutcome) -> abci::ResponseFinalizeBlock {
    abci::ResponseFinalizeBlock {
        events: outcome.events.into_iter().map(abci::Event::from).collect(),
        tx_results: outcome.tx_results.into_iter().map(raw_tx_result).collect(),
        validator_updates: outcome.validator_updates.into_iter().map(raw_validator_update).collect(),
        consensus_param_updates: outcome.consensus_params,
        app_hash: outcome.app_hash,
    }
}

/// Answer to Commit.
pub fn commit_response(committed: &Committed) -> abci::ResponseCommit {
    abci::ResponseCommit { retain_height: committed.retain_height.to_i64() }
}

/// The result of a transaction as a message. Gas above 2^63 - 1 is written as that.
pub fn raw_tx_result(result: TxResult) -> abci::ExecTxResult {
    abci::ExecTxResult {
        code: result.code,
        data: result.data,
        log: result.log,
        info: String::new(),
        gas_wanted: result.gas_wanted.to_i64(),
        gas_used: result.gas_used.to_i64(),
        events: result.events.into_iter().map(abci::Event::from).collect(),
        codespace: result.codespace,
    }
}

/// A change of a validator as a message.
pub fn raw_validator_update(update: ValidatorUpdate) -> abci::ValidatorUpdate {
    abci::ValidatorUpdate { pub_key: Some(key_to_raw(&update.key)), power: update.power }
}
