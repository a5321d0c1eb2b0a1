//! Messages in bodies: a byte of flags, four of length, the message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::{Code, Status};

/// Bytes before each message.
const HEAD: usize = 5;

/// The flag of a compressed message.
const COMPRESSED: u8 = 1;

/// Memory for the requests of all calls together.
///
/// # Security
/// Each call is small enough; without a sum, many clients with many calls each would fill the memory.
pub(super) struct Room {
    limit: usize,
    taken: AtomicUsize,
}

impl Room {
    /// Room for `limit` bytes.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, taken: AtomicUsize::new(0) })
    }
}

/// The messages of a request, as they arrive. What has arrived takes room until this is dropped.
pub(super) struct Messages {
    body: Body,
    buffer: BytesMut,
    largest: usize,
    room: Arc<Room>,
    taken: usize,
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Messages {
    /// The messages in `body`, of at most `largest` bytes each.
    pub(super) fn new(body: Body, largest: usize, room: Arc<Room>) -> Self {
        Self { body, buffer: BytesMut::new(), largest, room, taken: 0 }
    }

    /// Gives back the room of messages that are dealt with.
    pub(super) fn give_back(&mut self) {
        self.room.taken.fetch_sub(self.taken, Ordering::Relaxed);
        self.taken = 0;
    }

    fn take(&mut self, bytes: usize) -> Result<(), Status> {
        self.taken = self.taken.saturating_add(bytes);
        let before = self.room.taken.fetch_add(bytes, Ordering::Relaxed);
        match before.saturating_add(bytes) <= self.room.limit {
            true => Ok(()),
            false => Err(Status::new(Code::ResourceExhausted, "the node is receiving too many requests at once")),
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Security
    /// The length is checked before anything is kept, so a client cannot make the node hold more than one message of the
    /// largest size.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.take(data.len())?;
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Status::new(Code::Canceled, format!("the request broke off: {error}"))),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::new(Code::Internal, "unexpected EOF")),
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Bytes>, Status> {
        let Some((flags, mut length)) = self.buffer.get(..HEAD).and_then(<[u8]>::split_first) else { return Ok(None) };
        if flags & COMPRESSED != 0 {
            let text = "grpc: compressed flag set with identity or empty encoding";
            return Err(Status::new(Code::Internal, text));
        }
        let length = usize::try_from(length.get_u32()).unwrap_or(usize::MAX);
        if length > self.largest {
            let text = format!("grpc: received message larger than max ({length} vs. {})", self.largest);
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        if self.buffer.len() - HEAD < length {
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// A message with its head.
pub(super) fn framed(message: &[u8]) -> Bytes {
    with_flags(0, message)
}

/// A frame with these flags.
pub(super) fn with_flags(flags: u8, content: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEAD + content.len());
    frame.put_u8(flags);
    // Longer messages are refused before: `max-send-msg-size` ends at 2^31 - 1.
    frame.put_u32(u32::try_from(content.len()).unwrap_or(u32::MAX));
    frame.put_slice(content);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8]) -> Result<Vec<Bytes>, Status> {
        let mut messages = Messages::new(Body::from(bytes), 4, Room::new(100));
        let mut all = Vec::new();
        while let Some(message) = messages.next().await? {
            all.push(message);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn messages_are_cut_out_of_the_stream() {
        assert_eq!(read(b"").await, Ok(vec![]));
        assert_eq!(read(b"\0\0\0\0\0\0\0\0\0\x04abcd").await, Ok(vec![Bytes::new(), Bytes::from_static(b"abcd")]));
        assert_eq!(framed(b"abcd"), b"\0\0\0\0\x04abcd"[..]);
    }

    #[tokio::test]
    async fn all_requests_share_their_room() {
        let room = Room::new(12);
        let messages = |bytes: &'static [u8]| Messages::new(Body::from(bytes), 8, room.clone());
        let mut first = messages(b"\0\0\0\0\x03abc");
        assert_eq!(first.next().await, Ok(Some(Bytes::from_static(b"abc"))));
        let full = messages(b"\0\0\0\0\x00").next().await.unwrap_err();
        assert_eq!(full.code, Code::ResourceExhausted);
        assert_eq!(first.next().await, Ok(None));
        drop(first);
        assert_eq!(messages(b"\0\0\0\0\x00").next().await, Ok(Some(Bytes::new())));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_frame_is_said() {
        let code = |result: Result<Vec<Bytes>, Status>| result.map_err(|status| (status.code, status.message));
        let too_long = "grpc: received message larger than max (5 vs. 4)".to_owned();
        assert_eq!(code(read(b"\0\0\0\0\x05").await), Err((Code::ResourceExhausted, too_long)));
        assert_eq!(code(read(b"\0\0\0\0\x04abc").await), Err((Code::Internal, "unexpected EOF".to_owned())));
        assert_eq!(code(read(b"\0\0").await), Err((Code::Internal, "unexpected EOF".to_owned())));
        let compressed = "grpc: compressed flag set with identity or empty encoding".to_owned();
        assert_eq!(code(read(b"\x01\0\0\0\0").await), Err((Code::Internal, compressed)));
    }
}
