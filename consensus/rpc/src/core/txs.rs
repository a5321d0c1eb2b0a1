//! Transactions by hash, and searches (`rpc/core/tx.go`, `rpc/core/blocks.go`).

use plume_block::raw;
use plume_engine::{IncludedTx, Reader};
use plume_events::{Operator, Query};
use plume_store::{Found, Order, StoreError};
use sha2::{Digest as _, Sha256};

use super::blocks::{broken, kept, write_block};
use super::{State, paging};
use crate::MAX_QUERY;
use crate::json::Json;
use crate::render;
use crate::request::go;

impl<R: Reader> State<R> {
    pub(super) fn tx(&self, hash: &[u8], prove: bool, json: &mut Json) -> Result<(), String> {
        self.require_index("transaction indexing is disabled")?;
        let found = match hash.try_into() {
            Ok(hash) => self.env.store.tx(hash).map_err(broken)?,
            Err(_) if hash.is_empty() => return Err("transaction hash cannot be empty".to_owned()),
            Err(_) => None,
        };
        let found = found.ok_or_else(|| format!("tx ({}) not found", hex::encode_upper(hash)))?;
        let proof = self.proof(&found, prove)?;
        write_tx(json, &found, proof.as_ref());
        Ok(())
    }

    pub(super) fn tx_search(
        &self,
        query: &str,
        prove: bool,
        page: Option<i64>,
        per_page: Option<i64>,
        order_by: &str,
        json: &mut Json,
    ) -> Result<(), String> {
        self.require_index("transaction indexing is disabled")?;
        if query.len() > MAX_QUERY {
            return Err("maximum query length exceeded".to_owned());
        }
        let query: Query = query.parse().map_err(|error| format!("{error}"))?;
        require_hash(&query)?;
        let order = order(order_by, Order::Ascending)?;
        let found = search(page, per_page, |page, per_page| self.env.store.search_txs(&query, order, page, per_page))?;
        let proofs = found.items.iter().map(|tx| self.proof(tx, prove)).collect::<Result<Vec<_>, _>>()?;
        json.object(|object| {
            object.key("txs").list(found.items.iter().zip(&proofs), |json, (tx, proof)| {
                write_tx(json, tx, proof.as_ref());
            });
            object.quoted("total_count", found.total);
        });
        Ok(())
    }

    pub(super) fn block_search(
        &self,
        query: &str,
        page: Option<i64>,
        per_page: Option<i64>,
        order_by: &str,
        json: &mut Json,
    ) -> Result<(), String> {
        self.require_index("block indexing is disabled")?;
        let query: Query = query.parse().map_err(|error| format!("{error}"))?;
        let order = order(order_by, Order::Descending)?;
        let found =
            search(page, per_page, |page, per_page| self.env.store.search_blocks(&query, order, page, per_page))?;
        let blocks = found.items.iter().map(|&height| kept(self.env.store.block(height)));
        let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
        json.object(|object| {
            object.key("blocks").list(blocks.iter().flatten(), |json, block| write_block(Some(block), json));
            object.quoted("total_count", found.total);
        });
        Ok(())
    }

    fn require_index(&self, text: &str) -> Result<(), String> {
        if self.env.node.node_info().tx_index { Ok(()) } else { Err(text.to_owned()) }
    }

    fn proof(&self, tx: &IncludedTx, prove: bool) -> Result<Option<raw::TxProof>, String> {
        if !prove {
            return Ok(None);
        }
        let index = usize::try_from(tx.index).unwrap_or(usize::MAX);
        Ok(kept(self.env.store.block(tx.height))?.and_then(|block| block.tx_proof(index)))
    }
}

/// A query for a hash is answered by the hash alone, so that it has to be one (`lookForHash` of the `kv` indexer).
fn require_hash(query: &Query) -> Result<(), String> {
    let mut hashes = query
        .conditions()
        .iter()
        .filter(|condition| condition.tag() == plume_events::TX_HASH_KEY && condition.operator() == Operator::Equal);
    let Some(hash) = hashes.next() else { return Ok(()) };
    match go::hex(hash.text().as_bytes()) {
        Ok(bytes) if bytes.is_empty() => {
            Err("error while retrieving the result: transaction hash cannot be empty".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("error during searching for a hash in the query: {error}")),
    }
}

fn order(order_by: &str, usual: Order) -> Result<Order, String> {
    match order_by {
        "" => Ok(usual),
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err("expected order_by to be either `asc` or `desc` or empty".to_owned()),
    }
}

/// One page of a search, with CometBFT's rules for pages.
fn search<T>(
    page: Option<i64>,
    per_page: Option<i64>,
    search: impl Fn(usize, usize) -> Result<Found<T>, StoreError>,
) -> Result<Found<T>, String> {
    let per_page = paging::per_page(per_page);
    let asked = match page.map(usize::try_from) {
        None => 1,
        Some(Ok(asked @ 1..)) => asked,
        // How many pages there are is only known after the search.
        Some(_) => {
            let found = search(1, per_page).map_err(|error| error.to_string())?;
            return paging::page(page, per_page, found.total).map(|_| found);
        }
    };
    search(asked, per_page).map_err(|error| match error {
        StoreError::Damaged { .. } | StoreError::Database(_) => broken(error),
        refused => refused.to_string(),
    })
}

fn write_tx(json: &mut Json, found: &IncludedTx, proof: Option<&raw::TxProof>) {
    json.object(|object| {
        object.hex("hash", &Sha256::digest(&found.tx));
        object.quoted("height", found.height.get());
        object.number("index", found.index);
        render::exec_tx_result(object.key("tx_result"), &found.result);
        object.base64("tx", &found.tx);
        if let Some(proof) = proof {
            object.object("proof", |object| {
                object.hex("root_hash", &proof.root_hash);
                object.base64("data", &proof.data);
                object.object("proof", |object| {
                    let proof = proof.proof.clone().unwrap_or_default();
                    object.quoted("total", proof.total);
                    object.quoted("index", proof.index);
                    object.base64("leaf_hash", &proof.leaf_hash);
                    object.key("aunts").list(&proof.aunts, |json, aunt| json.base64(aunt));
                });
            });
        }
    });
}
