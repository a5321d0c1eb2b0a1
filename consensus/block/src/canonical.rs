//! The one encoding of each message: Go writes parts that are not pointers always, also when they are empty.
//!
//! Prost leaves a `None` out. Each function here fills what Go would have written; afterwards prost's bytes are Go's.

use plume_primitives::Timestamp;
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;
use tendermint_proto::v0_38::state;

use crate::raw;

/// Go's zero time, which it writes for a time that was never set.
pub(crate) const fn go_zero() -> RawTimestamp {
    RawTimestamp { seconds: Timestamp::GO_ZERO.seconds(), nanos: 0 }
}

pub(crate) fn raw_time(time: Timestamp) -> RawTimestamp {
    // Below 10^9, so it fits.
    RawTimestamp { seconds: time.seconds(), nanos: i32::try_from(time.nanos()).unwrap_or(0) }
}

/// The time, if it is one; an absent one is Go's zero time.
pub(crate) fn time(raw: Option<&RawTimestamp>) -> Result<Timestamp, InvalidTime> {
    let raw = raw.copied().unwrap_or(go_zero());
    let error = InvalidTime { seconds: raw.seconds, nanos: raw.nanos };
    Timestamp::new(raw.seconds, u32::try_from(raw.nanos).map_err(|_| error)?).map_err(|_| error)
}

/// A time outside 0001-01-01 to 9999-12-31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("time {seconds}.{nanos:09} is out of range")]
pub struct InvalidTime {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: i32,
}

fn fill_time(time: &mut Option<RawTimestamp>) {
    time.get_or_insert(go_zero());
}

pub(crate) fn fill_block_id(id: &mut Option<raw::BlockId>) {
    id.get_or_insert_default().part_set_header.get_or_insert_default();
}

pub(crate) fn fill_header(header: &mut raw::Header) {
    header.version.get_or_insert_default();
    fill_time(&mut header.time);
    fill_block_id(&mut header.last_block_id);
}

pub(crate) fn fill_commit(commit: &mut raw::Commit) {
    fill_block_id(&mut commit.block_id);
    for signature in &mut commit.signatures {
        fill_time(&mut signature.timestamp);
    }
}

pub(crate) fn fill_vote(vote: &mut raw::Vote) {
    fill_block_id(&mut vote.block_id);
    fill_time(&mut vote.timestamp);
}

pub(crate) fn fill_validator_set(set: &mut raw::ValidatorSet) {
    for validator in set.validators.iter_mut().chain(&mut set.proposer) {
        validator.pub_key.get_or_insert_default();
    }
}

pub(crate) fn fill_evidence(list: &mut raw::EvidenceList) {
    for evidence in &mut list.evidence {
        match &mut evidence.sum {
            Some(raw::evidence::Sum::DuplicateVoteEvidence(evidence)) => {
                evidence.vote_a.iter_mut().chain(&mut evidence.vote_b).for_each(fill_vote);
                fill_time(&mut evidence.timestamp);
            }
            Some(raw::evidence::Sum::LightClientAttackEvidence(evidence)) => {
                if let Some(block) = &mut evidence.conflicting_block {
                    if let Some(signed) = &mut block.signed_header {
                        signed.header.iter_mut().for_each(fill_header);
                        signed.commit.iter_mut().for_each(fill_commit);
                    }
                    block.validator_set.iter_mut().for_each(fill_validator_set);
                }
                for validator in &mut evidence.byzantine_validators {
                    validator.pub_key.get_or_insert_default();
                }
                fill_time(&mut evidence.timestamp);
            }
            None => {}
        }
    }
}

pub(crate) fn fill_state(state: &mut state::State) {
    state.version.get_or_insert_default().consensus.get_or_insert_default();
    fill_block_id(&mut state.last_block_id);
    fill_time(&mut state.last_block_time);
    let sets = [&mut state.validators, &mut state.next_validators, &mut state.last_validators];
    sets.into_iter().flatten().for_each(fill_validator_set);
    let params = state.consensus_params.get_or_insert_default();
    if let Some(evidence) = &mut params.evidence {
        evidence.max_age_duration.get_or_insert_default();
    }
}
