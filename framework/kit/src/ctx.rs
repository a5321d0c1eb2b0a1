use core::ops::Bound;

use bytes::Bytes;
use plume_engine::Event;
use plume_primitives::{Address, Gas};
use plume_state::{Direction, KvRead, KvWrite, Overlay, RangeIter, StateError, Store};

use crate::recent::Recent;
use crate::recorded::{Recorded, Recording};
use crate::{Abort, BlockInfo, ChainInfo, GasMeter, KvGas, Modules, Observation, Observer, Response, TxError, sdk};

/// How deep messages may dispatch messages (authz in gov in group ...).
///
/// # Security
/// Bounds the native stack: an overflow cannot be caught.
pub const MAX_DISPATCH_DEPTH: u8 = 8;

/// What does not change while a transaction or hook runs.
pub struct Env<'a> {
    /// The block.
    pub block: BlockInfo,
    /// The chain.
    pub chain: ChainInfo,
    /// The modules, for dispatch.
    pub modules: &'a Modules,
    /// Sees everything; `None` costs nothing.
    pub observer: Option<&'a dyn Observer>,
}

/// What a module works in: layered state, gas, events and the block.
pub struct Ctx<'a> {
    overlay: &'a mut Overlay,
    env: &'a Env<'a>,
    gas: &'a GasMeter,
    events: Vec<Event>,
    depth: u8,
    recent: Recent,
    recording: Option<Recording>,
}

impl<'a> Ctx<'a> {
    /// A context that writes into the top layer of `overlay` and charges `gas`.
    pub fn new(overlay: &'a mut Overlay, env: &'a Env<'a>, gas: &'a GasMeter) -> Self {
        Self { overlay, env, gas, events: Vec::new(), depth: 0, recent: Recent::default(), recording: None }
    }

    /// The block that is being executed.
    pub fn block(&self) -> &'a BlockInfo {
        self.lose_recording();
        &self.env.block
    }

    /// The chain.
    pub fn chain(&self) -> &'a ChainInfo {
        &self.env.chain
    }

    /// The gas meter of the transaction.
    pub fn gas(&self) -> &'a GasMeter {
        self.lose_recording();
        self.gas
    }

    /// Charges gas that is not store access.
    ///
    /// # Errors
    /// `sdk/11` when the limit does not suffice.
    pub fn charge(&self, amount: u64, location: &'static str) -> Result<(), Abort> {
        Ok(self.charge_gas(amount, location)?)
    }

    /// Emits an event.
    pub fn emit(&mut self, event: Event) {
        self.observe(|| Observation::Emitted(&event));
        self.events.push(event);
    }

    /// Events emitted so far.
    pub fn events(&self) -> &[Event] {
        self.lose_recording();
        &self.events
    }

    /// Takes the events emitted so far.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.lose_recording();
        core::mem::take(&mut self.events)
    }

    /// Runs `work` in a nested branch of the state: what it wrote and emitted is kept when it
    /// succeeds and dropped when it fails. Gas stays charged either way.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn branch<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Abort>) -> Result<T, Abort> {
        let events_before = self.events.len();
        self.overlay.push();
        self.observe(|| Observation::BranchOpened);
        let result = work(self);
        if result.is_ok() {
            self.overlay.commit();
        } else {
            self.overlay.revert();
            self.recent.forget_all();
            self.lose_recording();
            self.events.truncate(events_before);
        }
        self.observe(|| Observation::BranchClosed { kept: result.is_ok() });
        result
    }

    /// Does `work` and records it, so that [`repeat`](Self::repeat) can have its effect again elsewhere.
    ///
    /// There is no record of work that fails, that looks at the block, at gas or at earlier events, that searches a range,
    /// that drops a branch, or that reads many keys.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn record(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Abort>) -> Result<Option<Recorded>, Abort> {
        if self.recording.is_some() {
            // Part of work that is being recorded as a whole.
            return work(self).map(|()| None);
        }
        let (events_before, gas_before) = (self.events.len(), self.gas.used());
        self.recording = Some(Recording::default());
        // What was read before is no longer at hand, or it would be missing among the inputs.
        self.recent.forget_all();
        let result = work(self);
        let recording = self.recording.take();
        result?;
        let events = self.events.get(events_before..).unwrap_or_default();
        let gas = self.gas.used().get().checked_sub(gas_before.get()).map(Gas);
        Ok(recording.zip(gas).and_then(|(recording, gas)| recording.finish(events, gas)))
    }

    /// Has the effect of recorded work, if it would read here what it read then and the gas suffices for it; else does
    /// nothing and says so. Its events are emitted if `with_events`.
    ///
    /// # Consensus
    /// State, gas and events come to the same as if the work were done again. The caller answers for what the work depends on
    /// beside the state: the chain and the bytes of the transaction. An observer sees the work itself, never its repetition.
    ///
    /// # Errors
    /// State that cannot be read or written.
    pub fn repeat(&mut self, recorded: &Recorded, with_events: bool) -> Result<bool, Abort> {
        let fits = |limit: Gas| {
            let sum = self.gas.used().get().checked_add(recorded.gas.get());
            sum.is_some_and(|sum| sum <= limit.get())
        };
        if self.env.observer.is_some() || !self.gas.limit().is_none_or(fits) {
            return Ok(false);
        }
        if !recorded.would_read_the_same(self.overlay)? {
            return Ok(false);
        }
        self.gas.charge(recorded.gas.get(), "repeated").map_err(StateError::from)?;
        for (store, key, value) in &recorded.writes {
            self.recent.forget(*store, key);
            match value {
                Some(value) => self.overlay.set(*store, key, value.clone())?,
                None => self.overlay.delete(*store, key)?,
            }
        }
        if with_events {
            self.events.extend(recorded.events.iter().cloned());
        }
        Ok(true)
    }

    fn lose_recording(&self) {
        if let Some(recording) = &self.recording {
            recording.lose();
        }
    }

    /// Runs another module's message in a branch, on the authority of `authority` alone: it must
    /// be the message's one signer, as its descriptor names it.
    ///
    /// # Errors
    /// `sdk/4` for another or a further signer, `sdk/35` beyond [`MAX_DISPATCH_DEPTH`], `sdk/6`
    /// when no module handles it, and the message's own.
    pub fn dispatch(&mut self, type_url: &str, value: &[u8], authority: &Address) -> Result<Response, Abort> {
        if self.depth >= MAX_DISPATCH_DEPTH {
            return Err(TxError::wrap(
                sdk::LOGIC,
                format_args!("messages are nested deeper than {MAX_DISPATCH_DEPTH}"),
            )
            .into());
        }
        let signers = plume_codec::signers(type_url, value).map_err(|e| TxError::wrap(sdk::INVALID_REQUEST, e))?;
        let wanted = self.chain().prefix.account(authority);
        if signers.len() != 1 || signers.first() != Some(&wanted) {
            let got = signers.join(",");
            return Err(TxError::wrap(sdk::UNAUTHORIZED, format_args!("expected signer {wanted}, got {got}")).into());
        }
        self.depth = self.depth.saturating_add(1);
        let result = self.branch(|ctx| ctx.run(type_url, value));
        self.depth = self.depth.saturating_sub(1);
        result
    }

    /// Checks and executes a message whose signers the caller has verified. No branch of its
    /// own: the caller keeps or drops what it wrote.
    ///
    /// # Errors
    /// `sdk/6` when no module handles it, and the message's own.
    pub fn run(&mut self, type_url: &str, value: &[u8]) -> Result<Response, Abort> {
        let depth = self.depth;
        self.observe(|| Observation::MessageStarted { type_url, depth });
        let modules = self.env.modules;
        let result = modules.execute(self, type_url, value);
        let error = match &result {
            Err(Abort::Tx(e)) => Some(e),
            _ => None,
        };
        self.observe(|| Observation::MessageEnded { type_url, depth, error });
        result
    }

    fn observe<'o>(&self, observation: impl FnOnce() -> Observation<'o>) {
        if let Some(observer) = self.env.observer {
            observer.observe(observation());
        }
    }

    /// The value at `key`, from the layers of the state or from what was read lately.
    fn read(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.recent.get(store, key, || {
            let value = self.overlay.get(store, key)?;
            if let Some(recording) = &self.recording {
                recording.read(store, key, value.as_ref());
            }
            Ok(value)
        })
    }

    fn charge_gas(&self, amount: u64, location: &'static str) -> Result<(), StateError> {
        self.observe(|| Observation::Gas { amount, location });
        Ok(self.gas.charge(amount, location)?)
    }

    fn charge_bytes(&self, per_byte: u64, len: usize, location: &'static str) -> Result<(), StateError> {
        self.charge_gas(KvGas::per_bytes(per_byte, len), location)
    }
}

/// # Consensus
/// Charges follow `store/gaskv/store.go` of SDK 0.50: what is charged, for what, and in which
/// order decides where a transaction runs out of gas.
impl KvRead for Ctx<'_> {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        self.charge_gas(KvGas::SDK.read_flat, "ReadFlat")?;
        let value = self.read(store, key)?;
        self.charge_bytes(KvGas::SDK.read_per_byte, key.len(), "ReadPerByte")?;
        self.charge_bytes(KvGas::SDK.read_per_byte, value.as_ref().map_or(0, Bytes::len), "ReadPerByte")?;
        self.observe(|| Observation::Read { store: store.name(), key, value: value.as_deref() });
        Ok(value)
    }

    fn has(&self, store: Store, key: &[u8]) -> Result<bool, StateError> {
        self.charge_gas(KvGas::SDK.has, "Has")?;
        let value = self.read(store, key)?;
        self.observe(|| Observation::Read { store: store.name(), key, value: value.as_deref() });
        Ok(value.is_some())
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        self.lose_recording();
        let mut entries = self.overlay.range(store, start, end, direction)?;
        let mut exhausted = false;
        Ok(RangeIter::new(core::iter::from_fn(move || {
            if exhausted {
                return None;
            }
            let entry = entries.next();
            let charged = match &entry {
                Some(Ok((key, value))) => self
                    .charge_bytes(KvGas::SDK.read_per_byte, key.len(), "ValuePerByte")
                    .and_then(|()| self.charge_bytes(KvGas::SDK.read_per_byte, value.len(), "ValuePerByte")),
                _ => Ok(()),
            }
            .and_then(|()| self.charge_gas(KvGas::SDK.iter_next_flat, "IterNextFlat"));
            exhausted = entry.is_none() || charged.is_err();
            match charged {
                Ok(()) => {
                    if let Some(Ok((key, value))) = &entry {
                        self.observe(|| Observation::Read { store: store.name(), key, value: Some(value) });
                    }
                    entry
                }
                Err(e) => Some(Err(e)),
            }
        })))
    }
}

impl KvWrite for Ctx<'_> {
    fn set(&mut self, store: Store, key: &[u8], value: Bytes) -> Result<(), StateError> {
        self.charge_gas(KvGas::SDK.write_flat, "WriteFlat")?;
        self.charge_bytes(KvGas::SDK.write_per_byte, key.len(), "WritePerByte")?;
        self.charge_bytes(KvGas::SDK.write_per_byte, value.len(), "WritePerByte")?;
        self.observe(|| Observation::Write { store: store.name(), key, value: Some(&value) });
        self.recent.forget(store, key);
        if let Some(recording) = &mut self.recording {
            recording.write(store, key, Some(&value));
        }
        self.overlay.set(store, key, value)
    }

    fn delete(&mut self, store: Store, key: &[u8]) -> Result<(), StateError> {
        self.charge_gas(KvGas::SDK.delete, "Delete")?;
        self.observe(|| Observation::Write { store: store.name(), key, value: None });
        self.recent.forget(store, key);
        if let Some(recording) = &mut self.recording {
            recording.write(store, key, None);
        }
        self.overlay.delete(store, key)
    }
}
