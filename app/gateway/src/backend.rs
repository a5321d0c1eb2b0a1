use async_trait::async_trait;
use bytes::Bytes;
pub use plume_engine::GrpcCode as Code;
use plume_engine::QueryError;
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
#[error("rpc error: code = {} desc = {message}", code.name())]
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

impl From<QueryError> for Status {
    fn from(e: QueryError) -> Self {
        Self { code: Code::from_number(e.grpc_code), message: e.message }
    }
}
