//! A light client over the RPC of the nodes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plume_client::{RpcClient, RpcError};
use plume_light_client::rpc::{RpcProvider, Transport, TransportError};
use plume_light_client::{Client, Finding, LightBlock, Mode, Provider, Sources, Time, TrustOptions, Verified};
use serde_json::Value;

use crate::Network;

/// An RPC of a node.
#[derive(Debug)]
pub struct Http(pub RpcClient);

impl Transport for Http {
    fn call(&self, method: &str, params: &Value) -> Result<Value, TransportError> {
        self.0.call(method, params).map_err(|error| match error {
            RpcError::Refused { .. } => TransportError::Refused(error.to_string()),
            other => TransportError::Unavailable(other.to_string()),
        })
    }
}

/// The nodes as sources of light blocks.
pub fn providers(network: &Network) -> Vec<RpcProvider<Http>> {
    network.rpcs().into_iter().map(|rpc| RpcProvider::new(rpc.url(), Http(rpc.clone()))).collect()
}

/// Now, as the verifier wants it.
///
/// # Panics
/// Before 1970.
pub fn now() -> Time {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Time::from_unix_timestamp(i64::try_from(elapsed.as_secs()).expect("a time"), elapsed.subsec_nanos())
        .expect("a time")
}

/// A client that trusts one block for a day.
///
/// # Panics
/// When the block does not hold together.
pub fn client(trusted: &LightBlock) -> Client {
    let options = TrustOptions::new(trusted.height(), trusted.hash(), Duration::from_secs(24 * 3600));
    Client::new(trusted.header().chain_id.clone(), options, trusted.clone()).expect("the trusted block holds")
}

/// Verifies every header from the second to `last`, one after the other, with the first node as primary and all others as
/// witnesses.
///
/// # Panics
/// When one does not verify, or a witness has another chain.
pub fn verify_sequentially(nodes: &[RpcProvider<Http>], trusted: &LightBlock, last: u64) -> Verified {
    let witnesses: Vec<&dyn Provider> = nodes[1..].iter().map(|node| node as &dyn Provider).collect();
    let sources = Sources { primary: &nodes[0], witnesses: &witnesses };
    let verified = client(trusted).verify(sources, last, Mode::Sequential, now()).expect("an honest chain");
    assert_eq!(verified.steps, last - trusted.height());
    assert!(verified.witnesses.iter().all(|report| report.finding == Finding::Agrees), "{:?}", verified.witnesses);
    verified
}

/// Verifies `height` by skipping, from `trusted` alone.
///
/// # Panics
/// When it does not verify.
pub fn verify_by_skipping(nodes: &[RpcProvider<Http>], trusted: &LightBlock, height: u64) -> Verified {
    let sources = Sources { primary: &nodes[0], witnesses: &[] };
    client(trusted).verify(sources, height, Mode::Skipping, now()).expect("an honest chain")
}
