/// Why a message was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no connection to that peer now.
    #[error("peer is not connected")]
    NotConnected,
    /// The channel's queue to that peer has no room for the message.
    #[error("send queue of the channel is full")]
    QueueFull,
    /// The channel was not declared here, or not by the peer.
    #[error("channel is not open on both sides")]
    UnknownChannel,
    /// Longer than the channel allows here or at the peer.
    #[error("message has {size} bytes, the channel allows {max}")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Too many requests to that peer wait for their answer (`max_pending_requests`).
    #[error("too many requests wait for an answer of this peer")]
    TooManyPending,
    /// No answer in the given time.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended before the answer.
    #[error("connection ended before the answer")]
    Disconnected,
    /// The peer serves as many requests as it can; ask later or ask another.
    #[error("peer is busy")]
    Busy,
    /// The peer does not answer this.
    #[error("peer refused the request")]
    Refused,
}

/// What a side says when it ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CloseCode {
    /// The node stops.
    Shutdown = 1,
    /// The admission policy does not let the peer in.
    NotAdmitted = 2,
    /// Another chain id.
    WrongChain = 3,
    /// A protocol version that this node does not speak.
    WrongVersion = 4,
    /// There is a connection between the two nodes already.
    Duplicate = 5,
    /// No room for another inbound connection.
    Full = 6,
    /// The peer broke a limit or the protocol; it is banned for a time.
    Violation = 7,
    /// The peer broke a limit or the protocol recently.
    Banned = 8,
    /// The peer was silent, or did not read, for too long.
    Timeout = 9,
    /// The owner of the node decided so.
    Requested = 10,
}

impl PeerDownReason {
    pub(crate) fn local(code: CloseCode, text: impl Into<String>) -> Self {
        Self::Local { code, text: text.into() }
    }

    /// What a close frame of the peer says. A code of a later version counts as [`CloseCode::Requested`].
    pub(crate) fn remote(code: u8, text: &str) -> Self {
        let code = CloseCode::from_u8(code).unwrap_or(CloseCode::Requested);
        Self::Remote { code, text: text.chars().filter(|c| !c.is_control()).collect() }
    }

    /// The code, when one side gave one.
    pub fn code(&self) -> Option<CloseCode> {
        match self {
            Self::Local { code, .. } | Self::Remote { code, .. } => Some(*code),
            Self::Lost(_) => None,
        }
    }
}

impl From<crate::Violation> for PeerDownReason {
    fn from(violation: crate::Violation) -> Self {
        Self::local(CloseCode::Violation, violation.to_string())
    }
}

impl From<std::io::Error> for PeerDownReason {
    fn from(error: std::io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl CloseCode {
    /// The code with this number.
    pub fn from_u8(code: u8) -> Option<Self> {
        const ALL: [CloseCode; 10] = [
            CloseCode::Shutdown,
            CloseCode::NotAdmitted,
            CloseCode::WrongChain,
            CloseCode::WrongVersion,
            CloseCode::Duplicate,
            CloseCode::Full,
            CloseCode::Violation,
            CloseCode::Banned,
            CloseCode::Timeout,
            CloseCode::Requested,
        ];
        ALL.into_iter().find(|known| *known as u8 == code)
    }
}

impl core::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Shutdown => "shutting down",
            Self::NotAdmitted => "not admitted",
            Self::WrongChain => "another chain",
            Self::WrongVersion => "another protocol version",
            Self::Duplicate => "connected already",
            Self::Full => "no room",
            Self::Violation => "protocol violation",
            Self::Banned => "banned",
            Self::Timeout => "timeout",
            Self::Requested => "requested",
        })
    }
}

/// Why a connection ended, or did not come up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerDownReason {
    /// This side ended it.
    #[error("closed here: {code}: {text}")]
    Local {
        /// The kind of reason.
        code: CloseCode,
        /// For people.
        text: String,
    },
    /// The peer ended it.
    #[error("closed by the peer: {code}: {text}")]
    Remote {
        /// The kind of reason.
        code: CloseCode,
        /// What the peer wrote, at most 256 bytes, control characters removed.
        text: String,
    },
    /// The stream failed or ended without a word.
    #[error("connection lost: {0}")]
    Lost(String),
}

/// Why the transport does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::ConfigError),
    /// The listening address cannot be used.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address of the configuration.
        addr: String,
        /// The network's reason.
        source: std::io::Error,
    },
    /// The TLS library does not take the node key.
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
}
