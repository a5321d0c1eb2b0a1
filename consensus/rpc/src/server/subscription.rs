//! From the event bus to one WebSocket.

use std::sync::Arc;

use axum::body::Bytes;
use parking_lot::Mutex;
use plume_engine::Reader;
use plume_events::{Cancelled, EventMap, Message, Subscription};
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::clients::Place;
use super::ws::{Outgoing, WRITE_WAIT};
use crate::answer::{Failure, begin};
use crate::core::State;
use crate::json::Json;
use crate::render;
use crate::request::Id;

/// A subscription that a WebSocket holds. Dropping it ends it.
pub(super) struct Active {
    _place: Place,
    task: JoinHandle<()>,
}

impl Active {
    pub(super) fn new(place: Place, task: JoinHandle<()>) -> Self {
        Self { _place: place, task }
    }

    /// Whether it ended by itself: the bus cut it off, or the client was too slow.
    pub(super) fn ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes events on until the subscription ends or the connection is gone.
pub(super) fn feed<R: Reader>(
    state: Arc<State<R>>,
    out: mpsc::Sender<Outgoing>,
    id: Id,
    query: String,
    mut subscription: Subscription,
) -> JoinHandle<()> {
    let head = {
        let mut json = begin(&id);
        json.raw(b"{\"query\":");
        json.string(&query);
        json.into_bytes()
    };
    tokio::spawn(async move {
        let cancelled = |reason: &str| {
            let text = format!("subscription was canceled (reason: {reason})");
            Outgoing::whole(Failure::server(text).answer(Some(&id)))
        };
        loop {
            let message = match subscription.recv().await {
                Ok(message) => message,
                Err(Cancelled::Unsubscribed) => return,
                Err(reason) => {
                    let _ = out.try_send(cancelled(&reason.to_string()));
                    return;
                }
            };
            let Some(shared) = state.texts.of(message).await else { continue };
            match timeout(WRITE_WAIT, out.send(Outgoing { head: head.clone(), shared })).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) if state.settings.close_on_slow_client => {
                    let _ = out.try_send(cancelled("slow client"));
                    return;
                }
                // This one is lost to the client.
                Err(_) => {}
            }
        }
    })
}

/// Events already written as JSON: many clients wait for the same ones.
#[derive(Debug, Default)]
pub(crate) struct EventTexts(Mutex<Vec<Entry>>);

#[derive(Debug, Clone)]
struct Entry {
    /// One and the same map in all copies of a message; held, so that its address stays its own.
    event: Arc<EventMap>,
    text: Arc<OnceCell<Bytes>>,
}

/// Events that are remembered, the newest ones.
const REMEMBERED: usize = 16;

impl EventTexts {
    /// The answer's text behind the query: `,"data":..,"events":..}}`. `None` only if writing it panicked.
    async fn of(&self, message: Message) -> Option<Bytes> {
        let cell = {
            let mut entries = self.0.lock();
            match entries.iter().find(|entry| Arc::ptr_eq(&entry.event, &message.events)) {
                Some(entry) => entry.text.clone(),
                None => {
                    if entries.len() >= REMEMBERED {
                        entries.remove(0);
                    }
                    let text = Arc::new(OnceCell::new());
                    entries.push(Entry { event: message.events.clone(), text: text.clone() });
                    text
                }
            }
        };
        let text = cell
            .get_or_try_init(|| async {
                // A block takes milliseconds.
                tokio::task::spawn_blocking(move || write(&message)).await
            })
            .await;
        text.ok().cloned()
    }
}

fn write(message: &Message) -> Bytes {
    let mut json = Json::with_capacity(1024);
    json.raw(b",\"data\":");
    render::event_data(&mut json, &message.data);
    json.raw(b",\"events\":");
    json.object(|object| {
        for (key, values) in message.events.iter() {
            object.key(key).list(values, |json, value| json.string(value));
        }
    });
    json.raw(b"}}");
    json.into_bytes().into()
}
