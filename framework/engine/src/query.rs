use bytes::Bytes;
use plume_primitives::Height;

/// A successful answer to a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryAnswer {
    /// The height whose state was read, never 0.
    pub height: Height,
    /// Key that was looked up (store queries only).
    pub key: Bytes,
    /// Response message, or the stored value; empty when the key is absent.
    pub value: Bytes,
    /// Merkle proof, innermost first; empty unless it was asked for.
    pub proof: Vec<ProofOp>,
}

/// One step of a proof (`tendermint.crypto.ProofOp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofOp {
    /// Names the decoder of `data`.
    pub kind: String,
    /// Key that the step proves.
    pub key: Bytes,
    /// Encoded proof.
    pub data: Bytes,
}

/// A refused query, with the ABCI code and the gRPC code that clients see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{log}")]
pub struct QueryError {
    /// Names the module that numbers `code`, normally `sdk`.
    pub codespace: String,
    /// ABCI code, never 0.
    pub code: u32,
    /// gRPC status code (`google.rpc.Code`).
    pub grpc_code: u32,
    /// Message without the `rpc error: ..` frame: what gRPC and REST clients read.
    pub message: String,
    /// Full ABCI log.
    pub log: String,
}
