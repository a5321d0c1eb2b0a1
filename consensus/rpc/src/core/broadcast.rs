//! Broadcasting transactions (`rpc/core/mempool.go`).

use std::net::SocketAddr;

use bytes::Bytes;
use plume_engine::{CheckOutcome, Reader, TxResult};
use plume_events::{EventData, Message, Query};
use plume_primitives::Height;

use super::checks::Taken;
use super::{Outcome, State, done};
use crate::json::Json;
use crate::render;
use crate::request::Id;

/// `ResultBroadcastTx`.
pub(super) struct Broadcast {
    check: CheckOutcome,
    hash: [u8; 32],
}

impl Broadcast {
    pub(super) fn write(&self, json: &mut Json) {
        json.object(|object| {
            object.number("code", self.check.code);
            object.hex("data", &[]);
            object.string("log", &self.check.log);
            object.string("codespace", &self.check.codespace);
            object.hex("hash", &self.hash);
        });
    }
}

/// A `broadcast_tx_sync` under way.
pub(crate) struct Checking {
    id: Id,
    taken: Result<Taken, String>,
}

impl Checking {
    /// Waits for the check.
    pub(crate) async fn outcome(self) -> Outcome {
        let checked = async {
            let taken = self.taken?;
            let hash = taken.hash;
            Ok(Broadcast { check: taken.outcome().await?, hash })
        };
        let result = checked.await;
        done(&self.id, |json| result.map(|broadcast| broadcast.write(json)))
    }
}

/// `ResultBroadcastTxCommit`.
pub(super) struct Committed {
    check: CheckOutcome,
    hash: [u8; 32],
    height: Height,
    result: TxResult,
}

impl Committed {
    pub(super) fn write(&self, json: &mut Json) {
        json.object(|object| {
            render::check_tx(object.key("check_tx"), &self.check);
            render::exec_tx_result(object.key("tx_result"), &self.result);
            object.hex("hash", &self.hash);
            object.quoted("height", self.height.get());
        });
    }
}

impl<R: Reader> State<R> {
    /// Answers when the transaction is taken; nobody learns what the check says.
    pub(super) fn broadcast_tx_async(&self, tx: Bytes) -> Result<Broadcast, String> {
        let taken = self.checks.take(&self.env.mempool, tx)?;
        Ok(Broadcast { check: CheckOutcome::default(), hash: taken.hash })
    }

    /// Takes a transaction for checking; the answer comes when it is checked. Several that were begun one after the
    /// other are checked in that order.
    pub(crate) fn begin_broadcast_tx_sync(&self, id: Id, tx: Bytes) -> Checking {
        Checking { id, taken: self.checks.take(&self.env.mempool, tx) }
    }

    /// Answers when the transaction is in a block.
    ///
    /// The subscription exists before the check: the block may come before the check's answer is read.
    pub(super) async fn broadcast_tx_commit(&self, tx: Bytes, client: SocketAddr) -> Result<Committed, String> {
        self.clients.admit(client)?;
        let query = {
            use sha2::{Digest as _, Sha256};
            let hash = hex::encode_upper(Sha256::digest(&tx));
            format!("tm.event='Tx' AND tx.hash='{hash}'")
        };
        let not_subscribed = |error: String| format!("failed to subscribe to tx: {error}");
        let parsed: Query = query.parse().map_err(|error| not_subscribed(format!("{error}")))?;
        let _place = self.clients.enter(client, parsed.to_string()).map_err(not_subscribed)?;
        let mut subscription =
            self.env.events.subscribe(parsed, 1).map_err(|error| not_subscribed(error.to_string()))?;

        let failed = |error: String| format!("error on broadcastTxCommit: {error}");
        let taken = self.checks.take(&self.env.mempool, tx).map_err(failed)?;
        let hash = taken.hash;
        let check = taken.outcome().await.map_err(failed)?;
        if check.code != 0 {
            return Ok(Committed { check, hash, height: Height::ZERO, result: TxResult::default() });
        }
        match tokio::time::timeout(self.settings.timeout_broadcast_tx_commit, subscription.recv()).await {
            Ok(Ok(Message { data: EventData::Tx { height, result, .. }, .. })) => {
                Ok(Committed { check, hash, height, result: TxResult::clone(&result) })
            }
            Ok(Ok(_)) => Err("the event is of another kind".to_owned()),
            Ok(Err(reason)) => Err(format!("txSub was canceled (reason: {reason})")),
            Err(_) => Err("timed out waiting for tx to be included in a block".to_owned()),
        }
    }
}
