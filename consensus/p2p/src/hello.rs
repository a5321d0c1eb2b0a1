use bytes::Bytes;

/// What a node says about itself when a connection starts.
///
/// Everything but the identity is the peer's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Chain that the node is part of.
    pub chain_id: String,
    /// The operator's name for the node.
    pub moniker: String,
    /// `host:port` where the node listens; empty when it does not.
    pub listen_addr: String,
    /// Software and its version.
    pub software: String,
    /// What the owner of the transport adds (at most 8 KiB); not interpreted here.
    pub extra: Bytes,
}
