//! The socket: clients that say nothing, or never finish, and what others notice of them.

use std::net::SocketAddr;
use std::time::Instant;

use axum::http::Request as HttpRequest;
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::fake::ECHO;
use crate::grpc::frame;
use crate::grpc::tests::door;
use crate::{Code, GrpcSettings};

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start(max_connections: usize) -> (Server, Arc<Grpc>) {
    let door = door(GrpcSettings { address: "127.0.0.1:0".to_owned(), max_connections, ..GrpcSettings::default() });
    (door.clone().serve().await.expect("a free port"), door)
}

/// A call over a connection of its own: its status.
async fn call(addr: SocketAddr) -> Code {
    let talk = async {
        let stream = TcpStream::connect(addr).await.expect("it listens");
        let (send, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let request = HttpRequest::post(format!("http://{addr}{ECHO}")).header("content-type", "application/grpc");
        let (response, mut body) =
            send.ready().await.expect("ready").send_request(request.body(()).expect("a request"), false).expect("sent");
        body.send_data(frame::framed(b"hello"), true).expect("sent");
        let mut body = response.await.expect("an answer").into_body();
        let mut received = Vec::new();
        while let Some(data) = body.data().await {
            received.extend_from_slice(&data.expect("data"));
        }
        assert_eq!(Bytes::from(received), frame::framed(b"hello"));
        let trailers = body.trailers().await.expect("readable").expect("trailers");
        connection.abort();
        trailers["grpc-status"].to_str().expect("text").parse().map(Code::from_number).expect("a number")
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("others do not wait")
}

/// What a client has sent when it goes quiet.
#[derive(Clone, Copy)]
enum Quiet {
    AtOnce,
    InTheGreeting,
    AfterTheGreeting,
    /// The head of a call whose body never comes.
    InTheCall,
}

impl Quiet {
    const ALL: [Self; 4] = [Self::AtOnce, Self::InTheGreeting, Self::AfterTheGreeting, Self::InTheCall];

    async fn connect(self, addr: SocketAddr) -> TcpStream {
        const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let sent = match self {
            Self::AtOnce => Vec::new(),
            Self::InTheGreeting => GREETING[..10].to_vec(),
            Self::AfterTheGreeting => GREETING.to_vec(),
            Self::InTheCall => {
                // POST, http, then path, authority and content type as literals (RFC 7541, appendix A and 6.2.2).
                let mut head = vec![0x83, 0x86];
                for (name, value) in [(&[0x04][..], ECHO), (&[0x01], "x"), (&[0x0f, 0x10], "application/grpc")] {
                    head.extend_from_slice(name);
                    head.push(u8::try_from(value.len()).expect("short"));
                    head.extend_from_slice(value.as_bytes());
                }
                let length = u8::try_from(head.len()).expect("short");
                [GREETING, &[0, 0, length, 0x01, 0x04, 0, 0, 0, 1], &head].concat()
            }
        };
        let mut stream = TcpStream::connect(addr).await.expect("it listens");
        stream.write_all(&sent).await.expect("sent");
        stream
    }
}

fn figure(door: &Grpc, name: &str) -> u64 {
    let text = door.metrics().prometheus();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{door=\"grpc\"}} ")));
    line.and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn quiet_connections_make_room_and_calls_are_answered() {
    let (server, door) = start(40).await;
    let mut quiet = Vec::new();
    for how in Quiet::ALL {
        // More than there are places, of each kind alone.
        for round in 0..80 {
            quiet.push(how.connect(server.addr()).await);
            if round % 20 == 0 {
                assert_eq!(call(server.addr()).await, Code::Ok);
            }
        }
    }
    assert_eq!(call(server.addr()).await, Code::Ok);
    let (open, evicted) = (figure(&door, "gateway_connections"), figure(&door, "gateway_evicted_connections_total"));
    assert!(open <= 41, "{open} of 40");
    assert!(evicted >= 280, "{evicted} of 320");
    drop(quiet);
    server.shutdown().await;
}

#[tokio::test]
async fn a_call_that_is_being_answered_keeps_its_connection() {
    let (server, _) = start(2).await;
    let slow = tokio::spawn({
        let addr = server.addr();
        async move {
            let stream = TcpStream::connect(addr).await.expect("it listens");
            let (send, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
            let connection = tokio::spawn(connection);
            let request = HttpRequest::post(format!("http://{addr}{}", crate::fake::SLOW));
            let request = request.header("content-type", "application/grpc").body(()).expect("a request");
            let (response, mut body) = send.ready().await.expect("ready").send_request(request, false).expect("sent");
            body.send_data(frame::framed(b""), true).expect("sent");
            let answered = response.await.is_ok();
            connection.abort();
            answered
        }
    });
    let mut quiet = Vec::new();
    while !slow.is_finished() {
        quiet.push(Quiet::AtOnce.connect(server.addr()).await);
        tokio::task::yield_now().await;
        if quiet.len() > 500 {
            break;
        }
    }
    assert!(slow.await.expect("no panic"), "the connection was closed under the call");
    server.shutdown().await;
}

#[tokio::test]
async fn shutdown_closes_quiet_connections() {
    let (server, door) = start(0).await;
    let mut quiet = Vec::new();
    for round in 0..20 {
        quiet.push(Quiet::ALL[round % 4].connect(server.addr()).await);
    }
    assert_eq!(call(server.addr()).await, Code::Ok);
    tokio::time::timeout(PATIENCE, server.shutdown()).await.expect("three seconds are the limit");
    drop(door);
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096
}

/// Where the client's half of the next test connects to.
const HOLD: &str = "PLUME_TEST_HOLD";

const QUIET: usize = 10_000;

/// The client's half of the next test, in a process of its own: it holds connections until its input ends.
#[tokio::test]
#[ignore = "the client's half of the next one"]
async fn quiet_connections_are_held() {
    let Some(addr) = std::env::var(HOLD).ok().and_then(|addr| addr.parse().ok()) else { return };
    let mut quiet = Vec::new();
    for round in 0..QUIET {
        quiet.push(Quiet::ALL[round % 4].connect(addr).await);
    }
    println!("held");
    let _ = std::io::read_to_string(std::io::stdin());
}

/// Ten thousand connections of a process that ends when its input does.
fn hold(addr: SocketAddr) -> std::process::Child {
    use std::process::{Command, Stdio};
    let child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "grpc::server::tests::quiet_connections_are_held", "--ignored", "--nocapture"])
        .env(HOLD, addr.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    child.expect("it starts")
}

/// `README.md` says how to run it and what came out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs 10,200 file descriptors, and as many in a second process"]
async fn ten_thousand_quiet_connections_harm_nobody() {
    let (server, door) = start(QUIET).await;
    for _ in 0..100 {
        call(server.addr()).await;
    }
    let before = resident();
    let mut worst = Duration::ZERO;
    let mut grown = Vec::new();
    // Two rounds at once: the second ten thousand take the places of the first, and memory stays.
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut holder = hold(server.addr());
        let output = holder.stdout.take().expect("piped");
        holders.push(holder);
        let held = std::thread::spawn(move || {
            use std::io::BufRead as _;
            std::io::BufReader::new(output).lines().map_while(Result::ok).any(|line| line.contains("held"))
        });
        let began = Instant::now();
        while !held.is_finished() {
            let asked = Instant::now();
            assert_eq!(call(server.addr()).await, Code::Ok);
            worst = worst.max(asked.elapsed());
            // The processors are for the connections, too.
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(began.elapsed() < 10 * PATIENCE, "the connections are never held");
        }
        assert!(held.join().expect("no panic"), "the client's half failed");
        grown.push(resident().saturating_sub(before));
    }
    let (open, evicted) = (figure(&door, "gateway_connections"), figure(&door, "gateway_evicted_connections_total"));
    for mut holder in holders {
        drop(holder.stdin.take());
        let _ = holder.wait();
    }
    let mib = |bytes: u64| bytes >> 20;
    println!(
        "{open} open and {evicted} evicted, worst answer to others {worst:?}, memory grown by {} MiB, then {} MiB",
        mib(grown[0]),
        mib(grown[1])
    );
    // On a slow machine some end before, because their clients answer no ping.
    assert!(open <= 10_001 && evicted > 1000, "{open} open, {evicted} evicted");
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    // So much for each place, however many clients come: HTTP/2 keeps tables and buffers for each.
    assert!(grown.iter().all(|grown| *grown < 40 * 1024 * QUIET as u64), "{grown:?}");
    server.shutdown().await;
}
