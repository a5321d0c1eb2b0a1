use std::collections::BTreeMap;

use bytes::Bytes;
use plume_engine::{Fatal, GrpcCode, QueryError};
use plume_state::StateError;
use prost::Message;

use crate::{Abort, ReadCtx, sdk};

/// Why a query failed, before it takes the form of a transport.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryFailure {
    /// `None` for an error that the SDK returns without a gRPC status.
    pub code: Option<GrpcCode>,
    /// Text.
    pub message: String,
}

impl QueryFailure {
    /// A failure with a gRPC status.
    pub fn status(code: GrpcCode, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: message.into() }
    }

    /// `InvalidArgument`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::status(GrpcCode::InvalidArgument, message)
    }

    /// `NotFound`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::status(GrpcCode::NotFound, message)
    }

    /// An error without a status, as when an SDK handler returns a plain `error`.
    pub fn plain(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }

    /// An error that the SDK has registered with a codespace and a code, as when a handler returns a wrapped
    /// `ErrLogic`: its status is `Unknown`, its text stands alone.
    pub fn registered(message: impl Into<String>) -> Self {
        Self::status(GrpcCode::Unknown, message)
    }

    /// `ResourceExhausted`: the call would do more work than `query-gas-limit` allows; `reason` says at what it ended.
    pub fn too_much_work(reason: impl core::fmt::Display) -> Self {
        let text = format!("the query needs more work than this node allows (query-gas-limit): {reason}");
        Self::status(GrpcCode::ResourceExhausted, text)
    }

    /// The form of ABCI and gRPC (`baseapp.gRPCErrorToSDKError` of SDK 0.50).
    pub fn into_error(self) -> QueryError {
        let kind = match self.code {
            Some(GrpcCode::NotFound) => sdk::KEY_NOT_FOUND,
            Some(GrpcCode::Unauthenticated) => sdk::UNAUTHORIZED,
            None | Some(GrpcCode::InvalidArgument | GrpcCode::FailedPrecondition) => sdk::INVALID_REQUEST,
            Some(_) => sdk::UNKNOWN_REQUEST,
        };
        let framed = match self.code {
            None | Some(GrpcCode::Unknown) => self.message.clone(),
            Some(code) => format!("rpc error: code = {} desc = {}", code.name(), self.message),
        };
        QueryError {
            codespace: kind.codespace.to_owned(),
            code: kind.code,
            grpc_code: self.code.unwrap_or(GrpcCode::Unknown).number(),
            message: self.message,
            log: format!("{framed}: {}", kind.text),
        }
    }
}

impl From<StateError> for QueryFailure {
    fn from(e: StateError) -> Self {
        match e {
            StateError::Fatal(_) => Self::status(GrpcCode::Internal, e.to_string()),
            StateError::Gas(e) => Self::too_much_work(e),
            // `sdk/26` is the caller's to give: it knows which height was asked for.
            _ => Self::plain(e.to_string()),
        }
    }
}

impl From<Fatal> for QueryFailure {
    fn from(e: Fatal) -> Self {
        Self::status(GrpcCode::Internal, e.to_string())
    }
}

impl From<Abort> for QueryFailure {
    fn from(e: Abort) -> Self {
        match e {
            Abort::Tx(e) => Self::plain(e.message),
            Abort::Fatal(f) => f.into(),
        }
    }
}

type Handler = Box<dyn Fn(&ReadCtx, &[u8]) -> Result<Bytes, QueryFailure> + Send + Sync>;

/// Every query of the chain, by full gRPC path: the one table behind ABCI, gRPC, REST and CLI.
#[derive(Default)]
pub struct QueryRouter {
    handlers: BTreeMap<&'static str, Handler>,
    twice: Vec<&'static str>,
}

impl QueryRouter {
    /// No queries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the query at `path`, for example `/cosmos.bank.v1beta1.Query/Balance`.
    ///
    /// A path registered twice makes [`QueryRouter::verify`] fail.
    pub fn add<Req, Resp, F>(&mut self, path: &'static str, handler: F)
    where
        Req: Message + Default,
        Resp: Message,
        F: Fn(&ReadCtx, Req) -> Result<Resp, QueryFailure> + Send + Sync + 'static,
    {
        let erased = move |ctx: &ReadCtx, request: &[u8]| {
            let request = Req::decode(request).map_err(|e| QueryFailure::plain(e.to_string()))?;
            handler(ctx, request).map(|response| Bytes::from(response.encode_to_vec()))
        };
        if self.handlers.insert(path, Box::new(erased)).is_some() {
            self.twice.push(path);
        }
    }

    /// Checks that no path was registered twice.
    ///
    /// # Errors
    /// Names the paths.
    pub fn verify(&self) -> Result<(), Fatal> {
        if self.twice.is_empty() {
            return Ok(());
        }
        Err(Fatal::new(format!("queries registered twice: {}", self.twice.join(", "))))
    }

    /// Registered paths in order.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.handlers.keys().copied()
    }

    /// Whether `path` is a query of the chain.
    pub fn has(&self, path: &str) -> bool {
        self.handlers.contains_key(path)
    }

    /// Answers the query at `path`.
    ///
    /// # Errors
    /// `Unimplemented` for an unknown path, and the query's own failure.
    pub fn answer(&self, ctx: &ReadCtx, path: &str, request: &[u8]) -> Result<Bytes, QueryFailure> {
        match self.handlers.get(path) {
            Some(handler) => handler(ctx, request),
            None => Err(QueryFailure::status(GrpcCode::Unimplemented, format!("unknown query path {path}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_found_takes_the_form_that_clients_match() {
        let e = QueryFailure::not_found("account plume1x not found").into_error();
        assert_eq!((e.codespace.as_str(), e.code, e.grpc_code), ("sdk", 22, 5));
        assert_eq!(e.log, "rpc error: code = NotFound desc = account plume1x not found: key not found");
        assert_eq!(e.message, "account plume1x not found");
    }

    #[test]
    fn each_status_has_the_code_that_the_sdk_gives_it() {
        let abci = |e: QueryFailure| (e.clone().into_error().code, e.into_error().log);
        assert_eq!(
            abci(QueryFailure::invalid("invalid denom: ab")),
            (18, "rpc error: code = InvalidArgument desc = invalid denom: ab: invalid request".to_owned())
        );
        assert_eq!(
            abci(QueryFailure::status(GrpcCode::Internal, "got both")),
            (6, "rpc error: code = Internal desc = got both: unknown request".to_owned())
        );
        assert_eq!(
            abci(QueryFailure::registered("wrong prefix: internal logic error")),
            (6, "wrong prefix: internal logic error: unknown request".to_owned())
        );
    }

    #[test]
    fn error_without_status_is_an_invalid_request() {
        let e = QueryFailure::plain("unexpected EOF").into_error();
        assert_eq!((e.code, e.grpc_code, e.log.as_str()), (18, 2, "unexpected EOF: invalid request"));
    }
}
