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
    /// gRPC status code.
    pub grpc_code: u32,
    /// Message without the `rpc error: ..` frame: what gRPC and REST clients read.
    pub message: String,
    /// Full ABCI log.
    pub log: String,
}

/// Status codes of gRPC (`google.rpc.Code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum GrpcCode {
    /// Success.
    Ok = 0,
    /// The caller gave up.
    Canceled = 1,
    /// Any error that has no status of its own.
    Unknown = 2,
    /// The request makes no sense.
    InvalidArgument = 3,
    /// The deadline passed first.
    DeadlineExceeded = 4,
    /// What was asked for does not exist.
    NotFound = 5,
    /// What was to be made exists.
    AlreadyExists = 6,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// The request exceeds a limit.
    ResourceExhausted = 8,
    /// The state does not allow the request.
    FailedPrecondition = 9,
    /// A conflict with something that happened at the same time.
    Aborted = 10,
    /// Beyond the valid range.
    OutOfRange = 11,
    /// Nobody handles the request.
    Unimplemented = 12,
    /// The node is broken.
    Internal = 13,
    /// A part of the node cannot be reached.
    Unavailable = 14,
    /// Data is lost.
    DataLoss = 15,
    /// The caller is not known.
    Unauthenticated = 16,
}

impl GrpcCode {
    /// Every code with the name that Go prints and clients match in texts, in the order of the numbers.
    const NAMES: [(Self, &'static str); 17] = [
        (Self::Ok, "OK"),
        (Self::Canceled, "Canceled"),
        (Self::Unknown, "Unknown"),
        (Self::InvalidArgument, "InvalidArgument"),
        (Self::DeadlineExceeded, "DeadlineExceeded"),
        (Self::NotFound, "NotFound"),
        (Self::AlreadyExists, "AlreadyExists"),
        (Self::PermissionDenied, "PermissionDenied"),
        (Self::ResourceExhausted, "ResourceExhausted"),
        (Self::FailedPrecondition, "FailedPrecondition"),
        (Self::Aborted, "Aborted"),
        (Self::OutOfRange, "OutOfRange"),
        (Self::Unimplemented, "Unimplemented"),
        (Self::Internal, "Internal"),
        (Self::Unavailable, "Unavailable"),
        (Self::DataLoss, "DataLoss"),
        (Self::Unauthenticated, "Unauthenticated"),
    ];

    /// Name as Go prints it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(code, _)| *code == self).map_or("Unknown", |(_, name)| name)
    }

    /// The number on the wire.
    pub fn number(self) -> u32 {
        self as u32 // a field-less enum's own number
    }

    /// The code with this number; `Unknown` for a number that gRPC does not define.
    pub fn from_number(number: u32) -> Self {
        Self::NAMES.iter().find(|(code, _)| code.number() == number).map_or(Self::Unknown, |(code, _)| *code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_numbers_of_grpc() {
        for (number, (code, name)) in (0..).zip(GrpcCode::NAMES) {
            assert_eq!((code.number(), GrpcCode::from_number(number), code.name()), (number, code, name));
        }
        assert_eq!(GrpcCode::from_number(17), GrpcCode::Unknown);
        assert_eq!(GrpcCode::NotFound.number(), 5);
    }
}
