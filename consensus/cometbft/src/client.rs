//! A blocking ABCI 2.0 client: what CometBFT's end of the socket does, for tests and for benches
//! that replay blocks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use prost::Message;
use tendermint_proto::v0_38::abci::{
    self, Request, RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestFlush, RequestInfo, RequestInitChain,
    RequestPrepareProposal, RequestProcessProposal, RequestQuery, Response, request, response,
};

use crate::ListenAddress;
use crate::frame::{self, FrameError};

const READ_CHUNK: usize = 64 * 1024;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection failed or the server closed it.
    #[error("abci connection: {0}")]
    Io(#[from] io::Error),
    /// The server's bytes are not frames.
    #[error("abci connection: {0}")]
    Frame(#[from] FrameError),
    /// The server's frame is not a response.
    #[error("abci response: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The server answered with `ResponseException`.
    #[error("abci exception: {0}")]
    Exception(String),
    /// The server answered another method.
    #[error("abci response does not answer the request: {0}")]
    Mismatch(String),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One connection to an ABCI server.
pub struct Client {
    stream: Stream,
    incoming: BytesMut,
    outgoing: BytesMut,
    chunk: Vec<u8>,
}

impl Client {
    /// Connects; TCP without Nagle's delay.
    ///
    /// # Errors
    /// The socket's.
    pub fn connect(address: &ListenAddress) -> Result<Self, ClientError> {
        let stream = match address {
            ListenAddress::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
            ListenAddress::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        Ok(Self { stream, incoming: BytesMut::new(), outgoing: BytesMut::new(), chunk: vec![0; READ_CHUNK] })
    }

    /// Fails reads that wait longer than `timeout`; `None` waits for ever.
    ///
    /// # Errors
    /// The socket's.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<(), ClientError> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(timeout)?,
            Stream::Unix(stream) => stream.set_read_timeout(timeout)?,
        }
        Ok(())
    }

    /// Puts a request into the output buffer; nothing travels before [`Client::send`].
    pub fn queue(&mut self, value: request::Value) {
        frame::put_frame(&Request { value: Some(value) }, &mut self.outgoing);
    }

    /// Puts raw bytes into the output buffer, for malformed input.
    pub fn queue_raw(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }

    /// Writes everything queued.
    ///
    /// # Errors
    /// The socket's.
    pub fn send(&mut self) -> Result<(), ClientError> {
        let bytes = self.outgoing.split();
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(&bytes)?,
            Stream::Unix(stream) => stream.write_all(&bytes)?,
        }
        Ok(())
    }

    /// Ends this side's output; answers can still be read.
    ///
    /// # Errors
    /// The socket's.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write)?,
            Stream::Unix(stream) => stream.shutdown(std::net::Shutdown::Write)?,
        }
        Ok(())
    }

    /// Reads the next answer, exceptions included; `None` when the server closed the connection
    /// between two frames.
    ///
    /// # Errors
    /// A broken connection or malformed bytes.
    pub fn receive(&mut self) -> Result<Option<response::Value>, ClientError> {
        loop {
            if let Some(frame) = frame::take_frame(&mut self.incoming, frame::MAX_FRAME)? {
                let response = Response::decode(frame)?;
                return response.value.map(Some).ok_or_else(|| ClientError::Mismatch("empty response".to_owned()));
            }
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(&mut self.chunk)?,
                Stream::Unix(stream) => stream.read(&mut self.chunk)?,
            };
            if read == 0 {
                return if self.incoming.is_empty() {
                    Ok(None)
                } else {
                    Err(FrameError::Truncated { buffered: self.incoming.len() }.into())
                };
            }
            self.incoming.extend_from_slice(&self.chunk[..read]);
        }
    }

    /// Sends `[request][Flush]` in one write, as CometBFT does, and waits for both answers.
    ///
    /// # Errors
    /// [`ClientError::Exception`] when the server answers with one, and failures of the
    /// connection.
    pub fn call(&mut self, value: request::Value) -> Result<response::Value, ClientError> {
        self.queue(value);
        self.queue(request::Value::Flush(RequestFlush {}));
        self.send()?;
        let answer = self.answer()?;
        match self.answer()? {
            response::Value::Flush(_) => Ok(answer),
            other => Err(mismatch("Flush", &other)),
        }
    }

    fn answer(&mut self) -> Result<response::Value, ClientError> {
        match self.receive()? {
            Some(response::Value::Exception(exception)) => Err(ClientError::Exception(exception.error)),
            Some(value) => Ok(value),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// Shows the expansion once:
/// ```text
/// pub fn commit(&mut self, request: RequestCommit) -> Result<abci::ResponseCommit, ClientError> {
///     match self.call(request::Value::Commit(request))? {
///         response::Value::Commit(response) => Ok(response),
///         other => Err(mismatch("Commit", &other)),
///     }
/// }
/// ```
macro_rules! calls {
    ($($name:ident: $variant:ident($request:ty) -> $response:ident,)*) => {
        impl Client {
            $(
                #[doc = concat!("Calls `", stringify!($variant), "`.\n\n# Errors\nThose of [`Client::call`].")]
                pub fn $name(&mut self, request: $request) -> Result<abci::$response, ClientError> {
                    match self.call(request::Value::$variant(request))? {
                        response::Value::$variant(response) => Ok(response),
                        other => Err(mismatch(stringify!($variant), &other)),
                    }
                }
            )*
        }
    };
}

calls! {
    echo: Echo(abci::RequestEcho) -> ResponseEcho,
    info: Info(RequestInfo) -> ResponseInfo,
    init_chain: InitChain(RequestInitChain) -> ResponseInitChain,
    query: Query(RequestQuery) -> ResponseQuery,
    check_tx: CheckTx(RequestCheckTx) -> ResponseCheckTx,
    prepare_proposal: PrepareProposal(RequestPrepareProposal) -> ResponsePrepareProposal,
    process_proposal: ProcessProposal(RequestProcessProposal) -> ResponseProcessProposal,
    extend_vote: ExtendVote(abci::RequestExtendVote) -> ResponseExtendVote,
    verify_vote_extension: VerifyVoteExtension(abci::RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension,
    finalize_block: FinalizeBlock(RequestFinalizeBlock) -> ResponseFinalizeBlock,
    commit: Commit(RequestCommit) -> ResponseCommit,
    list_snapshots: ListSnapshots(abci::RequestListSnapshots) -> ResponseListSnapshots,
    offer_snapshot: OfferSnapshot(abci::RequestOfferSnapshot) -> ResponseOfferSnapshot,
    load_snapshot_chunk: LoadSnapshotChunk(abci::RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk,
    apply_snapshot_chunk: ApplySnapshotChunk(abci::RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk,
}

fn mismatch(expected: &str, got: &response::Value) -> ClientError {
    let got = match got {
        response::Value::Exception(_) => "Exception",
        response::Value::Echo(_) => "Echo",
        response::Value::Flush(_) => "Flush",
        response::Value::Info(_) => "Info",
        response::Value::InitChain(_) => "InitChain",
        response::Value::Query(_) => "Query",
        response::Value::CheckTx(_) => "CheckTx",
        response::Value::Commit(_) => "Commit",
        response::Value::ListSnapshots(_) => "ListSnapshots",
        response::Value::OfferSnapshot(_) => "OfferSnapshot",
        response::Value::LoadSnapshotChunk(_) => "LoadSnapshotChunk",
        response::Value::ApplySnapshotChunk(_) => "ApplySnapshotChunk",
        response::Value::PrepareProposal(_) => "PrepareProposal",
        response::Value::ProcessProposal(_) => "ProcessProposal",
        response::Value::ExtendVote(_) => "ExtendVote",
        response::Value::VerifyVoteExtension(_) => "VerifyVoteExtension",
        response::Value::FinalizeBlock(_) => "FinalizeBlock",
    };
    ClientError::Mismatch(format!("expected {expected}, got {got}"))
}

/// Bytes that `txs` take in a block: `1 + uvarint(len) + len` each (`ComputeProtoSizeForTxs`).
pub fn proto_size_of_txs(txs: &[Bytes]) -> u64 {
    txs.iter().map(plume_block::abci::proto_size_of_tx).sum()
}
