//! Which connections are open, and which one makes room for a new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::observe::{Door, Metrics};

/// The open connections. At the limit a new one takes the place of the one that has been idle the longest.
///
/// # Security
/// Clients that open connections and send nothing, or send a request byte by byte, cannot keep others out: they lose
/// their connections first, those that wait for an answer never.
pub(crate) struct Connections {
    limit: usize,
    /// Counts events; says which of two came first.
    clock: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    door: Door,
    metrics: Metrics,
}

struct Connection {
    /// When something happened last, by the clock.
    touched: AtomicU64,
    /// Requests that have arrived whole and are not answered yet.
    busy: AtomicUsize,
    close: Notify,
}

/// The place of one connection; dropping it frees the place.
pub(crate) struct Place {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    id: u64,
}

/// Tells what a connection is doing.
#[derive(Clone)]
pub(crate) struct Activity {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

/// As long as this lives, the connection waits for an answer.
pub(crate) struct Busy(Activity);

impl Connections {
    /// Up to `limit` connections; 0 is no limit.
    pub(crate) fn new(limit: usize, door: Door, metrics: Metrics) -> Arc<Self> {
        let open = Mutex::new(HashMap::new());
        Arc::new(Self { limit, clock: AtomicU64::new(0), open, door, metrics })
    }

    /// A place for a new connection; `None` if all wait for answers.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Place> {
        let mut open = self.open();
        if self.limit > 0 && open.len() >= self.limit {
            let idle = open.iter().filter(|(_, connection)| connection.busy.load(Ordering::Acquire) == 0);
            let oldest = idle.min_by_key(|(_, connection)| connection.touched.load(Ordering::Relaxed));
            let oldest = oldest.map(|(id, _)| *id)?;
            if let Some(evicted) = open.remove(&oldest) {
                evicted.close.notify_one();
                self.metrics.evicted(self.door);
            }
        }
        let id = self.tick();
        let connection =
            Arc::new(Connection { touched: AtomicU64::new(id), busy: AtomicUsize::new(0), close: Notify::new() });
        open.insert(id, connection.clone());
        self.metrics.connections(self.door, 1);
        Some(Place { connections: self.clone(), connection, id })
    }

    /// The door that they come through.
    pub(crate) fn door(&self) -> Door {
        self.door
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn activity(&self) -> Activity {
        Activity { connections: self.connections.clone(), connection: self.connection.clone() }
    }

    /// Completes when the place is given to another connection.
    pub(crate) async fn closed(&self) {
        self.connection.close.notified().await;
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.connection.busy.load(Ordering::Acquire) > 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().remove(&self.id);
        self.connections.metrics.connections(self.connections.door, -1);
    }
}

impl Activity {
    /// Something has happened just now.
    pub(crate) fn touch(&self) {
        self.connection.touched.store(self.connections.tick(), Ordering::Relaxed);
    }

    /// A request has arrived whole.
    pub(crate) fn busy(&self) -> Busy {
        self.connection.busy.fetch_add(1, Ordering::AcqRel);
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.connection.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::observe::Telemetry;

    fn is_closed(place: &Place) -> bool {
        place.closed().now_or_never().is_some()
    }

    #[test]
    fn the_longest_idle_connection_makes_room_and_a_waiting_one_never() {
        let connections = Connections::new(3, Door::Rest, Metrics::new(Telemetry::default()));
        let admit = || connections.admit();
        let (first, second, third) = (admit().expect("room"), admit().expect("room"), admit().expect("room"));
        let busy = first.activity().busy();
        second.activity().touch();

        let fourth = admit().expect("the third is idle");
        assert_eq!([&first, &second, &third, &fourth].map(is_closed), [false, false, true, false]);
        drop(third);
        let fifth = admit().expect("the second is idle");
        assert!(is_closed(&second));
        let all_busy = [fourth.activity().busy(), fifth.activity().busy()];
        assert!(admit().is_none());
        drop(busy);
        let _sixth = admit().expect("the first is idle again");
        assert!(is_closed(&first));
        drop(all_busy);
    }

    #[test]
    fn closed_connections_free_their_places() {
        let connections = Connections::new(1, Door::Rest, Metrics::new(Telemetry::default()));
        for _ in 0..3 {
            let place = connections.admit().expect("room");
            let _busy = place.activity().busy();
        }
        let unlimited = Connections::new(0, Door::Rest, Metrics::new(Telemetry::default()));
        let places: Vec<_> = (0..50).map(|_| unlimited.admit().expect("no limit")).collect();
        assert!(!places.iter().any(is_closed));
    }
}
