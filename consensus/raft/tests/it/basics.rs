//! Without faults, and how many crashes a group survives.

use std::time::Duration;

use plume_block::FullBlock;
use plume_events::{EventData, Query, RoundState};
use plume_primitives::Height;

use crate::cluster::{BOUND, Plan};

#[test]
fn one_node_makes_blocks_and_goes_on_after_a_crash() {
    let mut net = Plan::new("one node", 1).start();
    net.grow(10);
    for _ in 0..3 {
        net.kill(0);
        net.start_again(0);
        let took = net.grow(1);
        net.say("crash to next block", took);
        net.grow(4);
    }
    net.finish();
}

/// CometBFT's order, without the steps that this engine has not.
#[test]
fn subscribers_see_each_step_of_a_height() {
    let mut net = Plan::new("one node told", 1).start();
    let mut told =
        net.life(0).handles.as_ref().expect("it runs").events.subscribe(Query::all(), 1000).expect("a place");
    let height = Height(net.height() + 2);
    net.grow(4);
    let block: FullBlock = net.life(0).handles.as_ref().expect("it runs").store.block(height).expect("stored");
    let commit = net.life(0).handles.as_ref().expect("it runs").store.commit(height).expect("stored");

    let step = |height: Height, step: &str| RoundState { height, round: 0, step: step.to_owned() };
    let mut all = Vec::new();
    while let Ok(Some(message)) = told.try_recv() {
        all.push(message.data);
    }
    let from = EventData::NewRoundStep(step(height, "RoundStepNewHeight"));
    let until = EventData::NewRoundStep(step(Height(height.get() + 1), "RoundStepNewHeight"));
    let begin = all.iter().position(|event| *event == from).expect("it begins");
    let end = all.iter().position(|event| *event == until).expect("it ends");
    let of_height = &all[begin..end];
    let kinds: Vec<&str> = of_height.iter().map(|event| event.kind().as_str()).filter(|kind| *kind != "Tx").collect();
    assert_eq!(
        kinds,
        [
            "NewRoundStep",
            "NewRound",
            "NewRoundStep",
            "CompleteProposal",
            "NewRoundStep",
            "Vote",
            "NewRoundStep",
            "NewBlock",
            "NewBlockHeader",
            "NewBlockEvents"
        ]
    );
    let proposer = *block.proposer();
    assert!(of_height.contains(&EventData::NewRound {
        state: step(height, "RoundStepNewRound"),
        proposer,
        proposer_index: 0
    }));
    assert!(
        of_height
            .contains(&EventData::CompleteProposal { state: step(height, "RoundStepPropose"), block_id: block.id() })
    );
    let steps = of_height.iter().filter_map(|event| match event {
        EventData::NewRoundStep(state) => Some(state.step.as_str()),
        _ => None,
    });
    let steps: Vec<&str> = steps.collect();
    assert_eq!(steps, ["RoundStepNewHeight", "RoundStepPropose", "RoundStepPrecommit", "RoundStepCommit"]);
    let votes = of_height.iter().filter_map(|event| match event {
        EventData::Vote { vote } => Some(vote.signature.clone()),
        _ => None,
    });
    let votes: Vec<_> = votes.collect();
    assert_eq!(votes, [commit.signatures[0].signature.clone()], "the vote that the commit holds");
    net.finish();
}

#[test]
fn four_nodes_decide_a_follower_follows_and_an_idle_chain_rests() {
    let mut net = Plan::new("four and a follower", 4).followers(1).start();
    net.grow(20);
    net.until("fifth node", BOUND, |it| it.height_of(4) + 2 >= it.height());
    let follower = net.nodes[4].address();
    assert!(!net.ledger.lock().signatures.keys().any(|(who, ..)| *who == follower), "a full node signs nothing");
    let seen = net.seen(4).expect("it runs");
    assert_eq!((seen.voters, seen.learners), (4, 1));

    net.load(false);
    net.run_for(Duration::from_secs(3));
    let before = net.height();
    net.run_for(Duration::from_secs(5));
    let made = net.height() - before;
    assert!((4..=5).contains(&made), "an idle chain makes one empty block a second: {made} in 5 s");
    net.load(true);
    net.finish();
}

#[test]
fn seven_nodes_survive_two_and_stall_without_three() {
    let mut net = Plan::new("seven", 7).start();
    net.grow(3);
    for number in 0..2 {
        let leader = net.wait_leader();
        net.kill(leader);
        let took = net.grow(2);
        net.say(if number == 0 { "first leader lost" } else { "second leader lost" }, took);
    }
    let third = net.wait_leader();
    net.kill(third);
    net.run_for(Duration::from_secs(1));
    let stalled = net.height();
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.height(), stalled, "four of seven have no two thirds");
    net.start_again(third);
    let took = net.grow(1);
    net.say("third back to next block", took);
    net.finish();
}
