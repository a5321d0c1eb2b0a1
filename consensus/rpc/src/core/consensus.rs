//! Validators, parameters and the state of consensus (`rpc/core/consensus.go`).

use plume_block::{ValidatorSet, raw};
use plume_engine::Reader;

use super::blocks::{height, kept};
use super::{State, paging};
use crate::json::Json;
use crate::node::RoundView;
use crate::render;

impl<R: Reader> State<R> {
    /// Without a height: those of the next block, which are known already.
    pub(super) fn validators(
        &self,
        height: Option<i64>,
        page: Option<i64>,
        per_page: Option<i64>,
        json: &mut Json,
    ) -> Result<(), String> {
        let height = self.height_of(height, self.latest_uncommitted())?;
        let set = self.set_at(height)?.ok_or_else(|| format!("could not find validator set for height #{height}"))?;
        let all = set.validators();
        let per_page = paging::per_page(per_page);
        let page = paging::page(page, per_page, all.len())?;
        let shown = paging::slice(all, page, per_page);
        json.object(|object| {
            object.quoted("block_height", height);
            object.key("validators").list(shown, render::validator);
            object.quoted("count", shown.len());
            object.quoted("total", all.len());
        });
        Ok(())
    }

    /// The validators of a height, if they are known.
    pub(super) fn set_at(&self, at: i64) -> Result<Option<ValidatorSet>, String> {
        kept(self.env.store.validators(height(at)))
    }

    /// Without a height: those of the next block, which are known already.
    pub(super) fn consensus_params(&self, asked: Option<i64>, json: &mut Json) -> Result<(), String> {
        let at = self.height_of(asked, self.latest_uncommitted())?;
        let params = kept(self.env.store.consensus_params(height(at)))?;
        let params = params.ok_or_else(|| format!("could not find consensus params for height #{at}"))?;
        json.object(|object| {
            object.quoted("block_height", at);
            render::params(object.key("consensus_params"), &params);
        });
        Ok(())
    }

    pub(super) fn consensus_state(&self, json: &mut Json) -> Result<(), String> {
        let view = self.env.node.round();
        let validators = self.round_validators(&view)?;
        json.object(|object| render::round_state_simple(object.key("round_state"), &view, &validators));
        Ok(())
    }

    pub(super) fn dump_consensus_state(&self, json: &mut Json) -> Result<(), String> {
        let view = self.env.node.round();
        let validators = self.round_validators(&view)?;
        let last = self.last_commit(&view)?;
        let last = last.as_ref().map(|(validators, commit)| (validators, commit));
        let sets = render::Sets { validators: &validators, last };
        let peers = self.env.node.peers();
        json.object(|object| {
            render::round_state(object.key("round_state"), &view, &sets);
            object.key("peers").list(&peers, |json, peer| {
                json.object(|object| {
                    object.string("node_address", &peer.address);
                    render::peer_state(object.key("peer_state"), peer);
                });
            });
        });
        Ok(())
    }

    fn round_validators(&self, view: &RoundView) -> Result<ValidatorSet, String> {
        let height = view.height.to_i64();
        let mut set =
            self.set_at(height)?.ok_or_else(|| format!("could not find validator set for height #{height}"))?;
        if let Ok(rounds @ 1..) = u32::try_from(view.round) {
            set.increment_proposer_priority(rounds);
        }
        Ok(set)
    }

    /// Validators and seen commit of the block before the one being decided.
    fn last_commit(&self, view: &RoundView) -> Result<Option<(ValidatorSet, raw::Commit)>, String> {
        let Some(last) = view.height.previous() else { return Ok(None) };
        let Some(commit) = kept(self.env.store.seen_commit(last))? else { return Ok(None) };
        Ok(self.set_at(last.to_i64())?.map(|set| (set, commit)))
    }
}
