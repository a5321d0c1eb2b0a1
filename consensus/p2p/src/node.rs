//! What the tasks of one node share.

use core::future::Future;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::bans::Bans;
use crate::link::Link;
use crate::tls::Tls;
use crate::{Admission, CloseCode, Config, Event, Handler, Network, PeerAddress, PeerDownReason, PeerId};

pub(crate) struct Node {
    pub(crate) id: PeerId,
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) handler: Arc<dyn Handler>,
    /// Payload of the hello that every peer gets.
    pub(crate) wire_hello: Bytes,
    pub(crate) state: Mutex<State>,
    /// Ticks when a connection, the policy or a ban changes.
    pub(crate) changed: watch::Sender<()>,
    pub(crate) stop: watch::Sender<bool>,
    /// Each task holds a clone; none is left when all have ended. Taken away when the node stops.
    pub(crate) tasks: Mutex<Option<mpsc::Sender<()>>>,
}

pub(crate) struct State {
    pub(crate) links: BTreeMap<PeerId, Arc<Link>>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) bans: Bans,
    /// Peers to be dialled; dropping the sender ends the dialler.
    pub(crate) persistent: HashMap<PeerId, (PeerAddress, oneshot::Sender<()>)>,
    /// Sent to under this lock, so that events have the order of the changes.
    pub(crate) events: Option<mpsc::UnboundedSender<(Event, Option<oneshot::Sender<()>>)>>,
}

impl Node {
    /// Runs `task` until it ends by itself; it must watch [`Node::stopping`]. Does nothing once the node stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Some(running) = self.tasks.lock().clone() else { return };
        tokio::spawn(async move {
            task.await;
            drop(running);
        });
    }

    /// Ends every task; returns before they have ended.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
        *self.tasks.lock() = None;
    }

    /// Waits for [`Node::begin_stop`].
    pub(crate) async fn stopping(&self) {
        // An error would mean that the sender, a field of `self`, is gone.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Whether a connection with `id` may come up.
    pub(crate) fn require_welcome(&self, id: &PeerId, outbound: bool) -> Result<(), PeerDownReason> {
        let state = self.state.lock();
        self.welcome(&state, id, outbound)
    }

    fn welcome(&self, state: &State, id: &PeerId, outbound: bool) -> Result<(), PeerDownReason> {
        let refuse = |code, text: &str| Err(PeerDownReason::local(code, text));
        if *self.stop.borrow() {
            return refuse(CloseCode::Shutdown, "node stops");
        }
        if *id == self.id {
            return refuse(CloseCode::NotAdmitted, "that is this node itself");
        }
        if !state.admission.admits(id) {
            return refuse(CloseCode::NotAdmitted, "node is not admitted");
        }
        if state.bans.until(id, Instant::now()).is_some() {
            return refuse(CloseCode::Banned, "banned after a violation");
        }
        let counts = |id: &PeerId| !state.persistent.contains_key(id);
        let others =
            || state.links.values().filter(|link| link.id != *id && !link.outbound && counts(&link.id)).count();
        if !outbound && counts(id) && others() >= self.config.max_inbound {
            return refuse(CloseCode::Full, "too many inbound connections");
        }
        Ok(())
    }

    /// Enters a connection; the receiver hears when the owner knows of it.
    ///
    /// When there is one with the peer already, the side that `decides` keeps that one if the new one was dialled by
    /// the other side during the same run of the peer: then both are fresh, and each side dialled one. Otherwise the
    /// old one is a remnant and is replaced.
    pub(crate) fn up(&self, link: &Arc<Link>, decides: bool) -> Result<oneshot::Receiver<()>, PeerDownReason> {
        let mut state = self.state.lock();
        self.welcome(&state, &link.id, link.outbound)?;
        if let Some(old) = state.links.get(&link.id).cloned() {
            if decides && old.instance == link.instance && old.outbound != link.outbound && !old.is_closed() {
                // The peer may know better than this side that the old one is dead.
                old.probe.notify_one();
                return Err(PeerDownReason::local(CloseCode::Duplicate, "connected already"));
            }
            remove(&mut state, &old, &PeerDownReason::local(CloseCode::Duplicate, "replaced by a new connection"));
        }
        let (told, announced) = oneshot::channel();
        state.links.insert(link.id, link.clone());
        let (id, hello, addr, outbound) = (link.id, link.hello.clone(), link.addr.clone(), link.outbound);
        state.emit(Event::PeerUp { id, hello, addr, outbound }, Some(told));
        drop(state);
        tracing::info!(peer = %link.id, moniker = link.hello.moniker, addr = link.addr, outbound, "peer is up");
        self.changed.send_replace(());
        Ok(announced)
    }

    /// Takes a connection out, once, whoever ends it first.
    pub(crate) fn down(&self, link: &Arc<Link>, reason: &PeerDownReason) {
        if matches!(reason, PeerDownReason::Local { code: CloseCode::Violation, .. }) {
            self.ban(link.id, &reason.to_string());
        }
        let gone = remove(&mut self.state.lock(), link, reason);
        if gone {
            tracing::info!(peer = %link.id, %reason, "peer is down");
        }
        self.changed.send_replace(());
    }

    /// Refuses `id` for a time that grows with each violation.
    pub(crate) fn ban(&self, id: PeerId, why: &str) {
        let length = self.state.lock().bans.ban(id, Instant::now());
        tracing::warn!(peer = %id, seconds = length.as_secs_f64(), why, "peer is banned");
        self.changed.send_replace(());
    }

    /// After the last task: nobody else can end a connection that came up while the node began to stop.
    pub(crate) fn close_books(&self) {
        let mut state = self.state.lock();
        let links: Vec<_> = state.links.values().cloned().collect();
        for link in links {
            remove(&mut state, &link, &PeerDownReason::local(CloseCode::Shutdown, "node stops"));
        }
        state.events = None;
    }

    pub(crate) fn link(&self, id: &PeerId) -> Option<Arc<Link>> {
        self.state.lock().links.get(id).cloned()
    }
}

impl State {
    fn emit(&self, event: Event, told: Option<oneshot::Sender<()>>) {
        if let Some(events) = &self.events {
            // The task that hands events over ends after everything else.
            let _ = events.send((event, told));
        }
    }
}

/// Ends `link` and, if it is the current one of its peer, takes it out; whether it was.
fn remove(state: &mut State, link: &Arc<Link>, reason: &PeerDownReason) -> bool {
    link.close(reason.clone());
    let current = state.links.get(&link.id).is_some_and(|current| Arc::ptr_eq(current, link));
    if current {
        state.links.remove(&link.id);
        state.emit(Event::PeerDown { id: link.id, reason: reason.clone() }, None);
    }
    current
}
