use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use plume_home::config::Config;
use plume_home::genesis::{GenesisDoc, GenesisValidator, cometbft_params};
use plume_home::home::Home;
use plume_load::SignedTx;
use plume_primitives::{Height, Timestamp};
use serde_json::{Map, Value, json};

use super::config::{Limits, PORT_STEP, free_ports, node_config};
use super::{CHAIN_ID, Server};
use crate::folder::program;

/// Starts `validators` nodes of CometBFT, each with its key-value store in process.
pub(super) fn start(folder: &Path, validators: u16, limits: &Limits) -> Result<(Vec<Server>, Map<String, Value>)> {
    let cometbft = program("cometbft", "PLUME_BENCH_COMETBFT", "run scripts/setup, or set PLUME_BENCH_COMETBFT")?;
    let first = free_ports(validators)?;
    let homes: Vec<Home> = (0..validators).map(|i| Home::new(folder.join(format!("kv{i}")))).collect();
    let ports = |i: u16| (first + i * PORT_STEP, first + i * PORT_STEP + 1);
    let (mut keys, mut peers) = (Vec::new(), Vec::new());
    for (home, i) in homes.iter().zip(0..) {
        home.init(&Config::default())?;
        let name = format!("kv{i}");
        keys.push(GenesisValidator { key: home.validator_key()?, power: 10, name });
        peers.push(format!("{}@127.0.0.1:{}", home.node_id()?, ports(i).1));
    }
    let mut consensus_params = cometbft_params();
    if let Some(block) = &mut consensus_params.block {
        (block.max_bytes, block.max_gas) = (i64::try_from(limits.block_bytes)?, limits.block_gas);
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let genesis = GenesisDoc {
        time: Timestamp::from_unix_nanos(i128::try_from(since.as_nanos())?)?,
        chain_id: CHAIN_ID.to_owned(),
        initial_height: Height(1),
        consensus_params,
        validators: keys,
        app_hash: bytes::Bytes::new(),
        app_state: json!({}),
    };
    let mut nodes = Vec::new();
    for (home, i) in homes.iter().zip(0..) {
        let (rpc, p2p) = ports(i);
        let own = format!(":{p2p}");
        let others = peers.iter().filter(|peer| !peer.ends_with(&own)).cloned().collect();
        home.init(&node_config(format!("kv{i}"), rpc, p2p, others))?;
        home.write_genesis(&genesis)?;
        limits.apply(&home.config_file(), Duration::ZERO)?;
        let arguments = ["start", "--proxy_app", "kvstore", "--home"].map(Into::into);
        let mut arguments: Vec<String> = arguments.into();
        arguments.push(home.root().display().to_string());
        let mut node = Server::new(&cometbft, arguments, home.root(), rpc);
        node.start()?;
        nodes.push(node);
    }
    let settings = json!({
        "durability": "CometBFT: log and block store; the key-value store in memory",
        "pause_after_block_ms": 0,
        "empty_blocks": "one a second",
        "version": plume_home::config::COMETBFT_VERSION,
    });
    Ok((nodes, settings.as_object().cloned().unwrap_or_default()))
}

/// `key=value` of the same size as a transaction.
pub(super) fn pair(index: usize, like: &SignedTx) -> SignedTx {
    let mut text = format!("{index:08}=");
    let padding = like.bytes.len().saturating_sub(text.len()).max(1);
    text.extend(std::iter::repeat_n('x', padding));
    SignedTx { lane: like.lane, bytes: text.into() }
}
