use crate::frame::FrameError;

/// How a peer broke the protocol or one of its limits. Ends the connection and bans the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Bytes that are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that does not belong here.
    #[error("unexpected {0} frame")]
    Unexpected(&'static str),
    /// A channel that this node did not declare.
    #[error("frame on unknown channel {0}")]
    UnknownChannel(u8),
    /// A message above the channel's limit.
    #[error("message of {size} bytes on channel {channel}, which allows {max}")]
    TooLarge {
        /// Channel.
        channel: u8,
        /// Bytes announced.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// More bytes than the channel's window had room for.
    #[error("sent beyond the window of channel {0}")]
    Window(u8),
    /// More bytes of credit than were owed.
    #[error("credit beyond the window of channel {0}")]
    Credit(u8),
    /// An answer to a request that was never made.
    #[error("answer to a request that was never made")]
    Answer,
    /// Pings faster than any node sends them.
    #[error("too many pings")]
    Pings,
    /// The first frame is no valid hello.
    #[error("hello: {0}")]
    Hello(&'static str),
}
