//! Events of subscriptions (`types/events.go`).

use plume_block::raw;
use plume_events::{EventData, RoundState};

use super::evidence::{evidence, typed, vote};
use super::{abci, block, validator};
use crate::json::{Json, Object};

/// The `data` of an event message: the value wrapped with its type's name.
pub(crate) fn event_data(json: &mut Json, data: &EventData) {
    let name = type_name(data);
    typed(json, name, |json| json.object(|object| members(object, data)));
}

fn type_name(data: &EventData) -> &'static str {
    match data {
        EventData::NewBlock { .. } => "tendermint/event/NewBlock",
        EventData::NewBlockHeader { .. } => "tendermint/event/NewBlockHeader",
        EventData::NewBlockEvents { .. } => "tendermint/event/NewBlockEvents",
        EventData::NewEvidence { .. } => "tendermint/event/NewEvidence",
        EventData::Tx { .. } => "tendermint/event/Tx",
        EventData::ValidatorSetUpdates { .. } => "tendermint/event/ValidatorSetUpdates",
        EventData::Vote { .. } => "tendermint/event/Vote",
        EventData::NewRound { .. } => "tendermint/event/NewRound",
        EventData::CompleteProposal { .. } => "tendermint/event/CompleteProposal",
        EventData::NewRoundStep(_)
        | EventData::TimeoutPropose(_)
        | EventData::TimeoutWait(_)
        | EventData::Polka(_)
        | EventData::Lock(_)
        | EventData::Relock(_)
        | EventData::Unlock(_)
        | EventData::ValidBlock(_) => "tendermint/event/RoundState",
    }
}

fn members(object: &mut Object<'_>, data: &EventData) {
    match data {
        EventData::NewBlock { block: full, outcome } => {
            block::block(object.key("block"), full);
            block::block_id(object.key("block_id"), Some(&full.id().to_raw()));
            abci::finalize_block(object.key("result_finalize_block"), outcome);
        }
        EventData::NewBlockHeader { header } => block::header(object.key("header"), header),
        EventData::NewBlockEvents { height, outcome, num_txs } => {
            object.quoted("height", height.get());
            abci::block_events(object.key("events"), &outcome.events);
            object.quoted("num_txs", num_txs);
        }
        EventData::NewEvidence { height, evidence: found } => {
            object.quoted("height", height.get());
            evidence(object.key("evidence"), found);
        }
        EventData::Tx { height, index, tx, hash: _, result } => object.object("TxResult", |object| {
            object.quoted("height", height.get());
            if *index != 0 {
                object.number("index", *index);
            }
            if !tx.is_empty() {
                object.base64("tx", tx);
            }
            abci::exec_tx_result_sparse(object.key("result"), result);
        }),
        EventData::ValidatorSetUpdates { updates } => {
            object.key("validator_updates").list(updates.iter(), validator::validator);
        }
        EventData::Vote { vote: cast } => {
            let cast: raw::Vote = cast.to_raw();
            vote(object.key("Vote"), &cast);
        }
        EventData::NewRound { state, proposer, proposer_index } => {
            round_state(object, state);
            object.object("proposer", |object| {
                object.hex("address", proposer);
                object.number("index", *proposer_index);
            });
        }
        EventData::CompleteProposal { state, block_id } => {
            round_state(object, state);
            block::block_id(object.key("block_id"), Some(&block_id.to_raw()));
        }
        EventData::NewRoundStep(state)
        | EventData::TimeoutPropose(state)
        | EventData::TimeoutWait(state)
        | EventData::Polka(state)
        | EventData::Lock(state)
        | EventData::Relock(state)
        | EventData::Unlock(state)
        | EventData::ValidBlock(state) => round_state(object, state),
    }
}

fn round_state(object: &mut Object<'_>, state: &RoundState) {
    object.quoted("height", state.height.get());
    object.number("round", state.round);
    object.string("step", &state.step);
}
