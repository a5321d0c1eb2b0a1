use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use plume_engine::{NodeService, Reader};
use plume_kit::QueryFailure;
use plume_primitives::Height;
use tokio::sync::Semaphore;

use crate::services::{BROADCAST_TX, Services};
use crate::{Answer, Backend, Call, Code, Status};

/// The [`Backend`] of a node: every method of its state machine and of its [`Services`].
///
/// Calls run on threads of their own, a bounded number at a time; what comes beyond waits in order, and gives up with its
/// deadline. So neither slow queries nor many of them keep the node's own work waiting for a thread.
pub struct Methods<R: Reader> {
    reader: R,
    pub(crate) services: Arc<Services<R>>,
    paths: HashSet<&'static str>,
    slots: Arc<Semaphore>,
}

impl<R: Reader> Methods<R> {
    /// The methods of `reader`, which from now on also answers those of `services`; `at_once` calls run at one time.
    pub fn new(reader: R, services: Services<R>, at_once: usize) -> Self {
        let services = Arc::new(services);
        // A state machine that has services already keeps them; this backend answers with its own either way.
        reader.serve(services.clone());
        let paths = reader.query_paths().into_iter().chain(services.paths()).collect();
        Self { reader, services, paths, slots: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    fn answer(reader: &R, services: &Services<R>, call: &Call) -> Result<Answer, Status> {
        if call.path == BROADCAST_TX {
            // ABCI Query refuses it, so it does not go that way.
            let height = reader.info().height.max(Height(1));
            if let Some(answer) = services.call(&call.path, &call.request, height) {
                let response = answer.map_err(QueryFailure::into_error)?;
                return Ok(Answer { response, height });
            }
        }
        let answer = reader.query(&call.path, &call.request, call.height, false)?;
        Ok(Answer { response: answer.value, height: answer.height })
    }
}

#[async_trait]
impl<R: Reader> Backend for Methods<R> {
    async fn call(&self, call: Call) -> Result<Answer, Status> {
        if !self.has(&call.path) {
            return Err(Status::new(Code::Unimplemented, format!("unknown query path {}", call.path)));
        }
        let slot = self.slots.clone().acquire_owned().await;
        let slot = slot.map_err(|_| Status::new(Code::Unavailable, "the node stops"))?;
        let (reader, services) = (self.reader.clone(), self.services.clone());
        let answered = tokio::task::spawn_blocking(move || {
            let answer = Self::answer(&reader, &services, &call);
            // Also when nobody waits any more: the thread was busy until now.
            drop(slot);
            answer
        });
        answered.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a query panicked");
            Err(Status::new(Code::Internal, "the query failed inside the node"))
        })
    }

    fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }
}
