//! Request targets as people type them: `/tx_search?query="tx.height>5"`.
//!
//! RFC 3986 has no `"`, `<` or `>` in a target and the HTTP library refuses them; Go's server takes them, and `curl` sends
//! them as they are. They are percent-encoded here, on the way in, in request lines only.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a header line that are looked at; the headers that matter are shorter.
const LINE: usize = 128;

/// Bytes read at once where lines are looked at.
const PART: usize = 4096;

/// Where in the stream of requests the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    RequestLine,
    Header,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    /// Another protocol, or nothing that could be followed: all passes as it is.
    Through,
}

/// Follows the framing of requests, no more than it takes to find the request lines.
///
/// # Security
/// Where this and the HTTP library see a request's end at different places, a body could be changed or a target not be; the
/// library alone decides what a request is.
#[derive(Debug)]
struct Scanner {
    at: At,
    line: Vec<u8>,
    length: u64,
    chunked: bool,
    upgrade: bool,
}

impl Scanner {
    fn new() -> Self {
        Self { at: At::RequestLine, line: Vec::new(), length: 0, chunked: false, upgrade: false }
    }

    /// How many of the next bytes need not be looked at.
    fn passes(&self) -> u64 {
        match self.at {
            At::Body(rest) | At::Chunk(rest) => rest,
            At::Through => u64::MAX,
            _ => 0,
        }
    }

    /// Notes that bytes have passed.
    fn passed(&mut self, count: u64) {
        match &mut self.at {
            At::Body(rest) => {
                *rest = rest.saturating_sub(count);
                if *rest == 0 {
                    self.at = At::RequestLine;
                }
            }
            At::Chunk(rest) => {
                *rest = rest.saturating_sub(count);
                if *rest == 0 {
                    self.at = At::ChunkEnd;
                }
            }
            _ => {}
        }
    }

    fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while let Some(&byte) = input.first() {
            let passes = usize::try_from(self.passes()).unwrap_or(usize::MAX).min(input.len());
            if passes > 0 {
                out.extend_from_slice(&input[..passes]);
                self.passed(passes as u64); // usize has at most 64 bits
                input = &input[passes..];
                continue;
            }
            input = &input[1..];
            if self.at == At::RequestLine && matches!(byte, b'"' | b'#' | b'<' | b'>' | b'`' | 0x80..) {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            } else {
                out.push(byte);
            }
            match byte {
                b'\n' => self.end_of_line(),
                _ if self.line.len() < LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_of_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.at = match (self.at, line.is_empty()) {
            // Empty lines may stand before a request.
            (At::RequestLine, true) => At::RequestLine,
            (At::RequestLine, false) => {
                (self.length, self.chunked, self.upgrade) = (0, false, false);
                At::Header
            }
            (At::Header, false) => {
                self.header(&line);
                At::Header
            }
            (At::Header, true) if self.upgrade => At::Through,
            (At::Header, true) if self.chunked => At::ChunkSize,
            (At::Header, true) if self.length > 0 => At::Body(self.length),
            (At::ChunkSize, _) => {
                let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
                let digits = std::str::from_utf8(digits).unwrap_or_default().trim();
                match u64::from_str_radix(digits, 16) {
                    Ok(0) => At::Trailer,
                    Ok(size) => At::Chunk(size),
                    Err(_) => At::Through,
                }
            }
            (At::ChunkEnd, _) => At::ChunkSize,
            (At::Trailer, false) => At::Trailer,
            (At::Header | At::Trailer, true) => At::RequestLine,
            (other, _) => other,
        };
        line.clear();
        self.line = line;
    }

    fn header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
        let name = line[..colon].trim_ascii();
        let value = line[colon + 1..].trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked |= value.to_ascii_lowercase().ends_with(b"chunked");
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        }
    }
}

/// A connection whose request lines arrive encoded.
pub(super) struct Encoded<S> {
    inner: S,
    scanner: Scanner,
    ready: Vec<u8>,
    taken: usize,
}

impl<S> Encoded<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, scanner: Scanner::new(), ready: Vec::new(), taken: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Encoded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            let passes = usize::try_from(this.scanner.passes()).unwrap_or(usize::MAX);
            if passes > 0 {
                let mut part = ReadBuf::new(buf.initialize_unfilled_to(passes.min(buf.remaining())));
                ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
                let read = part.filled().len();
                buf.advance(read);
                this.scanner.passed(read as u64); // usize has at most 64 bits
                return Poll::Ready(Ok(()));
            }
            let mut part = [0; PART];
            let mut part = ReadBuf::new(&mut part);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
            this.scanner.feed(part.filled(), &mut this.ready);
        }
        let rest = &this.ready[this.taken..];
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        this.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Encoded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    const REQUESTS: &[(&[u8], &[u8])] = &[
        (b"GET /tx_search?query=\"a>5\" HTTP/1.1\r\nHost: \"x\"\r\n\r\n", b"GET /tx_search?query=%22a%3E5%22 HTTP/1.1\r\nHost: \"x\"\r\n\r\n"),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\n{\"a\"}", b"POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\n\r\n{\"a\"}"),
        (b"\r\nGET /\xc3\xa4# HTTP/1.1\n\n", b"\r\nGET /%C3%A4%23 HTTP/1.1\n\n"),
        (
            b"POST /\" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n\"\"\"\r\n1\r\n<\r\n0\r\nA: \"\r\n\r\n",
            b"POST /%22 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n\"\"\"\r\n1\r\n<\r\n0\r\nA: \"\r\n\r\n",
        ),
        (b"GET /websocket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\"<\"", b"GET /websocket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\"<\""),
    ];

    #[tokio::test]
    async fn only_request_lines_change_however_the_bytes_arrive() {
        let sent: Vec<u8> = REQUESTS.iter().flat_map(|(sent, _)| sent.to_vec()).collect();
        let expected: Vec<u8> = REQUESTS.iter().flat_map(|(_, expected)| expected.to_vec()).collect();
        for size in [1, 2, 3, 7, 64, sent.len()] {
            let (mut far, near) = tokio::io::duplex(size);
            let bytes = sent.clone();
            tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut far, &bytes).await });
            let mut read = Vec::new();
            Encoded::new(near).read_to_end(&mut read).await.expect("all of it");
            assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&expected), "{size} bytes at a time");
        }
    }
}
