use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use plume_engine::{
    Block, BlockOutcome, CheckKind, CheckOutcome, Fatal, Genesis, Info, NodeService, QueryAnswer, QueryError, Reader,
    SimulationOutcome, SnapshotInfo,
};
use plume_kit::{Observer, ReadCtx};
use plume_primitives::{Address, Height};
use plume_state::{StateError, StateReader, StateView};

use crate::block::execute_block;
use crate::check::{CheckState, View, check_tx};
use crate::export;
use crate::machine::Machine;
use crate::retention::retain_height;
use crate::snapshots::{self, SnapshotFolder};
use crate::tip::Tip;
use crate::{query, records, simulate, tx};

/// What the executor and its readers share.
pub(crate) struct Shared {
    pub machine: Machine,
    /// Replaced when a snapshot has been taken over.
    state: RwLock<StateReader>,
    /// The snapshots that this node serves.
    pub snapshots: Option<Arc<SnapshotFolder>>,
    tip: RwLock<Arc<Tip>>,
    check: Mutex<CheckState>,
    service: OnceLock<Arc<dyn NodeService>>,
}

impl Shared {
    pub fn new(machine: Machine, state: StateReader, snapshots: Option<Arc<SnapshotFolder>>, tip: Arc<Tip>) -> Self {
        let check = Mutex::new(CheckState::new(tip.clone()));
        let state = RwLock::new(state);
        Self { machine, state, snapshots, tip: RwLock::new(tip), check, service: OnceLock::new() }
    }

    /// Access to the state at every height that is held.
    pub fn state(&self) -> StateReader {
        self.state.read().clone()
    }

    /// Makes another state the one that is read; its tip is published next.
    pub fn replace_state(&self, state: StateReader) {
        *self.state.write() = state;
    }

    /// Where the chain stands.
    pub fn tip(&self) -> Arc<Tip> {
        self.tip.read().clone()
    }

    /// Makes `tip` what readers see. The check state is reset first, so that whoever sees the new height checks
    /// transactions on it.
    pub fn publish(&self, tip: Arc<Tip>, touched: Option<BTreeSet<Address>>) {
        if self.tip().rules.as_ref().map(Arc::as_ptr) != tip.rules.as_ref().map(Arc::as_ptr) {
            self.machine.decoded.clear();
        }
        self.check.lock().reset(tip.clone(), touched);
        *self.tip.write() = tip;
    }

    /// The check state now.
    pub fn check_view(&self) -> View {
        self.check.lock().view()
    }

    /// What answers for the node, once it is known.
    pub fn service(&self) -> Option<&Arc<dyn NodeService>> {
        self.service.get()
    }
}

/// Concurrent access to the chain: checks, queries, simulation. Implements [`Reader`].
#[derive(Clone)]
pub struct ChainReader {
    shared: Arc<Shared>,
}

impl ChainReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// How many signatures were really verified since the process started.
    pub fn verifications(&self) -> u64 {
        self.shared.machine.verified.verifications()
    }

    /// The chain's id and the prefix of its addresses; `None` before genesis.
    pub fn chain_info(&self) -> Option<plume_kit::ChainInfo> {
        self.shared.tip().rules.as_ref().map(|rules| rules.chain.clone())
    }

    /// The committed state after `height` (the last one when `None`), with its height.
    ///
    /// # Errors
    /// `sdk/26` for a height that is pruned or not there yet.
    pub fn state_at(&self, height: Option<Height>) -> Result<ReadCtx, QueryError> {
        query::read_ctx(&self.shared, height)
    }

    /// The genesis document that continues this chain after `height` (the last one when `None`).
    ///
    /// # Errors
    /// A height that is not available; state that cannot be read.
    pub fn export(&self, height: Option<Height>) -> Result<Genesis, Fatal> {
        let ctx = self.state_at(height).map_err(|e| Fatal::new(e.log))?;
        export::export(&self.shared.machine, &ctx)
    }

    /// Checks every module's invariants on the state after `height` (the last one when `None`).
    ///
    /// # Errors
    /// The first broken invariant; a height that is not available.
    pub fn verify_state(&self, height: Option<Height>) -> Result<(), Fatal> {
        let ctx = self.state_at(height).map_err(|e| Fatal::new(e.log))?;
        self.shared.machine.modules.invariants(&ctx)
    }

    /// Writes a checkpoint of the trees, from which the next start is faster; gives its height. Takes about a
    /// microsecond for each key, while blocks go on.
    ///
    /// # Errors
    /// A disk that fails; blocks that came so fast that the height is no longer available.
    pub fn write_checkpoint(&self) -> Result<Height, Fatal> {
        if self.shared.tip().height == Height::ZERO {
            return Ok(Height::ZERO);
        }
        self.shared.state().write_checkpoint().map(Height).map_err(|e| Fatal::new(e.to_string()))
    }

    /// Writes the state snapshot of a recent height (the last one when `None`) and serves it from then on; gives the one that
    /// there is already. Takes about five microseconds for each key, while blocks go on.
    ///
    /// # Errors
    /// No folder for snapshots; a height that is not in the window of recent versions; a disk that fails.
    pub fn take_snapshot(&self, height: Option<Height>) -> Result<SnapshotInfo, Fatal> {
        let folder = self.shared.snapshots.as_ref();
        let folder = folder.ok_or_else(|| Fatal::new("this node has no folder for snapshots"))?;
        let height = height.unwrap_or_else(|| self.shared.tip().height);
        snapshots::take(folder, &self.shared.state(), height, self.shared.machine.config.snapshots.chunk_bytes)
    }

    /// The lowest height whose block the engine must keep; 0: all. As each commit tells it
    /// (`ResponseCommit.retain_height`).
    pub fn retain_height(&self) -> Height {
        let (tip, config) = (self.shared.tip(), &self.shared.machine.config);
        let height = tip.height.get();
        // Whoever asks from outside has everything on disk.
        Height(retain_height(config, tip.evidence_blocks, height, height))
    }

    /// Executes a committed block again on the state below it, with `observer` watching. Nothing is kept, and the
    /// outcome's `app_hash` stays empty: a past state has no tree to hash.
    ///
    /// # Errors
    /// A block whose previous height is not available (the first block always), or that was not committed yet.
    pub fn execute_again(&self, block: &Block, observer: &dyn Observer) -> Result<BlockOutcome, Fatal> {
        let tip = self.shared.tip();
        let rules = tip.rules.as_ref().ok_or_else(|| Fatal::new("the chain has no genesis yet"))?;
        let below = block.height.previous().filter(|_| block.height > tip.initial_height && block.height <= tip.height);
        let below = below.ok_or_else(|| {
            let (first, last) = (tip.initial_height, tip.height);
            Fatal::new(format!(
                "block {} cannot be executed again: it must come after {first} and not after {last}",
                block.height
            ))
        })?;
        let base = self.shared.state_at(below).map_err(|e| Fatal::new(e.to_string()))?;
        let machine = &self.shared.machine;
        let prepared = tx::prepare_all(machine, rules, &base, &block.txs)?;
        let executed = execute_block(machine, rules, &base, block, &prepared, Some(observer))?;
        Ok(BlockOutcome {
            app_hash: Bytes::new(),
            tx_results: executed.results,
            events: executed.events,
            validator_updates: executed.validator_updates,
            consensus_params: executed.consensus_params,
        })
    }
}

impl Shared {
    /// The state after a committed height.
    pub fn state_at(&self, height: Height) -> Result<Arc<dyn StateView>, StateError> {
        Ok(Arc::new(self.state().at(height.get())?))
    }

    /// Time of the block whose state `view` is.
    pub fn time_of(view: &dyn StateView) -> Result<plume_primitives::Timestamp, Fatal> {
        records::time(view)
    }
}

impl Reader for ChainReader {
    fn info(&self) -> Info {
        let tip = self.shared.tip();
        let config = &self.shared.machine.config;
        Info {
            data: config.name.clone(),
            version: config.version.clone(),
            app_version: tip.app_version,
            height: tip.height,
            app_hash: tip.app_hash.clone(),
        }
    }

    fn check_tx(&self, tx: &Bytes, kind: CheckKind) -> CheckOutcome {
        check_tx(&self.shared.machine, &self.shared.check, tx, kind)
    }

    fn anticipate_txs(&self, txs: &[Bytes]) {
        let (tip, machine) = (self.shared.tip(), &self.shared.machine);
        let Some(rules) = &tip.rules else { return };
        let base = machine.config.verify_decided_signatures.then_some(&tip.state);
        if let Err(error) = tx::prepare_ahead(machine, rules, base, txs) {
            // Whoever executes them meets the same and stops.
            tracing::error!(%error, "transactions could not be verified ahead of their block");
        }
    }

    fn query(&self, path: &str, data: &[u8], height: Option<Height>, prove: bool) -> Result<QueryAnswer, QueryError> {
        query::answer(&self.shared, path, data, height, prove)
    }

    fn query_paths(&self) -> Vec<&'static str> {
        let mut paths: Vec<&'static str> = self.shared.machine.modules.queries().paths().collect();
        paths.push(query::SIMULATE);
        paths.extend(self.shared.service().map(|service| service.paths()).unwrap_or_default());
        paths.sort_unstable();
        paths
    }

    fn serve(&self, service: Arc<dyn NodeService>) -> bool {
        self.shared.service.set(service).is_ok()
    }

    fn simulate(&self, tx: &Bytes) -> Result<SimulationOutcome, QueryError> {
        simulate::simulate(&self.shared, tx).map_err(|failed| failed.into_error())
    }

    fn snapshots(&self) -> Vec<SnapshotInfo> {
        self.shared.snapshots.as_ref().map_or_else(Vec::new, |folder| folder.list())
    }

    fn snapshot_chunk(&self, height: Height, format: u32, index: u32) -> Option<Bytes> {
        self.shared.snapshots.as_ref()?.chunk(height, format, index)
    }
}
