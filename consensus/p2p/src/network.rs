use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A byte stream to another node, in order and reliable while it lasts; neither secret nor authentic.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream of any network.
pub type BoxStream = Box<dyn Stream>;

/// Where byte streams come from: TCP, or a simulation.
///
/// [`Peers`](crate::Peers) puts authentication and encryption on top of whatever this returns.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// Connects to `addr`, `host:port`.
    ///
    /// # Errors
    /// Of the network; the caller retries. Never waits longer than the caller: the future may be dropped.
    async fn dial(&self, addr: &str) -> io::Result<BoxStream>;

    /// Starts to listen on `addr`, `host:port`; port 0 lets the network choose.
    ///
    /// # Errors
    /// Of the network, such as an address in use.
    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>>;
}

/// The accepting side of a [`Network`].
#[async_trait]
pub trait Listener: Send + 'static {
    /// The next stream and the address it comes from, `host:port` or whatever names it in logs.
    ///
    /// # Errors
    /// Of one attempt; accepting goes on after a pause.
    async fn accept(&mut self) -> io::Result<(BoxStream, String)>;

    /// The address that is listened on, with the port that was chosen.
    fn local_addr(&self) -> String;
}

/// TCP of the operating system, without Nagle's delay and, on Linux, with little that the kernel has taken but not
/// sent, so that an urgent message does not wait behind a full socket buffer.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpNetwork;

#[async_trait]
impl Network for TcpNetwork {
    async fn dial(&self, addr: &str) -> io::Result<BoxStream> {
        let stream = TcpStream::connect(addr).await?;
        tune(&stream)?;
        Ok(Box::new(stream))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let listener = TcpListener::bind(addr).await?;
        let address = listener.local_addr()?.to_string();
        Ok(Box::new(Tcp { listener, address }))
    }
}

/// Unsent bytes (in the kernel) above which a socket takes no more.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

struct Tcp {
    listener: TcpListener,
    address: String,
}

#[async_trait]
impl Listener for Tcp {
    async fn accept(&mut self) -> io::Result<(BoxStream, String)> {
        let (stream, remote) = self.listener.accept().await?;
        tune(&stream)?;
        Ok((Box::new(stream), remote.to_string()))
    }

    fn local_addr(&self) -> String {
        self.address.clone()
    }
}
