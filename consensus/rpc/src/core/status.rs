//! Where the node stands (`rpc/core/status.go`).

use plume_block::raw;
use plume_engine::Reader;
use plume_home::keys::consensus_address;
use plume_primitives::{Height, Timestamp};
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;

use super::State;
use super::blocks::kept;
use crate::json::{Json, Object};
use crate::render;

impl<R: Reader> State<R> {
    pub(super) fn status(&self, json: &mut Json) -> Result<(), String> {
        let store = &self.env.store;
        let header = |height: Height| kept(store.header(height));
        let (base, latest) = (store.base(), store.height());
        let (earliest, last) = (header(base)?, header(latest)?);
        let key = self.env.node.validator_key();
        let address = consensus_address(&key);
        let catching_up = self.env.node.catching_up();
        // The power in the next block, not in the last one.
        let validators = self.set_at(self.latest_uncommitted())?;
        let power = validators.as_ref().and_then(|set| set.get(&address)).map_or(0, |(_, validator)| validator.power);
        json.object(|object| {
            render::node_info(object.key("node_info"), &self.env.node.node_info());
            object.object("sync_info", |object| {
                block(object, "latest", last.as_ref(), latest);
                block(object, "earliest", earliest.as_ref(), base);
                object.bool("catching_up", catching_up);
            });
            object.object("validator_info", |object| {
                object.hex("address", &address);
                render::public_key(object.key("pub_key"), &key);
                object.quoted("voting_power", power);
            });
        });
        Ok(())
    }
}

/// Hash, state hash, height and time of one block. Before the first block the time is 1970 (Go's `time.Unix(0, 0)`).
fn block(object: &mut Object<'_>, which: &str, header: Option<&raw::Header>, height: Height) {
    let hash = header.map(plume_block::header_hash);
    let epoch = RawTimestamp { seconds: Timestamp::UNIX_EPOCH.seconds(), nanos: 0 };
    object.hex(&format!("{which}_block_hash"), hash.as_ref().map_or(&[], |hash| &hash[..]));
    object.hex(&format!("{which}_app_hash"), header.map_or(&[], |header| &header.app_hash));
    object.quoted(&format!("{which}_block_height"), if header.is_some() { height.get() } else { 0 });
    let time = header.map_or(Some(&epoch), |header| header.time.as_ref());
    object.time(&format!("{which}_block_time"), time);
}
