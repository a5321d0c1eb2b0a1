//! What subscribers are told of a height before its block is decided (`consensus/state.go` of CometBFT).
//!
//! This engine has no prevotes, locks nothing and waits for no proposal in steps of their own, so the events of those
//! (`Polka`, `Lock`, `Relock`, `ValidBlock`, the timeouts and the prevote steps) never happen.

use plume_engine::Executor;
use plume_events::{EventData, RoundState};
use plume_primitives::Height;
use plume_rpc::Step;

use super::{Candidate, Driver};

fn at(height: Height, round: i32, step: Step) -> RoundState {
    RoundState { height, round, step: step.name().to_owned() }
}

impl<E: Executor> Driver<E> {
    /// A step of the height that is being decided begins.
    pub(super) fn announce_step(&self, round: i32, step: Step) {
        if let Ok(height) = self.state.next_height() {
            self.events.publish(EventData::NewRoundStep(at(height, round, step)));
        }
    }

    /// A committed entry was accepted: its round begins with its proposal complete, and votes are collected.
    pub(super) fn announce_candidate(&self, candidate: &Candidate) {
        let (block, round) = (&candidate.block, candidate.round);
        let proposer = *block.proposer();
        let index = self.state.validators.get(&proposer).and_then(|(index, _)| i32::try_from(index).ok());
        self.events.publish(EventData::NewRound {
            state: at(block.height(), round, Step::NewRound),
            proposer,
            // CometBFT's number for an address that is in no set.
            proposer_index: index.unwrap_or(-1),
        });
        self.announce_step(round, Step::Propose);
        self.events.publish(EventData::CompleteProposal {
            state: at(block.height(), round, Step::Propose),
            block_id: block.id(),
        });
        self.announce_step(round, Step::Precommit);
    }
}
