//! Addresses of peers and of listeners, in CometBFT's forms.

use core::fmt;
use core::str::FromStr;

/// Identity of a node: the address of its key, 20 bytes, written as 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 20]);

/// Where a peer is and who it must be: `id@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// Identity that the peer must prove.
    pub id: NodeId,
    /// Name, IPv4 address, or IPv6 address (without brackets).
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Where a server listens: `tcp://host:port`, `host:port`, `:port` or `unix:///path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP port; no host stands for all interfaces.
    Tcp {
        /// Name or address, IPv6 without brackets; empty: all interfaces.
        host: String,
        /// Port; 0: any free one.
        port: u16,
    },
    /// A socket in the file system.
    Unix(String),
}

/// A text that is no address of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not 40 hexadecimal digits.
    #[error("a node id is 40 hexadecimal digits")]
    NodeId,
    /// No `@`, or several.
    #[error("a peer is id@host:port")]
    Peer,
    /// Not `host:port`.
    #[error("host:port expected, IPv6 in brackets")]
    HostPort,
    /// A scheme other than tcp and unix.
    #[error("tcp:// or unix:// expected")]
    Scheme,
}

impl FromStr for NodeId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bytes = hex::decode(text).map_err(|_| AddressError::NodeId)?;
        bytes.try_into().map(Self).map_err(|_| AddressError::NodeId)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    /// A scheme before the id is dropped, as CometBFT does.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (id, place) = text.split_once('@').ok_or(AddressError::Peer)?;
        let (host, port) = host_port(place)?;
        if host.is_empty() {
            return Err(AddressError::HostPort);
        }
        Ok(Self { id: id.parse()?, host, port })
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, Authority(&self.host, self.port))
    }
}

impl PeerAddress {
    /// `host:port`, IPv6 in brackets: what resolvers and dialers take.
    pub fn authority(&self) -> String {
        Authority(&self.host, self.port).to_string()
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once("://") {
            Some(("unix", "")) => Err(AddressError::HostPort),
            Some(("unix", path)) => Ok(Self::Unix(path.to_owned())),
            Some(("tcp", place)) => host_port(place).map(|(host, port)| Self::Tcp { host, port }),
            Some(_) => Err(AddressError::Scheme),
            None => host_port(text).map(|(host, port)| Self::Tcp { host, port }),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{}", Authority(host, *port)),
            Self::Unix(path) => write!(f, "unix://{path}"),
        }
    }
}

impl ListenAddress {
    /// `host:port` to bind for TCP, with 0.0.0.0 for no host; `None` for a Unix socket.
    pub fn authority(&self) -> Option<String> {
        match self {
            Self::Tcp { host, port } if host.is_empty() => Some(Authority("0.0.0.0", *port).to_string()),
            Self::Tcp { host, port } => Some(Authority(host, *port).to_string()),
            Self::Unix(_) => None,
        }
    }
}

struct Authority<'a>(&'a str, u16);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn host_port(text: &str) -> Result<(String, u16), AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::HostPort)?;
    let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(inner)) if inner.contains(':') => inner,
        Some(_) => return Err(AddressError::HostPort),
        None => host,
    };
    let bracketed = text.starts_with('[');
    let strange = |c: char| c.is_whitespace() || matches!(c, '/' | '@' | '[' | ']' | ',') || (c == ':' && !bracketed);
    if host.contains(strange) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::HostPort);
    }
    Ok((host.to_owned(), port.parse().map_err(|_| AddressError::HostPort)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff00112233";

    #[test]
    fn peers_are_id_host_and_port() {
        for (place, host, port) in
            [("1.2.3.4:26656", "1.2.3.4", 26656), ("node.example.org:1", "node.example.org", 1), ("[::1]:5", "::1", 5)]
        {
            let text = format!("{ID}@{place}");
            let peer: PeerAddress = text.parse().expect(place);
            assert_eq!((peer.id.to_string().as_str(), peer.host.as_str(), peer.port), (ID, host, port));
            assert_eq!((peer.to_string(), peer.authority()), (text.clone(), place.to_owned()));
            assert_eq!(format!("tcp://{text}").parse(), Ok(peer));
        }
        for (text, error) in [
            ("1.2.3.4:26656".to_owned(), AddressError::Peer),
            ("abcd@1.2.3.4:1".to_owned(), AddressError::NodeId),
            (format!("{ID}00@1.2.3.4:1"), AddressError::NodeId),
            (format!("{ID}@1.2.3.4"), AddressError::HostPort),
            (format!("{ID}@1.2.3.4:"), AddressError::HostPort),
            (format!("{ID}@1.2.3.4:65536"), AddressError::HostPort),
            (format!("{ID}@1.2.3.4:+1"), AddressError::HostPort),
            (format!("{ID}@:1"), AddressError::HostPort),
            (format!("{ID}@::1:5"), AddressError::HostPort),
            (format!("{ID}@[::1:5"), AddressError::HostPort),
            (format!("{ID}@[name]:5"), AddressError::HostPort),
            (format!("{ID}@a b:5"), AddressError::HostPort),
            (format!("{ID}@x@y:5"), AddressError::HostPort),
        ] {
            assert_eq!(text.parse::<PeerAddress>(), Err(error), "{text}");
        }
    }

    #[test]
    fn listeners_are_tcp_or_unix() {
        for (text, authority, shown) in [
            ("tcp://127.0.0.1:26657", Some("127.0.0.1:26657"), "tcp://127.0.0.1:26657"),
            (":26660", Some("0.0.0.0:26660"), "tcp://:26660"),
            ("[::]:0", Some("[::]:0"), "tcp://[::]:0"),
            ("unix:///run/rpc.sock", None, "unix:///run/rpc.sock"),
        ] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!((address.authority().as_deref(), address.to_string().as_str()), (authority, shown));
        }
        for (text, error) in [
            ("", AddressError::HostPort),
            ("localhost", AddressError::HostPort),
            ("unix://", AddressError::HostPort),
            ("http://a:1", AddressError::Scheme),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text}");
        }
    }
}
