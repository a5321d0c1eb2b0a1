use core::ops::Bound;

use bytes::Bytes;
use plume_engine::Event;
use plume_primitives::Address;
use plume_state::{Direction, KvRead, KvWrite, Overlay, RangeIter, StateError, Store};

use crate::recent::Recent;
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
}

impl<'a> Ctx<'a> {
    /// A context that writes into the top layer of `overlay` and charges `gas`.
    pub fn new(overlay: &'a mut Overlay, env: &'a Env<'a>, gas: &'a GasMeter) -> Self {
        Self { overlay, env, gas, events: Vec::new(), depth: 0, recent: Recent::default() }
    }

    /// The block that is being executed.
    pub fn block(&self) -> &'a BlockInfo {
        &self.env.block
    }

    /// The chain.
    pub fn chain(&self) -> &'a ChainInfo {
        &self.env.chain
    }

    /// The gas meter of the transaction.
    pub fn gas(&self) -> &'a GasMeter {
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
        &self.events
    }

    /// Takes the events emitted so far.
    pub fn take_events(&mut self) -> Vec<Event> {
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
            self.events.truncate(events_before);
        }
        self.observe(|| Observation::BranchClosed { kept: result.is_ok() });
        result
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
        let value = self.recent.get(store, key, || self.overlay.get(store, key))?;
        self.charge_bytes(KvGas::SDK.read_per_byte, key.len(), "ReadPerByte")?;
        self.charge_bytes(KvGas::SDK.read_per_byte, value.as_ref().map_or(0, Bytes::len), "ReadPerByte")?;
        self.observe(|| Observation::Read { store: store.name(), key, value: value.as_deref() });
        Ok(value)
    }

    fn has(&self, store: Store, key: &[u8]) -> Result<bool, StateError> {
        self.charge_gas(KvGas::SDK.has, "Has")?;
        let value = self.recent.get(store, key, || self.overlay.get(store, key))?;
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
        self.overlay.set(store, key, value)
    }

    fn delete(&mut self, store: Store, key: &[u8]) -> Result<(), StateError> {
        self.charge_gas(KvGas::SDK.delete, "Delete")?;
        self.observe(|| Observation::Write { store: store.name(), key, value: None });
        self.recent.forget(store, key);
        self.overlay.delete(store, key)
    }
}
