//! A secure stream with what was read ahead and what is still to be written.

use core::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::frame::{self, Frame, HEADER, MAX_PAYLOAD};
use crate::hello::{HelloError, WireHello};
use crate::tls::SecureStream;
use crate::{CloseCode, PeerDownReason, Violation};

/// Time for the last frame to leave and for the peer to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

/// Before the connection carries messages.
pub(crate) struct Wire {
    pub(crate) stream: SecureStream,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
}

/// The frames allowed before messages.
pub(crate) enum Early {
    Hello(Box<WireHello>),
    Ready,
}

impl Wire {
    pub(crate) fn new(stream: SecureStream) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new() }
    }

    pub(crate) async fn send(&mut self, frame: &Frame<'_>) -> Result<(), PeerDownReason> {
        frame::encode(frame, &mut self.output);
        self.stream.write_all_buf(&mut self.output).await?;
        self.stream.flush().await?;
        Ok(())
    }

    pub(crate) async fn receive(&mut self) -> Result<Early, PeerDownReason> {
        loop {
            if let Some((frame, length)) = frame::decode(&self.input).map_err(Violation::from)? {
                let early = match frame {
                    Frame::Hello(payload) => Early::Hello(Box::new(read_hello(payload)?)),
                    Frame::Ready => Early::Ready,
                    Frame::Close { code, text } => return Err(PeerDownReason::remote(code, text)),
                    _ => return Err(Violation::Unexpected("early").into()),
                };
                self.input.advance(length);
                return Ok(early);
            }
            self.input.reserve(HEADER + MAX_PAYLOAD);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(PeerDownReason::Lost("peer closed the stream".to_owned()));
            }
        }
    }

    /// Refuses the connection: tells why, then waits a moment for the peer to hear it.
    pub(crate) async fn refuse(mut self, code: CloseCode, text: &str) {
        farewell(&mut self.stream, &mut self.output, &Frame::Close { code: code as u8, text }).await;
    }
}

fn read_hello(payload: &[u8]) -> Result<WireHello, PeerDownReason> {
    WireHello::decode(payload).map_err(|error| match error {
        HelloError::Version(theirs) => PeerDownReason::local(
            CloseCode::WrongVersion,
            format!("protocol version is {theirs}, ours is {}", crate::hello::PROTOCOL_VERSION),
        ),
        HelloError::Invalid(reason) => Violation::Hello(reason).into(),
    })
}

/// Writes what is left of `output`, then `last`, and reads whatever comes until the peer closes, for a second at most.
///
/// Closing with unread bytes would make TCP discard the last frame on its way.
pub(crate) async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    output: &mut BytesMut,
    last: &Frame<'_>,
) {
    frame::encode(last, output);
    let goodbye = async {
        stream.write_all_buf(output).await?;
        stream.shutdown().await?;
        let mut waste = [0; 4096];
        while stream.read(&mut waste).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether the peer hears it is its own affair.
    let _ = tokio::time::timeout(FAREWELL, goodbye).await;
}
