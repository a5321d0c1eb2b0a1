use std::collections::BTreeSet;
use std::sync::Arc;

use plume_auth::{Auth, AuthConfig, FEE_COLLECTOR};
use plume_bank::{Bank, BankConfig};
use plume_consensus_params::ConsensusParamsModule;
use plume_crypto::VerifyCache;
use plume_engine::Fatal;
use plume_interfaces::{Accounts, Bank as BankApi};
use plume_kit::{Module, ModulesBuilder, ProofBatch, ProofSystem};
use plume_params::Params;
use plume_primitives::{Height, module_address};
use plume_state::Store;

use crate::ChainConfig;
use crate::machine::Machine;
use crate::records::RECORDS;
use crate::tx::DecodedTxs;

/// Holds clients, connections and channels once the IBC modules exist; its root is in the app hash from genesis, so
/// that adding them needs no change of the set of stores.
const IBC: Store = Store::committed("ibc");

/// The module whose address is the authority of every parameter change; it has no account before it exists.
const GOV: &str = "gov";

/// A chain's modules in block order, and the handles through which the chain itself uses some of them.
pub struct Catalogue {
    modules: ModulesBuilder,
    accounts: Arc<dyn Accounts>,
    bank: Arc<dyn BankApi>,
    proofs: ProofBatch,
    upgrades: BTreeSet<Height>,
}

/// The modules of Plume, in block order.
///
/// **To add one**, construct it with the handles that it needs and give it its line in the list.
pub fn plume_modules() -> Catalogue {
    plume_modules_with(plume_bank())
}

/// The rules of Plume's bank: nobody sends to the fee collector.
pub fn plume_bank() -> BankConfig {
    BankConfig { blocked_modules: vec![FEE_COLLECTOR.to_owned()], ..BankConfig::default() }
}

/// The modules of Plume with a bank of other rules (transfer hooks, locked amounts).
pub fn plume_modules_with(mut bank: BankConfig) -> Catalogue {
    let auth = Arc::new(Auth::new(AuthConfig::default()));
    // Accounts can lock what they hold (vesting), before any policy does.
    bank.locked.insert(0, auth.clone());
    let bank = Arc::new(Bank::new(auth.clone(), bank));
    let consensus = Arc::new(ConsensusParamsModule::new(module_address(GOV)));

    let modules = ModulesBuilder::new()
        .with(Arc::new(Params))
        .with(auth.clone())
        .with(bank.clone())
        .with(consensus)
        .with_store(IBC)
        .with_store(RECORDS);

    Catalogue { modules, accounts: auth, bank, proofs: ProofBatch::new(), upgrades: BTreeSet::new() }
}

/// The stores of [`plume_modules`]: what a backend must know before it opens a database.
///
/// # Errors
/// Modules that collide.
pub fn stores() -> Result<Vec<Store>, Fatal> {
    Ok(plume_modules().modules.build()?.stores().to_vec())
}

impl Catalogue {
    /// Adds a module after those of the list.
    #[must_use]
    pub fn with<M: Module>(mut self, module: M) -> Self {
        self.modules = self.modules.with(Arc::new(module));
        self
    }

    /// Makes `height` the first height of this binary's state: before everything else of that block, every module's
    /// state is brought to the module's version, a module without state gets its genesis, and the stores that the
    /// database lacks come into being.
    ///
    /// # Consensus
    /// Part of the binary, never of a node's configuration: all nodes must upgrade in the same block.
    #[must_use]
    pub fn with_upgrade(mut self, height: Height) -> Self {
        self.upgrades.insert(height);
        self
    }

    /// Adds a proof system for the stateless proofs in messages.
    #[must_use]
    pub fn with_proofs(mut self, system: impl ProofSystem) -> Self {
        self.proofs.add(system);
        self
    }

    /// # Errors
    /// Two modules that own one name, type URL, query or store.
    pub(crate) fn build(self, config: ChainConfig) -> Result<Machine, Fatal> {
        Ok(Machine {
            modules: self.modules.build()?,
            accounts: self.accounts,
            bank: self.bank,
            proofs: self.proofs,
            upgrades: self.upgrades,
            verified: VerifyCache::new(config.remembered_signatures),
            decoded: DecodedTxs::new(config.remembered_tx_bytes),
            config,
        })
    }
}
