use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plume_engine::Reader;
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::ServerError;
use super::connection::{Shared, serve};
use crate::{ListenAddress, MAX_SOCKET_PATH};

/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Must run inside a tokio runtime.
    pub(super) fn bind(address: &ListenAddress) -> Result<(Self, ListenAddress), ServerError> {
        let listen_error = |source| ServerError::Listen { address: address.clone(), source };
        match address {
            ListenAddress::Tcp(socket) => {
                let listener = std::net::TcpListener::bind(socket).map_err(listen_error)?;
                listener.set_nonblocking(true).map_err(listen_error)?;
                let bound = listener.local_addr().map_err(listen_error)?;
                Ok((Self::Tcp(TcpListener::from_std(listener).map_err(listen_error)?), ListenAddress::Tcp(bound)))
            }
            ListenAddress::Unix(path) => {
                let length = path.as_os_str().as_bytes().len();
                if length > MAX_SOCKET_PATH {
                    return Err(ServerError::PathTooLong { address: address.clone(), length });
                }
                if remove_stale_socket(path).map_err(listen_error)? {
                    return Err(ServerError::InUse(address.clone()));
                }
                let listener = UnixListener::bind(path).map_err(listen_error)?;
                // Whoever can connect drives the state machine.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(listen_error)?;
                Ok((Self::Unix(listener), address.clone()))
            }
        }
    }

    /// Accepts connections until the runtime shuts down. Numbers them in order of arrival.
    pub(super) async fn accept_all<R: Reader>(self, shared: Arc<Shared<R>>) {
        for id in 0_u64.. {
            let accepted = match &self {
                Self::Tcp(listener) => listener.accept().await.and_then(|(stream, _)| {
                    without_delay(&stream)?;
                    let (read, write) = stream.into_split();
                    tokio::spawn(serve(id, read, write, Arc::clone(&shared)));
                    Ok(())
                }),
                Self::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    let (read, write) = stream.into_split();
                    tokio::spawn(serve(id, read, write, Arc::clone(&shared)));
                }),
            };
            if let Err(error) = accepted {
                tracing::warn!(%error, "abci connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers must not wait for the peer's delayed acknowledgement: Nagle's algorithm would add
/// 40 ms to each call.
fn without_delay(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// Removes the socket that a killed process left at `path`. True when a live process answers.
fn remove_stale_socket(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        // Anything but a socket stays: binding then fails and says so.
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Ok(true);
    }
    std::fs::remove_file(path)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_tcp_connections_have_no_nagle_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
        let address = listener.local_addr().expect("bound above");
        let _client = TcpStream::connect(address).await.expect("listening above");
        let (stream, _) = listener.accept().await.expect("connected above");
        assert!(!stream.nodelay().expect("readable option"), "the system's default");
        without_delay(&stream).expect("settable option");
        assert!(stream.nodelay().expect("readable option"));
    }
}
