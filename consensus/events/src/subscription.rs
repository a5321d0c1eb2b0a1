//! The subscriber's end.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{EventData, EventMap, Query, bus::Shared};

/// Why a subscription ended; the texts are those that CometBFT's `subscribe` reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cancelled {
    /// The subscriber asked for it.
    #[error("client unsubscribed")]
    Unsubscribed,
    /// The subscriber did not read fast enough: its buffer was full when an event came.
    #[error("internal subscription event buffer is out of capacity")]
    OutOfCapacity,
    /// The bus was closed: the node stops.
    #[error("CometBFT exited")]
    Closed,
}

/// An event on its way to subscribers. Clones are cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What happened.
    pub data: EventData,
    /// What the query was matched against.
    pub events: Arc<EventMap>,
}

/// Where the bus notes why it let a subscription go.
#[derive(Debug, Default)]
pub(crate) struct Reason(Mutex<Option<Cancelled>>);

impl Reason {
    pub(crate) fn set(&self, reason: Cancelled) {
        self.0.lock().get_or_insert(reason);
    }
}

/// Events that match one query, in the order in which they were published. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) id: u64,
    pub(crate) query: Query,
    pub(crate) receiver: mpsc::Receiver<Message>,
    pub(crate) reason: Arc<Reason>,
    pub(crate) bus: Weak<Shared>,
}

impl Subscription {
    /// Waits for the next event. Safe to use in `select!`: nothing is lost when the wait is dropped.
    ///
    /// # Errors
    /// [`Cancelled`] once the subscription has ended and everything in its buffer has been read.
    pub async fn recv(&mut self) -> Result<Message, Cancelled> {
        self.receiver.recv().await.ok_or_else(|| self.why())
    }

    /// Waits for the next event on a thread outside of any runtime.
    ///
    /// # Errors
    /// As [`Subscription::recv`].
    ///
    /// # Panics
    /// When called from asynchronous code.
    pub fn blocking_recv(&mut self) -> Result<Message, Cancelled> {
        self.receiver.blocking_recv().ok_or_else(|| self.why())
    }

    /// The next event if there is one already.
    ///
    /// # Errors
    /// As [`Subscription::recv`].
    pub fn try_recv(&mut self) -> Result<Option<Message>, Cancelled> {
        match self.receiver.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(self.why()),
        }
    }

    /// The query.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Ends it; what is in the buffer can still be read.
    pub fn unsubscribe(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            bus.remove(self.id, &self.query, Cancelled::Unsubscribed);
        }
    }

    fn why(&self) -> Cancelled {
        self.reason.0.lock().unwrap_or(Cancelled::Closed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}
