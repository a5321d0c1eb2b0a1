//! Keeps a connection to one configured peer.

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::node::Node;
use crate::{CloseCode, PeerAddress, handshake};

/// Dials whenever there is no connection, until `cancelled` or the node stops.
pub(crate) async fn run(node: Arc<Node>, address: PeerAddress, cancelled: oneshot::Receiver<()>) {
    tokio::select! {
        biased;
        () = keep(&node, &address) => {}
        _ = cancelled => {}
        () = node.stopping() => {}
    }
}

async fn keep(node: &Arc<Node>, address: &PeerAddress) {
    let mut jitter = StdRng::seed_from_u64(seed(node, address));
    let mut failures = 0_u32;
    loop {
        wait_until_wanted(node, address).await;
        let begun = Instant::now();
        match handshake::dial(node, address).await {
            Ok(link) => {
                link.closed().await;
                failures = if begun.elapsed() >= node.config.backoff_max { 0 } else { failures.saturating_add(1) };
            }
            // The peer dialled at the same moment, and that connection is about to come up.
            Err(reason) if reason.code() == Some(CloseCode::Duplicate) => {}
            Err(reason) => {
                failures = failures.saturating_add(1);
                tracing::debug!(peer = %address, %reason, failures, "no connection");
            }
        }
        sleep(pause(node, failures, &mut jitter)).await;
    }
}

/// Waits for a time without connection, ban or refusal by the policy.
async fn wait_until_wanted(node: &Node, address: &PeerAddress) {
    let mut changed = node.changed.subscribe();
    loop {
        changed.mark_unchanged();
        let banned = {
            let state = node.state.lock();
            let idle = !state.links.contains_key(&address.id) && state.admission.admits(&address.id);
            let banned = state.bans.until(&address.id, Instant::now());
            if idle && banned.is_none() {
                return;
            }
            banned.filter(|_| idle)
        };
        match banned {
            Some(until) => sleep_until(until).await,
            // An error means that the node is gone, and this task with it.
            None => _ = changed.changed().await,
        }
    }
}

/// Doubles with each failure; a quarter more or less, so that nodes that failed together do not retry together.
fn pause(node: &Node, failures: u32, jitter: &mut StdRng) -> Duration {
    let doubled = node.config.backoff_min.saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(node.config.backoff_max).mul_f64(jitter.gen_range(0.75..1.25))
}

fn seed(node: &Node, address: &PeerAddress) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (node.config.seed, node.id, address.id).hash(&mut hasher);
    hasher.finish()
}
