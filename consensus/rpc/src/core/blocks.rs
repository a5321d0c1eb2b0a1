//! Blocks and what came of them (`rpc/core/blocks.go`).

use plume_block::{FullBlock, raw};
use plume_engine::Reader;
use plume_primitives::Height;
use plume_store::StoreError;

use super::State;
use crate::json::Json;
use crate::render;

/// Most headers in one answer of `blockchain`.
const MAX_METAS: i64 = 20;

/// A store that fails is reported, never taken for one that has nothing.
pub(super) fn broken(error: StoreError) -> String {
    tracing::error!(%error, "RPC: the store failed");
    error.to_string()
}

/// What the store has; nothing for a height that it does not keep.
pub(super) fn kept<T>(read: Result<T, StoreError>) -> Result<Option<T>, String> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::ZeroHeight | StoreError::TooHigh { .. } | StoreError::Unavailable { .. }) => Ok(None),
        Err(error) => Err(broken(error)),
    }
}

/// A height of the chain; what is below counts as zero, which no block has.
pub(super) fn height(raw: i64) -> Height {
    Height::try_from(raw).unwrap_or(Height::ZERO)
}

impl<R: Reader> State<R> {
    /// The height a request means: `latest` if it names none.
    ///
    /// # Errors
    /// CometBFT's texts for heights that are not there, no longer or not yet.
    pub(super) fn height_of(&self, asked: Option<i64>, latest: i64) -> Result<i64, String> {
        let Some(height) = asked else { return Ok(latest) };
        if height <= 0 {
            return Err(format!("height must be greater than 0, but got {height}"));
        }
        if height > latest {
            return Err(format!(
                "height {height} must be less than or equal to the current blockchain height {latest}"
            ));
        }
        let base = self.base();
        if height < base {
            return Err(format!("height {height} is not available, lowest height is {base}"));
        }
        Ok(height)
    }

    /// Height of the last block; 0 before the first.
    pub(super) fn latest(&self) -> i64 {
        self.env.store.height().to_i64()
    }

    /// Height of the oldest block; 0 before the first.
    pub(super) fn base(&self) -> i64 {
        self.env.store.base().to_i64()
    }

    /// The height whose validators and parameters are known but which has no block yet; a node that still fetches old
    /// blocks names its last one.
    pub(super) fn latest_uncommitted(&self) -> i64 {
        if self.env.node.catching_up() { self.latest() } else { self.latest() + 1 }
    }

    pub(super) fn blockchain(&self, min: i64, max: i64, json: &mut Json) -> Result<(), String> {
        if min < 0 || max < 0 {
            return Err("heights must be non-negative".to_owned());
        }
        let latest = self.latest();
        let max = if max == 0 { latest } else { max.min(latest) };
        let min = min.max(1).max(self.base()).max(max - MAX_METAS + 1);
        if min > max {
            return Err(format!("min height {min} can't be greater than max height {max}"));
        }
        let metas = (min..=max).rev().map(|at| kept(self.env.store.meta(height(at))));
        let metas = metas.collect::<Result<Vec<_>, _>>()?;
        json.object(|object| {
            object.quoted("last_height", latest);
            object.key("block_metas").list(&metas, |json, meta| match meta {
                Some(meta) => block_meta(json, meta),
                None => json.null(),
            });
        });
        Ok(())
    }

    pub(super) fn header(&self, asked: Option<i64>, json: &mut Json) -> Result<(), String> {
        let at = self.height_of(asked, self.latest())?;
        write_header(kept(self.env.store.header(height(at)))?.as_ref(), json);
        Ok(())
    }

    pub(super) fn header_by_hash(&self, hash: &[u8], json: &mut Json) -> Result<(), String> {
        let header = match hash.try_into().map(|hash| self.env.store.height_of(hash)) {
            Ok(found) => match found.map_err(broken)? {
                Some(at) => kept(self.env.store.header(at))?,
                None => None,
            },
            // No hash has another length.
            Err(_) => None,
        };
        write_header(header.as_ref(), json);
        Ok(())
    }

    pub(super) fn block(&self, asked: Option<i64>, json: &mut Json) -> Result<(), String> {
        let at = self.height_of(asked, self.latest())?;
        write_block(kept(self.env.store.block(height(at)))?.as_ref(), json);
        Ok(())
    }

    pub(super) fn block_by_hash(&self, hash: &[u8], json: &mut Json) -> Result<(), String> {
        let block = match hash.try_into() {
            Ok(hash) => self.env.store.block_by_hash(hash).map_err(broken)?,
            Err(_) => None,
        };
        write_block(block.as_ref(), json);
        Ok(())
    }

    /// The commit of the last block is the one this node saw; the canonical one comes with the next block.
    pub(super) fn commit(&self, asked: Option<i64>, json: &mut Json) -> Result<(), String> {
        let latest = self.latest();
        let at = self.height_of(asked, latest)?;
        let store = &self.env.store;
        let Some(header) = kept(store.header(height(at)))? else {
            json.null();
            return Ok(());
        };
        let canonical = at != latest;
        let commit = kept(if canonical { store.commit(height(at)) } else { store.seen_commit(height(at)) })?;
        json.object(|object| {
            object.object("signed_header", |object| {
                render::header(object.key("header"), &header);
                match &commit {
                    Some(commit) => render::commit(object.key("commit"), commit),
                    None => object.null("commit"),
                }
            });
            object.bool("canonical", canonical);
        });
        Ok(())
    }

    pub(super) fn block_results(&self, asked: Option<i64>, json: &mut Json) -> Result<(), String> {
        let at = self.height_of(asked, self.latest())?;
        let outcome = kept(self.env.store.outcome(height(at)))?;
        let outcome = outcome.ok_or_else(|| format!("could not find results for height #{at}"))?;
        render::block_results(json, at, &outcome);
        Ok(())
    }
}

fn write_header(header: Option<&raw::Header>, json: &mut Json) {
    json.object(|object| match header {
        Some(header) => render::header(object.key("header"), header),
        None => object.null("header"),
    });
}

/// `ResultBlock`; of nothing it is a zero id and `null`.
pub(super) fn write_block(block: Option<&FullBlock>, json: &mut Json) {
    let id = block.map(|block| block.id().to_raw());
    json.object(|object| {
        render::block_id(object.key("block_id"), id.as_ref());
        match block {
            Some(block) => render::block(object.key("block"), block),
            None => object.null("block"),
        }
    });
}

fn block_meta(json: &mut Json, meta: &raw::BlockMeta) {
    json.object(|object| {
        render::block_id(object.key("block_id"), meta.block_id.as_ref());
        object.quoted("block_size", meta.block_size);
        match &meta.header {
            Some(header) => render::header(object.key("header"), header),
            None => object.null("header"),
        }
        object.quoted("num_txs", meta.num_txs);
    });
}
