//! Peers and evidence (`rpc/core/net.go`, `rpc/core/evidence.go`).

use plume_block::raw;
use plume_engine::Reader;

use super::State;
use crate::json::Json;
use crate::render;
use crate::request::evidence;

impl<R: Reader> State<R> {
    pub(super) fn net_info(&self, json: &mut Json) -> Result<(), String> {
        let peers = self.env.node.peers();
        let listeners = self.env.node.listeners();
        json.object(|object| {
            object.bool("listening", !listeners.is_empty());
            object.key("listeners").list(&listeners, |json, listener| json.string(listener));
            object.quoted("n_peers", peers.len());
            object.key("peers").list(&peers, |json, peer| {
                json.object(|object| {
                    render::node_info(object.key("node_info"), &peer.info);
                    object.bool("is_outbound", peer.outbound);
                    render::connection_status(object.key("connection_status"), peer);
                    object.string("remote_ip", &peer.remote_ip);
                });
            });
        });
        Ok(())
    }

    pub(super) fn broadcast_evidence(&self, found: Option<&raw::Evidence>, json: &mut Json) -> Result<(), String> {
        let found = found.ok_or("no evidence was provided")?;
        evidence::validate(found).map_err(|error| format!("evidence.ValidateBasic failed: {error}"))?;
        let node = &self.env.node;
        node.add_evidence(found.clone()).map_err(|error| format!("failed to add evidence: {error}"))?;
        json.object(|object| object.base64("hash", &evidence::hash(found)));
        Ok(())
    }

    pub(super) fn dial_seeds(&self, seeds: &[String], json: &mut Json) -> Result<(), String> {
        if seeds.is_empty() {
            return Err("no seeds provided".to_owned());
        }
        self.env.node.dial(seeds, false)?;
        json.object(|object| object.string("log", "Dialing seeds in progress. See /net_info for details"));
        Ok(())
    }

    pub(super) fn dial_peers(&self, peers: &[String], persistent: bool, json: &mut Json) -> Result<(), String> {
        if peers.is_empty() {
            return Err("no peers provided".to_owned());
        }
        self.env.node.dial(peers, persistent)?;
        json.object(|object| object.string("log", "Dialing peers in progress. See /net_info for details"));
        Ok(())
    }
}
