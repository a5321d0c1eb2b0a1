//! What consensus is doing (`consensus/types/round_state.go`, `types/vote_set.go`).

use plume_block::{FullBlock, ValidatorSet, Vote, raw};

use super::{block, validator};
use crate::json::{Json, Object};
use crate::node::RoundView;

/// What Go prints for a vote that is not there.
const NO_VOTE: &str = "nil-Vote";

/// Everything that the round states show besides the view itself.
pub(crate) struct Sets<'a> {
    /// Validators of the height that is being decided.
    pub(crate) validators: &'a ValidatorSet,
    /// Validators of the last block, and the commit of it that this node saw; nothing before the first block.
    pub(crate) last: Option<(&'a ValidatorSet, &'a raw::Commit)>,
}

/// `RoundState` as `dump_consensus_state` shows it. This engine has no prevotes, locks nothing and holds no parts.
pub(crate) fn round_state(json: &mut Json, view: &RoundView, sets: &Sets<'_>) {
    json.object(|object| {
        object.quoted("height", view.height.get());
        object.number("round", view.round);
        object.number("step", view.step as u8); // the discriminants are the protocol's numbers
        object.quoted("start_time", view.start_time);
        object.quoted("commit_time", view.commit_time);
        validator::validator_set(object.key("validators"), sets.validators);
        object.null("proposal");
        match &view.proposal {
            Some(proposal) => block::block(object.key("proposal_block"), proposal),
            None => object.null("proposal_block"),
        }
        object.null("proposal_block_parts");
        object.number("locked_round", -1);
        object.null("locked_block");
        object.null("locked_block_parts");
        object.number("valid_round", -1);
        object.null("valid_block");
        object.null("valid_block_parts");
        round_votes(object.key("votes"), view, sets.validators);
        object.number("commit_round", -1);
        match sets.last {
            Some((validators, commit)) => last_commit(object.key("last_commit"), validators, commit),
            None => object.null("last_commit"),
        }
        match sets.last {
            Some((validators, _)) => validator::validator_set(object.key("last_validators"), validators),
            None => object.object("last_validators", |object| {
                object.key("validators").list::<()>([], |_, ()| ());
                object.null("proposer");
            }),
        }
        object.bool("triggered_timeout_precommit", false);
    });
}

/// `RoundStateSimple`, of `consensus_state`.
pub(crate) fn round_state_simple(json: &mut Json, view: &RoundView, validators: &ValidatorSet) {
    json.object(|object| {
        let step = view.step as u8; // the discriminants are the protocol's numbers
        object.string("height/round/step", &format!("{}/{}/{step}", view.height.get(), view.round));
        object.quoted("start_time", view.start_time);
        object.hex(
            "proposal_block_hash",
            view.proposal.as_ref().map(FullBlock::hash).as_ref().map_or(&[], |hash| &hash[..]),
        );
        object.hex("locked_block_hash", &[]);
        object.hex("valid_block_hash", &[]);
        round_votes(object.key("height_vote_set"), view, validators);
        object.object("proposer", |object| proposer(object, validators));
    });
}

fn proposer(object: &mut Object<'_>, validators: &ValidatorSet) {
    let proposer = validators.proposer();
    let index = proposer.and_then(|proposer| validators.get(proposer.address())).map_or(0, |(index, _)| index);
    object.hex("address", proposer.map_or(&[], |proposer| proposer.address()));
    object.number("index", index as i64); // far below 2^63
}

/// `HeightVoteSet`: one entry for each round up to the present one; votes of earlier rounds are not kept.
fn round_votes(json: &mut Json, view: &RoundView, validators: &ValidatorSet) {
    json.list(0..=view.round.max(0), |json, round| {
        let mut precommits: Vec<Option<&Vote>> = vec![None; validators.len()];
        if round == view.round {
            for vote in &view.precommits {
                let index = usize::try_from(vote.validator_index).unwrap_or(usize::MAX);
                if let Some(place) = precommits.get_mut(index) {
                    *place = Some(vote);
                }
            }
        }
        let none = vec![None; validators.len()];
        json.object(|object| {
            object.number("round", round);
            votes(object, "prevotes", "prevotes_bit_array", &none, validators);
            votes(object, "precommits", "precommits_bit_array", &precommits, validators);
        });
    });
}

fn votes(object: &mut Object<'_>, list: &str, bits: &str, votes: &[Option<&Vote>], validators: &ValidatorSet) {
    object.key(list).list(votes, |json, vote| match vote {
        Some(vote) => json.string(&vote_text(&vote.to_raw())),
        None => json.string(NO_VOTE),
    });
    let voted: Vec<bool> = votes.iter().map(Option::is_some).collect();
    object.string(bits, &bit_array(&voted, validators));
}

/// `VoteSet` of the last height, rebuilt from its commit.
fn last_commit(json: &mut Json, validators: &ValidatorSet, commit: &raw::Commit) {
    const ABSENT: i32 = 1;
    let voted: Vec<bool> = commit.signatures.iter().map(|signature| signature.block_id_flag != ABSENT).collect();
    json.object(|object| {
        object.key("votes").list(commit.signatures.iter().enumerate(), |json, (index, signature)| {
            if signature.block_id_flag == ABSENT {
                return json.string(NO_VOTE);
            }
            const FOR_THE_BLOCK: i32 = 2;
            let vote = raw::Vote {
                r#type: 2,
                height: commit.height,
                round: commit.round,
                block_id: commit.block_id.clone().filter(|_| signature.block_id_flag == FOR_THE_BLOCK),
                timestamp: signature.timestamp,
                validator_address: signature.validator_address.clone(),
                validator_index: i32::try_from(index).unwrap_or(i32::MAX),
                signature: signature.signature.clone(),
                ..raw::Vote::default()
            };
            json.string(&vote_text(&vote));
        });
        object.string("votes_bit_array", &bit_array(&voted, validators));
        object.object("peer_maj_23s", |_| ());
    });
}

/// `BA{4:xx_x} 30/40 = 0.75`: who voted and with what power.
fn bit_array(voted: &[bool], validators: &ValidatorSet) -> String {
    let bits: String = voted.iter().map(|&voted| if voted { 'x' } else { '_' }).collect();
    let power: i64 = validators.validators().iter().zip(voted).filter(|(_, voted)| **voted).map(|(v, _)| v.power).sum();
    let total = validators.total_power();
    // Two decimals for people; powers are far below 2^53.
    let share = power as f64 / total.max(1) as f64;
    format!("BA{{{}:{bits}}} {power}/{total} = {share:.2}", voted.len())
}

/// `Vote.String`: who, what, and the first six bytes of everything long.
fn vote_text(vote: &raw::Vote) -> String {
    let fingerprint = |bytes: &[u8]| {
        let mut first = [0; 6];
        let length = bytes.len().min(6);
        first[..length].copy_from_slice(&bytes[..length]);
        hex::encode_upper(first)
    };
    let (kind, name) = match vote.r#type {
        1 => ("SIGNED_MSG_TYPE_PREVOTE", "Prevote"),
        _ => ("SIGNED_MSG_TYPE_PRECOMMIT", "Precommit"),
    };
    let time = vote
        .timestamp
        .as_ref()
        .and_then(|raw| plume_primitives::Timestamp::new(raw.seconds, u32::try_from(raw.nanos).ok()?).ok());
    format!(
        "Vote{{{}:{} {}/{:02}/{kind}({name}) {} {} {} @ {}}}",
        vote.validator_index,
        fingerprint(&vote.validator_address),
        vote.height,
        vote.round,
        fingerprint(vote.block_id.as_ref().map_or(&[], |id| &id.hash)),
        fingerprint(&vote.signature),
        fingerprint(&vote.extension),
        time.unwrap_or(plume_primitives::Timestamp::GO_ZERO)
    )
}
