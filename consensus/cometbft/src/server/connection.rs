//! One connection: frames in, answers out, in order.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use plume_block::abci as convert;
use plume_engine::{CheckOutcome, QueryError, Reader};
use plume_primitives::Height;
use prost::Message;
use tendermint_proto::v0_38::abci::{self, Request, Response, request, response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::panic_text;
use super::seat::{Answer, ConnectionId, Refusal, SeatHandle};
use crate::frame::{FINALIZE_BLOCK, FrameError, put_frame, put_frame_head, take_frame};

/// Bytes asked of the socket at once. A frame grows by what arrives, never by what it announces.
const READ_CHUNK: usize = 64 * 1024;

/// Output is written when this much waits, even before a flush.
const WRITE_CHUNK: usize = 64 * 1024;

/// Requests that are answered before the other connections of the same worker have their turn. CometBFT sends thousands of
/// `CheckTx` at once, each of which takes some 50 us; a query that came to the same worker would wait for all of them.
const TURN: u32 = 16;

/// Code of an unexpected panic, as the SDK numbers it (`undefined/111222`).
const PANIC_CODE: u32 = 111_222;

/// The longest chunk that CometBFT's p2p carries: 16 MB (`statesync.chunkMsgSize`) less what stands around it.
const MAX_CHUNK: usize = 16_000_000 - OVERHEAD;

/// The longest metadata: 4 MB (`statesync.snapshotMsgSize`) likewise.
const MAX_METADATA: usize = 4_000_000 - OVERHEAD;

/// Room for the other fields of a message of state sync (hash, numbers, tags).
const OVERHEAD: usize = 256;

/// What all connections share.
pub(super) struct Shared<R> {
    pub(super) reader: R,
    pub(super) seat: SeatHandle,
    pub(super) max_frame: usize,
}

/// Serves one connection until its peer closes it or sends something that is not a frame.
pub(super) async fn serve<R: Reader>(
    id: ConnectionId,
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
    shared: Arc<Shared<R>>,
) {
    let mut connection = Connection {
        id,
        shared,
        read,
        write,
        incoming: BytesMut::new(),
        outgoing: BytesMut::new(),
        greeted: false,
        accepted: false,
    };
    tracing::debug!(connection = id, "abci connection opened");
    match connection.run().await {
        Ok(()) => tracing::debug!(connection = id, "abci connection closed"),
        Err(error) => tracing::debug!(connection = id, %error, "abci connection broken"),
    }
}

struct Connection<R, I, O> {
    id: ConnectionId,
    shared: Arc<Shared<R>>,
    read: I,
    write: O,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// Whether this connection has asked `Info` before.
    greeted: bool,
    /// An accepting `ProcessProposal` answer waits in `outgoing`.
    accepted: bool,
}

impl<R: Reader, I: AsyncRead + Unpin, O: AsyncWrite + Unpin> Connection<R, I, O> {
    async fn run(&mut self) -> io::Result<()> {
        let mut answered = 0_u32;
        loop {
            match take_frame(&mut self.incoming, self.shared.max_frame) {
                Ok(Some(frame)) => {
                    answered = answered.wrapping_add(1);
                    if answered.is_multiple_of(TURN) {
                        tokio::task::yield_now().await;
                    }
                    let flush = match Request::decode(frame) {
                        Ok(request) => self.answer(request).await?,
                        Err(error) => self.exception(format!("malformed request: {error}")),
                    };
                    if flush {
                        self.flush().await?;
                    } else if self.outgoing.len() >= WRITE_CHUNK {
                        self.write_out().await?;
                    }
                }
                Ok(None) => {
                    // The input is idle: whoever sends no Flush must still get its answer.
                    self.flush().await?;
                    self.incoming.reserve(READ_CHUNK);
                    if self.read.read_buf(&mut self.incoming).await? == 0 {
                        return self.end().await;
                    }
                }
                Err(error) => {
                    self.exception(error.to_string());
                    return self.flush().await;
                }
            }
        }
    }

    async fn end(&mut self) -> io::Result<()> {
        if !self.incoming.is_empty() {
            self.exception(FrameError::Truncated { buffered: self.incoming.len() }.to_string());
        }
        self.flush().await
    }

    async fn write_out(&mut self) -> io::Result<()> {
        let bytes = self.outgoing.split();
        self.write.write_all(&bytes).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.outgoing.is_empty() {
            self.write_out().await?;
            self.write.flush().await?;
        }
        // The verdict is on its way: now, and not before, the executor may be busy with the block.
        if std::mem::take(&mut self.accepted) {
            self.shared.seat.answered(self.id);
        }
        Ok(())
    }

    /// Appends an exception; CometBFT stops itself when it reads one.
    fn exception(&mut self, error: String) -> bool {
        tracing::error!(connection = self.id, error, "abci exception");
        self.respond(response::Value::Exception(abci::ResponseException { error }));
        true
    }

    fn respond(&mut self, value: response::Value) {
        put_frame(&Response { value: Some(value) }, &mut self.outgoing);
    }

    /// Appends exactly one answer, or writes it. True when the output must be flushed.
    async fn answer(&mut self, request: Request) -> io::Result<bool> {
        let Some(request) = request.value else {
            return Ok(self.exception("unknown request".to_owned()));
        };
        let flush = matches!(request, request::Value::Flush(_));
        Ok(match self.dispatch(request).await {
            Ok(Answer::Finalized(results)) => {
                // Megabytes, which go from where they are: memory for a copy of them would be new for each block.
                put_frame_head(FINALIZE_BLOCK, results.len(), &mut self.outgoing);
                self.write_out().await?;
                self.write.write_all(&results).await?;
                flush
            }
            Ok(Answer::Message(value)) => {
                self.accepted |= matches!(&value, response::Value::ProcessProposal(p) if p.status() == abci::response_process_proposal::ProposalStatus::Accept);
                self.respond(value);
                flush
            }
            Err(refusal) => self.exception(refusal.to_string()),
        })
    }

    async fn dispatch(&mut self, request: request::Value) -> Result<Answer, Refusal> {
        use abci::response_verify_vote_extension::VerifyStatus;
        let message = match request {
            request::Value::Echo(request) => response::Value::Echo(abci::ResponseEcho { message: request.message }),
            request::Value::Flush(_) => response::Value::Flush(abci::ResponseFlush {}),
            request::Value::Info(_) => {
                let info = if std::mem::replace(&mut self.greeted, true) {
                    self.shared.reader.info()
                } else {
                    self.shared.seat.info().await?
                };
                response::Value::Info(convert::info_response(info))
            }
            request::Value::CheckTx(request) => response::Value::CheckTx(self.check_tx(&request)),
            request::Value::Query(request) => {
                // A query may walk over many entries; the worker hands its other tasks on first.
                response::Value::Query(tokio::task::block_in_place(|| self.query(&request)))
            }
            request::Value::InitChain(_)
            | request::Value::PrepareProposal(_)
            | request::Value::ProcessProposal(_)
            | request::Value::FinalizeBlock(_)
            | request::Value::Commit(_) => {
                if std::mem::take(&mut self.accepted) {
                    self.shared.seat.answered(self.id);
                }
                return self.shared.seat.consensus(self.id, request).await;
            }
            request::Value::ListSnapshots(_) => {
                let snapshots = tokio::task::block_in_place(|| self.snapshots());
                response::Value::ListSnapshots(abci::ResponseListSnapshots { snapshots })
            }
            request::Value::LoadSnapshotChunk(request) => {
                let chunk = tokio::task::block_in_place(|| self.snapshot_chunk(&request));
                response::Value::LoadSnapshotChunk(abci::ResponseLoadSnapshotChunk { chunk })
            }
            request::Value::OfferSnapshot(_) | request::Value::ApplySnapshotChunk(_) => {
                self.shared.seat.restore(self.id, request).await?
            }
            // Vote extensions are off; the empty one is the only valid one.
            request::Value::ExtendVote(_) => response::Value::ExtendVote(abci::ResponseExtendVote::default()),
            request::Value::VerifyVoteExtension(request) => {
                let status =
                    if request.vote_extension.is_empty() { VerifyStatus::Accept } else { VerifyStatus::Reject };
                response::Value::VerifyVoteExtension(abci::ResponseVerifyVoteExtension { status: status.into() })
            }
        };
        Ok(message.into())
    }

    fn check_tx(&self, request: &abci::RequestCheckTx) -> abci::ResponseCheckTx {
        let kind = convert::check_kind(request.r#type);
        let checked = catch_unwind(AssertUnwindSafe(|| self.shared.reader.check_tx(&request.tx, kind)));
        convert::check_response(checked.unwrap_or_else(|payload| {
            let log = format!("panic: {}", panic_text(&*payload));
            tracing::error!(log, "CheckTx panicked");
            CheckOutcome { code: PANIC_CODE, codespace: "undefined".to_owned(), log, ..CheckOutcome::default() }
        }))
    }

    /// The snapshots that CometBFT can carry, newest first.
    fn snapshots(&self) -> Vec<abci::Snapshot> {
        let found = unpanicked("ListSnapshots", || self.shared.reader.snapshots());
        let carried = found.into_iter().filter(|info| {
            let fits = info.metadata.len() <= MAX_METADATA;
            if !fits {
                tracing::error!(height = %info.height, bytes = info.metadata.len(), "snapshot not offered: its metadata is too long for CometBFT");
            }
            fits
        });
        carried
            .map(|info| abci::Snapshot {
                height: info.height.get(),
                format: info.format,
                chunks: info.chunks,
                hash: info.hash,
                metadata: info.metadata,
            })
            .collect()
    }

    /// A chunk from disk; empty, which CometBFT passes on as missing, when there is none that it can carry.
    fn snapshot_chunk(&self, request: &abci::RequestLoadSnapshotChunk) -> Bytes {
        let abci::RequestLoadSnapshotChunk { height, format, chunk: index } = *request;
        let found =
            unpanicked("LoadSnapshotChunk", || self.shared.reader.snapshot_chunk(Height(height), format, index));
        match found {
            Some(chunk) if chunk.len() <= MAX_CHUNK => chunk,
            Some(chunk) => {
                tracing::error!(height, index, bytes = chunk.len(), "a chunk is too long for CometBFT");
                Bytes::new()
            }
            None => Bytes::new(),
        }
    }

    fn query(&self, request: &abci::RequestQuery) -> abci::ResponseQuery {
        let reader = &self.shared.reader;
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let Ok(height) = Height::try_from(request.height) else {
                return Err(negative_height());
            };
            let height = Some(height).filter(|height| *height != Height::ZERO);
            reader.query(&request.path, &request.data, height, request.prove)
        }));
        let result = answered.unwrap_or_else(|payload| {
            let message = format!("panic: {}", panic_text(&*payload));
            tracing::error!(path = request.path, message, "Query panicked");
            Err(QueryError {
                codespace: "undefined".to_owned(),
                code: PANIC_CODE,
                grpc_code: 2,
                log: message.clone(),
                message,
            })
        });
        result.map_or_else(|error| convert::query_refusal(error, reader.info().height), convert::query_response)
    }
}

/// What a reader says; nothing when it panics, which must not stop CometBFT.
fn unpanicked<T: Default>(what: &str, ask: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|payload| {
        tracing::error!(panic = panic_text(&*payload), "{what} panicked");
        T::default()
    })
}

/// The SDK's answer to a query below height 0.
fn negative_height() -> QueryError {
    const MESSAGE: &str = "cannot query with height < 0; please provide a valid height: invalid request";
    QueryError {
        codespace: "sdk".to_owned(),
        code: 18,
        grpc_code: 2,
        message: MESSAGE.to_owned(),
        log: MESSAGE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use plume_engine::{CheckKind, Info, QueryAnswer, SimulationOutcome};
    use tokio::io::duplex;

    use super::*;

    /// Counts checks.
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicU32>);

    impl Reader for Counting {
        fn info(&self) -> Info {
            Info::default()
        }

        fn check_tx(&self, _tx: &Bytes, _kind: CheckKind) -> CheckOutcome {
            self.0.fetch_add(1, Ordering::Relaxed);
            CheckOutcome::default()
        }

        fn query(&self, _: &str, _: &[u8], _: Option<Height>, _: bool) -> Result<QueryAnswer, QueryError> {
            Err(negative_height())
        }

        fn simulate(&self, _: &Bytes) -> Result<SimulationOutcome, QueryError> {
            Err(negative_height())
        }
    }

    fn frames(value: &request::Value, count: u32) -> BytesMut {
        let mut bytes = BytesMut::new();
        (0..count).for_each(|_| put_frame(&Request { value: Some(value.clone()) }, &mut bytes));
        bytes
    }

    /// One worker for both, where the one that is busy could keep the other waiting to the end.
    #[tokio::test]
    async fn a_connection_with_much_to_check_lets_others_have_their_turn() {
        const CHECKS: u32 = 10_000;
        let counting = Counting::default();
        let shared = Arc::new(Shared { reader: counting.clone(), seat: SeatHandle::nobody(), max_frame: 1024 });
        let check = frames(&request::Value::CheckTx(abci::RequestCheckTx::default()), CHECKS);
        let echo = frames(&request::Value::Echo(abci::RequestEcho { message: "here".to_owned() }), 1);
        // Room for everything: nobody waits for a pipe.
        let (mut mempool, busy) = duplex(1 << 20);
        let (mut asker, other) = duplex(1024);
        mempool.write_all(&check).await.expect("an open pipe");
        asker.write_all(&echo).await.expect("an open pipe");
        for (id, end) in [(0, busy), (1, other)] {
            let (read, write) = tokio::io::split(end);
            tokio::spawn(serve(id, read, write, Arc::clone(&shared)));
        }
        let mut answer = vec![0; echo.len()];
        asker.read_exact(&mut answer).await.expect("an answer");
        let checked = counting.0.load(Ordering::Relaxed);
        assert!((1..=4 * TURN).contains(&checked), "{checked} checks came before the other connection's answer");
        mempool.shutdown().await.expect("an open pipe");
        let mut answers = Vec::new();
        mempool.read_to_end(&mut answers).await.expect("answers");
        let mut answers = BytesMut::from(&answers[..]);
        for _ in 0..CHECKS {
            let frame = take_frame(&mut answers, 1024).expect("a frame").expect("an answer for each");
            let answer = Response::decode(frame).expect("an answer").value;
            assert_eq!(answer, Some(response::Value::CheckTx(abci::ResponseCheckTx::default())));
        }
        assert!(answers.is_empty() && counting.0.load(Ordering::Relaxed) == CHECKS);
    }
}
