//! Frames: what travels inside TLS. README, "Frames", is the table.

use bytes::{BufMut, BytesMut};

/// Bytes before the payload: kind, channel, big-endian length.
pub const HEADER: usize = 4;

/// Most bytes of a payload, 16 KiB: how long an urgent frame waits for one that has begun.
pub const MAX_PAYLOAD: usize = 16 << 10;

/// Most bytes of the text of a [`Frame::Close`].
pub const MAX_REASON: usize = 256;

const HELLO: u8 = 0x01;
const READY: u8 = 0x02;
const CLOSE: u8 = 0x03;
const PING: u8 = 0x04;
const PONG: u8 = 0x05;
const CREDIT: u8 = 0x06;
const MESSAGE: u8 = 0x10;
const REQUEST: u8 = 0x11;
const MORE: u8 = 0x12;
const RESPONSE: u8 = 0x20;
const MORE_RESPONSE: u8 = 0x21;

/// Bytes of a [`Frame::Message`] before its part.
pub(crate) const MESSAGE_HEAD: usize = 4;
/// Bytes of a [`Frame::Request`] before its part.
pub(crate) const REQUEST_HEAD: usize = 12;
/// Bytes of a [`Frame::Response`] before its part.
pub(crate) const RESPONSE_HEAD: usize = 13;

/// How a request ended, on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// The answer follows.
    Answer = 0,
    /// Not answered: too much to do. No bytes follow.
    Busy = 1,
    /// Not answered: nobody wants to. No bytes follow.
    Refused = 2,
}

/// One decoded frame; parts borrow from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// What the sender says about itself; first frame of each side.
    Hello(&'a [u8]),
    /// The sender accepts the connection; second frame of each side.
    Ready,
    /// Last frame: why the sender ends the connection.
    Close {
        /// A number of [`CloseCode`](crate::CloseCode), or one of a later version.
        code: u8,
        /// For people.
        text: &'a str,
    },
    /// Asks for a [`Frame::Pong`] with the same number.
    Ping(u64),
    /// Answers a [`Frame::Ping`].
    Pong(u64),
    /// The receiver of a channel took messages: this many bytes more may be sent.
    Credit {
        /// Channel.
        channel: u8,
        /// At least 1.
        bytes: u32,
    },
    /// Begins a message of `total` bytes.
    Message {
        /// Channel.
        channel: u8,
        /// Bytes of the whole message.
        total: u32,
        /// Its first bytes.
        part: &'a [u8],
    },
    /// Begins a request of `total` bytes.
    Request {
        /// Channel.
        channel: u8,
        /// Chosen by the asker, another one for each request of the connection.
        id: u64,
        /// Bytes of the whole request.
        total: u32,
        /// Its first bytes.
        part: &'a [u8],
    },
    /// Continues the message or request of the channel.
    More {
        /// Channel.
        channel: u8,
        /// At least one byte.
        part: &'a [u8],
    },
    /// Begins the answer to request `id`.
    Response {
        /// Channel of the request.
        channel: u8,
        /// Number of the request.
        id: u64,
        /// Whether it is answered.
        status: Status,
        /// Bytes of the whole answer.
        total: u32,
        /// Its first bytes.
        part: &'a [u8],
    },
    /// Continues the answer of the channel.
    MoreResponse {
        /// Channel.
        channel: u8,
        /// At least one byte.
        part: &'a [u8],
    },
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No frame has this kind.
    #[error("unknown frame kind {0:#04x}")]
    Kind(u8),
    /// The payload is longer or shorter than the kind allows.
    #[error("frame of kind {kind:#04x} with {length} bytes")]
    Length {
        /// Kind of the frame.
        kind: u8,
        /// Bytes announced.
        length: usize,
    },
    /// A frame that belongs to no channel names one.
    #[error("frame of kind {0:#04x} names a channel")]
    Channel(u8),
    /// The text of a close frame is not UTF-8.
    #[error("reason is not UTF-8")]
    Text,
    /// A part without bytes, or with more than its whole.
    #[error("part of {part} bytes in a message of {total}")]
    Part {
        /// Bytes of the part.
        part: usize,
        /// Bytes of the whole.
        total: usize,
    },
    /// Not a status of an answer, or an answer's bytes under another status.
    #[error("invalid answer status {0}")]
    Status(u8),
    /// Credit of nothing.
    #[error("credit of zero bytes")]
    NoCredit,
}

/// Reads the frame at the start of `input` and its length; `None` when more bytes are needed.
///
/// # Security
/// Judges the four header bytes before it asks for more, so a sender cannot make the reader wait for, or keep, more
/// than [`HEADER`] + [`MAX_PAYLOAD`] bytes.
///
/// # Errors
/// [`FrameError`]; nothing after it can be read.
pub fn decode(input: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some((&[kind, channel, high, low], rest)) = input.split_first_chunk::<HEADER>() else {
        // A kind that does not exist is known by its first byte.
        return match input.first() {
            Some(&kind) => lengths(kind).map(|_| None),
            None => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !lengths(kind)?.contains(&length) {
        return Err(FrameError::Length { kind, length });
    }
    if channel != 0 && kind < CREDIT {
        return Err(FrameError::Channel(kind));
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    Ok(Some((parse(kind, channel, payload)?, HEADER + length)))
}

/// Allowed payload lengths of a kind.
fn lengths(kind: u8) -> Result<core::ops::RangeInclusive<usize>, FrameError> {
    Ok(match kind {
        HELLO => 1..=MAX_PAYLOAD,
        READY => 0..=0,
        CLOSE => 1..=1 + MAX_REASON,
        PING | PONG => 8..=8,
        CREDIT => 4..=4,
        MESSAGE => MESSAGE_HEAD..=MAX_PAYLOAD,
        REQUEST => REQUEST_HEAD..=MAX_PAYLOAD,
        MORE | MORE_RESPONSE => 1..=MAX_PAYLOAD,
        RESPONSE => RESPONSE_HEAD..=MAX_PAYLOAD,
        _ => return Err(FrameError::Kind(kind)),
    })
}

fn parse(kind: u8, channel: u8, payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let short = FrameError::Length { kind, length: payload.len() };
    Ok(match kind {
        HELLO => Frame::Hello(payload),
        READY => Frame::Ready,
        CLOSE => {
            let (code, text) = payload.split_first().ok_or(short)?;
            Frame::Close { code: *code, text: core::str::from_utf8(text).map_err(|_| FrameError::Text)? }
        }
        PING => Frame::Ping(u64::from_be_bytes(*payload.first_chunk().ok_or(short)?)),
        PONG => Frame::Pong(u64::from_be_bytes(*payload.first_chunk().ok_or(short)?)),
        CREDIT => match u32::from_be_bytes(*payload.first_chunk().ok_or(short)?) {
            0 => return Err(FrameError::NoCredit),
            bytes => Frame::Credit { channel, bytes },
        },
        MESSAGE => {
            let (total, part) = whole(payload, short)?;
            Frame::Message { channel, total, part }
        }
        REQUEST => {
            let (id, rest) = payload.split_first_chunk().ok_or(short)?;
            let (total, part) = whole(rest, short)?;
            Frame::Request { channel, id: u64::from_be_bytes(*id), total, part }
        }
        RESPONSE => {
            let (id, rest) = payload.split_first_chunk().ok_or(short)?;
            let (status, rest) = rest.split_first().ok_or(short)?;
            let (total, part) = whole(rest, short)?;
            let status = match (*status, total) {
                (0, _) => Status::Answer,
                (1, 0) => Status::Busy,
                (2, 0) => Status::Refused,
                _ => return Err(FrameError::Status(*status)),
            };
            Frame::Response { channel, id: u64::from_be_bytes(*id), status, total, part }
        }
        MORE => Frame::More { channel, part: payload },
        MORE_RESPONSE => Frame::MoreResponse { channel, part: payload },
        _ => return Err(FrameError::Kind(kind)),
    })
}

fn whole(payload: &[u8], short: FrameError) -> Result<(u32, &[u8]), FrameError> {
    let (total, part) = payload.split_first_chunk().ok_or(short)?;
    let total = u32::from_be_bytes(*total);
    // An empty part would let a sender keep a message open with frames that carry nothing.
    let fits = if total == 0 { part.is_empty() } else { !part.is_empty() && part.len() as u64 <= u64::from(total) };
    if fits { Ok((total, part)) } else { Err(FrameError::Part { part: part.len(), total: total as usize }) }
}

/// Appends the bytes of `frame` to `out`.
///
/// The caller keeps to the lengths of the table: a payload above [`MAX_PAYLOAD`] would be cut.
pub fn encode(frame: &Frame<'_>, out: &mut BytesMut) {
    let start = out.len();
    out.put_bytes(0, HEADER);
    let (kind, channel) = match *frame {
        Frame::Hello(payload) => {
            out.put_slice(payload);
            (HELLO, 0)
        }
        Frame::Ready => (READY, 0),
        Frame::Close { code, text } => {
            out.put_u8(code);
            out.put_slice(&text.as_bytes()[..text.floor_char_boundary(MAX_REASON)]);
            (CLOSE, 0)
        }
        Frame::Ping(number) => {
            out.put_u64(number);
            (PING, 0)
        }
        Frame::Pong(number) => {
            out.put_u64(number);
            (PONG, 0)
        }
        Frame::Credit { channel, bytes } => {
            out.put_u32(bytes);
            (CREDIT, channel)
        }
        Frame::Message { channel, total, part } => {
            out.put_u32(total);
            out.put_slice(part);
            (MESSAGE, channel)
        }
        Frame::Request { channel, id, total, part } => {
            out.put_u64(id);
            out.put_u32(total);
            out.put_slice(part);
            (REQUEST, channel)
        }
        Frame::More { channel, part } => {
            out.put_slice(part);
            (MORE, channel)
        }
        Frame::Response { channel, id, status, total, part } => {
            out.put_u64(id);
            out.put_u8(status as u8);
            out.put_u32(total);
            out.put_slice(part);
            (RESPONSE, channel)
        }
        Frame::MoreResponse { channel, part } => {
            out.put_slice(part);
            (MORE_RESPONSE, channel)
        }
    };
    let length = out.len() - start - HEADER;
    debug_assert!(length <= MAX_PAYLOAD, "payload of {length} bytes");
    out.truncate(start + HEADER + length.min(MAX_PAYLOAD));
    // At most 16 KiB, so two bytes hold it.
    let [high, low] = (length.min(MAX_PAYLOAD) as u16).to_be_bytes();
    out[start..start + HEADER].copy_from_slice(&[kind, channel, high, low]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(frame: &Frame<'_>) -> BytesMut {
        let mut out = BytesMut::new();
        encode(frame, &mut out);
        out
    }

    #[test]
    fn frames_are_written_as_the_table_says() {
        for (frame, hex) in [
            (Frame::Hello(b"hi"), "010000026869"),
            (Frame::Ready, "02000000"),
            (Frame::Close { code: 7, text: "no" }, "03000003076e6f"),
            (Frame::Ping(0x0102), "040000080000000000000102"),
            (Frame::Pong(0x0102), "050000080000000000000102"),
            (Frame::Credit { channel: 9, bytes: 300 }, "060900040000012c"),
            (Frame::Message { channel: 9, total: 5, part: b"ab" }, "10090006000000056162"),
            (Frame::Request { channel: 9, id: 3, total: 1, part: b"a" }, "1109000d00000000000000030000000161"),
            (Frame::More { channel: 9, part: b"c" }, "1209000163"),
            (
                Frame::Response { channel: 9, id: 3, status: Status::Busy, total: 0, part: b"" },
                "2009000d00000000000000030100000000",
            ),
            (Frame::MoreResponse { channel: 9, part: b"c" }, "2109000163"),
        ] {
            let bytes = written(&frame);
            assert_eq!(hex::encode(&bytes), hex, "{frame:?}");
            assert_eq!(decode(&bytes), Ok(Some((frame, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), Ok(None), "{frame:?} cut to {cut} bytes");
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_from_its_header() {
        let length = |kind, length| Err(FrameError::Length { kind, length });
        for (hex, error) in [
            ("00", Err(FrameError::Kind(0))),
            ("47", Err(FrameError::Kind(0x47))),
            ("01000000", length(1, 0)),
            ("01004001", length(1, 16385)),
            ("02000001", length(2, 1)),
            ("03000102", length(3, 258)),
            ("0400ffff", length(4, 65535)),
            ("06000005", length(6, 5)),
            ("10000003", length(0x10, 3)),
            ("1100000b", length(0x11, 11)),
            ("12000000", length(0x12, 0)),
            ("2000000c", length(0x20, 12)),
            ("21004001", length(0x21, 16385)),
            ("02010000", Err(FrameError::Channel(2))),
            ("0300000207ff", Err(FrameError::Text)),
            ("0600000400000000", Err(FrameError::NoCredit)),
            ("1000000400000001", Err(FrameError::Part { part: 0, total: 1 })),
            ("1000000500000000aa", Err(FrameError::Part { part: 1, total: 0 })),
            ("10000006ff000001aabb".get(..8).expect("ascii"), Ok(None)),
            ("1000000600000001aabb", Err(FrameError::Part { part: 2, total: 1 })),
            ("2000000d00000000000000000300000000", Err(FrameError::Status(3))),
            ("2000000e00000000000000000100000001aa", Err(FrameError::Status(1))),
        ] {
            assert_eq!(decode(&hex::decode(hex).expect("hex")), error, "{hex}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let text = "é".repeat(200);
        let bytes = written(&Frame::Close { code: 1, text: &text });
        assert_eq!(decode(&bytes), Ok(Some((Frame::Close { code: 1, text: &"é".repeat(128) }, HEADER + 1 + 256))));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_to_what_encodes_to_them_again(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((frame, length))) = decode(&bytes) {
                prop_assert_eq!(&written(&frame)[..], &bytes[..length]);
            }
        }

        #[test]
        fn bytes_with_a_valid_kind_never_panic_nor_read_past_their_end(
            kind in prop_oneof![0u8..0x08, 0x10u8..0x14, 0x20u8..0x23],
            channel in 0u8..2,
            length in prop_oneof![0u16..32, Just(16384u16), any::<u16>()],
            payload in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = vec![kind, channel];
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&payload);
            if let Ok(Some((frame, used))) = decode(&bytes) {
                prop_assert!(used <= bytes.len() && used == HEADER + usize::from(length));
                prop_assert_eq!(&written(&frame)[..], &bytes[..used]);
            }
        }
    }
}
