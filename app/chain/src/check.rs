use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{CheckKind, CheckOutcome, Fatal};
use plume_kit::{BlockInfo, TxError};
use plume_primitives::{Address, Gas};
use plume_state::{ChangeSet, KvWrite, Overlay, StateError, StateView};
use sha2::{Digest, Sha256};

use crate::block::env;
use crate::machine::Machine;
use crate::tip::Tip;
use crate::tx::{Mode, Transactions, prepare_one, run_ante};

/// Layers that may pile up while readers hold on to older ones.
const MAX_LAYERS: usize = 8;

/// The last committed state with the transactions in the mempool on top: their fees taken, their sequences used.
///
/// # Concurrency
/// Readers take [`View`]s, which never change; a write waits for none of them.
pub(crate) struct CheckState {
    tip: Arc<Tip>,
    /// Writes of accepted transactions, the oldest layer first; each rests on the one before, the first on the tip.
    layers: Vec<Arc<Overlay>>,
    /// Counts the accepted transactions.
    version: u64,
    /// Accepted since the last commit.
    accepted: BTreeMap<TxHash, Accepted>,
    /// Accepted before it, and not asked about since.
    before: BTreeMap<TxHash, Accepted>,
    /// Whose accounts the last block, or a refusal since, may have changed; `None` if everybody's.
    touched: Option<BTreeSet<Address>>,
}

type TxHash = [u8; 32];

/// A transaction in the mempool.
struct Accepted {
    senders: Vec<Address>,
    timeout_height: u64,
    /// What its checks wrote. The balance of the fee collector among it is stale once another block is committed;
    /// no check depends on it.
    writes: ChangeSet,
    outcome: CheckOutcome,
}

/// The check state at one moment.
pub(crate) struct View {
    pub tip: Arc<Tip>,
    pub state: Arc<dyn StateView>,
    version: u64,
}

impl CheckState {
    /// Nothing pending on top of `tip`.
    pub fn new(tip: Arc<Tip>) -> Self {
        let bottom = Arc::new(Overlay::new(tip.state.clone()));
        Self {
            tip,
            layers: vec![bottom],
            version: 0,
            accepted: BTreeMap::new(),
            before: BTreeMap::new(),
            touched: None,
        }
    }

    /// Starts again from a newly committed state. `touched` are the senders of the block; `None` when it changed what
    /// all checks depend on.
    pub fn reset(&mut self, tip: Arc<Tip>, touched: Option<BTreeSet<Address>>) {
        // What was not asked about since the commit before last is no longer in the mempool.
        let before = core::mem::take(&mut self.accepted);
        let version = self.version.saturating_add(1);
        *self = Self { version, before, touched, ..Self::new(tip) };
    }

    /// The state at this moment.
    pub fn view(&self) -> View {
        let state: Arc<dyn StateView> = self.top().clone();
        View { tip: self.tip.clone(), state, version: self.version }
    }

    fn top(&self) -> &Arc<Overlay> {
        self.layers.last().expect("there is always a bottom layer")
    }

    /// Adds writes, in place unless somebody still reads the top layer.
    fn write(&mut self, writes: &ChangeSet) -> Result<(), StateError> {
        if self.layers.len() >= MAX_LAYERS {
            let mut flat = Overlay::new(self.tip.state.clone());
            self.layers.iter().try_for_each(|layer| apply(&mut flat, &layer.changes()))?;
            self.layers = vec![Arc::new(flat)];
        }
        self.version = self.version.saturating_add(1);
        if let Some(top) = self.layers.last_mut().and_then(Arc::get_mut) {
            return apply(top, writes);
        }
        let mut top = Overlay::new(self.top().clone());
        apply(&mut top, writes)?;
        self.layers.push(Arc::new(top));
        Ok(())
    }

    fn accept(&mut self, hash: TxHash, accepted: Accepted) -> Result<CheckOutcome, StateError> {
        self.write(&accepted.writes)?;
        let outcome = accepted.outcome.clone();
        self.accepted.insert(hash, accepted);
        Ok(outcome)
    }

    /// The outcome of an earlier check, if nothing that it depends on has changed since: nobody who signed or paid
    /// was in the last block, and the transaction has not timed out.
    fn still_accepted(&mut self, hash: &TxHash) -> Option<Accepted> {
        let earlier = self.before.remove(hash)?;
        let untouched =
            self.touched.as_ref().is_some_and(|touched| !earlier.senders.iter().any(|sender| touched.contains(sender)));
        let in_time = earlier.timeout_height == 0 || self.tip.next_height().get() <= earlier.timeout_height;
        (untouched && in_time).then_some(earlier)
    }

    /// A refused transaction no longer uses sequences and money of its senders, so whatever of theirs comes after it
    /// is checked in full.
    fn refuse(&mut self, senders: Vec<Address>) {
        if let Some(touched) = &mut self.touched {
            touched.extend(senders);
        }
    }
}

fn apply(overlay: &mut Overlay, writes: &ChangeSet) -> Result<(), StateError> {
    for (store, writes) in writes.stores() {
        for (key, value) in writes {
            match value {
                Some(value) => overlay.set(store, key, value.clone())?,
                None => overlay.delete(store, key)?,
            }
        }
    }
    Ok(())
}

/// Checks a transaction for the mempool.
pub(crate) fn check_tx(
    machine: &Machine,
    state: &parking_lot::Mutex<CheckState>,
    tx: &Bytes,
    kind: CheckKind,
) -> CheckOutcome {
    let hash: TxHash = Sha256::digest(tx).into();
    if kind == CheckKind::Recheck {
        let mut state = state.lock();
        if let Some(again) = state.accepted.get(&hash) {
            return again.outcome.clone();
        }
        if let Some(earlier) = state.still_accepted(&hash) {
            return state.accept(hash, earlier).unwrap_or_else(|e| refusal(&broken(&e), Gas::ZERO, Gas::ZERO));
        }
    }
    // The check runs without the lock and is repeated in the rare case that another was accepted meanwhile; its
    // signatures are remembered, so that they are not verified again.
    let view = state.lock().view();
    let version = view.version;
    let checked = run(machine, view, tx, kind);
    let mut state = state.lock();
    let checked = if state.version == version { checked } else { run(machine, state.view(), tx, kind) };
    match checked {
        Ok(accepted) => state.accept(hash, accepted).unwrap_or_else(|e| refusal(&broken(&e), Gas::ZERO, Gas::ZERO)),
        Err(Refused { outcome, senders }) => {
            state.refuse(senders);
            outcome
        }
    }
}

struct Refused {
    outcome: CheckOutcome,
    senders: Vec<Address>,
}

fn run(machine: &Machine, view: View, tx: &Bytes, kind: CheckKind) -> Result<Accepted, Refused> {
    let unsigned = |outcome| Refused { outcome, senders: Vec::new() };
    let View { tip, state, .. } = view;
    let rules = tip.rules.as_ref().ok_or_else(|| {
        let e = broken(&"the chain has no genesis yet");
        unsigned(refusal(&e, Gas::ZERO, Gas::ZERO))
    })?;
    let prepared = prepare_one(machine, rules, tx);
    // Judged for the block that it could be in next.
    let block = BlockInfo { height: tip.next_height(), time: tip.time, ..BlockInfo::default() };
    let env = env(machine, rules, block, None);
    let mode = if kind == CheckKind::Recheck { Mode::Recheck } else { Mode::Check };
    let run = Transactions { machine, rules, env: &env, mode, max_gas: tip.max_gas };
    let mut overlay = Overlay::new(state);
    let outcome = run_ante(&run, &mut overlay, &prepared)
        .map_err(|fatal: Fatal| unsigned(refusal(&broken(&fatal), Gas::ZERO, Gas::ZERO)))?;
    let senders = prepared.senders().to_vec();
    match outcome.result {
        Ok(_) => Ok(Accepted {
            senders,
            timeout_height: prepared.decoded().map_or(0, |tx| tx.body.timeout_height),
            writes: overlay.into_changes(),
            outcome: CheckOutcome {
                gas_wanted: outcome.gas_wanted,
                gas_used: outcome.gas_used,
                ..CheckOutcome::default()
            },
        }),
        Err(e) => Err(Refused { outcome: refusal(&e, outcome.gas_wanted, outcome.gas_used), senders }),
    }
}

fn refusal(e: &TxError, gas_wanted: Gas, gas_used: Gas) -> CheckOutcome {
    CheckOutcome { code: e.code, codespace: e.codespace.to_string(), log: e.message.clone(), gas_wanted, gas_used }
}

/// A node that cannot read its state refuses transactions; it stops when it has to execute a block.
fn broken(e: &impl core::fmt::Display) -> TxError {
    TxError::wrap(plume_kit::sdk::INTERNAL, e)
}
