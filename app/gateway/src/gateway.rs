use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use plume_engine::{Engine, Reader};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::grpc::Grpc;
use crate::observe::{Metrics, Telemetry};
use crate::rest::{Rest, RestSettings, Web};
use crate::{Descriptors, GrpcSettings, Methods, NodeSettings, Server, Services, grpc, rest};

/// Queries that run at one time; further ones wait. More would only share the same processors with the node's own work.
const AT_ONCE: usize = 16;

/// Threads that read and write connections.
const WORKERS: usize = 2;

/// How often the node is asked whether it still fetches old blocks.
const READY_PERIOD: Duration = Duration::from_secs(1);

/// What a node opens: sections `[grpc]`, `[grpc-web]`, `[api]` and `[telemetry]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewaySettings {
    /// `[grpc]`, unless `enable` is false.
    pub grpc: Option<GrpcSettings>,
    /// `[grpc-web] enable`: gRPC-web at the address of the API. Nothing without both servers.
    pub grpc_web: bool,
    /// `[api]`, unless `enable` is false.
    pub rest: Option<RestSettings>,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
}

/// Why no door opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The gRPC server.
    #[error(transparent)]
    Grpc(#[from] grpc::StartError),
    /// The API server.
    #[error(transparent)]
    Rest(#[from] rest::StartError),
    /// An HTTP rule that cannot be followed.
    #[error(transparent)]
    Route(#[from] rest::RouteError),
    /// No threads.
    #[error("cannot start the gateway's threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// The running doors, on threads of their own: whatever clients do there, no other part of the node waits for them.
/// Dropping it closes them as [`Gateway::shutdown`] does.
pub struct Gateway {
    grpc: Option<SocketAddr>,
    rest: Option<SocketAddr>,
    metrics: Metrics,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Opens the doors to a node. From now on `reader` also answers the node's own methods. Blocks until everything
    /// listens, so not for the threads of an async runtime.
    ///
    /// # Errors
    /// [`GatewayError`]; then no door is open.
    pub fn start<R: Reader>(
        reader: R,
        engine: Arc<dyn Engine>,
        descriptors: Arc<Descriptors>,
        node: NodeSettings,
        settings: GatewaySettings,
    ) -> Result<Self, GatewayError> {
        let services = Services::new(reader.clone(), engine.clone(), descriptors.clone(), node);
        let methods = Arc::new(Methods::new(reader, services, AT_ONCE));
        let runtime = Builder::new_multi_thread()
            .thread_name("gateway")
            .worker_threads(WORKERS)
            // One more for the question whether the node is ready.
            .max_blocking_threads(AT_ONCE + 1)
            .enable_all()
            .build()?;
        let metrics = Metrics::new(settings.telemetry.clone());
        let open = runtime.block_on(open(methods, engine, descriptors, settings, metrics.clone()))?;
        let (stop, stopped) = watch::channel(false);
        let (grpc, rest) = (open.grpc.as_ref().map(Server::addr), open.rest.as_ref().map(Server::addr));
        let thread = std::thread::Builder::new().name("gateway".to_owned());
        let thread = thread.spawn(move || run(runtime, open, stopped))?;
        Ok(Self { grpc, rest, metrics, stop, thread: Some(thread) })
    }

    /// Where gRPC is served.
    pub fn grpc(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// Where REST is served, and gRPC-web.
    pub fn rest(&self) -> Option<SocketAddr> {
        self.rest
    }

    /// The figures of all doors, to which other parts of the node may add theirs.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Closes the doors; answers that are being written may finish (three seconds at most).
    pub fn shutdown(mut self) {
        self.close();
    }

    fn close(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.close();
    }
}

/// The servers that run.
struct Open {
    grpc: Option<Server>,
    rest: Option<Server>,
}

async fn open<R: Reader>(
    methods: Arc<Methods<R>>,
    engine: Arc<dyn Engine>,
    descriptors: Arc<Descriptors>,
    settings: GatewaySettings,
    metrics: Metrics,
) -> Result<Open, GatewayError> {
    let GatewaySettings { grpc, grpc_web, rest, .. } = settings;
    let is_web = grpc_web && grpc.is_some();
    let grpc = grpc.map(|settings| {
        let ready = watch_ready(engine);
        let ready = move || ready.load(Ordering::Relaxed);
        Arc::new(Grpc::new(methods.clone(), descriptors.clone(), settings, metrics.clone(), ready))
    });
    let web = grpc.clone().filter(|_| is_web).map(|door| -> Web {
        Arc::new(move |request, client| {
            let door = door.clone();
            Box::pin(async move { door.handle_web(request, client).await })
        })
    });
    let rest = match rest {
        Some(settings) => {
            let rest = Rest::new(methods, descriptors.pool(), settings, metrics)?;
            Some(Arc::new(rest).serve(web).await?)
        }
        None => None,
    };
    let grpc = match grpc {
        Some(door) => Some(door.serve().await?),
        None => None,
    };
    Ok(Open { grpc, rest })
}

/// Keeps up to date whether the node is there and has caught up; asking may wait for another process.
fn watch_ready(engine: Arc<dyn Engine>) -> Arc<AtomicBool> {
    let ready = Arc::new(AtomicBool::new(false));
    let kept = ready.clone();
    tokio::spawn(async move {
        loop {
            let engine = engine.clone();
            let asked = tokio::task::spawn_blocking(move || engine.status().is_ok_and(|status| !status.catching_up));
            kept.store(asked.await.unwrap_or(false), Ordering::Relaxed);
            tokio::time::sleep(READY_PERIOD).await;
        }
    });
    ready
}

fn run(runtime: Runtime, open: Open, mut stopped: watch::Receiver<bool>) {
    runtime.block_on(async move {
        // An error means that the gateway was dropped.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        let grpc = async {
            if let Some(server) = open.grpc {
                server.shutdown().await;
            }
        };
        let rest = async {
            if let Some(server) = open.rest {
                server.shutdown().await;
            }
        };
        tokio::join!(grpc, rest);
    });
    // Queries that still run end by themselves.
    runtime.shutdown_background();
}
