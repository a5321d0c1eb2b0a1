use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;
use plume_client::{RpcClient, RpcError};
use plume_light_client::rpc::{RpcProvider, Transport, TransportError};
use plume_light_client::{LightBlock, Provider, ProviderError};
use serde_json::Value;

/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a witness that is behind may take to get the block: a few blocks, or a slow connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two looks at a witness.
const POLL: Duration = Duration::from_millis(200);

/// A node's RPC as the light client's transport.
#[derive(Debug, Clone)]
pub struct Rpc(pub RpcClient);

impl Transport for Rpc {
    fn call(&self, method: &str, params: &Value) -> Result<Value, TransportError> {
        self.0.call(method, params).map_err(|error| match error {
            RpcError::Refused { message, data, .. } => TransportError::Refused(format!("{message} {data}")),
            other => TransportError::Unavailable(other.to_string()),
        })
    }
}

/// The node that is checked; each header that it gives moves the progress bar.
pub struct Primary {
    provider: RpcProvider<Rpc>,
    bar: ProgressBar,
}

impl Primary {
    pub fn new(rpc: &RpcClient, bar: ProgressBar) -> Self {
        Self { provider: RpcProvider::new(rpc.url(), Rpc(rpc.clone())), bar }
    }
}

impl Provider for Primary {
    fn light_block(&self, height: u64) -> Result<LightBlock, ProviderError> {
        self.bar.set_message(height.to_string());
        let block = self.provider.light_block(height);
        self.bar.inc(1);
        block
    }

    fn latest_height(&self) -> Result<u64, ProviderError> {
        self.provider.latest_height()
    }

    fn name(&self) -> String {
        self.provider.name()
    }
}

/// Another node. It may be some blocks behind the first: then it is given time.
pub struct Witness {
    provider: RpcProvider<Rpc>,
    target: u64,
}

impl Witness {
    pub fn new(address: &str, target: u64) -> Result<Self> {
        let rpc = client(address)?;
        Ok(Self { provider: RpcProvider::new(rpc.url(), Rpc(rpc.clone())), target })
    }
}

impl Provider for Witness {
    fn light_block(&self, height: u64) -> Result<LightBlock, ProviderError> {
        self.provider.light_block(height)
    }

    fn latest_height(&self) -> Result<u64, ProviderError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let latest = self.provider.latest_height()?;
            if latest >= self.target || Instant::now() >= deadline {
                return Ok(latest);
            }
            std::thread::sleep(POLL);
        }
    }

    fn name(&self) -> String {
        self.provider.name()
    }
}

/// The RPC at `address`.
pub fn client(address: &str) -> Result<RpcClient> {
    Ok(RpcClient::new(address, TIMEOUT)?)
}
