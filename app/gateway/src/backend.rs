use async_trait::async_trait;
use bytes::Bytes;
use plume_primitives::Height;

/// What every door asks: one table of methods behind gRPC, gRPC-web and REST.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Calls a method with an encoded request and gives its encoded response.
    ///
    /// Never waits for a block, and never keeps a thread of the async runtime busy.
    ///
    /// # Errors
    /// [`Code::Unimplemented`] for a path that [`Backend::has`] denies; otherwise what the method says.
    async fn call(&self, call: Call) -> Result<Answer, Status>;

    /// Whether there is a method at `path`.
    fn has(&self, path: &str) -> bool;
}

/// A call of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Full path of the method: `/pkg.Service/Method`.
    pub path: String,
    /// Encoded request message.
    pub request: Bytes,
    /// The height whose state is asked for; the last committed one when `None`.
    pub height: Option<Height>,
}

/// What a method answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Encoded response message.
    pub response: Bytes,
    /// The height whose state was read; for a method that reads none, the last committed one. Never 0.
    pub height: Height,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rpc error: code = {code:?} desc = {message}")]
pub struct Status {
    /// Status code of gRPC.
    pub code: Code,
    /// Text for people, without the `rpc error: ..` frame.
    pub message: String,
}

impl Status {
    /// A failure with `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Status codes of gRPC (`google.rpc.Code`); the names are Go's, which clients match in texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Code {
    /// Success.
    Ok = 0,
    /// The caller gave up.
    Canceled = 1,
    /// An error that has no code of its own.
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

impl Code {
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Canceled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code's number on the wire.
    pub fn number(self) -> u32 {
        self as u32 // a field-less enum's own number
    }

    /// The code with this number; [`Code::Unknown`] for a number that gRPC does not define.
    pub fn from_number(number: u32) -> Self {
        Self::ALL.into_iter().find(|code| code.number() == number).unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_grpc_and_an_unknown_one_is_unknown() {
        for (number, code) in (0..).zip(Code::ALL) {
            assert_eq!((code.number(), Code::from_number(number)), (number, code));
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
        assert_eq!(Status::new(Code::NotFound, "x").to_string(), "rpc error: code = NotFound desc = x");
    }
}
