//! `grpc.health.v1.Health`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plume_proto::Message;
use plume_proto::grpc::health::v1::health_check_response::ServingStatus;
use plume_proto::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};

use crate::{Code, Status};

/// The service.
pub(super) const SERVICE: &str = "grpc.health.v1.Health";
/// Asks once.
pub(super) const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Asks for every change.
pub(super) const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// How often a change is looked for.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// Knows which services there are and whether the node is ready: while it fetches old blocks, what it answers is old.
pub(super) struct Health {
    services: Arc<[String]>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Health {
    /// `services` are sorted.
    pub(super) fn new(services: Arc<[String]>, ready: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self { services, ready }
    }

    /// Whether there is a service of this name.
    pub(super) fn knows(&self, service: &str) -> bool {
        self.services.binary_search_by(|known| known.as_str().cmp(service)).is_ok()
    }

    /// Answers `Check`, to which a service that does not exist is an error.
    pub(super) fn check(&self, request: &[u8]) -> Result<Bytes, Status> {
        match self.status(request)? {
            ServingStatus::ServiceUnknown => Err(Status::new(Code::NotFound, "unknown service")),
            status => Ok(encode(status)),
        }
    }

    /// What `Watch` says now.
    pub(super) fn watch(&self, request: &[u8]) -> Result<Bytes, Status> {
        self.status(request).map(encode)
    }

    fn status(&self, request: &[u8]) -> Result<ServingStatus, Status> {
        let request = HealthCheckRequest::decode(request)
            .map_err(|e| Status::new(Code::Internal, format!("the request does not decode: {e}")))?;
        if !request.service.is_empty() && !self.knows(&request.service) {
            return Ok(ServingStatus::ServiceUnknown);
        }
        Ok(if (self.ready)() { ServingStatus::Serving } else { ServingStatus::NotServing })
    }
}

fn encode(status: ServingStatus) -> Bytes {
    Bytes::from(HealthCheckResponse { status: status.into() }.encode_to_vec())
}
