use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::NodeMetrics;
use crate::node::addresses;

/// How often recordings are sorted into buckets when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve metrics on {listen_addr}: {source}")]
pub struct ServeError {
    listen_addr: String,
    source: io::Error,
}

/// A running server of metrics; it ends when this is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    addr: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl MetricsServer {
    /// Where it listens, with the port that the system chose for port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[derive(Clone)]
struct Served {
    metrics: NodeMetrics,
    limit: u32,
    free: Option<Arc<Semaphore>>,
}

pub(crate) async fn serve(metrics: NodeMetrics, listen_addr: &str, limit: u32) -> Result<MetricsServer, ServeError> {
    let listening = async {
        let listener = TcpListener::bind(&*addresses(listen_addr)?).await?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    let failed = |source| ServeError { listen_addr: listen_addr.to_owned(), source };
    let (listener, addr) = listening.await.map_err(failed)?;
    let permits = usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS);
    let free = (limit > 0).then(|| Arc::new(Semaphore::new(permits)));
    let upkeep = metrics.clone();
    // CometBFT answers on every path.
    let router = Router::new().fallback(answer).with_state(Served { metrics, limit, free });
    let server = tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            tracing::error!(%e, "metrics are no longer served");
        }
    });
    let upkeep = tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.upkeep();
        }
    });
    Ok(MetricsServer { addr, tasks: [server, upkeep] })
}

async fn answer(State(served): State<Served>) -> Response {
    // Kept until the text is made.
    let _permit = match served.free.as_ref().map(|free| free.try_acquire()) {
        Some(Err(_)) => {
            let text = format!("Limit of concurrent requests reached ({}), try again later.", served.limit);
            return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        }
        permit => permit,
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], served.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_above_the_limit_are_refused() {
        let free = Arc::new(Semaphore::new(1));
        let metrics = NodeMetrics::new("cometbft", "net-1");
        let served = Served { metrics, limit: 1, free: Some(free.clone()) };
        for _ in 0..2 {
            assert_eq!(answer(State(served.clone())).await.status(), StatusCode::OK, "one after another");
        }
        let _other = free.try_acquire().expect("free");
        let refused = answer(State(served)).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = axum::body::to_bytes(refused.into_body(), 1000).await.expect("short");
        assert_eq!(text, "Limit of concurrent requests reached (1), try again later.");
    }
}
