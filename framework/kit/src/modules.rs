use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plume_engine::{Fatal, ValidatorUpdate};
use plume_state::collections::{CollectionSchema, Schema, SchemaError};
use plume_state::{Derivation, StateError, Store};
use serde_json::Value;

use crate::{
    Abort, AppState, ChainInfo, Ctx, Module, ModuleVersions, MsgDecodeError, MsgSet, ProofJob, QueryRouter, ReadCtx,
    Response, TxError, UPGRADE_STORE, ValidatorUpdates, sdk,
};

/// A [`Module`] with its message type erased.
pub trait DynModule: Send + Sync {
    /// [`Module::NAME`].
    fn name(&self) -> &'static str;
    /// [`Module::VERSION`].
    fn version(&self) -> u32;
    /// [`Module::stores`].
    fn stores(&self) -> Vec<Store>;
    /// [`Module::derivations`].
    fn derivations(&self) -> Vec<Derivation>;
    /// [`Module::schema`].
    ///
    /// # Errors
    /// Two of its collections that could write one key.
    fn schema(&self) -> Result<Schema, SchemaError>;
    /// Type URLs of [`Module::Msg`].
    fn type_urls(&self) -> &'static [&'static str];
    /// Decodes, then [`Module::check`], then [`Module::proofs`].
    ///
    /// # Errors
    /// `sdk/2` for bytes that are not the message; the check's failure.
    fn check(&self, chain: &ChainInfo, type_url: &str, value: &[u8]) -> Result<Vec<ProofJob>, TxError>;
    /// Decodes, then [`Module::execute`].
    ///
    /// # Errors
    /// `sdk/2` for bytes that are not the message; the message's failure.
    fn execute(&self, ctx: &mut Ctx<'_>, type_url: &str, value: &[u8]) -> Result<Response, Abort>;
    /// [`Module::init_genesis`].
    ///
    /// # Errors
    /// A genesis that is refused.
    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal>;
    /// [`Module::export_genesis`].
    ///
    /// # Errors
    /// State that cannot be read.
    fn export_genesis(&self, ctx: &ReadCtx) -> Result<Value, Fatal>;
    /// [`Module::pre_block`].
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn pre_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal>;
    /// [`Module::begin_block`].
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn begin_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal>;
    /// [`Module::post_execution`].
    ///
    /// # Errors
    /// A failure of the transaction.
    fn post_execution(&self, ctx: &mut Ctx<'_>, succeeded: bool) -> Result<(), Abort>;
    /// [`Module::end_block`].
    ///
    /// # Errors
    /// Only what the node cannot survive.
    fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal>;
    /// [`Module::invariants`].
    ///
    /// # Errors
    /// A broken invariant.
    fn invariants(&self, ctx: &ReadCtx) -> Result<(), Fatal>;
    /// [`Module::migrate`].
    ///
    /// # Errors
    /// State that cannot be migrated.
    fn migrate(&self, ctx: &mut Ctx<'_>, from: u32) -> Result<(), Fatal>;
}

fn decode<M: Module>(type_url: &str, value: &[u8]) -> Result<M::Msg, TxError> {
    M::Msg::decode(type_url, value).map_err(|e| match e {
        MsgDecodeError::Unknown(_) => TxError::wrap(sdk::UNKNOWN_REQUEST, e),
        MsgDecodeError::Malformed(_) => TxError::wrap(sdk::TX_DECODE, e),
    })
}

impl<M: Module> DynModule for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn version(&self) -> u32 {
        M::VERSION
    }

    fn stores(&self) -> Vec<Store> {
        Module::stores(self)
    }

    fn derivations(&self) -> Vec<Derivation> {
        Module::derivations(self)
    }

    fn schema(&self) -> Result<Schema, SchemaError> {
        Module::schema(self)
    }

    fn type_urls(&self) -> &'static [&'static str] {
        M::Msg::TYPE_URLS
    }

    fn check(&self, chain: &ChainInfo, type_url: &str, value: &[u8]) -> Result<Vec<ProofJob>, TxError> {
        let msg = decode::<M>(type_url, value)?;
        Module::check(self, chain, &msg)?;
        Ok(Module::proofs(self, &msg))
    }

    fn execute(&self, ctx: &mut Ctx<'_>, type_url: &str, value: &[u8]) -> Result<Response, Abort> {
        Module::execute(self, ctx, decode::<M>(type_url, value)?)
    }

    fn init_genesis(&self, ctx: &mut Ctx<'_>, json: Value) -> Result<ValidatorUpdates, Fatal> {
        Module::init_genesis(self, ctx, json)
    }

    fn export_genesis(&self, ctx: &ReadCtx) -> Result<Value, Fatal> {
        Module::export_genesis(self, ctx)
    }

    fn pre_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        Module::pre_block(self, ctx)
    }

    fn begin_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        Module::begin_block(self, ctx)
    }

    fn post_execution(&self, ctx: &mut Ctx<'_>, succeeded: bool) -> Result<(), Abort> {
        Module::post_execution(self, ctx, succeeded)
    }

    fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        Module::end_block(self, ctx)
    }

    fn invariants(&self, ctx: &ReadCtx) -> Result<(), Fatal> {
        Module::invariants(self, ctx)
    }

    fn migrate(&self, ctx: &mut Ctx<'_>, from: u32) -> Result<(), Fatal> {
        Module::migrate(self, ctx, from)
    }
}

/// The modules of a chain in block order, checked against each other once at start-up.
pub struct Modules {
    modules: Vec<Arc<dyn DynModule>>,
    by_type_url: BTreeMap<&'static str, usize>,
    stores: Vec<Store>,
    schemas: Vec<Schema>,
    queries: QueryRouter,
}

/// Collects modules; see [`ModulesBuilder::build`].
#[derive(Default)]
pub struct ModulesBuilder {
    modules: Vec<Arc<dyn DynModule>>,
    queries: QueryRouter,
    extra_stores: Vec<Store>,
}

impl ModulesBuilder {
    /// No modules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a module after those that are there.
    #[must_use]
    pub fn with<M: Module>(mut self, module: Arc<M>) -> Self {
        module.queries(&mut self.queries);
        self.modules.push(module);
        self
    }

    /// Adds a store that no module owns yet, so that it exists from genesis.
    #[must_use]
    pub fn with_store(mut self, store: Store) -> Self {
        self.extra_stores.push(store);
        self
    }

    /// Checks that nobody owns what another owns.
    ///
    /// # Errors
    /// Names the module, type URL, query or store that appears twice, and the collections whose
    /// prefixes collide.
    pub fn build(self) -> Result<Modules, Fatal> {
        let mut names = BTreeSet::new();
        let mut by_type_url = BTreeMap::new();
        let mut stores = vec![UPGRADE_STORE];
        stores.extend(self.extra_stores);
        let mut schemas = Vec::new();
        for (index, module) in self.modules.iter().enumerate() {
            if !names.insert(module.name()) {
                return Err(Fatal::new(format!("two modules are called {}", module.name())));
            }
            for url in module.type_urls() {
                if by_type_url.insert(*url, index).is_some() {
                    return Err(Fatal::new(format!("two modules handle {url}")));
                }
            }
            stores.extend(module.stores());
            let schema = module
                .schema()
                .map_err(|e| Fatal::new(e.to_string()).while_doing(format_args!("schema of {}", module.name())))?;
            schemas.push(schema);
        }
        let mut store_names = BTreeSet::new();
        for store in &stores {
            if !store_names.insert(store.name()) {
                return Err(Fatal::new(format!("two modules own the store {}", store.name())));
            }
        }
        self.queries.verify()?;
        stores.sort_by_key(|store| store.name());
        Ok(Modules { modules: self.modules, by_type_url, stores, schemas, queries: self.queries })
    }
}

impl Modules {
    /// Every store, by name.
    pub fn stores(&self) -> &[Store] {
        &self.stores
    }

    /// How every derived store is rebuilt when a node starts.
    pub fn derivations(&self) -> Vec<Derivation> {
        self.iter().flat_map(DynModule::derivations).collect()
    }

    /// The collection that a stored key belongs to, and the key without the collection's prefix.
    pub fn collection_of<'a>(&self, store: Store, key: &'a [u8]) -> Option<(&CollectionSchema, &'a [u8])> {
        self.schemas.iter().find_map(|schema| schema.find(store, key))
    }

    /// Every query.
    pub fn queries(&self) -> &QueryRouter {
        &self.queries
    }

    /// The modules in block order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn DynModule> {
        self.modules.iter().map(AsRef::as_ref)
    }

    /// Whether a module handles messages of `type_url`.
    pub fn handles(&self, type_url: &str) -> bool {
        self.by_type_url.contains_key(type_url)
    }

    fn module_of(&self, type_url: &str) -> Option<&dyn DynModule> {
        self.by_type_url.get(type_url).and_then(|index| self.modules.get(*index)).map(AsRef::as_ref)
    }

    fn require_module(&self, type_url: &str) -> Result<&dyn DynModule, TxError> {
        self.module_of(type_url)
            .ok_or_else(|| TxError::wrap(sdk::UNKNOWN_REQUEST, format_args!("no message handler found for {type_url}")))
    }

    /// Stateless validation of a message; gives the proofs in it, which are verified together with those of others.
    ///
    /// # Errors
    /// `sdk/6` when no module handles it, `sdk/2` when it does not decode, and its own.
    pub fn check(&self, chain: &ChainInfo, type_url: &str, value: &[u8]) -> Result<Vec<ProofJob>, TxError> {
        self.require_module(type_url)?.check(chain, type_url, value)
    }

    /// Executes a message in `ctx`; use [`Ctx::run`] or [`Ctx::dispatch`], which observe it.
    pub(crate) fn execute(&self, ctx: &mut Ctx<'_>, type_url: &str, value: &[u8]) -> Result<Response, Abort> {
        self.require_module(type_url)?.execute(ctx, type_url, value)
    }

    /// Writes the genesis state of every module in order and records their versions.
    ///
    /// # Errors
    /// A field of `app_state` that no module owns, a module's refusal, and two modules that both
    /// give validators.
    pub fn init_genesis(&self, ctx: &mut Ctx<'_>, mut app_state: AppState) -> Result<ValidatorUpdates, Fatal> {
        let known: BTreeSet<&str> = self.iter().map(DynModule::name).collect();
        if let Some(unknown) = app_state.keys().find(|name| !known.contains(name.as_str())) {
            let known: Vec<&str> = known.into_iter().collect();
            return Err(Fatal::new(format!(
                "app_state.{unknown} belongs to no module of this chain; it has {}",
                known.join(", ")
            )));
        }
        let mut updates = ValidatorUpdates::new();
        for module in self.iter() {
            let json = app_state.remove(module.name()).unwrap_or(Value::Null);
            let given = module
                .init_genesis(ctx, json)
                .map_err(|e| e.while_doing(format_args!("app_state.{}", module.name())))?;
            merge_updates(&mut updates, given, module.name())?;
            set_version(ctx, module)?;
        }
        Ok(updates)
    }

    /// `app_state` of the state in `ctx`.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn export_genesis(&self, ctx: &ReadCtx) -> Result<AppState, Fatal> {
        self.iter().map(|module| Ok((module.name().to_owned(), module.export_genesis(ctx)?))).collect()
    }

    /// Runs every module's [`Module::pre_block`].
    ///
    /// # Errors
    /// Only what the node cannot survive.
    pub fn pre_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        self.iter().try_for_each(|m| m.pre_block(ctx).map_err(|e| e.while_doing(m.name())))
    }

    /// Runs every module's [`Module::begin_block`].
    ///
    /// # Errors
    /// Only what the node cannot survive.
    pub fn begin_block(&self, ctx: &mut Ctx<'_>) -> Result<(), Fatal> {
        self.iter().try_for_each(|m| m.begin_block(ctx).map_err(|e| e.while_doing(m.name())))
    }

    /// Runs every module's [`Module::post_execution`].
    ///
    /// # Errors
    /// A failure of the transaction.
    pub fn post_execution(&self, ctx: &mut Ctx<'_>, succeeded: bool) -> Result<(), Abort> {
        self.iter().try_for_each(|m| m.post_execution(ctx, succeeded))
    }

    /// Runs every module's [`Module::end_block`].
    ///
    /// # Errors
    /// Only what the node cannot survive; two modules that both change validators.
    pub fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        let mut updates = ValidatorUpdates::new();
        for module in self.iter() {
            let given = module.end_block(ctx).map_err(|e| e.while_doing(module.name()))?;
            merge_updates(&mut updates, given, module.name())?;
        }
        Ok(updates)
    }

    /// Checks every module's invariants.
    ///
    /// # Errors
    /// The first broken one.
    pub fn invariants(&self, ctx: &ReadCtx) -> Result<(), Fatal> {
        self.iter().try_for_each(|m| m.invariants(ctx).map_err(|e| e.while_doing(m.name())))
    }

    /// Brings every module's state to the version of this binary, step by step, in order; a
    /// module without state gets the genesis of `null`. Called at an upgrade height.
    ///
    /// # Errors
    /// A migration that fails, or state newer than this binary.
    pub fn migrate(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        let mut updates = ValidatorUpdates::new();
        for module in self.iter() {
            let wanted = module.version();
            match ModuleVersions::get(ctx, module.name()).map_err(state_failure)? {
                None => {
                    let given = module.init_genesis(ctx, Value::Null)?;
                    merge_updates(&mut updates, given, module.name())?;
                }
                Some(found) => {
                    let known = u32::try_from(found).unwrap_or(u32::MAX);
                    if known > wanted {
                        return Err(Fatal::new(format!(
                            "state of module {} has version {found}, this binary knows {wanted}: use a newer binary",
                            module.name()
                        )));
                    }
                    (known..wanted).try_for_each(|from| module.migrate(ctx, from))?;
                }
            }
            set_version(ctx, module)?;
        }
        Ok(updates)
    }
}

fn set_version(ctx: &mut Ctx<'_>, module: &dyn DynModule) -> Result<(), Fatal> {
    ModuleVersions::set(ctx, module.name(), u64::from(module.version())).map_err(state_failure)
}

fn state_failure(e: StateError) -> Fatal {
    Abort::from(e).unexpected("module versions")
}

/// # Consensus
/// CometBFT refuses a block with two updates of one key, so only one module may give any.
fn merge_updates(all: &mut Vec<ValidatorUpdate>, given: Vec<ValidatorUpdate>, name: &str) -> Result<(), Fatal> {
    if !all.is_empty() && !given.is_empty() {
        return Err(Fatal::new(format!(
            "module {name} changes validators that another module changed in the same block"
        )));
    }
    all.extend(given);
    Ok(())
}
