use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{
    Block, BlockId, BlockOutcome, ChunkVerdict, Committed, ConsensusParams, Executor, Fatal, Genesis, InitOutcome,
    Offer, Proposal, RestoreProgress, SnapshotInfo, TrustedState, Verdict,
};
use plume_primitives::{Address, Height, Timestamp};
use plume_state::{Backend, ChangeSet, State, StateConfig, StateError, StateView, Store};

use crate::block::{ExecutedBlock, execute_block};
use crate::genesis;
use crate::machine::{Machine, Rules};
use crate::modules::{Catalogue, plume_modules};
use crate::proposal::Chosen;
use crate::reader::{ChainReader, Shared};
use crate::records;
use crate::retention::retain_height;
use crate::snapshots::{Restoring, SnapshotFolder, SnapshotWriter};
use crate::tip::Tip;
use crate::tx::{Prepared, prepare_all, prepare_decided};
use crate::{ChainConfig, consensus, proposal, snapshots};

/// Blocks that may wait, executed or judged, for a decision at one height; more are computed again when decided.
const MAX_WAITING: usize = 4;
/// Blocks between two orders to forget old history.
const PRUNE_EVERY: u64 = 100;

/// The state machine: modules, state, and what is waiting for a decision. Implements [`Executor`].
pub struct Chain {
    shared: Arc<Shared>,
    state: State,
    /// The writes of genesis until the first block is committed with them.
    genesis: Option<ChangeSet>,
    /// This node's own choice for the next height, until a proposal was judged.
    chosen: Option<Chosen>,
    /// Transactions of proposals at the next height, decoded and verified when they were judged.
    judged: BTreeMap<BlockId, Vec<Prepared>>,
    /// Proposals at the next height, executed before their decision.
    ahead: BTreeMap<BlockId, (BlockOutcome, Decided)>,
    /// The block that was finalized last and is not committed yet.
    decided: Option<Decided>,
    /// The snapshot that is being taken over.
    restoring: Option<Restoring>,
    snapshots: SnapshotWriter,
}

/// An executed block, ready to be committed.
struct Decided {
    height: Height,
    time: Timestamp,
    app_hash: Bytes,
    /// The parameters after the block, if it changed them.
    consensus_params: Option<ConsensusParams>,
    prepared: plume_state::Prepared,
    senders: BTreeSet<Address>,
    checks_changed: bool,
}

impl Chain {
    /// Opens the chain on `backend`, at the last durable height.
    ///
    /// # Errors
    /// A database that is damaged, foreign or newer than this binary; modules that collide.
    pub fn open(config: ChainConfig, backend: Arc<dyn Backend>) -> Result<Self, Fatal> {
        Self::open_with(config, backend, plume_modules())
    }

    /// Writes a snapshot of the state after a past height into the configured folder, unless there is one. The trees are
    /// built anew from the history in `backend` and their app hash is compared with the recorded one; nothing else changes.
    ///
    /// # Errors
    /// No folder for snapshots; a height that history does not hold; a read or write failure; another app hash.
    pub fn take_past_snapshot(
        config: ChainConfig,
        backend: &Arc<dyn Backend>,
        height: Height,
    ) -> Result<SnapshotInfo, Fatal> {
        let machine = plume_modules().build(config)?;
        let settings = &machine.config.snapshots;
        let path = settings.folder.clone().ok_or_else(|| Fatal::new("this node has no folder for snapshots"))?;
        let failed = |e| Fatal::new(format!("snapshot folder {}: {e}", path.display()));
        let folder = SnapshotFolder::open(path.clone()).map_err(failed)?;
        let state = State::open_at(state_config(&machine), backend, height.get()).map_err(fatal)?;
        snapshots::take(&folder, &state.reader(), height, settings.chunk_bytes)
    }

    /// Opens a chain of other modules than [`plume_modules`].
    ///
    /// # Errors
    /// As [`Chain::open`].
    pub fn open_with(config: ChainConfig, backend: Arc<dyn Backend>, catalogue: Catalogue) -> Result<Self, Fatal> {
        let machine = catalogue.build(config)?;
        let state = State::open(state_config(&machine), backend).map_err(fatal)?;
        let tip = Arc::new(committed_tip(&state)?);
        let settings = machine.config.snapshots.clone();
        let folder = match settings.folder.clone() {
            None => None,
            Some(path) => {
                let failed = |e| Fatal::new(format!("snapshot folder {}: {e}", path.display()));
                Some(Arc::new(SnapshotFolder::open(path.clone()).map_err(failed)?))
            }
        };
        let restoring = match tip.height {
            Height::ZERO => Restoring::resume(state.backend(), machine.modules.stores())?,
            _ => None,
        };
        let mut chain = Self {
            snapshots: SnapshotWriter::new(folder.clone(), settings),
            shared: Arc::new(Shared::new(machine, state.reader(), folder, tip)),
            state,
            genesis: None,
            chosen: None,
            judged: BTreeMap::new(),
            ahead: BTreeMap::new(),
            decided: None,
            restoring,
        };
        // The process ended after the last chunk and before the end.
        if chain.restoring.as_ref().is_some_and(Restoring::is_whole) {
            chain.complete_restore()?;
        }
        Ok(chain)
    }

    fn machine(&self) -> &Machine {
        &self.shared.machine
    }

    /// The constants of the chain.
    fn rules(&self) -> Result<Arc<Rules>, Fatal> {
        self.shared.tip().rules.clone().ok_or_else(|| Fatal::new("a block came before the genesis document"))
    }

    /// The state on which the next block is executed.
    fn base(&self) -> Arc<dyn StateView> {
        self.shared.tip().state.clone()
    }

    fn require_next(&self, height: Height) -> Result<(), Fatal> {
        let expected = self.shared.tip().next_height();
        if height == expected {
            return Ok(());
        }
        Err(Fatal::new(format!("block {height} came where block {expected} was expected")))
    }

    /// The transactions of a block, ready to be executed. `is_decided`: validators with more than two thirds of the
    /// power have signed it.
    fn prepare_txs(&mut self, hash: &BlockId, txs: &[Bytes], is_decided: bool) -> Result<Vec<Prepared>, Fatal> {
        let judged = self.judged.remove(hash).filter(|prepared| !hash.is_empty() && prepared.len() == txs.len());
        if let Some(prepared) = judged {
            return Ok(prepared);
        }
        let rules = self.rules()?;
        if is_decided && !self.machine().config.verify_decided_signatures {
            return Ok(prepare_decided(self.machine(), &rules, txs));
        }
        prepare_all(self.machine(), &rules, &self.base(), txs)
    }

    /// Executes a block on the committed state; nothing of it becomes visible.
    fn execute(&mut self, block: &Block, is_decided: bool) -> Result<(BlockOutcome, Decided), Fatal> {
        self.require_next(block.height)?;
        let prepared = self.prepare_txs(&block.hash, &block.txs, is_decided)?;
        let (rules, base) = (self.rules()?, self.base());
        let executed = execute_block(self.machine(), &rules, &base, block, &prepared, None)?;
        let ExecutedBlock { results, events, validator_updates, consensus_params, changes, senders, checks_changed } =
            executed;
        let mut changes = self.on_genesis(changes);
        if self.machine().upgrades.contains(&block.height) {
            self.dormant_stores().into_iter().for_each(|store| changes.activate(store));
        }
        let prepared = self.state.prepare(&changes).map_err(fatal)?;
        let outcome = BlockOutcome {
            app_hash: Bytes::copy_from_slice(&prepared.app_hash()),
            tx_results: results,
            events,
            validator_updates,
            consensus_params,
        };
        let decided = Decided {
            height: block.height,
            time: block.time,
            app_hash: outcome.app_hash.clone(),
            consensus_params: outcome.consensus_params.clone(),
            prepared,
            senders,
            checks_changed,
        };
        Ok((outcome, decided))
    }

    /// Stores of this binary that the database lacks.
    fn dormant_stores(&self) -> Vec<Store> {
        let active: BTreeSet<Store> = self.state.stores().collect();
        self.machine().modules.stores().iter().copied().filter(|store| !active.contains(store)).collect()
    }

    /// The first block is committed together with genesis.
    fn on_genesis(&self, changes: ChangeSet) -> ChangeSet {
        let Some(genesis) = &self.genesis else { return changes };
        let writes = [genesis, &changes].into_iter().flat_map(|changes| {
            changes
                .stores()
                .flat_map(|(store, writes)| writes.iter().map(move |(key, value)| (store, key.clone(), value.clone())))
        });
        ChangeSet::from_writes(writes)
    }

    /// Makes the snapshot, whole by now, the state of this chain.
    fn complete_restore(&mut self) -> Result<(), Fatal> {
        let Some(restoring) = self.restoring.take() else { return Ok(()) };
        restoring.finish(Arc::new(self.state.latest()))?;
        self.reopen()?;
        tracing::info!(height = self.state.height(), "state taken over from a snapshot");
        Ok(())
    }

    /// Loads what the backend holds and shows it to all readers.
    fn reopen(&mut self) -> Result<(), Fatal> {
        self.state = State::open(state_config(self.machine()), self.state.backend().clone()).map_err(fatal)?;
        let tip = committed_tip(&self.state)?;
        self.shared.replace_state(self.state.reader());
        self.publish(tip, None);
        Ok(())
    }

    fn forget_proposals(&mut self) {
        self.chosen = None;
        self.judged.clear();
        self.ahead.clear();
    }

    /// Moves the tip to a new state: first the check state, then what queries see.
    fn publish(&self, tip: Tip, touched: Option<BTreeSet<Address>>) {
        self.shared.publish(Arc::new(tip), touched);
    }
}

impl Executor for Chain {
    type Reader = ChainReader;

    fn init_chain(&mut self, genesis: Genesis) -> Result<InitOutcome, Fatal> {
        if self.shared.tip().height != Height::ZERO {
            let height = self.shared.tip().height;
            return Err(Fatal::new(format!("genesis came to a chain that is at height {height}")));
        }
        self.discard_uncommitted();
        self.discard_restore()?;
        let empty = committed_tip(&self.state)?;
        let built = genesis::build(self.machine(), empty.state.clone(), &genesis)?;
        let changes = built.overlay.changes();
        let app_hash = self.state.prepare(&changes).map_err(fatal)?.app_hash();
        let outcome = InitOutcome {
            app_hash: Bytes::copy_from_slice(&app_hash),
            validators: built.validators,
            consensus_params: Some(built.consensus_params.clone()),
        };
        let tip = Tip {
            initial_height: genesis.initial_height,
            time: genesis.time,
            max_gas: consensus::max_gas(&built.consensus_params),
            app_version: consensus::app_version(&built.consensus_params),
            evidence_blocks: consensus::evidence_blocks(&built.consensus_params),
            rules: Some(Arc::new(built.rules)),
            state: Arc::new(built.overlay),
            ..empty
        };
        self.genesis = Some(changes);
        self.publish(tip, None);
        Ok(outcome)
    }

    fn prepare(&mut self, proposal: Proposal) -> Result<Vec<Bytes>, Fatal> {
        let chosen = proposal::choose(self.machine(), self.rules()?.as_ref(), &self.base(), proposal)?;
        let txs = chosen.txs().to_vec();
        self.chosen = Some(chosen);
        Ok(txs)
    }

    fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal> {
        let (rules, base) = (self.rules()?, self.base());
        let expected = self.shared.tip().next_height();
        if proposal.height != expected {
            let height = proposal.height;
            return Ok(Verdict::Reject(format!("block {height} proposed where block {expected} was expected")));
        }
        let (verdict, prepared) = match self.chosen.take().and_then(|chosen| chosen.take_for(proposal)) {
            Some(prepared) => (Verdict::Accept, prepared),
            None => {
                let prepared = prepare_all(self.machine(), &rules, &base, &proposal.txs)?;
                (proposal::judge(self.machine(), &rules, &base, proposal, &prepared)?, prepared)
            }
        };
        if verdict == Verdict::Accept && !proposal.hash.is_empty() {
            if self.judged.len() >= MAX_WAITING {
                self.judged.clear();
            }
            self.judged.insert(proposal.hash.clone(), prepared);
        }
        Ok(verdict)
    }

    fn anticipate(&mut self, proposal: &Proposal) -> Result<(), Fatal> {
        let waits = proposal.hash.is_empty()
            || self.ahead.contains_key(&proposal.hash)
            || self.ahead.len() >= MAX_WAITING
            || proposal.height != self.shared.tip().next_height();
        if !waits {
            let decided = self.execute(&Block::from(proposal), false)?;
            self.ahead.insert(proposal.hash.clone(), decided);
        }
        Ok(())
    }

    fn finalize(&mut self, block: &Block) -> Result<BlockOutcome, Fatal> {
        self.require_next(block.height)?;
        self.machine().config.require_no_halt(block)?;
        let (outcome, decided) = match self.ahead.remove(&block.hash).filter(|_| !block.hash.is_empty()) {
            Some(ahead) => ahead,
            None => self.execute(block, true)?,
        };
        self.forget_proposals();
        self.decided = Some(decided);
        Ok(outcome)
    }

    fn commit(&mut self) -> Result<Committed, Fatal> {
        let decided = self.decided.take().ok_or_else(|| Fatal::new("commit came without a finalized block"))?;
        let Decided { height, time, app_hash, consensus_params, prepared, senders, checks_changed } = decided;
        self.state.commit(prepared, height.get()).map_err(fatal)?;
        self.genesis = None;
        let before = self.shared.tip();
        let params = consensus_params.as_ref();
        let tip = Tip {
            height,
            app_hash,
            initial_height: before.initial_height,
            time,
            max_gas: params.map_or(before.max_gas, consensus::max_gas),
            app_version: params.map_or(before.app_version, consensus::app_version),
            evidence_blocks: params.map_or(before.evidence_blocks, consensus::evidence_blocks),
            rules: before.rules.clone(),
            state: Arc::new(self.state.latest()),
        };
        let evidence_blocks = tip.evidence_blocks;
        self.publish(tip, (!checks_changed).then_some(senders));
        self.snapshots.after_commit(height, &self.shared.state());
        let config = &self.machine().config;
        let keep = config.history_blocks;
        if keep > 0 && height.get().checked_rem(PRUNE_EVERY) == Some(0) {
            self.state.backend().prune(height.get().saturating_sub(keep)).map_err(fatal)?;
        }
        let retain_height = retain_height(config, evidence_blocks, height.get(), self.state.backend().durable_height());
        Ok(Committed { height, retain_height: Height(retain_height) })
    }

    fn discard_uncommitted(&mut self) {
        self.forget_proposals();
        self.decided = None;
    }

    fn offer_snapshot(&mut self, snapshot: &SnapshotInfo, trusted: &TrustedState) -> Result<Offer, Fatal> {
        let height = self.shared.tip().height;
        if height != Height::ZERO {
            return Ok(Offer::Abort(format!("there is a state of height {height} already")));
        }
        match Restoring::begin(self.state.backend(), self.machine().modules.stores(), snapshot, trusted)? {
            Err(refused) => Ok(refused),
            Ok(restoring) => {
                self.restoring = Some(restoring);
                // Genesis, if it was given, is that of blocks which will not be executed here.
                self.discard_uncommitted();
                if self.genesis.take().is_some() {
                    let empty = committed_tip(&self.state)?;
                    self.publish(empty, None);
                }
                Ok(Offer::Accept)
            }
        }
    }

    fn apply_chunk(&mut self, index: u32, chunk: Bytes) -> Result<ChunkVerdict, Fatal> {
        let Some(restoring) = &mut self.restoring else {
            return Ok(ChunkVerdict::RejectSnapshot("no snapshot was accepted".to_owned()));
        };
        let verdict = restoring.apply(index, &chunk)?;
        if !restoring.is_whole() || verdict != ChunkVerdict::Applied {
            return Ok(verdict);
        }
        self.complete_restore()?;
        Ok(ChunkVerdict::Complete)
    }

    fn restore_progress(&self) -> Option<RestoreProgress> {
        self.restoring.as_ref().map(Restoring::progress)
    }

    fn discard_restore(&mut self) -> Result<(), Fatal> {
        match self.restoring.take() {
            None => Ok(()),
            Some(_) => self.state.backend().restore_discard().map_err(fatal),
        }
    }

    fn drain(&mut self) -> Result<(), Fatal> {
        self.snapshots.stop();
        self.state.flush().map_err(fatal)?;
        if self.state.height() == 0 {
            return Ok(());
        }
        // The next start needs not hash the whole state again.
        self.state.reader().write_checkpoint().map(drop).map_err(fatal)
    }

    fn reader(&self) -> ChainReader {
        ChainReader::new(self.shared.clone())
    }
}

/// What the state of a chain of these modules is made of.
fn state_config(machine: &Machine) -> StateConfig {
    StateConfig {
        stores: machine.modules.stores().to_vec(),
        derivations: machine.modules.derivations(),
        options: machine.config.state.clone(),
    }
}

/// The tip that the committed state shows.
fn committed_tip(state: &State) -> Result<Tip, Fatal> {
    let view: Arc<dyn StateView> = Arc::new(state.latest());
    let height = Height(state.height());
    let origin = records::origin(view.as_ref())?;
    let params = consensus::params(view.as_ref())?;
    let app_hash = if height == Height::ZERO { Bytes::new() } else { Bytes::copy_from_slice(&state.app_hash()) };
    let rules = match &origin {
        None => None,
        Some(origin) => Some(Arc::new(genesis::rules(&origin.chain_id, view.as_ref())?)),
    };
    Ok(Tip {
        height,
        app_hash,
        initial_height: origin.map_or(Height(1), |origin| origin.initial_height),
        time: records::time(view.as_ref())?,
        max_gas: consensus::max_gas(&params),
        app_version: consensus::app_version(&params),
        evidence_blocks: consensus::evidence_blocks(&params),
        rules,
        state: view,
    })
}

pub(crate) fn fatal(e: StateError) -> Fatal {
    Fatal::new(e.to_string())
}
