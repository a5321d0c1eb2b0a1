//! Asking one peer for something that nodes hand out.

use std::time::Duration;

use bytes::Bytes;
use plume_p2p::{PeerId, Peers};
use prost::Message;

use crate::wire::{SyncCall, SyncRequest, channel};

/// The peer's answer; `None` when none came within `timeout`, or one that is no `A`.
pub async fn ask<A: Message + Default>(peers: &Peers, peer: PeerId, call: SyncCall, timeout: Duration) -> Option<A> {
    let request = Bytes::from(SyncRequest { call: Some(call) }.encode_to_vec());
    match peers.request(peer, channel::SYNC, request, timeout).await {
        Ok(answer) => A::decode(answer).ok(),
        Err(error) => {
            tracing::debug!(%peer, %error, "no answer");
            None
        }
    }
}
