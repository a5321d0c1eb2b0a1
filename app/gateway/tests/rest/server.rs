//! The socket: limits on connections, time and size, and who suffers from whom.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use plume_gateway::Server;
use plume_gateway::observe::Telemetry;
use plume_gateway::rest::{RestSettings, StartError, Web};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::World;

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

fn settings() -> RestSettings {
    RestSettings { address: "tcp://127.0.0.1:0".to_owned(), ..RestSettings::default() }
}

async fn start(settings: RestSettings) -> (Server, World) {
    let world = World::with(settings, Telemetry::default(), None);
    let server = world.rest.clone().serve(None).await.expect("a free port");
    (server, world)
}

async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.expect("it listens")
}

/// Sends `request` and reads until the server closes; `Connection: close` is the caller's.
async fn talk(addr: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(addr).await;
    stream.write_all(request).await.expect("sent");
    read_all(&mut stream).await
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server closes");
    String::from_utf8_lossy(&text).into_owned()
}

const GET: &[u8] = b"GET /toy/v1/number/5 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_over_kept_connections() {
    let (server, world) = start(settings()).await;
    let mut stream = connect(server.addr()).await;
    let twice = b"GET /toy/v1/number/5 HTTP/1.1\r\nhost: x\r\n\r\nHEAD /toy/v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(twice).await.expect("sent");
    let text = read_all(&mut stream).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert!(
        text.contains("\"int64_field\":\"5\"") && text.contains("grpc-metadata-x-cosmos-block-height: 7"),
        "{text}"
    );
    assert!(text.contains("x-server-time: "));
    assert!(text.ends_with("\r\n\r\n"), "the answer to HEAD has no body: {text}");
    assert_eq!(world.echo.calls.lock().expect("no panic").len(), 2);
    server.shutdown().await;
}

#[tokio::test]
async fn idle_connections_make_room_and_others_are_not_harmed() {
    let (server, world) = start(RestSettings { max_open_connections: 20, ..settings() }).await;
    let waiting = tokio::spawn({
        let addr = server.addr();
        async move {
            let mut stream = connect(addr).await;
            stream.write_all(b"GET /toy/v1/echo?string_field=never HTTP/1.1\r\nhost: x\r\ngrpc-timeout: 1S\r\nconnection: close\r\n\r\n").await.expect("sent");
            read_all(&mut stream).await
        }
    });
    while world.echo.calls.lock().expect("no panic").is_empty() {
        tokio::task::yield_now().await;
    }
    let mut idle = Vec::new();
    for round in 0..200 {
        let mut stream = connect(server.addr()).await;
        if round % 2 == 0 {
            // Half a head is idle too.
            stream.write_all(b"GET /toy/v1/echo HTTP/1.1\r\nhost").await.expect("sent");
        }
        idle.push(stream);
        if round % 20 == 0 {
            let began = Instant::now();
            let text = talk(server.addr(), GET).await;
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
            assert!(began.elapsed() < Duration::from_secs(5));
        }
    }
    let text = world.rest.metrics().prometheus();
    let evicted = text.lines().find_map(|line| line.strip_prefix("gateway_evicted_connections_total{door=\"rest\"} "));
    assert!(evicted.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count >= 180), "{text}");
    // A connection that waits for its answer is never closed to make room.
    let text = waiting.await.expect("no panic");
    assert!(text.starts_with("HTTP/1.1 504"), "{text}");
    drop(idle);
    server.shutdown().await;
}

#[tokio::test]
async fn connections_that_all_wait_are_told_apart_from_new_ones() {
    let (server, world) = start(RestSettings { max_open_connections: 1, ..settings() }).await;
    let mut stream = connect(server.addr()).await;
    stream.write_all(b"GET /toy/v1/echo?string_field=never HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    while world.echo.calls.lock().expect("no panic").is_empty() {
        tokio::task::yield_now().await;
    }
    let mut refused = connect(server.addr()).await;
    let text = read_all(&mut refused).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 503 "), "{text}");
    drop(stream);
    let ended = async {
        while !talk(server.addr(), GET).await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the place is free again");
    server.shutdown().await;
}

#[tokio::test]
async fn slow_clients_are_cut_off() {
    let (server, world) = start(RestSettings { read_timeout: Duration::from_millis(300), ..settings() }).await;
    // A body that never ends.
    let text = talk(server.addr(), b"POST /toy/v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").await;
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("did not arrive in time"), "{text}");
    // A head that never ends, and a connection that says nothing.
    for begun in [&b"GET / HTTP/1.1\r\nho"[..], b""] {
        let text = talk(server.addr(), begun).await;
        assert!(!text.contains(" 200 "), "{text}");
    }
    assert!(world.echo.calls.lock().expect("no panic").is_empty());
    server.shutdown().await;
}

#[tokio::test]
async fn heads_and_bodies_have_a_limit() {
    let (server, world) = start(settings()).await;
    let long = format!("GET /toy/v1/echo?string_field={} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    let text = talk(server.addr(), long.as_bytes()).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(b"POST /toy/v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n")
        .await
        .expect("sent");
    let chunk = vec![b' '; 64 * 1024];
    // The server stops reading; how much the system takes before that is its own affair.
    for _ in 0..100 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let text = read_all(&mut stream).await;
    assert!(text.is_empty() || text.contains("http: request body too large"), "{text}");
    assert!(world.echo.calls.lock().expect("no panic").is_empty());
    for garbage in [&b"\x16\x03\x01\x02\x00"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n"] {
        let text = talk(server.addr(), garbage).await;
        assert!(!text.contains(" 200 "), "{text}");
    }
    assert!(talk(server.addr(), GET).await.starts_with("HTTP/1.1 200 OK"));
    server.shutdown().await;
}

#[tokio::test]
async fn grpc_web_goes_elsewhere() {
    let world = World::new();
    let rest = plume_gateway::rest::Rest::new(
        world.echo.clone(),
        plume_codec::pool(),
        RestSettings { unsafe_cors: true, ..settings() },
        world.rest.metrics().clone(),
    );
    let web: Web = Arc::new(|request, client| {
        assert!(client.ip().is_loopback());
        let kind = request.headers()["content-type"].clone();
        Box::pin(
            async move { Response::builder().header("content-type", kind).body(Body::from("web")).expect("valid") },
        )
    });
    let server = Arc::new(rest.expect("well formed")).serve(Some(web)).await.expect("a free port");
    let request = b"POST /toy.v1.Query/Echo HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\nconnection: close\r\n\
                    content-type: application/grpc-web+proto\r\ncontent-length: 0\r\n\r\n";
    let text = talk(server.addr(), request).await;
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("web"), "{text}");
    assert!(text.contains("access-control-allow-origin: *"), "{text}");
    assert!(talk(server.addr(), GET).await.contains("int64_field"));
    server.shutdown().await;
}

#[tokio::test]
async fn a_server_that_cannot_listen_says_so() {
    let (server, _world) = start(settings()).await;
    let taken = format!("tcp://{}", server.addr());
    let world = World::with(RestSettings { address: taken, ..settings() }, Telemetry::default(), None);
    assert!(matches!(world.rest.serve(None).await, Err(StartError::Listen { .. })));
    let world =
        World::with(RestSettings { address: "localhost:1".to_owned(), ..settings() }, Telemetry::default(), None);
    assert!(matches!(world.rest.serve(None).await, Err(StartError::Address(_))));
    let addr = server.addr();
    server.shutdown().await;
    assert!(TcpStream::connect(addr).await.is_err(), "nothing listens any more");
}

/// Bytes of this process in RAM.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}

/// `ulimit -n 16384; cargo test -p plume-gateway --test rest -- --ignored --nocapture ten_thousand`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs 11,100 file descriptors, of which this process holds both ends"]
async fn ten_thousand_idle_connections_harm_nobody() {
    const IDLE: usize = 10_000;
    let (server, world) = start(settings()).await;
    let mut warm = Vec::new();
    for _ in 0..100 {
        talk(server.addr(), GET).await;
        warm.push(connect(server.addr()).await);
    }
    let before = resident();
    let mut idle = warm;
    let mut worst = Duration::ZERO;
    for round in 0..IDLE {
        let mut stream = connect(server.addr()).await;
        if round % 2 == 0 {
            stream.write_all(b"GET /toy/v1/echo HTTP/1.1\r\nhost").await.expect("sent");
        }
        idle.push(stream);
        if round % 50 == 0 {
            let began = Instant::now();
            let text = talk(server.addr(), GET).await;
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{round}: {text}");
            worst = worst.max(began.elapsed());
        }
    }
    let grown = resident().saturating_sub(before);
    let text = world.rest.metrics().prometheus();
    let open = text.lines().find(|line| line.starts_with("gateway_connections{door=\"rest\"}")).unwrap_or_default();
    println!("{} held, {open}, worst answer to others {worst:?}, memory grown by {} KiB", idle.len(), grown / 1024);
    assert!(worst < Duration::from_secs(2));
    // The clients' ends, which this process holds too, are most of it.
    assert!(grown < 64 << 20, "{grown} bytes");
    server.shutdown().await;
}
