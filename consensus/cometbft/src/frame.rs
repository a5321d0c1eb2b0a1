//! Frames of CometBFT's socket protocol: an unsigned varint length, then that many bytes.

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};

/// Largest frame that CometBFT itself reads or writes (`maxMsgSize` in `abci/types/messages.go`).
pub const MAX_FRAME: usize = 2_147_483_647;

/// A varint of 64 bits never takes more bytes than this.
const MAX_VARINT: usize = 10;

/// The field of `tendermint.abci.Response` that holds a `ResponseFinalizeBlock`.
pub(crate) const FINALIZE_BLOCK: u32 = 21;

/// A byte stream that is not a sequence of frames. Nothing after it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length does not end within ten bytes or exceeds 64 bits.
    #[error("frame length is not a varint of at most 64 bits")]
    Length,
    /// The announced frame is larger than this side accepts.
    #[error("frame of {announced} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Length that the frame announced.
        announced: u64,
        /// Largest accepted length.
        limit: usize,
    },
    /// The stream ended inside a frame.
    #[error("stream ended inside a frame, with {buffered} bytes of it read")]
    Truncated {
        /// Bytes of the unfinished frame that had arrived, its length included.
        buffered: usize,
    },
}

/// Takes the first complete frame off `buffer`; `None` when more bytes are needed.
///
/// Allocates nothing: the result shares the buffer's memory, and a frame that announces a large
/// size costs only what has arrived of it.
///
/// # Errors
/// [`FrameError::Length`] or [`FrameError::TooLarge`] as soon as the length can be judged.
///
/// # Security
/// The peer controls every byte of `buffer`.
pub fn take_frame(buffer: &mut BytesMut, limit: usize) -> Result<Option<Bytes>, FrameError> {
    let Some((length, prefix)) = peek_length(buffer)? else {
        return Ok(None);
    };
    let announced = usize::try_from(length).ok().filter(|announced| *announced <= limit.min(MAX_FRAME));
    let Some(announced) = announced else {
        return Err(FrameError::TooLarge { announced: length, limit: limit.min(MAX_FRAME) });
    };
    // Both are bounded (2^31 and 10), so the sum fits in 64 bits.
    if buffer.len() < prefix + announced {
        return Ok(None);
    }
    buffer.advance(prefix);
    Ok(Some(buffer.split_to(announced).freeze()))
}

/// Appends `message` as one frame.
pub fn put_frame<M: Message>(message: &M, out: &mut BytesMut) {
    message.encode_length_delimited(out).expect("BytesMut grows as needed");
}

/// Appends what stands before `len` bytes of an encoded message, in a frame whose only field is number `field` with that message.
pub fn put_frame_head(field: u32, len: usize, out: &mut BytesMut) {
    let key = field << 3 | 2;
    // usize has at most 64 bits.
    let content = encoded_len_varint(key.into()) + encoded_len_varint(len as u64) + len;
    encode_varint(content as u64, out);
    encode_varint(key.into(), out);
    encode_varint(len as u64, out);
}

/// Value and width of the varint at the front of `buffer`; `None` when it is not complete.
fn peek_length(buffer: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value = 0_u64;
    for (index, byte) in buffer.iter().take(MAX_VARINT).enumerate() {
        // The tenth byte holds bit 63 only, and no eleventh may follow.
        if index + 1 == MAX_VARINT && *byte > 1 {
            return Err(FrameError::Length);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: &[u8], limit: usize) -> (Result<Option<Bytes>, FrameError>, usize) {
        let mut buffer = BytesMut::from(bytes);
        let taken = take_frame(&mut buffer, limit);
        (taken, buffer.len())
    }

    #[test]
    fn frames_come_out_in_order_and_leave_the_rest() {
        let mut buffer = BytesMut::from(&b"\x03abc\x00\x02de\x05x"[..]);
        assert_eq!(take_frame(&mut buffer, 10), Ok(Some(Bytes::from_static(b"abc"))));
        assert_eq!(take_frame(&mut buffer, 10), Ok(Some(Bytes::new())));
        assert_eq!(take_frame(&mut buffer, 10), Ok(Some(Bytes::from_static(b"de"))));
        assert_eq!(take_frame(&mut buffer, 10), Ok(None));
        assert_eq!(&buffer[..], b"\x05x");
    }

    #[test]
    fn length_is_an_unsigned_varint() {
        // 300 = 0xac 0x02; a zig-zag reader would see 150.
        let mut bytes = vec![0xac, 0x02];
        bytes.extend_from_slice(&[7; 300]);
        let (frame, rest) = take(&bytes, 300);
        assert_eq!((frame.map(|f| f.map(|b| b.len())), rest), (Ok(Some(300)), 0));
    }

    #[test]
    fn frame_around_an_encoded_message_is_that_of_the_whole() {
        use tendermint_proto::v0_38::abci::{Response, ResponseFinalizeBlock, response};
        for len in [0, 1, 127, 128, 20_000] {
            let response = ResponseFinalizeBlock { app_hash: vec![7; len].into(), ..ResponseFinalizeBlock::default() };
            let (mut parts, mut whole) = (BytesMut::from(&b"x"[..]), BytesMut::from(&b"x"[..]));
            let content = response.encode_to_vec();
            put_frame_head(FINALIZE_BLOCK, content.len(), &mut parts);
            parts.extend_from_slice(&content);
            put_frame(&Response { value: Some(response::Value::FinalizeBlock(response)) }, &mut whole);
            assert_eq!(parts, whole, "{len}");
        }
    }

    #[test]
    fn limit_is_inclusive() {
        assert_eq!(take(b"\x04", 4), (Ok(None), 1));
        assert_eq!(take(b"\x05", 4).0, Err(FrameError::TooLarge { announced: 5, limit: 4 }));
    }

    #[test]
    fn no_limit_exceeds_cometbfts_own() {
        // 2^31 in five bytes; 2^31 - 1 is the last accepted.
        assert_eq!(
            take(b"\x80\x80\x80\x80\x08", usize::MAX).0,
            Err(FrameError::TooLarge { announced: 1 << 31, limit: MAX_FRAME })
        );
        assert_eq!(take(b"\xff\xff\xff\xff\x07", usize::MAX).0, Ok(None));
    }

    #[test]
    fn over_long_varint_is_refused_and_a_padded_one_is_read() {
        assert_eq!(take(&[0x80; 9], 4).0, Ok(None));
        assert_eq!(take(&[0x80; 10], 4).0, Err(FrameError::Length));
        assert_eq!(
            take(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 4).0,
            Err(FrameError::TooLarge { announced: u64::MAX, limit: 4 })
        );
        assert_eq!(take(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], 4).0, Err(FrameError::Length));
        // Go's reader accepts non-minimal lengths, so we do.
        assert_eq!(take(&[0x81, 0x80, 0x00, b'a'], 4), (Ok(Some(Bytes::from_static(b"a"))), 0));
    }
}
