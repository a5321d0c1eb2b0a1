//! What waits for a block (`rpc/core/mempool.go`, `rpc/core/dev.go`).

use bytes::Bytes;
use plume_engine::{CheckKind, Reader};

use super::{State, paging};
use crate::json::Json;
use crate::render;

impl<R: Reader> State<R> {
    /// The oldest transactions that wait. CometBFT gives one more than the limit if there are so many
    /// (`ReapMaxTxs`).
    pub(super) fn unconfirmed_txs(&self, limit: Option<i64>, json: &mut Json) -> Result<(), String> {
        let txs = self.env.mempool.list(paging::per_page(limit).saturating_add(1));
        self.write_unconfirmed(Some(&txs), json);
        Ok(())
    }

    pub(super) fn num_unconfirmed_txs(&self, json: &mut Json) -> Result<(), String> {
        self.write_unconfirmed(None, json);
        Ok(())
    }

    fn write_unconfirmed(&self, txs: Option<&[Bytes]>, json: &mut Json) {
        let total = self.env.mempool.size();
        json.object(|object| {
            object.quoted("n_txs", txs.map_or(total, <[_]>::len));
            object.quoted("total", total);
            object.quoted("total_bytes", self.env.mempool.bytes());
            match txs {
                Some(txs) => object.key("txs").list(txs, |json, tx| json.base64(tx)),
                None => object.null("txs"),
            }
        });
    }

    /// Asks the state machine without touching the mempool. As in CometBFT the check state remembers an accepted
    /// transaction until the next block.
    pub(super) fn check_tx(&self, tx: &Bytes, json: &mut Json) -> Result<(), String> {
        let outcome = self.env.reader.check_tx(tx, CheckKind::New);
        render::check_tx(json, &outcome);
        Ok(())
    }

    pub(super) fn unsafe_flush_mempool(&self, json: &mut Json) -> Result<(), String> {
        self.env.mempool.flush();
        json.object(|_| ());
        Ok(())
    }
}
