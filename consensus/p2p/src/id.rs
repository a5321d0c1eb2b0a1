use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};

/// Identity of a node: the first 20 bytes of SHA-256 of its ed25519 public key, as in CometBFT.
///
/// Text form: 40 lower-case hex digits; either case is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PeerId([u8; 20]);

impl PeerId {
    /// The identity with these bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The identity of the node that holds the private half of `key`.
    pub fn of_key(key: &[u8; 32]) -> Self {
        let digest: [u8; 32] = Sha256::digest(key).into();
        Self(*digest.first_chunk().expect("20 of 32 bytes"))
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl From<[u8; 20]> for PeerId {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PeerId {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| AddressError::Id)?;
        Ok(Self(bytes))
    }
}

/// A text that is not a peer's identity or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The identity is not 40 hex digits.
    #[error("peer id is not 40 hex digits")]
    Id,
    /// No `@` after the identity.
    #[error("peer address has no id: expected id@host:port")]
    NoId,
    /// The host is empty, or holds characters that no host name has.
    #[error("peer address has no valid host")]
    Host,
    /// The port is missing, zero or above 65535.
    #[error("peer address has no valid port")]
    Port,
}

/// Where a node listens, and which key it must hold: `id@host:port`.
///
/// An IPv6 host stands in brackets in the text form and without them in `host`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerAddress {
    /// The identity that the node must prove.
    pub id: PeerId,
    /// Host name or IP address.
    pub host: String,
    /// TCP port, not zero.
    pub port: u16,
}

impl PeerAddress {
    /// `host:port`, what [`Network::dial`](crate::Network::dial) takes.
    pub fn dial_string(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Reads a list in the form of `persistent_peers`: addresses separated by commas, blanks and empty items ignored.
    ///
    /// # Errors
    /// [`AddressError`] of the first bad item.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, AddressError> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.dial_string())
    }
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.strip_prefix("tcp://").unwrap_or(text);
        let (id, location) = text.split_once('@').ok_or(AddressError::NoId)?;
        let (host, port) = location.rsplit_once(':').ok_or(AddressError::Port)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(AddressError::Port)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let valid = match inner {
            Some(v6) => v6.parse::<core::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
        };
        if !valid {
            return Err(AddressError::Host);
        }
        Ok(Self { id: id.parse()?, host: inner.unwrap_or(host).to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn id_is_cometbfts() {
        let pair = plume_home::keys::KeyPair::from_seed([7; 32]);
        assert_eq!(crate::NodeKey::from_seed([7; 32]).id().to_string(), pair.node_id());
        assert_eq!(crate::NodeKey::from(&pair).id().to_string(), pair.node_id());
    }

    #[test]
    fn addresses_read_back_as_written() {
        for (text, host, port) in [
            (format!("{ID}@10.0.0.7:26656"), "10.0.0.7", 26656),
            (format!("{ID}@node-1.bank_a.example:1"), "node-1.bank_a.example", 1),
            (format!("{ID}@[::1]:65535"), "::1", 65535),
        ] {
            let address: PeerAddress = text.parse().expect("valid address");
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
            assert_eq!(format!("tcp://{text}").parse(), Ok(address));
        }
    }

    #[test]
    fn damaged_addresses_are_refused_with_their_reason() {
        for (text, error) in [
            ("host:1".to_owned(), AddressError::NoId),
            (format!("{}@host:1", &ID[1..]), AddressError::Id),
            (format!("{ID}@host"), AddressError::Port),
            (format!("{ID}@host:0"), AddressError::Port),
            (format!("{ID}@host:65536"), AddressError::Port),
            (format!("{ID}@:1"), AddressError::Host),
            (format!("{ID}@a b:1"), AddressError::Host),
            (format!("{ID}@::1:1"), AddressError::Host),
        ] {
            assert_eq!(text.parse::<PeerAddress>(), Err(error), "{text}");
        }
        assert_eq!(PeerAddress::parse_list(&format!(" {ID}@a:1 ,, {ID}@b:2,")).map(|list| list.len()), Ok(2));
        assert_eq!(PeerAddress::parse_list(""), Ok(Vec::new()));
    }
}
