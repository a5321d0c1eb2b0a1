use bytes::Bytes;
use plume_engine::{
    Block, CheckKind, CommitInfo, Genesis, Misbehaviour, MisbehaviourKind, Proposal, Validator, ValidatorUpdate,
    VoteFlag, VoteInfo,
};
use tendermint_proto::v0_38::abci;
use tendermint_proto::v0_38::types::BlockIdFlag;

use super::{Malformed, block_height, height, time};
use crate::key_from_raw;

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
