//! Accepts streams and bounds how many are unproved.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::node::Node;
use crate::{Listener, handshake};

/// Pause after a failed accept, such as one for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the node stops.
pub(crate) async fn run(node: Arc<Node>, mut listener: Box<dyn Listener>) {
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            () = node.stopping() => return,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting failed");
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(PAUSE) => continue,
                    () = node.stopping() => return,
                }
            }
        };
        let (number, evicted) =
            waiting.lock().enter(&addr, node.config.max_handshakes, node.config.max_handshakes_per_host);
        let (task, waiting) = (node.clone(), waiting.clone());
        node.spawn(async move {
            let outcome = tokio::select! {
                biased;
                outcome = handshake::accept(&task, stream, addr.clone()) => Some(outcome),
                _ = evicted => None,
                () = task.stopping() => None,
            };
            waiting.lock().entries.remove(&number);
            match outcome {
                Some(Ok(_)) => {}
                Some(Err(reason)) => tracing::debug!(addr, %reason, "inbound stream refused"),
                None => tracing::debug!(addr, "inbound stream dropped before its handshake"),
            }
        });
    }
}

/// Streams whose handshake is not done.
///
/// # Security
/// When there are too many, the oldest one goes: an honest handshake takes a moment, so those that sit there longest
/// are those that never mean to finish. Streams of one host push out one another first.
#[derive(Default)]
struct Waiting {
    next: u64,
    entries: BTreeMap<u64, (String, oneshot::Sender<()>)>,
}

impl Waiting {
    fn enter(&mut self, addr: &str, max: usize, per_host: usize) -> (u64, oneshot::Receiver<()>) {
        let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
        let same: Vec<u64> =
            self.entries.iter().filter(|(_, (other, _))| other == host).map(|(number, _)| *number).collect();
        if same.len() >= per_host {
            same.first().map(|number| self.entries.remove(number));
        } else if self.entries.len() >= max {
            self.entries.pop_first();
        }
        let (keep, evicted) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        self.entries.insert(number, (host.to_owned(), keep));
        (number, evicted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_same_host_or_of_all_makes_room() {
        let mut waiting = Waiting::default();
        let mut enter = |addr: &str| waiting.enter(addr, 3, 2).1;
        let mut a1 = enter("a:1");
        let mut b1 = enter("b:1");
        let mut a2 = enter("a:2");
        let gone = |receiver: &mut oneshot::Receiver<()>| {
            matches!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed))
        };
        assert!(!gone(&mut a1) && !gone(&mut b1) && !gone(&mut a2));
        let mut a3 = enter("a:3");
        assert!(gone(&mut a1) && !gone(&mut b1) && !gone(&mut a2), "the third of host a replaces its first");
        let mut c1 = enter("c:1");
        assert!(gone(&mut b1) && !gone(&mut a2) && !gone(&mut a3) && !gone(&mut c1), "a fourth replaces the oldest");
    }
}
