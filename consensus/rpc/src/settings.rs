use std::time::Duration;

use plume_home::config::Rpc;

/// How the server listens and what it refuses: the `[rpc]` section of `config.toml`.
///
/// [`Default`] gives CometBFT 0.38's own values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcSettings {
    /// `laddr`: one or more `tcp://host:port`, separated by commas. Port 0 lets the system choose.
    pub laddr: String,
    /// `cors_allowed_origins`: `*`, exact origins, or patterns with one `*`; empty turns CORS off.
    pub cors_allowed_origins: Vec<String>,
    /// `cors_allowed_methods`.
    pub cors_allowed_methods: Vec<String>,
    /// `cors_allowed_headers`; `*` for all.
    pub cors_allowed_headers: Vec<String>,
    /// `unsafe`: whether `dial_seeds`, `dial_peers` and `unsafe_flush_mempool` exist.
    pub unsafe_methods: bool,
    /// `max_open_connections`, WebSockets included; 0: no limit.
    pub max_open_connections: usize,
    /// `max_subscription_clients`: connections that may hold subscriptions at one time.
    pub max_subscription_clients: usize,
    /// `max_subscriptions_per_client`.
    pub max_subscriptions_per_client: usize,
    /// `experimental_subscription_buffer_size`: events that wait for one subscription before it is cancelled.
    pub subscription_buffer_size: usize,
    /// `experimental_websocket_write_buffer_size`: messages that wait for one WebSocket.
    pub websocket_write_buffer_size: usize,
    /// `experimental_close_on_slow_client`: whether a subscription ends when its WebSocket takes no message for 10 s;
    /// otherwise that message is dropped.
    pub close_on_slow_client: bool,
    /// `timeout_broadcast_tx_commit`.
    pub timeout_broadcast_tx_commit: Duration,
    /// `max_request_batch_size`; 0: no limit.
    pub max_request_batch_size: usize,
    /// `max_body_bytes`, also of one WebSocket message.
    pub max_body_bytes: usize,
    /// `max_header_bytes`: request line and headers together.
    pub max_header_bytes: usize,
}

impl Default for RpcSettings {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            laddr: "tcp://127.0.0.1:26657".to_owned(),
            cors_allowed_origins: Vec::new(),
            cors_allowed_methods: owned(&["HEAD", "GET", "POST"]),
            cors_allowed_headers: owned(&["Origin", "Accept", "Content-Type", "X-Requested-With", "X-Server-Time"]),
            unsafe_methods: false,
            max_open_connections: 900,
            max_subscription_clients: 100,
            max_subscriptions_per_client: 5,
            subscription_buffer_size: 200,
            websocket_write_buffer_size: 200,
            close_on_slow_client: false,
            timeout_broadcast_tx_commit: Duration::from_secs(10),
            max_request_batch_size: 10,
            max_body_bytes: 1_000_000,
            max_header_bytes: 1 << 20,
        }
    }
}

/// From `config.toml`. What this server does not have (gRPC, TLS, `pprof`) is left out.
impl From<&Rpc> for RpcSettings {
    fn from(section: &Rpc) -> Self {
        // Machines with pointers of less than 32 bits cannot run a node.
        let count = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            laddr: section.laddr.clone(),
            cors_allowed_origins: section.cors_allowed_origins.clone(),
            cors_allowed_methods: section.cors_allowed_methods.clone(),
            cors_allowed_headers: section.cors_allowed_headers.clone(),
            unsafe_methods: section.unsafe_commands,
            max_open_connections: count(section.max_open_connections),
            max_subscription_clients: count(section.max_subscription_clients),
            max_subscriptions_per_client: count(section.max_subscriptions_per_client),
            subscription_buffer_size: count(section.subscription_buffer_size),
            websocket_write_buffer_size: count(section.websocket_write_buffer_size),
            close_on_slow_client: section.close_on_slow_client,
            timeout_broadcast_tx_commit: section.timeout_broadcast_tx_commit,
            max_request_batch_size: count(section.max_request_batch_size),
            max_body_bytes: usize::try_from(section.max_body_bytes).unwrap_or(usize::MAX),
            max_header_bytes: count(section.max_header_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_configuration() {
        assert_eq!(RpcSettings::from(&Rpc::default()), RpcSettings::default());
    }
}
