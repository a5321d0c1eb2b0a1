//! Nodes and peers (`p2p`, `p2p/conn`, `consensus/reactor.go`).

use std::time::Duration;

use plume_engine::NodeInfo;
use plume_primitives::Timestamp;

use crate::json::Json;
use crate::node::{PeerInfo, Traffic};

pub(crate) fn node_info(json: &mut Json, info: &NodeInfo) {
    json.object(|object| {
        object.object("protocol_version", |object| {
            object.quoted("p2p", info.p2p_version);
            object.quoted("block", info.block_version);
            object.quoted("app", info.app_version);
        });
        object.string("id", &info.id);
        object.string("listen_addr", &info.listen_addr);
        object.string("network", &info.network);
        object.string("version", &info.version);
        object.hex("channels", &info.channels);
        object.string("moniker", &info.moniker);
        object.object("other", |object| {
            object.string("tx_index", if info.tx_index { "on" } else { "off" });
            object.string("rpc_address", &info.rpc_address);
        });
    });
}

/// `conn.ConnectionStatus`. Figures that this transport does not take are zero.
pub(crate) fn connection_status(json: &mut Json, peer: &PeerInfo) {
    json.object(|object| {
        object.quoted("Duration", peer.connected.as_nanos());
        monitor(object.key("SendMonitor"), peer.sent, peer.since, peer.connected);
        monitor(object.key("RecvMonitor"), peer.received, peer.since, peer.connected);
        object.key("Channels").list(&peer.info.channels, |json, &channel| {
            json.object(|object| {
                object.number("ID", channel);
                object.quoted("SendQueueCapacity", 0);
                object.quoted("SendQueueSize", 0);
                object.quoted("Priority", 0);
                object.quoted("RecentlySent", 0);
            });
        });
    });
}

fn monitor(json: &mut Json, traffic: Traffic, since: Timestamp, duration: Duration) {
    let average = u128::from(traffic.bytes) * 1_000 / duration.as_millis().max(1);
    json.object(|object| {
        object.quoted("Start", since);
        object.quoted("Bytes", traffic.bytes);
        object.quoted("Samples", traffic.messages);
        object.quoted("InstRate", traffic.rate);
        object.quoted("CurRate", traffic.rate);
        object.quoted("AvgRate", average);
        object.quoted("PeakRate", traffic.rate);
        object.quoted("BytesRem", 0);
        object.quoted("Duration", duration.as_nanos());
        object.quoted("Idle", 0);
        object.quoted("TimeRem", 0);
        object.number("Progress", 0);
        object.bool("Active", true);
    });
}

/// `consensus.PeerState`: the height that a peer reported; this engine's peers exchange no rounds.
pub(crate) fn peer_state(json: &mut Json, peer: &PeerInfo) {
    json.object(|object| {
        object.object("round_state", |object| {
            object.quoted("height", peer.height);
            object.number("round", -1);
            object.number("step", 0);
            object.time("start_time", None);
            object.bool("proposal", false);
            object.object("proposal_block_part_set_header", |object| {
                object.number("total", 0);
                object.hex("hash", &[]);
            });
            object.null("proposal_block_parts");
            object.number("proposal_pol_round", -1);
            object.null("proposal_pol");
            object.null("prevotes");
            object.null("precommits");
            object.number("last_commit_round", -1);
            object.null("last_commit");
            object.number("catchup_commit_round", -1);
            object.null("catchup_commit");
        });
        object.object("stats", |object| {
            object.quoted("votes", 0);
            object.quoted("block_parts", 0);
        });
    });
}
