//! The methods, one file for each group, as CometBFT groups them (`rpc/core`).

mod abci;
mod blocks;
mod broadcast;
mod checks;
mod consensus;
mod genesis;
mod mempool;
mod net;
mod paging;
mod status;
mod txs;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plume_engine::Reader;

use crate::answer::answer;
use crate::json::Json;
use crate::methods::{Method, Spec};
use crate::request::{Args, Id};
use crate::server::clients::Clients;
use crate::server::{Cors, EventTexts};
use crate::{Environment, RpcSettings};
pub(crate) use broadcast::Checking;
use checks::Checks;
use genesis::GenesisText;

/// What the server holds for all connections.
pub(crate) struct State<R: Reader> {
    pub(crate) env: Environment<R>,
    pub(crate) settings: RpcSettings,
    pub(crate) clients: Arc<Clients>,
    pub(crate) cors: Option<Cors>,
    pub(crate) texts: EventTexts,
    genesis: GenesisText,
    checks: Checks<R>,
}

/// What became of a call: the text of its answer.
pub(crate) enum Outcome {
    /// It has a result.
    Done(Vec<u8>),
    /// It has an error.
    Failed(Vec<u8>),
    /// The method has a bug.
    Panicked,
}

impl<R: Reader> State<R> {
    pub(crate) fn new(env: Environment<R>, settings: RpcSettings) -> Self {
        Self {
            clients: Clients::new(settings.max_subscription_clients, settings.max_subscriptions_per_client),
            cors: Cors::new(&settings),
            texts: EventTexts::default(),
            genesis: GenesisText::new(&env.genesis),
            checks: Checks::new(),
            env,
            settings,
        }
    }

    /// How long a client may take to take an answer: CometBFT's `WriteTimeout`, ten seconds, or more where
    /// `broadcast_tx_commit` may wait longer.
    pub(crate) fn write_timeout(&self) -> Duration {
        const USUAL: Duration = Duration::from_secs(10);
        let wait = self.settings.timeout_broadcast_tx_commit;
        if USUAL <= wait { wait.saturating_add(Duration::from_secs(1)) } else { USUAL }
    }

    /// Carries out a method that needs no WebSocket.
    pub(crate) async fn call(self: &Arc<Self>, id: Id, spec: &'static Spec, args: Args, client: SocketAddr) -> Outcome {
        match spec.method {
            Method::Health => done(&id, |json| {
                json.object(|_| ());
                Ok(())
            }),
            Method::BroadcastTxSync => self.begin_broadcast_tx_sync(id, args.bytes(0)).outcome().await,
            Method::BroadcastTxAsync => {
                let result = self.broadcast_tx_async(args.bytes(0));
                done(&id, |json| result.map(|broadcast| broadcast.write(json)))
            }
            Method::BroadcastTxCommit => {
                let result = self.broadcast_tx_commit(args.bytes(0), client).await;
                done(&id, |json| result.map(|broadcast| broadcast.write(json)))
            }
            method => {
                let state = self.clone();
                let call = move || done(&id, |json| state.run(method, &args, json));
                tokio::task::spawn_blocking(call).await.unwrap_or(Outcome::Panicked)
            }
        }
    }

    /// Carries out a method that reads, or checks a transaction, and never waits for a block.
    fn run(&self, method: Method, args: &Args, json: &mut Json) -> Result<(), String> {
        match method {
            Method::Status => self.status(json),
            Method::NetInfo => self.net_info(json),
            Method::Blockchain => self.blockchain(args.int(0).unwrap_or(0), args.int(1).unwrap_or(0), json),
            Method::Genesis => self.genesis.whole(json),
            Method::GenesisChunked => self.genesis.chunk(args.uint(0), json),
            Method::Block => self.block(args.int(0), json),
            Method::BlockByHash => self.block_by_hash(&args.bytes(0), json),
            Method::BlockResults => self.block_results(args.int(0), json),
            Method::Commit => self.commit(args.int(0), json),
            Method::Header => self.header(args.int(0), json),
            Method::HeaderByHash => self.header_by_hash(&args.bytes(0), json),
            Method::CheckTx => self.check_tx(&args.bytes(0), json),
            Method::Tx => self.tx(&args.bytes(0), args.bool(1), json),
            Method::TxSearch => {
                self.tx_search(args.string(0), args.bool(1), args.int(2), args.int(3), args.string(4), json)
            }
            Method::BlockSearch => self.block_search(args.string(0), args.int(1), args.int(2), args.string(3), json),
            Method::Validators => self.validators(args.int(0), args.int(1), args.int(2), json),
            Method::DumpConsensusState => self.dump_consensus_state(json),
            Method::ConsensusState => self.consensus_state(json),
            Method::ConsensusParams => self.consensus_params(args.int(0), json),
            Method::UnconfirmedTxs => self.unconfirmed_txs(args.int(0), json),
            Method::NumUnconfirmedTxs => self.num_unconfirmed_txs(json),
            Method::AbciQuery => {
                self.abci_query(args.string(0), &args.bytes(1), args.int(2).unwrap_or(0), args.bool(3), json)
            }
            Method::AbciInfo => self.abci_info(json),
            Method::BroadcastEvidence => self.broadcast_evidence(args.evidence(0), json),
            Method::DialSeeds => self.dial_seeds(args.strings(0), json),
            Method::DialPeers => self.dial_peers(args.strings(0), args.bool(1), json),
            Method::UnsafeFlushMempool => self.unsafe_flush_mempool(json),
            // `call` and the WebSocket carry these out.
            Method::Health
            | Method::BroadcastTxSync
            | Method::BroadcastTxAsync
            | Method::BroadcastTxCommit
            | Method::Subscribe
            | Method::Unsubscribe
            | Method::UnsubscribeAll => Err("method not available here".to_owned()),
        }
    }
}

fn done(id: &Id, write: impl FnOnce(&mut Json) -> Result<(), String>) -> Outcome {
    let mut failed = false;
    let text = answer(id, |json| write(json).inspect_err(|_| failed = true));
    if failed { Outcome::Failed(text) } else { Outcome::Done(text) }
}
