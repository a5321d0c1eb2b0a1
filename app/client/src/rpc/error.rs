use thiserror::Error;

/// Why a node gives no answer; each text says what to do.
#[derive(Debug, Error)]
pub enum RpcError {
    /// Nobody listens, or the connection breaks.
    #[error("cannot reach a node at {url} ({reason}): start one with `plumed start`, or name another with --node")]
    Unreachable {
        /// Where it was sought.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The address cannot be used.
    #[error("invalid node address {url:?} ({reason}): want for example http://127.0.0.1:26657")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It listens but does not answer in time.
    #[error("the node at {url} did not answer {method} in time: it may be catching up or overloaded; try again")]
    Timeout {
        /// Where it is.
        url: String,
        /// What was asked.
        method: String,
    },
    /// Something answers that is no CometBFT RPC.
    #[error("{url} does not speak CometBFT's JSON-RPC ({reason}): is it the RPC port, by default 26657?")]
    NotRpc {
        /// Where it is.
        url: String,
        /// What it answered.
        reason: String,
    },
    /// The node refuses the request.
    #[error("the node refused {method}: {message}{}", if .data.is_empty() { String::new() } else { format!(": {}", .data) })]
    Refused {
        /// What was asked.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// Its text.
        message: String,
        /// More of it.
        data: String,
    },
    /// An answer of another shape than CometBFT 0.38 gives.
    #[error("unexpected answer to {method} ({reason}): is the node's CometBFT of version 0.38?")]
    Unexpected {
        /// What was asked.
        method: String,
        /// What does not fit.
        reason: String,
    },
}

/// Why a query of the chain has no result.
#[derive(Debug, Error)]
pub enum QueryError {
    /// No answer at all.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The chain answers with an error.
    #[error("query {path} failed: {log} ({codespace} code {code})")]
    Failed {
        /// What was asked.
        path: String,
        /// Number of the error.
        code: u32,
        /// Who numbers it.
        codespace: String,
        /// Its text.
        log: String,
    },
    /// The result cannot be read.
    #[error("query {path} gave something unexpected: {reason}")]
    Unexpected {
        /// What was asked.
        path: String,
        /// What does not fit.
        reason: String,
    },
}

impl QueryError {
    /// Whether the chain says that what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Failed { log, .. } if log.contains("code = NotFound"))
    }
}
