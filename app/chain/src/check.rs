use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{CheckKind, CheckOutcome, Fatal};
use plume_kit::{BlockInfo, TxError};
use plume_primitives::{Address, Gas};
use plume_state::{ChangeSet, KvWrite, Overlay, StateError, StateView};
use sha2::{Digest, Sha256};

use crate::block::env;
use crate::lookup::Lookup;
use crate::machine::{Machine, Rules};
use crate::tip::Tip;
use crate::tx::{Mode, Prepared, Transactions, TxHash, prepare_one, run_ante};

/// The last committed state with the transactions in the mempool on top: their fees taken, their sequences used.
///
/// # Concurrency
/// Readers take [`View`]s, which never change; a write waits for none of them.
pub(crate) struct CheckState {
    tip: Arc<Tip>,
    /// Writes of accepted transactions, the oldest layer first; each rests on the one before, the first on the tip. A
    /// layer that somebody reads is not written, so another is put on it; each holds less than half of the one below.
    layers: Vec<Layer>,
    /// Counts accepted transactions and commits.
    version: u64,
    /// The version that began with the last commit.
    commit: u64,
    /// The version at which a transaction of this sender was accepted last, since then.
    written: Lookup<Address, u64>,
    /// Accepted since the last commit.
    accepted: Lookup<TxHash, Accepted>,
    /// Accepted before it, and not asked about since.
    before: Lookup<TxHash, Accepted>,
    /// Whose accounts the last block, or a refusal since, may have changed; `None` if everybody's.
    touched: Option<BTreeSet<Address>>,
}

/// Some of the writes.
struct Layer {
    overlay: Arc<Overlay>,
    /// How many writes went into it, a bound of what it holds.
    writes: usize,
}

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
        let bottom = Layer { overlay: Arc::new(Overlay::new(tip.state.clone())), writes: 0 };
        Self {
            tip,
            layers: vec![bottom],
            version: 0,
            commit: 0,
            written: Lookup::default(),
            accepted: Lookup::default(),
            before: Lookup::default(),
            touched: None,
        }
    }

    /// Starts again from a newly committed state. `touched` are the senders of the block; `None` when it changed what
    /// all checks depend on.
    pub fn reset(&mut self, tip: Arc<Tip>, touched: Option<BTreeSet<Address>>) {
        // What was not asked about since the commit before last is no longer in the mempool.
        let before = core::mem::take(&mut self.accepted);
        let version = self.version.saturating_add(1);
        *self = Self { version, commit: version, before, touched, ..Self::new(tip) };
    }

    /// The state at this moment.
    pub fn view(&self) -> View {
        let state: Arc<dyn StateView> = self.top().clone();
        View { tip: self.tip.clone(), state, version: self.version }
    }

    fn top(&self) -> &Arc<Overlay> {
        &self.layers.last().expect("there is always a bottom layer").overlay
    }

    /// Whether a check on a view of `version` would come to the same now: nothing was committed since, and no
    /// transaction of these senders accepted.
    fn is_current(&self, version: u64, senders: &[Address]) -> bool {
        version >= self.commit
            && senders.iter().all(|sender| self.written.get(sender).is_none_or(|written| *written <= version))
    }

    /// Adds writes, in place unless somebody still reads the top layer.
    fn write(&mut self, writes: &ChangeSet) -> Result<(), StateError> {
        let count = writes.len();
        if let Some(top) = self.layers.last_mut()
            && let Some(overlay) = Arc::get_mut(&mut top.overlay)
        {
            top.writes = top.writes.saturating_add(count);
            return apply(overlay, writes);
        }
        let mut top = Overlay::new(self.top().clone());
        apply(&mut top, writes)?;
        self.layers.push(Layer { overlay: Arc::new(top), writes: count });
        self.merge()
    }

    /// Joins the top layers until each holds less than half of the one below, so that a write is copied a few times
    /// only, however many there are.
    fn merge(&mut self) -> Result<(), StateError> {
        while let [.., lower, upper] = self.layers.as_slice()
            && lower.writes <= upper.writes.saturating_mul(2)
        {
            let below: Arc<dyn StateView> = match self.layers.as_slice() {
                [.., below, _, _] => below.overlay.clone(),
                _ => self.tip.state.clone(),
            };
            let mut joined = Overlay::new(below);
            apply(&mut joined, &lower.overlay.changes())?;
            apply(&mut joined, &upper.overlay.changes())?;
            let writes = lower.writes.saturating_add(upper.writes);
            self.layers.truncate(self.layers.len().saturating_sub(2));
            self.layers.push(Layer { overlay: Arc::new(joined), writes });
        }
        Ok(())
    }

    fn accept(&mut self, hash: TxHash, accepted: Accepted) -> Result<CheckOutcome, StateError> {
        self.version = self.version.saturating_add(1);
        self.write(&accepted.writes)?;
        for sender in &accepted.senders {
            self.written.insert(sender.clone(), self.version);
        }
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
    // The check runs without the lock and is repeated in the rare case that a block or another transaction of its
    // senders came between; its signatures are remembered, so that they are not verified again.
    let view = state.lock().view();
    let version = view.version;
    let Some(rules) = view.tip.rules.clone() else {
        return refusal(&broken(&"the chain has no genesis yet"), Gas::ZERO, Gas::ZERO);
    };
    let prepared = prepare_one(machine, &rules, tx, &hash);
    let checked = run(machine, &rules, view, &prepared, kind);
    let mut state = state.lock();
    let checked = match state.is_current(version, prepared.senders()) {
        true => checked,
        false => run(machine, &rules, state.view(), &prepared, kind),
    };
    match checked {
        Ok(accepted) => {
            machine.decoded.insert(hash, tx.len(), prepared.tx);
            state.accept(hash, accepted).unwrap_or_else(|e| refusal(&broken(&e), Gas::ZERO, Gas::ZERO))
        }
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

fn run(
    machine: &Machine,
    rules: &Rules,
    view: View,
    prepared: &Prepared,
    kind: CheckKind,
) -> Result<Accepted, Refused> {
    let unsigned = |outcome| Refused { outcome, senders: Vec::new() };
    let View { tip, state, .. } = view;
    // Judged for the block that it could be in next.
    let block = BlockInfo { height: tip.next_height(), time: tip.time, ..BlockInfo::default() };
    let env = env(machine, rules, block, None);
    let mode = if kind == CheckKind::Recheck { Mode::Recheck } else { Mode::Check };
    let run = Transactions { machine, rules, env: &env, mode, max_gas: tip.max_gas };
    let mut overlay = Overlay::new(state);
    let outcome = run_ante(&run, &mut overlay, prepared)
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
