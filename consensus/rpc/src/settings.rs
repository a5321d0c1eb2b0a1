use std::time::Duration;

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
