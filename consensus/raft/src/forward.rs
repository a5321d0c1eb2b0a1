//! Bringing this node's transactions to whoever leads.

use std::time::Duration;

use bytes::Bytes;
use plume_engine::Reader;
use plume_mempool::Mempool;
use plume_p2p::Peers;
use prost::Message;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::raft::NodeId;
use crate::view::View;
use crate::wire::{Txs, channel};

/// Bytes of transactions in one message.
const BATCH: u64 = 512 << 10;

/// What still waits after this time is sent once more: the leader may have had no room for it, or lost it. It answers
/// what it has from its cache.
const AGAIN: Duration = Duration::from_secs(2);

/// Sends clients' transactions to the leader in the order of arrival, until dropped. The leader itself is not woken by
/// its own.
pub async fn forward<R: Reader>(own: NodeId, mempool: Mempool<R>, peers: Peers, view: &View) {
    let (mut leader, mut newest) = (view.leader(), None);
    let mut again = interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut current, mut sent) = (None, 0u64);
    loop {
        tokio::select! {
            changed = leader.changed() => if changed.is_err() { return },
            alive = changed(&mut newest) => if !alive { return },
            _ = again.tick() => sent = 0,
        }
        let now = *leader.borrow_and_update();
        if now != current {
            (current, sent) = (now, 0);
        }
        let Some(target) = current.filter(|id| *id != own) else {
            newest = None;
            continue;
        };
        // Before reading what waits: nothing that enters after that is missed.
        newest.get_or_insert_with(|| mempool.newest()).borrow_and_update();
        loop {
            let pending = mempool.pending_local_within(sent, BATCH);
            let Some((last, _)) = pending.last() else { break };
            let last = *last;
            let txs = pending.into_iter().map(|(_, tx)| tx).collect();
            let message = Bytes::from(Txs { txs }.encode_to_vec());
            if peers.send_wait(target.into(), channel::TXS, message).await.is_err() {
                break;
            }
            sent = last;
        }
    }
}

/// Completes with the next change, never without a receiver; false when there are no more.
async fn changed(newest: &mut Option<watch::Receiver<u64>>) -> bool {
    match newest {
        Some(newest) => newest.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}
