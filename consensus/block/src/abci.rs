//! Between CometBFT's ABCI messages and the engine's block types, both ways, in one place.
//!
//! Used wherever the two meet: the ABCI server, the store of results, the RPC.

use bytes::Bytes;
use plume_engine::{
    Attribute, Block, BlockOutcome, CheckKind, CheckOutcome, CommitInfo, Committed, Event, Genesis, Info, InitOutcome,
    Misbehaviour, MisbehaviourKind, Proposal, QueryAnswer, QueryError, TxResult, Validator, ValidatorUpdate, VoteFlag,
    VoteInfo,
};
use plume_primitives::{Gas, Height, Timestamp};
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;
use tendermint_proto::v0_38::abci;
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};
use tendermint_proto::v0_38::types::BlockIdFlag;

use crate::{InvalidKey, key_from_raw, key_to_raw};

/// A message that CometBFT never sends or stores: its writer is something else, or broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A height below zero or, where a block is meant, zero.
    #[error("height {0} is out of range")]
    Height(i64),
    /// A time outside 0001-01-01 to 9999-12-31.
    #[error("time {seconds}.{nanos:09} is out of range")]
    Time {
        /// Seconds since 1970.
        seconds: i64,
        /// Nanoseconds within the second.
        nanos: i32,
    },
    /// A validator key of an unknown kind or a wrong length.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// An amount of gas below zero.
    #[error("gas {0} is negative")]
    Gas(i64),
    /// A required part is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A vote flag other than absent, commit or nil.
    #[error("vote flag {0} is unknown")]
    VoteFlag(i32),
}

/// Bytes that one transaction takes in a block: `1 + uvarint(len) + len`.
pub fn proto_size_of_tx(tx: &Bytes) -> u64 {
    let length = tx.len() as u64; // usize has at most 64 bits
    1 + prost::encoding::encoded_len_varint(length) as u64 + length // at most 10
}

// ---- numbers and times -------------------------------------------------------------------------

/// A height, 0 included.
///
/// # Errors
/// [`Malformed::Height`].
pub fn height(raw: i64) -> Result<Height, Malformed> {
    Height::try_from(raw).map_err(|_| Malformed::Height(raw))
}

fn block_height(raw: i64) -> Result<Height, Malformed> {
    if raw == 0 { Err(Malformed::Height(raw)) } else { height(raw) }
}

/// A time. An absent one is protobuf's default: the Unix epoch.
///
/// # Errors
/// [`Malformed::Time`].
pub fn time(raw: Option<RawTimestamp>) -> Result<Timestamp, Malformed> {
    let raw = raw.unwrap_or(RawTimestamp { seconds: 0, nanos: 0 });
    let error = || Malformed::Time { seconds: raw.seconds, nanos: raw.nanos };
    let nanos = u32::try_from(raw.nanos).map_err(|_| error())?;
    Timestamp::new(raw.seconds, nanos).map_err(|_| error())
}

// ---- requests ----------------------------------------------------------------------------------

/// InitChain.
///
/// # Errors
/// [`Malformed`].
pub fn genesis(request: abci::RequestInitChain) -> Result<Genesis, Malformed> {
    Ok(Genesis {
        chain_id: request.chain_id,
        time: time(request.time)?,
        // CometBFT completes 0 to 1 before it calls; a bare client may not.
        initial_height: height(request.initial_height.max(1))?,
        consensus_params: request.consensus_params.unwrap_or_default(),
        validators: request.validators.into_iter().map(validator_update).collect::<Result<_, _>>()?,
        app_state: request.app_state_bytes,
    })
}

/// PrepareProposal.
///
/// # Errors
/// [`Malformed`].
pub fn prepared(request: abci::RequestPrepareProposal) -> Result<Proposal, Malformed> {
    let last_commit = request.local_last_commit.unwrap_or_default();
    let votes = last_commit
        .votes
        .into_iter()
        .map(|vote| vote_info(vote.validator, vote.block_id_flag))
        .collect::<Result<_, _>>()?;
    Ok(Proposal {
        hash: Bytes::new(),
        height: block_height(request.height)?,
        time: time(request.time)?,
        txs: request.txs,
        // Negative room is no room.
        max_tx_bytes: Some(u64::try_from(request.max_tx_bytes).unwrap_or(0)),
        last_commit: CommitInfo { round: last_commit.round, votes },
        misbehaviour: misbehaviours(request.misbehavior)?,
        next_validators_hash: request.next_validators_hash,
        proposer: request.proposer_address,
    })
}

/// ProcessProposal.
///
/// # Errors
/// [`Malformed`].
pub fn proposed(request: abci::RequestProcessProposal) -> Result<Proposal, Malformed> {
    Ok(Proposal {
        hash: request.hash,
        height: block_height(request.height)?,
        time: time(request.time)?,
        txs: request.txs,
        max_tx_bytes: None,
        last_commit: commit_info(request.proposed_last_commit)?,
        misbehaviour: misbehaviours(request.misbehavior)?,
        next_validators_hash: request.next_validators_hash,
        proposer: request.proposer_address,
    })
}

/// FinalizeBlock.
///
/// # Errors
/// [`Malformed`].
pub fn decided(request: abci::RequestFinalizeBlock) -> Result<Block, Malformed> {
    Ok(Block {
        hash: request.hash,
        height: block_height(request.height)?,
        time: time(request.time)?,
        txs: request.txs,
        last_commit: commit_info(request.decided_last_commit)?,
        misbehaviour: misbehaviours(request.misbehavior)?,
        next_validators_hash: request.next_validators_hash,
        proposer: request.proposer_address,
    })
}

/// Kind of CheckTx. Types that this version does not know are checked like new transactions.
pub fn check_kind(raw: i32) -> CheckKind {
    match abci::CheckTxType::try_from(raw) {
        Ok(abci::CheckTxType::Recheck) => CheckKind::Recheck,
        Ok(abci::CheckTxType::New) | Err(_) => CheckKind::New,
    }
}

fn commit_info(raw: Option<abci::CommitInfo>) -> Result<CommitInfo, Malformed> {
    let raw = raw.unwrap_or_default();
    let votes =
        raw.votes.into_iter().map(|vote| vote_info(vote.validator, vote.block_id_flag)).collect::<Result<_, _>>()?;
    Ok(CommitInfo { round: raw.round, votes })
}

fn vote_info(validator: Option<abci::Validator>, flag: i32) -> Result<VoteInfo, Malformed> {
    let flag = match BlockIdFlag::try_from(flag) {
        Ok(BlockIdFlag::Absent) => VoteFlag::Absent,
        Ok(BlockIdFlag::Commit) => VoteFlag::Commit,
        Ok(BlockIdFlag::Nil) => VoteFlag::Nil,
        Ok(BlockIdFlag::Unknown) | Err(_) => return Err(Malformed::VoteFlag(flag)),
    };
    Ok(VoteInfo { validator: validator_of(validator, "validator of a vote")?, flag })
}

fn validator_of(raw: Option<abci::Validator>, what: &'static str) -> Result<Validator, Malformed> {
    let raw = raw.ok_or(Malformed::Missing(what))?;
    Ok(Validator { address: raw.address, power: raw.power })
}

fn misbehaviours(raw: Vec<abci::Misbehavior>) -> Result<Vec<Misbehaviour>, Malformed> {
    raw.into_iter().map(misbehaviour).collect()
}

fn misbehaviour(raw: abci::Misbehavior) -> Result<Misbehaviour, Malformed> {
    Ok(Misbehaviour {
        kind: match abci::MisbehaviorType::try_from(raw.r#type) {
            Ok(abci::MisbehaviorType::DuplicateVote) => MisbehaviourKind::DuplicateVote,
            Ok(abci::MisbehaviorType::LightClientAttack) => MisbehaviourKind::LightClientAttack,
            Ok(abci::MisbehaviorType::Unknown) | Err(_) => MisbehaviourKind::Unknown,
        },
        validator: validator_of(raw.validator, "validator of a misbehaviour")?,
        height: height(raw.height)?,
        time: time(raw.time)?,
        total_power: raw.total_voting_power,
    })
}

/// A change of a validator.
///
/// # Errors
/// [`Malformed::Key`].
pub fn validator_update(raw: abci::ValidatorUpdate) -> Result<ValidatorUpdate, Malformed> {
    Ok(ValidatorUpdate { key: key_from_raw(raw.pub_key.as_ref())?, power: raw.power })
}

// ---- responses ---------------------------------------------------------------------------------

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
        events: outcome.events.into_iter().map(raw_event).collect(),
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

/// An event as a message.
pub fn raw_event(event: Event) -> abci::Event {
    let attributes = event
        .attributes
        .into_iter()
        .map(|Attribute { key, value, index }| abci::EventAttribute { key, value, index })
        .collect();
    abci::Event { r#type: event.kind, attributes }
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
        events: result.events.into_iter().map(raw_event).collect(),
        codespace: result.codespace,
    }
}

/// A change of a validator as a message.
pub fn raw_validator_update(update: ValidatorUpdate) -> abci::ValidatorUpdate {
    abci::ValidatorUpdate { pub_key: Some(key_to_raw(&update.key)), power: update.power }
}

// ---- stored results ----------------------------------------------------------------------------

/// Reads what [`finalize_response`] wrote.
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
        .map(|abci::EventAttribute { key, value, index }| Attribute { key, value, index })
        .collect();
    Event { kind: raw.r#type, attributes }
}

#[cfg(test)]
mod tests;
