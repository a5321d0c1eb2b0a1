//! Who is told what.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use plume_block::{FullBlock, Validator};
use plume_engine::BlockOutcome;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    EVENT_KEY, EventData, EventKind, Message, Operator, Query,
    subscription::{Cancelled, Reason, Subscription},
};

/// Why there is no subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// A subscription holds at least one event.
    #[error("the capacity of a subscription must be greater than 0")]
    NoCapacity,
    /// The bus is closed.
    #[error("service is shutting down")]
    Closed,
}

/// Carries events from the node to subscribers. Clones are the same bus.
///
/// The publisher never waits: matching happens on its thread, and a subscriber whose buffer is full is cut off
/// ([`Cancelled::OutOfCapacity`]). How many clients there may be, and how many subscriptions each, is for the server in
/// front of it to decide.
#[derive(Clone, Default)]
pub struct EventBus(Arc<Shared>);

#[derive(Default)]
pub(crate) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    /// Subscribers by query: each query is matched once, however many wait for it.
    groups: HashMap<Query, Group>,
    last_id: u64,
    closed: bool,
}

struct Group {
    /// The kind of event that the query names, if it names one: nothing else can match.
    kind: Option<EventKind>,
    subscribers: Vec<Subscriber>,
}

struct Subscriber {
    id: u64,
    sender: mpsc::Sender<Message>,
    reason: Arc<Reason>,
}

impl Group {
    fn of(query: &Query) -> Self {
        let named = query
            .conditions()
            .iter()
            .find(|condition| condition.tag() == EVENT_KEY && condition.operator() == Operator::Equal);
        // A name that is no kind may be meant for an event of the chain with that key: then every event is looked at.
        let kind = named.and_then(|condition| condition.text().parse::<EventKind>().ok());
        Self { kind, subscribers: Vec::new() }
    }

    fn may_match(&self, kind: EventKind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }
}

impl EventBus {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes to the events that match `query`, from now on. `capacity` events wait for the subscriber at most.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub fn subscribe(&self, query: Query, capacity: usize) -> Result<Subscription, SubscribeError> {
        if capacity == 0 {
            return Err(SubscribeError::NoCapacity);
        }
        let mut state = self.0.0.lock();
        if state.closed {
            return Err(SubscribeError::Closed);
        }
        // 2^64 subscriptions do not happen.
        state.last_id = state.last_id.wrapping_add(1);
        let id = state.last_id;
        let (sender, receiver) = mpsc::channel(capacity.min(Semaphore::MAX_PERMITS));
        let reason = Arc::new(Reason::default());
        let subscriber = Subscriber { id, sender, reason: Arc::clone(&reason) };
        state.groups.entry(query.clone()).or_insert_with(|| Group::of(&query)).subscribers.push(subscriber);
        Ok(Subscription { id, query, receiver, reason, bus: Arc::downgrade(&self.0) })
    }

    /// Tells the subscribers whose query matches.
    pub fn publish(&self, data: EventData) {
        self.publish_with(data.kind(), || data);
    }

    /// The events of a committed block in CometBFT's order: the block, its header, its events, its evidence, its
    /// transactions, the changes of validators if there are any. What nobody waits for is not built.
    ///
    /// Source: `fireEvents` of `state/execution.go`.
    pub fn publish_block(&self, block: &FullBlock, outcome: &Arc<BlockOutcome>) {
        let height = block.height();
        self.publish_with(EventKind::NewBlock, || EventData::NewBlock {
            block: block.clone(),
            outcome: Arc::clone(outcome),
        });
        self.publish_with(EventKind::NewBlockHeader, || EventData::NewBlockHeader {
            header: Arc::new(block.header().clone()),
        });
        self.publish_with(EventKind::NewBlockEvents, || EventData::NewBlockEvents {
            height,
            outcome: Arc::clone(outcome),
            num_txs: block.txs().len(),
        });
        for evidence in &block.evidence().evidence {
            self.publish_with(EventKind::NewEvidence, || EventData::NewEvidence {
                height,
                evidence: Arc::new(evidence.clone()),
            });
        }
        if self.wants(EventKind::Tx) {
            let hashes = block.tx_hashes().iter();
            let txs = block.txs().iter().zip(hashes).zip(&outcome.tx_results);
            for (index, ((tx, hash), result)) in (0..).zip(txs) {
                let (tx, hash, result) = (tx.clone(), *hash, Arc::new(result.clone()));
                self.publish(EventData::Tx { height, index, tx, hash, result });
            }
        }
        if !outcome.validator_updates.is_empty() {
            self.publish_with(EventKind::ValidatorSetUpdates, || EventData::ValidatorSetUpdates {
                updates: Arc::new(
                    outcome
                        .validator_updates
                        .iter()
                        .map(|update| Validator::new(update.key.clone(), update.power))
                        .collect(),
                ),
            });
        }
    }

    /// Whether some query could match an event of this kind. A publisher may ask before it builds a costly event.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.0.0.lock().groups.values().any(|group| group.may_match(kind))
    }

    /// Subscriptions that are open.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.0.0.lock().groups.values().map(|group| group.subscribers.len()).sum()
    }

    /// Ends every subscription and takes no new one: the node stops.
    pub fn close(&self) {
        let mut state = self.0.0.lock();
        state.closed = true;
        for (_, group) in state.groups.drain() {
            for subscriber in group.subscribers {
                subscriber.reason.set(Cancelled::Closed);
            }
        }
    }

    fn publish_with(&self, kind: EventKind, build: impl FnOnce() -> EventData) {
        let mut state = self.0.0.lock();
        let mut candidates = state.groups.iter_mut().filter(|(_, group)| group.may_match(kind)).peekable();
        if candidates.peek().is_none() {
            return;
        }
        let data = build();
        let events = Arc::new(data.events());
        let message = Message { data, events };
        let mut emptied = false;
        for (query, group) in candidates {
            if query.matches(&message.events) {
                group.send(&message);
                emptied |= group.subscribers.is_empty();
            }
        }
        if emptied {
            state.groups.retain(|_, group| !group.subscribers.is_empty());
        }
    }
}

impl Group {
    /// Hands out a message; subscribers that have no room for it are let go.
    fn send(&mut self, message: &Message) {
        self.subscribers.retain(|subscriber| match subscriber.sender.try_send(message.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                subscriber.reason.set(Cancelled::OutOfCapacity);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }
}

impl Shared {
    /// Ends one subscription, if it has not ended.
    pub(crate) fn remove(&self, id: u64, query: &Query, reason: Cancelled) {
        let mut state = self.0.lock();
        let Some(group) = state.groups.get_mut(query) else { return };
        group.subscribers.retain(|subscriber| {
            let stays = subscriber.id != id;
            if !stays {
                subscriber.reason.set(reason);
            }
            stays
        });
        if group.subscribers.is_empty() {
            state.groups.remove(query);
        }
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus").field("subscriptions", &self.subscriptions()).finish()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

#[cfg(test)]
mod tests;
