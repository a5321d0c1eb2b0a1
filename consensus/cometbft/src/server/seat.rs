//! The thread that owns the executor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;

use bytes::Bytes;
use plume_block::abci::{self as convert, Malformed};
use plume_engine::{Executor, Fatal, Info, Proposal, Reader, Verdict};
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::abci::{self, request, response};
use tokio::sync::{oneshot, watch};

use super::restore::Restore;
use super::{Origin, panic_text};

/// Number of a connection, in order of arrival.
pub(super) type ConnectionId = u64;

/// Why a consensus request got no answer of its own. Sent as `ResponseException`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("malformed request: {0}")]
    Malformed(#[from] Malformed),
    #[error("a newer connection has taken over consensus")]
    Superseded,
    #[error("fatal: {0}")]
    Fatal(#[from] Fatal),
    #[error("the server is stopping")]
    Stopping,
}

/// What is sent for a request of the consensus connection.
pub(super) enum Answer {
    /// A message, not encoded yet.
    Message(response::Value),
    /// An encoded `ResponseFinalizeBlock`. A block's results are a hundred thousand strings: the thread that made them
    /// encodes them where they stand and frees them, which costs another thread several times as much.
    Finalized(Vec<u8>),
}

impl From<response::Value> for Answer {
    fn from(message: response::Value) -> Self {
        Self::Message(message)
    }
}

type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

enum Job {
    /// A request of the consensus connection.
    Consensus { connection: ConnectionId, request: Box<request::Value>, reply: Reply<Answer> },
    /// A request of the snapshot connection that changes the state.
    Restore { connection: ConnectionId, request: Box<request::Value>, reply: Reply<response::Value> },
    /// The answer to this connection's last accepted proposal is on the wire.
    Answered { connection: ConnectionId },
    /// What is committed once everything before it is done.
    Info { reply: Reply<Info> },
    /// Ends the thread.
    Close,
}

/// Sends work to the [`Seat`].
#[derive(Clone)]
pub(super) struct SeatHandle {
    jobs: mpsc::Sender<Job>,
}

impl SeatHandle {
    /// Performs one consensus request after all earlier ones.
    pub(super) async fn consensus(&self, connection: ConnectionId, request: request::Value) -> Result<Answer, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Consensus { connection, request: Box::new(request), reply })?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Performs one request of state sync after everything earlier.
    pub(super) async fn restore(
        &self,
        connection: ConnectionId,
        request: request::Value,
    ) -> Result<response::Value, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Restore { connection, request: Box::new(request), reply })?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Lets the executor run ahead with the proposal that it accepted last.
    pub(super) fn answered(&self, connection: ConnectionId) {
        // When the thread is gone there is nothing to run ahead for.
        let _ = self.jobs.send(Job::Answered { connection });
    }

    /// The committed height after all earlier requests: what a handshake must see.
    pub(super) async fn info(&self) -> Result<Info, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Info { reply })?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }

    /// One behind which there is no thread.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self { jobs: mpsc::channel().0 }
    }

    pub(super) fn close(&self) {
        // Closed already is closed.
        let _ = self.jobs.send(Job::Close);
    }

    fn send(&self, job: Job) -> Result<(), Refusal> {
        self.jobs.send(job).map_err(|_| Refusal::Stopping)
    }
}

/// The executor with what the protocol remembers between two requests.
pub(super) struct Seat<E: Executor> {
    executor: E,
    reader: E::Reader,
    /// The connection that drives consensus.
    session: Option<ConnectionId>,
    /// Accepted last, and not yet executed ahead.
    accepted: Option<Proposal>,
    /// The chain's beginning, as its genesis document says.
    origin: Option<Origin>,
    /// Where state sync stands.
    pub(super) restore: Restore,
    fatal: watch::Sender<Option<Fatal>>,
}

impl<E: Executor> Seat<E> {
    pub(super) fn spawn(
        executor: E,
        origin: Option<Origin>,
        fatal: watch::Sender<Option<Fatal>>,
    ) -> std::io::Result<(SeatHandle, JoinHandle<E>)> {
        let (jobs, inbox) = mpsc::channel();
        let reader = executor.reader();
        let seat = Self { executor, reader, session: None, accepted: None, origin, restore: Restore::default(), fatal };
        let thread = std::thread::Builder::new().name("executor".to_owned()).spawn(move || seat.work(&inbox))?;
        Ok((SeatHandle { jobs }, thread))
    }

    fn work(mut self, inbox: &mpsc::Receiver<Job>) -> E {
        while let Ok(job) = inbox.recv() {
            match job {
                Job::Consensus { connection, request, reply } => {
                    let answer = self.perform(connection, *request);
                    // The connection may have died while the request ran; the work stands.
                    let _ = reply.send(answer);
                }
                Job::Restore { connection, request, reply } => {
                    let _ = reply.send(self.restore(connection, *request));
                }
                Job::Answered { connection } => self.run_ahead(connection),
                Job::Info { reply } => {
                    let _ = reply.send(self.healthy().map(|()| self.reader.info()));
                }
                Job::Close => break,
            }
        }
        self.executor
    }

    pub(super) fn reader(&self) -> &E::Reader {
        &self.reader
    }

    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    pub(super) fn healthy(&self) -> Result<(), Refusal> {
        self.fatal.borrow().clone().map_or(Ok(()), |fatal| Err(fatal.into()))
    }

    /// # Consensus
    /// A new connection means a new handshake: CometBFT was restarted and will replay from what
    /// is committed, so whatever was only finalized must go. A request left over from the old
    /// process must not act on the state that the new one builds.
    fn enter(&mut self, connection: ConnectionId) -> Result<(), Refusal> {
        self.healthy()?;
        match self.session {
            Some(current) if current == connection => Ok(()),
            Some(current) if connection < current => Err(Refusal::Superseded),
            _ => {
                tracing::debug!(connection, "consensus connection opened");
                self.session = Some(connection);
                self.accepted = None;
                self.guarded("dropping uncommitted blocks", |executor| {
                    executor.discard_uncommitted();
                    Ok(())
                })
            }
        }
    }

    fn perform(&mut self, connection: ConnectionId, request: request::Value) -> Result<Answer, Refusal> {
        self.enter(connection)?;
        self.accepted = None;
        Ok(match request {
            request::Value::InitChain(request) => {
                let genesis = convert::genesis(request)?;
                let outcome = self.guarded("InitChain", |executor| executor.init_chain(genesis))?;
                response::Value::InitChain(convert::init_response(outcome)).into()
            }
            request::Value::PrepareProposal(request) => {
                let proposal = convert::prepared(request)?;
                let room = proposal.max_tx_bytes.unwrap_or(u64::MAX);
                let height = proposal.height;
                let mut txs = self.guarded("PrepareProposal", |executor| executor.prepare(proposal))?;
                if let Some(dropped) = fit(&mut txs, room) {
                    tracing::error!(%height, room, dropped, "prepared transactions did not fit into the block; the last ones are left out");
                }
                response::Value::PrepareProposal(abci::ResponsePrepareProposal { txs }).into()
            }
            request::Value::ProcessProposal(request) => {
                let proposal = convert::proposed(request)?;
                let verdict = self.guarded("ProcessProposal", |executor| executor.process(&proposal))?;
                let status = match verdict {
                    Verdict::Accept => {
                        self.accepted = Some(proposal);
                        ProposalStatus::Accept
                    }
                    Verdict::Reject(reason) => {
                        tracing::warn!(height = %proposal.height, proposer = %hex::encode_upper(&proposal.proposer), reason, "proposal rejected");
                        ProposalStatus::Reject
                    }
                };
                response::Value::ProcessProposal(abci::ResponseProcessProposal { status: status.into() }).into()
            }
            request::Value::FinalizeBlock(request) => {
                let block = convert::decided(request)?;
                let outcome = self.guarded("FinalizeBlock", |executor| executor.finalize(&block))?;
                Answer::Finalized(convert::encode_outcome(&outcome))
            }
            request::Value::Commit(_) => {
                let committed = self.guarded("Commit", Executor::commit)?;
                response::Value::Commit(convert::commit_response(&committed)).into()
            }
            // The connection sends the five above only; another one is a defect here, and an
            // exception stops the node rather than the thread.
            _ => {
                let defect = Fatal::new("a request that is not a consensus request reached the executor");
                return Err(Refusal::Fatal(defect));
            }
        })
    }

    fn run_ahead(&mut self, connection: ConnectionId) {
        if self.session != Some(connection) {
            return;
        }
        if let Some(proposal) = self.accepted.take() {
            // A failure is reported and stops the node at the next request.
            let _ = self.guarded("executing a proposal ahead", |executor| executor.anticipate(&proposal));
        }
    }

    /// Runs the executor once. A fatal condition, or a panic, is the last thing it ever does.
    pub(super) fn guarded<T>(
        &mut self,
        what: &str,
        act: impl FnOnce(&mut E) -> Result<T, Fatal>,
    ) -> Result<T, Refusal> {
        self.healthy()?;
        let executor = &mut self.executor;
        let result = catch_unwind(AssertUnwindSafe(|| act(executor)))
            .unwrap_or_else(|payload| Err(Fatal::new(format!("panic: {}", panic_text(&*payload)))));
        result.map_err(|fatal| {
            let fatal = fatal.while_doing(what);
            tracing::error!(%fatal, "the state machine cannot go on; the node stops");
            self.fatal.send_replace(Some(fatal.clone()));
            fatal.into()
        })
    }
}

/// Cuts `txs` to what fits into `room` bytes of a block; the number cut, if any.
///
/// # Consensus
/// CometBFT panics when a proposal is too large, so a mistake of the chain's own accounting must
/// not get there.
fn fit(txs: &mut Vec<Bytes>, room: u64) -> Option<usize> {
    let mut used = 0_u64;
    let fitting = txs
        .iter()
        .take_while(|tx| {
            used = used.saturating_add(convert::proto_size_of_tx(tx));
            used <= room
        })
        .count();
    let dropped = txs.len() - fitting;
    txs.truncate(fitting);
    (dropped > 0).then_some(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_transactions_are_cut_at_the_first_that_does_not_fit() {
        // Sizes in a block: 3, 12, 3.
        let txs = || vec![Bytes::from_static(b"a"), Bytes::from_static(b"0123456789"), Bytes::from_static(b"b")];
        for (room, kept, dropped) in [
            (18, 3, None),
            (17, 2, Some(1)),
            (15, 2, Some(1)),
            (14, 1, Some(2)),
            (3, 1, Some(2)),
            (2, 0, Some(3)),
            (0, 0, Some(3)),
        ] {
            let mut cut = txs();
            assert_eq!((fit(&mut cut, room), cut), (dropped, txs()[..kept].to_vec()), "room {room}");
        }
    }
}
