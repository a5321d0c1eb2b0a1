//! turmoil's sockets as the nodes' network.

use std::io;

use async_trait::async_trait;
use plume_p2p::{BoxStream, Listener, Network};
use turmoil::net::{TcpListener, TcpStream};

pub struct Simulated;

#[async_trait]
impl Network for Simulated {
    async fn dial(&self, addr: &str) -> io::Result<BoxStream> {
        Ok(Box::new(TcpStream::connect(addr).await?))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(SimulatedListener(TcpListener::bind(addr).await?)))
    }
}

struct SimulatedListener(TcpListener);

#[async_trait]
impl Listener for SimulatedListener {
    async fn accept(&mut self) -> io::Result<(BoxStream, String)> {
        let (stream, from) = self.0.accept().await?;
        Ok((Box::new(stream), from.to_string()))
    }

    fn local_addr(&self) -> String {
        self.0.local_addr().map(|addr| addr.to_string()).unwrap_or_default()
    }
}
