use std::time::Duration;

/// Section `[api]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestSettings {
    /// `address`: `tcp://host:port`.
    pub address: String,
    /// `max-open-connections`; 0 is no limit. One more closes the connection that has been idle the longest.
    pub max_open_connections: usize,
    /// `rpc-read-timeout`: for the head of a request, for its body, and how long an idle connection is kept.
    pub read_timeout: Duration,
    /// `rpc-write-timeout`: how long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// `rpc-max-body-bytes`.
    pub max_body_bytes: usize,
    /// `enabled-unsafe-cors`: pages of every origin may call.
    pub unsafe_cors: bool,
    /// `swagger`: whether the page and the OpenAPI document are served.
    pub swagger: bool,
    /// Name of the chain, for the title of the document.
    pub title: String,
}

/// The SDK's, but for the time to write, on which it has no limit: then clients that read nothing would fill the
/// memory.
impl Default for RestSettings {
    fn default() -> Self {
        Self {
            address: "tcp://localhost:1317".to_owned(),
            max_open_connections: 1000,
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            max_body_bytes: 1_000_000,
            unsafe_cors: false,
            swagger: false,
            title: "plume".to_owned(),
        }
    }
}
