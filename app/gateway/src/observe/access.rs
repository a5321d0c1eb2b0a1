use std::net::SocketAddr;
use std::time::Duration;

use plume_primitives::Height;

use super::Door;
use crate::Code;

/// One answered request, as the access log shows it: an event of `tracing` with the target `access` and the level
/// `debug`, so that `--log-level info,access=debug` turns it on and `--log-format json` makes it one object a line.
#[derive(Debug, Clone)]
pub struct Access<'a> {
    /// Where it came in.
    pub door: Door,
    /// The other end of the connection.
    pub client: SocketAddr,
    /// HTTP verb.
    pub verb: &'a str,
    /// HTTP path, without the query, which may hold what clients search for.
    pub path: &'a str,
    /// Method that it led to; empty if it led to none.
    pub method: &'a str,
    /// HTTP status; 200 for every gRPC answer.
    pub status: u16,
    /// Code of the outcome.
    pub code: Code,
    /// Height that was read.
    pub height: Option<Height>,
    /// Bytes of the request's body.
    pub received: usize,
    /// Bytes of the answer's body.
    pub sent: usize,
    /// From the whole request to the whole answer.
    pub took: Duration,
}

impl Access<'_> {
    /// Writes it down.
    pub fn log(&self) {
        tracing::debug!(
            target: "access",
            door = self.door.name(),
            client = %self.client,
            verb = self.verb,
            path = self.path,
            method = self.method,
            status = self.status,
            code = ?self.code,
            height = self.height.map(Height::get),
            received = self.received,
            sent = self.sent,
            took_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}
