//! Keeping Raft's voters equal to the nodes of the validators.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use plume_engine::Executor;

use super::{Driver, Input};
use crate::raft::{NodeId, NodeInfo, Raft};

/// What the group should be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    voters: BTreeSet<NodeId>,
    nodes: BTreeMap<NodeId, NodeInfo>,
}

impl<E: Executor> Driver<E> {
    /// Compares the group with the validators and starts a change when they differ. Only the leader does.
    pub(super) fn change_members(&mut self) {
        if self.changing_members || !self.is_leader() {
            return;
        }
        let Some(plan) = self.plan() else { return };
        self.changing_members = true;
        let (raft, to_self) = (self.raft.clone(), self.to_self.clone());
        tokio::spawn(async move {
            apply(&raft, plan).await;
            drop(to_self.send(Input::MembersChanged));
        });
    }

    /// Whether this node may go on as leader. One that is no validator must not propose, so it falls silent once it has
    /// changed the group: openraft lets a leader lead on that left the voters, and the others would wait for ever.
    pub(super) fn may_lead(&self) -> bool {
        let validator = self.identity.validator.is_some_and(|own| self.state.validators.contains(&own));
        validator || self.changing_members || (self.is_leader() && self.plan().is_some())
    }

    /// The group that the validators of the next height and the connected nodes ask for; `None` when it is that.
    fn plan(&self) -> Option<Plan> {
        let (members, voters): (BTreeMap<NodeId, NodeInfo>, BTreeSet<NodeId>) = {
            let metrics = self.raft_metrics.borrow();
            let membership = metrics.membership_config.membership();
            (membership.nodes().map(|(id, node)| (*id, node.clone())).collect(), membership.voter_ids().collect())
        };
        let mut connected: BTreeMap<NodeId, NodeInfo> = self
            .bound
            .iter()
            .map(|(peer, validator)| (NodeId::from(*peer), NodeInfo { validator: *validator }))
            .collect();
        connected.insert(self.identity.node, NodeInfo { validator: self.identity.validator });

        let mut wanted = BTreeSet::new();
        for validator in self.state.validators.validators().iter().map(|it| *it.address()) {
            let runs = |(_, node): &(&NodeId, &NodeInfo)| node.validator == Some(validator);
            // The voter that stands for it stays, unless it is away and another node has the key now.
            let present =
                voters.iter().copied().find(|id| members.get(id).is_some_and(|n| n.validator == Some(validator)));
            let candidate = connected.iter().find(runs).map(|(id, _)| *id);
            match (present, candidate) {
                (Some(id), _) if connected.contains_key(&id) => drop(wanted.insert(id)),
                (_, Some(id)) => drop(wanted.insert(id)),
                (Some(id), None) => drop(wanted.insert(id)),
                (None, None) => {}
            }
        }
        // A group that could not decide at once is not made.
        let up = wanted.iter().filter(|id| connected.contains_key(id)).count();
        let wanted = if wanted.is_empty() || up * 2 <= wanted.len() { voters.clone() } else { wanted };
        let mut nodes = members.clone();
        for (id, node) in &connected {
            nodes.insert(*id, node.clone());
        }
        // Full nodes that went away are not waited for; they are taken in again when they come back.
        nodes.retain(|id, _| wanted.contains(id) || voters.contains(id) || connected.contains_key(id));
        let plan = Plan { voters: wanted, nodes };
        (plan != Plan { voters, nodes: members }).then_some(plan)
    }
}

/// Adds learners first, then changes the voters, then lets go of nodes that went away.
async fn apply(raft: &Raft, plan: Plan) {
    let metrics = raft.metrics().borrow().clone();
    let membership = metrics.membership_config.membership().clone();
    let known: BTreeMap<NodeId, NodeInfo> = membership.nodes().map(|(id, node)| (*id, node.clone())).collect();
    let voters: BTreeSet<NodeId> = membership.voter_ids().collect();
    let outcome = async {
        let added: BTreeMap<_, _> =
            plan.nodes.iter().filter(|(id, _)| !known.contains_key(id)).map(|(id, node)| (*id, node.clone())).collect();
        if !added.is_empty() {
            raft.change_membership(ChangeMembers::AddNodes(added), true).await?;
        }
        let changed: BTreeMap<_, _> = plan
            .nodes
            .iter()
            .filter(|(id, node)| known.get(id).is_some_and(|old| old != *node))
            .map(|(id, node)| (*id, node.clone()))
            .collect();
        if !changed.is_empty() {
            raft.change_membership(ChangeMembers::SetNodes(changed), true).await?;
        }
        if plan.voters != voters {
            tracing::info!(voters = plan.voters.len(), before = voters.len(), "changing the Raft group");
            raft.change_membership(ChangeMembers::ReplaceAllVoters(plan.voters.clone()), true).await?;
        }
        let removed: BTreeSet<_> = known.keys().filter(|id| !plan.nodes.contains_key(id)).copied().collect();
        if !removed.is_empty() {
            raft.change_membership(ChangeMembers::RemoveNodes(removed), true).await?;
        }
        Ok::<_, openraft::error::RaftError<NodeId, openraft::error::ClientWriteError<NodeId, NodeInfo>>>(())
    };
    if let Err(error) = outcome.await {
        tracing::debug!(%error, "the Raft group was not changed");
    }
}
