use std::time::Duration;

use plume_proto::cosmos::autocli::v1::AppOptionsResponse;

/// What the node says of itself and of its operator's decisions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeSettings {
    /// Name of the chain's software: `plume`.
    pub name: String,
    /// Name of the binary: `plumed`.
    pub app_name: String,
    /// Version of the software.
    pub version: String,
    /// Commit that it was built from; may be empty.
    pub git_commit: String,
    /// `minimum-gas-prices`, normalised.
    pub minimum_gas_prices: String,
    /// `pruning-keep-recent`.
    pub pruning_keep_recent: String,
    /// `pruning-interval`.
    pub pruning_interval: String,
    /// `halt-height`; 0 for none.
    pub halt_height: u64,
    /// Names and numbers of the sign modes that the chain takes.
    pub sign_modes: Vec<(String, i32)>,
    /// How command lines present modules, where it differs from what descriptors give (`cosmos.autocli.v1`).
    pub commands: AppOptionsResponse,
}

/// Section `[grpc]` of `app.toml`, and limits of this server that are no settings of the SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcSettings {
    /// `address`: `host:port`. Port 0 lets the system choose.
    pub address: String,
    /// `max-recv-msg-size`: largest request message in bytes.
    pub max_recv_msg_size: usize,
    /// `max-send-msg-size`: largest response message in bytes.
    pub max_send_msg_size: usize,
    /// Bytes of requests that are received or being answered, of all connections together.
    pub max_request_memory: usize,
    /// Connections at one time; one more closes the one that has been idle the longest.
    pub max_connections: usize,
    /// Calls at one time on one connection.
    pub max_streams: u32,
    /// How long a call may take that names no deadline.
    pub timeout: Duration,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            address: "localhost:9090".to_owned(),
            max_recv_msg_size: 10 << 20,
            max_send_msg_size: 2_147_483_647, // Go's math.MaxInt32, the SDK's default
            max_request_memory: 256 << 20,
            max_connections: 10_000,
            max_streams: 128,
            timeout: Duration::from_secs(60),
        }
    }
}
