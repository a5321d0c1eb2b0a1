use core::fmt;
use core::str::FromStr;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Longest path that a Unix socket can have: `sun_path` holds 108 bytes, one of them the NUL.
pub const MAX_SOCKET_PATH: usize = 107;

/// Where an ABCI server listens, in CometBFT's `proxy_app` notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `unix:///path/to/socket`
    Unix(PathBuf),
    /// `tcp://127.0.0.1:26658`
    Tcp(SocketAddr),
}

/// A text that is not an ABCI address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ABCI address: {0:?}; use unix:///path or tcp://ip:port")]
pub struct AddressError(String);

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.is_empty() { Err(error()) } else { Ok(Self::Unix(PathBuf::from(path))) };
        }
        let address = text.strip_prefix("tcp://").unwrap_or(text);
        address.parse().map(Self::Tcp).map_err(|_| error())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print_as_cometbft_writes_them() {
        for text in ["unix:///run/plume/abci.sock", "tcp://127.0.0.1:26658", "tcp://[::1]:26658"] {
            assert_eq!(text.parse::<ListenAddress>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("127.0.0.1:1".parse(), Ok(ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 1)))));
        for text in ["", "unix://", "tcp://", "tcp://localhost", "kvstore"] {
            assert_eq!(text.parse::<ListenAddress>(), Err(AddressError(text.to_owned())));
        }
    }
}
