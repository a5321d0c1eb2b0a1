use std::io;

use tokio::net::TcpListener;

/// Listens on `host:port`, on an IPv4 address where the name has several: `localhost` is 127.0.0.1 for most clients, and Go's
/// servers choose so, too.
pub(crate) async fn listen(host: &str) -> io::Result<TcpListener> {
    let mut addresses: Vec<_> = tokio::net::lookup_host(host).await?.collect();
    addresses.sort_by_key(|address| !address.is_ipv4());
    TcpListener::bind(addresses.as_slice()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_ipv4() {
        assert!(listen("localhost:0").await.unwrap().local_addr().unwrap().is_ipv4());
        assert!(listen("nowhere").await.is_err());
    }
}
