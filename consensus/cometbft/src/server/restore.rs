//! State sync: CometBFT found a snapshot and verified its app hash; the state machine takes it over, chunk by chunk.

use plume_engine::{ChunkVerdict, Executor, Info, Offer, Reader, SnapshotInfo, TrustedState};
use plume_primitives::Height;
use tendermint_proto::v0_38::abci::response_apply_snapshot_chunk::Result as Applied;
use tendermint_proto::v0_38::abci::response_offer_snapshot::Result as Offered;
use tendermint_proto::v0_38::abci::{self, request, response};

use super::seat::{ConnectionId, Refusal, Seat};
use plume_engine::Fatal;

/// What the requests of the snapshot connection have in common.
#[derive(Debug, Default)]
pub(super) struct Restore {
    /// The connection that drives it.
    session: Option<ConnectionId>,
    /// The snapshot that was accepted last.
    taking: Option<Taking>,
}

#[derive(Debug)]
struct Taking {
    height: Height,
    /// The state is there: what still comes of the snapshot is not needed.
    whole: bool,
}

impl<E: Executor> Seat<E> {
    /// Performs `OfferSnapshot` and `ApplySnapshotChunk`.
    pub(super) fn restore(
        &mut self,
        connection: ConnectionId,
        request: request::Value,
    ) -> Result<response::Value, Refusal> {
        self.healthy()?;
        match self.restore.session {
            Some(current) if connection < current => return Err(Refusal::Superseded),
            Some(current) if connection == current => {}
            _ => self.restore = Restore { session: Some(connection), taking: None },
        }
        match request {
            request::Value::OfferSnapshot(request) => {
                let result = self.offer(request)?;
                Ok(response::Value::OfferSnapshot(abci::ResponseOfferSnapshot { result: result.into() }))
            }
            request::Value::ApplySnapshotChunk(request) => {
                Ok(response::Value::ApplySnapshotChunk(self.apply(request)?))
            }
            // The connection sends these two only.
            _ => Err(Refusal::Fatal(Fatal::new("a request that is not of state sync reached the restore"))),
        }
    }

    fn offer(&mut self, request: abci::RequestOfferSnapshot) -> Result<Offered, Refusal> {
        self.restore.taking = None;
        let Some(raw) = request.snapshot else {
            tracing::warn!("a snapshot without a description is rejected");
            return Ok(Offered::Reject);
        };
        let snapshot = SnapshotInfo {
            height: Height(raw.height),
            format: raw.format,
            chunks: raw.chunks,
            hash: raw.hash,
            metadata: raw.metadata,
        };
        let height = snapshot.height;
        let info = self.reader().info();
        if info.height > Height::ZERO {
            return Ok(self.offer_again(&info, &snapshot, &request.app_hash));
        }
        let Some(origin) = self.origin() else {
            tracing::error!("state sync needs the genesis document, and this server was started without one");
            return Ok(Offered::Abort);
        };
        let trusted = TrustedState {
            app_hash: request.app_hash,
            chain_id: origin.chain_id.clone(),
            initial_height: origin.initial_height,
            // CometBFT tells the app hash only.
            time: None,
            validators: None,
        };
        let offer = self.guarded("OfferSnapshot", |executor| executor.offer_snapshot(&snapshot, &trusted))?;
        Ok(match offer {
            Offer::Accept => {
                tracing::info!(%height, chunks = snapshot.chunks, "taking over a snapshot");
                self.restore.taking = Some(Taking { height, whole: false });
                Offered::Accept
            }
            Offer::Reject(reason) => {
                tracing::warn!(%height, reason, "snapshot rejected");
                Offered::Reject
            }
            Offer::RejectFormat(reason) => {
                tracing::warn!(%height, format = snapshot.format, reason, "snapshot format rejected");
                Offered::RejectFormat
            }
            Offer::Abort(reason) => {
                tracing::error!(%height, reason, "state sync is not possible");
                Offered::Abort
            }
        })
    }

    /// An offer to a state machine that has a state: CometBFT lost its own, or died between the last chunk and its first
    /// record, or the state was restored from a local snapshot. Only the snapshot of exactly this state lets it go on.
    fn offer_again(&mut self, info: &Info, snapshot: &SnapshotInfo, app_hash: &[u8]) -> Offered {
        if snapshot.height == info.height && *app_hash == info.app_hash {
            tracing::info!(height = %info.height, "the state of this snapshot is there already");
            self.restore.taking = Some(Taking { height: info.height, whole: true });
            return Offered::Accept;
        }
        tracing::warn!(
            height = %snapshot.height, state = %info.height,
            "snapshot rejected: there is a state of another height already; to take over this one, empty the node first \
             (`plumed comet unsafe-reset-all`, keeping priv_validator_state.json of a validator)"
        );
        // Not ABORT: an older snapshot may be the one that fits.
        Offered::Reject
    }

    fn apply(&mut self, request: abci::RequestApplySnapshotChunk) -> Result<abci::ResponseApplySnapshotChunk, Refusal> {
        let answer = |result: Applied| abci::ResponseApplySnapshotChunk { result: result.into(), ..Default::default() };
        let abci::RequestApplySnapshotChunk { index, chunk, sender } = request;
        let height = match &self.restore.taking {
            // A restored process keeps the chunks of an earlier attempt, so the last one missing need not be the last sent.
            Some(Taking { whole: true, .. }) => return Ok(answer(Applied::Accept)),
            Some(taking) => taking.height,
            None => {
                tracing::warn!(index, sender, "a chunk came before a snapshot was accepted");
                return Ok(answer(Applied::RejectSnapshot));
            }
        };
        let verdict = self.guarded("ApplySnapshotChunk", |executor| executor.apply_chunk(index, chunk))?;
        Ok(match verdict {
            ChunkVerdict::Applied => answer(Applied::Accept),
            ChunkVerdict::Complete => {
                tracing::info!(%height, "took over a snapshot of the state");
                self.restore.taking = Some(Taking { height, whole: true });
                answer(Applied::Accept)
            }
            ChunkVerdict::Refused(reason) => {
                tracing::warn!(%height, index, sender, reason, "chunk refused, and its sender with it");
                abci::ResponseApplySnapshotChunk {
                    result: Applied::Retry.into(),
                    refetch_chunks: vec![index],
                    reject_senders: Some(sender).filter(|sender| !sender.is_empty()).into_iter().collect(),
                }
            }
            ChunkVerdict::RejectSnapshot(reason) => {
                tracing::warn!(%height, index, reason, "snapshot rejected");
                self.restore.taking = None;
                answer(Applied::RejectSnapshot)
            }
        })
    }
}
