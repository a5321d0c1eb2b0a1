use core::ops::Bound;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{Event, Fatal, ValidatorUpdate};
use plume_kit::{
    Abort, BlockInfo, ChainInfo, Ctx, Env, GasMeter, Modules, Observer, QueryFailure, ReadCtx, Response, TxError,
    parse_app_state,
};
use plume_primitives::{Bech32Prefix, Gas, Height, Timestamp};
use plume_proto::{Message, Name, any};
use plume_state::{ChangeSet, Direction, KvRead, Overlay, RangeIter, StateError, Store};
use serde_json::Value;

/// A few modules on a state in memory, without transactions, engines and hashes: what a module's
/// own tests need. The state is a plain ordered map, so it is a model for the real one, too.
pub struct World {
    modules: Modules,
    chain: ChainInfo,
    state: Arc<MapView>,
    block: BlockInfo,
}

/// Everything that one message did.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The response, or why it failed.
    pub result: Result<Response, TxError>,
    /// Events; those of a failed message are dropped.
    pub events: Vec<Event>,
    /// Gas used.
    pub gas_used: Gas,
}

impl Outcome {
    /// The response of a message that must have succeeded.
    #[track_caller]
    pub fn expect_success(&self) -> &Response {
        match &self.result {
            Ok(response) => response,
            Err(e) => panic!("message failed: {e} ({}/{})", e.codespace, e.code),
        }
    }

    /// Codespace, code and text of a message that must have failed.
    #[track_caller]
    pub fn expect_failure(&self) -> (&str, u32, &str) {
        match &self.result {
            Ok(_) => panic!("message succeeded"),
            Err(e) => (e.codespace.as_ref(), e.code, e.message.as_str()),
        }
    }
}

impl World {
    /// A chain `test-1` with prefix `plume` and this `app_state`, at height 1.
    ///
    /// # Panics
    /// When the genesis is refused; use [`World::try_new`] to see why.
    #[track_caller]
    pub fn new(modules: Modules, app_state: &Value) -> Self {
        Self::try_new(modules, app_state).expect("genesis is accepted").0
    }

    /// As [`World::new`], with the validators that genesis gave.
    ///
    /// # Errors
    /// A genesis that is refused.
    pub fn try_new(modules: Modules, app_state: &Value) -> Result<(Self, Vec<ValidatorUpdate>), Fatal> {
        let chain =
            ChainInfo { chain_id: "test-1".to_owned(), prefix: Bech32Prefix::new("plume").expect("a valid prefix") };
        let block = BlockInfo { height: Height(1), time: Timestamp::UNIX_EPOCH, ..BlockInfo::default() };
        let mut world = Self { modules, chain, state: Arc::new(MapView::default()), block };
        let app_state = parse_app_state(app_state.to_string().as_bytes())?;
        let updates = world.hook(|modules, ctx| modules.init_genesis(ctx, app_state))?;
        Ok((world, updates))
    }

    /// A world without genesis: `chain` with an empty state at height 1, to be filled by
    /// [`World::execute`] with the state of a recording.
    pub fn empty(modules: Modules, chain: ChainInfo) -> Self {
        let block = BlockInfo { height: Height(1), time: Timestamp::UNIX_EPOCH, ..BlockInfo::default() };
        Self { modules, chain, state: Arc::new(MapView::default()), block }
    }

    /// The chain.
    pub fn chain(&self) -> &ChainInfo {
        &self.chain
    }

    /// The modules.
    pub fn modules(&self) -> &Modules {
        &self.modules
    }

    /// The block that messages run in; tests may change it.
    pub fn block_mut(&mut self) -> &mut BlockInfo {
        &mut self.block
    }

    /// Runs a message with unlimited gas and keeps what it did if it succeeds.
    pub fn run<T: Message + Name>(&mut self, message: &T) -> Outcome {
        self.run_within(message, GasMeter::unlimited(), None)
    }

    /// As [`World::run`], with a gas meter and an observer of the test's choice.
    pub fn run_within<T: Message + Name>(
        &mut self,
        message: &T,
        gas: GasMeter,
        observer: Option<&dyn Observer>,
    ) -> Outcome {
        let packed = any(message);
        let checked = self.modules.check(&self.chain, &packed.type_url, &packed.value);
        if let Err(e) = checked {
            return Outcome { result: Err(e), events: Vec::new(), gas_used: Gas::ZERO };
        }
        self.execute(gas, observer, |ctx| ctx.run(&packed.type_url, &packed.value))
    }

    /// Runs `work` in a context as if it were a message of its own.
    pub fn execute(
        &mut self,
        gas: GasMeter,
        observer: Option<&dyn Observer>,
        work: impl FnOnce(&mut Ctx<'_>) -> Result<Response, Abort>,
    ) -> Outcome {
        let env = Env { block: self.block.clone(), chain: self.chain.clone(), modules: &self.modules, observer };
        let mut overlay = Overlay::new(self.state.clone());
        let (result, events) = {
            let mut ctx = Ctx::new(&mut overlay, &env, &gas);
            let result = catch_unwind(AssertUnwindSafe(|| ctx.branch(work)));
            (result, ctx.take_events())
        };
        let result = match result {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(Abort::Tx(e))) => Err(e),
            Ok(Err(Abort::Fatal(f))) => panic!("the node would stop: {f}"),
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if result.is_ok() {
            self.state = Arc::new(self.state.with(overlay.into_changes()));
        }
        Outcome { result, events, gas_used: gas.used() }
    }

    /// Runs a block hook and keeps what it did.
    ///
    /// # Errors
    /// The hook's.
    pub fn hook<T>(&mut self, work: impl FnOnce(&Modules, &mut Ctx<'_>) -> Result<T, Fatal>) -> Result<T, Fatal> {
        let env = Env { block: self.block.clone(), chain: self.chain.clone(), modules: &self.modules, observer: None };
        let gas = GasMeter::unlimited();
        let mut overlay = Overlay::new(self.state.clone());
        let result = work(&self.modules, &mut Ctx::new(&mut overlay, &env, &gas))?;
        self.state = Arc::new(self.state.with(overlay.into_changes()));
        Ok(result)
    }

    /// Ends the block and begins the next one; gives the validator updates.
    ///
    /// # Errors
    /// Those of the block hooks.
    pub fn next_block(&mut self) -> Result<Vec<ValidatorUpdate>, Fatal> {
        let updates = self.hook(Modules::end_block)?;
        self.block.height = self.block.height.next().ok_or_else(|| Fatal::new("no more heights"))?;
        self.block.time = self
            .block
            .time
            .checked_add(core::time::Duration::from_secs(1))
            .ok_or_else(|| Fatal::new("no more time"))?;
        self.hook(|modules, ctx| {
            modules.pre_block(ctx)?;
            modules.begin_block(ctx)
        })?;
        Ok(updates)
    }

    /// The state as queries see it.
    pub fn read(&self) -> ReadCtx {
        ReadCtx::new(self.state.clone(), Arc::new(self.chain.clone()), self.block.height, self.block.time)
    }

    /// Asks the query at `path`.
    ///
    /// # Errors
    /// The query's failure.
    pub fn query<Req: Message, Resp: Message + Default>(
        &self,
        path: &str,
        request: &Req,
    ) -> Result<Resp, QueryFailure> {
        let answer = self.modules.queries().answer(&self.read(), path, &request.encode_to_vec())?;
        Ok(Resp::decode(answer.as_ref()).expect("an answer decodes as its own type"))
    }

    /// Every record of every store, to compare states as a whole.
    pub fn records(&self) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
        let record =
            |((store, key), value): (&(&str, Bytes), &Bytes)| ((store.to_string(), key.to_vec()), value.to_vec());
        self.state.0.iter().map(record).collect()
    }

    /// `app_state` of the state.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn export(&self) -> Result<Value, Fatal> {
        Ok(Value::Object(self.modules.export_genesis(&self.read())?.into_iter().collect()))
    }

    /// Checks every invariant.
    ///
    /// # Panics
    /// On a broken one.
    #[track_caller]
    pub fn assert_invariants(&self) {
        self.modules.invariants(&self.read()).expect("invariants hold");
    }
}

/// Records by store name and key.
#[derive(Debug, Clone, Default)]
struct MapView(BTreeMap<(&'static str, Bytes), Bytes>);

impl MapView {
    fn with(&self, changes: ChangeSet) -> Self {
        let mut records = self.0.clone();
        for (store, writes) in changes.stores() {
            for (key, value) in writes {
                let place = (store.name(), key.clone());
                match value {
                    Some(value) => records.insert(place, value.clone()),
                    None => records.remove(&place),
                };
            }
        }
        Self(records)
    }
}

impl KvRead for MapView {
    fn get(&self, store: Store, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(self.0.get(&(store.name(), Bytes::copy_from_slice(key))).cloned())
    }

    fn range(
        &self,
        store: Store,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<RangeIter<'_>, StateError> {
        let (start, end) = (start.map(<[u8]>::to_vec), end.map(<[u8]>::to_vec));
        let own = move |((name, key), value): (&(&'static str, Bytes), &Bytes)| {
            let after_start = match &start {
                Bound::Included(start) => key.as_ref() >= start.as_slice(),
                Bound::Excluded(start) => key.as_ref() > start.as_slice(),
                Bound::Unbounded => true,
            };
            let before_end = match &end {
                Bound::Included(end) => key.as_ref() <= end.as_slice(),
                Bound::Excluded(end) => key.as_ref() < end.as_slice(),
                Bound::Unbounded => true,
            };
            (*name == store.name() && after_start && before_end).then(|| Ok((key.clone(), value.clone())))
        };
        Ok(match direction {
            Direction::Ascending => RangeIter::new(self.0.iter().filter_map(own)),
            Direction::Descending => RangeIter::new(self.0.iter().rev().filter_map(own)),
        })
    }
}
